/*
 * Unpredictable numbers from the kernel, fetched many at a time. Floor 4. Rule F-1.
 */
#ifndef TSIGATE_NET_RANDOM_H
#define TSIGATE_NET_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct random_pool {
    uint16_t numbers[256];
    size_t left; /* at the start of numbers; the rest is used and zeroed */
};

uint16_t random_pool_u16(struct random_pool *pool) NONNULL;

#endif

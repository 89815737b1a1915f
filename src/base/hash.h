/*
 * One hash for all tables. Floor 1a. Only operators' files and authenticated requests
 * put something into a table, so the hash needs no secret.
 */
#ifndef TSIGATE_BASE_HASH_H
#define TSIGATE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

uint32_t hash_octets(const void *octets, size_t len) NONNULL;

#endif

/*
 * Token buckets: UPDATEs of a host, error replies to a prefix. Floor 3.
 */
#ifndef TSIGATE_TXN_RATE_H
#define TSIGATE_TXN_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/result.h"

struct bucket {
    int64_t tokens_milli; /* thousandths of a token */
    int64_t filled_us;    /* monotonic; 0: never used, full */
};

/* Takes a token. rate a second (0: no limit), burst at most. */
bool bucket_take(struct bucket *bucket, uint32_t rate, uint32_t burst,
                 int64_t now_us) MUST_CHECK NONNULL;

/* Buckets of prefixes in a fixed array: /24 of IPv4, /56 of IPv6. Two prefixes on one
 * slot displace each other, so memory is bounded and a flood costs nothing. */
struct prefix_buckets;

struct prefix_buckets *prefix_buckets_new(uint64_t seed) MUST_CHECK;
void prefix_buckets_free(struct prefix_buckets **buckets) NONNULL;
bool prefix_buckets_take(struct prefix_buckets *buckets, const struct addr *addr,
                         uint32_t rate, int64_t now_us) MUST_CHECK NONNULL;

#endif

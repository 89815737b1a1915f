#include "txn/rate.h"

#include <stdlib.h>

#define MILLI          1000
#define PREFIX_SLOTS   4096 /* a power of two; 32 octets each */
#define PREFIX_BITS_V4 24
#define PREFIX_BITS_V6 56
#define KEY_OCTETS     7 /* 56 bits: the family takes the eighth octet */

struct prefix_slot {
    uint64_t key; /* 0: never used */
    struct bucket bucket;
};

struct prefix_buckets {
    uint64_t seed;
    struct prefix_slot slots[PREFIX_SLOTS];
};

/* Adds what came in since the last call; the time that did not make a whole thousandth
 * of a token stays to the bucket's credit, so frequent calls do not starve it. */
static void refill(struct bucket *bucket, uint32_t rate, int64_t full_milli,
                   int64_t now_us)
{
    int64_t elapsed_us = now_us - bucket->filled_us;
    /* From here on the bucket is full whatever it held: no product overflows below. */
    int64_t full_us = full_milli * MILLI / rate + 1;

    if (bucket->filled_us == 0 || elapsed_us >= full_us) {
        bucket->tokens_milli = full_milli;
        bucket->filled_us = now_us > 0 ? now_us : 1;
    } else if (elapsed_us > 0) {
        int64_t gained_milli = elapsed_us * rate / MILLI;
        bucket->tokens_milli += gained_milli;
        bucket->filled_us += (gained_milli * MILLI + rate - 1) / rate;
    }
    if (bucket->tokens_milli > full_milli)
        bucket->tokens_milli = full_milli;
}

bool bucket_take(struct bucket *bucket, uint32_t rate, uint32_t burst, int64_t now_us)
{
    if (rate == 0)
        return true;
    refill(bucket, rate, (int64_t)burst * MILLI, now_us);
    if (bucket->tokens_milli < MILLI)
        return false;
    bucket->tokens_milli -= MILLI;
    return true;
}

struct prefix_buckets *prefix_buckets_new(uint64_t seed)
{
    struct prefix_buckets *buckets = calloc(1, sizeof(*buckets));

    if (buckets != NULL)
        buckets->seed = seed;
    return buckets;
}

void prefix_buckets_free(struct prefix_buckets **buckets)
{
    free(*buckets);
    *buckets = NULL;
}

/* The prefix as a number, never 0 for an address. */
static uint64_t key_of(const struct addr *addr)
{
    struct addr prefix =
        addr_masked(addr, addr->family == 4 ? PREFIX_BITS_V4 : PREFIX_BITS_V6);
    uint64_t key = prefix.family;

    for (int i = 0; i < KEY_OCTETS; i++)
        key = key << 8 | prefix.octets[i];
    return key;
}

/* A mix in which every bit of key reaches every bit of the result. The seed is random,
 * so a sender cannot choose prefixes that displace each other. */
static uint64_t mix(uint64_t key)
{
    key = (key ^ key >> 31) * 0x9e6c63d0876a9a47u;
    key = (key ^ key >> 29) * 0xd1b54a32d192ed03u;
    return key ^ key >> 32;
}

bool prefix_buckets_take(struct prefix_buckets *buckets, const struct addr *addr,
                         uint32_t rate, int64_t now_us)
{
    uint64_t key = key_of(addr);
    struct prefix_slot *slot =
        &buckets->slots[mix(key ^ buckets->seed) & (PREFIX_SLOTS - 1)];

    if (slot->key != key)
        *slot = (struct prefix_slot){.key = key};
    return bucket_take(&slot->bucket, rate, rate, now_us);
}

#include "base/hash.h"

#include <string.h>

/* Eight octets a step; the multiplier is 2^64 divided by the golden ratio. */
uint32_t hash_octets(const void *octets, size_t len)
{
    const uint64_t multiplier = UINT64_C(0x9e3779b97f4a7c15);
    const uint8_t *at = octets;
    uint64_t hash = len * multiplier;

    while (len > 0) {
        uint64_t word = 0;
        size_t n = len < sizeof(word) ? len : sizeof(word);
        memcpy(&word, at, n);
        hash = (hash ^ word) * multiplier;
        hash ^= hash >> 32;
        at += n;
        len -= n;
    }
    return (uint32_t)hash;
}

#include "base/hash.h"

#include <string.h>

/* The multiplier is 2^64 divided by the golden ratio. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* Eight octets a step, the last ones once more if need be. */
uint32_t hash_octets(const void *octets, size_t len)
{
    const uint8_t *at = octets;
    uint64_t hash = len;
    uint64_t word = 0;

    if (len < sizeof(word)) {
        memcpy(&word, at, len);
        return (uint32_t)mix(hash, word);
    }
    for (size_t left = len; left > sizeof(word); left -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = mix(hash, word);
        at += sizeof(word);
    }
    memcpy(&word, (const uint8_t *)octets + len - sizeof(word), sizeof(word));
    return (uint32_t)mix(hash, word);
}

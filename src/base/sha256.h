/*
 * SHA-256, for who needs it often: OpenSSL looks up an algorithm each time that it is
 * named, and makes a context, which takes longer than hashing a short line. Floor 1a.
 */
#ifndef TSIGATE_BASE_SHA256_H
#define TSIGATE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

#define SHA256_OCTETS 32

struct sha256;

/* NULL: no memory, or OpenSSL has no SHA-256. */
struct sha256 *sha256_new(void) MUST_CHECK;
void sha256_free(struct sha256 **sha256) NONNULL;
/* sha256 NULL: with a context for this once. RES_ECRYPTO. */
enum result sha256_hash(struct sha256 *sha256, const void *octets, size_t len,
                        uint8_t out[SHA256_OCTETS]) MUST_CHECK NONNULL_AT(2, 4);

#endif

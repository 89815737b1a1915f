/*
 * Key material (O-4). Floor 1a. The octets lie in memory that is locked where the
 * system allows it, left out of core dumps, and zeroed before it is given back.
 * They are never copied to plain memory, logged or compared with memcmp.
 */
#ifndef TSIGATE_BASE_SECRET_H
#define TSIGATE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct secret {
    uint8_t *octets;
    size_t len;
};

/* Decodes base64 (RFC 4648 4; blanks and newlines between characters are skipped).
 * RES_EFORMAT: not base64. RES_ERANGE: over LIMIT_SECRET_OCTETS. RES_EMEM. */
enum result secret_from_base64(const char *chars, size_t len,
                               struct secret *out) MUST_CHECK NONNULL;
enum result secret_from_octets(const uint8_t *octets, size_t len,
                               struct secret *out) MUST_CHECK NONNULL;
/* Its base64 (RFC 4648 4) as characters without a NUL, which are as secret as it is.
 * RES_ERANGE: they would be over LIMIT_SECRET_OCTETS. RES_EMEM. */
enum result secret_to_base64(const struct secret *secret,
                             struct secret *out) MUST_CHECK NONNULL;
void secret_free(struct secret *secret) NONNULL;
/* T-7: compares exactly len octets, in a time that depends on len alone. */
bool octets_equal_ct(const uint8_t *a, const uint8_t *b, size_t len) MUST_CHECK NONNULL;

#endif

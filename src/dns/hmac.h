/*
 * The MACs of RFC 8945 6 over OpenSSL's EVP_MAC. Floor 1b.
 * A keyed context that is re-initialised without its key is the cheapest that OpenSSL
 * has, but takes a kilobyte: a million keys cannot have one each. The keys of a ring
 * share a bounded number of contexts; one that finds another's key in its context puts
 * in its own, which takes twice as long.
 */
#ifndef TSIGATE_DNS_HMAC_H
#define TSIGATE_DNS_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "base/secret.h"
#include "dns/name.h"

/* hmac-md5 and GSS-TSIG do not exist here (T-5, D5). */
enum hmac_algorithm {
    HMAC_SHA256 = 0,
    HMAC_SHA384,
    HMAC_SHA512,
    HMAC_SHA224, /* these two only with weak_algorithms */
    HMAC_SHA1,
    HMAC_ALGORITHMS,
};

const char *hmac_algorithm_text(enum hmac_algorithm algorithm); /* "hmac-sha256" */
struct name hmac_algorithm_name(enum hmac_algorithm algorithm); /* its wire form */
size_t hmac_algorithm_len(enum hmac_algorithm algorithm);       /* digest, octets */
bool hmac_algorithm_is_weak(enum hmac_algorithm algorithm);
/* Any case, no final dot. RES_ENOTFOUND: unknown, MD5, GSS, or a truncated variant. */
enum result hmac_algorithm_from_text(const char *text,
                                     enum hmac_algorithm *out) MUST_CHECK NONNULL;

struct hmac; /* one key's context */

/* RES_ERANGE: an empty secret (OpenSSL would take it). RES_ECRYPTO, RES_EMEM. */
enum result hmac_new(enum hmac_algorithm algorithm, const struct secret *secret,
                     struct hmac **out) MUST_CHECK NONNULL;
/* Not of those who share. */
void hmac_free(struct hmac **hmac) NONNULL;
/* The same algorithm with another secret. RES_ERANGE, RES_ECRYPTO: of no use any more
 * but to be freed. Not for those who share. */
enum result hmac_set_secret(struct hmac *hmac,
                            const struct secret *secret) MUST_CHECK NONNULL;

/* Contexts, made when they are wanted, that many keys share. One MAC at a time. */
struct hmac_contexts;

/* NULL: no memory. */
struct hmac_contexts *hmac_contexts_new(void) MUST_CHECK;
/* With all who share them. */
void hmac_contexts_free(struct hmac_contexts **contexts) NONNULL;
/* As hmac_new, with a copy of the secret and none of the contexts for itself. It is
 * theirs and goes with them. */
enum result hmac_new_sharing(struct hmac_contexts *contexts,
                             enum hmac_algorithm algorithm, const struct secret *secret,
                             struct hmac **out) MUST_CHECK NONNULL;

enum hmac_algorithm hmac_algorithm_of(const struct hmac *hmac) NONNULL;

/* start, add ..., finish: one MAC. After a failure only start is of use. mac receives
 * hmac_algorithm_len octets. RES_ECRYPTO. */
enum result hmac_start(struct hmac *hmac) MUST_CHECK NONNULL;
enum result hmac_add(struct hmac *hmac, const uint8_t *octets, size_t len) MUST_CHECK
    NONNULL_AT(1);
enum result hmac_finish(struct hmac *hmac,
                        uint8_t mac[LIMIT_MAC_OCTETS]) MUST_CHECK NONNULL;

#endif

/*
 * A certificate and its key in the formats that services read. Floor 5; pure but for
 * OpenSSL.
 */
#ifndef TSIGATE_TLSA_RENDERING_H
#define TSIGATE_TLSA_RENDERING_H

#include <openssl/bio.h>
#include <stdbool.h>

#include "base/result.h"
#include "tlsa/deployment.h"
#include "tlsa/material.h"

struct rendering_wish {
    enum deployment_format format;
    const char *name;     /* of the certificate, for who opens a PKCS#12 */
    const char *password; /* of PKCS#12, else NULL; the caller's, and stays there */
};

/*
 * *out: octets in memory that BIO_free zeroes. The same material gives the same octets,
 * but for PKCS#12, which has salts in it. RES_ENOTFOUND: a chain where the certificate
 * has no issuers beside it; RES_ECRYPTO; RES_EMEM. *out NULL unless RES_OK.
 */
enum result rendering_make(const struct material *material,
                           const struct rendering_wish *wish,
                           BIO **out) MUST_CHECK NONNULL;
/* Whether octets found somewhere are a rendering of the same: PKCS#12 is opened and its
 * content compared, others are compared with made. */
bool rendering_equals(const struct material *material,
                      const struct rendering_wish *wish, BIO *made, const char *chars,
                      size_t len) MUST_CHECK NONNULL;

#endif

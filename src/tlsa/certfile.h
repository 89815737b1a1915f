/*
 * A file of OpenSSL's: certificates, a key or a request, in PEM or DER. Floor 5; the
 * only file that decodes them. Nobody is ever asked for a passphrase.
 */
#ifndef TSIGATE_TLSA_CERTFILE_H
#define TSIGATE_TLSA_CERTFILE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/result.h"

/* The service's certificate, its issuer, and so on; more is no chain that TLS sends. */
#define CERTFILE_CERTIFICATES 10
/* A certificate has a few kB. */
#define CERTFILE_OCTETS (1024 * 1024)

enum certfile_kind {
    CERTFILE_CERTIFICATE = 1,
    CERTFILE_KEY, /* private or public */
    CERTFILE_REQUEST,
};

struct certfile {
    const char *path; /* the caller's */
    enum certfile_kind kind;
    X509 *certificates[CERTFILE_CERTIFICATES]; /* each but the last is issued by the
                                                  next */
    size_t count;                              /* 0: a key or a request */
    EVP_PKEY *key;     /* beside certificates: that of the first */
    X509_REQ *request; /* NULL: none */
};

/*
 * Reads path whole. All that is wrong is an error in diags, with what was expected: an
 * empty file, another format, an encrypted key, a certificate that the next one did not
 * issue, a key that is not the certificate's. RES_EFORMAT, RES_EIO, RES_EMEM;
 * certfile_close after either.
 */
enum result certfile_open(struct certfile *file, const char *path,
                          struct diags *diags) MUST_CHECK NONNULL;
/* The same for octets in hand. */
enum result certfile_parse(struct certfile *file, const char *path, const char *chars,
                           size_t len, struct diags *diags) MUST_CHECK NONNULL;
/* An error about the file at path. RES_EFORMAT. */
enum result certfile_refuse(struct diags *diags, const char *path, const char *format,
                            ...) PRINTF(3, 4) NONNULL;
void certfile_close(struct certfile *file) NONNULL;
/* "certificate", "key", "request". */
const char *certfile_kind_name(enum certfile_kind kind);

#endif

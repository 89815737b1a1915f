#include "tlsa/rendering.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

/* ---- PEM and DER ---- */

static bool write_certificates(BIO *bio, const struct certfile *file, size_t first,
                               size_t end)
{
    bool is_written = true;
    for (size_t i = first; is_written && i < end; i++)
        is_written = PEM_write_bio_X509(bio, file->certificates[i]) == 1;
    return is_written;
}

/* PKCS#8, without a passphrase: what every service of today reads. */
static bool write_key(BIO *bio, EVP_PKEY *key)
{
    return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
}

/* ---- PKCS#12 ---- */

static bool write_pkcs12(BIO *bio, const struct material *material,
                         const struct rendering_wish *wish)
{
    const struct certfile *file = &material->certificate;
    STACK_OF(X509) *issuers = sk_X509_new_null(); /* borrows them */
    bool is_whole = issuers != NULL;
    for (size_t i = 1; is_whole && i < file->count; i++)
        is_whole = sk_X509_push(issuers, file->certificates[i]) > 0;
    PKCS12 *made = is_whole
                       ? PKCS12_create(wish->password, wish->name, material->key.key,
                                       file->certificates[0], issuers, 0, 0, 0, 0, 0)
                       : NULL;
    bool is_written = made != NULL && i2d_PKCS12_bio(bio, made) == 1;
    PKCS12_free(made);
    sk_X509_free(issuers);
    return is_written;
}

static bool holds(STACK_OF(X509) * stack, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(stack); i++) {
        if (X509_cmp(sk_X509_value(stack, i), certificate) == 0)
            return true;
    }
    return false;
}

/* The order of issuers is the opener's business. */
static bool pkcs12_equals(const struct material *material,
                          const struct rendering_wish *wish, const char *chars,
                          size_t len)
{
    const struct certfile *file = &material->certificate;
    const unsigned char *at = (const unsigned char *)chars;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *issuers = NULL;
    PKCS12 *found = d2i_PKCS12(NULL, &at, (long)len);
    bool is_equal =
        found != NULL && at == (const unsigned char *)chars + len &&
        PKCS12_parse(found, wish->password, &key, &certificate, &issuers) == 1 &&
        key != NULL && certificate != NULL &&
        EVP_PKEY_eq(key, material->key.key) == 1 &&
        X509_cmp(certificate, file->certificates[0]) == 0 &&
        (issuers == NULL ? 0 : (size_t)sk_X509_num(issuers)) == file->count - 1;
    for (size_t i = 1; is_equal && i < file->count; i++)
        is_equal = holds(issuers, file->certificates[i]);
    EVP_PKEY_free(key);
    X509_free(certificate);
    sk_X509_pop_free(issuers, X509_free);
    PKCS12_free(found);
    return is_equal;
}

/* ---- public ---- */

static bool write_format(BIO *bio, const struct material *material,
                         const struct rendering_wish *wish)
{
    const struct certfile *file = &material->certificate;
    EVP_PKEY *key = material->key.key;
    switch (wish->format) {
    case DEPLOYMENT_CERTIFICATE:
        return write_certificates(bio, file, 0, 1);
    case DEPLOYMENT_CHAIN:
        return write_certificates(bio, file, 1, file->count);
    case DEPLOYMENT_FULLCHAIN:
        return write_certificates(bio, file, 0, file->count);
    case DEPLOYMENT_KEY:
        return write_key(bio, key);
    case DEPLOYMENT_COMBINED:
        return write_key(bio, key) && write_certificates(bio, file, 0, file->count);
    case DEPLOYMENT_PKCS12:
        return write_pkcs12(bio, material, wish);
    case DEPLOYMENT_CERTIFICATE_DER:
        return i2d_X509_bio(bio, file->certificates[0]) == 1;
    case DEPLOYMENT_KEY_DER:
        return i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    }
    return false;
}

enum result rendering_make(const struct material *material,
                           const struct rendering_wish *wish, BIO **out)
{
    *out = NULL;
    if (wish->format == DEPLOYMENT_CHAIN && material->certificate.count < 2)
        return RES_ENOTFOUND;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return RES_EMEM;
    if (!write_format(bio, material, wish)) {
        BIO_free(bio);
        ERR_clear_error();
        return RES_ECRYPTO;
    }
    *out = bio;
    return RES_OK;
}

bool rendering_equals(const struct material *material,
                      const struct rendering_wish *wish, BIO *made, const char *chars,
                      size_t len)
{
    char *octets = NULL;
    if (wish->format == DEPLOYMENT_PKCS12) {
        bool is_equal = pkcs12_equals(material, wish, chars, len);
        ERR_clear_error();
        return is_equal;
    }
    long made_len = BIO_get_mem_data(made, &octets);
    return made_len >= 0 && (size_t)made_len == len && memcmp(octets, chars, len) == 0;
}

#include "dns/hmac.h"

#include <stdlib.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

struct algorithm {
    const char *text;
    const char *wire; /* with the length octet; the root label is the C string's NUL */
    uint8_t wire_len;
    uint8_t len;
    bool is_weak;
    const char *digest; /* OpenSSL's word */
};

/* RFC 8945 6. */
static const struct algorithm algorithms[HMAC_ALGORITHMS] = {
    [HMAC_SHA256] = {"hmac-sha256", "\013hmac-sha256", 13, 32, false, "SHA256"},
    [HMAC_SHA384] = {"hmac-sha384", "\013hmac-sha384", 13, 48, false, "SHA384"},
    [HMAC_SHA512] = {"hmac-sha512", "\013hmac-sha512", 13, 64, false, "SHA512"},
    [HMAC_SHA224] = {"hmac-sha224", "\013hmac-sha224", 13, 28, true, "SHA224"},
    [HMAC_SHA1] = {"hmac-sha1", "\011hmac-sha1", 11, 20, true, "SHA1"},
};

struct hmac {
    enum hmac_algorithm algorithm;
    EVP_MAC_CTX *keyed;
};

const char *hmac_algorithm_text(enum hmac_algorithm algorithm)
{
    return algorithms[algorithm].text;
}

struct name hmac_algorithm_name(enum hmac_algorithm algorithm)
{
    return (struct name){.octets = (const uint8_t *)algorithms[algorithm].wire,
                         .len = algorithms[algorithm].wire_len};
}

size_t hmac_algorithm_len(enum hmac_algorithm algorithm)
{
    return algorithms[algorithm].len;
}

bool hmac_algorithm_is_weak(enum hmac_algorithm algorithm)
{
    return algorithms[algorithm].is_weak;
}

enum result hmac_algorithm_from_text(const char *text, enum hmac_algorithm *out)
{
    for (unsigned i = 0; i < HMAC_ALGORITHMS; i++) {
        if (strcasecmp(algorithms[i].text, text) == 0) {
            *out = (enum hmac_algorithm)i;
            return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

static EVP_MAC_CTX *new_keyed(const char *digest, const struct secret *secret)
{
    /* OSSL_PARAM wants a char *, and only reads it. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL)
        return NULL;
    EVP_MAC_CTX *keyed = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); /* the context holds a reference */
    if (keyed != NULL &&
        EVP_MAC_init(keyed, secret->octets, secret->len, params) != 1) {
        EVP_MAC_CTX_free(keyed);
        return NULL;
    }
    return keyed;
}

enum result hmac_new(enum hmac_algorithm algorithm, const struct secret *secret,
                     struct hmac **out)
{
    if (secret->len == 0)
        return RES_ERANGE;
    struct hmac *hmac = malloc(sizeof(*hmac));
    if (hmac == NULL)
        return RES_EMEM;
    hmac->algorithm = algorithm;
    hmac->keyed = new_keyed(algorithms[algorithm].digest, secret);
    if (hmac->keyed == NULL) {
        free(hmac);
        return RES_ECRYPTO;
    }
    *out = hmac;
    return RES_OK;
}

void hmac_free(struct hmac **hmac)
{
    if (*hmac != NULL)
        EVP_MAC_CTX_free((*hmac)->keyed);
    free(*hmac);
    *hmac = NULL;
}

enum hmac_algorithm hmac_algorithm_of(const struct hmac *hmac)
{
    return hmac->algorithm;
}

enum result hmac_start(struct hmac *hmac)
{
    return EVP_MAC_init(hmac->keyed, NULL, 0, NULL) == 1 ? RES_OK : RES_ECRYPTO;
}

enum result hmac_add(struct hmac *hmac, const uint8_t *octets, size_t len)
{
    if (len == 0)
        return RES_OK;
    return EVP_MAC_update(hmac->keyed, octets, len) == 1 ? RES_OK : RES_ECRYPTO;
}

enum result hmac_finish(struct hmac *hmac, uint8_t mac[LIMIT_MAC_OCTETS])
{
    size_t len = 0;

    if (EVP_MAC_final(hmac->keyed, mac, &len, LIMIT_MAC_OCTETS) != 1 ||
        len != algorithms[hmac->algorithm].len)
        return RES_ECRYPTO;
    return RES_OK;
}

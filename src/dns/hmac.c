#include "dns/hmac.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/arena.h"

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

/* For each algorithm: with so many keys each still has a context of its own, a megabyte
 * in all. */
#define PLACES 1024

struct place {
    EVP_MAC_CTX *keyed;        /* NULL: nobody has wanted it yet */
    const struct hmac *holder; /* whose key is in it; NULL: nobody's that counts */
};

struct hmac_contexts {
    unsigned next;
    struct place *places[HMAC_ALGORITHMS]; /* PLACES of them; NULL: no key has it */
    struct arena arena;                    /* of those who share */
    struct hmac *newest;                   /* of them */
};

struct hmac {
    enum hmac_algorithm algorithm;
    EVP_MAC_CTX *keyed;  /* its own; NULL: it shares, and has all below */
    struct place *place; /* one for good, with some others */
    struct secret secret;
    struct hmac *older; /* of the same contexts */
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
    struct hmac *hmac = calloc(1, sizeof(*hmac));
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

enum result hmac_set_secret(struct hmac *hmac, const struct secret *secret)
{
    assert(hmac->keyed != NULL);
    if (secret->len == 0)
        return RES_ERANGE;
    return EVP_MAC_init(hmac->keyed, secret->octets, secret->len, NULL) == 1
               ? RES_OK
               : RES_ECRYPTO;
}

void hmac_free(struct hmac **hmac)
{
    struct hmac *old = *hmac;

    *hmac = NULL;
    if (old == NULL)
        return;
    assert(old->place == NULL);
    EVP_MAC_CTX_free(old->keyed);
    free(old);
}

/* ---- sharing ---- */

#define CHUNK_OCTETS 4096

struct hmac_contexts *hmac_contexts_new(void)
{
    struct hmac_contexts *contexts = calloc(1, sizeof(*contexts));

    if (contexts != NULL)
        arena_init(&contexts->arena, CHUNK_OCTETS, 0);
    return contexts;
}

static void free_places(struct place *places)
{
    for (size_t i = 0; places != NULL && i < PLACES; i++)
        EVP_MAC_CTX_free(places[i].keyed);
    free(places);
}

void hmac_contexts_free(struct hmac_contexts **contexts)
{
    struct hmac_contexts *old = *contexts;

    *contexts = NULL;
    if (old == NULL)
        return;
    for (struct hmac *hmac = old->newest; hmac != NULL; hmac = hmac->older)
        secret_free(&hmac->secret);
    for (size_t i = 0; i < HMAC_ALGORITHMS; i++)
        free_places(old->places[i]);
    arena_fini(&old->arena);
    free(old);
}

/* The next one in turn. NULL: no memory. */
static struct place *next_place(struct hmac_contexts *contexts,
                                enum hmac_algorithm algorithm)
{
    struct place **places = &contexts->places[algorithm];

    if (*places == NULL)
        *places = calloc(PLACES, sizeof(**places));
    return *places != NULL ? *places + contexts->next++ % PLACES : NULL;
}

/* In an arena: a million small pieces of malloc's would be freed under the lock of a
 * heap that the loop may want, and be sorted there by whoever next asks for a larger
 * one: 100 ms each. */
enum result hmac_new_sharing(struct hmac_contexts *contexts,
                             enum hmac_algorithm algorithm, const struct secret *secret,
                             struct hmac **out)
{
    if (secret->len == 0)
        return RES_ERANGE;
    struct hmac *hmac = arena_alloc(&contexts->arena, sizeof(*hmac));
    struct place *place = next_place(contexts, algorithm);
    if (hmac == NULL || place == NULL)
        return RES_EMEM;
    enum result res = secret_from_octets(secret->octets, secret->len, &hmac->secret);
    if (res != RES_OK)
        return res;
    hmac->algorithm = algorithm;
    hmac->place = place;
    hmac->older = contexts->newest;
    contexts->newest = hmac;
    *out = hmac;
    return RES_OK;
}

/* Puts the key into the shared context. A context starts with it. */
static enum result take_place(const struct hmac *hmac)
{
    struct place *place = hmac->place;

    place->holder = NULL;
    if (place->keyed == NULL)
        place->keyed = new_keyed(algorithms[hmac->algorithm].digest, &hmac->secret);
    else if (EVP_MAC_init(place->keyed, hmac->secret.octets, hmac->secret.len, NULL) !=
             1)
        return RES_ECRYPTO;
    if (place->keyed == NULL)
        return RES_ECRYPTO;
    place->holder = hmac;
    return RES_OK;
}

/* The context that hmac_start has got ready. */
static EVP_MAC_CTX *started(const struct hmac *hmac)
{
    if (hmac->place == NULL)
        return hmac->keyed;
    assert(hmac->place->holder == hmac);
    return hmac->place->keyed;
}

/* ---- one MAC ---- */

enum hmac_algorithm hmac_algorithm_of(const struct hmac *hmac)
{
    return hmac->algorithm;
}

enum result hmac_start(struct hmac *hmac)
{
    if (hmac->place != NULL && hmac->place->holder != hmac)
        return take_place(hmac);
    return EVP_MAC_init(started(hmac), NULL, 0, NULL) == 1 ? RES_OK : RES_ECRYPTO;
}

enum result hmac_add(struct hmac *hmac, const uint8_t *octets, size_t len)
{
    if (len == 0)
        return RES_OK;
    return EVP_MAC_update(started(hmac), octets, len) == 1 ? RES_OK : RES_ECRYPTO;
}

enum result hmac_finish(struct hmac *hmac, uint8_t mac[LIMIT_MAC_OCTETS])
{
    size_t len = 0;

    if (EVP_MAC_final(started(hmac), mac, &len, LIMIT_MAC_OCTETS) != 1 ||
        len != algorithms[hmac->algorithm].len)
        return RES_ECRYPTO;
    return RES_OK;
}

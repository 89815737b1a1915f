#include "dns/hmac.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/arena.h"

struct algorithm {
    const char *text;
    const char *wire; /* with the length octet; the root label is the C string's NUL */
    uint8_t wire_len;
    uint8_t len;
    uint8_t block_len; /* of the digest: RFC 2104's B */
    bool is_weak;
    const char *digest; /* OpenSSL's word */
};

/* RFC 8945 6. */
static const struct algorithm algorithms[HMAC_ALGORITHMS] = {
    [HMAC_SHA256] = {"hmac-sha256", "\013hmac-sha256", 13, 32, 64, false, "SHA256"},
    [HMAC_SHA384] = {"hmac-sha384", "\013hmac-sha384", 13, 48, 128, false, "SHA384"},
    [HMAC_SHA512] = {"hmac-sha512", "\013hmac-sha512", 13, 64, 128, false, "SHA512"},
    [HMAC_SHA224] = {"hmac-sha224", "\013hmac-sha224", 13, 28, 64, true, "SHA224"},
    [HMAC_SHA1] = {"hmac-sha1", "\011hmac-sha1", 11, 20, 64, true, "SHA1"},
};

#define BLOCK_OCTETS_MAX 128
#define INNER_PAD        0x36
#define OUTER_PAD        0x5c

/*
 * RFC 2104: the digest over the key in its outer pad and over the digest of the key in
 * its inner one and the message. What a padded key makes of a digest is the same for
 * all messages, so it is kept; EVP_MAC, which does that too, takes a fifth more.
 */
struct states {
    EVP_MD_CTX *inner, *outer; /* NULL: nobody has wanted them yet */
    EVP_MD_CTX *running;       /* of the MAC under way */
};

/* For each algorithm: with so many keys each still has states of its own, half a
 * megabyte in all. */
#define PLACES 1024

struct place {
    struct states states;
    const struct hmac *holder; /* whose key is in them; NULL: nobody's that counts */
};

struct hmac_contexts {
    unsigned next;
    struct place places[HMAC_ALGORITHMS][PLACES];
    struct arena arena;  /* of those who share */
    struct hmac *newest; /* of them */
};

struct hmac {
    enum hmac_algorithm algorithm;
    struct place *place; /* one for good, with some others; NULL: it does not share */
    union {
        struct states states; /* its own */
        struct {
            struct secret secret;
            struct hmac *older;
        } sharing;
    };
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

/* ---- states ---- */

static void free_states(struct states *states)
{
    EVP_MD_CTX_free(states->inner);
    EVP_MD_CTX_free(states->outer);
    EVP_MD_CTX_free(states->running);
    *states = (struct states){0};
}

static bool new_states(enum hmac_algorithm algorithm, struct states *out)
{
    EVP_MD *digest = EVP_MD_fetch(NULL, algorithms[algorithm].digest, NULL);

    *out = (struct states){EVP_MD_CTX_new(), EVP_MD_CTX_new(), EVP_MD_CTX_new()};
    bool is_good = digest != NULL && out->running != NULL && out->inner != NULL &&
                   EVP_DigestInit_ex2(out->inner, digest, NULL) == 1 &&
                   out->outer != NULL &&
                   EVP_DigestInit_ex2(out->outer, digest, NULL) == 1;
    EVP_MD_free(digest); /* the states hold references */
    if (!is_good)
        free_states(out);
    return is_good;
}

static bool pad(EVP_MD_CTX *state, uint8_t block[BLOCK_OCTETS_MAX], size_t len,
                uint8_t octet)
{
    for (size_t i = 0; i < len; i++)
        block[i] ^= octet;
    return EVP_DigestInit_ex2(state, NULL, NULL) == 1 &&
           EVP_DigestUpdate(state, block, len) == 1;
}

/* Puts a key in. */
static enum result key_states(struct states *states, enum hmac_algorithm algorithm,
                              const struct secret *secret)
{
    uint8_t block[BLOCK_OCTETS_MAX] = {0};
    size_t len = algorithms[algorithm].block_len;
    bool is_good = true;

    if (secret->len <= len)
        memcpy(block, secret->octets, secret->len);
    else
        is_good = EVP_Digest(secret->octets, secret->len, block, NULL,
                             EVP_MD_CTX_get0_md(states->inner), NULL) == 1;
    is_good = is_good && pad(states->inner, block, len, INNER_PAD) &&
              pad(states->outer, block, len, INNER_PAD ^ OUTER_PAD);
    OPENSSL_cleanse(block, sizeof(block));
    return is_good ? RES_OK : RES_ECRYPTO;
}

static enum result new_keyed(enum hmac_algorithm algorithm, const struct secret *secret,
                             struct states *out)
{
    if (!new_states(algorithm, out))
        return RES_ECRYPTO;
    enum result res = key_states(out, algorithm, secret);
    if (res != RES_OK)
        free_states(out);
    return res;
}

/* ---- one key's own ---- */

enum result hmac_new(enum hmac_algorithm algorithm, const struct secret *secret,
                     struct hmac **out)
{
    if (secret->len == 0)
        return RES_ERANGE;
    struct hmac *hmac = calloc(1, sizeof(*hmac));
    if (hmac == NULL)
        return RES_EMEM;
    hmac->algorithm = algorithm;
    enum result res = new_keyed(algorithm, secret, &hmac->states);
    if (res == RES_OK)
        *out = hmac;
    else
        free(hmac);
    return res;
}

enum result hmac_set_secret(struct hmac *hmac, const struct secret *secret)
{
    assert(hmac->place == NULL);
    return secret->len == 0 ? RES_ERANGE
                            : key_states(&hmac->states, hmac->algorithm, secret);
}

void hmac_free(struct hmac **hmac)
{
    struct hmac *old = *hmac;

    *hmac = NULL;
    if (old == NULL)
        return;
    assert(old->place == NULL);
    free_states(&old->states);
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

void hmac_contexts_free(struct hmac_contexts **contexts)
{
    struct hmac_contexts *old = *contexts;

    *contexts = NULL;
    if (old == NULL)
        return;
    for (struct hmac *hmac = old->newest; hmac != NULL; hmac = hmac->sharing.older)
        secret_free(&hmac->sharing.secret);
    for (size_t i = 0; i < HMAC_ALGORITHMS * PLACES; i++)
        free_states(&old->places[i / PLACES][i % PLACES].states);
    arena_fini(&old->arena);
    free(old);
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
    if (hmac == NULL)
        return RES_EMEM;
    enum result res =
        secret_from_octets(secret->octets, secret->len, &hmac->sharing.secret);
    if (res != RES_OK)
        return res;
    hmac->algorithm = algorithm;
    hmac->place = &contexts->places[algorithm][contexts->next++ % PLACES];
    hmac->sharing.older = contexts->newest;
    contexts->newest = hmac;
    *out = hmac;
    return RES_OK;
}

/* Puts the key into the shared states. */
static enum result take_place(const struct hmac *hmac)
{
    struct place *place = hmac->place;
    enum result res;

    place->holder = NULL;
    if (place->states.inner == NULL)
        res = new_keyed(hmac->algorithm, &hmac->sharing.secret, &place->states);
    else
        res = key_states(&place->states, hmac->algorithm, &hmac->sharing.secret);
    if (res == RES_OK)
        place->holder = hmac;
    return res;
}

/* Those that hmac_start has got ready. */
static const struct states *started(const struct hmac *hmac)
{
    if (hmac->place == NULL)
        return &hmac->states;
    assert(hmac->place->holder == hmac);
    return &hmac->place->states;
}

/* ---- one MAC ---- */

enum hmac_algorithm hmac_algorithm_of(const struct hmac *hmac)
{
    return hmac->algorithm;
}

enum result hmac_start(struct hmac *hmac)
{
    if (hmac->place != NULL && hmac->place->holder != hmac) {
        enum result res = take_place(hmac);
        if (res != RES_OK)
            return res;
    }
    const struct states *states = started(hmac);
    return EVP_MD_CTX_copy_ex(states->running, states->inner) == 1 ? RES_OK
                                                                   : RES_ECRYPTO;
}

enum result hmac_add(struct hmac *hmac, const uint8_t *octets, size_t len)
{
    return EVP_DigestUpdate(started(hmac)->running, octets, len) == 1 ? RES_OK
                                                                      : RES_ECRYPTO;
}

enum result hmac_finish(struct hmac *hmac, uint8_t mac[LIMIT_MAC_OCTETS])
{
    const struct states *states = started(hmac);
    size_t len = algorithms[hmac->algorithm].len;

    if (EVP_DigestFinal_ex(states->running, mac, NULL) != 1 ||
        EVP_MD_CTX_copy_ex(states->running, states->outer) != 1 ||
        EVP_DigestUpdate(states->running, mac, len) != 1 ||
        EVP_DigestFinal_ex(states->running, mac, NULL) != 1)
        return RES_ECRYPTO;
    return RES_OK;
}

#include "base/secret.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"

/*
 * The pool of key memory. It is the one mutable global of the project: a page for each
 * key would be 4 GB at a million keys, and key memory outlives the snapshot that asked
 * for it (signing contexts, a reload's old keys), so no snapshot can own it. A reload
 * builds its snapshot in a worker thread, hence the lock. Regions are never returned:
 * their slots are taken again.
 */
#define REGION_OCTETS (64 * 1024)
#define SLOT_CLASSES  5 /* 32, 64, ... 512 octets */

_Static_assert((32 << (SLOT_CLASSES - 1)) == LIMIT_SECRET_OCTETS,
               "the largest slot takes the longest secret");

union slot {
    union slot *next; /* while free */
    uint8_t octets[32];
};

static struct {
    pthread_mutex_t lock;
    union slot *free[SLOT_CLASSES];
    uint8_t *region; /* what is left of the newest region */
    size_t region_left;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned class_of(size_t len)
{
    unsigned class = 0;

    while (((size_t)32 << class) < len)
        class ++;
    return class;
}

static void add_region(void)
{
    void *region = mmap(NULL, REGION_OCTETS, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return;
    /* Best effort: RLIMIT_MEMLOCK may be low, and refusing to start would be worse. */
    (void)mlock(region, REGION_OCTETS);
    (void)madvise(region, REGION_OCTETS, MADV_DONTDUMP);
    pool.region = region;
    pool.region_left = REGION_OCTETS;
}

static void *take_slot(size_t len)
{
    unsigned class = class_of(len);
    size_t slot_len = (size_t)32 << class;
    union slot *slot = NULL;

    (void)pthread_mutex_lock(&pool.lock);
    if (pool.free[class] != NULL) {
        slot = pool.free[class];
        pool.free[class] = slot->next;
        slot->next = NULL;
    } else {
        /* What is left of a region that is too short is lost: under 512 octets. */
        if (pool.region_left < slot_len)
            add_region();
        if (pool.region_left >= slot_len) {
            slot = (union slot *)(void *)pool.region;
            pool.region += slot_len;
            pool.region_left -= slot_len;
        }
    }
    (void)pthread_mutex_unlock(&pool.lock);
    return slot;
}

static void give_slot(void *octets, size_t len)
{
    union slot *slot = octets;

    explicit_bzero(octets, len);
    (void)pthread_mutex_lock(&pool.lock);
    slot->next = pool.free[class_of(len)];
    pool.free[class_of(len)] = slot;
    (void)pthread_mutex_unlock(&pool.lock);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Counts the characters of the alphabet and the padding behind them. RES_EFORMAT: any
 * other, or padding that does not fit. */
static enum result measure(const char *chars, size_t len, size_t *out_octets)
{
    size_t digits = 0;
    size_t padding = 0;

    for (size_t i = 0; i < len; i++) {
        if (is_blank(chars[i]))
            continue;
        if (chars[i] == '=')
            padding++;
        else if (value_of(chars[i]) < 0 || padding > 0)
            return RES_EFORMAT;
        else
            digits++;
    }
    if (digits == 0 || padding > 2 || (digits + padding) % 4 != 0)
        return RES_EFORMAT;
    *out_octets = digits * 6 / 8;
    return RES_OK;
}

/* RES_EFORMAT: bits left over at the end are not zero (RFC 4648 3.5), so that a secret
 * has one spelling. */
static enum result decode(const char *chars, size_t len, uint8_t *octets)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len && chars[i] != '='; i++) {
        if (is_blank(chars[i]))
            continue;
        bits = (bits << 6 | (uint32_t)value_of(chars[i])) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *octets++ = (uint8_t)(bits >> have);
        }
    }
    bool is_clean = (bits & ((1u << have) - 1)) == 0;
    explicit_bzero(&bits, sizeof(bits));
    return is_clean ? RES_OK : RES_EFORMAT;
}

enum result secret_from_base64(const char *chars, size_t len, struct secret *out)
{
    struct secret secret = {0};
    enum result res = measure(chars, len, &secret.len);

    if (res != RES_OK)
        return res;
    if (secret.len > LIMIT_SECRET_OCTETS)
        return RES_ERANGE;
    secret.octets = take_slot(secret.len);
    if (secret.octets == NULL)
        return RES_EMEM;
    res = decode(chars, len, secret.octets);
    if (res != RES_OK)
        secret_free(&secret);
    else
        *out = secret;
    return res;
}

enum result secret_from_octets(const uint8_t *octets, size_t len, struct secret *out)
{
    if (len == 0 || len > LIMIT_SECRET_OCTETS)
        return RES_ERANGE;
    uint8_t *slot = take_slot(len);
    if (slot == NULL)
        return RES_EMEM;
    memcpy(slot, octets, len);
    *out = (struct secret){.octets = slot, .len = len};
    return RES_OK;
}

enum result secret_to_base64(const struct secret *secret, struct secret *out)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = (secret->len + 2) / 3 * 4;
    if (len == 0 || len > LIMIT_SECRET_OCTETS)
        return RES_ERANGE;
    *out = (struct secret){take_slot(len), len};
    if (out->octets == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < len; i++) {
        size_t bit = i * 6, at = bit / 8;
        unsigned next = at + 1 < secret->len ? secret->octets[at + 1] : 0;
        unsigned pair = at < secret->len ? secret->octets[at] * 256U + next : 0;
        bool is_padding = bit >= secret->len * 8;
        out->octets[i] =
            is_padding ? '=' : (uint8_t)digits[pair >> (10 - bit % 8) & 63];
    }
    return RES_OK;
}

void secret_free(struct secret *secret)
{
    if (secret->octets != NULL)
        give_slot(secret->octets, secret->len);
    *secret = (struct secret){0};
}

bool octets_equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

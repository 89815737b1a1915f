/*
 * R-6, I10: each allocation of the core fails once, and each step of a MAC, in a play
 * that comes past all that it does. Who is caught is refused or dropped; what the stage
 * watches holds, and the next one is served. The linker puts the functions below in the
 * place of malloc and its kin (-Wl,--wrap); they fail only while the core runs.
 */
#include "words.h"

#include <openssl/evp.h>

static bool is_core_running;
static size_t allocations; /* of the core, and steps of its MACs */
static size_t fails_at;    /* the count that fails; 0: none */
static size_t failing;     /* the same, for who reads of a failure */

static bool is_failing(void)
{
    return is_core_running && ++allocations == fails_at;
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *old, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *old, size_t len);

void *__wrap_malloc(size_t len)
{
    return is_failing() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t each)
{
    return is_failing() ? NULL : __real_calloc(count, each);
}

void *__wrap_realloc(void *old, size_t len)
{
    return is_failing() ? NULL : __real_realloc(old, len);
}

int __real_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
                        const OSSL_PARAM params[]);
int __real_EVP_MAC_update(EVP_MAC_CTX *mac, const unsigned char *octets, size_t len);
int __real_EVP_MAC_final(EVP_MAC_CTX *mac, unsigned char *out, size_t *len,
                         size_t capacity);
int __wrap_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
                        const OSSL_PARAM params[]);
int __wrap_EVP_MAC_update(EVP_MAC_CTX *mac, const unsigned char *octets, size_t len);
int __wrap_EVP_MAC_final(EVP_MAC_CTX *mac, unsigned char *out, size_t *len,
                         size_t capacity);

int __wrap_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
                        const OSSL_PARAM params[])
{
    return is_failing() ? 0 : __real_EVP_MAC_init(mac, key, len, params);
}

int __wrap_EVP_MAC_update(EVP_MAC_CTX *mac, const unsigned char *octets, size_t len)
{
    return is_failing() ? 0 : __real_EVP_MAC_update(mac, octets, len);
}

int __wrap_EVP_MAC_final(EVP_MAC_CTX *mac, unsigned char *out, size_t *len,
                         size_t capacity)
{
    return is_failing() ? 0 : __real_EVP_MAC_final(mac, out, len, capacity);
}

static void note_core(bool is_inside)
{
    is_core_running = is_inside;
}

static struct ask *add_on_connection(const char *owner, unsigned n)
{
    return stage_ask(&stage, &(struct wish){.key = MX1,
                                            .zone = STATIC,
                                            .is_tcp = true,
                                            .connection = 1,
                                            .items = {ADD(owner, n)}});
}

/* Updates of all kinds, merged, held, repeated, late; look-ups, queries, a reload. */
static void play(void)
{
    stage_open(&stage, NULL);
    stage.on_core = note_core;
    struct ask *ask = add_native(1);
    stage_repeat(&stage, ask, false);
    stage_ask(&stage,
              &(struct wish){.key = MX2, .query = NATIVE2, .query_type = "TXT"});
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    add_token(2);
    add_on_connection("_acme-challenge.www.duckcorp.org", 3);
    add_on_connection(ORIGINAL, 4);
    stage_advance(&stage, SECOND);
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = 3 * SECOND});
    ask = add_native(5);
    stage_repeat(&stage, ask, false);
    for (unsigned i = 0; i < 4; i++)
        add_native(6 + i);
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_RCODE, .rcode = RCODE_SERVFAIL});
    stage_advance(&stage, 4 * SECOND);
    stage_ask(&stage, &(struct wish){.key = MX2, .items = {ADD(TARGET, 10)}});
    stage_ask(&stage, &(struct wish){.key = MX1, .query = TARGET, .query_type = "TXT"});
    stage_ask(&stage,
              &(struct wish){.query = STATIC, .query_type = "SOA", .is_tcp = true});
    stage_reload(&stage, site_acl, NULL);
    add_token(11);
    stage_cut(&stage, LINK_UPDATE, SECOND);
    add_native(12);
    stage_advance(&stage, 62 * SECOND);
    fails_at = 0;
}

/* The process lives, and there is memory again. */
static void end(void)
{
    expect_reply(add_native(20), RCODE_NOERROR, "");
    expect_reply(stage_ask(&stage, &(struct wish){.key = MX2,
                                                  .zone = STATIC,
                                                  .items = {ADD(ORIGINAL2, 21)}}),
                 RCODE_NOERROR, "");
    stage_close(&stage);
    is_core_running = false;
}

static void test_each_allocation_fails_once(void **state)
{
    (void)state;
    allocations = 0;
    play();
    size_t count = allocations;
    end();
    print_message("  %zu allocations\n", count);
    assert_true(count > 50);
    for (size_t i = 1; i <= count; i++) {
        allocations = 0;
        fails_at = failing = i;
        play();
        end();
    }
    failing = 0;
}

static int tell_allocation(void **state)
{
    (void)state;
    if (failing != 0)
        print_error("where allocation %zu fails\n", failing);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_allocation_fails_once, tell_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

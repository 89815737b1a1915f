#include "dns/hmac.h"

#include <strings.h>

#include "message.h"
#include "unit.h"

/* RFC 4231 4.3 (test case 2) and RFC 2202 3 (test case 2): key "Jefe". */
static void the_rfcs_vectors(void **state)
{
    static const struct {
        enum hmac_algorithm algorithm;
        const char *hex;
    } cases[] = {
        {HMAC_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {HMAC_SHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
        {HMAC_SHA256,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {HMAC_SHA384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                      "8e2240ca5e69e2c78b3239ecfab21649"},
        {HMAC_SHA512,
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    };
    static const uint8_t text[] = "what do ya want for nothing?";
    uint8_t expected[LIMIT_MAC_OCTETS], mac[LIMIT_MAC_OCTETS];
    struct secret secret = {0};

    (void)state;
    assert_int_equal(secret_from_octets((const uint8_t *)"Jefe", 4, &secret), RES_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hmac *hmac = NULL;
        assert_int_equal(hmac_new(cases[i].algorithm, &secret, &hmac), RES_OK);
        size_t len = unit_from_hex(cases[i].hex, expected, sizeof(expected));
        assert_int_equal(len, hmac_algorithm_len(cases[i].algorithm));
        /* Twice: the context is used again without its key. In pieces, too. */
        for (size_t cut = 0; cut < sizeof(text) - 1; cut += 5) {
            assert_int_equal(hmac_start(hmac), RES_OK);
            assert_int_equal(hmac_add(hmac, text, cut), RES_OK);
            assert_int_equal(hmac_add(hmac, text + cut, sizeof(text) - 1 - cut),
                             RES_OK);
            assert_int_equal(hmac_finish(hmac, mac), RES_OK);
            assert_memory_equal(mac, expected, len);
        }
        hmac_free(&hmac);
        assert_null(hmac);
        hmac_free(&hmac);
    }
    secret_free(&secret);
}

static void mac_of(struct hmac *hmac, uint8_t mac[LIMIT_MAC_OCTETS])
{
    assert_int_equal(hmac_start(hmac), RES_OK);
    assert_int_equal(hmac_add(hmac, (const uint8_t *)"octets", 6), RES_OK);
    assert_int_equal(hmac_finish(hmac, mac), RES_OK);
}

static void make_secret(unsigned number, struct secret *out)
{
    uint8_t octets[32] = {(uint8_t)(number >> 8), (uint8_t)number};

    assert_int_equal(secret_from_octets(octets, sizeof(octets), out), RES_OK);
}

/* What a key that has its context for itself makes of the same. */
static void expect_mac(unsigned number, const uint8_t mac[LIMIT_MAC_OCTETS])
{
    enum hmac_algorithm algorithm = number % 2 == 0 ? HMAC_SHA256 : HMAC_SHA512;
    uint8_t expected[LIMIT_MAC_OCTETS];
    struct secret secret;
    struct hmac *alone = NULL;

    make_secret(number, &secret);
    assert_int_equal(hmac_new(algorithm, &secret, &alone), RES_OK);
    mac_of(alone, expected);
    assert_memory_equal(mac, expected, hmac_algorithm_len(algorithm));
    hmac_free(&alone);
    secret_free(&secret);
}

/* More keys than there are contexts, in an order in which each finds another's key in
 * its own; and one that was given back. */
static void keys_share_contexts(void **state)
{
    enum { KEYS = 5000 };
    static struct hmac *hmacs[KEYS];
    struct hmac_contexts *contexts = hmac_contexts_new();
    uint8_t mac[LIMIT_MAC_OCTETS];
    struct secret secret;

    (void)state;
    assert_non_null(contexts);
    for (unsigned i = 0; i < KEYS; i++) {
        enum hmac_algorithm algorithm = i % 2 == 0 ? HMAC_SHA256 : HMAC_SHA512;
        make_secret(i, &secret);
        assert_int_equal(hmac_new_sharing(contexts, algorithm, &secret, &hmacs[i]),
                         RES_OK);
        secret_free(&secret); /* it has a copy */
    }
    for (unsigned i = 0; i < 3 * KEYS; i++) {
        unsigned number = i * 1024u % KEYS + i % 3;
        mac_of(hmacs[number], mac);
        expect_mac(number, mac);
        mac_of(hmacs[number], mac);
        expect_mac(number, mac);
    }
    make_secret(4, &secret);
    assert_int_equal(hmac_new_sharing(contexts, HMAC_SHA256, &secret, &hmacs[0]),
                     RES_OK);
    mac_of(hmacs[0], mac);
    expect_mac(4, mac);
    secret_free(&secret);
    hmac_contexts_free(&contexts);
    assert_null(contexts);
}

static void a_secret_takes_anothers_place(void **state)
{
    uint8_t mac[LIMIT_MAC_OCTETS];
    const struct secret none = {0};
    struct secret secrets[2];
    struct hmac *hmac = NULL;

    (void)state;
    make_secret(2, &secrets[0]);
    make_secret(4, &secrets[1]);
    assert_int_equal(hmac_new(HMAC_SHA256, &secrets[0], &hmac), RES_OK);
    mac_of(hmac, mac);
    expect_mac(2, mac);
    assert_int_equal(hmac_set_secret(hmac, &secrets[1]), RES_OK);
    mac_of(hmac, mac);
    expect_mac(4, mac);
    assert_int_equal(hmac_set_secret(hmac, &none), RES_ERANGE);
    hmac_free(&hmac);
    secret_free(&secrets[0]);
    secret_free(&secrets[1]);
}

static void an_empty_secret_is_refused(void **state)
{
    const struct secret none = {0};
    struct hmac *hmac = NULL;
    struct hmac_contexts *contexts = hmac_contexts_new();

    (void)state;
    assert_non_null(contexts);
    assert_int_equal(hmac_new(HMAC_SHA256, &none, &hmac), RES_ERANGE);
    assert_null(hmac);
    assert_int_equal(hmac_new_sharing(contexts, HMAC_SHA256, &none, &hmac), RES_ERANGE);
    assert_null(hmac);
    hmac_contexts_free(&contexts);
}

/* T-5. */
static void algorithms_have_names(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        bool is_weak;
    } cases[] = {
        {"hmac-sha256", RES_OK, false},
        {"HMAC-SHA384", RES_OK, false},
        {"hmac-sha512", RES_OK, false},
        {"hmac-sha224", RES_OK, true},
        {"hmac-sha1", RES_OK, true},
        {"hmac-md5", RES_ENOTFOUND, false},
        {"hmac-md5.sig-alg.reg.int", RES_ENOTFOUND, false},
        {"gss-tsig", RES_ENOTFOUND, false},
        {"hmac-sha256-128", RES_ENOTFOUND, false},
        {"hmac-sha256.", RES_ENOTFOUND, false},
        {"", RES_ENOTFOUND, false},
    };
    enum hmac_algorithm algorithm;
    struct name_buf name;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum result res = hmac_algorithm_from_text(cases[i].text, &algorithm);
        assert_case(cases[i].text, res == cases[i].result);
        if (res != RES_OK)
            continue;
        assert_case(cases[i].text,
                    hmac_algorithm_is_weak(algorithm) == cases[i].is_weak);
        assert_int_equal(strcasecmp(hmac_algorithm_text(algorithm), cases[i].text), 0);
        assert_case(cases[i].text, name_equal(hmac_algorithm_name(algorithm),
                                              message_name(cases[i].text, &name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_vectors),
        cmocka_unit_test(keys_share_contexts),
        cmocka_unit_test(a_secret_takes_anothers_place),
        cmocka_unit_test(an_empty_secret_is_refused),
        cmocka_unit_test(algorithms_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

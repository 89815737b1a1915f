#include "base/secret.h"

#include "base/limits.h"
#include "unit.h"

static void assert_goes_back(const struct secret *secret)
{
    struct secret text = {0}, again = {0};

    assert_int_equal(secret_to_base64(secret, &text), RES_OK);
    assert_int_equal(text.len % 4, 0);
    assert_int_equal(secret_from_base64((const char *)text.octets, text.len, &again),
                     RES_OK);
    assert_int_equal(again.len, secret->len);
    assert_memory_equal(again.octets, secret->octets, again.len);
    secret_free(&text);
    secret_free(&again);
}

static void base64_has_one_spelling(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        const char *octets;
    } cases[] = {
        {"Zm9v", RES_OK, "foo"},          {"Zm9vYg==", RES_OK, "foob"},
        {"Zm9vYmE=", RES_OK, "fooba"},    {" Zm\n9v\tYg = =\r\n", RES_OK, "foob"},
        {"+/+/", RES_OK, "\xfb\xff\xbf"}, {"Zm9vYh==", RES_EFORMAT, NULL},
        {"Zm9vYmF=", RES_EFORMAT, NULL},  {"Zm9vYg=", RES_EFORMAT, NULL},
        {"Zm9vYg", RES_EFORMAT, NULL},    {"Zm9v====", RES_EFORMAT, NULL},
        {"Zm9vY===", RES_EFORMAT, NULL},  {"Zm=9", RES_EFORMAT, NULL},
        {"Zm9-", RES_EFORMAT, NULL},      {"", RES_EFORMAT, NULL},
        {"==", RES_EFORMAT, NULL},        {"    ", RES_EFORMAT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct secret secret = {0};
        enum result res =
            secret_from_base64(cases[i].text, strlen(cases[i].text), &secret);
        assert_case(cases[i].text, res == cases[i].result);
        if (res == RES_OK) {
            assert_int_equal(secret.len, strlen(cases[i].octets));
            assert_memory_equal(secret.octets, cases[i].octets, secret.len);
            assert_goes_back(&secret);
        }
        secret_free(&secret);
    }
}

static void lengths_are_bounded(void **state)
{
    static uint8_t octets[LIMIT_SECRET_OCTETS + 1];
    static char text[700];
    struct secret secret = {0};

    (void)state;
    assert_int_equal(secret_from_octets(octets, 0, &secret), RES_ERANGE);
    assert_int_equal(secret_from_octets(octets, sizeof(octets), &secret), RES_ERANGE);
    assert_int_equal(secret_from_octets(octets, LIMIT_SECRET_OCTETS, &secret), RES_OK);
    struct secret long_text = {0};
    assert_int_equal(secret_to_base64(&secret, &long_text), RES_ERANGE);
    secret_free(&secret);
    assert_int_equal(secret_to_base64(&secret, &long_text), RES_ERANGE);
    memset(text, 'A', sizeof(text));
    assert_int_equal(secret_from_base64(text, 684, &secret), RES_ERANGE);
    assert_int_equal(secret_from_base64(text, 680, &secret), RES_OK);
    assert_int_equal(secret.len, 510);
    secret_free(&secret);
    secret_free(&secret);
}

static void memory_is_zeroed_and_used_again(void **state)
{
    struct secret secret = {0};

    (void)state;
    assert_int_equal(secret_from_base64("c2VjcmV0c2VjcmV0", 16, &secret), RES_OK);
    uint8_t *octets = secret.octets;
    secret_free(&secret);
    assert_null(secret.octets);
    for (size_t i = sizeof(void *); i < 12; i++)
        assert_int_equal(octets[i], 0);
    assert_int_equal(secret_from_octets((const uint8_t *)"x", 1, &secret), RES_OK);
    assert_ptr_equal(secret.octets, octets);
    secret_free(&secret);
}

static void thousands_do_not_overlap(void **state)
{
    static struct secret secrets[3000];
    uint8_t octets[LIMIT_SECRET_OCTETS];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        memset(octets, (int)(i % 251), sizeof(octets));
        size_t len = 1 + i * 7 % LIMIT_SECRET_OCTETS;
        assert_int_equal(secret_from_octets(octets, len, &secrets[i]), RES_OK);
    }
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        for (size_t k = 0; k < secrets[i].len; k++)
            assert_int_equal(secrets[i].octets[k], i % 251);
        secret_free(&secrets[i]);
    }
}

static void compares_all_and_only_len_octets(void **state)
{
    (void)state;
    assert_true(octets_equal_ct((const uint8_t *)"abcX", (const uint8_t *)"abcY", 3));
    assert_false(octets_equal_ct((const uint8_t *)"abcX", (const uint8_t *)"abcY", 4));
    assert_false(octets_equal_ct((const uint8_t *)"Xbc", (const uint8_t *)"abc", 3));
    assert_true(octets_equal_ct((const uint8_t *)"X", (const uint8_t *)"a", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(memory_is_zeroed_and_used_again),
        cmocka_unit_test(thousands_do_not_overlap),
        cmocka_unit_test(compares_all_and_only_len_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/sha256.h"

#include "unit.h"

struct hash_case {
    const char *name;
    const char *text;
    const char *hash;
};

/* FIPS 180-4's examples, as NIST has them. */
static const struct hash_case cases[] = {
    {"nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"one block", "abc",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void expect(struct sha256 *sha256, const struct hash_case *c)
{
    uint8_t hash[SHA256_OCTETS];
    char hex[2 * SHA256_OCTETS + 1];

    assert_int_equal(sha256_hash(sha256, c->text, strlen(c->text), hash), RES_OK);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    assert_case(c->name, strcmp(hex, c->hash) == 0);
}

/* With a context, again and again, and without one. */
static void test_examples(void **state)
{
    struct sha256 *sha256 = sha256_new();

    (void)state;
    assert_non_null(sha256);
    for (size_t i = 0; i < 3 * COUNT_OF(cases); i++)
        expect(sha256, &cases[i % COUNT_OF(cases)]);
    sha256_free(&sha256);
    assert_null(sha256);
    sha256_free(&sha256);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect(NULL, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

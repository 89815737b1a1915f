#include "conf/keyfile.h"

#include <stdlib.h>

#include "unit.h"

/* 32 octets; base64 of "0123456789abcdef0123456789abcdef". */
#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define SHORT  "MDEyMzQ1Njc4OWFiY2RlZg==" /* 16 octets */
#define TINY   "MDEyMzQ1Njc4OWFiY2Rl"     /* 15 octets */

struct fixture {
    struct arena arena;
    struct diags diags;
    struct keyfile_key *keys;
    enum result result;
    char told[512]; /* "line:column id\n" */
    char names[512];
};

static void parse(struct fixture *f, const char *text, bool weak)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    char name[NAME_TEXT_OCTETS];

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 4096, 0);
    diags_init(&f->diags);
    f->result = keyfile_parse("k", copy, len, weak, &f->arena, &f->diags, &f->keys);
    free(copy);
    for (struct diag *diag = f->diags.first; diag != NULL; diag = diag->next)
        (void)snprintf(f->told + strlen(f->told), sizeof(f->told) - strlen(f->told),
                       "%u:%u %s\n", diag->place.line, diag->place.column, diag->id);
    for (struct keyfile_key *key = f->keys; key != NULL; key = key->next)
        (void)snprintf(f->names + strlen(f->names), sizeof(f->names) - strlen(f->names),
                       "%s %s %zu\n", name_to_text(key->name, name),
                       hmac_algorithm_text(key->algorithm), key->secret.len);
}

static void done(struct fixture *f)
{
    keyfile_keys_free(&f->keys);
    diags_fini(&f->diags);
    arena_fini(&f->arena);
}

static void keys_are_read(void **state)
{
    static const struct {
        const char *name, *text, *keys;
    } cases[] = {
        {"nothing", "", ""},
        {"comments alone", "# a\n// b\n/* c\n * d */\n", ""},
        {"as tsig-keygen writes",
         "key \"mx1.duckcorp.org\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
         "\";\n};\n",
         "mx1.duckcorp.org hmac-sha256 32\n"},
        {"bare words, one line", "key MX1 {secret " SECRET ";algorithm HMAC-SHA256.;};",
         "mx1 hmac-sha256 32\n"},
        {"several, and comments between",
         "key a { /* x */ algorithm hmac-sha256; # y\n secret \"" SECRET
         "\"; // z\n};\n"
         "key b { algorithm hmac-sha256; secret " SECRET "; };",
         "a hmac-sha256 32\nb hmac-sha256 32\n"},
        {"DOS line ends",
         "key a {\r\n algorithm hmac-sha256;\r\n secret \"" SECRET "\";\r\n};\r\n",
         "a hmac-sha256 32\n"},
        {"a secret in two lines",
         "key a { algorithm hmac-sha256; secret \"MDEyMzQ1Njc4OWFi\n"
         "Y2RlZjAxMjM0NTY3ODlhYmNkZWY=\"; };",
         "a hmac-sha256 32\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].text, false);
        if (f.result != RES_OK || strcmp(f.names, cases[i].keys) != 0 ||
            f.told[0] != '\0')
            fail_msg("case \"%s\": keys %stold %s", cases[i].name, f.names, f.told);
        done(&f);
    }
}

static void the_rest_is_refused(void **state)
{
#define KEY(algorithm, secret)                                                         \
    "key a { algorithm " algorithm "; secret \"" secret "\"; };"
#define GOOD "\nkey z { algorithm hmac-sha256; secret \"" SECRET "\"; };"
    static const struct {
        const char *name, *text, *told;
        const char *keys;
    } cases[] = {
        {"another statement", "options { };" GOOD, "1:1 key-syntax\n",
         "z hmac-sha256 32\n"},
        {"no name", "key { algorithm hmac-sha256; };" GOOD, "1:5 key-syntax\n",
         "z hmac-sha256 32\n"},
        {"a name that is none",
         "key a..b { algorithm hmac-sha256; secret " SECRET "; };", "1:5 key-syntax\n",
         ""},
        {"no brace", "key a algorithm hmac-sha256;" GOOD, "1:7 key-syntax\n",
         "z hmac-sha256 32\n"},
        {"no semicolon behind a word",
         "key a { algorithm hmac-sha256 secret " SECRET "; };" GOOD,
         "1:31 key-syntax\n", "z hmac-sha256 32\n"},
        {"no semicolon at the end",
         "key a { algorithm hmac-sha256; secret " SECRET "; }", "1:86 key-syntax\n",
         ""},
        {"the end too early", "key a { algorithm", "1:18 key-syntax\n", ""},
        {"an open quote", "key \"a {", "1:5 key-syntax\n", ""},
        {"an open comment", "key a /* {", "1:7 key-syntax\n", ""},
        {"octets", "key \xc3\xa4 { };" GOOD, "1:5 key-syntax\n1:6 key-syntax\n",
         "z hmac-sha256 32\n"},
        {"no algorithm", "key a { secret " SECRET "; };", "1:5 key-syntax\n", ""},
        {"no secret", "key a { algorithm hmac-sha256; };" GOOD, "1:5 key-syntax\n",
         "z hmac-sha256 32\n"},
        {"an algorithm twice",
         "key a { algorithm hmac-sha256; algorithm hmac-sha256; };",
         "1:32 key-syntax\n", ""},
        {"hmac-md5", KEY("hmac-md5", SECRET) GOOD, "1:19 key-algorithm\n",
         "z hmac-sha256 32\n"},
        {"hmac-md5's long name", KEY("HMAC-MD5.SIG-ALG.REG.INT", SECRET),
         "1:19 key-algorithm\n", ""},
        {"truncated", KEY("hmac-sha256-128", SECRET), "1:19 key-algorithm\n", ""},
        {"unknown", KEY("foo", SECRET), "1:19 key-algorithm\n", ""},
        {"weak", KEY("hmac-sha1", SECRET), "1:19 key-weak-algorithm\n", ""},
        {"not base64", KEY("hmac-sha256", "MDEy=MzQ1"), "1:39 key-secret\n", ""},
        {"too short", KEY("hmac-sha256", TINY) GOOD, "1:39 key-short-secret\n",
         "z hmac-sha256 32\n"},
        {"empty", KEY("hmac-sha256", ""), "1:39 key-secret\n", ""},
        {"both", KEY("hmac-md5", TINY), "1:19 key-algorithm\n1:36 key-short-secret\n",
         ""},
        {"braces that nest", "key a { { } };" GOOD, "1:9 key-syntax\n",
         "z hmac-sha256 32\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].text, false);
        if (f.result != RES_EFORMAT || strcmp(f.names, cases[i].keys) != 0 ||
            strcmp(f.told, cases[i].told) != 0)
            fail_msg("case \"%s\": keys %stold %s", cases[i].name, f.names, f.told);
        done(&f);
    }
}

static void weak_algorithms_are_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    parse(&f, KEY("hmac-sha1", SECRET) KEY("hmac-sha224", SECRET), true);
    assert_int_equal(f.result, RES_OK);
    assert_string_equal(f.names, "a hmac-sha1 32\na hmac-sha224 32\n");
    done(&f);
    parse(&f, KEY("hmac-md5", SECRET), true);
    assert_int_equal(f.result, RES_EFORMAT);
    assert_non_null(strstr(f.diags.first->message, "not offered"));
    assert_non_null(strstr(f.diags.first->message, "tsig-keygen -a hmac-sha256 a"));
    done(&f);
}

static void short_secrets_are_warned_of(void **state)
{
    struct fixture f;

    (void)state;
    parse(&f, KEY("hmac-sha256", SHORT), false);
    assert_int_equal(f.result, RES_OK);
    assert_string_equal(f.names, "a hmac-sha256 16\n");
    assert_string_equal(f.told, "1:39 short-secret\n");
    assert_int_equal(f.diags.warnings, 1);
    assert_int_equal(f.diags.errors, 0);
    done(&f);
}

/* O-4: wherever the secret stands by mistake. */
static void no_message_shows_a_secret(void **state)
{
    static const char *const cases[] = {
        "key a { algorithm " SECRET "; secret hmac-sha256; };",
        "key a { algorithm hmac-sha256; secret " SECRET " };",
        "key a { algorithm hmac-sha256; " SECRET "; };",
        "key a { algorithm hmac-sha256; secret \"" SECRET "*\"; };",
        "key a { algorithm hmac-sha256; secret " SECRET "; secret " SECRET "; };",
        "key a " SECRET ";",
        SECRET,
        "key a { algorithm hmac-sha256; secret \"" SECRET,
        "key a { algorithm hmac-sha256; secret " TINY "; };",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i], false);
        assert_case(cases[i], f.result == RES_EFORMAT);
        for (struct diag *diag = f.diags.first; diag != NULL; diag = diag->next)
            assert_case(cases[i], strstr(diag->message, "MDEy") == NULL);
        done(&f);
    }
}

/* */
static void memory_may_end_anywhere(void **state)
{
    static const char text[] = KEY("hmac-sha256", SECRET) KEY("hmac-sha256", SECRET);
    enum result result = RES_EMEM;

    (void)state;
    for (size_t limit = 8; result == RES_EMEM; limit += 8) {
        struct fixture f = {0};
        arena_init(&f.arena, 4096, limit);
        diags_init(&f.diags);
        result =
            keyfile_parse("k", text, strlen(text), false, &f.arena, &f.diags, &f.keys);
        assert_int_equal(f.diags.errors, 0);
        done(&f);
    }
    assert_int_equal(result, RES_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read),
        cmocka_unit_test(the_rest_is_refused),
        cmocka_unit_test(weak_algorithms_are_asked_for),
        cmocka_unit_test(short_secrets_are_warned_of),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(no_message_shows_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

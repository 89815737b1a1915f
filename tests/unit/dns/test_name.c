#include "dns/name.h"

#include "message.h"
#include "unit.h"

static void text_becomes_octets(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        const char *hex;
    } cases[] = {
        {"Mx1.DuckCorp.org", RES_OK, "036d7831086475636b636f7270036f726700"},
        {"mx1.duckcorp.org.", RES_OK, "036d7831086475636b636f7270036f726700"},
        {".", RES_OK, "00"},
        {"\\065b", RES_OK, "02616200"}, /* decoded, then folded */
        {"\\046\\000\\255", RES_OK, "032e00ff00"},
        {"\\042.x", RES_OK, "012a017800"},
        {"*.x", RES_OK, "012a017800"},
        {"_25._tcp.a", RES_OK, "035f3235045f746370016100"},
        {"", RES_EFORMAT, NULL},
        {"a..b", RES_EFORMAT, NULL},
        {".a", RES_EFORMAT, NULL},
        {"a..", RES_EFORMAT, NULL},
        {"..", RES_EFORMAT, NULL},
        {"a b", RES_EFORMAT, NULL},
        {"a\tb", RES_EFORMAT, NULL},
        {"a\\.b", RES_EFORMAT, NULL},
        {"a\\", RES_EFORMAT, NULL},
        {"a\\12", RES_EFORMAT, NULL},
        {"a\\1x3", RES_EFORMAT, NULL},
        {"a\\256", RES_EFORMAT, NULL},
        {"a\177", RES_EFORMAT, NULL},
        {"b\xc3\xbc", RES_EFORMAT, NULL},
    };
    uint8_t octets[64];
    struct name_buf name;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = cases[i].text;
        assert_case(text, name_from_text(text, strlen(text), &name) == cases[i].result);
        if (cases[i].hex == NULL)
            continue;
        size_t len = unit_from_hex(cases[i].hex, octets, sizeof(octets));
        assert_case(text, name.len == len && memcmp(name.octets, octets, len) == 0);
    }
    assert_int_equal(name_from_text("a.bx", 3, &name), RES_OK);
    assert_int_equal(name.len, 5);
}

static void the_longest_names(void **state)
{
    char text[512];
    struct name_buf name;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(name_from_text(text, 63, &name), RES_OK);
    assert_int_equal(name_from_text(text, 64, &name), RES_ERANGE);
    text[63] = text[127] = text[191] = '.';
    assert_int_equal(name_from_text(text, 253, &name), RES_OK);
    assert_int_equal(name.len, LIMIT_NAME_OCTETS);
    assert_int_equal(name_from_text(text, 254, &name), RES_ERANGE);
    text[253] = '.';
    assert_int_equal(name_from_text(text, 254, &name), RES_OK);
    assert_int_equal(name_labels(name_of(&name)), 4);
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    assert_int_equal(name_from_text(text, 253, &name), RES_OK);
    assert_int_equal(name_labels(name_of(&name)), LIMIT_NAME_LABELS);
    assert_int_equal(name_from_text(text, 255, &name), RES_ERANGE);
}

/* L-3: what is printed can be read back and does no harm on the way. */
static void octets_become_text(void **state)
{
    static const struct {
        const char *hex;
        const char *text;
    } cases[] = {
        {"00", "."},
        {"012a016100", "*.a"},
        {"022a2a00", "**"},
        {"052d5f7e2f2100", "-_~/!"},
        {"0c0a1b205c222e3b282940248000",
         "\\010\\027\\032\\092\\034\\046\\059\\040\\041\\064\\036\\128"},
    };
    char text[NAME_TEXT_OCTETS];
    uint8_t octets[64];
    struct name_buf back;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = unit_from_hex(cases[i].hex, octets, sizeof(octets));
        struct name name = {octets, (uint8_t)len};
        assert_string_equal(name_to_text(name, text), cases[i].text);
        assert_int_equal(name_from_text(text, strlen(text), &back), RES_OK);
        assert_true(name_equal(name_of(&back), name));
    }
}

static void the_longest_text_fits(void **state)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf name = {.len = 255};

    (void)state;
    for (unsigned at = 0; at < 252; at += 63 + 1)
        name.octets[at] = at == 192 ? 61 : 63;
    assert_int_equal(strlen(name_to_text(name_of(&name), text)), 4 * 250 + 3);
}

static void ancestors_are_whole_labels(void **state)
{
    static const struct {
        const char *name;
        const char *ancestor;
        bool is_within, is_below;
    } cases[] = {
        {"a.example.org", "example.org", true, true},
        {"example.org", "example.org", true, false},
        {"example.org", "a.example.org", false, false},
        {"aexample.org", "example.org", false, false},
        {"a.example.org", ".", true, true},
        {".", ".", true, false},
        {".", "org", false, false},
        {"a\\007example.org", "example.org", false, false},
        {"example.com", "example.org", false, false},
    };
    struct name_buf a, b;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct name name = message_name(cases[i].name, &a);
        struct name ancestor = message_name(cases[i].ancestor, &b);
        assert_case(cases[i].name,
                    name_is_within(name, ancestor) == cases[i].is_within);
        assert_case(cases[i].name, name_is_below(name, ancestor) == cases[i].is_below);
    }
    assert_false(name_is_within((struct name){0}, name_root));
    assert_false(name_is_within(name_root, (struct name){0}));
}

static void parts_of_a_name(void **state)
{
    struct name_buf buf, other;
    struct name name = message_name("_a.b.c", &buf);

    (void)state;
    assert_int_equal(name_labels(name), 3);
    assert_true(name_equal(name_parent(name), message_name("b.c", &other)));
    assert_true(name_is_root(name_parent(name_root)));
    assert_int_equal(name_labels(name_root), 0);
    name_keep(name, &other);
    assert_true(name_equal(name_of(&other), name));
    assert_false(name_equal(name, name_parent(name)));
    assert_true(name_equal((struct name){0}, (struct name){0}));
}

static void suffixes_are_replaced(void **state)
{
    struct name_buf name, from, to, out, expected;

    (void)state;
    message_name("_acme.www.corp.example", &name);
    message_name("corp.example", &from);
    message_name("acme.corp.example", &to);
    assert_int_equal(
        name_replace_suffix(name_of(&name), name_of(&from), name_of(&to), &out),
        RES_OK);
    assert_true(name_equal(name_of(&out),
                           message_name("_acme.www.acme.corp.example", &expected)));
    assert_int_equal(
        name_replace_suffix(name_of(&from), name_of(&from), name_of(&to), &out),
        RES_OK);
    assert_true(name_equal(name_of(&out), name_of(&to)));
    assert_int_equal(
        name_replace_suffix(name_of(&from), name_of(&to), name_of(&from), &out),
        RES_EMISMATCH);
    /* In place. */
    assert_int_equal(
        name_replace_suffix(name_of(&name), name_of(&from), name_of(&to), &name),
        RES_OK);
    assert_true(name_equal(name_of(&name), name_of(&expected)));
}

/* C-2: over 255 octets there is no binding (CVE-2026-11331). */
static void no_name_grows_over_its_limit(void **state)
{
    char text[256];
    struct name_buf longest, one, two, out;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[63] = text[127] = text[191] = '.';
    assert_int_equal(name_from_text(text, 251, &longest), RES_OK); /* 253 octets */
    message_name("b", &one);
    message_name("bb", &two);
    assert_int_equal(name_join(name_of(&longest), name_of(&one), &out), RES_OK);
    assert_int_equal(out.len, 255);
    assert_int_equal(name_join(name_of(&longest), name_of(&two), &out), RES_ERANGE);
    assert_int_equal(
        name_replace_suffix(name_of(&longest), name_root, name_of(&one), &out), RES_OK);
    assert_int_equal(
        name_replace_suffix(name_of(&longest), name_root, name_of(&two), &out),
        RES_ERANGE);
    assert_int_equal(name_join(name_root, name_of(&one), &out), RES_OK);
    assert_true(name_equal(name_of(&out), name_of(&one)));
}

static void names_are_sorted_by_octets(void **state)
{
    struct name_buf a, b;

    (void)state;
    assert_int_equal(name_compare(message_name("a.x", &a), message_name("A.x", &b)), 0);
    assert_int_equal(name_compare(message_name("a.x", &a), message_name("b.x", &b)),
                     -1);
    assert_int_equal(name_compare(message_name("b.x", &a), message_name("a.x", &b)), 1);
    assert_int_equal(name_compare(name_root, message_name("a", &b)), -1);
}

static void a_copy_is_its_own(void **state)
{
    struct arena arena;
    struct name_buf buf;

    (void)state;
    arena_init(&arena, 64, 0);
    struct name name = message_name("a.b", &buf);
    struct name copy = name_copy(&arena, name);
    assert_true(name_equal(copy, name));
    assert_ptr_not_equal(copy.octets, name.octets);
    assert_null(name_copy(&arena, (struct name){0}).octets);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_octets),
        cmocka_unit_test(the_longest_names),
        cmocka_unit_test(octets_become_text),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(ancestors_are_whole_labels),
        cmocka_unit_test(parts_of_a_name),
        cmocka_unit_test(suffixes_are_replaced),
        cmocka_unit_test(no_name_grows_over_its_limit),
        cmocka_unit_test(names_are_sorted_by_octets),
        cmocka_unit_test(a_copy_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

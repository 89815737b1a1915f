#include "conf/aclparse.h"

#include "base/limits.h"

#include "unit.h"

enum {
    OWNER = ACL_HAS_NAME | ACL_HAS_HOST | ACL_HAS_PORT | ACL_HAS_PROTO | ACL_HAS_STAR
};
enum { WORD = ACL_HAS_HOST | ACL_HAS_STAR | ACL_HAS_SUBTREE };

struct fixture {
    struct acl_source source;
    struct diags diags;
    struct acl_parser parser;
};

static void open_fixture(struct fixture *f)
{
    acl_source_init(&f->source);
    diags_init(&f->diags);
    f->parser = (struct acl_parser){.source = &f->source, .diags = &f->diags};
}

static void close_fixture(struct fixture *f)
{
    diags_fini(&f->diags);
    acl_source_fini(&f->source);
}

static enum result parse(struct fixture *f, const char *text, unsigned allowed,
                         struct acl_name_word *out)
{
    struct acl_word word = {.text = text, .len = strlen(text), .raw = text};
    return acl_name_word_parse(&f->parser, &word, allowed, &f->source.lines, out);
}

static void templates_are_filled(void **state)
{
    static const struct {
        const char *name, *owner, *word;
        const char *filled; /* pattern labels as `*` */
        uint64_t stars;
        bool is_subtree;
    } cases[] = {
        {"one label before", "_acme-challenge.{name}", "WWW.Example.org.",
         "_acme-challenge.www.example.org", 0, false},
        {"the name itself", "{name}", "a.example", "a.example", 0, false},
        {"port and proto", "_{port}._{proto}.{name}", "mx.example",
         "_65535._sctp.mx.example", 0, false},
        {"port alone in its label", "{port}.x-{proto}.{name}", "mx.example",
         "65535.x-sctp.mx.example", 0, false},
        {"host in a word", "_a.{name}", "www.{host}", "_a.www.h.example", 0, false},
        {"host in an owner", "_note.{host}.{name}", "b.example",
         "_note.h.example.b.example", 0, false},
        {"a star in an owner", "*._smimecert.{name}", "example", "*._smimecert.example",
         1, false},
        {"a star in a word", "_a.{name}", "*.b.example", "_a.*.b.example", 2, false},
        {"a star within a word", "_a.{name}", "a.*.b", "_a.a.*.b", 4, false},
        {"a subtree", "_a.{name}", "**.b.example", "_a.*.b.example", 2, true},
        {"a subtree of stars", "_a.{name}", "**.*.b", "_a.*.*.b", 6, true},
        {"an escaped star", "_a.{name}", "\\042.b", "_a.*.b", 0, false},
        {"a star within an escaped label", "_a.{name}", "a\\042.b", "_a.a*.b", 0,
         false},
        {"an escaped dot", "{name}", "a\\046b.c", "a\\046b.c", 0, false},
        {"an escaped capital", "{name}", "\\077x.c", "mx.c", 0, false},
    };
    struct fixture f;
    char text[NAME_TEXT_OCTETS];
    struct name_buf host;

    (void)state;
    open_fixture(&f);
    assert_int_equal(name_from_text("h.example", 9, &host), RES_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct acl_name_word owner, word;
        struct acl_owner out;
        assert_case(cases[i].name, parse(&f, cases[i].owner, OWNER, &owner) == RES_OK);
        assert_case(cases[i].name, parse(&f, cases[i].word, WORD, &word) == RES_OK);
        struct acl_fill fill = {.word = &word.template,
                                .host = name_of(&host),
                                .port = 65535,
                                .proto = "sctp"};
        assert_case(cases[i].name,
                    acl_template_fill(&owner.template, &fill, &out) == RES_OK);
        assert_string_equal(name_to_text(name_of(&out.name), text), cases[i].filled);
        assert_case(cases[i].name, out.stars == cases[i].stars);
        assert_case(cases[i].name, out.is_subtree == cases[i].is_subtree);
        assert_case(cases[i].name, strcmp(word.text, cases[i].word) == 0);
    }
    assert_int_equal(f.diags.errors, 0);
    close_fixture(&f);
}

static void other_words_are_no_names(void **state)
{
    static const struct {
        const char *text;
        unsigned allowed;
    } cases[] = {
        {"", WORD},
        {".", WORD},
        {"..", WORD},
        {".a", WORD},
        {"a..b", WORD},
        {"a..", WORD},
        {"a\\.b", WORD},
        {"a\\04", WORD},
        {"a\\04x", WORD},
        {"a\\256", WORD},
        {"a\\", WORD},
        {"a/b", WORD}, /* */
        {"a b", WORD},
        {"a@b", WORD},
        {"a*.b", WORD},
        {"*a.b", WORD},
        {"***.b", WORD},
        {"a.**.b", WORD}, /* only leftmost */
        {"**.**.b", WORD},
        {"**.a.*.b", WORD},   /* stars that one flag cannot tell apart */
        {"**.{name}", OWNER}, /* not in a template */
        {"{name}", WORD},
        {"{port}.a", WORD},
        {"x{host}.a", WORD},
        {"{host}x.a", WORD},
        {"{hots}.a", WORD},
        {"{name}.{name}", OWNER},
        {"{host}.a.{host}", WORD},
        {"_{port}x.{name}", OWNER},
        {"_\\9{port}.{name}", OWNER}, /* the prefix */
        {"x{name}", OWNER},
        {"{}", OWNER},
        {"{name", OWNER},
        {"name}", OWNER},
        {"_{port}_{proto}.{name}", OWNER},
    };
    struct fixture f;
    struct acl_name_word word;

    (void)state;
    open_fixture(&f);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_case(cases[i].text,
                    parse(&f, cases[i].text, cases[i].allowed, &word) == RES_EFORMAT);
        assert_case(cases[i].text, f.diags.errors == i + 1);
        assert_string_equal(f.diags.last->id, "acl-name");
    }
    close_fixture(&f);
}

static void plain_names_have_no_holes(void **state)
{
    static const char *const good[] = {"a", "A.b.", "_x.a-b", "\\042.a", "a\\046b"};
    static const char *const bad[] = {"",     ".",   "*.a", "**",  "{host}",
                                      "a..b", "a/b", "\\x", "a\\0"};
    struct fixture f;
    struct name_buf name;

    (void)state;
    open_fixture(&f);
    for (size_t i = 0; i < COUNT_OF(good) + COUNT_OF(bad); i++) {
        bool is_good = i < COUNT_OF(good);
        const char *text = is_good ? good[i] : bad[i - COUNT_OF(good)];
        struct acl_word word = {.text = text, .len = strlen(text), .raw = text};
        enum result result = acl_plain_name_parse(&f.parser, &word, &name);
        assert_case(text, (result == RES_OK) == is_good);
    }
    assert_int_equal(f.diags.errors, COUNT_OF(bad));
    close_fixture(&f);
}

static void lengths_are_bounded(void **state)
{
    struct fixture f;
    struct acl_name_word owner, word;
    struct acl_owner out;
    char text[300];

    (void)state;
    open_fixture(&f);
    memset(text, 'a', sizeof(text));
    text[64] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_EFORMAT);
    text[63] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_OK);

    /* 127 labels of one octet and the root: 255 octets. */
    for (size_t i = 0; i < 256; i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    text[2 * 128 - 1] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_EFORMAT);
    text[2 * 127 - 1] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_OK);
    struct acl_fill fill = {.word = &word.template, .proto = "tcp"};
    assert_int_equal(parse(&f, "{name}", OWNER, &owner), RES_OK);
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_OK);
    assert_int_equal(parse(&f, "x.{name}", OWNER, &owner), RES_OK);
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_ERANGE);

    /* A star behind label 63 has no bit. */
    assert_int_equal(parse(&f, "{name}.*", OWNER, &owner), RES_OK);
    text[2 * 63 - 1] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_OK);
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_OK);
    assert_true(out.stars == UINT64_C(1) << 63);
    text[2 * 63 - 1] = '.';
    text[2 * 64 - 1] = '\0';
    assert_int_equal(parse(&f, text, WORD, &word), RES_OK);
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_ERANGE);
    close_fixture(&f);
}

/* A hole that nothing fills must not give a shorter name: it may be someone else's. */
static void empty_holes_are_bugs(void **state)
{
    struct fixture f;
    struct acl_name_word owner, word;
    struct acl_owner out;

    (void)state;
    open_fixture(&f);
    assert_int_equal(parse(&f, "_a.{name}", OWNER, &owner), RES_OK);
    assert_int_equal(parse(&f, "www.{host}", WORD, &word), RES_OK);
    struct acl_fill fill = {.word = &word.template};
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_EBUG);
    assert_int_equal(parse(&f, "_{port}._{proto}.{name}", OWNER, &owner), RES_OK);
    assert_int_equal(parse(&f, "www", WORD, &word), RES_OK);
    assert_int_equal(acl_template_fill(&owner.template, &fill, &out), RES_EBUG);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_filled),
        cmocka_unit_test(other_words_are_no_names),
        cmocka_unit_test(plain_names_have_no_holes),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(empty_holes_are_bugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

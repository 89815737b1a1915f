#include "conf/acledit.h"

#include "unit.h"

static struct acledit_text text_of(const char *string)
{
    return (struct acledit_text){string, strlen(string)};
}

static void check_text(const char *name, struct acledit_text got, const char *expected)
{
    if (got.len != strlen(expected) || memcmp(got.chars, expected, got.len) != 0)
        fail_msg("case \"%s\": got\n%.*s\ninstead of\n%s", name, (int)got.len,
                 got.chars, expected);
}

/* ---- one grant more ---- */

struct addition_case {
    const char *name;
    const char *before;
    const char *profile;
    const char *words[4];
    const char *after;
    unsigned line;
};

static const struct addition_case additions[] = {
    {"behind the block's last statement",
     "# head\nhost a.example\n    key  a.example # its own\n    acme a.example\n\n"
     "# next\nhost b.example\n    acme b.example\n",
     "tlsa",
     {"a.example", "25/tcp"},
     "# head\nhost a.example\n    key  a.example # its own\n    acme a.example\n"
     "    tlsa a.example 25/tcp\n\n# next\nhost b.example\n    acme b.example\n",
     5},
    {"aligned with the line before it",
     "host A.example.\n\tkey\t a.example\n\tacme   a.example\nevery-host\n  acme "
     "{host}\n",
     "note",
     {"a.example"},
     "host A.example.\n\tkey\t a.example\n\tacme   a.example\n\tnote   a.example\n"
     "every-host\n  acme {host}\n",
     4},
    {"an empty block takes the layout of the one before",
     "host b.example\n  acme  b.example\nhost a.example\n",
     "tlsa",
     {"a.example", "25/tcp"},
     "host b.example\n  acme  b.example\nhost a.example\n  tlsa  a.example 25/tcp\n",
     4},
    {"an empty block alone",
     "host a.example",
     "acme",
     {"a.example"},
     "host a.example\n    acme a.example\n",
     2},
    {"the last of two blocks",
     "host a.example\n  key k\nhost b.example\n  acme b.example\nhost a.example\n"
     "  acme a.example",
     "acme",
     {"c.example"},
     "host a.example\n  key k\nhost b.example\n  acme b.example\nhost a.example\n"
     "  acme a.example\n  acme c.example\n",
     7},
    {"no block",
     "host b.example\n  acme b.example\n# the end\n",
     "acme",
     {"a.example"},
     "host b.example\n  acme b.example\n# the end\ngrant a.example acme a.example\n",
     4},
    {"only flat",
     "grant a.example acme a.example",
     "tlsa",
     {"a.example", "1/udp"},
     "grant a.example acme a.example\ngrant a.example tlsa a.example 1/udp\n",
     2},
    {"an empty file", "", "acme", {"a.example"}, "grant a.example acme a.example\n", 1},
    {"a continued statement",
     "host a.example\n  acme a.example \\\n       b.example # why\n  # more\n",
     "acme",
     {"c.example"},
     "host a.example\n  acme a.example \\\n       b.example # why\n"
     "  acme c.example\n  # more\n",
     4},
    {"a profile that is defined behind the block",
     "host a.example\n  key k\nprofile note\n  owner {name}\n  type TXT\n",
     "note",
     {"a.example"},
     "host a.example\n  key k\nprofile note\n  owner {name}\n  type TXT\n"
     "grant a.example note a.example\n",
     6},
    {"words with blanks and quotes",
     "host a.example\n",
     "tlsa",
     {"a.example", "25/tcp", "check=tlsa 3-1-1", "check=match \"x\" \\d"},
     "host a.example\n    tlsa a.example 25/tcp check=\"tlsa 3-1-1\" "
     "check=\"match \\\"x\\\" \\\\d\"\n",
     2},
    {"words that are quoted already",
     "",
     "caa",
     {"a.example", "check=\"caa-value a=b\""},
     "grant a.example caa a.example check=\"caa-value a=b\"\n",
     1},
};

static void a_grant_is_added(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(additions); i++) {
        const struct addition_case *c = &additions[i];
        struct arena arena;
        struct name_buf host;
        struct acledit_text after;
        unsigned line = 0;
        arena_init(&arena, 4096, 0);
        assert_int_equal(name_from_text("a.example", 9, &host), RES_OK);
        struct acledit_addition addition = {
            .host = name_of(&host),
            .host_text = "a.example",
            .profile = c->profile,
            .words = c->words,
        };
        while (addition.word_count < 4 && c->words[addition.word_count] != NULL)
            addition.word_count++;
        assert_case(c->name, acledit_add(text_of(c->before), &addition, &arena, &after,
                                         &line) == RES_OK);
        check_text(c->name, after, c->after);
        assert_case(c->name, line == c->line);
        arena_fini(&arena);
    }
}

static void no_word_brings_a_line_of_its_own(void **state)
{
    static const char *const bad[] = {"a\nhost b", "a\tb", "a\x7f", "\xc3\xa4"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct arena arena;
        struct acledit_text after;
        unsigned line;
        struct acledit_addition addition = {.host = name_root,
                                            .host_text = ".",
                                            .profile = "acme",
                                            .words = &bad[i],
                                            .word_count = 1};
        arena_init(&arena, 4096, 0);
        assert_int_equal(acledit_add(text_of(""), &addition, &arena, &after, &line),
                         RES_EFORMAT);
        addition.host_text = bad[i];
        addition.word_count = 0;
        assert_int_equal(acledit_add(text_of(""), &addition, &arena, &after, &line),
                         RES_EFORMAT);
        arena_fini(&arena);
    }
}

/* ---- one grant less ---- */

struct removal_case {
    const char *name;
    const char *before;
    unsigned line, column; /* of the profile */
    bool names[4];
    bool ports[4];
    const char *after;
};

static const struct removal_case removals[] = {
    {"one of two names, the last",
     "host a\n  acme x y # why\n  tlsa x 1/tcp\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x # why\n  tlsa x 1/tcp\n"},
    {"one of two names, the first",
     "host a\n  acme  x  y  broad\n",
     2,
     3,
     {true},
     {0},
     "host a\n  acme  y  broad\n"},
    {"the last name before an option",
     "host a\n  acme x y  ttl=1..2\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x ttl=1..2\n"},
    {"several at once",
     "host a\n  acme v w x y\n",
     2,
     3,
     {false, true, true, true},
     {0},
     "host a\n  acme v\n"},
    {"the first and the third",
     "host a\n  acme v w x y\n",
     2,
     3,
     {true, false, true},
     {0},
     "host a\n  acme w y\n"},
    {"all: the line goes",
     "host a\n  acme x y # why\n  key k\n",
     2,
     3,
     {true, true},
     {0},
     "host a\n  key k\n"},
    {"a flat grant", "grant a acme x y\n", 1, 9, {true}, {0}, "grant a acme y\n"},
    {"a flat grant, all of it, without a newline",
     "host a\ngrant a acme x",
     2,
     9,
     {true},
     {0},
     "host a\n"},
    {"a port of one name",
     "host a\n  tlsa x 1/tcp 2/tcp\n",
     2,
     3,
     {true},
     {false, true},
     "host a\n  tlsa x 1/tcp\n"},
    {"a port of all names",
     "host a\n  tlsa x y 1/tcp 2/tcp\n",
     2,
     3,
     {true, true},
     {true},
     "host a\n  tlsa x y 2/tcp\n"},
    {"a name with all ports",
     "host a\n  tlsa x y 1/tcp 2/tcp\n",
     2,
     3,
     {false, true},
     {true, true},
     "host a\n  tlsa x 1/tcp 2/tcp\n"},
    {"one combination of a product",
     "host a\n  tlsa  x y 1/tcp 2/tcp  ttl=1..2 # why\n  key k\n",
     2,
     3,
     {false, true},
     {true},
     "host a\n  tlsa  x 1/tcp 2/tcp  ttl=1..2 # why\n  tlsa  y 2/tcp ttl=1..2\n  key "
     "k\n"},
    {"one combination of a flat product",
     "grant a tlsa x y 1/tcp 2/tcp",
     1,
     9,
     {true},
     {false, true},
     "grant a tlsa y 1/tcp 2/tcp\ngrant a tlsa x 1/tcp\n"},
    {"every combination", "host a\n  tlsa x 1/tcp\n", 2, 3, {true}, {true}, "host a\n"},
    {"a continued line that is emptied",
     "host a\n  acme x \\\n    y \\\n    z\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x \\\n    z\n"},
    {"the last continued line",
     "host a\n  acme x \\\n    y\n  key k\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x\n  key k\n"},
    {"the last two continued lines",
     "host a\n  acme x \\\n    y \\\n    z\n",
     2,
     3,
     {false, true, true},
     {0},
     "host a\n  acme x\n"},
    {"a continued line with a comment",
     "host a\n  acme x \\\n    y # why\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x \\\n # why\n"},
    {"part of a continued line",
     "host a\n  acme x y \\\n    z\n",
     2,
     3,
     {true},
     {0},
     "host a\n  acme y \\\n    z\n"},
    {"the end of a continued line",
     "host a\n  acme x y \\\n    z\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme x \\\n    z\n"},
    {"lines before its first word, all of it",
     "host a\n \\\n  acme x\n",
     3,
     3,
     {true},
     {0},
     "host a\n"},
    {"lines before its first word",
     "host a\n\\\n  tlsa x y 1/tcp 2/tcp\n",
     3,
     3,
     {true},
     {true},
     "host a\n  tlsa y 1/tcp 2/tcp\n  tlsa x 2/tcp\n"},
    {"quoted words",
     "host a\n  acme \"x\" \"y\" check=\"match \\\"b c\\\"\"\n",
     2,
     3,
     {false, true},
     {0},
     "host a\n  acme \"x\" check=\"match \\\"b c\\\"\"\n"},
};

static void a_grant_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(removals); i++) {
        const struct removal_case *c = &removals[i];
        struct arena arena;
        struct acledit_text after;
        const struct acledit_removal removal = {
            .place = {"site.acl", c->line, c->column},
            .drops_name = c->names,
            .drops_port = c->ports,
        };
        arena_init(&arena, 4096, 0);
        assert_case(c->name, acledit_remove(text_of(c->before), &removal, &arena,
                                            &after) == RES_OK);
        check_text(c->name, after, c->after);
        arena_fini(&arena);
    }
}

static void there_is_no_grant_there(void **state)
{
    struct arena arena;
    struct acledit_text after;
    const bool none[1] = {false};
    const struct acledit_removal removal = {
        .place = {"site.acl", 2, 4}, .drops_name = none, .drops_port = none};
    (void)state;
    arena_init(&arena, 4096, 0);
    assert_int_equal(
        acledit_remove(text_of("host a\n  acme x\n"), &removal, &arena, &after),
        RES_ENOTFOUND);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_is_added),
        cmocka_unit_test(no_word_brings_a_line_of_its_own),
        cmocka_unit_test(a_grant_is_taken),
        cmocka_unit_test(there_is_no_grant_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static const struct {
    const char *name;
    const char *own; /* NULL: the host has key lines */
    const char *before;
    const char *after;
} additions[] = {
    {"behind the last key line, as it looks", NULL,
     "host a.example\n\tkey   k1 # old\n\tkey   k2  not-after 2030-01-01T00:00:00Z\n"
     "\tacme  a.example\n",
     "host a.example\n\tkey   k1 # old\n\tkey   k2  not-after 2030-01-01T00:00:00Z\n"
     "\tkey   new\n\tacme  a.example\n"},
    {"behind a key line in the second block", NULL,
     "host a.example\n  acme a.example\nhost b.example\n  key b\nhost A.EXAMPLE.\n"
     "  key k1\n  from 192.0.2.1\n",
     "host a.example\n  acme a.example\nhost b.example\n  key b\nhost A.EXAMPLE.\n"
     "  key k1\n  key new\n  from 192.0.2.1\n"},
    {"a key line that continues", NULL,
     "host a.example\n  key k1 \\\n    not-before \\\n    2030-01-01T00:00:00Z # x\n",
     "host a.example\n  key k1 \\\n    not-before \\\n    2030-01-01T00:00:00Z # x\n"
     "  key new\n"},
    {"the implicit key first, at the head of the block", "a.example",
     "# a\nhost a.example # here\n    # why\n    acme  a.example\nhost b.example\n",
     "# a\nhost a.example # here\n    key   a.example\n    key   new\n    # why\n"
     "    acme  a.example\nhost b.example\n"},
    {"an empty block", "a.example", "host a.example",
     "host a.example\n    key a.example\n    key new\n"},
    {"no block", "a.example", "grant a.example acme a.example",
     "grant a.example acme a.example\nhost a.example\n    key a.example\n"
     "    key new\n"},
    {"another's block is another's", "a.example",
     "host b.example\n  key k1\n  acme b.example\n",
     "host b.example\n  key k1\n  acme b.example\nhost a.example\n    key a.example\n"
     "    key new\n"},
    {"an empty file", NULL, "", "host a.example\n    key new\n"},
};

static void a_key_more(void **state)
{
    struct name_buf host;

    (void)state;
    assert_int_equal(name_from_text("a.example", 9, &host), RES_OK);
    for (size_t i = 0; i < COUNT_OF(additions); i++) {
        struct arena arena;
        struct acledit_text out;
        const struct acledit_key key = {
            .host = name_of(&host),
            .host_text = "a.example",
            .key_text = "new",
            .own_text = additions[i].own,
        };
        arena_init(&arena, 4096, 0);
        assert_int_equal(
            acledit_add_key(text_of(additions[i].before), &key, &arena, &out), RES_OK);
        check_text(additions[i].name, out, additions[i].after);
        arena_fini(&arena);
    }
}

static const struct {
    const char *name;
    unsigned line, column; /* of the key's name */
    const char *before;
    const char *after; /* NULL: there is no such statement */
} removals[] = {
    {"a line in the middle", 3, 7, "host a\n  key k1\n  key k2 # why\n  acme a\n",
     "host a\n  key k1\n  acme a\n"},
    {"the last line", 3, 7, "host a\n  key k1\n  key k2", "host a\n  key k1\n"},
    {"all lines of a statement", 2, 7,
     "host a\n  key k1 \\\n     not-after \\\n     2030-01-01T00:00:00Z\n  key k2\n",
     "host a\n  key k2\n"},
    {"comments before it stay", 3, 7, "host a\n  # of k1\n  key k1\n",
     "host a\n  # of k1\n"},
    {"no word begins there", 2, 8, "host a\n  key k1\n", NULL},
    {"no such line", 9, 7, "host a\n  key k1\n", NULL},
};

static void a_statement_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(removals); i++) {
        struct arena arena;
        struct acledit_text out;
        const struct place place = {.line = removals[i].line,
                                    .column = removals[i].column};
        arena_init(&arena, 4096, 0);
        enum result result =
            acledit_remove_statement(text_of(removals[i].before), place, &arena, &out);
        assert_case(removals[i].name,
                    (result == RES_OK) == (removals[i].after != NULL));
        if (result == RES_OK)
            check_text(removals[i].name, out, removals[i].after);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_more),
        cmocka_unit_test(a_statement_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

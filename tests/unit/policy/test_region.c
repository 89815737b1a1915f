#include "policy/region.h"

#include "policy/names.h"

/* "a.*.b", "a.**.b": stars as in the ACL; "**" is the rightmost. */
static struct region region_in(struct arena *arena, const char *text)
{
    char plain[256];
    struct region region = {0};
    size_t len = 0;
    unsigned label = 0;

    for (; *text != '\0'; text++) {
        if (*text == '.')
            label++;
        if (*text == '*')
            region.stars |= UINT64_C(1) << label;
        if (text[0] == '*' && text[1] == '*')
            region.is_subtree = true;
        else
            plain[len++] = *text;
    }
    plain[len] = '\0';
    region.name = name_in(arena, plain);
    return region;
}

static const struct {
    const char *inner;
    const char *outer;
    bool is_within;
} within[] = {
    {"a.b", "a.b", true},         {"a.b", "a.c", false},
    {"a.b", "*.b", true},         {"a.b", "*.c", false},
    {"c.a.b", "*.b", false},      {"*.b", "a.b", false},
    {"*.b", "*.b", true},         {"*.b", "**.b", true},
    {"**.b", "*.b", false},       {"c.a.b", "**.b", true},
    {"b", "**.b", false},         {"*.**.b", "**.b", true},
    {"**.b", "*.**.b", false},    {"p.**.b", "**.b", true},
    {"**.b", "p.**.b", false},    {"p.**.c.b", "p.**.b", true},
    {"p.x.b", "p.**.b", true},    {"p.b", "p.**.b", false},
    {"q.x.b", "p.**.b", false},   {"*.x.b", "p.**.b", false},
    {"p.*.b", "p.**.b", true},    {"\\046.b", "*.b", false},
    {"x.\\046.b", "**.b", false}, {"\\046.b", "\\046.b", true},
};

static void test_within(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024, 0);
    for (size_t i = 0; i < COUNT_OF(within); i++) {
        struct region inner = region_in(&arena, within[i].inner);
        struct region outer = region_in(&arena, within[i].outer);
        if (region_is_within(&inner, &outer) != within[i].is_within)
            fail_msg("%s within %s", within[i].inner, within[i].outer);
    }
    arena_fini(&arena);
}

static void assert_region(const struct region *got, const struct region *expected,
                          const char *name)
{
    if (region_compare(got, expected) != 0)
        fail_msg("case \"%s\"", name);
}

static const struct {
    const char *a;
    const char *b;
    const char *both; /* NULL: none */
} meetings[] = {
    {"*.b", "a.*", "a.b"},          {"a.*.c", "*.b.c", "a.b.c"},
    {"*.*.c", "*.b.c", "*.b.c"},    {"a.*", "b.*", NULL},
    {"*.*", "*.*", "*.*"},          {"a.b", "a.b", "a.b"},
    {"a.**.c", "*.**.c", "a.**.c"},
};

static void test_meetings(void **state)
{
    struct arena arena;
    struct region both;

    (void)state;
    arena_init(&arena, 1024, 0);
    for (size_t i = 0; i < COUNT_OF(meetings); i++) {
        struct region a = region_in(&arena, meetings[i].a);
        struct region b = region_in(&arena, meetings[i].b);
        enum result res = region_meet(&a, &b, &arena, &both);
        assert_case(meetings[i].a, (res == RES_OK) == (meetings[i].both != NULL));
        if (meetings[i].both == NULL)
            continue;
        struct region expected = region_in(&arena, meetings[i].both);
        assert_region(&both, &expected, meetings[i].a);
    }
    arena_fini(&arena);
}

static void test_stretch(void **state)
{
    struct arena arena;
    struct region out;

    (void)state;
    arena_init(&arena, 1024, 0);
    struct region region = region_in(&arena, "p.**.b");
    struct region expected = region_in(&arena, "p.*.*.*.b");
    assert_int_equal(region_stretch(&region, 5, &arena, &out), RES_OK);
    assert_region(&out, &expected, "two more");
    expected = region_in(&arena, "p.*.b");
    assert_int_equal(region_stretch(&region, 3, &arena, &out), RES_OK);
    assert_region(&out, &expected, "none more");
    assert_int_equal(region_stretch(&region, 65, &arena, &out), RES_OK);
    assert_int_equal(region_stretch(&region, 66, &arena, &out), RES_ERANGE);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within),
        cmocka_unit_test(test_meetings),
        cmocka_unit_test(test_stretch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/diag.h"

#include "base/limits.h"
#include "unit.h"

static void is_formatted_with_what_is_known(void **state)
{
    static const struct {
        const char *text;
        struct diag diag;
    } cases[] = {
        {"a.acl:3:7: no such profile: x [unknown-profile]",
         {SEVERITY_ERROR, "unknown-profile", {"a.acl", 3, 7}, "no such profile: x", 0}},
        {"a.acl:3: warning: m [i]", {SEVERITY_WARNING, "i", {"a.acl", 3, 0}, "m", 0}},
        {"a.acl: m [i]", {SEVERITY_ERROR, "i", {"a.acl", 0, 7}, "m", 0}},
        {"warning: m [i]", {SEVERITY_WARNING, "i", {NULL, 3, 7}, "m", 0}},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(diag_format(&cases[i].diag, text, sizeof(text)),
                            cases[i].text);
    assert_string_equal(diag_format(&cases[0].diag, text, 6), "a.acl");
}

static void sorts_by_place_and_keeps_equals(void **state)
{
    struct diags diags;
    char order[16] = "";

    (void)state;
    diags_init(&diags);
    diags_error(&diags, (struct place){"b", 1, 1}, "i", "4");
    diags_warn(&diags, (struct place){"a", 10, 1}, "i", "3");
    diags_error(&diags, (struct place){"a", 9, 2}, "i", "1");
    diags_error(&diags, (struct place){"b", 1, 1}, "i", "5");
    diags_error(&diags, (struct place){"a", 9, 2}, "i", "2");
    diags_error(&diags, (struct place){NULL, 0, 0}, "i", "0");
    diags_sort(&diags);
    for (const struct diag *diag = diags.first; diag != NULL; diag = diag->next)
        strcat(order, diag->message);
    assert_string_equal(order, "012345");
    assert_string_equal(diags.last->message, "5");
    assert_int_equal(diags.errors, 5);
    assert_int_equal(diags.warnings, 1);
    diags_fini(&diags);
}

static void a_terminal_is_not_steered(void **state)
{
    struct diags diags;

    (void)state;
    diags_init(&diags);
    diags_error(&diags, (struct place){0}, "i", "word %s", "\033[2J\n\177");
    assert_string_equal(diags.first->message, "word ?[2J??");
    diags_fini(&diags);
}

static void all_are_counted_though_not_listed(void **state)
{
    struct diags diags;
    size_t listed = 0;

    (void)state;
    diags_init(&diags);
    for (unsigned i = 0; i < LIMIT_DIAGNOSTICS + 5; i++)
        diags_error(&diags, (struct place){"f", i, 0}, "i", "m");
    for (const struct diag *diag = diags.first; diag != NULL; diag = diag->next)
        listed++;
    assert_int_equal(listed, LIMIT_DIAGNOSTICS);
    assert_int_equal(diags.errors, LIMIT_DIAGNOSTICS + 5);
    diags_fini(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_formatted_with_what_is_known),
        cmocka_unit_test(sorts_by_place_and_keeps_equals),
        cmocka_unit_test(a_terminal_is_not_steered),
        cmocka_unit_test(all_are_counted_though_not_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

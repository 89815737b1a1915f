#include "conf/aclparse.h"

#include "base/limits.h"

#include "unit.h"

/* The compiled expression, or NULL; *told how many errors. */
static regex_t *parse(struct acl_source *source, const char *text, size_t *told)
{
    struct diags diags;
    regex_t *regex = NULL;

    diags_init(&diags);
    struct acl_parser parser = {.source = source, .diags = &diags};
    struct acl_word word = {.text = text, .len = strlen(text), .raw = text};
    if (acl_regex_parse(&parser, &word, &regex) != RES_OK)
        regex = NULL;
    *told = diags.errors;
    diags_fini(&diags);
    return regex;
}

static void whole_values_match(void **state)
{
    static const struct {
        const char *regex, *match, *near_miss;
    } cases[] = {
        {"a", "a", "ab"},
        {"a|b", "b", "ab"}, /* would not be anchored without the group */
        {"v=spf1( ip4:[0-9.]+)* -all", "v=spf1 ip4:192.0.2.1 -all", "v=spf1 +all"},
        {"[a-z0-9-]+\\.example\\.", "mx1.example.", "mx1xexample."},
        {"[A-Za-z0-9_-]{43}", "0123456789012345678901234567890123456789abc", "0123"},
        {"[]a]+", "]a]", "b"},
        {"[^]]", "a", "]"},
        {"[[:digit:]]{2,3}", "123", "1"},
        {"(a{2}|b)*", "aabaa", "a"},
        {"[\\1]", "\\", "a"}, /* in brackets a backslash is one */
        {"\\$\\(x\\)", "$(x)", "x"},
        {"()", "", "a"},
        {"[a-z]", "z", "Z"},
    };
    struct acl_source source;
    size_t told = 0;

    (void)state;
    acl_source_init(&source);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        regex_t *regex = parse(&source, cases[i].regex, &told);
        assert_case(cases[i].regex, regex != NULL && told == 0);
        assert_case(cases[i].regex, regexec(regex, cases[i].match, 0, NULL, 0) == 0);
        assert_case(cases[i].regex,
                    regexec(regex, cases[i].near_miss, 0, NULL, 0) != 0);
    }
    acl_source_fini(&source);
}

static void others_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "(a)\\1",
        "a)|(b",
        "a)",
        "(a",
        "[a",
        "[[:digit:]",
        "[[:x",
        "*a",
        "a**",
        "a{2}{3}",
        "(a{2}){3}",
        "((a{2})*){3}",
        "a{1,0}",
        "a{",
        "a{x}",
        "a{513}",
        "a{300}b{300}",
        "a{99999999999999999999}",
        "\\w+",
        "a\\",
        "\\<a",
        "(*a)",
        "a|*",
        "[[:nope:]]",
        "(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))",
    };
    struct acl_source source;
    char longer[LIMIT_REGEX_OCTETS + 2];
    size_t told = 0;

    (void)state;
    acl_source_init(&source);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_case(cases[i], parse(&source, cases[i], &told) == NULL);
        assert_case(cases[i], told == 1);
    }
    memset(longer, 'a', sizeof(longer));
    longer[LIMIT_REGEX_OCTETS + 1] = '\0';
    assert_null(parse(&source, longer, &told));
    longer[LIMIT_REGEX_OCTETS] = '\0';
    assert_non_null(parse(&source, longer, &told));
    acl_source_fini(&source);
}

static void the_same_again_is_compiled_once(void **state)
{
    struct acl_source source;
    size_t told = 0;

    (void)state;
    acl_source_init(&source);
    regex_t *first = parse(&source, "a+", &told);
    assert_ptr_equal(parse(&source, "a+", &told), first);
    assert_ptr_not_equal(parse(&source, "b+", &told), first);
    acl_source_fini(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_values_match),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(the_same_again_is_compiled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

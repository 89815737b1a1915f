#include "base/guess.h"

#include "unit.h"

struct guess_case {
    const char *word, *guess;
};

static void check(const struct guess_case *cases, size_t count,
                  const char *const *candidates, size_t candidate_count)
{
    for (size_t i = 0; i < count; i++) {
        struct guess guess = guess_of(cases[i].word);
        for (size_t j = 0; j < candidate_count; j++)
            guess_add(&guess, candidates[j]);
        const char *got = guess.text != NULL ? guess.text : "-";
        if (strcmp(got, cases[i].guess != NULL ? cases[i].guess : "-") != 0)
            fail_msg("%s: %s", cases[i].word, got);
    }
}

static void test_words(void **state)
{
    static const struct guess_case cases[] = {
        {"hots", "host"},    {"hst", "host"},      {"hosts", "host"},
        {"grnt", "grant"},   {"granted", "grant"}, {"gate", NULL},
        {"x", NULL},         {"ho", NULL},         {"every_host", "every-host"},
        {"aliass", "alias"}, {"zzzzzzzzzz", NULL}, {"", NULL},
    };
    static const char *const candidates[] = {"alias", "every-host", "grant", "host"};

    (void)state;
    check(cases, COUNT_OF(cases), candidates, COUNT_OF(candidates));
}

/* What a host's name has in common with all others does not make it too long. */
static void test_names(void **state)
{
    static const struct guess_case cases[] = {
        {"mx1.a-rather-long-domain.example.org", NULL},
        {"mail.a-rather-long-domian.example.org",
         "mail.a-rather-long-domain.example.org"},
        {"mial.a-rather-long-domain.example.org",
         "mail.a-rather-long-domain.example.org"},
        {"mail.a-rather-long-domain.example.net", NULL},
        {"www.a-rather-long-domain.example.orgg",
         "www.a-rather-long-domain.example.org"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    static const char *const candidates[] = {"mail.a-rather-long-domain.example.org",
                                             "www.a-rather-long-domain.example.org"};

    (void)state;
    check(cases, COUNT_OF(cases), candidates, COUNT_OF(candidates));
}

/* Of two that are as near the first in the alphabet, whatever came first. */
static void test_tie(void **state)
{
    static const struct guess_case cases[] = {{"mx3", "mx1"}, {"mx22", "mx2"}};
    static const char *const candidates[] = {"mx2", "mx1"};

    (void)state;
    check(cases, COUNT_OF(cases), candidates, COUNT_OF(candidates));
}

static void test_text(void **state)
{
    struct guess guess = guess_of("hots");

    (void)state;
    assert_string_equal(guess_lead(&guess), "");
    assert_string_equal(guess_text(&guess), "");
    guess_add(&guess, "host");
    assert_string_equal(guess_lead(&guess), "; did you mean ");
    assert_string_equal(guess_text(&guess), "host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_tie),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

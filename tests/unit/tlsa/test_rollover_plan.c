#include "tlsa/rollover_plan.h"

#include "unit.h"

/* ---- what is next ---- */

/* clang-format off */
static const struct {
    const char *name;
    enum rollover_step step; /* saved: */
    uint32_t ttl_s;
    int64_t since_s;
    struct rollover_seen seen;
    int64_t now_s;
    enum rollover_action action; /* wanted: */
    enum rollover_step then;
    uint32_t then_ttl_s;
    int64_t until_s;
} cases[] = {
    /* publish */
    {"not published yet", ROLLOVER_PUBLISH, 0, 0, {ROLLOVER_LACKS, true, 300, false},
     1000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH, 300, 0},
    {"first time ever: the negative TTL", ROLLOVER_PUBLISH, 0, 0,
     {ROLLOVER_LACKS, true, 3600, false}, 1000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     3600, 0},
    {"nobody tells what caches keep", ROLLOVER_PUBLISH, 0, 0,
     {ROLLOVER_AWAY, false, 0, false}, 1000, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_PUBLISH, 0,
     0},
    {"a name server is away: published all the same", ROLLOVER_PUBLISH, 0, 0,
     {ROLLOVER_AWAY, true, 300, false}, 1000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     300, 0},
    {"published, a secondary lags", ROLLOVER_PUBLISH, 300, 0,
     {ROLLOVER_LACKS, true, 300, true}, 1000, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_PUBLISH,
     300, 0},
    {"published, a secondary is away", ROLLOVER_PUBLISH, 300, 0,
     {ROLLOVER_AWAY, true, 300, true}, 1000, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_PUBLISH,
     300, 0},
    {"all serve: the wait begins", ROLLOVER_PUBLISH, 300, 0,
     {ROLLOVER_SERVES, true, 300, true}, 1000, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 300,
     1601},
    {"the greatest TTL counts: seen before", ROLLOVER_PUBLISH, 3600, 0,
     {ROLLOVER_SERVES, true, 300, true}, 1000, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 3600,
     8201},
    {"the greatest TTL counts: seen now", ROLLOVER_PUBLISH, 60, 0,
     {ROLLOVER_SERVES, true, 300, true}, 1000, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 300,
     1601},
    {"nothing is published: no wait", ROLLOVER_PUBLISH, 0, 0,
     {ROLLOVER_SERVES, false, 0, false}, 1000, ROLLOVER_DO_DEPLOY, ROLLOVER_DEPLOY, 0,
     0},
    /* wait */
    {"a second too early", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_SERVES, true, 300, false}, 1600, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 300,
     1601},
    {"it is over", ROLLOVER_WAIT, 300, 1000, {ROLLOVER_SERVES, true, 300, false}, 1601,
     ROLLOVER_DO_DEPLOY, ROLLOVER_DEPLOY, 300, 0},
    {"over long since, as after a power cut", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_SERVES, true, 300, false}, 1000000, ROLLOVER_DO_DEPLOY, ROLLOVER_DEPLOY,
     300, 0},
    {"a greater TTL makes it longer", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_SERVES, true, 900, false}, 1600, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 900,
     2801},
    {"the clock went back: it begins anew", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_SERVES, true, 300, false}, 500, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 300,
     1101},
    {"a name server away while it lasts", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_AWAY, true, 300, false}, 1100, ROLLOVER_DO_SLEEP, ROLLOVER_WAIT, 300,
     1601},
    {"a name server away at its end", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_AWAY, true, 300, false}, 1601, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_WAIT, 300,
     0},
    {"an operator deleted the record", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_LACKS, true, 300, false}, 1599, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     300, 0},
    {"it deleted all: the negative TTL", ROLLOVER_WAIT, 300, 1000,
     {ROLLOVER_LACKS, true, 3600, false}, 2000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     3600, 0},
    /* deploy */
    {"deploy", ROLLOVER_DEPLOY, 300, 1000, {ROLLOVER_SERVES, true, 300, false}, 5,
     ROLLOVER_DO_DEPLOY, ROLLOVER_DEPLOY, 300, 0},
    {"not deployed while one cannot tell", ROLLOVER_DEPLOY, 300, 1000,
     {ROLLOVER_AWAY, true, 300, false}, 2000, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_DEPLOY,
     300, 0},
    {"not deployed without records", ROLLOVER_DEPLOY, 300, 1000,
     {ROLLOVER_LACKS, true, 300, false}, 2000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     300, 0},
    /* retire */
    {"retire", ROLLOVER_RETIRE, 300, 1000, {ROLLOVER_SERVES, true, 300, false}, 5,
     ROLLOVER_DO_RETIRE, ROLLOVER_RETIRE, 300, 0},
    {"nothing is deleted while one cannot tell", ROLLOVER_RETIRE, 300, 1000,
     {ROLLOVER_AWAY, true, 300, false}, 2000, ROLLOVER_DO_ASK_AGAIN, ROLLOVER_RETIRE,
     300, 0},
    {"nothing is deleted where the new one is gone", ROLLOVER_RETIRE, 300, 1000,
     {ROLLOVER_LACKS, true, 300, false}, 2000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     300, 0},
    /* done */
    {"done", ROLLOVER_DONE, 300, 1000, {ROLLOVER_SERVES, true, 300, false}, 2000,
     ROLLOVER_DO_NOTHING, ROLLOVER_DONE, 300, 0},
    {"done, and a name server is away", ROLLOVER_DONE, 300, 1000,
     {ROLLOVER_AWAY, true, 300, false}, 2000, ROLLOVER_DO_NOTHING, ROLLOVER_DONE, 300,
     0},
    {"done, and somebody deleted the record", ROLLOVER_DONE, 300, 1000,
     {ROLLOVER_LACKS, true, 300, false}, 2000, ROLLOVER_DO_PUBLISH, ROLLOVER_PUBLISH,
     300, 0},
};
/* clang-format on */

static void test_next(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *name = cases[i].name;
        struct rollover_state saved = {
            .step = cases[i].step,
            .ttl_s = cases[i].ttl_s,
            .since = {.wall_s = cases[i].since_s},
        };
        const struct rollover_time now = {.wall_s = cases[i].now_s};
        int64_t until_s = -1;
        assert_case(name, rollover_next(&saved, &cases[i].seen, &now, &until_s) ==
                              cases[i].action);
        assert_case(name, saved.step == cases[i].then);
        assert_case(name, saved.ttl_s == cases[i].then_ttl_s);
        assert_case(name, until_s == cases[i].until_s);
    }
}

/* Saved at any moment and read again, it says the same: what was cut off goes on. */
static void test_asked_twice_it_says_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rollover_state saved = {
            .step = cases[i].step,
            .ttl_s = cases[i].ttl_s,
            .since = {.wall_s = cases[i].since_s},
        };
        const struct rollover_time now = {.wall_s = cases[i].now_s};
        int64_t first_s;
        int64_t second_s;
        enum rollover_action action =
            rollover_next(&saved, &cases[i].seen, &now, &first_s);
        assert_case(cases[i].name,
                    rollover_next(&saved, &cases[i].seen, &now, &second_s) == action);
        assert_case(cases[i].name, first_s == second_s);
    }
}

/* 300 s of TTL, begun at 1000 by the wall and 10 since boot "a": which clock decides.
 */
static void test_clocks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct rollover_time now;
        enum rollover_action action;
        int64_t until_s;
    } clocks[] = {
        {"both say so", {1601, 611, "a"}, ROLLOVER_DO_DEPLOY, 0},
        {"a second by the other clock", {1601, 610, "a"}, ROLLOVER_DO_SLEEP, 1602},
        {"the wall leaps ahead", {1000000, 20, "a"}, ROLLOVER_DO_SLEEP, 1000591},
        {"a second by the wall", {1001, 700, "a"}, ROLLOVER_DO_SLEEP, 1601},
        {"the wall goes back", {500, 700, "a"}, ROLLOVER_DO_SLEEP, 1101},
        {"another boot", {1601, 5, "b"}, ROLLOVER_DO_DEPLOY, 0},
        {"no boot is known", {1601, 0, ""}, ROLLOVER_DO_DEPLOY, 0},
    };
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        struct rollover_state saved = {
            .step = ROLLOVER_WAIT, .ttl_s = 300, .since = {1000, 10, "a"}};
        const struct rollover_seen seen = {.view = ROLLOVER_SERVES, .has_ttl = true};
        int64_t until_s;
        assert_case(clocks[i].name, rollover_next(&saved, &seen, &clocks[i].now,
                                                  &until_s) == clocks[i].action);
        assert_case(clocks[i].name, until_s == clocks[i].until_s);
    }
}

static void test_success(void **state)
{
    (void)state;
    static const uint8_t octets[] = {3, 1, 1, 1};
    struct rollover_state saved = {.step = ROLLOVER_DEPLOY,
                                   .goal = {.id = "new"},
                                   .deployed = "old",
                                   .retired = {{{octets, 4}}, 1}};
    rollover_succeed(&saved);
    assert_int_equal(saved.step, ROLLOVER_RETIRE);
    assert_string_equal(saved.deployed, "new");
    assert_int_equal(saved.retired.count, 1);
    rollover_succeed(&saved);
    assert_int_equal(saved.step, ROLLOVER_DONE);
    assert_int_equal(saved.retired.count, 0);
}

/* ---- the whole, with a cache ---- */

/* A whole roll-over second by second, with name servers that lag and the worst cache:
 * it fetched the old RRset from the last server just before that one had the new one.
 */
static void test_no_cache_is_ever_wrong(void **state)
{
    (void)state;
    enum { TTL_S = 30, LAG_S = 17, OLD = 1, NEW = 2 };
    struct rollover_state saved = {.step = ROLLOVER_PUBLISH};
    int64_t published_s = -1;
    int64_t deployed_s = -1;
    int64_t retired_s = -1;
    for (int64_t now_s = 100; now_s < 400; now_s++) {
        const struct rollover_time now = {.wall_s = now_s};
        int64_t until_s;
        bool all_serve = published_s >= 0 && now_s >= published_s + LAG_S;
        const struct rollover_seen seen = {
            .view = all_serve ? ROLLOVER_SERVES : ROLLOVER_LACKS,
            .has_ttl = true,
            .ttl_s = TTL_S,
            .is_published = published_s >= 0,
        };
        enum rollover_action action = rollover_next(&saved, &seen, &now, &until_s);
        if (action == ROLLOVER_DO_PUBLISH)
            published_s = now_s;
        if (action == ROLLOVER_DO_DEPLOY)
            deployed_s = now_s;
        if (action == ROLLOVER_DO_RETIRE)
            retired_s = now_s;
        if (action == ROLLOVER_DO_DEPLOY || action == ROLLOVER_DO_RETIRE)
            rollover_succeed(&saved);
        /* The cache's records may be from any of the last TTL_S seconds. */
        for (int64_t cached_s = now_s - TTL_S; cached_s <= now_s; cached_s++) {
            int records = OLD;
            if (published_s >= 0 && cached_s >= published_s + LAG_S)
                records |= NEW;
            if (retired_s >= 0 && cached_s >= retired_s)
                records &= ~OLD;
            assert_true((records & (deployed_s >= 0 ? NEW : OLD)) != 0);
        }
    }
    assert_int_equal(deployed_s, published_s + LAG_S + 2 * TTL_S + 1);
    assert_int_equal(retired_s, deployed_s + 1);
    assert_int_equal(saved.step, ROLLOVER_DONE);
}

static void test_names_of_steps(void **state)
{
    (void)state;
    enum rollover_step step;
    for (int i = ROLLOVER_PUBLISH; i <= ROLLOVER_DONE; i++) {
        assert_int_equal(
            rollover_step_parse(rollover_step_name((enum rollover_step)i), &step),
            RES_OK);
        assert_int_equal(step, i);
    }
    assert_int_equal(rollover_step_parse("", &step), RES_ENOTFOUND);
    assert_int_equal(rollover_step_parse("Done", &step), RES_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_asked_twice_it_says_the_same),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_no_cache_is_ever_wrong),
        cmocka_unit_test(test_names_of_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

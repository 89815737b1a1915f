/* What a restart forgets, and what makes up for it (I4, D9, T-20). */
#include "words.h"

/* D9: the table comes back from the audit log. */
static void test_restart_forgets_nothing(void **state)
{
    (void)state;
    struct ask *before = add_native(1);
    expect_reply(before, RCODE_NOERROR, "");
    stage_advance(&stage, 10 * SECOND);
    stage_restart(&stage);
    assert_int_equal(stage_counter(&stage, "transactions"), 1);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(strstr(stage.paper.chars, ",\"transactions\":1,\"prev\":"));
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR, "");
    stage_restart(&stage);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR, "");
    assert_int_equal(before->applied, 1);
    /* What was signed before the start and never came is as good as new. */
    expect_reply(stage_ask(&stage, &(struct wish){.key = MX1,
                                                  .zone = DYN,
                                                  .signed_ago_s = 200,
                                                  .items = {ADD(NATIVE, 2)}}),
                 RCODE_NOERROR, "");
}

/* The recorded RCODE is the one that was given; a refusal is judged again. */
static void test_restart_keeps_rcodes(void **state)
{
    (void)state;
    struct wish wish = {
        .key = MX1,
        .zone = DYN,
        .items = {{UPDATE_PREREQ, NATIVE, "TXT", .class = 255}, ADD(NATIVE, 1)}};
    struct ask *failed = stage_ask(&stage, &wish);
    expect_reply(failed, RCODE_NXRRSET, "prerequisite-failed");
    struct ask *refused =
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, 1)}});
    expect_reply(refused, RCODE_REFUSED, "name-not-granted");
    expect_reply(add_native(2), RCODE_NOERROR, "");
    stage_restart(&stage);
    assert_int_equal(stage_counter(&stage, "transactions"), 2);
    expect_reply(stage_repeat(&stage, failed, false), RCODE_NXRRSET, NULL);
    expect_reply(stage_repeat(&stage, refused, false), RCODE_REFUSED,
                 "name-not-granted");
}

/* The window has passed: nothing is kept that nobody believes any more. */
static void test_restart_after_the_window(void **state)
{
    (void)state;
    struct ask *before = add_native(1);
    stage_advance(&stage, 310 * SECOND);
    stage_restart(&stage);
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOTAUTH, ""); /* T-8 */
}

/* F-5: the primary's late answer is the last word, after a restart as well. */
static void test_restart_after_a_late_answer(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = 4 * SECOND});
    struct ask *before = add_native(1);
    stage_advance(&stage, 5 * SECOND);
    expect_reply(before, RCODE_SERVFAIL, "outcome-unknown");
    stage_restart(&stage);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR, "");
    assert_int_equal(before->applied, 1);
}

/* L-4: the new file alone has all that a restart needs. */
static void test_restart_after_a_rotation(void **state)
{
    uint64_t carried = 0;

    (void)state;
    struct ask *before = add_native(1);
    expect_reply(before, RCODE_NOERROR, "");
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *answered = add_native(2);
    primary_expect(&stage.primary, (struct order){KIND_UPDATE, .trick = TRICK_SILENT});
    struct ask *open = add_token(3);
    log_scan_free(&stage.paper.scan);
    stage.paper.scan = log_scan_new(0);
    assert_int_equal(txns_rotated(stage.txns, stage.now, &carried), RES_OK);
    assert_int_equal(carried, 3);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(
        strstr(stage.paper.chars, "{\"event\":\"rotated\",\"time\":\"2026-"));
    assert_non_null(
        strstr(stage.paper.chars, "{\"event\":\"carried\",\"time\":\"2026-"));
    stage_advance(&stage, SECOND);
    expect_reply(answered, RCODE_NOERROR, ""); /* its result is in the new file */
    stage_restart(&stage);
    assert_int_equal(stage_counter(&stage, "transactions"), 3);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, answered, false), RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, open, false), RCODE_SERVFAIL, NULL);
    assert_int_equal(before->applied + answered->applied, 2);
    assert_in_range(open->applied, 0, 1);
}

/* L-4: nor does it take the old file for what waits for its sync: the result is there,
 * and no line in the new one would follow. */
static void test_restart_after_a_rotation_within_a_sync(void **state)
{
    static const int64_t delays_us[] = {SECOND, 4 * SECOND}; /* F-5 is between them */
    static const enum rcode rcodes[] = {RCODE_NOERROR, RCODE_SERVFAIL};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t carried = 0;
        stage.paper.sync_delay_us = delays_us[i];
        struct ask *before = add_native(1 + i);
        stage_advance(&stage, delays_us[i] - SECOND / 2);
        log_scan_free(&stage.paper.scan);
        stage.paper.scan = log_scan_new(0);
        assert_int_equal(txns_rotated(stage.txns, stage.now, &carried), RES_OK);
        assert_int_equal(carried, 1 + i);
        stage_advance(&stage, SECOND);
        expect_reply(before, rcodes[i], NULL);
        stage_restart(&stage);
        expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR, "");
        assert_int_equal(before->applied, 1);
    }
}

/* T-20: a power failure may have taken intents that were not yet on disk. What was
 * signed before it is too old, also for the start after the next one. */
static void test_machine_restarts(void **state)
{
    (void)state;
    struct wish wish = {.key = MX1, .zone = DYN, .items = {ADD(NATIVE, 1)}};
    struct ask *before = stage_ask(&stage, &wish);
    expect_reply(before, RCODE_NOERROR, "");
    stage_advance(&stage, 20 * SECOND);
    stage.booted_us = stage.now.real_us - 10 * SECOND;
    stage_restart(&stage);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOERROR,
                 ""); /* it is here */
    wish.signed_ago_s = 15;
    wish.items[0] = (struct item)ADD(NATIVE, 2);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOTAUTH, "time-skew");
    wish.signed_ago_s = 5;
    wish.items[0] = (struct item)ADD(NATIVE, 3);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
    stage_restart(&stage);
    wish.signed_ago_s = 15;
    wish.items[0] = (struct item)ADD(NATIVE, 4);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOTAUTH, "time-skew");
}

/* T-20: the start after one without usable lines knows what that one did not. */
static void test_what_was_forgotten_stays_so(void **state)
{
    (void)state;
    struct ask *before = add_native(1);
    stage_advance(&stage, 10 * SECOND);
    stage.paper.is_unusable = true;
    stage_restart(&stage);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOTAUTH, "time-skew");
    stage_advance(&stage, 10 * SECOND);
    stage.paper.is_unusable = false;
    stage_restart(&stage);
    struct wish wish = {
        .key = MX1, .zone = DYN, .signed_ago_s = 15, .items = {ADD(NATIVE, 2)}};
    expect_reply(stage_ask(&stage, &wish), RCODE_NOTAUTH, "time-skew");
    wish.signed_ago_s = 5;
    wish.items[0] = (struct item)ADD(NATIVE, 3);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

static void test_restart_while_in_flight(void **state)
{
    (void)state;
    primary_expect(&stage.primary, (struct order){KIND_UPDATE, .trick = TRICK_SILENT});
    struct ask *before = add_native(1);
    stage_advance(&stage, SECOND);
    stage_restart(&stage);
    struct ask *copy = stage_repeat(&stage, before, false);
    assert_int_equal(copy->replies, 1);
    assert_int_not_equal(copy->rcode, RCODE_NOERROR);
    assert_int_equal(before->applied, 1);
}

/* Without usable lines: signed before the start is too old, for as long as it could be
 * a replay. */
static void test_start_rule(void **state)
{
    (void)state;
    stage_advance(&stage, SECOND / 2);
    stage.paper.is_unusable = true;
    stage_restart(&stage);
    stage_advance(&stage, SECOND / 4);
    /* Signed now, after the start; but a whole second says no more than that it may
     * have been before. */
    struct wish wish = {.key = MX1, .zone = DYN, .items = {ADD(NATIVE, 1)}};
    struct ask *old = stage_ask(&stage, &wish);
    expect_reply(old, RCODE_NOTAUTH, "time-skew");
    assert_int_equal(old->tsig_error, TSIG_BADTIME);
    stage_advance(&stage, SECOND / 4);
    expect_reply(add_native(2), RCODE_NOERROR, "");
    stage_advance(&stage, 301 * SECOND);
    wish.signed_ago_s = 200;
    wish.items[0] = (struct item)ADD(NATIVE, 3);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

/* The last moment of it: a request of the second of the start can still be believed. */
static void test_start_rule_ends(void **state)
{
    struct wish wish = {
        .key = MX1, .zone = DYN, .signed_ago_s = 300, .items = {ADD(NATIVE, 1)}};

    (void)state;
    stage.paper.is_unusable = true;
    stage_restart(&stage);
    stage_advance(&stage, 300 * SECOND);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOTAUTH, "time-skew");
    wish.signed_ago_s = 299;
    wish.items[0] = (struct item)ADD(NATIVE, 2);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

/* T-8's window has whole seconds: the rule holds for the rest of its last one too. */
static void test_start_rule_within_its_last_second(void **state)
{
    (void)state;
    stage_advance(&stage, SECOND / 5);
    struct ask *before = add_native(1);
    expect_reply(before, RCODE_NOERROR, "");
    stage_advance(&stage, SECOND / 5);
    stage.paper.is_unusable = true;
    stage_restart(&stage);
    stage_advance(&stage, 300 * SECOND + SECOND / 5);
    expect_reply(stage_repeat(&stage, before, false), RCODE_NOTAUTH, "time-skew");
    assert_int_equal(before->applied, 1);
}

/* No audit file at all: there is nothing that could be replayed. */
static void test_first_start_has_no_such_rule(void **state)
{
    (void)state;
    struct wish wish = {
        .key = MX1, .zone = DYN, .signed_ago_s = 299, .items = {ADD(NATIVE, 1)}};
    assert_non_null(strstr(stage.paper.chars, "\"forgotten\":null,"));
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_restart_forgets_nothing),
        CASE(test_restart_keeps_rcodes),
        CASE(test_restart_after_the_window),
        CASE(test_restart_after_a_late_answer),
        CASE(test_restart_after_a_rotation),
        CASE(test_restart_after_a_rotation_within_a_sync),
        CASE(test_machine_restarts),
        CASE(test_what_was_forgotten_stays_so),
        CASE(test_restart_while_in_flight),
        CASE(test_start_rule),
        CASE(test_start_rule_ends),
        CASE(test_start_rule_within_its_last_second),
        CASE(test_first_start_has_no_such_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

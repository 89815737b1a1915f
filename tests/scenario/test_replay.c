/* A signed request is executed once at most, whatever is repeated (I4, T-19 ...). */
#include "words.h"

/* nsupdate's after a lost reply; knsupdate's, from a new port. */
static void test_retransmission(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    size_t lines = stage.paper.len;
    stage_advance(&stage, 3 * SECOND);
    for (int i = 0; i < 3; i++) {
        struct ask *copy = stage_repeat(&stage, ask, i == 0);
        expect_reply(copy, RCODE_NOERROR, "");
        assert_true(copy->is_signed);
    }
    assert_int_equal(ask->applied, 1);
    assert_int_equal(stage.paper.len, lines); /* L-1: no line */
    assert_int_equal(stage_counter(&stage, "repeated"), 3);

    stage_advance(&stage, 60 * SECOND);
    assert_non_null(strstr(stage.paper.chars + lines,
                           "\"host\":\"" MX1
                           "\",\"duplicates\":3,\"rate_limited\":0,"));
}

/* The recorded RCODE, whatever it was; the prerequisite is not asked again, which by
 * now would fail (RFC 2136 7.8). */
static void test_recorded_rcode(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .zone = DYN,
                               .items = {{UPDATE_PREREQ, NATIVE, "TXT", .class = 254},
                                         ADD(NATIVE, 1)}});
    expect_reply(ask, RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");

    struct ask *failed = stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .zone = DYN,
                               .items = {{UPDATE_PREREQ, NATIVE, "TXT", .class = 254},
                                         ADD(NATIVE, 2)}});
    expect_reply(failed, RCODE_YXRRSET, "prerequisite-failed");
    primary_remove(&stage.primary, NATIVE, "TXT");
    expect_reply(stage_repeat(&stage, failed, false), RCODE_YXRRSET, NULL);
}

/* An attacker's recording, until the window closes and after it. */
static void test_replay_until_the_window_closes(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    primary_remove(&stage.primary, NATIVE, "TXT");
    for (int i = 0; i < 30; i++) {
        stage_advance(&stage, 10 * SECOND);
        expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    }
    for (int i = 0; i < 30; i++) {
        stage_advance(&stage, SECOND);
        struct ask *copy = stage_repeat(&stage, ask, false);
        expect_reply(copy, RCODE_NOTAUTH, "");
        assert_int_equal(copy->tsig_error, TSIG_BADTIME);
    }
    assert_int_equal(ask->applied, 1);
    assert_int_equal(primary_has(&stage.primary, NATIVE, "TXT", NULL), 0);
}

/* T-19: its place in the table is nobody else's in the last second of the window. */
static void test_replay_in_the_last_second(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    stage_advance(&stage, 301 * SECOND - 1);
    expect_reply(add_native(2), RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* T-8: the window has whole seconds, to their ends. */
static void test_edge_of_the_window(void **state)
{
    struct wish wish = {
        .key = MX1, .zone = DYN, .signed_ago_s = 300, .items = {ADD(NATIVE, 1)}};

    (void)state;
    stage_advance(&stage, SECOND - 1);
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

static void wide_window(struct settings *settings)
{
    settings->max_fudge_s = 3600;
}

/* A reload that widens the window opens it for no request that is forgotten already. */
static void test_replay_into_a_wider_window(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(&stage, &(struct wish){.key = MX1,
                                                       .zone = DYN,
                                                       .fudge_s = 3600,
                                                       .items = {ADD(NATIVE, 1)}});
    expect_reply(ask, RCODE_NOERROR, "");
    stage_advance(&stage, 400 * SECOND);
    struct ask *recent = stage_ask(&stage, &(struct wish){.key = MX1,
                                                          .zone = DYN,
                                                          .fudge_s = 3600,
                                                          .items = {ADD(NATIVE, 2)}});
    expect_reply(recent, RCODE_NOERROR, "");
    stage_reload(&stage, site_acl, wide_window);
    stage_repeat(&stage, ask, false); /* answered, as long as the entry is there */
    expect_reply(stage_ask(&stage, &(struct wish){.key = MX1,
                                                  .zone = DYN,
                                                  .signed_ago_s = 400,
                                                  .fudge_s = 3600,
                                                  .items = {ADD(NATIVE, 4)}}),
                 RCODE_NOTAUTH, "time-skew");
    expect_reply(stage_repeat(&stage, recent, false), RCODE_NOERROR, "");
    stage_advance(&stage, 1000 * SECOND);
    expect_reply(stage_ask(&stage, &(struct wish){.key = MX1,
                                                  .zone = DYN,
                                                  .signed_ago_s = 900,
                                                  .fudge_s = 3600,
                                                  .items = {ADD(NATIVE, 3)}}),
                 RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* Signed as far ahead as the window allows: it is remembered for as long as it could
 * be replayed. */
static void test_replay_from_the_future(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(&stage, &(struct wish){.key = MX1,
                                                       .zone = DYN,
                                                       .signed_ago_s = -300,
                                                       .items = {ADD(NATIVE, 1)}});
    expect_reply(ask, RCODE_NOERROR, "");
    stage_advance(&stage, 600 * SECOND);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    stage_advance(&stage, SECOND);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOTAUTH, "");
    assert_int_equal(ask->applied, 1);
}

/* The same words, signed anew, are another request. */
static void test_signed_anew_is_new(void **state)
{
    (void)state;
    expect_reply(add_native(1), RCODE_NOERROR, "");
    stage_advance(&stage, SECOND);
    expect_reply(add_native(1), RCODE_NOERROR, "");
    assert_int_equal(stage.primary.received[KIND_UPDATE], 2);
}

/* T-19: who repeats while it is under way gets the same answer; the first and the
 * last three copies over UDP, and each connection that asked. */
static void test_copies_in_flight(void **state)
{
    struct ask *copies[5];

    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_native(1);
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        copies[i] = stage_repeat(&stage, ask, i == 0);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        assert_int_equal(copies[i]->replies, i < 2 ? 0 : 1);
    assert_int_equal(stage.primary.received[KIND_UPDATE], 1);
}

/* A copy over TCP takes no place of those over UDP, nor does it need one. */
static void test_copies_in_flight_both_ways(void **state)
{
    struct ask *copies[3];

    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_native(1);
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        copies[i] = stage_repeat(&stage, ask, false);
    struct ask *over_tcp = stage_repeat_over_tcp(&stage, ask);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        expect_reply(copies[i], RCODE_NOERROR, "");
    expect_reply(over_tcp, RCODE_NOERROR, "");
}

static void test_copies_in_flight_over_tcp(void **state)
{
    struct ask *copies[6];

    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = stage_ask(&stage, &(struct wish){.key = MX1,
                                                       .zone = DYN,
                                                       .is_tcp = true,
                                                       .items = {ADD(NATIVE, 1)}});
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        copies[i] = stage_repeat(&stage, ask, i == 0);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        expect_reply(copies[i], RCODE_NOERROR, "");
    assert_int_equal(stage.primary.received[KIND_UPDATE], 1);
}

/* While the look-up is under way too. */
static void test_copy_during_lookup(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_token(1);
    struct ask *copy = stage_repeat(&stage, ask, false);
    stage_advance(&stage, 3 * SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    expect_reply(copy, RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* T-22: what had no effect is judged again. */
static void test_refused_is_judged_again(void **state)
{
    static const char granted[] = "host mx1.duckcorp.org\n"
                                  "    acme mx1.duckcorp.org mx2.duckcorp.org\n";

    (void)state;
    struct ask *ask = stage_ask(
        &stage,
        &(struct wish){.key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL2, 1)}});
    expect_reply(ask, RCODE_REFUSED, "name-not-granted");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_REFUSED, "name-not-granted");
    assert_int_equal(stage_counter(&stage, "repeated"), -1);
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    /* The stage's own list does not know the new right, so nothing may be sent: the
     * CNAME is away. */
    primary_remove(&stage.primary, ORIGINAL2, "CNAME");
    stage_reload(&stage, granted, NULL);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_REFUSED, "cname-missing");
}

/* ---- T-21: clocks ---- */

/* A small step back: entries are kept, what could have been forgotten is refused. */
static void test_clock_steps_back(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    stage_advance(&stage, 305 * SECOND);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOTAUTH, "");
    stage.now.real_us -= 100 * SECOND;
    struct ask *copy = stage_repeat(&stage, ask, false);
    assert_int_equal(copy->replies, 1);
    assert_int_equal(ask->applied, 1);
    expect_reply(add_native(2), RCODE_NOERROR, "");
    assert_non_null(strstr(stage.log, "event="));
}

/* A step over the whole window: no update until the clock has caught up. */
static void test_clock_far_back(void **state)
{
    (void)state;
    stage_advance(&stage, 1000 * SECOND);
    expect_reply(add_native(1), RCODE_NOERROR, "");
    stage.now.real_us -= 400 * SECOND;
    struct ask *ask = add_native(2);
    expect_reply(ask, RCODE_SERVFAIL, "clock-suspect");
    assert_int_equal(stage.primary.received[KIND_UPDATE], 1);
    stage_advance(&stage, 101 * SECOND);
    expect_reply(add_native(3), RCODE_NOERROR, "");
}

/* A step forward neither forgets nor expires anything before its time. */
static void test_clock_jumps_ahead(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    stage.now.real_us += 3600 * SECOND;
    stage_advance(&stage, SECOND);
    assert_int_equal(stage_counter(&stage, "transactions"), 1);
    stage.now.real_us -= 3600 * SECOND;
    struct ask *copy = stage_repeat(&stage, ask, false);
    assert_int_equal(copy->replies, 1);
    assert_int_equal(ask->applied, 1);
}

/* ---- T-22 ---- */

static void few_transactions(struct settings *settings)
{
    settings->limits.transactions = 16; /* two a host */
}

/* A table that has become too small for what comes back does not forget in silence. */
static void test_restart_with_a_smaller_table(void **state)
{
    (void)state;
    struct wish wish = {.key = MX1, .zone = DYN};
    struct ask *asks[20];
    for (unsigned n = 0; n < 20; n++) {
        wish.items[0] = (struct item)ADD(NATIVE, n);
        asks[n] = stage_ask(&stage, &wish);
        expect_reply(asks[n], RCODE_NOERROR, "");
    }
    stage_advance(&stage, SECOND);
    stage_reload(&stage, site_acl, few_transactions);
    stage_restart(&stage);
    for (unsigned n = 0; n < 20; n++) {
        struct ask *copy = stage_repeat(&stage, asks[n], false);
        assert_true(copy->rcode == RCODE_NOERROR || copy->rcode == RCODE_NOTAUTH);
        assert_int_equal(asks[n]->applied, 1);
    }
}

static int setup_few(void **state)
{
    (void)state;
    stage_open(&stage, few_transactions);
    return 0;
}

static void test_table_full(void **state)
{
    (void)state;
    expect_reply(add_native(1), RCODE_NOERROR, "");
    expect_reply(add_native(2), RCODE_NOERROR, "");
    struct ask *third = add_native(3);
    expect_reply(third, RCODE_SERVFAIL, "table-full");
    expect_audit(&stage, third, "result", "failed", "table-full");
    struct ask *other = stage_ask(
        &stage, &(struct wish){
                    .key = MX2, .zone = DYN, .items = {ADD("h2.dyn.duckcorp.org", 4)}});
    expect_reply(other, RCODE_NOERROR, "");
    stage_advance(&stage, 310 * SECOND);
    expect_reply(add_native(5), RCODE_NOERROR, "");
}

/* T-21: forgotten, then the clock steps back into the window. */
static void test_clock_steps_back_behind_the_table(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    stage_advance(&stage, 320 * SECOND);
    stage_ask(&stage, &(struct wish){.key = MX1, .query = DYN, .query_type = "SOA"});
    stage_advance(&stage, 60 * SECOND);
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    stage.now.real_us -= 150 * SECOND;
    struct ask *copy = stage_repeat(&stage, ask, false);
    expect_reply(copy, RCODE_NOTAUTH, "time-skew");
    assert_int_equal(copy->tsig_error, TSIG_BADTIME);
    assert_int_equal(ask->applied, 1);
    expect_reply(add_native(2), RCODE_NOERROR, "");
}

/* The same where no message came that could have told of the later time: nothing is
 * forgotten by a clock that nobody was judged by. */
static void test_clock_steps_back_unseen(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    stage_advance(&stage, 320 * SECOND);
    stage.now.real_us -= 100 * SECOND;
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* With a small table, in which nothing is forgotten late. */
#define FEW(test) cmocka_unit_test_setup_teardown(test, setup_few, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_retransmission),
        CASE(test_recorded_rcode),
        CASE(test_replay_until_the_window_closes),
        CASE(test_replay_in_the_last_second),
        CASE(test_edge_of_the_window),
        CASE(test_replay_into_a_wider_window),
        CASE(test_replay_from_the_future),
        CASE(test_signed_anew_is_new),
        CASE(test_copies_in_flight),
        CASE(test_copies_in_flight_both_ways),
        CASE(test_copies_in_flight_over_tcp),
        CASE(test_copy_during_lookup),
        CASE(test_refused_is_judged_again),
        CASE(test_restart_with_a_smaller_table),
        CASE(test_clock_steps_back),
        CASE(test_clock_far_back),
        CASE(test_clock_jumps_ahead),
        FEW(test_table_full),
        FEW(test_replay_until_the_window_closes),
        FEW(test_replay_from_the_future),
        FEW(test_clock_steps_back_behind_the_table),
        FEW(test_clock_steps_back_unseen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

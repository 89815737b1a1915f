/* No NOERROR without its line on disk; no line, no update (I8, L-1, L-2, R-7). */
#include <stdlib.h>

#include "words.h"

static unsigned count_of(const char *words)
{
    unsigned count = 0;

    stage.paper.chars[stage.paper.len] = '\0';
    for (const char *at = stage.paper.chars; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* Full disk: nothing is forwarded; when there is room again a retry runs. */
static void test_intent_cannot_be_written(void **state)
{
    (void)state;
    stage.paper.write_fails = true;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    assert_int_equal(stage.primary.received[KIND_UPDATE], 0);
    assert_int_equal(stage_counter(&stage, "audit-unavailable"), 1);
    stage.paper.write_fails = false;
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* A refusal that cannot be told is not given either: what is not in the audit was not
 * decided. */
static void test_refusal_cannot_be_written(void **state)
{
    (void)state;
    stage.paper.write_fails = true;
    struct ask *ask =
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, 1)}});
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    stage.paper.write_fails = false;
    expect_reply(stage_repeat(&stage, ask, false), RCODE_REFUSED, "name-not-granted");
}

/* The disk fills between intent and result: applied, but nobody may say so. */
static void test_result_cannot_be_written(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_native(1);
    stage.paper.write_fails = true;
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    stage.paper.write_fails = false;
    struct ask *copy = stage_repeat(&stage, ask, false);
    expect_reply(copy, RCODE_SERVFAIL, NULL);
    assert_int_equal(ask->applied, 1);
}

static void test_sync_fails(void **state)
{
    (void)state;
    stage.paper.sync_fails = true;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
    stage.paper.sync_fails = false;
    expect_reply(add_native(2), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* The answer waits for the disk. */
static void test_answer_waits_for_the_disk(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = SECOND;
    struct ask *ask = add_native(1);
    assert_int_equal(ask->applied, 1);
    stage_advance(&stage, SECOND - 1);
    assert_int_equal(ask->replies, 0);
    struct ask *copy = stage_repeat(&stage, ask, false);
    assert_int_equal(copy->replies, 0);
    stage_advance(&stage, 1);
    expect_reply(ask, RCODE_NOERROR, "");
    expect_reply(copy, RCODE_NOERROR, "");
}

/* F-5 holds for slow disks too; the truth is there for a retransmission. */
static void test_disk_is_too_slow(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = 4 * SECOND;
    struct ask *ask = add_native(1);
    stage_advance(&stage, 2500000);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
    stage_advance(&stage, 1500000);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

/* The same when the disk then says that it failed: the last word stays SERVFAIL. */
static void test_disk_is_too_slow_and_fails(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = 4 * SECOND;
    stage.paper.sync_fails = true;
    struct ask *ask = add_native(1);
    stage_advance(&stage, 4 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
}

/* A message that waits for its sync does not hold up the zone's next one. */
static void test_sync_does_not_hold_up_the_zone(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = 2 * SECOND;
    struct ask *first = add_native(1);
    struct ask *second = add_native(2);
    assert_int_equal(first->applied + second->applied, 2);
    assert_int_equal(first->replies + second->replies, 0);
    stage_advance(&stage, 2 * SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
}

/* L-2: refusals are written and not waited for. */
static void test_refusal_does_not_wait_for_the_disk(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = SECOND;
    struct ask *ask =
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, 1)}});
    expect_reply(ask, RCODE_REFUSED, "name-not-granted");
    assert_int_equal(stage.paper.sync_count, 0);
}

static void without_sync(struct settings *settings)
{
    settings->audit_sync = false;
}

static int setup_without_sync(void **state)
{
    (void)state;
    stage_open(&stage, without_sync);
    stage.has_no_audit_rule = true;
    return 0;
}

static void test_without_sync(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = SECOND;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(stage.paper.sync_count, 0);
    expect_audit(&stage, ask, "result", "permitted", "permitted");
}

/* L-1: who asked for what, when, and from where. */
static void test_words_of_a_line(void **state)
{
    static const char *const events[] = {"intent", "result"};
    static const char *const words[] = {
        "\"time\":\"2026-11-25T00:00:01.000000Z\",",
        "\"gen\":1,\"host\":\"" MX1 "\",\"key\":\"" MX1 "\",\"mac\":\"",
        "\"time_signed\":1795564801,\"from\":\"192.0.2.25\",\"transport\":\"udp\",",
        "\"zone\":\"" STATIC "\",\"changes\":[{\"op\":\"add\",\"type\":\"TXT\",",
        "\"original\":\"" ORIGINAL "\",\"target\":\"" TARGET "\",",
        "\"verdict\":\"permitted\",\"reason\":\"permitted\",\"rule\":\"",
    };

    (void)state;
    stage_advance(&stage, SECOND);
    struct ask *ask = add_token(1);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        char *line = strdup(stage_line(&stage, ask, events[i]));
        assert_non_null(line);
        *strchrnul(line, '\n') = '\0';
        for (size_t j = 0; j < COUNT_OF(words); j++) {
            if (strstr(line, words[j]) == NULL)
                fail_msg("%s: no %s", line, words[j]);
        }
        free(line);
    }
}

/* Two lines for what is forwarded, one for what is refused, none for copies and for
 * who does not verify. */
static void test_lines_of_each(void **state)
{
    (void)state;
    assert_int_equal(count_of("\n"), 1); /* that of the start */
    struct ask *ask = add_native(1);
    stage_repeat(&stage, ask, false);
    assert_int_equal(count_of("\n"), 3);
    stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, 2)}});
    assert_int_equal(count_of("\n"), 4);
    stage_ask(&stage, &(struct wish){.items = {ADD(TARGET, 3)}});
    stage_ask(&stage, &(struct wish){
                          .key = MX1, .has_bad_mac = true, .items = {ADD(TARGET, 4)}});
    stage_ask(&stage, &(struct wish){.key = MX1, .query = STATIC, .query_type = "SOA"});
    assert_int_equal(count_of("\n"), 4);
}

/* Numbers that cannot be told now are told later. */
static void test_suppressed_lines_wait_for_room(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    stage_repeat(&stage, ask, false);
    stage.paper.write_fails = true;
    stage_advance(&stage, 61 * SECOND);
    stage.paper.write_fails = false;
    stage_repeat(&stage, ask, false);
    assert_int_equal(count_of("\"event\":\"suppressed\""), 0);
    stage_advance(&stage, 60 * SECOND);
    assert_int_equal(count_of("\"event\":\"suppressed\""), 1);
    assert_int_equal(count_of("\"duplicates\":2,"), 1);
    stage_advance(&stage, 300 * SECOND);
    assert_int_equal(count_of("\"event\":\"suppressed\""), 1);
}

/* L-2: what a crash left open is found. */
static void test_crash_leaves_an_intent(void **state)
{
    struct log_found found;

    (void)state;
    primary_expect(&stage.primary, (struct order){KIND_UPDATE, .trick = TRICK_SILENT});
    struct ask *ask = add_native(1);
    log_scan_end(stage.paper.scan, &found);
    assert_int_equal(found.unresolved, 1);
    assert_string_equal(stage_line(&stage, ask, "result"), "");
    stage_restart(&stage);
}

/* ---- what comes together ---- */

#define BURST 5

static struct ask *burst[BURST];

/* Two refusals, an update and two refusals; nobody has an answer before the lines are
 * in the file. */
static void open_burst(void)
{
    stage.is_burst = true;
    for (unsigned i = 0; i < BURST; i++)
        burst[i] =
            i == 2 ? add_native(i)
                   : stage_ask(&stage,
                               &(struct wish){.key = MX1, .items = {ADD(TARGET2, i)}});
    stage.is_burst = false;
    for (unsigned i = 0; i < BURST; i++)
        assert_int_equal(burst[i]->replies, 0);
}

static long seq_of(const struct ask *ask)
{
    const char *seq = strstr(stage_line(&stage, ask, "result"), "\"seq\":");

    assert_non_null(seq);
    return strtol(seq + strlen("\"seq\":"), NULL, 10);
}

static void test_burst_shares_a_write(void **state)
{
    long last = 0;

    (void)state;
    unsigned writes = stage.paper.writes;
    open_burst();
    /* L-2: an intent is in the file before its update leaves, with what was built. */
    assert_int_equal(stage.paper.writes, writes + 1);
    stage_flush(&stage);
    assert_int_equal(stage.paper.writes,
                     writes + 3); /* the last refusals, the result */
    for (unsigned i = 0; i < BURST; i++) {
        if (i == 2)
            expect_reply(burst[i], RCODE_NOERROR, "");
        else
            expect_reply(burst[i], RCODE_REFUSED, "name-not-granted");
        if (i == 2)
            continue;
        assert_true(seq_of(burst[i]) > last); /* in their order */
        last = seq_of(burst[i]);
    }
}

/* ENOSPC in the middle: what was not written was not decided. */
static void test_burst_is_written_in_part(void **state)
{
    (void)state;
    open_burst();
    stage.paper.fails_at = 1;
    stage_flush(&stage);
    for (unsigned i = 0; i < BURST; i++) {
        if (i < 2)
            expect_reply(burst[i], RCODE_REFUSED, "name-not-granted");
        else if (i == 2)
            expect_reply(burst[i], RCODE_NOERROR, "");
        else
            expect_reply(burst[i], RCODE_SERVFAIL, "audit-unavailable");
        if (i > 2)
            assert_string_equal(stage_line(&stage, burst[i], "result"), "");
    }
    expect_reply(stage_repeat(&stage, burst[4], false), RCODE_REFUSED,
                 "name-not-granted");
}

/* A refusal before an intent that cannot be written shares its fate. */
static void test_burst_without_intent(void **state)
{
    (void)state;
    stage.paper.write_fails = true;
    open_burst();
    stage_flush(&stage);
    for (unsigned i = 0; i < BURST; i++)
        expect_reply(burst[i], RCODE_SERVFAIL, "audit-unavailable");
    assert_int_equal(burst[2]->applied, 0);
    stage.paper.write_fails = false;
    expect_reply(stage_repeat(&stage, burst[2], false), RCODE_NOERROR, "");
}

/* A copy that comes with its original: both are answered, once each, and one is
 * executed. */
static void test_burst_of_copies(void **state)
{
    (void)state;
    stage.is_burst = true;
    struct ask *update = add_native(1);
    struct ask *copy = stage_repeat(&stage, update, false);
    struct ask *refused =
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, 1)}});
    struct ask *again = stage_repeat(&stage, refused, false);
    stage.is_burst = false;
    stage_flush(&stage);
    expect_reply(update, RCODE_NOERROR, "");
    expect_reply(copy, RCODE_NOERROR, "");
    assert_int_equal(update->applied, 1);
    expect_reply(refused, RCODE_REFUSED, "name-not-granted");
    expect_reply(again, RCODE_REFUSED, "name-not-granted");
}

/* who waits for nothing but the end of the burst takes no place from the next
 * one. */
static void test_burst_of_one_host(void **state)
{
    struct ask *asks[100];

    (void)state;
    stage.is_burst = true;
    for (unsigned i = 0; i < 100; i++)
        asks[i] =
            stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, i)}});
    stage.is_burst = false;
    stage_flush(&stage);
    for (unsigned i = 0; i < 100; i++)
        expect_reply(asks[i], RCODE_REFUSED, "name-not-granted");
}

/* The gateway ends between the lines that are built and the write: nobody was told
 * anything, and the chain goes on where the file ends. */
static void test_end_in_a_burst(void **state)
{
    (void)state;
    open_burst();
    stage_restart(&stage);
    stage_flush(&stage);
    for (unsigned i = 3; i < BURST; i++)
        expect_reply(stage_repeat(&stage, burst[i], false), RCODE_REFUSED,
                     "name-not-granted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_intent_cannot_be_written),
        CASE(test_refusal_cannot_be_written),
        CASE(test_result_cannot_be_written),
        CASE(test_sync_fails),
        CASE(test_answer_waits_for_the_disk),
        CASE(test_disk_is_too_slow),
        CASE(test_disk_is_too_slow_and_fails),
        CASE(test_sync_does_not_hold_up_the_zone),
        CASE(test_refusal_does_not_wait_for_the_disk),
        cmocka_unit_test_setup_teardown(test_without_sync, setup_without_sync,
                                        teardown),
        CASE(test_words_of_a_line),
        CASE(test_lines_of_each),
        CASE(test_suppressed_lines_wait_for_room),
        CASE(test_crash_leaves_an_intent),
        CASE(test_burst_shares_a_write),
        CASE(test_burst_is_written_in_part),
        CASE(test_burst_without_intent),
        CASE(test_burst_of_copies),
        CASE(test_burst_of_one_host),
        CASE(test_end_in_a_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

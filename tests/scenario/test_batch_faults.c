/* Group commit (D4) when something fails: no request harms another one, none is
 * executed twice (I4), and each has its own answer. */
#include "words.h"

#define MS (SECOND / 1000)

#define GROUP 6

/* The requests that wait while the primary is busy; then they share a message. */
static struct ask *group[GROUP];

static void gather_group(int64_t us)
{
    occupy(us);
    for (unsigned i = 0; i < GROUP; i++)
        group[i] = add_native(i);
}

static void expect_group(enum rcode rcode, const char *reason, unsigned applied)
{
    for (unsigned i = 0; i < GROUP; i++) {
        expect_reply(group[i], rcode, reason);
        assert_int_equal(group[i]->applied, applied);
    }
}

/* What a message of the group, with what came before it, comes to when it is answered
 * that way. */
static void answer_group(enum rcode rcode, enum rcode expected, const char *reason,
                         unsigned applied, size_t messages)
{
    size_t before = stage.message_count;

    gather_group(MS);
    expect_slow(0, rcode);
    stage_advance(&stage, SECOND);
    expect_group(expected, reason, applied);
    assert_int_equal(stage.message_count, before + messages);
}

static unsigned count_lines(const char *words)
{
    unsigned count = 0;

    for (const char *at = stage.paper.chars;
         (at = memmem(at, stage.paper.len - (size_t)(at - stage.paper.chars), words,
                      strlen(words))) != NULL;
         at++)
        count++;
    return count;
}

/* ---- one of several is to blame ---- */

struct blame {
    const char *name;
    bool is_cname; /* what the primary has at the culprit's target */
    enum rcode rcode;
    const char *reason;
};

static const struct blame blames[] = {
    {"its target is a CNAME", true, RCODE_REFUSED, "target-is-cname"},
    {"the primary fails at it", false, RCODE_SERVFAIL, "primary-failed"},
};

static void set_culprit(const struct blame *blame)
{
    if (blame->is_cname)
        primary_add(&stage.primary, NATIVE2, "CNAME", "elsewhere.example.");
    else
        stage.primary.broken = NATIVE2;
}

static unsigned ceil_log2(unsigned n)
{
    unsigned log = 0;

    while (1u << log < n)
        log++;
    return log;
}

/* n requests wait, of which the one at culprit cannot succeed. */
static void find_culprit(const struct blame *blame, unsigned n, unsigned culprit)
{
    struct ask *asks[64];
    unsigned applied_at = 1;

    stage_open(&stage, NULL);
    set_culprit(blame);
    occupy(MS);
    for (unsigned i = 0; i < n; i++)
        asks[i] = i == culprit ? add_at(MX2, NATIVE2, i) : add_native(i);
    stage_advance(&stage, MS);
    for (unsigned i = 0; i < n; i++) {
        if (i == culprit) {
            expect_reply(asks[i], blame->rcode, blame->reason);
            assert_int_equal(asks[i]->applied, 0);
            assert_int_equal(stage_batch(&stage, asks[i]), 1);
        } else {
            expect_reply(asks[i], RCODE_NOERROR, "");
            assert_int_equal(asks[i]->applied_at, ++applied_at);
        }
    }
    unsigned messages = stage.primary.received[KIND_UPDATE] - 1;
    if (messages > 2 * ceil_log2(n) + 1)
        fail_msg("%u messages for %u requests, culprit %u", messages, n, culprit);
    assert_int_equal(count_lines("\"event\":\"intent\""), n + 1);
    assert_int_equal(count_lines("\"event\":\"result\""), n + 1);
    stage_close(&stage);
}

static void test_culprit_is_found(void **state)
{
    static const unsigned sizes[] = {2, 3, 5, 8, 17, 60};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(blames); i++) {
        print_message("  %s\n", blames[i].name);
        for (size_t j = 0; j < COUNT_OF(sizes); j++) {
            unsigned step = sizes[j] > 8 ? sizes[j] / 4 : 1;
            for (unsigned culprit = 0; culprit < sizes[j]; culprit += step)
                find_culprit(&blames[i], sizes[j], culprit);
            find_culprit(&blames[i], sizes[j], sizes[j] - 1);
        }
    }
}

/* Nobody but culprits: each is found, in fewer than two messages a request. */
static void test_all_are_culprits(void **state)
{
    struct ask *asks[16];

    (void)state;
    set_culprit(&blames[0]);
    occupy(MS);
    for (unsigned i = 0; i < COUNT_OF(asks); i++)
        asks[i] = add_at(MX2, NATIVE2, i);
    stage_advance(&stage, MS);
    for (unsigned i = 0; i < COUNT_OF(asks); i++)
        expect_reply(asks[i], RCODE_REFUSED, "target-is-cname");
    assert_in_range(stage.message_count, 1 + COUNT_OF(asks), 2 * COUNT_OF(asks));
}

/* While a culprit is looked for more requests come; they wait behind all the others. */
static void test_newcomers_keep_behind(void **state)
{
    struct ask *later[4];

    (void)state;
    set_culprit(&blames[0]);
    occupy(MS);
    struct ask *before = add_at(MX1, SHARED, 1);
    struct ask *culprit = add_at(MX2, NATIVE2, 2);
    struct ask *after = add_at(MX1, SHARED, 3);
    expect_slow(MS, RCODE_NOERROR); /* all three: the guard fails */
    for (unsigned i = 0; i < 3; i++)
        expect_slow(MS, RCODE_NOERROR);
    stage_advance(&stage, MS);
    for (unsigned i = 0; i < COUNT_OF(later); i++) {
        later[i] = add_at(MX2, SHARED, 10 + i);
        stage_advance(&stage, MS / 2);
    }
    stage_advance(&stage, SECOND);
    expect_reply(culprit, RCODE_REFUSED, "target-is-cname");
    assert_true(before->applied_at < after->applied_at);
    assert_true(after->applied_at < later[0]->applied_at);
    for (unsigned i = 1; i < COUNT_OF(later); i++)
        assert_int_equal(later[i]->applied_at, later[i - 1]->applied_at + 1);
    stage.primary.order_count = 0;
}

/* A failing prerequisite of the client's own is its own affair: it travels alone. */
static void test_failing_prerequisite_halves_nothing(void **state)
{
    (void)state;
    occupy(MS);
    struct ask *before = add_native(1);
    struct ask *picky = stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .zone = DYN,
                               .items = {{UPDATE_PREREQ, NATIVE, "TXT", .class = 254},
                                         ADD(NATIVE, 2)}});
    struct ask *after = add_native(3);
    stage_advance(&stage, MS);
    expect_reply(before, RCODE_NOERROR, "");
    expect_reply(picky, RCODE_YXRRSET, "prerequisite-failed");
    expect_reply(after, RCODE_NOERROR, "");
    assert_int_equal(stage.message_count, 4);
}

/* D4: after any RCODE that one of several may have caused all are tried again. */
static void test_rcodes_that_blame_one(void **state)
{
    static const enum rcode rcodes[] = {RCODE_NXRRSET, RCODE_YXRRSET, RCODE_NXDOMAIN,
                                        RCODE_YXDOMAIN, RCODE_SERVFAIL};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rcodes); i++)
        answer_group(rcodes[i], RCODE_NOERROR, "", 1, 4);
}

/* U-13: what is wrong between the gateway and the primary is nobody's fault, and not
 * tried again. */
static void test_primary_refuses_all(void **state)
{
    static const enum rcode rcodes[] = {RCODE_FORMERR, RCODE_NOTIMP, RCODE_REFUSED,
                                        RCODE_NOTAUTH, RCODE_NOTZONE};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rcodes); i++)
        answer_group(rcodes[i], RCODE_SERVFAIL, "primary-refused", 0, 2);
}

/* ---- unknown outcomes ---- */

/* U-12: with the connection goes all knowledge; nothing is sent a second time. */
static void test_cut_in_flight(void **state)
{
    static const enum trick tricks[] = {TRICK_SILENT, TRICK_DEAF};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(tricks); i++) {
        size_t messages = stage.message_count;
        gather_group(MS);
        primary_expect(&stage.primary,
                       (struct order){.kind = KIND_UPDATE, .trick = tricks[i]});
        stage_advance(&stage, MS);
        struct ask *waiting = add_native(50);
        stage_cut(&stage, LINK_UPDATE, MS);
        expect_group(RCODE_SERVFAIL, "outcome-unknown", tricks[i] == TRICK_SILENT);
        stage_advance(&stage, MS);
        expect_reply(waiting, RCODE_NOERROR, "");
        assert_int_equal(stage.message_count, messages + 3);
        struct ask *copy = stage_repeat(&stage, group[1], false);
        expect_reply(copy, RCODE_SERVFAIL, NULL);
        assert_int_equal(stage.message_count, messages + 3);
        stage_advance(&stage, SECOND);
    }
}

/* F-5: each is answered in its own time, and the truth is recorded when it comes. */
static void test_late_answer(void **state)
{
    int64_t received_us[GROUP];

    (void)state;
    occupy(SECOND);
    expect_slow(4 * SECOND, RCODE_NOERROR);
    for (unsigned i = 0; i < GROUP; i++) {
        group[i] = add_native(i);
        received_us[i] = stage.now.mono_us;
        stage_advance(&stage, 100 * MS);
    }
    stage_advance(&stage, 3 * SECOND);
    expect_group(RCODE_SERVFAIL, "outcome-unknown", 1);
    for (unsigned i = 0; i < GROUP; i++)
        assert_int_equal(group[i]->replied_us, received_us[i] + 2500 * MS);
    stage_advance(&stage, 2 * SECOND);
    assert_int_equal(stage_counter(&stage, "late_answers"), GROUP);
    for (unsigned i = 0; i < GROUP; i++) {
        expect_audit(&stage, group[i], "late", "permitted", "permitted");
        expect_reply(stage_repeat(&stage, group[i], false), RCODE_NOERROR, "");
    }
    assert_int_equal(stage.message_count, 2);
}

/* The primary stays silent: at 8 s the connection goes; the outcome stays unknown. */
static void test_silent_primary(void **state)
{
    (void)state;
    gather_group(MS);
    primary_expect(&stage.primary,
                   (struct order){.kind = KIND_UPDATE, .trick = TRICK_SILENT});
    stage_advance(&stage, 9 * SECOND);
    expect_group(RCODE_SERVFAIL, "outcome-unknown", 1);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 1);
    expect_reply(stage_repeat(&stage, group[0], false), RCODE_SERVFAIL, NULL);
    expect_reply(add_native(50), RCODE_NOERROR, "");
    assert_int_equal(stage.message_count, 3);
}

/* A merged message fails when some of it has been answered already: those are not tried
 * again, and nobody says what their own fault was. The others are, and land. */
static void test_late_failure(void **state)
{
    static const enum rcode rcodes[] = {RCODE_SERVFAIL, RCODE_YXRRSET};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rcodes); i++) {
        occupy(SECOND);
        struct ask *early[2] = {add_native(1), add_native(2)};
        stage_advance(&stage, 900 * MS);
        struct ask *in_time[2] = {add_native(3), add_native(4)};
        expect_slow(1700 * MS, rcodes[i]);
        stage_advance(&stage, 2 * SECOND);
        for (unsigned j = 0; j < 2; j++) {
            expect_reply(early[j], RCODE_SERVFAIL, "outcome-unknown");
            expect_audit(&stage, early[j], "late", "failed", "primary-failed");
            assert_non_null(strstr(stage_line(&stage, early[j], "late"),
                                   i == 0 ? "\"primary_rcode\":\"SERVFAIL\""
                                          : "\"primary_rcode\":\"YXRRSET\""));
            expect_reply(stage_repeat(&stage, early[j], false), RCODE_SERVFAIL, NULL);
            assert_int_equal(early[j]->applied, 0);
            expect_reply(in_time[j], RCODE_NOERROR, "");
        }
        assert_true(in_time[0]->applied_at < in_time[1]->applied_at);
        stage_advance(&stage, SECOND);
    }
}

/* ---- who waits again ---- */

/* The group has failed once and its first half is in flight for us; the others wait. */
static void halve_group(int64_t us)
{
    gather_group(MS);
    expect_slow(0, RCODE_SERVFAIL);
    expect_slow(us, RCODE_NOERROR);
    stage_advance(&stage, MS);
    assert_int_equal(stage.message_count, 3);
    assert_int_equal(stage.requests[2], GROUP / 2);
}

/* F-5, T-19: the last verified word about them is "not applied": a retry may run. */
static void test_deadline_of_who_waits_again(void **state)
{
    (void)state;
    halve_group(3 * SECOND);
    stage_advance(&stage, 2500 * MS);
    for (unsigned i = 0; i < GROUP; i++)
        expect_reply(group[i], RCODE_SERVFAIL,
                     i < GROUP / 2 ? "outcome-unknown" : "primary-unreachable");
    assert_int_equal(stage_counter(&stage, "transactions"), 1 + GROUP / 2);
    assert_int_equal(stage_batch(&stage, group[GROUP - 1]), 0);
    struct ask *retry = stage_repeat(&stage, group[GROUP - 1], false);
    stage_advance(&stage, SECOND);
    expect_reply(retry, RCODE_NOERROR, "");
    assert_int_equal(group[GROUP - 1]->applied, 1);
    assert_int_equal(group[GROUP - 2]->applied, 0);
    assert_int_equal(stage_counter(&stage, "late_answers"), GROUP / 2);
}

/* F-6 */
static void test_link_down_while_they_wait_again(void **state)
{
    (void)state;
    halve_group(SECOND);
    stage_link(&stage, LINK_UPDATE, LINK_DOWN);
    for (unsigned i = 0; i < GROUP; i++)
        expect_reply(group[i], RCODE_SERVFAIL,
                     i < GROUP / 2 ? "outcome-unknown" : "primary-unreachable");
    stage_link(&stage, LINK_UPDATE, LINK_UP);
    expect_reply(stage_repeat(&stage, group[GROUP - 1], false), RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, group[0], false), RCODE_SERVFAIL, NULL);
    assert_int_equal(group[GROUP - 1]->applied, 1);
}

/* While the gateway connects anew they wait on, and land in order. */
static void test_cut_while_they_wait_again(void **state)
{
    (void)state;
    halve_group(SECOND);
    stage_cut(&stage, LINK_UPDATE, 100 * MS);
    stage_advance(&stage, 100 * MS);
    for (unsigned i = 0; i < GROUP; i++) {
        bool was_in_flight = i < GROUP / 2;
        expect_reply(group[i], was_in_flight ? RCODE_SERVFAIL : RCODE_NOERROR,
                     was_in_flight ? "outcome-unknown" : "");
        assert_int_equal(group[i]->applied_at, 2 + i);
    }
}

/* O-5, O-6: each is judged by the configuration of its own time; a message may carry
 * requests of both. */
static void test_reload(void **state)
{
    static const char revoked[] = "host mx2.duckcorp.org\n"
                                  "    acme mx2.duckcorp.org\n";

    (void)state;
    gather_group(MS);
    stage_reload(&stage, site_acl, NULL);
    struct ask *newer = add_native(50);
    stage_reload(&stage, revoked, NULL);
    struct ask *refused = add_native(51);
    stage_advance(&stage, MS);
    expect_group(RCODE_NOERROR, "", 1);
    expect_reply(newer, RCODE_NOERROR, "");
    expect_reply(refused, RCODE_REFUSED, NULL);
    assert_int_equal(stage.requests[1], GROUP + 1);
}

/* ---- the audit ---- */

/* I8: no intents, no message. It was not sent, so a retry may run. */
static void test_intents_that_cannot_be_written(void **state)
{
    (void)state;
    gather_group(MS);
    stage.paper.fails_at = 1; /* of the intents, and of the first one's result */
    stage_advance(&stage, MS);
    expect_group(RCODE_SERVFAIL, "audit-unavailable", 0);
    for (unsigned i = 0; i < GROUP; i++) {
        assert_int_equal(stage_batch(&stage, group[i]), 0);
        assert_int_equal(group[i]->applied, 0);
        expect_reply(stage_repeat(&stage, group[i], false), RCODE_NOERROR, "");
    }
}

/* One write takes all the lines of a message that came back, and of the next one. */
static void test_lines_share_a_write(void **state)
{
    (void)state;
    gather_group(MS);
    unsigned writes = stage.paper.writes;
    stage_advance(&stage, MS);
    expect_group(RCODE_NOERROR, "", 1);
    assert_int_equal(stage.paper.writes, writes + 2);
}

static void test_no_intent_can_be_written(void **state)
{
    (void)state;
    gather_group(MS);
    stage.paper.write_fails = true;
    stage_advance(&stage, MS);
    expect_group(RCODE_SERVFAIL, "audit-unavailable", 0);
    assert_int_equal(stage.message_count, 1);
    stage.paper.write_fails = false;
    expect_reply(add_native(50), RCODE_NOERROR, "");
}

/* L-2: it is in the zone, and nobody says NOERROR without its line. */
static void test_results_that_cannot_be_written(void **state)
{
    (void)state;
    gather_group(MS);
    expect_slow(MS, RCODE_NOERROR);
    stage_advance(&stage, MS);
    stage.paper.fails_at = 1;
    stage_advance(&stage, MS);
    for (unsigned i = 0; i < GROUP; i++) {
        expect_reply(group[i], RCODE_SERVFAIL, "audit-unavailable");
        assert_int_equal(group[i]->applied, 1);
        expect_reply(stage_repeat(&stage, group[i], false), RCODE_SERVFAIL, NULL);
    }
}

static void test_sync_that_fails(void **state)
{
    (void)state;
    gather_group(MS);
    expect_slow(MS, RCODE_NOERROR);
    stage_advance(&stage, MS);
    stage.paper.sync_fails = true;
    stage_advance(&stage, MS);
    expect_group(RCODE_SERVFAIL, "audit-unavailable", 1);
    assert_int_equal(stage.paper.syncs_asked, 2);
    stage.paper.sync_fails = false;
    expect_reply(add_native(50), RCODE_NOERROR, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_culprit_is_found),
        CASE(test_all_are_culprits),
        CASE(test_newcomers_keep_behind),
        CASE(test_failing_prerequisite_halves_nothing),
        CASE(test_rcodes_that_blame_one),
        CASE(test_primary_refuses_all),
        CASE(test_cut_in_flight),
        CASE(test_late_answer),
        CASE(test_silent_primary),
        CASE(test_late_failure),
        CASE(test_deadline_of_who_waits_again),
        CASE(test_link_down_while_they_wait_again),
        CASE(test_cut_while_they_wait_again),
        CASE(test_reload),
        CASE(test_intents_that_cannot_be_written),
        CASE(test_lines_share_a_write),
        CASE(test_no_intent_can_be_written),
        CASE(test_results_that_cannot_be_written),
        CASE(test_sync_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

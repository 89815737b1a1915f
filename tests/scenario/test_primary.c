/* A primary that is silent, slow, away or lying. Nothing is sent twice, nobody is told
 * what is not so, and the gateway goes on (F-1 to F-6, U-12, U-13). */
#include "words.h"

static void expect_trick(enum trick trick, int64_t delay_us)
{
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, trick, .delay_us = delay_us});
}

static int64_t waited_us(const struct ask *ask, int64_t since_us)
{
    return ask->replied_us - since_us;
}

/* F-5: the answer leaves at 2.5 s; the truth, when it comes, is for retransmissions. */
static void test_slow_primary(void **state)
{
    int64_t start_us = stage.now.mono_us;

    (void)state;
    expect_trick(TRICK_SLOW, 5 * SECOND);
    struct ask *slow = add_native(1);
    stage_advance(&stage, 2500000);
    expect_reply(slow, RCODE_SERVFAIL, "outcome-unknown");
    assert_int_equal(waited_us(slow, start_us), 2500000);
    expect_audit(&stage, slow, "result", "failed", "outcome-unknown");

    /* What is known so far is repeated, and nothing is executed. */
    expect_reply(stage_repeat(&stage, slow, false), RCODE_SERVFAIL, NULL);

    /* The zone's next message waits for the answer that is outstanding. */
    stage_advance(&stage, SECOND);
    struct ask *next = add_native(2);
    stage_advance(&stage, 1400000);
    assert_int_equal(stage.primary.received[KIND_UPDATE], 1);
    assert_int_equal(next->replies, 0);

    stage_advance(&stage, 100000);
    expect_reply(next, RCODE_NOERROR, "");
    expect_audit(&stage, slow, "late", "permitted", "permitted");
    assert_non_null(
        strstr(stage_line(&stage, slow, "late"), "\"latency_us\":5000000,"));
    assert_int_equal(stage_counter(&stage, "late_answers"), 1);
    expect_reply(stage_repeat(&stage, slow, false), RCODE_NOERROR, "");
    assert_int_equal(slow->applied, 1);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 0);
}

/* A late refusal is told too. */
static void test_late_refusal(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_RCODE, RCODE_REFUSED, 5 * SECOND});
    struct ask *ask = add_native(1);
    stage_advance(&stage, 5 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "outcome-unknown");
    expect_audit(&stage, ask, "late", "failed", "primary-refused");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
}

/* And a late prerequisite: the retransmission gets what is true by now. */
static void test_late_prerequisite(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = 5 * SECOND});
    struct ask *ask = stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .zone = DYN,
                               .items = {{UPDATE_PREREQ, NATIVE, "TXT", .class = 255},
                                         ADD(NATIVE, 1)}});
    stage_advance(&stage, 5 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "outcome-unknown");
    expect_audit(&stage, ask, "late", "permitted", "prerequisite-failed");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NXRRSET, NULL);
}

/* I8: what cannot be written about it stays unknown, for retransmissions too. */
static void test_late_line_cannot_be_written(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, 4 * SECOND);
    struct ask *ask = add_native(1);
    stage_advance(&stage, 3 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "outcome-unknown");
    stage.paper.write_fails = true;
    stage_advance(&stage, SECOND);
    stage.paper.write_fails = false;
    assert_string_equal(stage_line(&stage, ask, "late"), "");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
    assert_int_equal(ask->applied, 1);
}

/* L-2: neither is the word given that nobody knows. */
static void test_unknown_cannot_be_written(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, 4 * SECOND);
    struct ask *ask = add_native(1);
    stage.paper.write_fails = true;
    stage_advance(&stage, 3 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "audit-unavailable");
    stage.paper.write_fails = false;
    stage_advance(&stage, SECOND);
    expect_audit(&stage, ask, "late", "permitted", "permitted");
}

/* F-5: the 8 s are those of the oldest message, whatever was sent since and on the
 * other connection. */
static void test_oldest_message_counts(void **state)
{
    (void)state;
    expect_trick(TRICK_SILENT, 0);
    add_native(1);
    stage_advance(&stage, SECOND);
    expect_trick(TRICK_SILENT, 0);
    add_token(2);
    primary_expect(&stage.primary,
                   (struct order){.kind = KIND_CNAME, .trick = TRICK_DEAF});
    stage_ask(&stage,
              &(struct wish){.key = MX2, .zone = STATIC, .items = {ADD(ORIGINAL2, 3)}});
    stage_advance(&stage, 7 * SECOND - 1);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 0);
    stage_advance(&stage, 1);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 1);
    assert_int_equal(stage.wires[LINK_QUERY].closes, 0);
}

/* F-5: after 8 s the connection is no good; the zone goes on over a new one. */
static void test_silent_primary(void **state)
{
    static const enum trick tricks[] = {TRICK_DEAF, TRICK_SILENT};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(tricks); i++) {
        expect_trick(tricks[i], 0);
        struct ask *lost = add_native(10 * i);
        stage_advance(&stage, 6 * SECOND);
        struct ask *next = add_native(10 * i + 1);
        stage_advance(&stage, 1999999);
        assert_int_equal(stage.wires[LINK_UPDATE].closes, i);
        stage_advance(&stage, 2);
        assert_int_equal(stage.wires[LINK_UPDATE].closes, i + 1);
        expect_reply(lost, RCODE_SERVFAIL, "outcome-unknown");
        expect_reply(next, RCODE_NOERROR, "");
        expect_reply(stage_repeat(&stage, lost, false), RCODE_SERVFAIL, NULL);
        assert_int_equal(lost->applied, tricks[i] == TRICK_SILENT);
        assert_string_equal(stage_line(&stage, lost, "late"), "");
    }
}

/* Nobody is kept waiting for a zone whose turn does not come: unsent requests may be
 * tried again (T-19). */
static void test_waiting_too_long(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, 4 * SECOND);
    struct ask *first = add_native(1);
    struct ask *second = add_native(2);
    stage_advance(&stage, 2500000);
    expect_reply(first, RCODE_SERVFAIL, "outcome-unknown");
    expect_reply(second, RCODE_SERVFAIL, "primary-unreachable");
    assert_string_equal(stage_line(&stage, second, "intent"), "");
    stage_advance(&stage, 1500000);
    expect_reply(stage_repeat(&stage, second, false), RCODE_NOERROR, "");
    assert_int_equal(second->applied, 1);
}

struct lie {
    const char *name;
    enum trick trick;
};

/* F-1, F-2: one bad reply, and the connection goes; the outcome is unknown at once and
 * stays so. */
static void test_lies(void **state)
{
    static const struct lie lies[] = {
        {"bad MAC", TRICK_BAD_MAC},
        {"wrong ID", TRICK_WRONG_ID},
        {"another zone", TRICK_WRONG_ZONE},
        {"another type of zone", TRICK_WRONG_TYPE},
        {"another class of zone", TRICK_WRONG_CLASS},
        {"another opcode", TRICK_WRONG_OPCODE},
        {"not a reply", TRICK_NOT_REPLY},
        {"truncated", TRICK_TRUNCATED},
        {"unsigned", TRICK_UNSIGNED},
        {"under another key's name", TRICK_OTHER_KEY},
        {"BADKEY, unsigned", TRICK_BADKEY},
        {"BADTIME", TRICK_BADTIME},
        {"BADTRUNC", TRICK_BADTRUNC},
        {"an hour old", TRICK_OLD_TIME},
        {"cut", TRICK_JUNK},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lies); i++) {
        print_message("  %s\n", lies[i].name);
        expect_trick(lies[i].trick, 0);
        struct ask *ask = add_native(2 * i);
        expect_reply(ask, RCODE_SERVFAIL, "outcome-unknown");
        expect_audit(&stage, ask, "result", "failed", "outcome-unknown");
        assert_int_equal(stage.wires[LINK_UPDATE].closes, i + 1);
        assert_int_equal(stage_counter(&stage, "bad_replies"), i + 1);
        assert_non_null(strstr(stage_status(&stage), "\"distrusted\":\""));
        expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
        stage_advance(&stage, 1); /* connected anew */
        expect_reply(add_native(2 * i + 1), RCODE_NOERROR, "");
        assert_int_equal(ask->applied, 1);
        assert_non_null(strstr(stage_status(&stage), "\"distrusted\":null"));
    }
}

/* What still comes on a connection that was given up is not looked at. */
static void test_rest_of_a_closed_connection(void **state)
{
    static const uint8_t junk[20] = {0};

    (void)state;
    stage_link(&stage, LINK_UPDATE, LINK_CONNECTING);
    txn_on_primary(stage.txns, LINK_UPDATE, junk, sizeof(junk), stage.now);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 0);
    stage_link(&stage, LINK_UPDATE, LINK_UP);
    txn_on_primary(stage.txns, LINK_UPDATE, junk, sizeof(junk), stage.now);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 1);
}

/* All that was in flight on the connection is unknown with it. */
static void test_lie_takes_the_others_along(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, SECOND);
    struct ask *other = add_native(1);
    expect_trick(TRICK_BAD_MAC, 0);
    struct ask *victim = add_token(2);

    expect_reply(victim, RCODE_SERVFAIL, "outcome-unknown");
    expect_reply(other, RCODE_SERVFAIL, "outcome-unknown");
}

struct rcode_case {
    enum rcode primary;
    bool has_prereq;
    enum rcode rcode;
    const char *reason, *verdict;
};

/* The status says with what the primary refused the last message of the zone, if it
 * did (NOERROR: it did not). */
static void expect_refused_zone(enum rcode rcode)
{
    char member[64];

    snprintf(member, sizeof(member), "\"refused_with\":\"%s\"", rcode_name(rcode));
    const char *found = strstr(stage_status(&stage), "\"refused_with\":\"");
    if (rcode == RCODE_NOERROR)
        assert_null(found);
    else
        assert_true(found != NULL && strncmp(found, member, strlen(member)) == 0);
}

/* U-13 */
static void test_rcodes(void **state)
{
    static const struct rcode_case cases[] = {
        {RCODE_FORMERR, false, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_NOTIMP, false, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_REFUSED, false, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_NOTAUTH, false, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_NOTZONE, true, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_SERVFAIL, false, RCODE_SERVFAIL, "primary-failed", "failed"},
        {(enum rcode)11, false, RCODE_SERVFAIL, "primary-refused", "failed"},
        {RCODE_NXRRSET, true, RCODE_NXRRSET, "prerequisite-failed", "permitted"},
        {RCODE_YXRRSET, true, RCODE_YXRRSET, "prerequisite-failed", "permitted"},
        {RCODE_NXDOMAIN, true, RCODE_NXDOMAIN, "prerequisite-failed", "permitted"},
        {RCODE_YXDOMAIN, true, RCODE_YXDOMAIN, "prerequisite-failed", "permitted"},
        {RCODE_YXRRSET, false, RCODE_REFUSED, "target-is-cname", "refused"},
        {RCODE_NXDOMAIN, false, RCODE_SERVFAIL, "primary-failed", "failed"},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const struct rcode_case *c = &cases[i];
        struct wish wish = {.key = MX1, .zone = DYN};

        print_message("  %s%s\n", rcode_name(c->primary),
                      c->has_prereq ? ", with prerequisites" : "");
        primary_expect(&stage.primary,
                       (struct order){KIND_UPDATE, TRICK_RCODE, .rcode = c->primary});
        if (c->has_prereq)
            wish.items[0] = (struct item){UPDATE_PREREQ, NATIVE, "A", .class = 254};
        wish.items[c->has_prereq] = (struct item)ADD(NATIVE, i);
        struct ask *ask = stage_ask(&stage, &wish);
        expect_reply(ask, c->rcode, c->reason);
        expect_audit(&stage, ask, "result", c->verdict, c->reason);
        assert_int_equal(stage.wires[LINK_UPDATE].closes, 0);
        assert_int_equal(ask->applied, 0);
        expect_refused_zone(strcmp(c->reason, "primary-refused") == 0 ? c->primary
                                                                      : RCODE_NOERROR);
    }
    assert_int_equal(primary_has(&stage.primary, NATIVE, "TXT", NULL), 0);
}

/* ---- connections ---- */

/* F-6: refused at once; T-19: the same octets may run when it is back. */
static void test_primary_away(void **state)
{
    (void)state;
    stage_link(&stage, LINK_UPDATE, LINK_DOWN);
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_SERVFAIL, "primary-unreachable");
    expect_audit(&stage, ask, "result", "failed", "primary-unreachable");
    stage_link(&stage, LINK_UPDATE, LINK_UP);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

static void test_lookups_away(void **state)
{
    (void)state;
    stage_link(&stage, LINK_QUERY, LINK_DOWN);
    struct ask *ask = add_token(1);
    expect_reply(ask, RCODE_SERVFAIL, "primary-unreachable");
    expect_reply(add_native(2), RCODE_NOERROR, ""); /* F-4: each fails alone */
    stage_link(&stage, LINK_QUERY, LINK_UP);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
}

/* While a connection is being made, requests wait, up to their deadline. */
static void test_connecting(void **state)
{
    (void)state;
    stage_cut(&stage, LINK_UPDATE, SECOND);
    struct ask *lucky = add_native(1);
    assert_int_equal(lucky->opened.fate, TXN_WAITING);
    stage_advance(&stage, SECOND);
    expect_reply(lucky, RCODE_NOERROR, "");

    stage_cut(&stage, LINK_UPDATE, 4 * SECOND);
    struct ask *unlucky = add_native(2);
    stage_advance(&stage, 2500000);
    expect_reply(unlucky, RCODE_SERVFAIL, "primary-unreachable");
    stage_advance(&stage, 1500000);
    expect_reply(stage_repeat(&stage, unlucky, false), RCODE_NOERROR, "");
}

static void test_lookup_while_connecting(void **state)
{
    (void)state;
    stage_cut(&stage, LINK_QUERY, SECOND);
    struct ask *lucky = add_token(1);
    stage_advance(&stage, SECOND);
    expect_reply(lucky, RCODE_NOERROR, "");

    stage_advance(&stage, 20 * SECOND); /* the cache forgets */
    stage_cut(&stage, LINK_QUERY, 4 * SECOND);
    struct ask *unlucky = add_token(2);
    stage_advance(&stage, 2500000);
    expect_reply(unlucky, RCODE_SERVFAIL, "primary-unreachable");
}

/* Connecting turns into away: who waits is told at once. */
static void test_connect_fails(void **state)
{
    (void)state;
    stage.wires[LINK_UPDATE].stays_down = true;
    stage_cut(&stage, LINK_UPDATE, SECOND);
    struct ask *ask = add_native(1);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "primary-unreachable");
    assert_string_equal(stage_line(&stage, ask, "intent"), "");
    stage_link(&stage, LINK_UPDATE, LINK_UP);
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
}

/* Nothing of it was or will be sent: the system said so. */
static void test_send_fails(void **state)
{
    (void)state;
    stage.wires[LINK_UPDATE].send_fails = true;
    struct ask *ask = add_native(1);
    expect_reply(ask, RCODE_SERVFAIL, "primary-unreachable");
    expect_audit(&stage, ask, "result", "failed", "primary-unreachable");
    stage.wires[LINK_UPDATE].send_fails = false;
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    assert_int_equal(ask->applied, 1);
}

static void test_lookup_send_fails(void **state)
{
    (void)state;
    stage.wires[LINK_QUERY].send_fails = true;
    struct ask *ask = add_token(1);
    stage_advance(&stage, 2500000);
    assert_int_equal(ask->replies, 1);
    assert_int_equal(ask->rcode, RCODE_SERVFAIL);
    stage.wires[LINK_QUERY].send_fails = false;
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
}

/* U-12: cut under an update that was applied; the same octets never run again. */
static void test_cut_in_flight(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, SECOND);
    struct ask *ask = add_native(1);
    struct ask *waiting = add_native(2);
    stage_cut(&stage, LINK_UPDATE, 100000);
    expect_reply(ask, RCODE_SERVFAIL, "outcome-unknown");
    assert_int_equal(waiting->replies, 0);
    stage_advance(&stage, 100000);
    expect_reply(waiting, RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_SERVFAIL, NULL);
    assert_int_equal(ask->applied, 1);
}

/* F-1: an ID that is in use is not taken twice. */
static void test_ids_that_repeat(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, SECOND);
    struct ask *first = add_native(1);
    stage.stuck_ids = 3;
    struct ask *second = add_token(2);
    stage.stuck_ids = 3;
    struct ask *third = stage_ask(
        &stage,
        &(struct wish){.key = MX2, .zone = STATIC, .items = {ADD(ORIGINAL2, 3)}});
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
    expect_reply(third, RCODE_NOERROR, "");
}

/* Nor is one that is in use taken in the end: a request that gets none is not sent. */
static void test_no_id_is_free(void **state)
{
    (void)state;
    expect_trick(TRICK_SLOW, SECOND);
    struct ask *first = add_native(1);
    stage.stuck_ids = 1000;
    struct ask *second = add_token(2);
    stage.stuck_ids = 0;
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_SERVFAIL, "primary-unreachable");
    expect_reply(stage_repeat(&stage, second, false), RCODE_NOERROR, "");
}

/* The attempt to connect fails while somebody waits for a look-up or an answer. */
static void test_query_connect_fails(void **state)
{
    (void)state;
    stage.wires[LINK_QUERY].stays_down = true;
    stage_cut(&stage, LINK_QUERY, SECOND);
    struct ask *update = add_token(1);
    struct ask *query = stage_ask(
        &stage, &(struct wish){.key = MX1, .query = TARGET, .query_type = "TXT"});
    assert_int_equal(update->replies + query->replies, 0);
    stage_advance(&stage, SECOND);
    expect_reply(update, RCODE_SERVFAIL, "primary-unreachable");
    expect_reply(query, RCODE_SERVFAIL, "");
}

/* A look-up is no update: cut under it, the request is asked about again or refused,
 * never forwarded. */
static void test_cut_under_lookup(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_token(1);
    stage_cut(&stage, LINK_QUERY, 100000);
    stage_advance(&stage, 3 * SECOND);
    expect_reply(ask, RCODE_SERVFAIL, "lookup-failed");
    expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
}

/* An update connection that is idle is asked something, so that the primary does not
 * close it under an update. */
static void test_idle_connection_is_used(void **state)
{
    (void)state;
    unsigned before = stage.primary.received[KIND_SOA];
    stage_advance(&stage, 120 * SECOND);
    assert_true(stage.primary.received[KIND_SOA] >= before + 12);
    assert_int_equal(stage.wires[LINK_UPDATE].closes, 0);
    expect_reply(add_native(1), RCODE_NOERROR, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_slow_primary),
        CASE(test_late_refusal),
        CASE(test_late_prerequisite),
        CASE(test_late_line_cannot_be_written),
        CASE(test_unknown_cannot_be_written),
        CASE(test_oldest_message_counts),
        CASE(test_silent_primary),
        CASE(test_waiting_too_long),
        CASE(test_lies),
        CASE(test_rest_of_a_closed_connection),
        CASE(test_lie_takes_the_others_along),
        CASE(test_rcodes),
        CASE(test_primary_away),
        CASE(test_lookups_away),
        CASE(test_connecting),
        CASE(test_lookup_while_connecting),
        CASE(test_connect_fails),
        CASE(test_send_fails),
        CASE(test_lookup_send_fails),
        CASE(test_cut_in_flight),
        CASE(test_cut_under_lookup),
        CASE(test_ids_that_repeat),
        CASE(test_no_id_is_free),
        CASE(test_query_connect_fails),
        CASE(test_idle_connection_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rates, bounds, reloads, the end (R-2 to R-5, O-5, O-6). */
#include "words.h"

#include "dns/build.h"
#include "dns/type.h"
#include "txn/txns.h"

static void small_limits(struct settings *settings)
{
    settings->limits.host_rate = 1;
    settings->limits.host_burst = 3;
    settings->limits.host_waiting = 2;
    settings->limits.error_rate = 4;
}

static int setup_small(void **state)
{
    (void)state;
    stage_open(&stage, small_limits);
    return 0;
}

/* ---- rates ---- */

static void test_host_rate(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        expect_reply(add_native(i), RCODE_NOERROR, "");
    struct ask *over = add_native(4);
    expect_reply(over, RCODE_REFUSED, "rate-limited");
    assert_true(over->is_signed);
    assert_string_equal(stage_line(&stage, over, "result"), ""); /* L-1 */
    expect_reply(
        stage_ask(&stage, &(struct wish){.key = MX2, .items = {ADD(TARGET2, 5)}}),
        RCODE_NOERROR, "");
    stage_advance(&stage, SECOND);
    /* not entered in the table. */
    expect_reply(stage_repeat(&stage, over, false), RCODE_NOERROR, "");
    stage_advance(&stage, 60 * SECOND);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(strstr(stage.paper.chars, "\"duplicates\":0,\"rate_limited\":1,"));
}

/* What is repeated costs nothing: the answer is known. */
static void test_copies_take_no_token(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    for (int i = 0; i < 10; i++)
        expect_reply(stage_repeat(&stage, ask, false), RCODE_NOERROR, "");
    expect_reply(add_native(2), RCODE_NOERROR, "");
}

/* Authenticated queries have no bucket. */
static void test_queries_take_no_token(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        expect_reply(
            stage_ask(&stage,
                      &(struct wish){.key = MX1, .query = STATIC, .query_type = "SOA"}),
            RCODE_NOERROR, "");
    expect_reply(add_native(2), RCODE_NOERROR, "");
}

/* so many of a host wait, and no more. */
/* A clock that is set right fills nobody's bucket. */
static void test_rate_by_the_monotonic_clock(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        expect_reply(add_native(i), RCODE_NOERROR, "");
    stage.now.real_us += 3600 * SECOND;
    expect_reply(add_native(3), RCODE_REFUSED, "rate-limited");
}

static void test_host_waiting(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *first = add_native(1);
    struct ask *second = add_native(2);
    struct ask *third = add_native(3);
    expect_reply(third, RCODE_REFUSED, "rate-limited");
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, third, false), RCODE_NOERROR, "");
}

/* Who holds a key that no host has, a host's old one perhaps, takes nothing from the
 * host, not even from one of the key's name. */
static void test_key_without_host_takes_nothing(void **state)
{
    static const char rotated[] = "host mx1.duckcorp.org\n"
                                  "    key orphan\n"
                                  "    acme mx1.duckcorp.org\n";

    (void)state;
    stage_reload(&stage, rotated, small_limits);
    for (int i = 0; i < 5; i++)
        expect_reply(stage_ask(&stage, &(struct wish){.key = MX1, .signed_ago_s = i}),
                     RCODE_REFUSED, i < 3 ? "key-without-host" : "rate-limited");
    expect_reply(stage_ask(&stage, &(struct wish){.key = "orphan"}), RCODE_NOERROR, "");
    stage_advance(&stage, 60 * SECOND);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(strstr(stage.paper.chars,
                           "\"host\":null,\"duplicates\":0,\"rate_limited\":2,"));
}

/* Queries that wait for the primary take places as well: one host's do not take those
 * of another one. */
static void test_waiting_queries(void **state)
{
    const struct wish read = {.key = MX1, .query = NATIVE, .query_type = "TXT"};

    (void)state;
    for (int i = 0; i < 2; i++)
        primary_expect(&stage.primary,
                       (struct order){KIND_READ, TRICK_SLOW, .delay_us = SECOND});
    struct ask *first = stage_ask(&stage, &read);
    struct ask *second = stage_ask(&stage, &read);
    struct ask *third = stage_ask(&stage, &read);
    expect_reply(third, RCODE_REFUSED, "");
    assert_true(third->is_signed);
    expect_reply(add_native(1), RCODE_REFUSED, "rate-limited");
    expect_reply(
        stage_ask(&stage, &(struct wish){.key = MX2, .items = {ADD(TARGET2, 5)}}),
        RCODE_NOERROR, "");
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NXDOMAIN, "");
    expect_reply(second, RCODE_NXDOMAIN, "");
    expect_reply(add_native(2), RCODE_NOERROR, "");
}

/* error replies to a prefix; who signs is not in that bucket. */
static void test_error_rate(void **state)
{
    const struct wish stranger = {.items = {ADD(TARGET, 1)}};
    struct wish elsewhere = stranger;
    unsigned answered = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        answered += stage_ask(&stage, &stranger)->replies;
    assert_int_equal(answered, 4);
    elsewhere.from = "192.0.3.1";
    assert_int_equal(stage_ask(&stage, &elsewhere)->replies, 1);
    elsewhere.from = "192.0.2.99";
    assert_int_equal(stage_ask(&stage, &elsewhere)->replies, 0);
    elsewhere.is_tcp = true;
    assert_int_equal(stage_ask(&stage, &elsewhere)->replies, 1);
    expect_reply(add_native(1), RCODE_NOERROR, "");
    assert_int_equal(stage_counter(&stage, "update-unsigned"), 13);
    stage_advance(&stage, SECOND);
    assert_int_equal(stage_ask(&stage, &stranger)->replies, 1);
}

/* the key's name is a pointer to a long zone name: an answer that repeated both
 * would be longer than the question. The stage watches (I7). */
static void test_reply_does_not_grow(void **state)
{
    uint8_t octets[1024];
    struct writer w = writer_of(octets, sizeof(octets));
    struct name_buf algorithm, zone;
    char text[256];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[60] = text[120] = text[180] = '.';
    assert_int_equal(name_from_text(text, 240, &zone), RES_OK);
    assert_int_equal(name_from_text("hmac-sha256", 11, &algorithm), RES_OK);
    build_header(&w, 0, 0x2800);
    build_question(&w, name_of(&zone), TYPE_SOA, CLASS_IN);
    writer_u16(&w, 0xc00c);
    writer_u16(&w, TYPE_TSIG);
    writer_u16(&w, CLASS_ANY);
    writer_u32(&w, 0);
    writer_u16(&w, (uint16_t)(algorithm.len + 16 + 10));
    writer_octets(&w, algorithm.octets, algorithm.len);
    writer_u48(&w, SITE_START_S);
    writer_u16(&w, 300);
    writer_u16(&w, 10);
    writer_octets(&w, "0123456789", 10);
    for (int i = 0; i < 3; i++)
        writer_u16(&w, 0);
    writer_u16_at(&w, 10, 1);
    struct ask *ask = stage_send(&stage, octets, w.len);
    expect_reply(ask, RCODE_NOTAUTH, "");
    assert_int_equal(ask->tsig_error, TSIG_BADKEY);
    assert_int_equal(ask->msg.header.counts[SECTION_ZONE], 0);
}

static void without_reasons(struct settings *settings)
{
    settings->explain_refusals = false;
}

static void test_without_reasons(void **state)
{
    (void)state;
    stage_reload(&stage, site_acl, without_reasons);
    struct ask *ask = stage_ask(
        &stage, &(struct wish){.key = MX1, .edns = 1232, .items = {ADD(TARGET2, 1)}});
    expect_reply(ask, RCODE_REFUSED, "");
    assert_string_equal(ask->text, "");
    expect_audit(&stage, ask, "result", "refused", "name-not-granted");
}

static void two_requests(struct settings *settings)
{
    settings->limits.requests = 2;
}

/* so many requests under way in all, whoever's they are. */
static void test_requests_in_all(void **state)
{
    (void)state;
    stage_reload(&stage, site_acl, two_requests);
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *first = add_native(1);
    struct ask *second = add_native(2);
    const struct wish wish = {
        .key = MX2, .zone = DYN, .items = {ADD("h2.dyn.duckcorp.org", 3)}};
    struct ask *third = stage_ask(&stage, &wish);
    expect_reply(third, RCODE_REFUSED, "rate-limited");
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
    expect_reply(stage_repeat(&stage, third, false), RCODE_NOERROR, "");
}

/* ---- reloads ---- */

static const char only_mx2[] = "grant " MX2 " acme " MX2 "\n";

static const char without_mx1[] = "profile whole\n"
                                  "    owner {name}\n"
                                  "    type  A TXT\n"
                                  "host mx1.duckcorp.org\n"
                                  "    acme  mx1.duckcorp.org\n"
                                  "host mx2.duckcorp.org\n"
                                  "    acme  mx2.duckcorp.org\n"
                                  "    whole h2.dyn.duckcorp.org\n";

/* O-6: what is received after the reload is judged by the new ACL; what was judged
 * before goes its way. */
static void test_reload_while_in_flight(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *sent = add_native(1);
    struct ask *queued = add_native(2);
    stage_reload(&stage, without_mx1, NULL);
    struct ask *late = add_native(3);
    expect_reply(late, RCODE_REFUSED, "name-not-granted");
    stage_advance(&stage, SECOND);
    expect_reply(sent, RCODE_NOERROR, "");
    expect_reply(queued, RCODE_NOERROR, "");
    assert_non_null(strstr(stage_line(&stage, sent, "result"), "\"gen\":1,"));
    assert_non_null(strstr(stage_line(&stage, late, "result"), "\"gen\":2,"));
}

/* A key that no host has any more can still be signed with for who waits (T-13). */
static void test_reload_takes_the_host_away(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *sent = add_native(1);
    stage_reload(&stage, only_mx2, NULL);
    expect_reply(add_native(2), RCODE_REFUSED, "key-without-host");
    stage_advance(&stage, SECOND);
    expect_reply(sent, RCODE_NOERROR, "");
    assert_true(sent->is_signed);
    /* And the table still knows. */
    expect_reply(stage_repeat(&stage, sent, false), RCODE_NOERROR, "");
    stage_advance(&stage, 400 * SECOND);
    stage_reload(&stage, only_mx2, NULL);
    stage_reload(&stage, site_acl, NULL);
    expect_reply(add_native(3), RCODE_NOERROR, "");
}

static void test_reload_during_lookup(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_token(1);
    stage_reload(&stage, without_mx1, NULL);
    stage_reload(&stage, site_acl, NULL);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_non_null(strstr(stage_line(&stage, ask, "result"), "\"gen\":1,"));
}

static void without_dyn(struct settings *settings)
{
    settings->zone_count--;
}

/* A zone that is gone is written to the end, and asked about no more. */
static void test_reload_takes_the_zone_away(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *sent = add_native(1);
    struct ask *waiting = add_native(2);
    stage_reload(&stage, only_mx2, without_dyn);
    stage_advance(&stage, SECOND);
    expect_reply(sent, RCODE_NOERROR, "");
    expect_reply(waiting, RCODE_NOERROR, "");
    const struct soa *soa;
    unsigned zones = 0;
    TAILQ_FOREACH(soa, &stage.txns->soas, entry)
    {
        zones++;
    }
    assert_int_equal(zones, stage.snapshot->settings.zone_count);
}

/* O-5: a host that is gone stays for as long as a request of its own is under way,
 * though none of them is in the table yet. */
static void test_reload_takes_the_host_away_during_lookup(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = add_token(1);
    stage_reload(&stage, only_mx2, NULL);
    stage_advance(&stage, SECOND / 2);
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    assert_int_equal(stage.txns->principals.count, 1);
    stage_advance(&stage, SECOND / 2);
    expect_reply(ask, RCODE_NOERROR, "");
}

/* I9: once their answers are forgotten, a reload takes along what was remembered of
 * hosts that are no more, and of no others. */
static void test_reload_purges(void **state)
{
    (void)state;
    expect_reply(add_native(1), RCODE_NOERROR, "");
    expect_reply(
        stage_ask(&stage, &(struct wish){.key = MX2, .items = {ADD(TARGET2, 5)}}),
        RCODE_NOERROR, "");
    assert_int_equal(stage.txns->principals.count, 2);
    assert_int_equal(stage.txns->keys.count, 2);
    stage_reload(&stage, only_mx2, NULL);
    stage_advance(&stage, SECOND);
    assert_int_equal(stage.txns->principals.count, 2); /* repetitions are answered */
    stage_advance(&stage, 700 * SECOND);
    /* With a new entry the table forgets what is too old to come again. */
    expect_reply(
        stage_ask(&stage, &(struct wish){.key = MX2, .items = {ADD(TARGET2, 6)}}),
        RCODE_NOERROR, "");
    stage_reload(&stage, only_mx2, NULL);
    stage_advance(&stage, SECOND);
    assert_int_equal(stage.txns->principals.count, 1);
    assert_int_equal(stage.txns->keys.count, 2); /* O-8: both are in the key file yet */
}

/* L-1: whose numbers are still to be told is not forgotten, and they are told. */
static void test_reload_purges_nobody_untold(void **state)
{
    (void)state;
    stage_link(&stage, LINK_UPDATE, LINK_CONNECTING);
    struct ask *ask = add_native(1);
    stage_repeat(&stage, ask, false);
    stage_link(&stage, LINK_UPDATE, LINK_DOWN);
    expect_reply(ask, RCODE_SERVFAIL, "primary-unreachable");
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    stage_reload(&stage, only_mx2, NULL);
    stage_advance(&stage, 60 * SECOND);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(strstr(stage.paper.chars, "\"host\":\"" MX1 "\",\"duplicates\":1,"
                                              "\"rate_limited\":0,"));
    stage_reload(&stage, only_mx2, NULL);
    stage_advance(&stage, SECOND);
    assert_int_equal(stage.txns->principals.count, 0);
}

/* The same of one that had too many requests. */
static void test_reload_purges_nobody_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, i)}});
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
    stage_reload(&stage, only_mx2, small_limits);
    stage_advance(&stage, 60 * SECOND);
    stage.paper.chars[stage.paper.len] = '\0';
    assert_non_null(strstr(stage.paper.chars, "\"host\":\"" MX1 "\",\"duplicates\":0,"
                                              "\"rate_limited\":1,"));
}

/* a reload fills nobody's bucket. */
static void test_reload_keeps_rates(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        stage_ask(&stage, &(struct wish){.key = MX1, .items = {ADD(TARGET2, i)}});
    stage_reload(&stage, site_acl, small_limits);
    stage_advance(&stage, 1);
    expect_reply(add_native(3), RCODE_REFUSED, "rate-limited");
}

static void test_many_reloads(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        stage_reload(&stage, i % 2 == 0 ? without_mx1 : site_acl, NULL);
        expect_reply(add_native(i), i % 2 == 0 ? RCODE_REFUSED : RCODE_NOERROR,
                     i % 2 == 0 ? "name-not-granted" : "");
    }
}

/* ---- the end ---- */

static void test_drain(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *sent = add_native(1);
    struct ask *queued = add_native(2);
    txns_drain(stage.txns);
    assert_false(txns_is_idle(stage.txns));
    assert_int_equal(add_native(3)->opened.fate, TXN_DROPPED);
    stage_advance(&stage, SECOND);
    expect_reply(sent, RCODE_NOERROR, "");
    expect_reply(queued, RCODE_NOERROR, "");
    assert_true(txns_is_idle(stage.txns));
}

/* Freed in every state that a request can be in; the sanitizers watch. */
static void test_end_in_the_middle(void **state)
{
    (void)state;
    stage.paper.sync_delay_us = SECOND;
    add_native(1); /* syncing */
    primary_expect(&stage.primary, (struct order){KIND_UPDATE, .trick = TRICK_DEAF});
    struct ask *ask = add_native(2);  /* sent */
    add_native(3);                    /* queued */
    stage_repeat(&stage, ask, false); /* waiting for another's answer */
    primary_expect(&stage.primary, (struct order){KIND_CNAME, .trick = TRICK_DEAF});
    add_token(4); /* looking up */
    primary_expect(&stage.primary, (struct order){KIND_READ, .trick = TRICK_DEAF});
    stage_ask(&stage, &(struct wish){.key = MX1, .query = TARGET, .query_type = "TXT"});
    stage_restart(&stage);
    primary_expect(&stage.primary, (struct order){KIND_UPDATE, .trick = TRICK_DEAF});
    add_native(5);
    stage_advance(&stage, 3 * SECOND); /* late */
    stage_restart(&stage);
}

/* ---- the keys of a status ---- */

static const char *key_text(const char *name, const char *host, bool is_used)
{
    static char text[256];

    snprintf(text, sizeof(text), "{\"name\":\"%s\",\"host\":%s%s%s,%s", name,
             host != NULL ? "\"" : "", host != NULL ? host : "null",
             host != NULL ? "\"" : "",
             is_used ? "\"last_use\":\"" : "\"last_use\":null,\"requests\":0}");
    return text;
}

static void test_keys_of_a_status(void **state)
{
    char text[1024];
    uint8_t octets[256];
    struct writer w = writer_of(octets, sizeof(octets));
    struct json json = json_of(&w);
    struct key_walk walk = {NULL};
    size_t len = 0;
    bool is_more = true;

    (void)state;
    expect_reply(add_token(1), RCODE_NOERROR, "");
    for (unsigned turns = 0; is_more; turns++) {
        is_more = txns_status_keys(stage.txns, &walk, &json);
        assert_false(w.failed);
        assert_true(len + w.len < sizeof(text) && turns < 10);
        memcpy(text + len, octets, w.len);
        len += w.len;
        writer_rewind(&w, 0);
        if (turns == 0) /* the walk goes on as it began */
            stage_reload(&stage, "grant " MX2 " acme " MX2 "\n", NULL);
    }
    text[len] = '\0';
    const char *at = text;
    const struct {
        const char *name, *host;
        bool is_used;
    } keys[] = {{MX1, MX1, true},
                {MX2, MX2, false},
                {FAR, FAR, false},
                {"orphan", NULL, false}};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        at = strstr(at, key_text(keys[i].name, keys[i].host, keys[i].is_used));
        assert_non_null(at);
    }
    assert_null(strstr(text, "gateway"));
    assert_null(walk.snapshot);
    key_walk_end(&walk);
    assert_false(txns_status_keys(stage.txns, &walk, &json) && w.failed);
    key_walk_end(&walk);
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, setup_small, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SMALL(test_host_rate),
        SMALL(test_copies_take_no_token),
        SMALL(test_queries_take_no_token),
        SMALL(test_rate_by_the_monotonic_clock),
        SMALL(test_host_waiting),
        SMALL(test_key_without_host_takes_nothing),
        SMALL(test_waiting_queries),
        SMALL(test_error_rate),
        CASE(test_reply_does_not_grow),
        CASE(test_without_reasons),
        CASE(test_requests_in_all),
        CASE(test_reload_while_in_flight),
        CASE(test_reload_takes_the_host_away),
        CASE(test_reload_during_lookup),
        CASE(test_many_reloads),
        CASE(test_reload_takes_the_zone_away),
        CASE(test_reload_takes_the_host_away_during_lookup),
        CASE(test_reload_purges),
        CASE(test_reload_purges_nobody_untold),
        SMALL(test_reload_purges_nobody_limited),
        SMALL(test_reload_keeps_rates),
        CASE(test_drain),
        CASE(test_keys_of_a_status),
        CASE(test_end_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* In which order updates reach the primary, and what waits for what (U-11, F-5). */
#include "words.h"

static void test_one_zone_one_message_in_flight(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *first = add_native(1);
    struct ask *second = add_native(2);
    struct ask *elsewhere = add_token(3);

    assert_int_equal(first->opened.fate, TXN_WAITING);
    assert_int_equal(second->opened.fate, TXN_WAITING);
    assert_int_equal(stage.primary.received[KIND_UPDATE], 2); /* first, elsewhere */
    expect_reply(elsewhere, RCODE_NOERROR, "");
    stage_advance(&stage, SECOND - 1);
    assert_int_equal(first->replies + second->replies, 0);
    stage_advance(&stage, 1);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
}

/* D4: those who wait share messages; each has its own answer and audit line. */
static void test_many_wait_for_one_zone(void **state)
{
    struct ask *asks[20];

    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        asks[i] = stage_ask(&stage, &(struct wish){.key = MX1,
                                                   .zone = DYN,
                                                   .is_tcp = i % 2 == 0,
                                                   .items = {ADD(NATIVE, i)}});
        assert_int_equal(asks[i]->opened.fate, TXN_WAITING);
    }
    stage_advance(&stage, SECOND);
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        expect_reply(asks[i], RCODE_NOERROR, "");
        expect_audit(&stage, asks[i], "result", "permitted", "permitted");
        assert_int_equal(asks[i]->applied, 1);
    }
    assert_int_equal(primary_has(&stage.primary, NATIVE, "TXT", NULL), 20);
}

/* U-11: on one connection the order is the client's, whatever each message had to wait
 * for. */
static struct ask *add_in_order(const char *key, const char *owner, unsigned connection,
                                unsigned n)
{
    return stage_ask(&stage, &(struct wish){.key = key,
                                            .zone = STATIC,
                                            .is_tcp = true,
                                            .connection = connection,
                                            .items = {ADD(owner, n)}});
}

static void test_order_on_a_connection(void **state)
{
    (void)state;
    expect_reply(add_token(1), RCODE_NOERROR, ""); /* now its CNAME is known */
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *first = add_in_order(MX1, "_acme-challenge.www.duckcorp.org", 1, 2);
    struct ask *second = add_in_order(MX1, ORIGINAL, 1, 3);
    struct ask *third = stage_ask(&stage, &(struct wish){.key = MX1,
                                                         .zone = DYN,
                                                         .is_tcp = true,
                                                         .connection = 1,
                                                         .items = {ADD(NATIVE, 4)}});
    struct ask *elsewhere = add_in_order(MX1, ORIGINAL, 2, 5);

    expect_reply(elsewhere, RCODE_NOERROR, "");
    assert_int_equal(second->applied + third->applied, 0);
    stage_advance(&stage, SECOND);
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
    expect_reply(third, RCODE_NOERROR, "");
    assert_true(first->forwarded_at < second->forwarded_at);
    assert_true(first->forwarded_at < third->forwarded_at);
}

/* The earlier one's zone is busy. */
static void test_order_across_zones(void **state)
{
    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_UPDATE, TRICK_SLOW, .delay_us = SECOND});
    struct ask *busy = add_native(1);
    struct ask *first = stage_ask(&stage, &(struct wish){.key = MX1,
                                                         .zone = DYN,
                                                         .is_tcp = true,
                                                         .connection = 1,
                                                         .items = {ADD(NATIVE, 2)}});
    struct ask *second = add_in_order(MX1, ORIGINAL, 1, 3);
    struct ask *another_key = add_in_order(MX2, ORIGINAL2, 1, 4);

    assert_int_equal(second->forwarded_at, 0);
    expect_reply(another_key, RCODE_NOERROR, "");
    stage_advance(&stage, SECOND);
    expect_reply(busy, RCODE_NOERROR, "");
    expect_reply(first, RCODE_NOERROR, "");
    expect_reply(second, RCODE_NOERROR, "");
    assert_true(first->forwarded_at < second->forwarded_at);
}

/* Held, and the connection to the primary goes away; held, and the time is up. */
static void test_held_to_the_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        primary_expect(&stage.primary, (struct order){KIND_CNAME, .trick = TRICK_DEAF});
        struct ask *first =
            add_in_order(MX1, "_acme-challenge.www.duckcorp.org", 1, 2 * i);
        struct ask *second = add_in_order(MX1, TARGET, 1, 2 * i + 1);
        second = stage_ask(&stage, &(struct wish){.key = MX1,
                                                  .zone = DYN,
                                                  .is_tcp = true,
                                                  .connection = 1,
                                                  .items = {ADD(NATIVE, 2 * i + 1)}});
        if (i == 0)
            stage_link(&stage, LINK_UPDATE, LINK_DOWN);
        stage_advance(&stage, 2500000);
        assert_int_equal(first->rcode, RCODE_SERVFAIL);
        expect_reply(second, RCODE_SERVFAIL, "primary-unreachable");
        stage_advance(&stage, 10 * SECOND);
        stage_link(&stage, LINK_UPDATE, LINK_UP);
        expect_reply(stage_repeat(&stage, second, true), RCODE_NOERROR, "");
    }
}

/* Who waits for one that fails goes on when it has. */
static void test_order_behind_a_failure(void **state)
{
    static const struct order orders[] = {
        {KIND_CNAME, TRICK_SLOW, RCODE_NOERROR, SECOND}, /* bare: refused */
        {KIND_CNAME, TRICK_DEAF, RCODE_NOERROR, 0},      /* 2.5 s */
        {KIND_CNAME, TRICK_BAD_MAC, RCODE_NOERROR, SECOND},
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(orders); i++) {
        primary_expect(&stage.primary, orders[i]);
        struct ask *first =
            add_in_order(MX1, "_acme-challenge.bare.duckcorp.org", 1, 2 * i);
        stage_advance(&stage, 100000);
        struct ask *second =
            stage_ask(&stage, &(struct wish){.key = MX1,
                                             .zone = DYN,
                                             .is_tcp = true,
                                             .connection = 1,
                                             .items = {ADD(NATIVE, 2 * i + 1)}});
        stage_advance(&stage, 2400000);
        assert_int_equal(first->replies, 1);
        assert_int_not_equal(first->rcode, RCODE_NOERROR);
        expect_reply(second, RCODE_NOERROR, "");
        assert_int_equal(second->replied_us, first->replied_us);
        stage_advance(&stage, 10 * SECOND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_one_zone_one_message_in_flight),
        CASE(test_many_wait_for_one_zone),
        CASE(test_order_on_a_connection),
        CASE(test_order_across_zones),
        CASE(test_held_to_the_end),
        CASE(test_order_behind_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

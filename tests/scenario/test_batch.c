/* Group commit (D4): what waits for a zone shares the next message, in order. Failures
 * are in test_batch_faults.c. */
#include "txn/txns.h"
#include "words.h"

#define MS (SECOND / 1000)

/* Landed, answered for itself, in a message of that many requests. */
static void expect_landed(struct ask *ask, unsigned batch)
{
    expect_reply(ask, RCODE_NOERROR, "");
    expect_audit(&stage, ask, "intent", "permitted", "permitted");
    expect_audit(&stage, ask, "result", "permitted", "permitted");
    assert_int_equal(ask->applied, 1);
    assert_int_equal(stage_batch(&stage, ask), batch);
}

static void test_idle_gateway_adds_no_wait(void **state)
{
    (void)state;
    struct ask *ask = add_native(1);
    expect_landed(ask, 1);
    assert_int_equal(ask->replied_us, stage.now.mono_us);
}

static void test_waiting_requests_share_a_message(void **state)
{
    struct ask *asks[5];

    (void)state;
    struct ask *first = occupy(10 * MS);
    for (unsigned i = 0; i < COUNT_OF(asks); i++)
        asks[i] = i % 2 == 0 ? add_at(MX1, NATIVE, i) : add_at(MX2, NATIVE2, i);
    const struct zone_queue *queue = TAILQ_FIRST(&stage.txns->queues);
    assert_int_equal(queue->waiting_count, COUNT_OF(asks));
    stage_advance(&stage, 10 * MS);

    assert_int_equal(queue->waiting_count, 0);
    assert_int_equal(stage.message_count, 2);
    expect_landed(first, 1);
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        expect_landed(asks[i], 5);
        assert_int_equal(asks[i]->applied_at, 2 + i);
    }
    assert_int_equal(stage.paper.syncs_asked, 2); /* L-2: one a message */
}

/* A copy of a request that waits or is in a merged message is not another request. */
static void test_copies_are_not_merged(void **state)
{
    (void)state;
    occupy(10 * MS);
    expect_slow(10 * MS, RCODE_NOERROR);
    struct ask *ask = add_native(1);
    add_native(2);
    struct ask *waiting = stage_repeat(&stage, ask, false);
    stage_advance(&stage, 10 * MS);
    struct ask *in_flight = stage_repeat(&stage, ask, false);
    stage_advance(&stage, 10 * MS);

    expect_landed(ask, 2);
    expect_reply(waiting, RCODE_NOERROR, "");
    expect_reply(in_flight, RCODE_NOERROR, "");
    assert_int_equal(stage.message_count, 2);
}

/* ---- what travels alone ---- */

static const struct wish loners[] = {
    {.key = MX1,
     .zone = DYN,
     .items = {{UPDATE_PREREQ, NATIVE, "A", .class = 254},
               {UPDATE_ADD, NATIVE, "TXT", "\"if\"", 60}}},
    {.key = MX1,
     .zone = DYN,
     .items = {{UPDATE_ADD, NATIVE, "DNSKEY", "257 3 13 AAAA", 60}}},
};

/* In its place: those before it share a message, and those after it another. */
static void test_loners_keep_their_place(void **state)
{
    struct ask *asks[6];

    (void)state;
    occupy(10 * MS);
    asks[0] = add_native(0);
    asks[1] = add_native(1);
    asks[2] = stage_ask(&stage, &loners[0]);
    asks[3] = stage_ask(&stage, &loners[1]);
    asks[4] = add_native(4);
    asks[5] = add_native(5);
    stage_advance(&stage, 10 * MS);

    static const unsigned batches[] = {2, 2, 1, 1, 2, 2};
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        expect_landed(asks[i], batches[i]);
        assert_int_equal(asks[i]->applied_at, 2 + i);
    }
    assert_int_equal(stage.message_count, 5);
}

/* The first of the waiting ones is not special. */
static void test_loner_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(loners); i++) {
        occupy(10 * MS);
        struct ask *loner = stage_ask(&stage, &loners[i]);
        struct ask *after = add_native(1);
        stage_advance(&stage, SECOND);
        expect_landed(loner, 1);
        expect_landed(after, 1);
        assert_true(loner->applied_at < after->applied_at);
    }
}

/* ---- order ---- */

/* What several hosts do to one name; the order decides what is left (U-6). */
static const struct wish deeds[] = {
    {.key = MX1, .items = {{UPDATE_ADD, SHARED, "TXT", "\"a\"", 60}}},
    {.key = MX2, .items = {{UPDATE_ADD, SHARED, "TXT", "\"b\"", 60}}},
    {.key = MX1, .items = {{UPDATE_DELETE, SHARED, "TXT", "\"b\""}}},
    {.key = MX2, .items = {{UPDATE_ADD, SHARED, "A", "192.0.2.1", 60}}},
    {.key = MX2, .items = {{UPDATE_DELETE_RRSET, SHARED, "TXT"}}},
    {.key = MX1, .items = {{UPDATE_ADD, SHARED, "TXT", "\"c\"", 60}}},
    {.key = MX2,
     .items = {{UPDATE_DELETE, SHARED, "TXT", "\"c\""},
               {UPDATE_ADD, SHARED, "TXT", "\"a\"", 60}}},
    {.key = MX1, .items = {{UPDATE_DELETE_NAME, SHARED, "ANY"}}},
    {.key = MX2, .items = {{UPDATE_ADD, SHARED, "TXT", "\"b\"", 60}}},
    {.key = MX1, .items = {{UPDATE_ADD, SHARED, "TXT", "\"c\"", 60}}},
    {.key = MX2, .items = {{UPDATE_DELETE, SHARED, "TXT", "\"b\""}}},
};

/* Which of "a", "b", "c" and the address are there after the first count deeds, done
 * one by one or together. */
static unsigned left_after(size_t count, bool is_merged)
{
    unsigned left = 0;

    stage_open(&stage, NULL);
    if (is_merged)
        occupy(10 * MS);
    for (size_t i = 0; i < count; i++) {
        struct wish wish = deeds[i];
        wish.zone = DYN;
        stage_ask(&stage, &wish);
    }
    stage_advance(&stage, SECOND);
    assert_int_equal(stage.message_count, is_merged ? 2 : count);
    left |= primary_has(&stage.primary, SHARED, "TXT", "\"a\"") << 0;
    left |= primary_has(&stage.primary, SHARED, "TXT", "\"b\"") << 1;
    left |= primary_has(&stage.primary, SHARED, "TXT", "\"c\"") << 2;
    left |= primary_has(&stage.primary, SHARED, "A", NULL) << 3;
    stage_close(&stage);
    return left;
}

static void test_order_of_several_hosts(void **state)
{
    (void)state;
    for (size_t count = 1; count <= COUNT_OF(deeds); count++)
        assert_int_equal(left_after(count, true), left_after(count, false));
    assert_int_equal(left_after(COUNT_OF(deeds), true), 1 << 2);
}

/* ---- bounds ---- */

static void crowded(struct settings *settings)
{
    settings->limits.host_waiting = STAGE_ASKS;
}

static int setup_crowded(void **state)
{
    (void)state;
    stage_open(&stage, crowded);
    return 0;
}

/* The most octets that a value of one character-string can have. */
static const char *long_value(unsigned n)
{
    static char texts[WISH_ITEMS][260];
    char *text = texts[n % WISH_ITEMS];

    snprintf(text, sizeof(texts[0]), "\"%0253u\"", n);
    return text;
}

/* No message outgrows a TCP frame (F-1), however much waits. */
static void test_bound_on_octets(void **state)
{
    struct ask *asks[60];

    (void)state;
    occupy(10 * MS);
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        struct wish wish = {.key = i % 2 == 0 ? MX1 : MX2, .zone = DYN};
        for (unsigned j = 0; j < WISH_ITEMS; j++)
            wish.items[j] = (struct item){.op = UPDATE_ADD,
                                          .owner = i % 2 == 0 ? NATIVE : NATIVE2,
                                          .type = "TXT",
                                          .value = long_value(WISH_ITEMS * i + j),
                                          .ttl = 60};
        asks[i] = stage_ask(&stage, &wish);
    }
    stage_advance(&stage, 10 * MS);

    assert_int_equal(stage.message_count, 4);
    assert_in_range(stage.primary.longest, 50000, LIMIT_MESSAGE_OCTETS);
    for (unsigned i = 0; i < COUNT_OF(asks); i++) {
        expect_reply(asks[i], RCODE_NOERROR, "");
        assert_int_equal(asks[i]->applied_at, 2 + i);
    }
}

/* A message takes so many requests of eight times that item, and not one more. */
static void fill_with(struct item item, unsigned fit)
{
    struct wish wish = {.key = MX1, .zone = DYN};
    struct ask *last = NULL;

    for (unsigned j = 0; j < WISH_ITEMS; j++)
        wish.items[j] = item;
    occupy(10 * MS);
    for (unsigned i = 0; i < fit + 3; i++) {
        wish.signed_ago_s = i;
        last = stage_ask(&stage, &wish);
    }
    stage_advance(&stage, 10 * MS);
    assert_int_equal(stage.message_count, 3);
    assert_int_equal(stage.requests[1], fit);
    expect_landed(last, 3);
}

/* A whole name becomes a record for each type that may go: it counts as that. */
static void test_bound_on_records(void **state)
{
    (void)state;
    fill_with((struct item){.op = UPDATE_DELETE_NAME, .owner = NATIVE, .type = "ANY"},
              LIMIT_BATCH_RECORDS / (2 * WISH_ITEMS));
}

/* And an add counts for two: its guard comes along (C-9), with a name and ten octets of
 * its own. */
static void test_bound_on_guards(void **state)
{
    enum { GUARD = sizeof("\2h1\3dyn\10duckcorp\3org") + 10, ADDED = GUARD + 4 };

    (void)state;
    fill_with(
        (struct item){
            .op = UPDATE_ADD, .owner = NATIVE, .type = "A", .value = "192.0.2.1"},
        LIMIT_BATCH_OCTETS / (WISH_ITEMS * (GUARD + ADDED)));
}

/* ---- zones ---- */

static void test_zones_merge_apart(void **state)
{
    struct ask *native[3], *shadow[3];

    (void)state;
    expect_reply(add_token(50), RCODE_NOERROR, ""); /* the look-up is cached */
    expect_slow(10 * MS, RCODE_NOERROR);
    expect_slow(20 * MS, RCODE_NOERROR);
    add_native(100);
    add_token(101);
    for (unsigned i = 0; i < COUNT_OF(native); i++) {
        native[i] = add_native(i);
        shadow[i] = add_token(i);
    }
    stage_advance(&stage, 10 * MS);
    for (unsigned i = 0; i < COUNT_OF(native); i++) {
        expect_landed(native[i], 3);
        assert_int_equal(shadow[i]->replies, 0);
    }
    stage_advance(&stage, 10 * MS);
    for (unsigned i = 0; i < COUNT_OF(shadow); i++)
        expect_landed(shadow[i], 3);
}

#define ZONES 20

/* z1 to z20, each a dynamic zone of its own below dyn.duckcorp.org. */
static void twenty_zones(struct settings *settings)
{
    static struct settings_zone zones[ZONES];
    static struct name_buf names[ZONES];

    for (unsigned i = 0; i < ZONES; i++) {
        char text[64];
        snprintf(text, sizeof(text), "z%u.dyn.duckcorp.org", i + 1);
        assert_int_equal(name_from_text(text, strlen(text), &names[i]), RES_OK);
        zones[i] =
            (struct settings_zone){.name = name_of(&names[i]), .is_dynamic = true};
    }
    settings->zones = zones;
    settings->zone_count = ZONES;
    settings->shadow_count = 0;
}

static void open_twenty_zones(void)
{
    char acl[2048] = "host mx1.duckcorp.org\n";
    size_t len = strlen(acl);

    for (unsigned i = 1; i <= ZONES; i++)
        len += (size_t)snprintf(acl + len, sizeof(acl) - len,
                                "    acme h1.z%u.dyn.duckcorp.org\n", i);
    assert_true(len < sizeof(acl));
    stage_reload(&stage, acl, twenty_zones);
}

static struct ask *add_in_zone(unsigned zone, unsigned n)
{
    char name[64], apex[32];

    snprintf(apex, sizeof(apex), "z%u.dyn.duckcorp.org", zone);
    snprintf(name, sizeof(name), "_acme-challenge.h1.%s", apex);
    return stage_ask(&stage,
                     &(struct wish){.key = MX1, .zone = apex, .items = {ADD(name, n)}});
}

/* F-4: the primary's update-quota. The others wait, and come before who has had his
 * turn. */
static void test_sixteen_zones_in_flight(void **state)
{
    struct ask *asks[ZONES], *again[16];

    (void)state;
    open_twenty_zones();
    for (unsigned i = 0; i < 2 * ZONES; i++)
        expect_slow(10 * MS, RCODE_NOERROR);
    for (unsigned i = 0; i < ZONES; i++)
        asks[i] = add_in_zone(i + 1, i);
    for (unsigned i = 0; i < COUNT_OF(again); i++)
        again[i] = add_in_zone(i + 1, 100 + i);
    assert_int_equal(stage.message_count, 16);
    stage_advance(&stage, 10 * MS);
    for (unsigned i = 0; i < ZONES; i++)
        assert_int_equal(asks[i]->applied, 1);
    assert_int_equal(stage.message_count, 32);
    stage_advance(&stage, 20 * MS);
    for (unsigned i = 0; i < COUNT_OF(again); i++)
        expect_landed(again[i], 1);
    stage.primary.order_count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_idle_gateway_adds_no_wait),
        CASE(test_waiting_requests_share_a_message),
        CASE(test_copies_are_not_merged),
        CASE(test_loners_keep_their_place),
        CASE(test_loner_first),
        cmocka_unit_test(test_order_of_several_hosts),
        cmocka_unit_test_setup_teardown(test_bound_on_octets, setup_crowded, teardown),
        cmocka_unit_test_setup_teardown(test_bound_on_records, setup_crowded, teardown),
        cmocka_unit_test_setup_teardown(test_bound_on_guards, setup_crowded, teardown),
        CASE(test_zones_merge_apart),
        CASE(test_sixteen_zones_in_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is permitted lands, whole and once; what is not goes nowhere. */
#include "words.h"

static void test_permitted_update_lands(void **state)
{
    (void)state;
    struct ask *ask =
        stage_ask(&stage, &(struct wish){.key = MX1,
                                         .zone = STATIC,
                                         .items = {{UPDATE_ADD, ORIGINAL, "TXT",
                                                    token(1), .ttl = 3600}}});

    expect_reply(ask, RCODE_NOERROR, "");
    assert_true(ask->is_signed);
    assert_int_equal(ask->msg.header.counts[SECTION_ZONE], 1);
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", token(1)), 1);
    assert_int_equal(primary_ttl(&stage.primary, TARGET, "TXT"), 600); /* */
    expect_audit(&stage, ask, "intent", "permitted", "permitted");
    expect_audit(&stage, ask, "result", "permitted", "permitted");
    assert_non_null(strstr(stage_line(&stage, ask, "result"),
                           "\"original\":\"" ORIGINAL "\",\"target\":\"" TARGET
                           "\",\"ttl_asked\":3600,\"ttl\":600"));
    assert_int_equal(stage_counter(&stage, "permitted"), 1);
    assert_int_equal(stage.primary.received[KIND_CNAME], 1);
}

static void test_direct_addressing(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(
        &stage, &(struct wish){.key = MX1, .items = {ADD(TARGET, 2)}}); /* C-5 */

    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", token(2)), 1);
    assert_int_equal(stage.primary.received[KIND_CNAME], 1);
}

static void test_native_name_needs_no_lookup(void **state)
{
    (void)state;
    struct ask *ask = add_native(3);

    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(primary_has(&stage.primary, NATIVE, "TXT", token(3)), 1);
    assert_int_equal(stage.primary.received[KIND_CNAME], 0); /* C-12 */
}

/* U-6: delete and add in one message, as lego does it; the order is kept. */
static void test_delete_then_add(void **state)
{
    (void)state;
    primary_add(&stage.primary, TARGET, "TXT", token(1));
    struct ask *ask =
        stage_ask(&stage, &(struct wish){.key = MX1,
                                         .items = {{UPDATE_DELETE_RRSET, TARGET, "TXT"},
                                                   ADD(TARGET, 2)}});

    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", NULL), 1);
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", token(2)), 1);
}

/* other types at the name stay. */
static void test_delete_name(void **state)
{
    (void)state;
    primary_add(&stage.primary, NATIVE, "A", "192.0.2.1");
    primary_add(&stage.primary, NATIVE, "TXT", "\"x\"");
    primary_add(&stage.primary, NATIVE, "MX", "1 mail.example.");
    struct ask *ask = stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .zone = DYN,
                               .items = {{UPDATE_DELETE_NAME, NATIVE, "ANY"}}});

    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(primary_has(&stage.primary, NATIVE, "A", NULL), 0);
    assert_int_equal(primary_has(&stage.primary, NATIVE, "TXT", NULL), 0);
    assert_int_equal(primary_has(&stage.primary, NATIVE, "MX", NULL), 1);
}

/* */
static void test_empty_update(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(&stage, &(struct wish){.key = MX1});

    expect_reply(ask, RCODE_NOERROR, "");
    expect_audit(&stage, ask, "result", "permitted", "permitted");
    assert_string_equal(stage_line(&stage, ask, "intent"), "");
    assert_int_equal(stage.primary.received[KIND_UPDATE], 0);
}

/* ---- refusals ---- */

struct refusal {
    const char *name;
    struct wish wish;
    enum rcode rcode;
    const char *reason; /* in the audit and the counters */
};

/* Each is refused for what it is, over both transports alike (N-5), leaves one audit
 * line, and the primary hears nothing of it. */
static void see_refused(const struct refusal *refusal, size_t i)
{
    struct wish wish = refusal->wish;
    int64_t before = stage_counter(&stage, refusal->reason);

    wish.is_tcp = i % 2 == 1;
    wish.edns = 1232;
    wish.signed_ago_s = (int64_t)i;
    print_message("  %s, %s\n", refusal->name, wish.is_tcp ? "TCP" : "UDP");
    struct ask *ask = stage_ask(&stage, &wish);
    expect_reply(ask, refusal->rcode, refusal->reason);
    expect_audit(&stage, ask, "result", "refused", refusal->reason);
    assert_true(ask->is_signed);
    assert_true(ask->ede >= 0);
    assert_int_equal(stage_counter(&stage, refusal->reason),
                     (before > 0 ? before : 0) + 1);
    assert_string_equal(stage_line(&stage, ask, "intent"), "");
    assert_null(strstr(stage.log, "rule= ")); /* of none it is "-" */
}

/* The one record that is outside is the one that the audit tells. */
static void test_words_of_an_outsider(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(
        &stage,
        &(struct wish){.key = MX1, .items = {ADD(TARGET, 1), ADD("x.example.com", 2)}});
    const char *line = stage_line(&stage, ask, "result");
    assert_non_null(strstr(line, "\"original\":\"x.example.com\""));
    assert_null(strstr(line, TARGET));
}

static void test_refusals(void **state)
{
    const struct refusal refusals[] = {
        {"another host's name",
         {.key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL2, 1)}},
         RCODE_REFUSED,
         "name-not-granted"},
        {"another host's target",
         {.key = MX1, .items = {ADD(TARGET2, 1)}},
         RCODE_REFUSED,
         "name-not-granted"},
        {"one of two names is another's (I2)",
         {.key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL, 1), ADD(ORIGINAL2, 2)}},
         RCODE_REFUSED,
         "name-not-granted"},
        {"an apex (A-7)",
         {.key = MX1, .items = {ADD("_kage.duckcorp.org", 1)}},
         RCODE_REFUSED,
         "name-not-granted"},
        {"another type",
         {.key = MX1, .items = {{UPDATE_ADD, TARGET, "A", "192.0.2.1", .ttl = 60}}},
         RCODE_REFUSED,
         "type-not-granted"},
        {"a value that is no token",
         {.key = MX1, .items = {{UPDATE_ADD, TARGET, "TXT", "\"x\"", .ttl = 60}}},
         RCODE_REFUSED,
         "value-not-allowed"},
        {"a whole name that may not be deleted",
         {.key = MX1, .items = {{UPDATE_DELETE_NAME, TARGET, "ANY"}}},
         RCODE_REFUSED,
         "operation-not-granted"},
        {"a prerequisite on another's name (A-12)",
         {.key = MX1, .items = {{UPDATE_PREREQ, TARGET2, "TXT"}, ADD(TARGET, 1)}},
         RCODE_REFUSED,
         "prerequisite-not-granted"},
        {"two zones in one message (C-11)",
         {.key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL, 1), ADD(NATIVE, 2)}},
         RCODE_NOTZONE,
         "name-outside-zone"},
        {"a zone that nobody has",
         {.key = MX1, .zone = "example.com", .items = {ADD("x.example.com", 1)}},
         RCODE_NOTAUTH,
         "zone-unknown"},
        {"a name outside the zone",
         {.key = MX1, .items = {ADD("x.example.com", 1)}},
         RCODE_NOTZONE,
         "name-outside-zone"},
        {"a key that no host has",
         {.key = "orphan", .items = {ADD(TARGET, 1)}},
         RCODE_REFUSED,
         "key-without-host"},
        {"a key that no host has, and nothing asked (A-13)",
         {.key = "orphan"},
         RCODE_REFUSED,
         "key-without-host"},
        {"a host that may not come from here",
         {.key = FAR, .items = {ADD("_acme-challenge.far._kage.duckcorp.org", 1)}},
         RCODE_REFUSED,
         "source-not-allowed"},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(refusals); i++)
        see_refused(&refusals[i / 2], i);
    assert_int_equal(stage.primary.received[KIND_UPDATE], 0);
    assert_int_equal(stage.primary.received[KIND_CNAME], 0);
}

/* The near-miss of the last one. */
static void test_host_from_its_own_network(void **state)
{
    (void)state;
    struct ask *ask = stage_ask(
        &stage,
        &(struct wish){.key = FAR,
                       .from = "198.51.100.7",
                       .items = {ADD("_acme-challenge.far._kage.duckcorp.org", 1)}});

    expect_reply(ask, RCODE_NOERROR, "");
}

struct stranger {
    const char *name;
    struct wish wish;
    enum rcode rcode;
    uint16_t tsig_error;
    bool is_signed;
    const char *reason;
};

/* Of a clock that is off the log says whose it is and by how much. */
static void expect_skew(const struct stranger *stranger)
{
    char wanted[128];

    snprintf(wanted, sizeof(wanted), " key=%s ahead_s=%lld", stranger->wish.key,
             -(long long)stranger->wish.signed_ago_s);
    assert_true((strcmp(stranger->reason, "time-skew") == 0) ==
                (strstr(stage.log, "ahead_s=") != NULL));
    if (strcmp(stranger->reason, "time-skew") == 0)
        assert_non_null(strstr(stage.log, wanted));
}

/* P0: nobody answers an answer. */
static void test_replies_are_dropped(void **state)
{
    static const uint8_t octets[][LIMIT_HEADER_OCTETS] = {
        {0, 0, 0x80 | OPCODE_UPDATE << 3}, {0, 0, 0x80 | OPCODE_QUERY << 3}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(octets); i++) {
        struct ask *ask = stage_send(&stage, octets[i], sizeof(octets[i]));
        assert_int_equal(ask->opened.fate, TXN_DROPPED);
        assert_int_equal(ask->replies, 0);
        assert_int_equal(stage_counter(&stage, "dropped"), i + 1);
    }
}

/* Who does not verify: no signature, no reason, no audit line (T-15, I5, I7). */
static void test_strangers(void **state)
{
    const struct stranger strangers[] = {
        {"unsigned",
         {.items = {ADD(TARGET, 1)}},
         RCODE_REFUSED,
         0,
         false,
         "update-unsigned"},
        {"unknown key",
         {.key = MX1, .has_unknown_key = true, .items = {ADD(TARGET, 1)}},
         RCODE_NOTAUTH,
         TSIG_BADKEY,
         false,
         "key-unknown"},
        {"the gateway's own key (U-10)",
         {.key = "gateway", .items = {ADD(TARGET, 1)}},
         RCODE_NOTAUTH,
         TSIG_BADKEY,
         false,
         "key-unknown"},
        {"bad MAC",
         {.key = MX1, .has_bad_mac = true, .items = {ADD(TARGET, 1)}},
         RCODE_NOTAUTH,
         TSIG_BADSIG,
         false,
         "mac-bad"},
        {"bad MAC and bad time say BADSIG",
         {.key = MX1, .has_bad_mac = true, .signed_ago_s = 900},
         RCODE_NOTAUTH,
         TSIG_BADSIG,
         false,
         "mac-bad"},
        {"too old",
         {.key = MX1, .signed_ago_s = 301},
         RCODE_NOTAUTH,
         TSIG_BADTIME,
         true,
         "time-skew"},
        {"from the future",
         {.key = MX1, .signed_ago_s = -301},
         RCODE_NOTAUTH,
         TSIG_BADTIME,
         true,
         "time-skew"},
    };

    (void)state;
    size_t written = stage.paper.len;
    for (size_t i = 0; i < COUNT_OF(strangers); i++) {
        const struct stranger *stranger = &strangers[i];

        print_message("  %s\n", stranger->name);
        struct ask *ask = stage_ask(&stage, &stranger->wish);
        expect_reply(ask, stranger->rcode, "");
        assert_int_equal(ask->tsig_error, stranger->tsig_error);
        assert_int_equal(ask->is_signed, stranger->is_signed);
        assert_int_equal(ask->opened.is_verified, stranger->is_signed);
        assert_true(stage_counter(&stage, stranger->reason) >= 1);
        assert_int_equal(stage.paper.len, written);
        expect_skew(stranger);
    }
    assert_int_equal(stage.primary.received[KIND_UPDATE], 0);
}

/* C-6: each original of a message has its own look-up, and its own answer, in whatever
 * order they come. */
static void test_two_originals(void **state)
{
    static const char www[] = "_acme-challenge.www.duckcorp.org";
    const struct wish good = {
        .key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL, 1), ADD(www, 2)}};
    const struct wish bad = {
        .key = MX1,
        .zone = STATIC,
        .items = {ADD(ORIGINAL, 3), ADD("_acme-challenge.bent.duckcorp.org", 4)}};

    (void)state;
    primary_expect(&stage.primary,
                   (struct order){KIND_CNAME, TRICK_SLOW, .delay_us = SECOND});
    struct ask *ask = stage_ask(&stage, &good);
    assert_int_equal(ask->replies, 0);
    stage_advance(&stage, SECOND);
    expect_reply(ask, RCODE_NOERROR, "");
    expect_reply(stage_ask(&stage, &bad), RCODE_REFUSED, "cname-unexpected");
}

/* what is past is so by the clock that the request was received by. */
static void test_persist_until(void **state)
{
    static const char acl[] =
        "profile persist\n"
        "    owner {name}\n"
        "    type  TXT\n"
        "    check acme-persist ca.example https://ca.example/42\n"
        "host mx1.duckcorp.org\n"
        "    persist h1.dyn.duckcorp.org\n";
    struct wish wish = {.key = MX1, .zone = DYN, .items = {ADD(NATIVE, 1)}};

    (void)state;
    stage_reload(&stage, acl, NULL);
    wish.items[0].value = "\"ca.example; accounturi=https://ca.example/42; "
                          "persistUntil=1795564800\"";
    expect_reply(stage_ask(&stage, &wish), RCODE_REFUSED, "value-not-allowed");
    wish.items[0].value = "\"ca.example; accounturi=https://ca.example/42; "
                          "persistUntil=1795564801\"";
    expect_reply(stage_ask(&stage, &wish), RCODE_NOERROR, "");
}

/* ---- look-ups ---- */

struct lookup_case {
    const char *name;
    const char *owner;
    struct order order; /* trick 0: the primary is honest */
    enum rcode rcode;
    const char *reason;
    unsigned closes;
};

static const struct lookup_case lookups[] = {
    {"no CNAME",
     "_acme-challenge.bare.duckcorp.org",
     {.trick = TRICK_NONE},
     RCODE_REFUSED,
     "cname-missing",
     0},
    {"a CNAME to another's target",
     "_acme-challenge.bent.duckcorp.org",
     {.trick = TRICK_NONE},
     RCODE_REFUSED,
     "cname-unexpected",
     0},
    {"a DNAME", ORIGINAL, {.trick = TRICK_DNAME}, RCODE_REFUSED, "cname-unexpected", 0},
    {"two CNAMEs",
     ORIGINAL,
     {.trick = TRICK_TWO_CNAMES},
     RCODE_REFUSED,
     "cname-unexpected",
     0},
    {"no authority",
     ORIGINAL,
     {.trick = TRICK_NOT_AA},
     RCODE_SERVFAIL,
     "lookup-failed",
     0},
    {"SERVFAIL",
     ORIGINAL,
     {.trick = TRICK_RCODE, .rcode = RCODE_SERVFAIL},
     RCODE_SERVFAIL,
     "lookup-failed",
     0},
    {"REFUSED",
     ORIGINAL,
     {.trick = TRICK_RCODE, .rcode = RCODE_REFUSED},
     RCODE_SERVFAIL,
     "lookup-failed",
     0},
    {"a bad MAC",
     ORIGINAL,
     {.trick = TRICK_BAD_MAC},
     RCODE_SERVFAIL,
     "lookup-failed",
     1},
    {"another question",
     ORIGINAL,
     {.trick = TRICK_WRONG_ZONE},
     RCODE_SERVFAIL,
     "lookup-failed",
     1},
    {"truncated",
     ORIGINAL,
     {.trick = TRICK_TRUNCATED},
     RCODE_SERVFAIL,
     "lookup-failed",
     1},
    {"unsigned",
     ORIGINAL,
     {.trick = TRICK_UNSIGNED},
     RCODE_SERVFAIL,
     "lookup-failed",
     1},
    {"no answer", ORIGINAL, {.trick = TRICK_DEAF}, RCODE_SERVFAIL, "lookup-failed", 1},
};

/* C-6 to C-8, C-12: whatever the look-up brings, it can only cause a refusal. */
static void test_lookups(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lookups); i++) {
        const struct lookup_case *c = &lookups[i];
        struct order order = c->order;

        print_message("  %s\n", c->name);
        order.kind = KIND_CNAME;
        if (order.trick != TRICK_NONE)
            primary_expect(&stage.primary, order);
        stage.wires[LINK_QUERY].closes = 0;
        struct ask *ask =
            stage_ask(&stage, &(struct wish){.key = MX1,
                                             .zone = STATIC,
                                             .signed_ago_s = (int64_t)i,
                                             .items = {ADD(c->owner, (unsigned)i)}});
        stage_advance(&stage, 10 * SECOND);
        expect_reply(ask, c->rcode, c->reason);
        assert_int_equal(stage.wires[LINK_QUERY].closes, c->closes);
    }
    assert_int_equal(stage.primary.received[KIND_UPDATE], 0);
    expect_reply(add_token(99), RCODE_NOERROR, "");
}

/* D7 */
static void test_lookup_cache(void **state)
{
    (void)state;
    expect_reply(add_token(1), RCODE_NOERROR, "");
    expect_reply(add_token(2), RCODE_NOERROR, "");
    assert_int_equal(stage.primary.received[KIND_CNAME], 1);
    primary_remove(&stage.primary, ORIGINAL, "CNAME");
    stage_advance(&stage, 9 * SECOND);
    expect_reply(add_token(3), RCODE_NOERROR, "");
    stage_advance(&stage, 2 * SECOND);
    expect_reply(add_token(4), RCODE_REFUSED, "cname-missing");
    assert_int_equal(stage.primary.received[KIND_CNAME], 2);
    /* Only what equals the binding is kept: a CNAME just added works at once. */
    primary_add(&stage.primary, ORIGINAL, "CNAME", TARGET ".");
    expect_reply(add_token(5), RCODE_NOERROR, "");
}

static void test_reload_empties_the_cache(void **state)
{
    (void)state;
    expect_reply(add_token(1), RCODE_NOERROR, "");
    primary_remove(&stage.primary, ORIGINAL, "CNAME");
    stage_reload(&stage, site_acl, NULL);
    expect_reply(add_token(2), RCODE_REFUSED, "cname-missing");
}

/* C-9: the guard makes loud what the primary would ignore silently. */
static void test_target_is_cname(void **state)
{
    (void)state;
    primary_add(&stage.primary, TARGET, "CNAME", "elsewhere.example.");
    struct ask *ask = add_token(1);

    expect_reply(ask, RCODE_REFUSED, "target-is-cname");
    expect_audit(&stage, ask, "result", "refused", "target-is-cname");
    assert_non_null(
        strstr(stage_line(&stage, ask, "result"), "\"primary_rcode\":\"YXRRSET\""));
}

/* Whichever of a message's targets it is, and with lego, which deletes before it adds.
 */
static void test_each_target_is_guarded(void **state)
{
    const struct wish wish = {.key = MX1,
                              .zone = DYN,
                              .items = {{UPDATE_DELETE_RRSET, NATIVE, "TXT"},
                                        ADD(NATIVE, 1),
                                        ADD(SHARED, 2)}};
    static const char *const names[] = {NATIVE, SHARED};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        primary_add(&stage.primary, names[i], "CNAME", "elsewhere.example.");
        expect_reply(stage_ask(&stage, &wish), RCODE_REFUSED, "target-is-cname");
        primary_remove(&stage.primary, names[i], "CNAME");
        stage_advance(&stage, SECOND);
    }
}

/* ---- prerequisites ---- */

static struct ask *add_if(uint16_t class, unsigned n)
{
    return stage_ask(
        &stage, &(struct wish){.key = MX1,
                               .items = {{UPDATE_PREREQ, TARGET, "TXT", .class = class},
                                         ADD(TARGET, n)}});
}

static void test_prerequisites(void **state)
{
    enum { IF_THERE = 255, IF_NOT_THERE = 254 };

    (void)state;
    struct ask *ask = add_if(IF_THERE, 1);
    expect_reply(ask, RCODE_NXRRSET, "prerequisite-failed");
    expect_audit(&stage, ask, "result", "permitted", "prerequisite-failed");
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", NULL), 0);
    expect_reply(add_if(IF_NOT_THERE, 2), RCODE_NOERROR, "");
    expect_reply(add_if(IF_NOT_THERE, 3), RCODE_YXRRSET, "prerequisite-failed");
    expect_reply(add_if(IF_THERE, 4), RCODE_NOERROR, "");
    assert_int_equal(primary_has(&stage.primary, TARGET, "TXT", NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_permitted_update_lands),
        CASE(test_direct_addressing),
        CASE(test_native_name_needs_no_lookup),
        CASE(test_delete_then_add),
        CASE(test_delete_name),
        CASE(test_empty_update),
        CASE(test_words_of_an_outsider),
        CASE(test_refusals),
        CASE(test_host_from_its_own_network),
        CASE(test_replies_are_dropped),
        CASE(test_strangers),
        CASE(test_two_originals),
        CASE(test_persist_until),
        CASE(test_lookups),
        CASE(test_lookup_cache),
        CASE(test_reload_empties_the_cache),
        CASE(test_target_is_cname),
        CASE(test_each_target_is_guarded),
        CASE(test_prerequisites),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

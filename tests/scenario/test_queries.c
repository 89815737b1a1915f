/* What clients ask before and after they update (Q-1 to Q-3, I7). */
#include "words.h"

#include "dns/type.h"

static struct ask *query(const char *key, const char *name, const char *type,
                         bool is_tcp)
{
    return stage_ask(
        &stage, &(struct wish){
                    .key = key, .query = name, .query_type = type, .is_tcp = is_tcp});
}

static unsigned answers(const struct ask *ask)
{
    return ask->msg.header.counts[SECTION_PREREQUISITE];
}

static unsigned authorities(const struct ask *ask)
{
    return ask->msg.header.counts[SECTION_UPDATE];
}

/* The first record of a section: "owner TYPE". */
static const char *first_of(const struct ask *ask, enum wire_section section)
{
    static char text[NAME_TEXT_OCTETS + TYPE_TEXT_OCTETS];
    char owner[NAME_TEXT_OCTETS], type[TYPE_TEXT_OCTETS];
    struct name_buf name;
    struct wire_rr rr;
    size_t at = ask->msg.section_at[section];

    assert_true(ask->msg.header.counts[section] > 0);
    wire_next(&ask->msg, section, &at, &rr);
    wire_owner(&ask->msg, &rr, &name);
    snprintf(text, sizeof(text), "%s %s", name_to_text(name_of(&name), owner),
             type_format(rr.type, type));
    return text;
}

static uint32_t serial_of(const struct ask *ask)
{
    size_t at = ask->msg.section_at[SECTION_PREREQUISITE];
    struct wire_rr rr;

    wire_next(&ask->msg, SECTION_PREREQUISITE, &at, &rr);
    struct reader r = reader_of(ask->reply, rr.end - 16);
    reader_skip(&r, rr.end - 20);
    return reader_u32(&r);
}

/* The TTL of the first record of a section. */
static uint32_t ttl_of(const struct ask *ask, enum wire_section section)
{
    size_t at = ask->msg.section_at[section];
    struct wire_rr rr;

    wire_next(&ask->msg, section, &at, &rr);
    return rr.ttl;
}

struct soa_case {
    const char *name;
    const char *key;
    const char *query;
    bool is_tcp;
    uint16_t flags; /* of the reply */
    unsigned answers, authorities;
};

static void test_soa(void **state)
{
    static const struct soa_case cases[] = {
        {"nsupdate: signed, at the apex", MX1, STATIC, false, 0x8500, 1, 0},
        {"certbot: signed, over TCP", MX1, STATIC, true, 0x8500, 1, 0},
        {"signed, below", MX1, ORIGINAL, false, 0x8500, 0, 1},
        {"signed, below a dynamic zone", MX1, TARGET, false, 0x8500, 0, 1},
        {"a name that does not exist", MX1, "x.y.duckcorp.org", true, 0x8500, 0, 1},
        {"lego: unsigned, over TCP", NULL, ORIGINAL, true, 0x8500, 0, 1},
        {"unsigned, over TCP, at the apex", NULL, STATIC, true, 0x8500, 1, 0},
        {"unsigned, over UDP: come over TCP (Q-2)", NULL, STATIC, false, 0x8300, 0, 0},
        {"whoever signs gets the same (Q-3)", "orphan", STATIC, false, 0x8500, 1, 0},
    };

    (void)state;
    unsigned before = stage.primary.received[KIND_SOA];
    size_t written = stage.paper.len;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct soa_case *c = &cases[i];

        print_message("  %s\n", c->name);
        struct ask *ask = query(c->key, c->query, "SOA", c->is_tcp);
        expect_reply(ask, RCODE_NOERROR, "");
        assert_int_equal(ask->is_signed, c->key != NULL);
        assert_int_equal(ask->msg.header.flags, c->flags);
        assert_int_equal(ask->msg.header.counts[SECTION_ZONE], 1);
        assert_int_equal(answers(ask), c->answers);
        assert_int_equal(authorities(ask), c->authorities);
    }
    assert_int_equal(stage_counter(&stage, "permitted"), COUNT_OF(cases));
    assert_string_equal(first_of(query(MX1, ORIGINAL, "SOA", false), SECTION_UPDATE),
                        "duckcorp.org SOA");
    assert_string_equal(first_of(query(MX1, TARGET, "SOA", false), SECTION_UPDATE),
                        "_kage.duckcorp.org SOA"); /* C-14: the longest zone */
    /* RFC 2308 3: what says "nothing here" lives no longer than MINIMUM. */
    assert_int_equal(ttl_of(query(MX1, STATIC, "SOA", false), SECTION_PREREQUISITE),
                     600);
    assert_int_equal(ttl_of(query(MX1, ORIGINAL, "SOA", false), SECTION_UPDATE), 300);
    assert_int_equal(stage.primary.received[KIND_SOA], before); /* all known already */
    assert_int_equal(stage.paper.len, written);
}

/* After an update through the gateway, and every cache_s. */
static void test_soa_is_fresh(void **state)
{
    (void)state;
    uint32_t before = serial_of(query(MX1, DYN, "SOA", false));
    stage_advance(&stage, SECOND);
    expect_reply(add_native(1), RCODE_NOERROR, "");
    stage_advance(&stage, 1);
    assert_int_equal(serial_of(query(MX1, DYN, "SOA", false)), before + 1);
    stage.primary.serial = 77;
    stage_advance(&stage, 11 * SECOND);
    assert_int_equal(serial_of(query(MX1, DYN, "SOA", false)), 77);
}

/* Many updates, few questions: after the first at once, after the others in a while. */
static void test_soa_is_not_asked_for_each_update(void **state)
{
    (void)state;
    uint32_t before = serial_of(query(MX1, DYN, "SOA", false));
    stage_advance(&stage, SECOND);
    unsigned asked = stage.primary.received[KIND_SOA];
    for (unsigned i = 1; i <= 5; i++) {
        expect_reply(add_native(i), RCODE_NOERROR, "");
        stage_advance(&stage, 1);
    }
    assert_int_equal(stage.primary.received[KIND_SOA], asked + 1);
    stage_advance(&stage, SECOND / 10);
    assert_int_equal(stage.primary.received[KIND_SOA], asked + 2);
    assert_int_equal(serial_of(query(MX1, DYN, "SOA", false)), before + 5);
}

/* The primary is away: the last known SOA is served. */
static void test_soa_while_primary_is_away(void **state)
{
    (void)state;
    stage_link(&stage, LINK_QUERY, LINK_DOWN);
    stage_link(&stage, LINK_UPDATE, LINK_DOWN);
    stage_advance(&stage, 3600 * SECOND);
    expect_reply(query(MX1, STATIC, "SOA", false), RCODE_NOERROR, "");
}

/* an answer that has none changes nothing. */
static void test_soa_answer_without_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        primary_expect(&stage.primary, (struct order){KIND_SOA, .trick = TRICK_DNAME});
    stage_advance(&stage, 20 * SECOND);
    assert_int_equal(stage.primary.order_count, 0);
    expect_reply(query(MX1, STATIC, "SOA", false), RCODE_NOERROR, "");
    expect_reply(query(MX1, DYN, "SOA", false), RCODE_NOERROR, "");
}

/* The primary gives it no more: the last known SOA is served, and the status says it.
 */
static void test_soa_withheld(void **state)
{
    (void)state;
    assert_null(strstr(stage_status(&stage), "\"served\":false"));
    for (int i = 0; i < 3; i++)
        primary_expect(&stage.primary,
                       (struct order){KIND_SOA, TRICK_RCODE, .rcode = RCODE_REFUSED});
    stage_advance(&stage, 10 * SECOND);
    expect_reply(query(MX1, STATIC, "SOA", false), RCODE_NOERROR, "");
    assert_non_null(strstr(stage_status(&stage), "\"served\":false"));
    stage_advance(&stage, 10 * SECOND);
    assert_null(strstr(stage_status(&stage), "\"served\":false"));
}

static void test_soa_never_known(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        primary_expect(&stage.primary,
                       (struct order){KIND_SOA, TRICK_RCODE, .rcode = RCODE_REFUSED});
    stage_restart(&stage);
    expect_reply(query(MX1, STATIC, "SOA", false), RCODE_SERVFAIL, "");
    expect_reply(query(NULL, STATIC, "SOA", true), RCODE_SERVFAIL, "");
    stage_advance(&stage, 11 * SECOND);
    expect_reply(query(MX1, STATIC, "SOA", false), RCODE_NOERROR, "");
}

struct refused_case {
    const char *name;
    const char *key;
    const char *query, *type;
    bool is_tcp;
    uint16_t flags;
};

static void test_refused_queries(void **state)
{
    static const struct refused_case cases[] = {
        {"a zone that nobody has", MX1, "example.com", "SOA", false, 0x8105},
        {"the same, unsigned, over TCP", NULL, "example.com", "SOA", true, 0x8105},
        {"another type, unsigned", NULL, TARGET, "TXT", true, 0x8105},
        {"a name that the host may not write", MX1, TARGET2, "TXT", false, 0x8105},
        {"a type that the host may not write", MX1, TARGET, "A", false, 0x8105},
        {"any type (never)", MX1, TARGET, "ANY", false, 0x8105},
        {"a key without a host", "orphan", TARGET, "TXT", false, 0x8105},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct refused_case *c = &cases[i];

        print_message("  %s\n", c->name);
        struct ask *ask = query(c->key, c->query, c->type, c->is_tcp);
        expect_reply(ask, RCODE_REFUSED, "");
        assert_int_equal(ask->msg.header.flags, c->flags);
        assert_int_equal(ask->is_signed, c->key != NULL);
        assert_int_equal(answers(ask) + authorities(ask), 0);
    }
    assert_int_equal(stage.primary.received[KIND_READ], 0);
    assert_int_equal(stage_counter(&stage, "query-not-allowed"), COUNT_OF(cases));
}

/* ---- read-back ---- */

/* Asked at the binding, answered under the name that was asked. */
static void test_read_back(void **state)
{
    (void)state;
    primary_add(&stage.primary, TARGET, "TXT", token(1));
    primary_add(&stage.primary, TARGET, "TXT", token(2));
    struct ask *ask = query(MX1, ORIGINAL, "TXT", false);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(answers(ask), 2);
    assert_string_equal(first_of(ask, SECTION_PREREQUISITE), ORIGINAL " TXT");
    assert_int_equal(ttl_of(ask, SECTION_PREREQUISITE),
                     primary_ttl(&stage.primary, TARGET, "TXT"));
    ask = query(MX1, TARGET, "TXT", true);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_string_equal(first_of(ask, SECTION_PREREQUISITE), TARGET " TXT");
    assert_int_equal(stage.primary.received[KIND_READ], 2);
}

static void test_read_back_of_nothing(void **state)
{
    (void)state;
    struct ask *ask = query(MX1, NATIVE, "TXT", false);
    expect_reply(ask, RCODE_NXDOMAIN, "");
    assert_int_equal(answers(ask), 0);
    assert_int_equal(authorities(ask), 1);
    primary_add(&stage.primary, NATIVE, "A", "192.0.2.1");
    ask = query(MX1, NATIVE, "TXT", false);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_int_equal(answers(ask), 0);
}

/* Too long for the datagram: TC, and NOERROR, signed (RFC 8945 5.3). */
static void test_read_back_truncates(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 15; i++)
        primary_add(&stage.primary, TARGET, "TXT", token(i));
    struct ask *ask = query(MX1, TARGET, "TXT", false);
    expect_reply(ask, RCODE_NOERROR, "");
    assert_true(ask->msg.header.flags & FLAG_TC);
    assert_int_equal(answers(ask), 0);
    assert_true(ask->is_signed);
    assert_false(ask->msg.has_opt);
    ask = stage_ask(
        &stage,
        &(struct wish){.key = MX1, .query = TARGET, .query_type = "TXT", .edns = 600});
    assert_true(ask->msg.header.flags & FLAG_TC);
    assert_true(ask->msg.has_opt); /* W-9 */
    ask = query(MX1, TARGET, "TXT", true);
    assert_int_equal(answers(ask), 15);
}

struct failing_read {
    const char *name;
    enum trick trick;
    enum rcode rcode;
};

static void test_read_back_fails(void **state)
{
    static const struct failing_read cases[] = {
        {"no authority", TRICK_NOT_AA, RCODE_NOERROR},
        {"SERVFAIL", TRICK_RCODE, RCODE_SERVFAIL},
        {"REFUSED", TRICK_RCODE, RCODE_REFUSED},
        {"bad MAC", TRICK_BAD_MAC, RCODE_NOERROR},
        {"no answer", TRICK_DEAF, RCODE_NOERROR},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        primary_expect(&stage.primary, (struct order){KIND_READ, cases[i].trick,
                                                      .rcode = cases[i].rcode});
        struct ask *ask = query(MX1, TARGET, "TXT", false);
        stage_advance(&stage, 10 * SECOND);
        expect_reply(ask, RCODE_SERVFAIL, "");
        assert_int_equal(answers(ask), 0);
    }
    stage_link(&stage, LINK_QUERY, LINK_DOWN);
    expect_reply(query(MX1, TARGET, "TXT", false), RCODE_SERVFAIL, "");
}

/* W-6: what the primary has is decoded anew; one record that is none, and there is no
 * answer. */
static void test_read_back_of_junk(void **state)
{
    (void)state;
    primary_add(&stage.primary, TARGET, "TXT", token(1));
    primary_add(&stage.primary, TARGET, "TXT", token(2));
    stage.primary.rrs[stage.primary.rr_count - 1].rdata[0]++;
    expect_reply(query(MX1, TARGET, "TXT", true), RCODE_SERVFAIL, "");
}

/* It waits for the connection, up to its deadline. */
static void test_read_back_while_connecting(void **state)
{
    (void)state;
    stage_cut(&stage, LINK_QUERY, SECOND);
    struct ask *ask = query(MX1, TARGET, "TXT", false);
    stage_advance(&stage, SECOND - 1);
    assert_int_equal(ask->replies, 0);
    stage_advance(&stage, 1);
    expect_reply(ask, RCODE_NXDOMAIN, "");
    assert_int_equal(stage.primary.received[KIND_READ], 1);
}

/* A query is not an update: its copy is answered anew. */
static void test_query_is_not_remembered(void **state)
{
    (void)state;
    struct ask *ask = query(MX1, TARGET, "TXT", false);
    expect_reply(ask, RCODE_NXDOMAIN, "");
    primary_add(&stage.primary, TARGET, "TXT", token(1));
    struct ask *copy = stage_repeat(&stage, ask, false);
    expect_reply(copy, RCODE_NOERROR, "");
    assert_int_equal(answers(copy), 1);
    assert_int_equal(stage_counter(&stage, "transactions"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_soa),
        CASE(test_soa_is_fresh),
        CASE(test_soa_is_not_asked_for_each_update),
        CASE(test_soa_while_primary_is_away),
        CASE(test_soa_answer_without_one),
        CASE(test_soa_never_known),
        CASE(test_soa_withheld),
        CASE(test_refused_queries),
        CASE(test_read_back),
        CASE(test_read_back_of_nothing),
        CASE(test_read_back_truncates),
        CASE(test_read_back_fails),
        CASE(test_read_back_of_junk),
        CASE(test_read_back_while_connecting),
        CASE(test_query_is_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

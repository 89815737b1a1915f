/* P11 to P14: one table of messages and what becomes of each, whole. */
#include <stdlib.h>

#include "dns/build.h"
#include "dns/type.h"
#include "gate_case.h"

#define ITEMS_MAX 6

struct judge_case {
    const char *name;
    const char *host; /* NULL: the key has none */
    const char *zone;
    struct site_item items[ITEMS_MAX];
    enum plan_action action;
    enum reason reason;
    size_t decisive;
    size_t lookups;
    const char *target; /* of the decisive change, where that matters */
    const char *target_zone;
    bool is_dangerous;
};

#define HOST_MX1   .host = "mx1.duckcorp.org", .zone = "duckcorp.org"
#define HOST_MX2   .host = "mx2.duckcorp.org", .zone = "duckcorp.org"
#define KEA        .host = "kea.duckcorp.org"
#define LOOKUP     .action = PLAN_LOOKUP, .reason = REASON_PERMITTED
#define FORWARD    .action = PLAN_FORWARD, .reason = REASON_PERMITTED
#define REPLY(why) .action = PLAN_REPLY, .reason = REASON_##why

static const struct judge_case judge_cases[] = {
    /* ---- P11 */
    {.name = "U-1: a zone that is not ours",
     .host = "mx1.duckcorp.org",
     .zone = "example.net",
     .items = {ADD(MX1, "TXT", SITE_TOKEN)},
     REPLY(ZONE_UNKNOWN)},
    {.name = "U-1: a name in a zone is no zone",
     .host = "mx1.duckcorp.org",
     .zone = "mx1.duckcorp.org",
     .items = {ADD(MX1, "TXT", SITE_TOKEN)},
     REPLY(ZONE_UNKNOWN)},

    /* ---- P12 */
    {.name = "A-10: a name outside the zone",
     HOST_MX1,
     .items = {ADD(MX1, "TXT", SITE_TOKEN), ADD("x.example.net", "TXT", SITE_TOKEN)},
     REPLY(NAME_OUTSIDE_ZONE)},
    {.name = "A-10: a name of a zone below",
     HOST_MX1,
     .items = {ADD(MX1_AT, "TXT", SITE_TOKEN)},
     REPLY(NAME_OUTSIDE_ZONE)},
    {.name = "P12 before P13: outside, though nothing is granted",
     .host = NULL,
     .zone = "duckcorp.org",
     .items = {ADD("x.example.net", "TXT", SITE_TOKEN)},
     REPLY(NAME_OUTSIDE_ZONE)},
    {.name = "U-2: class IN and type ANY in a prerequisite",
     HOST_MX1,
     .items = {{UPDATE_PREREQ_ANY, MX1, "ANY", NULL, 0, CLASS_IN}},
     REPLY(MESSAGE_MALFORMED)},

    /* ---- P13 */
    {.name = "a key without a host",
     .host = NULL,
     .zone = "duckcorp.org",
     .items = {ADD(MX1, "TXT", SITE_TOKEN)},
     REPLY(KEY_WITHOUT_HOST),
     .decisive = 1},
    {.name = "one add at its original",
     HOST_MX1,
     .items = {ADD(MX1, "TXT", SITE_TOKEN)},
     LOOKUP,
     .lookups = 1,
     .target = MX1_AT,
     .target_zone = "_kage.duckcorp.org"},
    {.name = "C-5: the same at its target",
     .host = "mx1.duckcorp.org",
     .zone = "_kage.duckcorp.org",
     .items = {ADD(MX1_AT, "TXT", SITE_TOKEN)},
     LOOKUP,
     .lookups = 1,
     .target = MX1_AT,
     .target_zone = "_kage.duckcorp.org"},
    {.name = "another host's name",
     HOST_MX1,
     .items = {ADD(MX2, "TXT", SITE_TOKEN)},
     REPLY(NAME_NOT_GRANTED)},
    {.name = "another host's name, at its target",
     .host = "mx1.duckcorp.org",
     .zone = "_kage.duckcorp.org",
     .items = {ADD("_acme-challenge.mx2._kage.duckcorp.org", "TXT", SITE_TOKEN)},
     REPLY(NAME_NOT_GRANTED)},
    {.name = "A-8: one bad record refuses all",
     HOST_MX1,
     .items = {ADD(MX1, "TXT", SITE_TOKEN), DELETE_RRSET(TLSA_MX1, "TLSA"),
               ADD(MX2, "TXT", SITE_TOKEN)},
     REPLY(NAME_NOT_GRANTED),
     .decisive = 2},
    {.name = "A-9: the first of two reasons",
     HOST_MX1,
     .items = {ADD(MX1, "TXT", SITE_TOKEN), ADD(MX1, "TXT", "\"hello\""),
               ADD(MX2, "TXT", SITE_TOKEN)},
     REPLY(VALUE_NOT_ALLOWED),
     .decisive = 1},
    {.name = "A-9: prerequisites come first",
     HOST_MX1,
     .items = {PREREQ(MX2, "TXT"), ADD(MX2, "TXT", SITE_TOKEN)},
     REPLY(PREREQUISITE_NOT_GRANTED)},
    {.name = "A-15: a delete of any value",
     HOST_MX1,
     .items = {DELETE(MX1, "TXT", "\"left by hand\"")},
     LOOKUP,
     .lookups = 1},
    {.name = "several names, one question each",
     HOST_MX1,
     .items = {PREREQ(MX1, "TXT"), DELETE_RRSET(MX1, "TXT"),
               ADD(MX1, "TXT", SITE_TOKEN), ADD(TLSA_MX1, "TLSA", TLSA_OK)},
     LOOKUP,
     .lookups = 2,
     .target = MX1_AT},

    /* ---- */
    {.name = "A-13: nothing to do", HOST_MX1, REPLY(PERMITTED)},
    {.name = "A-13: nothing to do, without a host",
     .host = NULL,
     .zone = "duckcorp.org",
     REPLY(KEY_WITHOUT_HOST)},

    /* ---- A-12, C-10 */
    {.name = "A-12: a prerequisite alone",
     HOST_MX1,
     .items = {PREREQ(MX1, "TXT")},
     LOOKUP,
     .lookups = 1},
    {.name = "C-10: a prerequisite on the CNAME",
     HOST_MX1,
     .items = {PREREQ(MX1, "CNAME"), ADD(MX1, "TXT", SITE_TOKEN)},
     REPLY(TYPE_NOT_GRANTED)},
    {.name = "A-12: name in use, not granted",
     HOST_MX1,
     .items = {PREREQ_ANY(MX1)},
     REPLY(OPERATION_NOT_GRANTED)},
    {.name = "A-12: name in use, granted",
     KEA,
     .zone = "dyn.duckcorp.org",
     .items = {PREREQ_ANY(NATIVE)},
     FORWARD,
     .target_zone = "dyn.duckcorp.org"},

    /* ---- C-2, C-3, C-5, C-11, C-12 */
    {.name = "C-3: an alias",
     KEA,
     .zone = "duckcorp.org",
     .items = {ADD("_acme-challenge.old.duckcorp.org", "TXT", SITE_TOKEN)},
     LOOKUP,
     .lookups = 1,
     .target = "_acme-challenge.pin._kage.duckcorp.org"},
    {.name = "C-3: its target belongs to it",
     KEA,
     .zone = "_kage.duckcorp.org",
     .items = {ADD("_acme-challenge.pin._kage.duckcorp.org", "TXT", SITE_TOKEN)},
     LOOKUP,
     .lookups = 1},
    {.name = "C-3: whose template leads there has none",
     KEA,
     .zone = "duckcorp.org",
     .items = {ADD("_acme-challenge.pin.duckcorp.org", "TXT", SITE_TOKEN)},
     REPLY(CNAME_UNEXPECTED)},
    {.name = "C-5: the alias's template is no way in",
     KEA,
     .zone = "_kage.duckcorp.org",
     .items = {ADD("_acme-challenge.old._kage.duckcorp.org", "TXT", SITE_TOKEN)},
     REPLY(CNAME_UNEXPECTED)},
    {.name = "C-11: targets in two zones",
     HOST_MX1,
     .items = {ADD(MX1, "TXT", SITE_TOKEN), ADD(LAB, "TXT", SITE_TOKEN)},
     REPLY(TARGETS_IN_TWO_ZONES),
     .decisive = 1},
    {.name = "C-11: each alone",
     HOST_MX1,
     .items = {ADD(LAB, "TXT", SITE_TOKEN)},
     LOOKUP,
     .lookups = 1,
     .target_zone = "dyn.duckcorp.org"},
    {.name = "C-11: a prerequisite counts as well",
     HOST_MX1,
     .items = {PREREQ(MX1, "TXT"), ADD(LAB, "TXT", SITE_TOKEN)},
     REPLY(TARGETS_IN_TWO_ZONES),
     .decisive = 1},
    {.name = "C-12: a native name is not looked up",
     KEA,
     .zone = "dyn.duckcorp.org",
     .items = {ADD(NATIVE, "A", "192.0.2.1")},
     FORWARD,
     .target = NATIVE,
     .target_zone = "dyn.duckcorp.org"},

    /* ---- */
    {.name = "A-19: as many adds as granted",
     HOST_MX1,
     .items = {ADD(FEW, "TXT", SITE_TOKEN), ADD(FEW, "TXT", TOKEN_2),
               DELETE(FEW, "TXT", TOKEN_3)},
     LOOKUP,
     .lookups = 1},
    {.name = "A-19: one more",
     HOST_MX1,
     .items = {ADD(FEW, "TXT", SITE_TOKEN), ADD(MX1, "TXT", SITE_TOKEN),
               ADD(FEW, "TXT", TOKEN_2), ADD(FEW, "TXT", TOKEN_3)},
     REPLY(TOO_MANY_RECORDS),
     .decisive = 3},

    /* ---- A-14, D4 */
    {.name = "A-14: delete-name where it is not granted",
     HOST_MX1,
     .items = {DELETE_NAME(MX1)},
     REPLY(OPERATION_NOT_GRANTED)},
    {.name = "A-14: where it is",
     KEA,
     .zone = "dyn.duckcorp.org",
     .items = {DELETE_NAME(NATIVE)},
     FORWARD},
    {.name = "D4: a dangerous type",
     KEA,
     .zone = "dyn.duckcorp.org",
     .items = {ADD("dyn.duckcorp.org", "NS", "ns.example.net.")},
     FORWARD,
     .is_dangerous = true},
    {.name = "D4: a dangerous type in an expansion",
     KEA,
     .zone = "dyn.duckcorp.org",
     .items = {DELETE_NAME("dyn.duckcorp.org")},
     FORWARD,
     .is_dangerous = true},
};

static size_t item_count(const struct judge_case *c)
{
    size_t count = 0;
    while (count < ITEMS_MAX && c->items[count].owner != NULL)
        count++;
    return count;
}

static void check_plan(const struct judge_case *c, const struct plan *plan)
{
    assert_int_equal(plan->action, c->action);
    assert_int_equal(plan->reason, c->reason);
    assert_int_equal(plan->lookup_count, c->lookups);
    assert_int_equal(plan->is_dangerous, c->is_dangerous);
    assert_int_equal(plan->decisive, c->decisive);
    if (c->target != NULL)
        assert_true(name_equal(plan->changes[c->decisive].rewrite.target,
                               site_name(&site, c->target)));
    if (c->target_zone != NULL)
        assert_true(
            name_equal(plan->target_zone->name, site_name(&site, c->target_zone)));
}

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judge_cases / sizeof judge_cases[0]; i++) {
        const struct judge_case *c = &judge_cases[i];
        struct plan plan;
        site_judge_items(&site, c->host, c->zone, c->items, item_count(c), &plan);
        print_message("%s: %s\n", c->name, outcome_of(plan.reason)->name);
        check_plan(c, &plan);
        arena_reset(&site.arena);
    }
}

static void test_class(void **state)
{
    (void)state;
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    build_header(&w, 1, OPCODE_UPDATE << 11);
    build_question(&w, site_name(&site, "duckcorp.org"), TYPE_SOA, 3);
    struct gate_subject subject = site_subject(&site, "mx1.duckcorp.org");
    struct plan plan;
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_CLASS_NOT_IN);
    writer_u16_at(&w, 4, 0); /* no zone at all, and its octets are gone */
    w.len = LIMIT_HEADER_OCTETS;
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_MESSAGE_MALFORMED);
}

static void test_from(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        enum reason reason;
    } cases[] = {
        {"192.0.2.26", REASON_PERMITTED},
        {"192.0.2.27", REASON_SOURCE_NOT_ALLOWED},
        {"2001:db8:26::1", REASON_PERMITTED},
        {"2001:db8:27::1", REASON_SOURCE_NOT_ALLOWED},
        {NULL, REASON_PERMITTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        struct addr from;
        const struct site_item add = ADD(MX2, "TXT", SITE_TOKEN);
        site_write_update(&site, "duckcorp.org", &add, 1, &w);
        struct gate_subject subject = site_subject(&site, "mx2.duckcorp.org");
        if (cases[i].from != NULL) {
            assert_int_equal(addr_parse(cases[i].from, &from), RES_OK);
            subject.from = &from;
        }
        struct plan plan;
        site_judge(&site, &subject, &w, &plan);
        assert_int_equal(plan.reason, cases[i].reason);
    }
}

/* over UDP an address is no evidence. */
static void test_own_address(void **state)
{
    static const struct {
        const char *from;
        enum transport transport;
        enum reason reason;
    } cases[] = {
        {"192.0.2.7", TRANSPORT_TCP, REASON_PERMITTED},
        {"192.0.2.7", TRANSPORT_UDP, REASON_VALUE_NOT_ALLOWED},
        {"192.0.2.8", TRANSPORT_TCP, REASON_VALUE_NOT_ALLOWED},
    };
    const struct site_item add = ADD("own.dyn.duckcorp.org", "A", "192.0.2.7");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        struct gate_subject subject = site_subject(&site, "mx1.duckcorp.org");
        struct addr from;
        struct plan plan;
        site_write_update(&site, "dyn.duckcorp.org", &add, 1, &w);
        assert_int_equal(addr_parse(cases[i].from, &from), RES_OK);
        subject.from = &from;
        subject.transport = cases[i].transport;
        site_judge(&site, &subject, &w, &plan);
        assert_int_equal(plan.reason, cases[i].reason);
    }
}

/* what is past is so by the time of the request. */
static void test_persist_until(void **state)
{
    static const char form[] = "\"ca.example; accounturi=https://ca.example/acct/42; "
                               "persistUntil=%lld\"";
    char value[128];

    (void)state;
    for (int late = 0; late <= 1; late++) {
        struct plan plan;
        snprintf(value, sizeof value, form, (long long)SITE_NOW_S + 1 - late);
        const struct site_item add =
            ADD("_validation-persist.own.dyn.duckcorp.org", "TXT", value);
        site_judge_items(&site, "mx1.duckcorp.org", "dyn.duckcorp.org", &add, 1, &plan);
        assert_int_equal(plan.reason,
                         late ? REASON_VALUE_NOT_ALLOWED : REASON_PERMITTED);
    }
}

static void test_ttl(void **state)
{
    (void)state;
    const char *range = "_acme-challenge.range.duckcorp.org";
    struct site_item items[] = {
        {UPDATE_ADD, range, "TXT", SITE_TOKEN, 3600, 0}, /* clamped to 300 */
        {UPDATE_ADD, range, "TXT", TOKEN_2, 1, 0},       /* clamped to 60 */
        {UPDATE_ADD, range, "TXT", TOKEN_3, 120, 0},
        {UPDATE_ADD, MX1, "TXT", SITE_TOKEN, 10, 0},
    };
    struct plan plan;
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items, 4, &plan);
    assert_int_equal(plan.reason, REASON_PERMITTED);
    /* one TTL per RRset, the lowest after clamping; the asked ones are kept. */
    assert_int_equal(plan.changes[0].ttl, 60);
    assert_int_equal(plan.changes[1].ttl, 60);
    assert_int_equal(plan.changes[2].ttl, 60);
    assert_int_equal(plan.changes[3].ttl, 10);
    assert_int_equal(plan.changes[0].item.ttl, 3600);
}

/* an RRset is a name and a type; what is added of another type at the same
 * name has its own TTL and its own number. */
static void test_rrsets_of_one_name(void **state)
{
    (void)state;
    struct site_item items[] = {
        {UPDATE_ADD, NATIVE, "A", "192.0.2.1", 300, 0},
        {UPDATE_ADD, NATIVE, "TXT", "\"few\"", 60, 0},
        {UPDATE_ADD, NATIVE, "A", "192.0.2.2", 200, 0},
    };
    struct plan plan;
    site_judge_items(&site, "kea.duckcorp.org", "dyn.duckcorp.org", items, 3, &plan);
    assert_int_equal(plan.reason, REASON_PERMITTED);
    assert_int_equal(plan.changes[0].ttl, 200);
    assert_int_equal(plan.changes[1].ttl, 60);
    assert_int_equal(plan.changes[2].ttl, 200);
}

static void test_delete_name_types(void **state)
{
    (void)state;
    const struct site_item native = DELETE_NAME(NATIVE);
    struct plan plan;
    site_judge_items(&site, "kea.duckcorp.org", "dyn.duckcorp.org", &native, 1, &plan);
    assert_int_equal(plan.changes[0].type_count, 3); /* acme has no delete-name */
    assert_int_equal(plan.changes[0].types[0], TYPE_A);
    assert_int_equal(plan.changes[0].types[1], TYPE_AAAA);
    assert_int_equal(plan.changes[0].types[2], TYPE_TXT);

    const struct site_item apex = DELETE_NAME("dyn.duckcorp.org");
    site_judge_items(&site, "kea.duckcorp.org", "dyn.duckcorp.org", &apex, 1, &plan);
    assert_int_equal(plan.changes[0].type_count, 1); /* NS at an apex stays */
    assert_int_equal(plan.changes[0].types[0], TYPE_DNSKEY);
}

/* LIMIT_NAMES_PER_MESSAGE names pass, one more does not. */
static void test_names(void **state)
{
    (void)state;
    struct site_item items[LIMIT_NAMES_PER_MESSAGE + 2];
    char owners[LIMIT_NAMES_PER_MESSAGE + 2][64];
    for (size_t i = 0; i < LIMIT_NAMES_PER_MESSAGE + 1; i++) {
        snprintf(owners[i], sizeof owners[i], "_acme-challenge.n%zu.many.duckcorp.org",
                 i);
        items[i] = (struct site_item)ADD(owners[i], "TXT", SITE_TOKEN);
    }
    struct plan plan;
    items[LIMIT_NAMES_PER_MESSAGE] = items[0]; /* a name again is not a name more */
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items,
                     LIMIT_NAMES_PER_MESSAGE + 1, &plan);
    assert_int_equal(plan.reason, REASON_PERMITTED);
    assert_int_equal(plan.lookup_count, LIMIT_NAMES_PER_MESSAGE);

    items[LIMIT_NAMES_PER_MESSAGE] =
        (struct site_item)ADD(owners[LIMIT_NAMES_PER_MESSAGE], "TXT", SITE_TOKEN);
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items,
                     LIMIT_NAMES_PER_MESSAGE + 1, &plan);
    assert_int_equal(plan.reason, REASON_TOO_MANY_RECORDS);
    assert_int_equal(plan.decisive, plan.change_count);
}

/* W-5: the caps on both sections. */
static void test_caps(void **state)
{
    (void)state;
    struct site_item items[LIMIT_UPDATES + 1];
    struct plan plan;
    for (size_t i = 0; i < LIMIT_UPDATES + 1; i++)
        items[i] = (struct site_item)DELETE_RRSET(MX1, "TXT");
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items, LIMIT_UPDATES,
                     &plan);
    assert_int_equal(plan.reason, REASON_PERMITTED);
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items,
                     LIMIT_UPDATES + 1, &plan);
    assert_int_equal(plan.reason, REASON_TOO_MANY_RECORDS);
    for (size_t i = 0; i < LIMIT_PREREQUISITES + 1; i++)
        items[i] = (struct site_item)PREREQ(MX1, "TXT");
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items,
                     LIMIT_PREREQUISITES, &plan);
    assert_int_equal(plan.reason, REASON_PERMITTED);
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items,
                     LIMIT_PREREQUISITES + 1, &plan);
    assert_int_equal(plan.reason, REASON_TOO_MANY_RECORDS);
}

/* C-15 */
static void test_without_cname(void **state)
{
    (void)state;
    const struct site_item add = ADD(MX1, "TXT", SITE_TOKEN);
    struct plan plan;
    site.snapshot->settings.require_cname = false;
    site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", &add, 1, &plan);
    site.snapshot->settings.require_cname = true;
    assert_int_equal(plan.action, PLAN_FORWARD);
    assert_int_equal(plan.lookup_count, 0);
}

/* no memory at any point is SERVFAIL, and never a permit or another refusal. */
static void check_memory(const struct gate_subject *subject, const struct writer *w,
                         enum reason reason)
{
    struct wire_msg msg = site_walk(w);
    struct plan whole;
    bool is_enough = false;
    site_judge(&site, subject, w, &whole);
    for (size_t limit = 1; !is_enough && limit < 65536; limit += 16) {
        struct arena arena;
        struct plan plan;
        arena_init(&arena, 16, limit);
        gate_judge(site.snapshot, subject, &msg, &arena, &plan);
        is_enough = plan.reason != REASON_UNDECIDED;
        assert_int_equal(plan.action, is_enough ? whole.action : PLAN_REPLY);
        if (is_enough)
            assert_int_equal(plan.reason, reason);
        arena_fini(&arena);
    }
    assert_true(is_enough);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const struct {
        const char *host, *zone;
        struct site_item items[2];
        enum reason reason;
    } cases[] = {
        {"kea.duckcorp.org",
         "dyn.duckcorp.org",
         {DELETE_NAME(NATIVE), ADD(NATIVE, "A", "192.0.2.1")},
         REASON_PERMITTED},
        {"mx1.duckcorp.org",
         "duckcorp.org",
         {DELETE_RRSET(MX1, "TXT"), DELETE(TLSA_MX1, "TLSA", TLSA_OK)},
         REASON_PERMITTED},
        {"mx1.duckcorp.org",
         "duckcorp.org",
         {DELETE_RRSET(MX1, "TXT"), DELETE_RRSET("example.net", "TXT")},
         REASON_NAME_OUTSIDE_ZONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        site_write_update(&site, cases[i].zone, cases[i].items, 2, &w);
        struct gate_subject subject = site_subject(&site, cases[i].host);
        check_memory(&subject, &w, cases[i].reason);
    }
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, "mx1.duckcorp.org");
    build_header(&w, 1, 0);
    build_question(&w, site_name(&site, MX1), TYPE_TXT, CLASS_IN);
    check_memory(&subject, &w, REASON_PERMITTED);
}

static void test_opcode(void **state)
{
    (void)state;
    uint8_t octets[LIMIT_HEADER_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, "mx1.duckcorp.org");
    struct plan plan;
    build_header(&w, 1, 4 << 11);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_OPCODE_NOT_SERVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_class),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_own_address),
        cmocka_unit_test(test_persist_until),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_rrsets_of_one_name),
        cmocka_unit_test(test_delete_name_types),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_without_cname),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_opcode),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}

/* What look-ups settle, and section 5: queries. */
#include <stdlib.h>

#include "dns/build.h"
#include "dns/type.h"
#include "gate_case.h"

/* ---- plan_settle ---- */
static void test_settle(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum lookup_answer first, second;
        enum plan_action action;
        enum reason reason;
        size_t decisive;
    } cases[] = {
        {"both as they should be", LOOKUP_IS_TARGET, LOOKUP_IS_TARGET, PLAN_FORWARD,
         REASON_PERMITTED, 0},
        {"C-12: one is missing", LOOKUP_IS_TARGET, LOOKUP_NONE, PLAN_REPLY,
         REASON_CNAME_MISSING, 2},
        {"C-7: one leads elsewhere", LOOKUP_OTHER, LOOKUP_IS_TARGET, PLAN_REPLY,
         REASON_CNAME_UNEXPECTED, 0},
        {"the first in message order decides", LOOKUP_OTHER, LOOKUP_NONE, PLAN_REPLY,
         REASON_CNAME_UNEXPECTED, 0},
        {"I10: a failure before any refusal", LOOKUP_NONE, LOOKUP_FAILED, PLAN_REPLY,
         REASON_LOOKUP_FAILED, 2},
        {"I10: no answer is a failure", LOOKUP_IS_TARGET, LOOKUP_PENDING, PLAN_REPLY,
         REASON_LOOKUP_FAILED, 2},
    };
    const struct site_item items[] = {PREREQ(MX1, "TXT"), ADD(MX1, "TXT", SITE_TOKEN),
                                      ADD(TLSA_MX1, "TLSA", TLSA_OK)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan plan;
        site_judge_items(&site, "mx1.duckcorp.org", "duckcorp.org", items, 3, &plan);
        assert_int_equal(plan.lookup_count, 2);
        plan.lookups[0].answer = cases[i].first;
        plan.lookups[1].answer = cases[i].second;
        plan_settle(&plan);
        print_message("%s\n", cases[i].name);
        assert_int_equal(plan.action, cases[i].action);
        assert_int_equal(plan.reason, cases[i].reason);
        assert_int_equal(plan.decisive, cases[i].decisive);
        assert_int_equal(plan.changes[0].reason, plan.changes[1].reason);
    }
}

/* ---- queries (section 5) ---- */

enum asker {
    ANONYMOUS,
    ORPHAN,
    HOST,
};

struct query_case {
    const char *name;
    enum asker asker;
    enum transport transport;
    const char *owner;
    const char *type;
    enum plan_action action;
    enum reason reason;
    const char *read;
};

#define QUERY_REFUSED PLAN_REPLY, REASON_QUERY_NOT_ALLOWED, NULL

static const struct query_case query_cases[] = {
    {"Q-1: SOA at an apex, over TCP", ANONYMOUS, TRANSPORT_TCP, "duckcorp.org", "SOA",
     PLAN_SOA, REASON_PERMITTED, NULL},
    {"Q-1: SOA below it", ANONYMOUS, TRANSPORT_TCP, "a.b.duckcorp.org", "SOA", PLAN_SOA,
     REASON_PERMITTED, NULL},
    {"Q-1: SOA outside", ANONYMOUS, TRANSPORT_TCP, "example.net", "SOA", QUERY_REFUSED},
    {"Q-2: unsigned over UDP: TC", ANONYMOUS, TRANSPORT_UDP, "duckcorp.org", "SOA",
     PLAN_TRUNCATE, REASON_PERMITTED, NULL},
    {"Q-2: always", ANONYMOUS, TRANSPORT_UDP, "example.net", "TXT", PLAN_TRUNCATE,
     REASON_PERMITTED, NULL},
    {"Q-3: SOA for a key without a host", ORPHAN, TRANSPORT_UDP, MX1, "SOA", PLAN_SOA,
     REASON_PERMITTED, NULL},
    {"Q-3: SOA for a host", HOST, TRANSPORT_UDP, MX1, "SOA", PLAN_SOA, REASON_PERMITTED,
     NULL},
    {"Q-1: another type, anonymous", ANONYMOUS, TRANSPORT_TCP, MX1, "TXT",
     QUERY_REFUSED},
    {"Q-1: another type, without a host", ORPHAN, TRANSPORT_TCP, MX1, "TXT",
     QUERY_REFUSED},
    {"Q-1: what may be written may be read", HOST, TRANSPORT_UDP, MX1, "TXT", PLAN_READ,
     REASON_PERMITTED, MX1_AT},
    {"Q-1: at its target", HOST, TRANSPORT_TCP, MX1_AT, "TXT", PLAN_READ,
     REASON_PERMITTED, MX1_AT},
    {"Q-1: another type of it", HOST, TRANSPORT_TCP, MX1, "TLSA", QUERY_REFUSED},
    {"Q-1: another's", HOST, TRANSPORT_TCP, MX2, "TXT", QUERY_REFUSED},
    {"Q-1: each way to write will do: add", HOST, TRANSPORT_TCP,
     "_acme-challenge.add.duckcorp.org", "TXT", PLAN_READ, REASON_PERMITTED,
     "_acme-challenge.add._kage.duckcorp.org"},
    {"Q-1: delete", HOST, TRANSPORT_TCP, "_acme-challenge.rr.duckcorp.org", "TXT",
     PLAN_READ, REASON_PERMITTED, "_acme-challenge.rr._kage.duckcorp.org"},
    {"Q-1: delete-rrset", HOST, TRANSPORT_TCP, "_acme-challenge.rrset.duckcorp.org",
     "TXT", PLAN_READ, REASON_PERMITTED, "_acme-challenge.rrset._kage.duckcorp.org"},
    {"Q-1: delete-name", HOST, TRANSPORT_TCP, "_acme-challenge.all.duckcorp.org", "TXT",
     PLAN_READ, REASON_PERMITTED, "_acme-challenge.all._kage.duckcorp.org"},
    {"a grant to ask whether is none to read", HOST, TRANSPORT_TCP,
     "_acme-challenge.ask.duckcorp.org", "TXT", QUERY_REFUSED},
    {"no AXFR", HOST, TRANSPORT_TCP, "duckcorp.org", "TYPE252", QUERY_REFUSED},
    {"no IXFR", HOST, TRANSPORT_TCP, "duckcorp.org", "TYPE251", QUERY_REFUSED},
    {"no ANY", HOST, TRANSPORT_TCP, MX1, "TYPE255", QUERY_REFUSED},
    {"no CNAME", HOST, TRANSPORT_TCP, MX1, "CNAME", QUERY_REFUSED},
};

static struct gate_subject asker_subject(const struct query_case *c)
{
    struct gate_subject subject =
        site_subject(&site, c->asker == HOST ? "mx1.duckcorp.org" : NULL);
    if (c->asker == ANONYMOUS)
        subject.key_name = (struct name){NULL, 0};
    subject.transport = c->transport;
    return subject;
}

static uint16_t query_type(const char *text)
{
    uint16_t type = 0;
    if (strncmp(text, "TYPE", 4) == 0)
        return (uint16_t)strtoul(text + 4, NULL, 10);
    assert_int_equal(type_from_name(text, &type), RES_OK);
    return type;
}

static void test_query(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof query_cases / sizeof query_cases[0]; i++) {
        const struct query_case *c = &query_cases[i];
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        build_header(&w, 1, 0);
        build_question(&w, site_name(&site, c->owner), query_type(c->type), CLASS_IN);
        struct gate_subject subject = asker_subject(c);
        struct plan plan;
        site_judge(&site, &subject, &w, &plan);
        print_message("%s\n", c->name);
        assert_int_equal(plan.action, c->action);
        assert_int_equal(plan.reason, c->reason);
        if (c->read != NULL)
            assert_true(name_equal(plan.read.target, site_name(&site, c->read)));
        if (c->action == PLAN_SOA)
            assert_true(name_equal(plan.zone->name, site_name(&site, "duckcorp.org")));
    }
}

static void test_query_form(void **state)
{
    (void)state;
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, "mx1.duckcorp.org");
    struct plan plan;
    build_header(&w, 1, 0);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_MESSAGE_MALFORMED); /* QDCOUNT 0 */
    build_question(&w, site_name(&site, "duckcorp.org"), TYPE_SOA, 3);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_QUERY_NOT_ALLOWED); /* class CH */
    build_question(&w, site_name(&site, "duckcorp.org"), TYPE_SOA, CLASS_IN);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.reason, REASON_MESSAGE_MALFORMED); /* QDCOUNT 2 */
}

static void test_query_from(void **state)
{
    (void)state;
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, "mx2.duckcorp.org");
    struct addr from;
    struct plan plan;
    subject.from = &from;
    build_header(&w, 1, 0);
    build_question(&w, site_name(&site, MX2), TYPE_TXT, CLASS_IN);
    assert_int_equal(addr_parse("192.0.2.26", &from), RES_OK);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.action, PLAN_READ);
    assert_int_equal(addr_parse("192.0.2.27", &from), RES_OK);
    site_judge(&site, &subject, &w, &plan);
    assert_int_equal(plan.action, PLAN_REPLY);
    assert_int_equal(plan.reason, REASON_SOURCE_NOT_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_form),
        cmocka_unit_test(test_query_from),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}

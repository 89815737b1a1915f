/* What is said about decisions, to the requestor and to the admin. */
#include "dns/build.h"
#include "dns/type.h"
#include "gate_case.h"
#include "policy/explain.h"

static void check_text(const struct writer *w, const char *expected)
{
    assert_false(w->failed);
    assert_int_equal(w->len, strlen(expected));
    assert_memory_equal(w->octets, expected, w->len);
}

struct sentence_case {
    const char *host;
    const char *zone;
    struct site_item item;
    enum lookup_answer answer;
    const char *reason;
    const char *remedy;
};

#define ZONE "duckcorp.org"

static const struct sentence_case sentence_cases[] = {
    {"mx1.duckcorp.org", ZONE, ADD(MX1, "TXT", SITE_TOKEN), LOOKUP_IS_TARGET,
     "permitted", ""},
    {"mx1.duckcorp.org", ZONE, ADD(MX2, "TXT", SITE_TOKEN), LOOKUP_IS_TARGET,
     "host mx1.duckcorp.org has no grant for _acme-challenge.mx2.duckcorp.org TXT",
     "to permit it, add to an ACL file: grant mx1.duckcorp.org acme mx2.duckcorp.org"},
    {"mx1.duckcorp.org", ZONE, ADD("_465._tcp.mx1.duckcorp.org", "TLSA", TLSA_OK),
     LOOKUP_IS_TARGET,
     "host mx1.duckcorp.org has no grant for _465._tcp.mx1.duckcorp.org TLSA",
     "to permit it, add to an ACL file: grant mx1.duckcorp.org tlsa mx1.duckcorp.org "
     "465/tcp"},
    {"mx1.duckcorp.org", ZONE, ADD(MX1, "A", "192.0.2.1"), LOOKUP_IS_TARGET,
     "host mx1.duckcorp.org has no grant for _acme-challenge.mx1.duckcorp.org A",
     "to permit it, add to an ACL file: grant mx1.duckcorp.org PROFILE "
     "_acme-challenge.mx1.duckcorp.org   (a profile for A)"},
    {"mx1.duckcorp.org", ZONE, DELETE_NAME(MX1), LOOKUP_IS_TARGET,
     "host mx1.duckcorp.org has no grant for delete-name at "
     "_acme-challenge.mx1.duckcorp.org ANY",
     "see may= of the grant at @:4"},
    {"mx1.duckcorp.org", ZONE, PREREQ(MX2, "TXT"), LOOKUP_IS_TARGET,
     "host mx1.duckcorp.org may not ask about _acme-challenge.mx2.duckcorp.org TXT",
     "to permit it, add to an ACL file: grant mx1.duckcorp.org acme mx2.duckcorp.org"},
    {"mx1.duckcorp.org", ZONE, ADD(MX1, "TXT", SITE_TOKEN), LOOKUP_NONE,
     "the static zone has no line \"_acme-challenge.mx1.duckcorp.org. CNAME "
     "_acme-challenge.mx1._kage.duckcorp.org.\"",
     "in the static zone there has to be: _acme-challenge.mx1.duckcorp.org. CNAME "
     "_acme-challenge.mx1._kage.duckcorp.org."},
    {"mx1.duckcorp.org", ZONE, ADD(MX1, "TXT", SITE_TOKEN), LOOKUP_OTHER,
     "_acme-challenge.mx1.duckcorp.org has a CNAME, but not to "
     "_acme-challenge.mx1._kage.duckcorp.org",
     "in the static zone there has to be: _acme-challenge.mx1.duckcorp.org. CNAME "
     "_acme-challenge.mx1._kage.duckcorp.org."},
    {"kea.duckcorp.org", ZONE,
     ADD("_acme-challenge.pin.duckcorp.org", "TXT", SITE_TOKEN), LOOKUP_IS_TARGET,
     "_acme-challenge.pin.duckcorp.org stands for no name that is written here",
     "no entry of `shadows` in tsigate.conf and no alias of the ACL leads from or to "
     "it"},
    {"mx1.duckcorp.org", ZONE, ADD("x.example.net", "TXT", SITE_TOKEN),
     LOOKUP_IS_TARGET, "x.example.net does not belong to the zone duckcorp.org",
     "a name belongs to the longest configured zone that contains it: update that "
     "one"},
    {NULL, ZONE, ADD(MX1, "TXT", SITE_TOKEN), LOOKUP_IS_TARGET,
     "the key belongs to no host", "name the key in a `key` line of a host of the ACL"},
    {"mx1.duckcorp.org", "example.net", ADD(MX1, "TXT", SITE_TOKEN), LOOKUP_IS_TARGET,
     "the zone is not served here", "see `zones` in tsigate.conf"},
};

/* @ in an expectation stands for the ACL's path. */
static const char *with_file(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL)
        return text;
    return arena_printf(&site.arena, "%.*s%s/site.acl%s", (int)(at - text), text,
                        site.folder, at + 1);
}

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sentence_cases / sizeof sentence_cases[0]; i++) {
        const struct sentence_case *c = &sentence_cases[i];
        struct plan plan;
        site_judge_items(&site, c->host, c->zone, &c->item, 1, &plan);
        for (size_t k = 0; k < plan.lookup_count; k++)
            plan.lookups[k].answer = c->answer;
        plan_settle(&plan);
        uint8_t octets[8192];
        struct writer w = writer_of(octets, sizeof octets);
        explain_reason(&plan, &w);
        print_message("%.*s\n", (int)w.len, (const char *)octets);
        check_text(&w, c->reason);
        w = writer_of(octets, sizeof octets);
        explain_remedy(&plan, &w);
        check_text(&w, with_file(c->remedy));
    }
}

/* Every reason has words of its own; they fit one character-string and a terminal. */
static void test_every_reason(void **state)
{
    (void)state;
    const struct site_item item = ADD(MX1, "TXT", SITE_TOKEN);
    struct plan plan;
    site_judge_items(&site, "mx1.duckcorp.org", ZONE, &item, 1, &plan);
    for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
        for (plan.decisive = 0; plan.decisive < 2; plan.decisive++) {
            uint8_t octets[512];
            struct writer w = writer_of(octets, sizeof octets);
            plan.reason = (enum reason)reason;
            explain_reason(&plan, &w);
            assert_false(w.failed);
            assert_in_range(w.len, 5, LIMIT_REASON_OCTETS);
            for (size_t i = 0; i < w.len; i++)
                assert_in_range(octets[i], 0x20, 0x7e);
        }
    }
}

/* What concerns more than one record. */
static void test_more_remedies(void **state)
{
    (void)state;
    const struct site_item many[] = {ADD(FEW, "TXT", SITE_TOKEN),
                                     ADD(FEW, "TXT", TOKEN_2),
                                     ADD(FEW, "TXT", TOKEN_3)};
    struct plan plan;
    uint8_t octets[512];
    site_judge_items(&site, "mx1.duckcorp.org", ZONE, many, 3, &plan);
    struct writer w = writer_of(octets, sizeof octets);
    explain_reason(&plan, &w);
    check_text(&w, "one message may add 2 records at most at "
                   "_acme-challenge.few.duckcorp.org TXT");
    w = writer_of(octets, sizeof octets);
    explain_remedy(&plan, &w);
    check_text(&w, with_file("see max-records= of the grant at @:6"));

    site_judge_items(&site, "mx1.duckcorp.org", ZONE, many, 1, &plan);
    plan_settle(&plan);
    w = writer_of(octets, sizeof octets);
    explain_remedy(&plan, &w);
    check_text(&w, "see the primary's log, and `tsigate status`");
}

static void test_source(void **state)
{
    (void)state;
    const struct site_item item = ADD(MX2, "TXT", SITE_TOKEN);
    uint8_t message[512], octets[512];
    struct writer m = writer_of(message, sizeof message);
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, "mx2.duckcorp.org");
    struct addr from;
    struct plan plan;
    assert_int_equal(addr_parse("192.0.2.27", &from), RES_OK);
    subject.from = &from;
    site_write_update(&site, ZONE, &item, 1, &m);
    site_judge(&site, &subject, &m, &plan);
    explain_reason(&plan, &w);
    check_text(&w, "host mx2.duckcorp.org may not come from this address");
    w = writer_of(octets, sizeof octets);
    explain_remedy(&plan, &w);
    check_text(&w, with_file("the addresses of the host: @:11"));
}

static void check_query(const char *host, const char *name, const char *expected)
{
    uint8_t message[512], octets[512];
    struct writer m = writer_of(message, sizeof message);
    struct writer w = writer_of(octets, sizeof octets);
    struct gate_subject subject = site_subject(&site, host);
    struct plan plan;
    build_header(&m, 1, 0);
    build_question(&m, site_name(&site, name), TYPE_TXT, CLASS_IN);
    site_judge(&site, &subject, &m, &plan);
    explain_reason(&plan, &w);
    check_text(&w, expected);
}

static void test_query(void **state)
{
    (void)state;
    check_query("mx1.duckcorp.org", MX2,
                "host mx1.duckcorp.org may not write _acme-challenge.mx2.duckcorp.org "
                "TXT, and so may not read it");
    check_query("mx1.duckcorp.org", "x.example.net",
                "x.example.net is in no zone that is served here");
    check_query(NULL, MX1, "only SOA, and what the host may write, is answered here");
}

/* L-3: a name of 255 octets that no terminal should see is escaped and cut. */
static void test_long_name(void **state)
{
    (void)state;
    char owner[1200] = "";
    for (int label = 0; label < 3; label++) {
        for (int i = 0; i < 63; i++)
            strcat(owner, "\\027");
        strcat(owner, ".");
    }
    strcat(owner, ZONE);
    const struct site_item item = ADD(owner, "TXT", SITE_TOKEN);
    struct plan plan;
    site_judge_items(&site, "mx1.duckcorp.org", ZONE, &item, 1, &plan);
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    explain_reason(&plan, &w);
    assert_int_equal(w.len, LIMIT_REASON_OCTETS);
    assert_memory_equal(octets + w.len - 3, "...", 3);
    for (size_t i = 0; i < w.len; i++)
        assert_in_range(octets[i], 0x20, 0x7e);
}

static void test_build(void **state)
{
    (void)state;
    const uint8_t address[] = {192, 0, 2, 1};
    const struct rdata value = {address, 4};
    const struct rdata none = {NULL, 0};
    const struct {
        enum update_op op;
        uint16_t type;
        uint16_t class; /* asked for */
        struct rdata rdata;
        enum result result;
        uint16_t expected_class;
        enum wire_section section;
    } cases[] = {
        {UPDATE_ADD, TYPE_A, 0, value, RES_OK, CLASS_IN, SECTION_UPDATE},
        {UPDATE_ADD, TYPE_A, 0, none, RES_EFORMAT, 0, 0},
        {UPDATE_ADD, TYPE_ANY, 0, value, RES_EFORMAT, 0, 0},
        {UPDATE_DELETE, TYPE_A, 0, value, RES_OK, CLASS_NONE, SECTION_UPDATE},
        {UPDATE_DELETE, TYPE_A, 0, none, RES_EFORMAT, 0, 0},
        {UPDATE_DELETE_RRSET, TYPE_A, 0, none, RES_OK, CLASS_ANY, SECTION_UPDATE},
        {UPDATE_DELETE_RRSET, TYPE_A, 0, value, RES_EFORMAT, 0, 0},
        {UPDATE_DELETE_NAME, TYPE_ANY, 0, none, RES_OK, CLASS_ANY, SECTION_UPDATE},
        {UPDATE_DELETE_NAME, TYPE_A, 0, none, RES_EFORMAT, 0, 0},
        {UPDATE_PREREQ, TYPE_A, 0, value, RES_OK, CLASS_IN, SECTION_PREREQUISITE},
        {UPDATE_PREREQ, TYPE_A, 0, none, RES_OK, CLASS_ANY, SECTION_PREREQUISITE},
        {UPDATE_PREREQ, TYPE_A, CLASS_NONE, none, RES_OK, CLASS_NONE,
         SECTION_PREREQUISITE},
        {UPDATE_PREREQ_ANY, TYPE_ANY, CLASS_NONE, none, RES_OK, CLASS_NONE,
         SECTION_PREREQUISITE},
        {UPDATE_PREREQ_ANY, TYPE_ANY, 0, none, RES_OK, CLASS_ANY, SECTION_PREREQUISITE},
        {UPDATE_UNDECIDED, TYPE_A, 0, none, RES_EFORMAT, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        const struct update_item item = {
            .op = cases[i].op,
            .type = cases[i].type,
            .class = cases[i].class,
            .ttl = 60,
            .owner = site_name(&site, MX1),
            .rdata = cases[i].rdata,
        };
        enum result result = explain_build_update(site_name(&site, ZONE), &item, &w);
        assert_int_equal(result, cases[i].result);
        if (result != RES_OK)
            continue;
        struct wire_msg msg = site_walk(&w);
        struct wire_rr rr;
        size_t at = msg.section_at[cases[i].section];
        assert_int_equal(msg.header.opcode, OPCODE_UPDATE);
        assert_int_equal(msg.header.counts[cases[i].section], 1);
        wire_next(&msg, cases[i].section, &at, &rr);
        assert_int_equal(rr.class, cases[i].expected_class);
        assert_int_equal(rr.type, cases[i].type);
        assert_int_equal(rr.ttl, cases[i].op == UPDATE_ADD ? 60 : 0);
        assert_int_equal(rr.rdata_len, cases[i].rdata.len);
    }
}

static void test_build_too_small(void **state)
{
    (void)state;
    uint8_t octets[40];
    struct writer w = writer_of(octets, sizeof octets);
    const struct update_item item = {
        .op = UPDATE_DELETE_RRSET, .type = TYPE_TXT, .owner = site_name(&site, MX1)};
    assert_int_equal(explain_build_update(site_name(&site, ZONE), &item, &w), RES_EMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),       cmocka_unit_test(test_every_reason),
        cmocka_unit_test(test_long_name),       cmocka_unit_test(test_more_remedies),
        cmocka_unit_test(test_source),          cmocka_unit_test(test_query),
        cmocka_unit_test(test_query),           cmocka_unit_test(test_build),
        cmocka_unit_test(test_build_too_small),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}

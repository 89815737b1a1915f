#include "policy/site.h"

#include "dns/text.h"
#include "dns/type.h"

#define NOW    INT64_C(1800000000)
#define TOKEN  "\"rDL2UP41KBQ-HUXX9YTMuS-hROOYPGkfC1WlGW-gu1I\""
#define SHA256 "227ba5f2c6c9109fe5c44a0696f393379607493a377f522ee27d9a7ae3227d89"

/* ---- one site with a bit of everything ---- */

static const char corp_acl[] =
    "every-host\n"                                                        /*  1 */
    "  acme {host}\n"                                                     /*  2 */
    "host mx1.corp.example\n"                                             /*  3 */
    "  tlsa mx1.corp.example 25/tcp 465/tcp\n"                            /*  4 */
    "  tlsa imap.corp.example 993/tcp ttl=60..300\n"                      /*  5 */
    "  tlsa strict.corp.example 993/tcp ttl=60..300 ttl-mode=refuse\n"    /*  6 */
    "host broad.corp.example\n"                                           /*  7 */
    "  acme *.one.corp.example broad\n"                                   /*  8 */
    "  acme **.many.corp.example broad\n"                                 /*  9 */
    "  openpgpkey corp.example\n"                                         /* 10 */
    "  acme-account corp.example\n"                                       /* 11 */
    "  openpgpkey **.many.corp.example broad\n"                           /* 12 */
    "  any-txt **.dyn.corp.example broad\n"                               /* 13 */
    "  any-txt a.*.mid.dyn.corp.example broad\n"                          /* 14 */
    "  any-txt \\042.star.dyn.corp.example\n"                             /* 15 */
    "  acme-persist persist.corp.example\n"                               /* 16 */
    "host layers.corp.example\n"                                          /* 17 */
    "  acme l.corp.example may=add ttl=30..60 ttl-mode=refuse\n"          /* 18 */
    "  acme l.corp.example may=delete\n"                                  /* 19 */
    "  acme m.corp.example check=\"match x+\" ttl=7..8\n"                 /* 20 */
    "  acme m.corp.example check=\"match x+|y+\" ttl=9..10\n"             /* 21 */
    "  acme m.corp.example check=\"match z\" ttl=9..10 ttl-mode=refuse\n" /* 22 */
    "host wide.corp.example\n"                                            /* 23 */
    "  all a.dyn.corp.example\n"                                          /* 24 */
    "  address a.dyn.corp.example\n"                                      /* 25 */
    "host signer.corp.example\n"                                          /* 26 */
    "  multi-signer dyn.corp.example sub.dyn.corp.example\n"              /* 27 */
    "  multi-signer pinned.corp.example inner.corp.example\n"             /* 28 */
    "alias pinned.corp.example dyn2.corp.example\n"
    "host deep.corp.example\n"
    "  any-txt *.*.*.*.*.corp.example broad\n"; /* 29 */

static const char corp_profiles[] = "profile any-txt\n"
                                    "  owner {name}\n"
                                    "  type TXT\n"
                                    "profile all\n"
                                    "  owner {name}\n"
                                    "  type TXT SSHFP\n"
                                    "  ttl 0..86400\n"
                                    "  may add delete delete-rrset delete-name prereq "
                                    "prereq-any\n";

static void open_corp(struct site *site)
{
    site_open(site);
    site_add_zones(site, (const char *const[]){
                             "corp.example", "+_s.corp.example", "+dyn.corp.example",
                             "+dyn2.corp.example", "+z.many.corp.example",
                             "+inner._s.corp.example", NULL});
    site_add_shadows(site,
                     (const char *const[]){"corp.example", "_s.corp.example", NULL});
    assert_int_equal(aclfile_parse(&site->source, "profiles", corp_profiles,
                                   strlen(corp_profiles), false, &site->diags),
                     RES_OK);
    enum result res = site_compile(site, corp_acl);
    if (res != RES_OK)
        site_print_diags(site);
    assert_int_equal(res, RES_OK);
}

struct judge_case {
    const char *name;
    const char *host; /* without .corp.example */
    const char *op;
    const char *owner; /* without .corp.example */
    const char *type;
    const char *value; /* NULL: none */
    const char *verdict;
    unsigned line; /* of the right that decided; 0: none */
};

static const struct judge_case judge_cases[] = {
    /* names */
    {"every host's own", "mx1", "add", "_acme-challenge.mx1", "TXT", TOKEN, "permitted",
     2},
    {"another host's own", "mx1", "add", "_acme-challenge.broad", "TXT", TOKEN,
     "name-not-granted", 0},
    {"the parent", "mx1", "add", "mx1", "TXT", TOKEN, "name-not-granted", 0},
    {"a child", "mx1", "add", "a._acme-challenge.mx1", "TXT", TOKEN, "name-not-granted",
     0},
    {"a sibling", "mx1", "add", "_acme-challenge.xmx1", "TXT", TOKEN,
     "name-not-granted", 0},
    {"port", "mx1", "add", "_25._tcp.mx1", "TLSA", "3 1 1 " SHA256, "permitted", 4},
    {"another port", "mx1", "add", "_26._tcp.mx1", "TLSA", "3 1 1 " SHA256,
     "name-not-granted", 0},
    {"another protocol", "mx1", "add", "_25._udp.mx1", "TLSA", "3 1 1 " SHA256,
     "name-not-granted", 0},

    /* `*` */
    {"one label", "broad", "add", "_acme-challenge.a.one", "TXT", TOKEN, "permitted",
     8},
    {"no label", "broad", "add", "_acme-challenge.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"two labels", "broad", "add", "_acme-challenge.a.b.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"a wildcard", "broad", "add", "_acme-challenge.*.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"_validation-persist", "broad", "add", "_acme-challenge._validation-persist.one",
     "TXT", TOKEN, "name-not-granted", 0},
    {"an escaped dot", "broad", "add", "_acme-challenge.a\\046b.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"a NUL", "broad", "add", "_acme-challenge.a\\000.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"the first plain octet", "broad", "add", "_acme-challenge.a\\033b.one", "TXT",
     TOKEN, "permitted", 8},
    {"the last plain octet", "broad", "add", "_acme-challenge.a\\126b.one", "TXT",
     TOKEN, "permitted", 8},
    {"DEL", "broad", "add", "_acme-challenge.a\\127b.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"an octet over 0x7e", "broad", "add", "_acme-challenge.\\200.one", "TXT", TOKEN,
     "name-not-granted", 0},
    {"another first label", "broad", "add", "_acme.a.one", "TXT", TOKEN,
     "name-not-granted", 0},

    /* `**` */
    {"a subtree, one label", "broad", "add", "_acme-challenge.a.many", "TXT", TOKEN,
     "permitted", 9},
    {"a subtree, three labels", "broad", "add", "_acme-challenge.c.b.a.many", "TXT",
     TOKEN, "permitted", 9},
    {"a subtree, no label", "broad", "add", "_acme-challenge.many", "TXT", TOKEN,
     "name-not-granted", 0},
    {"a subtree, a wildcard inside", "broad", "add", "_acme-challenge.a.*.many", "TXT",
     TOKEN, "name-not-granted", 0},
    {"a subtree, an escaped dot inside", "broad", "add",
     "_acme-challenge.a.b\\046c.many", "TXT", TOKEN, "name-not-granted", 0},
    {"a subtree, a blank at its end", "broad", "add", "_acme-challenge.a\\032.b.many",
     "TXT", TOKEN, "name-not-granted", 0},
    {"a subtree, beside it", "broad", "add", "_acme-challenge.a.xmany", "TXT", TOKEN,
     "name-not-granted", 0},
    {"a subtree, in a zone below", "broad", "add", "_acme-challenge.a.z.many", "TXT",
     TOKEN, "permitted", 9},

    /* several stars */
    {"profile's star", "broad", "add", "h._openpgpkey", "OPENPGPKEY", "AAAA",
     "permitted", 10},
    {"profile's star, two labels", "broad", "add", "h.g._openpgpkey", "OPENPGPKEY",
     "AAAA", "name-not-granted", 0},
    {"profile's star, none", "broad", "add", "_openpgpkey", "OPENPGPKEY", "AAAA",
     "name-not-granted", 0},
    {"profile's star and _validation-persist", "broad", "add",
     "_validation-persist._acme-challenge", "TXT", TOKEN, "name-not-granted", 0},
    {"star and subtree", "broad", "add", "h._openpgpkey.b.a.many", "OPENPGPKEY", "AAAA",
     "permitted", 12},
    {"star and subtree, no label for one", "broad", "add", "h._openpgpkey.many",
     "OPENPGPKEY", "AAAA", "name-not-granted", 0},
    {"star in the middle", "broad", "add", "a.b.mid.dyn", "TXT", "\"x\"", "permitted",
     13},

    {"five stars", "deep", "add", "e.d.c.b.a", "TXT", "\"x\"", "permitted", 31},
    {"five stars, four labels", "deep", "add", "d.c.b.a", "TXT", "\"x\"",
     "name-not-granted", 0},
    {"five stars, one label", "deep", "add", "a", "TXT", "\"x\"", "name-not-granted",
     0},

    /* apexes, literal stars, _validation-persist */
    {"native subtree", "broad", "add", "a.dyn", "TXT", "\"x\"", "permitted", 13},
    {"native apex", "broad", "add", "dyn", "TXT", "\"x\"", "name-not-granted", 0},
    {"a literal star", "broad", "add", "*.star.dyn", "TXT", "\"x\"", "permitted", 15},
    {"beside a literal star", "broad", "add", "*.stars.dyn", "TXT", "\"x\"",
     "name-not-granted", 0},
    {"_validation-persist in a subtree", "broad", "add", "_validation-persist.a.dyn",
     "TXT", "\"x\"", "name-not-granted", 0},
    {"_validation-persist as granted", "broad", "add", "_validation-persist.persist",
     "TXT", "\"x\"", "permitted", 16},
    {"_validation-persist of another", "broad", "add", "_validation-persist.a.many",
     "TXT", "\"x\"", "name-not-granted", 0},

    /* types and operations */
    {"another type", "mx1", "add", "_acme-challenge.mx1", "SSHFP", "4 2 " SHA256,
     "type-not-granted", 2},
    {"delete another type", "mx1", "delete-rrset", "_25._tcp.mx1", "TXT", NULL,
     "type-not-granted", 4},
    {"delete", "mx1", "delete", "_acme-challenge.mx1", "TXT", TOKEN, "permitted", 2},
    {"delete any value", "mx1", "delete", "_acme-challenge.mx1", "TXT", "\"junk\"",
     "permitted", 2},
    {"delete-rrset", "mx1", "delete-rrset", "_acme-challenge.mx1", "TXT", NULL,
     "permitted", 2},
    {"delete-name", "mx1", "delete-name", "_acme-challenge.mx1", "ANY", NULL,
     "operation-not-granted", 2},
    {"delete-name where granted", "wide", "delete-name", "a.dyn", "ANY", NULL,
     "permitted", 24},
    {"delete-name elsewhere", "wide", "delete-name", "b.dyn", "ANY", NULL,
     "name-not-granted", 0},
    {"type of the second grant", "wide", "delete", "a.dyn", "A", "192.0.2.1",
     "permitted", 25},
    {"type of neither", "wide", "delete", "a.dyn", "PTR", "a.dyn.example.",
     "type-not-granted", 24},

    /* prerequisites */
    {"prereq", "mx1", "prereq", "_acme-challenge.mx1", "TXT", NULL, "permitted", 2},
    {"prereq with a value", "mx1", "prereq", "_acme-challenge.mx1", "TXT", "\"junk\"",
     "permitted", 2},
    {"prereq, another name", "mx1", "prereq", "mx1", "TXT", NULL,
     "prerequisite-not-granted", 0},
    {"prereq, another type", "mx1", "prereq", "_acme-challenge.mx1", "A", NULL,
     "type-not-granted", 2},
    {"prereq, not granted", "layers", "prereq", "_acme-challenge.l", "TXT", NULL,
     "operation-not-granted", 18},
    {"prereq-any", "wide", "prereq-any", "a.dyn", "ANY", NULL, "permitted", 24},
    {"prereq-any, not granted", "mx1", "prereq-any", "_acme-challenge.mx1", "ANY", NULL,
     "operation-not-granted", 2},

    /* values */
    {"bad token", "mx1", "add", "_acme-challenge.mx1", "TXT", "\"junk\"",
     "value-not-allowed", 2},
    {"bad TLSA", "mx1", "add", "_25._tcp.mx1", "TLSA", "3 0 1 " SHA256,
     "value-not-allowed", 4},

    /* several rights: the first that permits, else the one that came furthest */
    {"the second's operation", "layers", "delete", "_acme-challenge.l", "TXT", TOKEN,
     "permitted", 19},
    {"neither's operation", "layers", "delete-rrset", "_acme-challenge.l", "TXT", NULL,
     "operation-not-granted", 18},
    {"both permit: the first", "layers", "add", "_acme-challenge.m", "TXT", "\"xx\"",
     "permitted", 20},
    {"the second permits", "layers", "add", "_acme-challenge.m", "TXT", "\"yy\"",
     "permitted", 21},
    {"the third came furthest", "layers", "add", "_acme-challenge.m", "TXT", "\"z\"",
     "ttl-not-allowed", 22},
    {"all fail at the value: the first", "layers", "add", "_acme-challenge.m", "TXT",
     "\"q\"", "value-not-allowed", 20},
    {"value before TTL", "layers", "add", "_acme-challenge.l", "TXT", "\"junk\"",
     "value-not-allowed", 18},
    {"what is left is the TTL", "layers", "add", "_acme-challenge.l", "TXT", TOKEN,
     "ttl-not-allowed", 18},

    /* NS at an apex: primaries ignore its deletion */
    {"NS at an apex", "signer", "delete-rrset", "dyn", "NS", NULL,
     "operation-not-granted", 27},
    {"NS by value at an apex", "signer", "delete", "dyn", "NS", "ns.example.",
     "permitted", 27},
    {"DNSKEY at an apex", "signer", "delete-rrset", "dyn", "DNSKEY", NULL, "permitted",
     27},
    {"NS below an apex", "signer", "delete-rrset", "sub.dyn", "NS", NULL, "permitted",
     27},
    {"NS, an alias's target an apex", "signer", "delete-rrset", "pinned", "NS", NULL,
     "operation-not-granted", 28},
    {"NS, the template's target an apex", "signer", "delete-rrset", "inner", "NS", NULL,
     "operation-not-granted", 28},
    {"NS, not granted", "mx1", "delete-rrset", "dyn", "NS", NULL, "name-not-granted",
     0},
};

static struct name corp_name(struct site *site, const char *text)
{
    return name_in(&site->arena, arena_printf(&site->arena, "%s.corp.example", text));
}

static struct acl_answer ask(struct site *site, const struct judge_case *c,
                             uint32_t ttl)
{
    struct rdata rdata = {0};
    struct acl_answer answer;
    struct acl_question question = {
        .host = acl_host_named(&site->acl, corp_name(site, c->host)),
        .ttl = ttl,
        .original = corp_name(site, c->owner),
        .rdata = &rdata,
        .now_s = NOW,
        .arena = &site->arena,
    };

    assert_non_null(question.host);
    assert_int_equal(update_op_named(c->op, &question.op), RES_OK);
    if (strcmp(c->type, "ANY") == 0)
        question.type = TYPE_ANY;
    else
        assert_int_equal(type_from_name(c->type, &question.type), RES_OK);
    if (c->value != NULL)
        assert_int_equal(rdata_from_text(question.type, c->value, &site->arena, &rdata),
                         RES_OK);
    acl_judge(&site->acl, &question, &answer);
    return answer;
}

static void test_judge(void **state)
{
    struct site site;

    (void)state;
    open_corp(&site);
    for (size_t i = 0; i < COUNT_OF(judge_cases); i++) {
        const struct judge_case *c = &judge_cases[i];
        print_message("  %s\n", c->name);
        struct acl_answer answer = ask(&site, c, 0);
        assert_string_equal(outcome_of(answer.reason)->name, c->verdict);
        assert_int_equal(
            answer.right != NULL ? acl_right_place(&site.acl, answer.right).line : 0,
            c->line);
        assert_int_equal(answer.expected != NULL,
                         answer.reason == REASON_VALUE_NOT_ALLOWED);
        if (answer.right != NULL)
            assert_true(
                acl_right_matches(&site.acl, answer.right, corp_name(&site, c->owner)));
    }
    site_close(&site);
}

static void test_ttl(void **state)
{
    static const struct {
        const char *name;
        struct judge_case question;
        uint32_t asked;
        const char *verdict;
        uint32_t given;
    } cases[] = {
        {"within", {.host = "mx1", .owner = "_993._tcp.imap"}, 100, "permitted", 100},
        {"lowest", {.host = "mx1", .owner = "_993._tcp.imap"}, 60, "permitted", 60},
        {"one above the lowest",
         {.host = "mx1", .owner = "_993._tcp.imap"},
         61,
         "permitted",
         61},
        {"below", {.host = "mx1", .owner = "_993._tcp.imap"}, 59, "permitted", 60},
        {"highest", {.host = "mx1", .owner = "_993._tcp.imap"}, 300, "permitted", 300},
        {"above", {.host = "mx1", .owner = "_993._tcp.imap"}, 301, "permitted", 300},
        {"far above",
         {.host = "mx1", .owner = "_993._tcp.imap"},
         LIMIT_TTL_S,
         "permitted",
         300},
        {"strict, lowest",
         {.host = "mx1", .owner = "_993._tcp.strict"},
         60,
         "permitted",
         60},
        {"strict, below",
         {.host = "mx1", .owner = "_993._tcp.strict"},
         59,
         "ttl-not-allowed",
         59},
        {"strict, highest",
         {.host = "mx1", .owner = "_993._tcp.strict"},
         300,
         "permitted",
         300},
        {"strict, above",
         {.host = "mx1", .owner = "_993._tcp.strict"},
         301,
         "ttl-not-allowed",
         301},
    };
    struct site site;

    (void)state;
    open_corp(&site);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct judge_case question = cases[i].question;
        print_message("  %s\n", cases[i].name);
        question.op = "add";
        question.type = "TLSA";
        question.value = "3 1 1 " SHA256;
        struct acl_answer answer = ask(&site, &question, cases[i].asked);
        assert_string_equal(outcome_of(answer.reason)->name, cases[i].verdict);
        assert_int_equal(answer.ttl, cases[i].given);
    }
    site_close(&site);
}

/* A-7 on both names: no pattern reaches an original that is written at an apex. */
static void test_pattern_and_target_apex(void **state)
{
    struct site site;
    const struct acl_right *rights[ACL_RIGHTS_MAX];

    (void)state;
    site_open(&site);
    site_add_zones(&site, (const char *const[]){"corp.example", "+_s.corp.example",
                                                "+in._s.corp.example", NULL});
    site_add_shadows(&site,
                     (const char *const[]){"corp.example", "_s.corp.example", NULL});
    assert_int_equal(site_compile(&site, "profile p\n owner {name}\n type TXT\n"
                                         "host h\n p *.corp.example broad\n"),
                     RES_OK);
    const struct acl_host *host = acl_source_host(&site.source, 0);
    assert_int_equal(
        acl_rights_of(&site.acl, host, name_in(&site.arena, "in.corp.example"), rights),
        0);
    assert_int_equal(acl_rights_of(&site.acl, host,
                                   name_in(&site.arena, "out.corp.example"), rights),
                     1);
    site_close(&site);
}

static void test_source(void **state)
{
    static const struct {
        const char *host;
        const char *from;
        bool is_allowed;
    } cases[] = {
        {"open", "203.0.113.1", true},   {"open", "2001:db8::1", true},
        {"h", "192.0.2.25", true},       {"h", "192.0.2.26", false},
        {"h", "2001:db8:25:1::1", true}, {"h", "2001:db8:26::1", false},
        {"h", "198.51.100.255", true},   {"h", "198.51.101.0", false},
        {"h", "::c000:219", false},
    };
    struct site site;

    (void)state;
    site_open(&site);
    site_add_zones(&site, (const char *const[]){"+corp.example", NULL});
    assert_int_equal(site_compile(&site, "host open\n acme open.corp.example\n"
                                         "host h\n acme h.corp.example\n"
                                         " from 192.0.2.25 2001:db8:25::/48\n"
                                         " from 198.51.100.0/24\n"),
                     RES_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct addr from;
        assert_int_equal(addr_parse(cases[i].from, &from), RES_OK);
        assert_int_equal(
            acl_source_is_allowed(
                acl_host_named(&site.acl, name_in(&site.arena, cases[i].host)), &from),
            cases[i].is_allowed);
    }
    site_close(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_pattern_and_target_apex),
        cmocka_unit_test(test_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

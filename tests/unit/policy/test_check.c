#include "policy/check.h"

#include <netinet/in.h>

#include "dns/text.h"
#include "dns/type.h"
#include "unit.h"

#define NOW INT64_C(1800000000)

struct value_case {
    const char *name;
    uint16_t type;
    const char *text; /* zone-file form */
    bool passes;
};

static const char *check_text(const struct acl_check *check, uint16_t type,
                              const char *text, const char *from_text, bool is_udp)
{
    struct arena arena;
    struct rdata rdata;
    struct addr from;

    arena_init(&arena, 4096, 0);
    assert_int_equal(rdata_from_text(type, text, &arena, &rdata), RES_OK);
    if (from_text != NULL)
        assert_int_equal(addr_parse(from_text, &from), RES_OK);
    const char *expected = check_value(
        check, type, &rdata, from_text != NULL ? &from : NULL, is_udp, NOW, &arena);
    arena_fini(&arena); /* what was expected is a constant */
    return expected;
}

static void run(const struct acl_check *check, const struct value_case *cases,
                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("  %s\n", cases[i].name);
        const char *expected =
            check_text(check, cases[i].type, cases[i].text, NULL, false);
        if (cases[i].passes)
            assert_null(expected);
        else
            assert_non_null(expected);
    }
}

#define RUN(cases, ...)                                                                \
    run(&(const struct acl_check){__VA_ARGS__}, cases, COUNT_OF(cases))

#define A42 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void test_acme_token(void **state)
{
    static const struct value_case cases[] = {
        {"a token", TYPE_TXT, "\"rDL2UP41KBQ-HUXX9YTMuS-hROOYPGkfC1WlGW-gu1I\"", true},
        {"with _", TYPE_TXT, "\"qSow4b_MzVxKvphv2j9wrKpqyy1kUN-xVG5rjYb9eUw\"", true},
        {"last 8", TYPE_TXT, "\"" A42 "8\"", true},
        {"last B: bits behind the digest", TYPE_TXT, "\"" A42 "B\"", false},
        {"last 9", TYPE_TXT, "\"" A42 "9\"", false},
        {"last -", TYPE_TXT, "\"" A42 "-\"", false},
        {"42", TYPE_TXT, "\"" A42 "\"", false},
        {"44", TYPE_TXT, "\"" A42 "AA\"", false},
        {"padded", TYPE_TXT, "\"" A42 "=\"", false},
        {"+", TYPE_TXT, "\"+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", false},
        {"/", TYPE_TXT, "\"/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", false},
        {"NUL", TYPE_TXT, "\"\\000AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", false},
        {"empty", TYPE_TXT, "\"\"", false},
        {"a second string", TYPE_TXT, "\"" A42 "A\" \"x\"", false},
        {"a second string, empty", TYPE_TXT, "\"" A42 "A\" \"\"", false},
        {"43 in two strings", TYPE_TXT, "\"" A42 "\" \"A\"", false},
    };

    (void)state;
    RUN(cases, .kind = ACL_CHECK_ACME_TOKEN);
}

#define HEX32 "227ba5f2c6c9109fe5c44a0696f393379607493a377f522ee27d9a7ae3227d89"

static void test_tlsa(void **state)
{
    static const struct acl_tlsa_params params[] = {
        {3, 1, 1}, {2, 1, 1}, {3, 1, 2}, {3, 1, 0}};
    static const struct value_case cases[] = {
        {"3 1 1", TYPE_TLSA, "3 1 1 " HEX32, true},
        {"2 1 1", TYPE_TLSA, "2 1 1 " HEX32, true},
        {"3 1 2", TYPE_TLSA, "3 1 2 " HEX32 HEX32, true},
        {"SMIMEA has the same form", TYPE_SMIMEA, "3 1 1 " HEX32, true},
        {"2 1 2 is not listed", TYPE_TLSA, "2 1 2 " HEX32 HEX32, false},
        {"3 0 1 is not listed", TYPE_TLSA, "3 0 1 " HEX32, false},
        {"1 1 1 is not listed", TYPE_TLSA, "1 1 1 " HEX32, false},
        {"31 octets", TYPE_TLSA,
         "3 1 1 7ba5f2c6c9109fe5c44a0696f393379607493a377f522ee27d9a7ae3227d89", false},
        {"33 octets", TYPE_TLSA, "3 1 1 00" HEX32, false},
        {"SHA-256's length for SHA-512", TYPE_TLSA, "3 1 2 " HEX32, false},
        {"SHA-512's length for SHA-256", TYPE_TLSA, "3 1 1 " HEX32 HEX32, false},
        {"matching 0, though listed", TYPE_TLSA, "3 1 0 " HEX32, false},
        {"matching 3", TYPE_TLSA, "3 1 3 " HEX32, false},
    };

    (void)state;
    RUN(cases, .kind = ACL_CHECK_TLSA, .count = 4, .tlsa = params);
}

static void test_source_address(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        const char *text;
        const char *from;
        bool is_udp;
        bool passes;
    } cases[] = {
        {"A", TYPE_A, "192.0.2.7", "192.0.2.7", false, true},
        {"A, another", TYPE_A, "192.0.2.8", "192.0.2.7", false, false},
        {"A over UDP", TYPE_A, "192.0.2.7", "192.0.2.7", true, false},
        {"A, from not known", TYPE_A, "192.0.2.7", NULL, false, false},
        {"A from IPv6", TYPE_A, "32.1.13.184", "2001:db8::7", false, false},
        {"AAAA", TYPE_AAAA, "2001:db8::7", "2001:db8::7", false, true},
        {"AAAA, another", TYPE_AAAA, "2001:db8::8", "2001:db8::7", false, false},
        {"AAAA over UDP", TYPE_AAAA, "2001:db8::7", "2001:db8::7", true, false},
        {"AAAA mapped", TYPE_AAAA, "::ffff:192.0.2.7", "192.0.2.7", false, false},
        {"AAAA of the same octets", TYPE_AAAA, "c000:207::", "192.0.2.7", false, false},
        {"another type", TYPE_TXT, "\"192.0.2.7\"", "192.0.2.7", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        const char *expected =
            check_text(&(struct acl_check){.kind = ACL_CHECK_SOURCE_ADDRESS},
                       cases[i].type, cases[i].text, cases[i].from, cases[i].is_udp);
        assert_int_equal(expected == NULL, cases[i].passes);
    }
}

/* An IPv4-mapped source is its IPv4 address. */
static void test_source_address_mapped(void **state)
{
    const struct sockaddr_in6 peer = {
        .sin6_family = AF_INET6,
        .sin6_addr.s6_addr = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}};
    struct addr from = addr_from_sockaddr((const struct sockaddr *)&peer);
    const struct acl_check check = {.kind = ACL_CHECK_SOURCE_ADDRESS};
    const struct rdata rdata = {(const uint8_t[]){192, 0, 2, 7}, 4};
    struct arena arena;

    (void)state;
    arena_init(&arena, 64, 0);
    assert_null(check_value(&check, TYPE_A, &rdata, &from, false, NOW, &arena));
    arena_fini(&arena);
}

static void test_svcb_service(void **state)
{
    static const struct value_case cases[] = {
        {"priority 1", TYPE_HTTPS, "1 . alpn=h2", true},
        {"priority 256", TYPE_SVCB, "256 .", true},
        {"alias form", TYPE_HTTPS, "0 other.example.", false},
        {"alias form, SVCB", TYPE_SVCB, "0 .", false},
    };

    (void)state;
    RUN(cases, .kind = ACL_CHECK_SVCB_SERVICE);
}

static void test_caa_value(void **state)
{
    static const struct acl_caa_pair pairs[] = {{"issue", "ca.example"},
                                                {"iodef", "mailto:ops@example.org"},
                                                {"issuewild", ";"}};
    static const struct value_case cases[] = {
        {"issue", TYPE_CAA, "0 issue \"ca.example\"", true},
        {"critical", TYPE_CAA, "128 issue \"ca.example\"", true},
        {"tag in capitals", TYPE_CAA, "0 ISSUE \"ca.example\"", true},
        {"iodef", TYPE_CAA, "0 iodef \"mailto:ops@example.org\"", true},
        {"none may issue", TYPE_CAA, "0 issuewild \";\"", true},
        {"reserved flag", TYPE_CAA, "1 issue \"ca.example\"", false},
        {"another CA", TYPE_CAA, "0 issue \"other.example\"", false},
        {"longer", TYPE_CAA, "0 issue \"ca.example.net\"", false},
        {"shorter", TYPE_CAA, "0 issue \"ca.exampl\"", false},
        {"value in capitals", TYPE_CAA, "0 issue \"CA.example\"", false},
        {"with a parameter", TYPE_CAA, "0 issue \"ca.example; accounturi=x\"", false},
        {"empty", TYPE_CAA, "0 issue \"\"", false},
        {"value of another tag", TYPE_CAA, "0 issuewild \"ca.example\"", false},
        {"NUL behind", TYPE_CAA, "0 issue \"ca.example\\000\"", false},
    };

    (void)state;
    RUN(cases, .kind = ACL_CHECK_CAA_VALUE, .count = 3, .caa = pairs);
}

static void test_acme_persist(void **state)
{
    static const struct value_case cases[] = {
        {"issuer and account", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42\"", true},
        {"without blanks", TYPE_TXT,
         "\"ca.example;accounturi=https://ca.example/acct/42\"", true},
        {"more blanks", TYPE_TXT,
         "\" ca.example ;  accounturi = https://ca.example/acct/42 \"", true},
        {"issuer in capitals", TYPE_TXT,
         "\"CA.example; accounturi=https://ca.example/acct/42\"", true},
        {"in two strings", TYPE_TXT,
         "\"ca.example; accounturi=https://\" \"ca.example/acct/42\"", true},
        {"until later", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; "
         "persistUntil=1800000001\"",
         true},
        {"until first", TYPE_TXT,
         "\"ca.example; persistUntil=1900000000; "
         "accounturi=https://ca.example/acct/42\"",
         true},
        {"until now", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; "
         "persistUntil=1800000000\"",
         false},
        {"until nothing", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; persistUntil=\"", false},
        {"until a word", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; persistUntil=never\"",
         false},
        {"until -1", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; persistUntil=-1\"",
         false},
        {"until far beyond", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; "
         "persistUntil=18446744073709551616\"",
         false},
        {"until twice", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; "
         "persistUntil=1900000000; persistUntil=1900000000\"",
         false},
        {"policy=wildcard", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; policy=wildcard\"",
         false},
        {"policy=wildcard in a string of its own", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42\" \"; policy=wildcard\"",
         false},
        {"another policy", TYPE_TXT,
         "\"ca.example; policy=x; accounturi=https://ca.example/acct/42\"", false},
        {"an unknown parameter", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; x=y\"", false},
        {"no equals sign", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; x\"", false},
        {"a semicolon behind", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42;\"", false},
        {"another account", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/43\"", false},
        {"a longer account", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/421\"", false},
        {"two accounts", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42; "
         "accounturi=https://ca.example/acct/43\"",
         false},
        {"no account", TYPE_TXT, "\"ca.example\"", false},
        {"another issuer", TYPE_TXT,
         "\"xca.example; accounturi=https://ca.example/acct/42\"", false},
        {"no issuer", TYPE_TXT, "\"; accounturi=https://ca.example/acct/42\"", false},
        {"NUL", TYPE_TXT,
         "\"ca.example; accounturi=https://ca.example/acct/42\\000; policy=wildcard\"",
         false},
        {"empty", TYPE_TXT, "\"\"", false},
    };

    (void)state;
    RUN(cases, .kind = ACL_CHECK_ACME_PERSIST, .issuer = "ca.example",
        .account_uri = "https://ca.example/acct/42");
}

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X128 "\"" X64 X64 "\" "

#define F64 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define X506                                                                           \
    F64 F64 F64 F64 F64 F64 F64                                                        \
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void test_match(void **state)
{
    static const struct value_case cases[] = {
        {"whole", TYPE_TXT, "\"v=spf1 ip4:192.0.2.1 -all\"", true},
        {"joined", TYPE_TXT, "\"v=spf1 ip4:192.0.2.1\" \" -all\"", true},
        {"a part", TYPE_TXT, "\"v=spf1 -all x\"", false},
        {"a part behind", TYPE_TXT, "\"x v=spf1 -all\"", false},
        {"another string", TYPE_TXT, "\"v=spf1 -all\" \"x\"", false},
        {"a newline", TYPE_TXT, "\"v=spf1\\010 -all\"", false},
        {"a NUL and more", TYPE_TXT, "\"v=spf1 -all\\000x\"", false},
        {"over 0x7e", TYPE_TXT, "\"v=spf1 \\255-all\"", false},
        {"512 octets", TYPE_TXT, X128 X128 X128 X128, true},
        {"513 octets", TYPE_TXT, X128 X128 X128 X128 "\"x\"", false},
        {"an RDATA of 512 characters", TYPE_TLSA, "9 9 9 " X506, true},
        {"an RDATA of 514 characters", TYPE_TLSA, "9 9 9 " X506 "ff", false},
        {"a name", TYPE_PTR, "a-1.dyn.example.net.", true},
        {"a longer name", TYPE_PTR, "a-1.dyn.example.net.evil.example.", false},
        {"an address", TYPE_A, "192.0.2.1", true},
        {"another address", TYPE_A, "192.0.3.1", false},
    };
    regex_t regex;

    (void)state;
    assert_int_equal(
        regcomp(&regex,
                "^(v=spf1( ip4:[0-9.]+)* -all|x+|9 9 9 f+|[a-z0-9-]+\\.dyn\\."
                "example\\.net\\.|192\\.0\\.2\\.[0-9]+)$",
                REG_EXTENDED | REG_NOSUB),
        0);
    RUN(cases, .kind = ACL_CHECK_MATCH, .regex = &regex);
    regfree(&regex);
}

static void test_any_and_missing(void **state)
{
    (void)state;
    assert_null(check_text(&(struct acl_check){.kind = ACL_CHECK_ANY}, TYPE_TXT,
                           "\"x\"", NULL, true));
    assert_non_null(check_text(&(struct acl_check){0}, TYPE_TXT, "\"x\"", NULL, false));
}

/* Without memory a value does not pass (I10). */
static void test_no_memory(void **state)
{
    const struct acl_check check = {
        .kind = ACL_CHECK_ACME_PERSIST, .issuer = "ca", .account_uri = "u"};
    static const uint8_t octets[] = "\x10"
                                    "ca; accounturi=u";
    const struct rdata rdata = {octets, sizeof(octets) - 1};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024, 0);
    assert_null(check_value(&check, TYPE_TXT, &rdata, NULL, false, NOW, &arena));
    arena_fini(&arena);
    arena_init(&arena, 1024, 100);
    assert_non_null(check_value(&check, TYPE_TXT, &rdata, NULL, false, NOW, &arena));
    arena_fini(&arena);
}

/* rdata_decode lets none of these through; the checks do not rely on it. */
static void test_short_rdata(void **state)
{
    static const enum acl_check_kind kinds[] = {
        ACL_CHECK_ACME_TOKEN,   ACL_CHECK_TLSA,      ACL_CHECK_SOURCE_ADDRESS,
        ACL_CHECK_SVCB_SERVICE, ACL_CHECK_CAA_VALUE, ACL_CHECK_ACME_PERSIST,
    };
    static const struct acl_tlsa_params tlsa[] = {{0, 0, 0}};
    static const struct acl_caa_pair caa[] = {{"", ""}};
    struct addr from = {.family = 4};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        for (uint16_t len = 0; len < 2; len++) {
            const struct acl_check check = {.kind = kinds[i],
                                            .count = 1,
                                            .tlsa = tlsa,
                                            .caa = caa,
                                            .issuer = "x",
                                            .account_uri = "x"};
            const struct rdata rdata = {(const uint8_t[]){0x7f}, len};
            assert_non_null(
                check_value(&check, TYPE_A, &rdata, &from, false, NOW, &arena));
        }
    }
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acme_token),
        cmocka_unit_test(test_tlsa),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_source_address_mapped),
        cmocka_unit_test(test_svcb_service),
        cmocka_unit_test(test_caa_value),
        cmocka_unit_test(test_acme_persist),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_any_and_missing),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_short_rdata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

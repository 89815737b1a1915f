#include "dns/text.h"

#include "dns/type.h"
#include "message.h"
#include "unit.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* Text as the operator writes it, and as it comes back. NULL: the same. */
static void text_goes_round(void **state)
{
    static const struct {
        uint16_t type;
        const char *text;
        const char *back;
    } cases[] = {
        {TYPE_A, "192.0.2.1", NULL},
        {TYPE_A, "\\# 4 c0000201", "192.0.2.1"},
        {TYPE_AAAA, "2001:db8::1", NULL},
        {TYPE_CAA, "0 issue \"ca.example; a=b\"", NULL},
        {TYPE_CDNSKEY, "0 3 0 AA==", NULL},
        {TYPE_CDS, "0 0 0 00", NULL},
        {TYPE_CNAME, "Foo.Example.", "foo.example."},
        {TYPE_CNAME, "foo.example", "foo.example."},
        {TYPE_CSYNC, "66 3 A NS AAAA", NULL},
        {TYPE_DHCID, "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", NULL},
        {TYPE_DNSKEY, "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d", NULL},
        {TYPE_DS, "1 8 1 0102030405060708090a0b0c0d0e0f1011121314", NULL},
        {TYPE_HTTPS, "1 . alpn=h2,h3 port=443", NULL},
        {TYPE_HTTPS, "1 svc.example. alpn=\"h2\" ipv4hint=192.0.2.1",
         "1 svc.example. alpn=h2 ipv4hint=192.0.2.1"},
        {TYPE_KEY, "512 3 5 AQPS", NULL},
        {TYPE_MX, "10 Mail.example.", "10 mail.example."},
        {TYPE_NS, "\\065b.example.", "ab.example."},
        {TYPE_OPENPGPKEY, "AAAA", NULL},
        {TYPE_PTR, ".", NULL},
        {TYPE_PTR, "\\064.\\046x.", NULL}, /* '@' is a label like any other */
        {TYPE_PTR, "@.x", "\\064.x."},
        {TYPE_DNAME, "x.", NULL},
        {TYPE_SMIMEA, "3 1 1 aabb", NULL},
        {TYPE_SOA, "ns. admin. 1 2 3 4 5", NULL},
        {TYPE_SRV, "1 2 443 foo.example.", NULL},
        {TYPE_SSHFP,
         "4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789", NULL},
        {TYPE_SVCB, "0 foo.example.", NULL},
        {TYPE_TLSA, "3 1 1 AABB ccdd", "3 1 1 aabbccdd"},
        {TYPE_TXT, "\"a\"", NULL},
        {TYPE_TXT, "a", "\"a\""},
        {TYPE_TXT, "  a\t\"b c\"  ", "\"a\" \"b c\""},
        {TYPE_TXT, "\"\"", NULL},
        {TYPE_TXT, "\"a\\\"b\\\\c;(@$\"", NULL},
        {TYPE_TXT, "\"\\a\\065\\009\\255\"", "\"aA\\009\\255\""},
        {TYPE_TXT, "a\\;b\\ c", "\"a;b c\""},
        {TYPE_TXT, "\\# 2 0161", "\"a\""},
        {TYPE_URI, "10 1 \"ftp://ftp1.example.com/public\"", NULL},
        {TYPE_ZONEMD, "2018031500 1 240 0102030405060708090a0b0c", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rdata rdata;
        assert_case(cases[i].text, rdata_from_text(cases[i].type, cases[i].text, &arena,
                                                   &rdata) == RES_OK);
        assert_case(cases[i].text,
                    rdata_check(cases[i].type, rdata.octets, rdata.len) == RES_OK);
        const char *back = rdata_to_text(cases[i].type, &rdata, &arena);
        assert_non_null(back);
        assert_string_equal(back,
                            cases[i].back == NULL ? cases[i].text : cases[i].back);
    }
}

static void what_is_no_value(void **state)
{
    static const struct {
        uint16_t type;
        const char *text;
    } cases[] = {
        {TYPE_A, ""},
        {TYPE_A, "192.0.2"},
        {TYPE_A, "192.0.2.1 junk"},
        {TYPE_A, "\\# 3 c00002"},
        {TYPE_A, "\\# 5 c0000201"},
        {TYPE_A, "\\# 4 c000020"},
        {TYPE_A, "\\# 4 c000020g"},
        {TYPE_A, "\\# c0000201"},
        {TYPE_A, "\\#"},
        {TYPE_A, "\\# 4c0000201"},
        {TYPE_A, "\\# 99999999999999999999 00"},
        {TYPE_TXT, ""},
        {TYPE_TXT, "   "},
        {TYPE_TXT, "\"a"},
        {TYPE_TXT, "\"a\"b"},
        {TYPE_TXT, "a\"b\""},
        {TYPE_TXT, "a;b"},
        {TYPE_TXT, "(a)"},
        {TYPE_TXT, "a\\"},
        {TYPE_TXT, "\\256"},
        {TYPE_TXT, "\\25x"},
        {TYPE_TXT, "\\2"},
        {TYPE_TXT, "\\# 2 0261"},
        {TYPE_TLSA, "3 1 1"},
        {TYPE_TLSA, "3 1 1 aab"},
        {TYPE_DS, "1 8 2 0102"},
        {TYPE_HTTPS, "1 . no-default-alpn"},
        {TYPE_CAA, "0 is-sue \"x\""},
        {TYPE_PTR, "a..b"},
        {TYPE_PTR, "a b"},
        {TYPE_PTR, "a\\.b"},
        {TYPE_MX, "mail.example."},
        {TYPE_MX, "10"},
        {TYPE_MX, "65536 mail.example."},
        {TYPE_MX, "10mail.example."},
        {TYPE_SRV, "1 2 foo.example."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rdata rdata;
        assert_case(cases[i].text, rdata_from_text(cases[i].type, cases[i].text, &arena,
                                                   &rdata) == RES_EFORMAT);
    }
}

static void a_string_has_255_octets(void **state)
{
    char text[300];
    struct rdata rdata;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[255] = '\0';
    assert_int_equal(rdata_from_text(TYPE_TXT, text, &arena, &rdata), RES_OK);
    assert_int_equal(rdata.len, 256);
    text[255] = 'a';
    text[256] = '\0';
    assert_int_equal(rdata_from_text(TYPE_TXT, text, &arena, &rdata), RES_EFORMAT);
}

/* L-3: no octet of a value reaches a terminal as a control character. */
static void printed_values_are_printable(void **state)
{
    static const struct {
        uint16_t type;
        const char *hex;
    } cases[] = {
        {TYPE_TXT, "05 0a1b09ff7f"},
        {TYPE_CAA, "00 01 61 0a1b09ff7f"},
        {TYPE_URI, "000a0001 0a1b09ff7f"},
        {TYPE_PTR, "05 0a1b09ff7f 00"},
        {TYPE_HTTPS, "0001 00 0001 0006 05 0a1b09ff7f"},
        {TYPE_HTTPS, "0001 00 fde9 0005 0a1b09ff7f"},
    };
    uint8_t octets[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = unit_from_hex(cases[i].hex, octets, sizeof(octets));
        const struct rdata rdata = {octets, (uint16_t)len};
        assert_case(cases[i].hex, rdata_check(cases[i].type, octets, len) == RES_OK);
        const char *text = rdata_to_text(cases[i].type, &rdata, &arena);
        assert_non_null(text);
        for (; *text != '\0'; text++)
            assert_case(cases[i].hex, *text >= 0x20 && *text <= 0x7e);
    }
}

static void the_generic_form(void **state)
{
    static uint8_t octets[UINT16_MAX];
    const struct rdata some = {(const uint8_t *)"\x0a\0\0\1", 4}, none = {octets, 0};
    const struct rdata most = {octets, UINT16_MAX};

    (void)state;
    assert_string_equal(rdata_to_generic(&some, &arena), "\\# 4 0a000001");
    assert_string_equal(rdata_to_generic(&none, &arena), "\\# 0");
    assert_int_equal(strlen(rdata_to_generic(&most, &arena)), 9 + 2 * UINT16_MAX);
    struct rdata back;
    assert_int_equal(rdata_from_text(65280, "\\# 0", &arena, &back), RES_OK);
    assert_int_equal(back.len, 0);
}

/* ldns prints the parenthesis without quotes, and a zone file would skip it. */
static void what_would_read_as_something_else(void **state)
{
    static const uint8_t octets[] = {0, 1, 0, 1, 5, 0, 1, ')'};
    const struct rdata rdata = {octets, sizeof(octets)};

    (void)state;
    assert_int_equal(rdata_check(TYPE_SVCB, octets, sizeof(octets)), RES_OK);
    assert_null(rdata_to_text(TYPE_SVCB, &rdata, &arena));
    assert_string_equal(rdata_to_generic(&rdata, &arena), "\\# 8 0001000105000129");
}

/* D1: octets that rdata_decode refused never come here; if they did, ldns must not
 * print what is not there. */
static void what_ldns_cannot_print(void **state)
{
    const struct rdata cut = {(const uint8_t *)"\xc0", 1};

    (void)state;
    assert_null(rdata_to_text(TYPE_A, &cut, &arena));
    assert_null(rdata_to_text(TYPE_TXT, &cut, &arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_goes_round),
        cmocka_unit_test(what_is_no_value),
        cmocka_unit_test(a_string_has_255_octets),
        cmocka_unit_test(printed_values_are_printable),
        cmocka_unit_test(the_generic_form),
        cmocka_unit_test(what_would_read_as_something_else),
        cmocka_unit_test(what_ldns_cannot_print),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "dns/type.h"

#include "unit.h"

/* The lists of the ACL's manual: what a grant may name, what only `dangerous` ones. */
static void standings(void **state)
{
    static const struct {
        enum type_standing standing;
        const char *types;
    } lists[] = {
        {TYPE_IS_PLAIN,
         "A AAAA CAA DHCID HTTPS OPENPGPKEY PTR SMIMEA SRV SSHFP SVCB TLSA TXT URI"},
        {TYPE_IS_DANGEROUS, "NS DS DNSKEY CDS CDNSKEY CSYNC ZONEMD KEY"},
        {TYPE_IS_NEVER, "SOA CNAME DNAME RRSIG NSEC NSEC3 NSEC3PARAM MX"},
        {TYPE_IS_META, "SIG NXT AXFR IXFR MAILA MAILB OPT TSIG TKEY ANY"},
    };
    char types[128];
    size_t listed = 0, known = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        (void)snprintf(types, sizeof(types), "%s", lists[i].types);
        for (char *type = strtok(types, " "); type != NULL; type = strtok(NULL, " ")) {
            uint16_t number = 0;
            assert_case(type, type_from_name(type, &number) == RES_OK);
            assert_case(type, type_standing_of(number) == lists[i].standing);
            assert_string_equal(type_name(number), type);
            listed++;
        }
    }
    for (unsigned type = 0; type <= UINT16_MAX; type++)
        known += type_name((uint16_t)type) != NULL ? 1 : 0;
    assert_int_equal(listed, known);
    assert_int_equal(type_standing_of(0), TYPE_IS_META);
    assert_int_equal(type_standing_of(13), TYPE_IS_UNKNOWN); /* HINFO */
    assert_int_equal(type_standing_of(258), TYPE_IS_UNKNOWN);
    assert_int_equal(type_standing_of(65535), TYPE_IS_UNKNOWN);
}

static void numbers_are_iana_s(void **state)
{
    static const struct {
        const char *name;
        uint16_t number;
    } cases[] = {
        {"A", 1},     {"txt", 16},  {"Aaaa", 28},  {"SRV", 33},  {"DS", 43},
        {"TLSA", 52}, {"SVCB", 64}, {"https", 65}, {"URI", 256}, {"CAA", 257},
    };
    uint16_t number;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(type_from_name(cases[i].name, &number), RES_OK);
        assert_int_equal(number, cases[i].number);
    }
    assert_int_equal(type_from_name("TYPE52", &number), RES_ENOTFOUND);
    assert_int_equal(type_from_name("", &number), RES_ENOTFOUND);
    assert_int_equal(type_from_name("TXTX", &number), RES_ENOTFOUND);
}

static void types_without_a_name_have_a_number(void **state)
{
    char text[TYPE_TEXT_OCTETS];

    (void)state;
    assert_string_equal(type_format(TYPE_TLSA, text), "TLSA");
    assert_string_equal(type_format(0, text), "TYPE0");
    assert_string_equal(type_format(65535, text), "TYPE65535");
    assert_null(type_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standings),
        cmocka_unit_test(numbers_are_iana_s),
        cmocka_unit_test(types_without_a_name_have_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "unit.h"

static void addresses_have_one_spelling(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        const char *formatted;
    } cases[] = {
        {"192.0.2.1", RES_OK, "192.0.2.1"},
        {"2001:DB8::0:1", RES_OK, "2001:db8::1"},
        {"2001:db8:0:0:1:0:0:1", RES_OK, "2001:db8::1:0:0:1"},
        {"::", RES_OK, "::"},
        {"::ffff:192.0.2.1", RES_ERANGE, NULL},
        {"::ffff:c000:201", RES_ERANGE, NULL},
        {"192.0.2.01", RES_EFORMAT, NULL},
        {"192.0.2", RES_EFORMAT, NULL},
        {"192.0.2.256", RES_EFORMAT, NULL},
        {"192.0.2.1 ", RES_EFORMAT, NULL},
        {"fe80::1%eth0", RES_EFORMAT, NULL},
        {"[::1]", RES_EFORMAT, NULL},
        {"", RES_EFORMAT, NULL},
    };
    char text[ADDR_TEXT_OCTETS];
    struct addr addr;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum result res = addr_parse(cases[i].text, &addr);
        assert_case(cases[i].text, res == cases[i].result);
        if (res == RES_OK)
            assert_string_equal(addr_format(&addr, text), cases[i].formatted);
    }
}

static void prefixes_have_no_host_bits(void **state)
{
    static const struct {
        const char *text;
        enum result result;
    } cases[] = {
        {"192.0.2.0/24", RES_OK},
        {"192.0.2.1/24", RES_ERANGE},
        {"192.0.2.1", RES_OK},
        {"192.0.2.1/32", RES_OK},
        {"192.0.2.0/33", RES_ERANGE},
        {"0.0.0.0/0", RES_OK},
        {"192.0.2.128/25", RES_OK},
        {"192.0.2.128/24", RES_ERANGE},
        {"2001:db8::/32", RES_OK},
        {"2001:db8::1/127", RES_ERANGE},
        {"2001:db8::/129", RES_ERANGE},
        {"::ffff:0:0/96", RES_ERANGE},
        {"192.0.2.0/", RES_EFORMAT},
        {"192.0.2.0/024", RES_EFORMAT},
        {"192.0.2.0/-1", RES_EFORMAT},
        {"192.0.2.0/24/24", RES_EFORMAT},
        {"/24", RES_EFORMAT},
        {"192.0.2.0/2x", RES_EFORMAT},
        {"192.0.2.0/1000", RES_EFORMAT},
    };
    struct prefix prefix;
    char text[ADDR_TEXT_OCTETS];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_case(cases[i].text,
                    prefix_parse(cases[i].text, &prefix) == cases[i].result);
    assert_int_equal(prefix_parse("2001:db8:25::/48", &prefix), RES_OK);
    assert_string_equal(prefix_format(&prefix, text), "2001:db8:25::/48");
}

static void a_prefix_holds_its_addresses_alone(void **state)
{
    static const struct {
        const char *prefix;
        const char *addr;
        bool holds;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/23", "192.0.3.0", true},
        {"192.0.2.0/31", "192.0.2.1", true},
        {"192.0.2.0/31", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "192.0.2.1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
    };
    struct prefix prefix;
    struct addr addr;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(prefix_parse(cases[i].prefix, &prefix), RES_OK);
        assert_int_equal(addr_parse(cases[i].addr, &addr), RES_OK);
        assert_case(cases[i].addr, prefix_contains(&prefix, &addr) == cases[i].holds);
    }
    addr = (struct addr){0};
    assert_int_equal(prefix_parse("::/0", &prefix), RES_OK);
    assert_false(prefix_contains(&prefix, &addr));
}

static void a_mapped_source_is_ipv4(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    struct sockaddr_storage storage;
    char text[ADDR_TEXT_OCTETS];

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
    struct addr addr = addr_from_sockaddr((const struct sockaddr *)&in6);
    assert_string_equal(addr_format_port(&addr, text), "192.0.2.1:53");
    assert_int_equal(addr_to_sockaddr(&addr, &storage), sizeof(struct sockaddr_in));
    assert_int_equal(storage.ss_family, AF_INET);
    struct addr back = addr_from_sockaddr((const struct sockaddr *)&storage);
    assert_true(addr_equal(&addr, &back));
    assert_int_equal(back.port, 53);
}

static void an_ipv6_source_stays_one(void **state)
{
    struct sockaddr_storage storage;
    struct addr addr;

    (void)state;
    assert_int_equal(addr_parse("2001:db8::ffff:192.0.2.1", &addr), RES_OK);
    addr.port = 53;
    assert_int_equal(addr_to_sockaddr(&addr, &storage), sizeof(struct sockaddr_in6));
    assert_int_equal(storage.ss_family, AF_INET6);
    struct addr back = addr_from_sockaddr((const struct sockaddr *)&storage);
    assert_true(addr_equal(&addr, &back));
    assert_int_equal(back.port, 53);
}

static void other_families_are_none(void **state)
{
    struct sockaddr sockaddr = {.sa_family = AF_UNIX};
    struct sockaddr_storage storage;
    char text[ADDR_TEXT_OCTETS];

    (void)state;
    struct addr addr = addr_from_sockaddr(&sockaddr);
    assert_int_equal(addr.family, 0);
    assert_string_equal(addr_format(&addr, text), "-");
    assert_string_equal(addr_format_port(&addr, text), "-");
    assert_int_equal(addr_to_sockaddr(&addr, &storage), 0);
    assert_false(addr_is_unspecified(&addr));
}

static void ports_stand_behind_brackets(void **state)
{
    struct addr addr;
    struct addr masked;
    char text[ADDR_TEXT_OCTETS];

    (void)state;
    assert_int_equal(addr_parse("2001:db8:1:2ff::7", &addr), RES_OK);
    addr.port = 65535;
    assert_string_equal(addr_format_port(&addr, text), "[2001:db8:1:2ff::7]:65535");
    masked = addr_masked(&addr, 56);
    assert_string_equal(addr_format_port(&masked, text), "[2001:db8:1:200::]:0");
    masked = addr_masked(&addr, 128);
    assert_true(addr_equal(&masked, &addr));
}

static void special_addresses(void **state)
{
    static const struct {
        const char *text;
        bool is_loopback;
        bool is_unspecified;
    } cases[] = {
        {"127.0.0.1", true, false}, {"127.255.0.1", true, false},
        {"::1", true, false},       {"128.0.0.1", false, false},
        {"::2", false, false},      {"0.0.0.0", false, true},
        {"::", false, true},
    };
    struct addr addr;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(addr_parse(cases[i].text, &addr), RES_OK);
        assert_case(cases[i].text, addr_is_loopback(&addr) == cases[i].is_loopback);
        assert_case(cases[i].text,
                    addr_is_unspecified(&addr) == cases[i].is_unspecified);
    }
}

static void test_parse_port(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        const char *formatted;
    } cases[] = {
        {"192.0.2.1", RES_OK, "192.0.2.1:53"},
        {"192.0.2.1:5300", RES_OK, "192.0.2.1:5300"},
        {"2001:db8::1", RES_OK, "[2001:db8::1]:53"},
        {"[2001:db8::1]", RES_OK, "[2001:db8::1]:53"},
        {"[2001:db8::1]:65535", RES_OK, "[2001:db8::1]:65535"},
        {"192.0.2.1:0", RES_EFORMAT, NULL},
        {"192.0.2.1:65536", RES_EFORMAT, NULL},
        {"192.0.2.1:", RES_EFORMAT, NULL},
        {"192.0.2.1:+53", RES_EFORMAT, NULL},
        {"[2001:db8::1", RES_EFORMAT, NULL},
        {"[2001:db8::1]x:53", RES_EFORMAT, NULL},
        {"[", RES_EFORMAT, NULL},
        {"", RES_EFORMAT, NULL},
        {"::ffff:192.0.2.1", RES_ERANGE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[ADDR_TEXT_OCTETS];
        struct addr addr;
        enum result res = addr_parse_port(cases[i].text, 53, &addr);
        assert_case(cases[i].text, res == cases[i].result);
        if (res == RES_OK)
            assert_string_equal(addr_format_port(&addr, text), cases[i].formatted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_port),
        cmocka_unit_test(addresses_have_one_spelling),
        cmocka_unit_test(prefixes_have_no_host_bits),
        cmocka_unit_test(a_prefix_holds_its_addresses_alone),
        cmocka_unit_test(a_mapped_source_is_ipv4),
        cmocka_unit_test(an_ipv6_source_stays_one),
        cmocka_unit_test(other_families_are_none),
        cmocka_unit_test(ports_stand_behind_brackets),
        cmocka_unit_test(special_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

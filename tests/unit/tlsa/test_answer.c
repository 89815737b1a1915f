#include "tlsa/answer.h"

#include "dns/build.h"
#include "dns/type.h"
#include "unit.h"

static struct name named(const char *text, struct name_buf *buf)
{
    assert_int_equal(name_from_text(text, strlen(text), buf), RES_OK);
    return name_of(buf);
}

static const uint8_t record[] = {3, 1, 1, 0xab, 0xcd};
static const uint8_t soa[22] = {0}; /* root, root, five numbers */

/* alias CNAME host; host TLSA record; then the SOA of zone in the authority section. */
static void build(struct writer *w, const char *zone)
{
    struct name_buf alias, host, apex;
    struct name target = named("_25._tcp.host.example", &host);
    const struct rdata cname = {target.octets, target.len};
    const struct rdata tlsa = {record, sizeof record};
    const struct rdata start = {soa, sizeof soa};
    build_header(w, 1, FLAG_QR | FLAG_AA);
    build_question(w, target, TYPE_TLSA, CLASS_IN);
    build_rr(w, SECTION_PREREQUISITE, named("alias.example", &alias), TYPE_CNAME,
             CLASS_IN, 60, &cname);
    build_rr(w, SECTION_PREREQUISITE, target, TYPE_TLSA, CLASS_IN, 120, &tlsa);
    build_rr(w, SECTION_UPDATE, named(zone, &apex), TYPE_SOA, CLASS_IN, 60, &start);
    assert_false(w->failed);
}

static void test_records(void **state)
{
    (void)state;
    static const uint8_t other[] = {3, 1, 1, 0xab, 0xce};
    const struct rdata same = {record, sizeof record};
    const struct rdata prefix = {record, sizeof record - 1};
    const struct rdata different = {other, sizeof other};
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    struct wire_msg msg;
    struct wire_rr rr;
    struct name_buf host, alias, found;
    uint32_t ttl_s = 0;
    build(&w, "example");
    assert_int_equal(wire_walk(octets, w.len, false, &msg), RES_OK);
    struct name owner = named("_25._tcp.host.example", &host);
    assert_true(answer_has(&msg, owner, TYPE_TLSA, &same, &ttl_s));
    assert_int_equal(ttl_s, 120);
    assert_false(answer_has(&msg, owner, TYPE_TLSA, &prefix, &ttl_s));
    assert_false(answer_has(&msg, owner, TYPE_TLSA, &different, &ttl_s));
    assert_false(answer_has(&msg, owner, TYPE_TXT, &same, &ttl_s));
    assert_false(
        answer_has(&msg, named("alias.example", &alias), TYPE_TLSA, &same, &ttl_s));
    assert_true(
        answer_find(&msg, SECTION_PREREQUISITE, name_of(&alias), TYPE_CNAME, &rr));
    assert_int_equal(answer_name(&msg, &rr, &found), RES_OK);
    assert_true(name_equal(name_of(&found), owner));
    assert_false(answer_find(&msg, SECTION_UPDATE, name_of(&alias), TYPE_CNAME, &rr));
    /* What is no name, or more than one, is refused. */
    assert_true(answer_find(&msg, SECTION_PREREQUISITE, owner, TYPE_TLSA, &rr));
    assert_int_equal(answer_name(&msg, &rr, &found), RES_EFORMAT);
}

static void test_zones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *zone;
        enum result result;
    } cases[] = {
        {"the name's zone", "example", RES_OK},
        {"the name itself", "host.example", RES_OK},
        {"a sibling's", "mail.example", RES_ENOTFOUND},
        {"one below it", "www.host.example", RES_ENOTFOUND},
        {"a label that only ends so", "xample", RES_ENOTFOUND},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t octets[512];
        struct writer w = writer_of(octets, sizeof octets);
        struct wire_msg msg;
        struct name_buf host, zone;
        build(&w, cases[i].zone);
        assert_int_equal(wire_walk(octets, w.len, false, &msg), RES_OK);
        assert_case(cases[i].name, answer_zone(&msg, named("host.example", &host),
                                               &zone) == cases[i].result);
    }
}

static void test_negative_ttl(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        uint32_t ttl_s, minimum_s, wanted_s;
        bool is_there;
    } cases[] = {
        {"the SOA's TTL is less", TYPE_SOA, 60, 3600, 60, true},
        {"its MINIMUM is less", TYPE_SOA, 3600, 0x0203, 0x0203, true},
        {"a referral", TYPE_NS, 3600, 60, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t octets[512];
        uint8_t rdata_octets[22] = {0};
        struct name_buf apex;
        struct wire_msg msg;
        uint32_t ttl_s = 0;
        struct writer rest = writer_of(rdata_octets + 18, 4);
        writer_u32(&rest, cases[i].minimum_s);
        const struct rdata rdata = {rdata_octets, sizeof rdata_octets};
        const struct rdata root = {rdata_octets, 1};
        struct writer w = writer_of(octets, sizeof octets);
        build_header(&w, 1, FLAG_QR | FLAG_AA);
        build_question(&w, named("example", &apex), TYPE_TLSA, CLASS_IN);
        build_rr(&w, SECTION_UPDATE, name_of(&apex), cases[i].type, CLASS_IN,
                 cases[i].ttl_s, cases[i].type == TYPE_SOA ? &rdata : &root);
        assert_int_equal(wire_walk(octets, w.len, false, &msg), RES_OK);
        assert_case(cases[i].name,
                    answer_negative_ttl(&msg, &ttl_s) == cases[i].is_there);
        assert_case(cases[i].name, ttl_s == cases[i].wanted_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_negative_ttl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

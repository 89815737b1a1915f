#include "dns/rdata.h"

#include "base/buf.h"
#include "dns/build.h"
#include "dns/type.h"
#include "message.h"
#include "unit.h"

#define SHA1        "0102030405060708090a0b0c0d0e0f1011121314 "
#define SHA256      SHA1 "15161718191a1b1c1d1e1f20 "
#define SHA384      SHA256 "2122232425262728292a2b2c2d2e2f30 "
#define SHA512      SHA384 "3132333435363738393a3b3c3d3e3f40 "
#define SOA_NUMBERS "00000001 00000002 00000003 00000004 00000005"

/* Uncompressed RDATA: W-6, each type with what it must not be. */
static const struct {
    const char *name;
    uint16_t type;
    enum result result;
    const char *hex;
} cases[] = {
    {"A", TYPE_A, RES_OK, "c0000201"},
    {"A short", TYPE_A, RES_EFORMAT, "c00002"},
    {"A long", TYPE_A, RES_EFORMAT, "c000020101"},
    {"A empty", TYPE_A, RES_EFORMAT, ""},
    {"AAAA", TYPE_AAAA, RES_OK, "20010db8000000000000000000000001"},
    {"AAAA short", TYPE_AAAA, RES_EFORMAT, "20010db80000000000000000000000"},
    {"AAAA long", TYPE_AAAA, RES_EFORMAT, "20010db800000000000000000000000101"},

    {"TXT", TYPE_TXT, RES_OK, "0161"},
    {"TXT empty string", TYPE_TXT, RES_OK, "00"},
    {"TXT two strings", TYPE_TXT, RES_OK, "016100"},
    {"TXT empty", TYPE_TXT, RES_EFORMAT, ""},
    {"TXT over the end", TYPE_TXT, RES_EFORMAT, "0261"},
    {"TXT second over the end", TYPE_TXT, RES_EFORMAT, "016101"},

    {"PTR", TYPE_PTR, RES_OK, "016100"},
    {"PTR root", TYPE_PTR, RES_OK, "00"},
    {"PTR empty", TYPE_PTR, RES_EFORMAT, ""},
    {"PTR not ended", TYPE_PTR, RES_EFORMAT, "0161"},
    {"PTR left over", TYPE_PTR, RES_EFORMAT, "01610000"},
    {"PTR label type", TYPE_PTR, RES_EFORMAT, "416100"},
    {"PTR pointer", TYPE_PTR, RES_EFORMAT, "c000"},
    {"NS", TYPE_NS, RES_OK, "016100"},
    {"CNAME", TYPE_CNAME, RES_OK, "016100"},
    {"CNAME left over", TYPE_CNAME, RES_EFORMAT, "016100ff"},
    {"DNAME", TYPE_DNAME, RES_OK, "016100"},
    {"MX", TYPE_MX, RES_OK, "000a016100"},
    {"MX without name", TYPE_MX, RES_EFORMAT, "000a"},
    {"MX short", TYPE_MX, RES_EFORMAT, "00"},
    {"SRV", TYPE_SRV, RES_OK, "000000000050016100"},
    {"SRV without name", TYPE_SRV, RES_EFORMAT, "000000000050"},
    {"SOA", TYPE_SOA, RES_OK, "016100016200" SOA_NUMBERS},
    {"SOA one name", TYPE_SOA, RES_EFORMAT, "016100"},
    {"SOA short", TYPE_SOA, RES_EFORMAT, "016100016200 00000001"},
    {"SOA long", TYPE_SOA, RES_EFORMAT, "016100016200" SOA_NUMBERS "00"},

    {"TLSA", TYPE_TLSA, RES_OK, "030101" SHA256},
    {"TLSA one octet", TYPE_TLSA, RES_OK, "030101aa"},
    {"TLSA without data", TYPE_TLSA, RES_EFORMAT, "030101"},
    {"TLSA two octets", TYPE_TLSA, RES_EFORMAT, "0301"},
    {"SMIMEA", TYPE_SMIMEA, RES_OK, "030101aa"},
    {"SMIMEA without data", TYPE_SMIMEA, RES_EFORMAT, "030101"},

    {"SSHFP SHA-1", TYPE_SSHFP, RES_OK, "0101" SHA1},
    {"SSHFP SHA-256", TYPE_SSHFP, RES_OK, "0402" SHA256},
    {"SSHFP SHA-1 long", TYPE_SSHFP, RES_EFORMAT, "0101" SHA256},
    {"SSHFP SHA-256 short", TYPE_SSHFP, RES_EFORMAT, "0402" SHA1},
    {"SSHFP unknown digest", TYPE_SSHFP, RES_OK, "04ffaa"},
    {"SSHFP without digest", TYPE_SSHFP, RES_EFORMAT, "0402"},

    {"DS SHA-256", TYPE_DS, RES_OK, "00010802" SHA256},
    {"DS SHA-1", TYPE_DS, RES_OK, "00010801" SHA1},
    {"DS SHA-384", TYPE_DS, RES_OK, "00010804" SHA384},
    {"DS SHA-256 short", TYPE_DS, RES_EFORMAT, "00010802" SHA1},
    {"DS SHA-384 long", TYPE_DS, RES_EFORMAT, "00010804" SHA512},
    {"DS without digest", TYPE_DS, RES_EFORMAT, "00010802"},
    {"DS short", TYPE_DS, RES_EFORMAT, "000108"},
    {"CDS delete", TYPE_CDS, RES_OK, "00000000 00"},
    {"CDS SHA-1 short", TYPE_CDS, RES_EFORMAT, "00010801 00"},

    {"DNSKEY", TYPE_DNSKEY, RES_OK, "0100030d aabb"},
    {"DNSKEY protocol 2", TYPE_DNSKEY, RES_EFORMAT, "0100020d aabb"},
    {"DNSKEY without key", TYPE_DNSKEY, RES_EFORMAT, "0100030d"},
    {"CDNSKEY delete", TYPE_CDNSKEY, RES_OK, "00000300 00"},
    {"CDNSKEY short", TYPE_CDNSKEY, RES_EFORMAT, "000003"},
    {"KEY", TYPE_KEY, RES_OK, "02000305 aa"},
    {"KEY without key", TYPE_KEY, RES_OK, "c2000305"},
    {"KEY short", TYPE_KEY, RES_EFORMAT, "c20003"},

    {"OPENPGPKEY", TYPE_OPENPGPKEY, RES_OK, "99"},
    {"OPENPGPKEY empty", TYPE_OPENPGPKEY, RES_EFORMAT, ""},
    {"DHCID", TYPE_DHCID, RES_OK, "000101 aa"},
    {"DHCID without digest", TYPE_DHCID, RES_EFORMAT, "000101"},
    {"URI", TYPE_URI, RES_OK, "000a0001 61"},
    {"URI without target", TYPE_URI, RES_EFORMAT, "000a0001"},

    {"CAA", TYPE_CAA, RES_OK, "00 05 6973737565 63612e6578616d706c65"},
    {"CAA empty value", TYPE_CAA, RES_OK, "80 05 6973737565"},
    {"CAA without tag", TYPE_CAA, RES_EFORMAT, "00 00 63"},
    {"CAA tag over the end", TYPE_CAA, RES_EFORMAT, "00 05 697373"},
    {"CAA tag with a hyphen", TYPE_CAA, RES_EFORMAT, "00 03 612d62 63"},
    {"CAA tag with digits", TYPE_CAA, RES_OK, "00 03 413962 63"},
    {"CAA tag with '@'", TYPE_CAA, RES_EFORMAT, "00 01 40 63"},
    {"CAA flags alone", TYPE_CAA, RES_EFORMAT, "00"},

    {"CSYNC", TYPE_CSYNC, RES_OK, "00000042 0003 00 04 60000008"},
    {"CSYNC no types", TYPE_CSYNC, RES_OK, "00000042 0003"},
    {"CSYNC two windows", TYPE_CSYNC, RES_OK, "00000042 0003 0001 40 0101 40"},
    {"CSYNC windows out of order", TYPE_CSYNC, RES_EFORMAT,
     "00000042 0003 0101 40 0001 40"},
    {"CSYNC window twice", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 0001 40 0001 40"},
    {"CSYNC empty window", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 0000"},
    {"CSYNC last octet 0", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 0002 4000"},
    {"CSYNC 33 octets", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 0021" SHA256 "ff"},
    {"CSYNC bitmap over the end", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 0002 40"},
    {"CSYNC half a window", TYPE_CSYNC, RES_EFORMAT, "00000042 0003 00"},
    {"CSYNC short", TYPE_CSYNC, RES_EFORMAT, "00000042 00"},

    {"ZONEMD SHA-384", TYPE_ZONEMD, RES_OK, "00000001 01 01" SHA384},
    {"ZONEMD SHA-512", TYPE_ZONEMD, RES_OK, "00000001 01 02" SHA512},
    {"ZONEMD SHA-384 short", TYPE_ZONEMD, RES_EFORMAT, "00000001 01 01" SHA256},
    {"ZONEMD unknown hash", TYPE_ZONEMD, RES_OK,
     "00000001 01 f0 0102030405060708090a0b0c"},
    {"ZONEMD 11 octets", TYPE_ZONEMD, RES_EFORMAT,
     "00000001 01 f0 0102030405060708090a0b"},
    {"ZONEMD short", TYPE_ZONEMD, RES_EFORMAT, "00000001 01"},

    {"SVCB alias", TYPE_SVCB, RES_OK, "0000 016100"},
    {"SVCB root target", TYPE_SVCB, RES_OK, "0001 00"},
    {"SVCB without target", TYPE_SVCB, RES_EFORMAT, "0001"},
    {"SVCB target compressed", TYPE_SVCB, RES_EFORMAT, "0001 c000"},
    {"HTTPS alpn, port", TYPE_HTTPS, RES_OK, "0001 00 0001 0003 026832 0003 0002 01bb"},
    {"HTTPS keys out of order", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0003 0002 01bb 0001 0003 026832"},
    {"HTTPS key twice", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0003 0002 01bb 0003 0002 01bb"},
    {"HTTPS value over the end", TYPE_HTTPS, RES_EFORMAT, "0001 00 0003 0003 01bb"},
    {"HTTPS half a key", TYPE_HTTPS, RES_EFORMAT, "0001 00 00"},
    {"HTTPS empty alpn", TYPE_HTTPS, RES_EFORMAT, "0001 00 0001 0000"},
    {"HTTPS empty protocol", TYPE_HTTPS, RES_EFORMAT, "0001 00 0001 0001 00"},
    {"HTTPS alpn over its value", TYPE_HTTPS, RES_EFORMAT, "0001 00 0001 0002 0268"},
    {"HTTPS port of one octet", TYPE_HTTPS, RES_EFORMAT, "0001 00 0003 0001 01"},
    {"HTTPS no-default-alpn", TYPE_HTTPS, RES_OK, "0001 00 0001 0003 026832 0002 0000"},
    {"HTTPS no-default-alpn alone", TYPE_HTTPS, RES_EFORMAT, "0001 00 0002 0000"},
    {"HTTPS no-default-alpn with a value", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0001 0003 026832 0002 0001 00"},
    {"HTTPS ipv4hint", TYPE_HTTPS, RES_OK, "0001 00 0004 0008 c0000201 c0000202"},
    {"HTTPS ipv4hint empty", TYPE_HTTPS, RES_EFORMAT, "0001 00 0004 0000"},
    {"HTTPS ipv4hint of five octets", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0004 0005 c000020100"},
    {"HTTPS ipv6hint of 15 octets", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0006 000f 20010db80000000000000000000000"},
    {"HTTPS ech empty", TYPE_HTTPS, RES_EFORMAT, "0001 00 0005 0000"},
    {"HTTPS mandatory", TYPE_HTTPS, RES_OK, "0001 00 0000 0002 0003 0003 0002 01bb"},
    {"HTTPS mandatory, missing", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0000 0002 0004 0003 0002 01bb"},
    {"HTTPS mandatory, itself", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0000 0002 0000 0003 0002 01bb"},
    {"HTTPS mandatory, twice", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0000 0004 0003 0003 0003 0002 01bb"},
    {"HTTPS mandatory, half", TYPE_HTTPS, RES_EFORMAT,
     "0001 00 0000 0003 0003 00 0003 0002 01bb"},
    {"HTTPS mandatory, empty", TYPE_HTTPS, RES_EFORMAT, "0001 00 0000 0000"},
    {"HTTPS unknown key", TYPE_HTTPS, RES_OK, "0001 00 fde9 0002 6162"},
    {"HTTPS invalid key", TYPE_HTTPS, RES_EFORMAT, "0001 00 ffff 0000"},

    {"unknown type", 65280, RES_OK, "aabb"},
    {"unknown type, empty", 65280, RES_OK, ""},
};

/* The record alone in a message, decoded. */
static enum result decode(uint16_t type, const uint8_t *octets, size_t len,
                          struct arena *arena, struct rdata *out)
{
    static uint8_t message[1024];
    struct writer w = writer_of(message, sizeof(message));
    const struct rdata rdata = {octets, (uint16_t)len};
    struct wire_msg msg;
    struct wire_rr rr;

    build_header(&w, 1, OPCODE_UPDATE << 11);
    build_rr(&w, SECTION_UPDATE, name_root, type, CLASS_IN, 0, &rdata);
    assert_int_equal(wire_walk(message, w.len, true, &msg), RES_OK);
    size_t at = msg.section_at[SECTION_UPDATE];
    wire_next(&msg, SECTION_UPDATE, &at, &rr);
    return rdata_decode(&msg, &rr, arena, out);
}

static void each_type_has_its_form(void **state)
{
    uint8_t octets[512];
    struct arena arena;
    struct rdata rdata;

    (void)state;
    arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = unit_from_hex(cases[i].hex, octets, sizeof(octets));
        assert_case(cases[i].name,
                    rdata_check(cases[i].type, octets, len) == cases[i].result);
        assert_case(cases[i].name, decode(cases[i].type, octets, len, &arena, &rdata) ==
                                       cases[i].result);
        if (cases[i].result == RES_OK)
            assert_case(cases[i].name,
                        rdata.len == len && memcmp(rdata.octets, octets, len) == 0);
    }
    assert_int_equal(rdata_check(TYPE_TXT, octets, 65536), RES_EFORMAT);
    arena_fini(&arena);
}

/* I6: what goes on is uncompressed and folded as RFC 4034 6.2 says. */
static void names_are_made_canonical(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        const char *rdata;
        const char *expected; /* NULL: not well formed */
    } compressed[] = {
        {"PTR", TYPE_PTR, "0141c00c", "0161076578616d706c6500"},
        {"NS", TYPE_NS, "c00c", "076578616d706c6500"},
        {"CNAME", TYPE_CNAME, "024142c00c", "026162076578616d706c6500"},
        {"MX", TYPE_MX, "000ac00c", "000a076578616d706c6500"},
        {"SRV", TYPE_SRV, "0001 0002 0003 c00c", "000100020003076578616d706c6500"},
        {"SOA", TYPE_SOA, "c00c c00c" SOA_NUMBERS,
         "076578616d706c6500076578616d706c6500" SOA_NUMBERS},
        {"SOA, second to first", TYPE_SOA, "0141c00c c024" SOA_NUMBERS,
         "0161076578616d706c6500 0161076578616d706c6500" SOA_NUMBERS},
        {"DNAME uncompressed", TYPE_DNAME, "014100", "016100"},
        {"SVCB keeps its case", TYPE_SVCB, "0001 014100", "0001014100"},
        {"DNAME compressed", TYPE_DNAME, "c00c", NULL},
        {"SVCB compressed", TYPE_SVCB, "0001 c00c", NULL},
        {"PTR into the header", TYPE_PTR, "c000", NULL},
        {"PTR to itself", TYPE_PTR, "c024", NULL},
        {"PTR into a label", TYPE_PTR, "c00d", NULL},
        {"PTR over its RDLENGTH", TYPE_PTR, "0141c0", NULL},
    };
    uint8_t octets[512], rdata[128];
    struct arena arena;
    struct wire_msg msg;
    struct wire_rr rr;
    struct rdata out;

    (void)state;
    arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < COUNT_OF(compressed); i++) {
        struct writer w = writer_of(octets, sizeof(octets));
        struct name_buf zone;
        size_t len = unit_from_hex(compressed[i].rdata, rdata, sizeof(rdata));
        const struct rdata sent = {rdata, (uint16_t)len};
        build_header(&w, 1, OPCODE_UPDATE << 11);
        build_question(&w, message_name("example", &zone), TYPE_SOA, CLASS_IN);
        build_rr(&w, SECTION_UPDATE, name_root, compressed[i].type, CLASS_IN, 0, &sent);
        assert_case(compressed[i].name, wire_walk(octets, w.len, true, &msg) == RES_OK);
        size_t at = msg.section_at[SECTION_UPDATE];
        wire_next(&msg, SECTION_UPDATE, &at, &rr);
        enum result res = rdata_decode(&msg, &rr, &arena, &out);
        assert_case(compressed[i].name,
                    res == (compressed[i].expected == NULL ? RES_EFORMAT : RES_OK));
        if (res != RES_OK)
            continue;
        len = unit_from_hex(compressed[i].expected, rdata, sizeof(rdata));
        assert_case(compressed[i].name,
                    out.len == len && memcmp(out.octets, rdata, len) == 0);
        assert_case(compressed[i].name,
                    rdata_check(compressed[i].type, out.octets, out.len) == RES_OK);
    }
    arena_fini(&arena);
}

/* Every type that a grant can name is decoded and not copied. */
static void no_grantable_type_is_opaque(void **state)
{
    static uint8_t junk[65535];

    (void)state;
    memset(junk, 0xff, sizeof(junk));
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        enum type_standing standing = type_standing_of((uint16_t)type);
        if (standing != TYPE_IS_PLAIN && standing != TYPE_IS_DANGEROUS)
            continue;
        assert_case(type_name((uint16_t)type),
                    rdata_check((uint16_t)type, junk, 0) == RES_EFORMAT);
    }
}

static void without_memory(void **state)
{
    struct arena arena;
    struct rdata rdata;

    (void)state;
    arena_init(&arena, 16, 16);
    assert_int_equal(
        decode(TYPE_TXT, (const uint8_t *)"\020aaaaaaaaaaaaaaaa", 17, &arena, &rdata),
        RES_EMEM);
    assert_int_equal(
        decode(65280, (const uint8_t *)"\020aaaaaaaaaaaaaaaa", 17, &arena, &rdata),
        RES_EMEM);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_form),
        cmocka_unit_test(names_are_made_canonical),
        cmocka_unit_test(no_grantable_type_is_opaque),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "dns/wire.h"

#include <stdlib.h>

#include "base/buf.h"
#include "dns/type.h"
#include "message.h"
#include "unit.h"

/* UPDATE, ID 1234; a case adds counts and the rest. */
#define HEAD "1234 2800 "
/* Zone section: example (offset 12, 9 octets), SOA, IN. */
#define ZONE "076578616d706c6500 0006 0001 "
/* Owner name a.example by pointer, then class ANY, TTL 0, nothing. */
#define DELETE_A "0161c00c 0001 00ff 00000000 0000 "
/* Long labels. */
#define A16      "61616161616161616161616161616161"
#define A61      A16 A16 A16 "61616161616161616161616161"
#define LABEL_61 "3d" A61
#define LABEL_62 "3e" A61 "61"
#define LABEL_63 "3f" A61 "6161"
#define OPT      "00 0029 04d0 00000000 0000 "
/* Owner k; RDATA "hmac-sha256" and no more: tsig_read judges it. */
#define TSIG "016b00 00fa 00ff 00000000 000d 0b686d61632d73686132353600 "

struct walk_case {
    const char *name;
    enum result result;
    const char *hex;
};

static const struct walk_case walk_cases[] = {
    {"header alone", RES_OK, HEAD "0000 0000 0000 0000"},
    {"eleven octets", RES_EFORMAT, HEAD "0000 0000 0000 00"},
    {"zone", RES_OK, HEAD "0001 0000 0000 0000" ZONE},
    {"compressed owner", RES_OK, HEAD "0001 0000 0001 0000" ZONE DELETE_A},
    {"OPT", RES_OK, HEAD "0001 0000 0000 0001" ZONE OPT},
    {"OPT, TSIG", RES_OK, HEAD "0001 0000 0000 0002" ZONE OPT TSIG},
    {"TSIG alone", RES_OK, HEAD "0001 0000 0000 0001" ZONE TSIG},
    {"EDNS version 1 is no error", RES_OK,
     HEAD "0001 0000 0000 0001" ZONE "00 0029 04d0 00010000 0000"},
    {"four additional", RES_OK,
     HEAD "0001 0000 0000 0004" ZONE DELETE_A DELETE_A DELETE_A OPT},
    {"OPT with options", RES_OK,
     HEAD "0001 0000 0000 0001" ZONE
          "00 0029 04d0 00000000 000a 000a0002ffff 00030000"},
    {"owner is the root", RES_OK,
     HEAD "0001 0000 0001 0000" ZONE "00 0001 00ff 00000000 0000"},

    /* W-2 */
    {"one octet too many", RES_EFORMAT, HEAD "0001 0000 0000 0000" ZONE "00"},
    {"octet behind TSIG", RES_EFORMAT, HEAD "0001 0000 0000 0001" ZONE TSIG "00"},
    {"record behind TSIG, not counted", RES_EFORMAT,
     HEAD "0001 0000 0000 0001" ZONE TSIG DELETE_A},
    {"count too high", RES_EFORMAT, HEAD "0002 0000 0000 0000" ZONE},
    {"count of 65535", RES_EFORMAT, HEAD "0001 0000 ffff 0000" ZONE DELETE_A},
    {"RDLENGTH over the end", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "00 0001 00ff 00000000 0001"},
    {"TTL cut", RES_EFORMAT, HEAD "0001 0000 0001 0000" ZONE "00 0001 00ff 0000"},
    {"zone class cut", RES_EFORMAT,
     HEAD "0001 0000 0000 0000"
          "00 0006 00"},

    /* W-3 */
    {"pointer into the header", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "c003 0001 00ff 00000000 0000"},
    {"pointer to offset 11", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "c00b 0001 00ff 00000000 0000"},
    {"pointer to itself", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "c019 0001 00ff 00000000 0000"},
    {"pointer into its own name", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "0161c019 0001 00ff 00000000 0000"},
    {"pointer forward", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE "c023 0001 00ff 00000000 0000"
          "0161c00c 0001 00ff 00000000 0000"},
    {"pointer over the end", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "ffff 0001 00ff 00000000 0000"},
    {"pointer into a label", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "c00d 0001 00ff 00000000 0000"},
    {"pointer to a type field", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" ZONE "c015 0001 00ff 00000000 0000"},
    {"pointer to a pointer", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE "c00c 0001 00ff 00000000 0000"
          "c019 0001 00ff 00000000 0000"},
    {"pointer to a label before a pointer", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE DELETE_A "c019 0001 00ff 00000000 0000"},
    {"pointer to a root label", RES_OK,
     HEAD "0001 0000 0001 0000" ZONE "0161c014 0001 00ff 00000000 0000"},
    {"pointer behind the longest label", RES_OK,
     HEAD "0001 0000 0001 0000" LABEL_63 "00 0006 0001"
          "0161c04c 0001 00ff 00000000 0000"},
    {"255 octets", RES_OK,
     HEAD "0001 0000 0000 0000" LABEL_63 LABEL_63 LABEL_63 LABEL_61 "00 0006 0001"},
    {"256 octets", RES_EFORMAT,
     HEAD "0001 0000 0000 0000" LABEL_63 LABEL_63 LABEL_63 LABEL_62 "00 0006 0001"},
    {"255 octets, by a pointer", RES_OK,
     HEAD "0001 0000 0001 0000" LABEL_63 LABEL_63 "00 0006 0001" LABEL_63 LABEL_61
          "c00c 0001 00ff 00000000 0000"},
    {"256 octets, by a pointer", RES_EFORMAT,
     HEAD "0001 0000 0001 0000" LABEL_63 LABEL_63 "00 0006 0001" LABEL_63 LABEL_62
          "c00c 0001 00ff 00000000 0000"},
    {"half a pointer", RES_EFORMAT,
     HEAD "0001 0000 0000 0000"
          "c0"},
    {"label type 01", RES_EFORMAT,
     HEAD "0001 0000 0000 0000"
          "4161 00 0006 0001"},
    {"label type 10", RES_EFORMAT,
     HEAD "0001 0000 0000 0000"
          "8161 00 0006 0001"},
    {"label over the end", RES_EFORMAT,
     HEAD "0001 0000 0000 0000"
          "0a6161"},

    /* Names in RDATA (RFC 3597 4). */
    {"pointer into a PTR's name", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE "0161c00c 000c 0001 00000000 0004 0162c00c"
          "c027 0001 00ff 00000000 0000"},
    {"pointer into an MX's name", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE "0161c00c 000f 0001 00000000 0006 000a0162c00c"
          "c029 0001 00ff 00000000 0000"},
    {"pointer into an SOA's second name", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE "c00c 0006 0001 00000000 001a 0162c00c c00c"
          "00000001 00000002 00000003 00000004 00000005"
          "c025 0001 00ff 00000000 0000"},
    {"pointer into a malformed PTR", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE "0161c00c 000c 0001 00000000 0003 016200"
          "c00d 0001 00ff 00000000 0000"},
    {"a malformed PTR is no error", RES_OK,
     HEAD "0001 0000 0001 0000" ZONE "0161c00c 000c 0001 00000000 0002 0562"},
    {"an MX of one octet is no error", RES_OK,
     HEAD "0001 0000 0001 0000" ZONE "0161c00c 000f 0001 00000000 0001 05"},
    {"a PTR over its RDLENGTH marks nothing", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE "0161c00c 000c 0001 00000000 0001 01"
          "6201 0001 00ff 00000000 0000"},
    {"pointer into TXT", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE "0161c00c 0010 0001 00000000 0003 016200"
          "c027 0001 00ff 00000000 0000"},
    {"pointer into an SRV's name", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 0021 0001 00000000 000a 000000000000 0162c00c"
          "c02d 0001 00ff 00000000 0000"},
    {"pointer into a DNAME's name", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 0027 0001 00000000 0003 016200 c027 0001 00ff 00000000 0000"},
    {"pointer into an HTTPS target", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 0041 0001 00000000 0005 0001016200 c029 0001 00ff 00000000 0000"},
    {"pointer into an HTTPS parameter", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 0041 0001 00000000 0006 000100016200 c02a 0001 00ff 00000000 0000"},
    {"pointer into an RRSIG's signer", RES_OK,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 002e 0001 00000000 0015 000000000000000000000000000000000000016200"
          "c039 0001 00ff 00000000 0000"},
    {"pointer into an RRSIG's numbers", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 002e 0001 00000000 0015 000000000000000000000000000000000000016200"
          "c027 0001 00ff 00000000 0000"},
    {"pointer into a DS", RES_EFORMAT,
     HEAD "0001 0000 0002 0000" ZONE
          "0161c00c 002b 0001 00000000 0003 016200 c027 0001 00ff 00000000 0000"},

    /* W-9 */
    {"two OPT", RES_EFORMAT, HEAD "0001 0000 0000 0002" ZONE OPT OPT},
    {"OPT in the update section", RES_EFORMAT, HEAD "0001 0000 0001 0000" ZONE OPT},
    {"OPT with an owner", RES_EFORMAT, HEAD "0001 0000 0000 0001" ZONE "0161" OPT},
    {"OPT with half an option", RES_EFORMAT,
     HEAD "0001 0000 0000 0001" ZONE "00 0029 04d0 00000000 0005 000a0002ff"},
    {"OPT after TSIG", RES_EFORMAT, HEAD "0001 0000 0000 0002" ZONE TSIG OPT},

    /* T-1, T-2 */
    {"two TSIG", RES_EFORMAT, HEAD "0001 0000 0000 0002" ZONE TSIG TSIG},
    {"TSIG in the update section", RES_EFORMAT, HEAD "0001 0000 0001 0000" ZONE TSIG},
    {"TSIG before another record", RES_EFORMAT,
     HEAD "0001 0000 0000 0002" ZONE TSIG DELETE_A},
    {"TSIG of class IN", RES_EFORMAT,
     HEAD "0001 0000 0000 0001" ZONE "016b00 00fa 0001 00000000 0000"},
    {"TSIG with a TTL", RES_EFORMAT,
     HEAD "0001 0000 0000 0001" ZONE "016b00 00fa 00ff 00000001 0000"},

    /* W-5 */
    {"five additional", RES_EFORMAT,
     HEAD "0001 0000 0000 0005" ZONE DELETE_A DELETE_A DELETE_A DELETE_A OPT},

    /* A question for TSIG or OPT is no record. */
    {"question of type TSIG", RES_OK, "1234 0000 0001 0000 0000 0000 00 00fa 0001"},
};

/* Octets in memory of just their length: a read behind them is seen. */
static uint8_t *exact_copy(const uint8_t *octets, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));

    assert_non_null(copy);
    memcpy(copy, octets, len);
    return copy;
}

static void walks_what_is_right_and_nothing_else(void **state)
{
    uint8_t octets[1024];
    struct wire_msg msg;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(walk_cases); i++) {
        const struct walk_case *c = &walk_cases[i];
        size_t len = unit_from_hex(c->hex, octets, sizeof(octets));
        uint8_t *copy = exact_copy(octets, len);
        assert_case(c->name, wire_walk(copy, len, true, &msg) == c->result);
        /* No prefix of an accepted message is one. */
        for (size_t cut = 0; c->result == RES_OK && cut < len; cut++)
            assert_case(c->name, wire_walk(copy, cut, true, &msg) == RES_EFORMAT);
        free(copy);
    }
}

static void what_was_walked_is_read(void **state)
{
    uint8_t octets[512];
    struct wire_msg msg;
    struct wire_rr rr;
    struct name_buf owner, expected;
    size_t len =
        unit_from_hex(HEAD "0001 0001 0001 0003" ZONE "0142c00c 0010 00fe 00000000 0000"
                           "c019 0010 0001 0000003c 0002 0178" DELETE_A OPT TSIG,
                      octets, sizeof(octets));

    (void)state;
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
    assert_int_equal(msg.header.id, 0x1234);
    assert_int_equal(msg.header.opcode, OPCODE_UPDATE);
    assert_true(msg.has_opt && msg.has_tsig);
    assert_int_equal(msg.edns_udp_len, 1232);
    assert_int_equal(msg.edns_version, 0);
    assert_int_equal(msg.tsig.type, TYPE_TSIG);
    assert_int_equal(msg.tsig.end, len);

    size_t at = msg.section_at[SECTION_ZONE];
    wire_next(&msg, SECTION_ZONE, &at, &rr);
    assert_int_equal(rr.type, TYPE_SOA);
    assert_int_equal(rr.rdata_len, 0);
    assert_int_equal(at, msg.section_at[SECTION_PREREQUISITE]);
    wire_next(&msg, SECTION_PREREQUISITE, &at, &rr);
    wire_owner(&msg, &rr, &owner);
    assert_true(name_equal(name_of(&owner), message_name("b.example", &expected)));
    assert_int_equal(rr.class, CLASS_NONE);
    assert_int_equal(at, msg.section_at[SECTION_UPDATE]);
    wire_next(&msg, SECTION_UPDATE, &at, &rr);
    wire_owner(&msg, &rr, &owner);
    assert_true(name_equal(name_of(&owner), name_of(&expected)));
    assert_int_equal(rr.ttl, 60);
    assert_int_equal(rr.rdata_len, 2);
    assert_memory_equal(msg.octets + rr.rdata_at, "\001x", 2);
    assert_int_equal(at, msg.section_at[SECTION_ADDITIONAL]);
    for (int i = 0; i < 3; i++)
        wire_next(&msg, SECTION_ADDITIONAL, &at, &rr);
    assert_int_equal(at, len);
    wire_owner(&msg, &rr, &owner);
    assert_true(name_equal(name_of(&owner), message_name("k", &expected)));
}

static void one_question_is_asked(void **state)
{
    static const struct {
        const char *name, *hex;
        bool is_it;
    } cases[] = {
        {"it", HEAD "0001 0000 0000 0000" ZONE, true},
        {"in capitals", HEAD "0001 0000 0000 0000 074558414d504c4500 0006 0001", true},
        {"another name", HEAD "0001 0000 0000 0000 076578616d706c6600 0006 0001",
         false},
        {"another type", HEAD "0001 0000 0000 0000 076578616d706c6500 0007 0001",
         false},
        {"another class", HEAD "0001 0000 0000 0000 076578616d706c6500 0006 0003",
         false},
        {"twice", HEAD "0002 0000 0000 0000" ZONE "c00c 0006 0001", false},
        {"nothing", HEAD "0000 0000 0000 0000", false},
    };
    struct name_buf buf;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t octets[64];
        struct wire_msg msg;
        size_t len = unit_from_hex(cases[i].hex, octets, sizeof(octets));
        assert_case(cases[i].name, wire_walk(octets, len, false, &msg) == RES_OK);
        assert_case(cases[i].name, wire_asks(&msg, message_name("example", &buf),
                                             TYPE_SOA) == cases[i].is_it);
    }
}

static void replies_may_have_more_additional_records(void **state)
{
    uint8_t octets[512];
    struct wire_msg msg;
    size_t len = unit_from_hex(
        HEAD "0001 0000 0000 0005" ZONE DELETE_A DELETE_A DELETE_A DELETE_A OPT, octets,
        sizeof(octets));

    (void)state;
    assert_int_equal(wire_walk(octets, len, false, &msg), RES_OK);
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_EFORMAT);
}

/* W-1: a name must end where its RDATA does (CVE-2026-10822). */
static void names_end_at_their_limit(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        size_t limit;
        bool may_be_compressed;
        enum result result;
        size_t end;
    } cases[] = {
        {"whole", 12, 21, true, RES_OK, 21},
        {"whole, nothing compressed", 12, 21, false, RES_OK, 21},
        {"limit at its end less one", 12, 20, true, RES_EFORMAT, 12},
        {"limit inside", 12, 13, true, RES_EFORMAT, 12},
        {"limit at its start", 12, 12, true, RES_EFORMAT, 12},
        {"compressed", 25, 29, true, RES_OK, 29},
        {"compressed, though it may not be", 25, 29, false, RES_EFORMAT, 25},
        {"limit in its pointer", 25, 28, true, RES_EFORMAT, 25},
        {"limit over the message", 25, 9999, true, RES_OK, 29},
        {"behind the message", 9999, 99999, true, RES_EFORMAT, 9999},
    };
    uint8_t octets[512];
    struct wire_msg msg;
    struct name_buf name;
    size_t len =
        unit_from_hex(HEAD "0001 0000 0001 0000" ZONE DELETE_A, octets, sizeof(octets));

    (void)state;
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t at = cases[i].at;
        assert_case(cases[i].name,
                    wire_name(&msg, &at, cases[i].limit, cases[i].may_be_compressed,
                              &name) == cases[i].result);
        assert_case(cases[i].name, at == cases[i].end);
    }
}

/* A chain of names, each one label and a pointer to the one before. */
static size_t make_chain(uint8_t *octets, unsigned hops)
{
    struct writer w = writer_of(octets, 4096);
    size_t last = 0;

    writer_u16(&w, 1);
    writer_u16(&w, 0);
    writer_u16(&w, (uint16_t)(hops + 1));
    for (int i = 0; i < 3; i++)
        writer_u16(&w, 0);
    for (unsigned i = 0; i <= hops; i++) {
        size_t start = w.len;
        writer_u16(&w, 0x0161);
        if (i == 0)
            writer_u8(&w, 0);
        else
            writer_u16(&w, (uint16_t)(0xc000 | last));
        writer_u32(&w, 0x00010001);
        last = start;
    }
    assert_false(w.failed);
    return w.len;
}

static void the_longest_chain(void **state)
{
    uint8_t octets[4096];
    struct wire_msg msg;
    struct name_buf name;

    (void)state;
    size_t len = make_chain(octets, LIMIT_POINTER_HOPS);
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
    size_t at = len - 8;
    assert_int_equal(wire_name(&msg, &at, len, true, &name), RES_OK);
    assert_int_equal(name.len, LIMIT_NAME_OCTETS);
    assert_int_equal(name_labels(name_of(&name)), LIMIT_NAME_LABELS);
    len = make_chain(octets, LIMIT_POINTER_HOPS + 1);
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_EFORMAT);
}

/* RFC 1035 4.1.4: fourteen bits. A name behind 0x3fff can be no target. */
static void names_beyond_a_pointer_s_reach(void **state)
{
    static uint8_t octets[LIMIT_MESSAGE_OCTETS];
    struct writer w = writer_of(octets, sizeof(octets));
    struct wire_msg msg;

    (void)state;
    unit_from_hex("1234 2800 0001 0000 0002 0000" ZONE, octets, 25);
    w.len = 25;
    writer_u8(&w, 0);
    writer_u16(&w, TYPE_TXT);
    writer_u16(&w, CLASS_IN);
    writer_u32(&w, 0);
    writer_u16(&w, 60000);
    w.len += 60000;
    size_t far = w.len;
    uint8_t *owner = octets + w.len;
    writer_u32(&w, 0x0161c00c);
    writer_u16(&w, TYPE_A);
    writer_u16(&w, CLASS_ANY);
    writer_u32(&w, 0);
    writer_u16(&w, 0);
    assert_false(w.failed);
    assert_true(far > LIMIT_POINTER_TARGET);
    assert_int_equal(wire_walk(octets, w.len, true, &msg), RES_OK);
    owner[2] = 0xff; /* 0x3fff lies in the TXT */
    owner[3] = 0xff;
    assert_int_equal(wire_walk(octets, w.len, true, &msg), RES_EFORMAT);
}

static void a_message_over_64_kib_is_none(void **state)
{
    static uint8_t octets[LIMIT_MESSAGE_OCTETS + 1];
    struct wire_msg msg;

    (void)state;
    assert_int_equal(wire_walk(octets, sizeof(octets), true, &msg), RES_EFORMAT);
}

/* Offsets of an earlier message must not be valid in this one. */
static void no_label_start_survives(void **state)
{
    uint8_t octets[512];
    struct wire_msg msg;

    (void)state;
    size_t len =
        unit_from_hex(HEAD "0001 0000 0001 0000" ZONE DELETE_A, octets, sizeof(octets));
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
    len = unit_from_hex(HEAD "0001 0000 0002 0000" ZONE
                             "00 0010 0001 00000000 0004 0161c00c"
                             "c019 0001 00ff 00000000 0000",
                        octets, sizeof(octets));
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK); /* the root at 0x19 */
    octets[len - 11] = 0x24; /* the TXT's first octet: a label, were it a name */
    assert_int_equal(wire_walk(octets, len, true, &msg), RES_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_what_is_right_and_nothing_else),
        cmocka_unit_test(what_was_walked_is_read),
        cmocka_unit_test(one_question_is_asked),
        cmocka_unit_test(replies_may_have_more_additional_records),
        cmocka_unit_test(names_end_at_their_limit),
        cmocka_unit_test(the_longest_chain),
        cmocka_unit_test(names_beyond_a_pointer_s_reach),
        cmocka_unit_test(a_message_over_64_kib_is_none),
        cmocka_unit_test(no_label_start_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

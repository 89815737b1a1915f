#include "dns/build.h"

#include "dns/type.h"
#include "message.h"
#include "unit.h"

static void assert_octets(const struct writer *w, const char *hex)
{
    uint8_t octets[512];
    size_t len = unit_from_hex(hex, octets, sizeof(octets));

    assert_int_equal(w->len, len);
    assert_memory_equal(w->octets, octets, len);
}

static void a_whole_message(void **state)
{
    uint8_t room[512];
    struct writer w = writer_of(room, sizeof(room));
    struct name_buf zone, owner;
    const struct rdata rdata = {(const uint8_t *)"\001x", 2};
    struct wire_msg msg;

    (void)state;
    message_name("a", &zone);
    message_name("b.a", &owner);
    build_header(&w, 0x1234, 0x2800);
    build_question(&w, name_of(&zone), TYPE_SOA, CLASS_IN);
    build_rr(&w, SECTION_PREREQUISITE, name_of(&owner), TYPE_CNAME, CLASS_NONE, 0,
             NULL);
    build_rr(&w, SECTION_UPDATE, name_of(&owner), TYPE_TXT, CLASS_IN, 60, &rdata);
    build_rr(&w, SECTION_UPDATE, name_of(&owner), TYPE_TXT, CLASS_ANY, 0, NULL);
    build_opt(&w, 1232, RCODE_NOERROR, -1, NULL);
    assert_false(w.failed);
    assert_octets(&w, "1234 2800 0001 0001 0002 0001 016100 0006 0001"
                      "0162016100 0005 00fe 00000000 0000"
                      "0162016100 0010 0001 0000003c 0002 0178"
                      "0162016100 0010 00ff 00000000 0000"
                      "00 0029 04d0 00000000 0000");
    assert_int_equal(wire_walk(room, w.len, true, &msg), RES_OK);
    assert_int_equal(msg.edns_udp_len, 1232);
}

static void extended_errors(void **state)
{
    uint8_t room[512];
    struct writer w = writer_of(room, sizeof(room));
    char text[400];
    struct wire_msg msg;

    (void)state;
    build_header(&w, 1, 0);
    build_opt(&w, 1232, RCODE_BADVERS, 18, "no");
    build_set_rcode(&w, RCODE_BADVERS);
    assert_octets(&w, "0001 0000 0000 0000 0000 0001"
                      "00 0029 04d0 01000000 0008 000f 0004 0012 6e6f");
    w = writer_of(room, sizeof(room));
    build_header(&w, 1, 0);
    memset(text, 'x', sizeof(text));
    build_opt(&w, 1232, RCODE_REFUSED, 0, text); /* cut, even without its NUL */
    assert_int_equal(w.len, 12 + 11 + 6 + LIMIT_REASON_OCTETS);
    assert_int_equal(wire_walk(room, w.len, false, &msg), RES_OK);
}

static void rcode_leaves_the_flags(void **state)
{
    uint8_t room[12];
    struct writer w = writer_of(room, sizeof(room));

    (void)state;
    build_header(&w, 1, OPCODE_UPDATE << WIRE_OPCODE_SHIFT | FLAG_QR | FLAG_AA);
    build_set_rcode(&w, RCODE_REFUSED);
    build_set_rcode(&w, RCODE_NOTAUTH);
    assert_octets(&w, "0001 ac09 0000 0000 0000 0000");
}

static void what_does_not_fit_leaves_no_trace(void **state)
{
    uint8_t room[64];
    const struct rdata rdata = {(const uint8_t *)"\001x", 2};
    struct name_buf owner;

    (void)state;
    message_name("b.a", &owner);
    for (size_t capacity = 12; capacity < 12 + 17; capacity++) {
        struct writer w = writer_of(room, capacity);
        build_header(&w, 1, 0);
        build_rr(&w, SECTION_UPDATE, name_of(&owner), TYPE_TXT, CLASS_IN, 60, &rdata);
        assert_true(w.failed);
        assert_int_equal(w.len, 12);
        writer_rewind(&w, 12);
        assert_octets(&w, "0001 0000 0000 0000 0000 0000");
    }
    struct writer w = writer_of(room, 12 + 17);
    build_header(&w, 1, 0);
    build_rr(&w, SECTION_UPDATE, name_of(&owner), TYPE_TXT, CLASS_IN, 60, &rdata);
    assert_false(w.failed);
}

static void a_count_does_not_wrap(void **state)
{
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof(room));

    (void)state;
    build_header(&w, 1, 0);
    writer_u16_at(&w, 8, UINT16_MAX);
    build_rr(&w, SECTION_UPDATE, name_root, TYPE_TXT, CLASS_ANY, 0, NULL);
    assert_true(w.failed);
    w = writer_of(room, sizeof(room)); /* nor is there one without a header */
    build_question(&w, name_root, TYPE_SOA, CLASS_IN);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_message),
        cmocka_unit_test(extended_errors),
        cmocka_unit_test(rcode_leaves_the_flags),
        cmocka_unit_test(what_does_not_fit_leaves_no_trace),
        cmocka_unit_test(a_count_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

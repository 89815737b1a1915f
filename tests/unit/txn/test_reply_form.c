/* What is kept of a request for its reply, and how long that may be (N-1, T-14). */
#include "dns/build.h"
#include "dns/type.h"
#include "txn/reply.h"
#include "unit.h"

#define ID 0xbeef

static uint8_t octets[LIMIT_MESSAGE_OCTETS];

struct limit_case {
    bool has_opt;
    uint16_t edns;
    enum transport transport;
    size_t limit;
};

static void test_limits(void **state)
{
    static const struct limit_case cases[] = {
        {false, 0, TRANSPORT_UDP, 512},    {true, 0, TRANSPORT_UDP, 512},
        {true, 511, TRANSPORT_UDP, 512},   {true, 1000, TRANSPORT_UDP, 1000},
        {true, 1233, TRANSPORT_UDP, 1232}, {true, 65535, TRANSPORT_UDP, 1232},
        {false, 0, TRANSPORT_TCP, 65535},  {true, 512, TRANSPORT_TCP, 65535},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply_form form = {.has_opt = cases[i].has_opt,
                                  .edns_udp_len = cases[i].edns};
        assert_int_equal(reply_limit(&form, cases[i].transport), cases[i].limit);
    }
}

/* A request as it came, and what is kept of it. */
static void test_form_of_a_request(void **state)
{
    struct writer w = writer_of(octets, sizeof(octets));
    struct name_buf zone;
    struct gate_inquiry inquiry = {.is_walked = true};
    struct reply_form form;
    struct arena arena;

    (void)state;
    assert_int_equal(name_from_text("duckcorp.org", 12, &zone), RES_OK);
    arena_init(&arena, 1024, 0);
    build_header(&w, ID, FLAG_RD);
    build_question(&w, name_of(&zone), TYPE_SOA, CLASS_IN);
    w.octets[13] = 'D'; /* the client's letters are the client's */
    build_opt(&w, 4096, RCODE_NOERROR, -1, NULL);
    assert_int_equal(wire_walk(w.octets, w.len, true, &inquiry.msg), RES_OK);
    inquiry.header = inquiry.msg.header;

    reply_form_init(&form, &inquiry, &arena);
    assert_int_equal(form.id, ID);
    assert_true(form.is_rd);
    assert_true(form.has_opt);
    assert_int_equal(form.edns_udp_len, 4096);
    assert_int_equal(form.question_count, 1);
    assert_int_equal(form.question_len, zone.len + 4);
    assert_memory_equal(form.question, w.octets + 12, form.question_len);
    assert_ptr_not_equal(form.question, w.octets + 12);

    reply_form_init(&form, &inquiry, NULL);
    assert_ptr_equal(form.question, w.octets + 12);

    inquiry.header.flags = 0;
    reply_form_init(&form, &inquiry, NULL);
    assert_false(form.is_rd);

    inquiry.is_walked = false;
    reply_form_init(&form, &inquiry, &arena);
    assert_int_equal(form.id, ID);
    assert_null(form.question);
    assert_false(form.has_opt);
    arena_fini(&arena);
}

static void test_form_of_two_questions(void **state)
{
    struct writer w = writer_of(octets, sizeof(octets));
    struct gate_inquiry inquiry = {.is_walked = true};
    struct reply_form form;

    (void)state;
    build_header(&w, ID, 0);
    build_question(&w, name_root, TYPE_SOA, CLASS_IN);
    build_question(&w, name_root, TYPE_SOA, CLASS_IN);
    assert_int_equal(wire_walk(w.octets, w.len, true, &inquiry.msg), RES_OK);
    inquiry.header = inquiry.msg.header;
    reply_form_init(&form, &inquiry, NULL);
    assert_null(form.question);
    assert_int_equal(form.question_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_form_of_a_request),
        cmocka_unit_test(test_form_of_two_questions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

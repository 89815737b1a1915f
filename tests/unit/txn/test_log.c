/* The audit log: its lines to the octet, their escapes and bounds, and the chain (L-1
 * to L-4). */
#include "log_lines.h"

#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define MAC_HEX "0102030000000000000000000000000000000000000000000000000000000000"

static void test_intent_to_the_octet(void **state)
{
    struct log_chain chain = {.next_seq = 12};
    struct request request;

    (void)state;
    make_request(&request, LOG_INTENT);
    write_line(&chain, &request.line);
    assert_string_equal(
        text.chars,
        "{\"event\":\"intent\",\"time\":\"2026-11-25T00:00:00.000001Z\",\"seq\":12,"
        "\"gen\":7,\"host\":\"mx1.duckcorp.org\",\"key\":\"mx1-2027\",\"mac\":"
        "\"" MAC_HEX "\",\"time_signed\":1795564799,\"from\":\"192.0.2.25\","
        "\"transport\":\"udp\",\"zone\":\"duckcorp.org\",\"changes\":[{\"op\":\"add\","
        "\"type\":\"TXT\",\"original\":\"a.duckcorp.org\",\"target\":"
        "\"a._kage.duckcorp.org\",\"ttl_asked\":3600,\"ttl\":600,\"rdata\":"
        "\"026869\"}],\"verdict\":\"permitted\",\"reason\":\"permitted\","
        "\"rule\":null,\"rcode\":null,\"primary_rcode\":null,\"latency_us\":null,"
        "\"batch\":null,\"prev\":\"" ZEROS "\"}\n");
    assert_int_equal(chain.next_seq, 13);
}

/* What is not known is null. */
static void test_result_of_nothing_known(void **state)
{
    struct log_chain chain = {.next_seq = 1};
    struct log_line line = {.event = LOG_RESULT,
                            .time_us = TIME_US,
                            .transport = TRANSPORT_TCP,
                            .reason = REASON_KEY_WITHOUT_HOST,
                            .rcode = RCODE_REFUSED};

    (void)state;
    write_line(&chain, &line);
    assert_string_equal(
        text.chars,
        "{\"event\":\"result\",\"time\":\"2026-11-25T00:00:00.000001Z\",\"seq\":1,"
        "\"gen\":0,\"host\":null,\"key\":null,\"mac\":null,\"time_signed\":0,"
        "\"from\":null,\"transport\":\"tcp\",\"zone\":null,\"changes\":null,"
        "\"verdict\":\"refused\",\"reason\":\"key-without-host\",\"rule\":null,"
        "\"rcode\":\"REFUSED\",\"primary_rcode\":null,\"latency_us\":0,\"batch\":0,"
        "\"prev\":\"" ZEROS "\"}\n");
}

static void test_suppressed(void **state)
{
    struct log_chain chain = {.next_seq = 3};
    struct log_line line = {.event = LOG_SUPPRESSED,
                            .time_us = TIME_US,
                            .generation = 2,
                            .host = "mx1.duckcorp.org",
                            .duplicates = 5,
                            .rate_limited = 6};

    (void)state;
    write_line(&chain, &line);
    assert_string_equal(
        text.chars,
        "{\"event\":\"suppressed\",\"time\":\"2026-11-25T00:00:00.000001Z\",\"seq\":3,"
        "\"gen\":2,\"host\":\"mx1.duckcorp.org\",\"duplicates\":5,\"rate_limited\":6,"
        "\"prev\":\"" ZEROS "\"}\n");
}

struct verdict_case {
    enum reason reason;
    const char *verdict;
};

static void test_verdicts(void **state)
{
    static const struct verdict_case cases[] = {
        {REASON_PERMITTED, "permitted"},
        {REASON_PREREQUISITE_FAILED, "permitted"}, /* policy let it through */
        {REASON_NAME_NOT_GRANTED, "refused"},
        {REASON_CNAME_MISSING, "refused"},
        {REASON_TARGET_IS_CNAME, "refused"},
        {REASON_ZONE_UNKNOWN, "refused"},
        {REASON_MESSAGE_MALFORMED, "refused"},
        {REASON_LOOKUP_FAILED, "failed"},
        {REASON_PRIMARY_UNREACHABLE, "failed"},
        {REASON_PRIMARY_REFUSED, "failed"},
        {REASON_OUTCOME_UNKNOWN, "failed"},
        {REASON_AUDIT_UNAVAILABLE, "failed"},
        {REASON_TABLE_FULL, "failed"},
        {REASON_UNDECIDED, "failed"},
    };
    struct log_chain chain = {.next_seq = 1};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct log_line line = {.event = LOG_RESULT, .reason = cases[i].reason};
        char expected[64];
        snprintf(expected, sizeof(expected), "\"verdict\":\"%s\"", cases[i].verdict);
        write_line(&chain, &line);
        assert_case(outcome_of(cases[i].reason)->name, strstr(text.chars, expected));
    }
}

static void test_long_rdata_is_hashed(void **state)
{
    static const uint8_t octets[513] = {0};
    struct log_chain chain = {.next_seq = 1};
    struct request request;

    (void)state;
    make_request(&request, LOG_RESULT);
    request.change.item.rdata = (struct rdata){octets, 512};
    write_line(&chain, &request.line);
    assert_null(strstr(text.chars, "rdata_sha256"));
    request.change.item.rdata.len = 513;
    write_line(&chain, &request.line);
    assert_non_null(strstr(text.chars,
                           "\"rdata_sha256\":\"8ae7498b01f40e9d2a04df8a8a91cc0b"
                           "180eb9eb64b78129f59a6d6ab547816b\"}"));
    assert_null(strstr(text.chars, "\"rdata\":"));
}

static void test_deletion_has_no_ttl(void **state)
{
    struct log_chain chain = {.next_seq = 1};
    struct request request;

    (void)state;
    make_request(&request, LOG_RESULT);
    request.change.item.op = UPDATE_DELETE_RRSET;
    request.change.item.rdata.len = 0;
    request.change.rewrite.target = (struct name){0};
    write_line(&chain, &request.line);
    assert_non_null(strstr(text.chars,
                           "{\"op\":\"delete-rrset\",\"type\":\"TXT\",\"original\":"
                           "\"a.duckcorp.org\",\"target\":null,\"ttl_asked\":null,"
                           "\"ttl\":null,\"rdata\":null}"));
}

/* L-3: whatever is in a name, the line is printable ASCII on one line. */
static void test_escapes(void **state)
{
    static const uint8_t nasty[] = {11, '\n', '\x1b', '[',  'm', '"', '\\',
                                    0,  0xe2, 0x80,   0xae, ' ', 0};
    struct log_chain chain = {.next_seq = 1};
    struct request request;

    (void)state;
    make_request(&request, LOG_RESULT);
    request.change.rewrite.original = (struct name){nasty, sizeof(nasty)};
    write_line(&chain, &request.line);
    for (size_t i = 0; i + 1 < text.len; i++)
        assert_in_range(text.chars[i], 0x20, 0x7e);
    assert_non_null(strstr(text.chars,
                           "\"original\":\"\\\\010\\\\027[m\\\\034\\\\092\\\\000"
                           "\\\\226\\\\128\\\\174\\\\032\""));
}

/* The announced length is enough for the worst line there is. */
static void test_bound_of_the_worst_line(void **state)
{
    struct log_chain chain = {.next_seq = UINT32_MAX};
    static struct change changes[LIMIT_UPDATES + LIMIT_PREREQUISITES];
    static const uint8_t rdata[512] = {0};
    uint8_t worst[255] = {0};
    struct request request;

    (void)state;
    for (int at = 0; at < 254; at += 64)
        worst[at] = at < 192 ? 63 : 61;
    struct name name = {worst, sizeof(worst)};
    make_request(&request, LOG_RESULT);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        changes[i] = request.change;
        changes[i].item.op = UPDATE_DELETE_RRSET;
        changes[i].item.type = 65399;
        changes[i].item.rdata = (struct rdata){rdata, sizeof(rdata)};
        changes[i].rewrite.original = name;
        changes[i].rewrite.target = name;
    }
    request.zone.name = name;
    request.plan.changes = changes;
    request.plan.change_count = COUNT_OF(changes);
    request.line.key_name = name;
    request.line.time_signed_s = UINT64_C(0xffffffffffff);
    request.line.latency_us = INT64_MIN;
    size_t octets = log_line_octets(&request.plan);
    uint8_t *line = malloc(octets);
    assert_non_null(line);
    struct writer w = writer_of(line, octets);
    assert_int_equal(log_write_line(&chain, &request.line, &w), RES_OK);
    free(line);
}

/* ---- the chain ---- */

static void test_chain(void **state)
{
    struct log_chain chain = {.next_seq = 1};
    struct request request;
    char hex[65], expected[80];

    (void)state;
    make_request(&request, LOG_INTENT);
    write_line(&chain, &request.line);
    hash_hex(text.chars, text.len - 1, hex);
    snprintf(expected, sizeof(expected), "\"prev\":\"%s\"}\n", hex);
    request.line.event = LOG_RESULT;
    write_line(&chain, &request.line);
    assert_string_equal(text.chars + text.len - strlen(expected), expected);
}

/* All or nothing, at every capacity. */
static void test_what_does_not_fit_is_not_there(void **state)
{
    struct log_chain chain = {.next_seq = 1}, before = chain;
    struct request request;
    uint8_t octets[4096];

    (void)state;
    make_request(&request, LOG_RESULT);
    write_line(&chain, &request.line);
    for (size_t capacity = 3; capacity < text.len + 3; capacity++) {
        struct writer w = writer_of(octets, capacity);
        writer_string(&w, "ab\n");
        chain = before;
        assert_int_equal(log_write_line(&chain, &request.line, &w), RES_EMEM);
        assert_int_equal(w.len, 3);
        assert_memory_equal(&chain, &before, sizeof(chain));
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intent_to_the_octet),
        cmocka_unit_test(test_result_of_nothing_known),
        cmocka_unit_test(test_suppressed),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_long_rdata_is_hashed),
        cmocka_unit_test(test_deletion_has_no_ttl),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_bound_of_the_worst_line),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_what_does_not_fit_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The audit log: its lines to the octet, their escapes and bounds, the chain, and what
 * is read back at start (L-1 to L-4, D9). */
#include "../unit.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "dns/type.h"
#include "txn/log.h"

#define TIME_US INT64_C(1795564800000001)
#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define MAC_HEX "0102030000000000000000000000000000000000000000000000000000000000"

struct text {
    size_t len;
    char chars[512 * 1024];
};

static struct text text;
static struct name_buf names[8];

static struct name named(int slot, const char *chars)
{
    assert_int_equal(name_from_text(chars, strlen(chars), &names[slot]), RES_OK);
    return name_of(&names[slot]);
}

static const struct tsig_mac mac = {.len = 32, .octets = {1, 2, 3}};

/* A request of one change, as it would be forwarded. */
struct request {
    struct zone zone;
    struct change change;
    struct plan plan;
    struct addr from;
    struct log_line line;
};

static void make_request(struct request *request, enum log_event event)
{
    static const uint8_t rdata[] = {2, 'h', 'i'};

    *request = (struct request){
        .zone = {.name = named(0, "duckcorp.org")},
        .change = {.item = {.op = UPDATE_ADD,
                            .type = TYPE_TXT,
                            .class = CLASS_IN,
                            .ttl = 3600,
                            .rdata = {rdata, sizeof(rdata)}},
                   .rewrite = {.original = named(1, "a.duckcorp.org"),
                               .target = named(2, "a._kage.duckcorp.org")},
                   .ttl = 600},
    };
    request->plan = (struct plan){.zone = &request->zone,
                                  .changes = &request->change,
                                  .change_count = 1,
                                  .decisive = 1};
    assert_int_equal(addr_parse("192.0.2.25", &request->from), RES_OK);
    request->line = (struct log_line){.event = event,
                                      .time_us = TIME_US,
                                      .generation = 7,
                                      .host = "mx1.duckcorp.org",
                                      .key_name = named(3, "mx1-2027"),
                                      .full_mac = &mac,
                                      .time_signed_s = 1795564799,
                                      .from = &request->from,
                                      .transport = TRANSPORT_UDP,
                                      .plan = &request->plan,
                                      .reason = REASON_PERMITTED,
                                      .rcode = RCODE_NOERROR,
                                      .has_primary_rcode = true,
                                      .primary_rcode = RCODE_NOERROR,
                                      .latency_us = 1234,
                                      .batch = 2};
}

/* Writes the line into text, replacing what was there. */
static void write_line(struct log_chain *chain, const struct log_line *line)
{
    struct writer w = writer_of((uint8_t *)text.chars, log_line_octets(line->plan));

    assert_true(w.capacity < sizeof(text.chars));
    assert_int_equal(log_write_line(chain, line, &w), RES_OK);
    text.len = w.len;
    text.chars[text.len] = '\0';
    assert_int_equal(text.chars[text.len - 1], '\n');
}

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

static void hash_hex(const char *chars, size_t len, char hex[65])
{
    uint8_t hash[32];

    assert_int_equal(EVP_Digest(chars, len, hash, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

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

/* ---- reading back ---- */

struct journal {
    struct log_scan *scan;
    struct log_chain chain;  /* of the writer */
    struct log_chain found;  /* by the scan */
    size_t unresolved, torn; /* likewise */
};

static void journal_open(struct journal *journal)
{
    *journal = (struct journal){.scan = log_scan_new(), .chain = {.next_seq = 1}};
    assert_non_null(journal->scan);
}

static void journal_raw(struct journal *journal, const char *chars, size_t len)
{
    assert_int_equal(log_scan_line(journal->scan, chars, len), RES_OK);
    log_scan_end(journal->scan, &journal->found, &journal->unresolved, &journal->torn);
}

/* n tells requests apart. */
static void journal_add(struct journal *journal, enum log_event event, uint8_t n)
{
    struct request request;
    struct tsig_mac other = mac;

    other.octets[31] = n;
    make_request(&request, event);
    request.line.full_mac = &other;
    write_line(&journal->chain, &request.line);
    journal_raw(journal, text.chars, text.len - 1);
}

static void test_scan_of_nothing(void **state)
{
    static const uint8_t zeros[32] = {0};
    struct journal journal;

    (void)state;
    journal_open(&journal);
    log_scan_end(journal.scan, &journal.found, &journal.unresolved, &journal.torn);
    assert_int_equal(journal.found.next_seq, 1);
    assert_memory_equal(journal.found.prev, zeros, sizeof(zeros));
    assert_int_equal(journal.unresolved + journal.torn, 0);
    log_scan_free(&journal.scan);
    assert_null(journal.scan);
}

static void test_scan_follows_the_chain(void **state)
{
    static const enum log_event events[] = {LOG_INTENT, LOG_RESULT, LOG_LATE,
                                            LOG_SUPPRESSED, LOG_RESULT};
    struct journal journal;

    (void)state;
    journal_open(&journal);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        journal_add(&journal, events[i], 1);
        assert_int_equal(journal.torn, 0);
        assert_memory_equal(&journal.found, &journal.chain, sizeof(journal.chain));
    }
    assert_int_equal(journal.unresolved, 0);
    log_scan_free(&journal.scan);
}

/* What a crash left, in order, each with its own words. */
static void test_unresolved_intents(void **state)
{
    struct journal journal;

    (void)state;
    journal_open(&journal);
    for (uint8_t n = 1; n <= 4; n++)
        journal_add(&journal, LOG_INTENT, n);
    journal_add(&journal, LOG_RESULT, 2);
    journal_add(&journal, LOG_RESULT, 9); /* a refusal's only line */
    journal_add(&journal, LOG_INTENT, 3); /* open already */
    assert_int_equal(journal.unresolved, 3);

    static const char *const macs[] = {"01\",", "03\",", "04\","};
    for (size_t i = 0; i < COUNT_OF(macs); i++) {
        struct writer w = writer_of((uint8_t *)text.chars, sizeof(text.chars));
        assert_int_equal(
            log_scan_write_result(journal.scan, i, &journal.found, TIME_US + 5, &w),
            RES_OK);
        text.chars[w.len] = '\0';
        const char *at = strstr(text.chars, "\"mac\":\"");
        assert_non_null(at);
        assert_memory_equal(at + 7 + 62, macs[i], 4);
        assert_non_null(strstr(
            text.chars,
            "\"ttl\":600,\"rdata\":\"026869\"}],\"verdict\":\"failed\",\"reason\":"
            "\"outcome-unknown\",\"rule\":null,\"rcode\":\"SERVFAIL\","
            "\"primary_rcode\":null,\"latency_us\":null,\"batch\":null,\"prev\":\""));
    }
    log_scan_free(&journal.scan);
}

/* The next start finds nothing open: the results written at start are results. */
static void test_results_at_start_resolve(void **state)
{
    struct journal journal;
    struct writer w = writer_of((uint8_t *)text.chars, sizeof(text.chars));

    (void)state;
    journal_open(&journal);
    journal_add(&journal, LOG_INTENT, 1);
    struct log_chain chain = journal.found;
    assert_int_equal(log_scan_write_result(journal.scan, 0, &chain, TIME_US, &w),
                     RES_OK);
    journal_raw(&journal, text.chars, w.len - 1);
    assert_int_equal(journal.unresolved, 0);
    assert_int_equal(journal.torn, 0);
    assert_memory_equal(&journal.found, &chain, sizeof(chain));
    log_scan_free(&journal.scan);
}

/* The largest request a message can carry: without a result for it the next run could
 * not start. */
static void test_result_of_the_longest_intent(void **state)
{
    static struct change changes[LIMIT_UPDATES];
    static uint8_t octets[sizeof(text.chars)];
    struct journal journal;
    struct request request;

    (void)state;
    make_request(&request, LOG_INTENT);
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        changes[i] = request.change;
    request.plan.changes = changes;
    request.plan.change_count = COUNT_OF(changes);
    journal_open(&journal);
    write_line(&journal.chain, &request.line);
    journal_raw(&journal, text.chars, text.len - 1);
    assert_int_equal(journal.unresolved, 1);
    struct writer w = writer_of(octets, log_scan_result_octets(journal.scan));
    assert_in_range(w.capacity, text.len, sizeof(octets));
    assert_int_equal(
        log_scan_write_result(journal.scan, 0, &journal.found, TIME_US, &w), RES_OK);
    log_scan_free(&journal.scan);
}

/* Cut anywhere, a line is torn; it is chained as it is, and the numbers go on. */
static void test_torn_lines(void **state)
{
    struct journal journal;
    char line[4096], hex[65], prev[65];

    (void)state;
    journal_open(&journal);
    journal_add(&journal, LOG_INTENT, 1);
    size_t len = text.len - 1;
    memcpy(line, text.chars, len);
    log_scan_free(&journal.scan);
    journal_open(&journal);
    for (size_t cut = 0; cut < len; cut++) {
        journal_raw(&journal, line, cut);
        assert_int_equal(journal.torn, cut + 1);
        hash_hex(line, cut, hex);
        for (size_t i = 0; i < 32; i++)
            snprintf(prev + 2 * i, 3, "%02x", journal.found.prev[i]);
        assert_string_equal(prev, hex);
    }
    assert_int_equal(journal.unresolved, 0);
    assert_int_equal(journal.found.next_seq, 1);
    log_scan_free(&journal.scan);
}

struct strange_case {
    const char *name;
    const char *from, *to; /* replaced in an intent's line */
    bool is_torn;
};

static void test_strange_lines(void **state)
{
    static const struct strange_case cases[] = {
        {"a wrong number is not torn", "\"seq\":1", "\"seq\":9", false},
        {"nor is a wrong hash", "\"prev\":\"0", "\"prev\":\"1", false},
        {"a hash that is too short", "\"prev\":\"0", "\"prev\":\"", true},
        {"a field that is missing", "\"gen\":7,", "", true},
        {"a field too many", "\"gen\":7", "\"gen\":7,\"gen\":7", true},
        {"fields out of order", "\"host\"", "\"tsoh\"", true},
        {"a number that is none", "\"seq\":1", "\"seq\":", true},
        {"a number over 63 bits", "\"seq\":1", "\"seq\":9223372036854775808", true},
        {"a negative number", "\"seq\":1", "\"seq\":-1", true},
        {"blanks", "\"gen\":7", "\"gen\": 7", true},
        {"an octet that is not ASCII", "mx1.", "mx\xc3\xa9.", true},
        {"a bad escape", "mx1.", "mx1\\n.", true},
        {"a good escape", "mx1.", "mx1\\\\010\\u001b.", false},
        {"two lines in one", "}],", "}]}\n{", true},
        {"nothing in changes", "[{\"op\"", "[\"op\"", true},
        {"a comma too many", "}],", "},],", true},
        {"something behind it", "\"prev\":\"0", "\"prev\":\"0\"}x", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct journal journal;
        char line[4096];

        journal_open(&journal);
        journal_add(&journal, LOG_INTENT, 1);
        const char *at = strstr(text.chars, cases[i].from);
        assert_non_null(at);
        int len = snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - text.chars),
                           text.chars, cases[i].to, at + strlen(cases[i].from));
        journal_raw(&journal, line, (size_t)len - 1);
        assert_case(cases[i].name, journal.torn == (cases[i].is_torn ? 1 : 0));
        log_scan_free(&journal.scan);
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
        cmocka_unit_test(test_scan_of_nothing),
        cmocka_unit_test(test_scan_follows_the_chain),
        cmocka_unit_test(test_unresolved_intents),
        cmocka_unit_test(test_results_at_start_resolve),
        cmocka_unit_test(test_result_of_the_longest_intent),
        cmocka_unit_test(test_torn_lines),
        cmocka_unit_test(test_strange_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

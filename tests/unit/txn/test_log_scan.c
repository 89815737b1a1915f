/* The audit log read back at start (L-2, L-4, D9, T-20). */
#include "log_lines.h"

#include "txn/log_read.h"

struct journal {
    struct log_scan *scan;
    struct log_chain chain; /* of the writer */
    struct log_found found; /* by the scan */
};

static void journal_open(struct journal *journal)
{
    *journal = (struct journal){.scan = log_scan_new(0), .chain = {.next_seq = 1}};
    assert_non_null(journal->scan);
}

static void journal_raw(struct journal *journal, const char *chars, size_t len)
{
    assert_int_equal(log_scan_line(journal->scan, chars, len), RES_OK);
    log_scan_end(journal->scan, &journal->found);
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
    log_scan_end(journal.scan, &journal.found);
    assert_int_equal(journal.found.chain.next_seq, 1);
    assert_memory_equal(journal.found.chain.prev, zeros, sizeof(zeros));
    assert_int_equal(journal.found.unresolved + journal.found.torn, 0);
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
        assert_int_equal(journal.found.torn, 0);
        assert_memory_equal(&journal.found.chain, &journal.chain,
                            sizeof(journal.chain));
    }
    assert_int_equal(journal.found.unresolved, 0);
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
    assert_int_equal(journal.found.unresolved, 3);

    static const char *const macs[] = {"01\",", "03\",", "04\","};
    for (size_t i = 0; i < COUNT_OF(macs); i++) {
        struct writer w = writer_of((uint8_t *)text.chars, sizeof(text.chars));
        assert_int_equal(log_scan_write_result(journal.scan, i, &journal.found.chain,
                                               TIME_US + 5, &w),
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
    struct log_chain chain = journal.found.chain;
    assert_int_equal(log_scan_write_result(journal.scan, 0, &chain, TIME_US, &w),
                     RES_OK);
    journal_raw(&journal, text.chars, w.len - 1);
    assert_int_equal(journal.found.unresolved, 0);
    assert_int_equal(journal.found.torn, 0);
    assert_memory_equal(&journal.found.chain, &chain, sizeof(chain));
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
    assert_int_equal(journal.found.unresolved, 1);
    struct writer w = writer_of(octets, log_scan_result_octets(journal.scan));
    assert_in_range(w.capacity, text.len, sizeof(octets));
    assert_int_equal(
        log_scan_write_result(journal.scan, 0, &journal.found.chain, TIME_US, &w),
        RES_OK);
    log_scan_free(&journal.scan);
}

/* ---- D9: what a retransmission could name ---- */

/* A result of request n that ended so. */
static void journal_end(struct journal *journal, enum log_event event, uint8_t n,
                        enum reason reason, uint32_t batch)
{
    struct request request;
    struct tsig_mac other = mac;

    other.octets[31] = n;
    make_request(&request, event);
    request.line.full_mac = &other;
    request.line.reason = reason;
    request.line.rcode = outcome_of(reason)->rcode;
    request.line.batch = batch;
    write_line(&journal->chain, &request.line);
    journal_raw(journal, text.chars, text.len - 1);
}

static void test_past_of_results(void **state)
{
    static const struct {
        enum reason reason;
        uint32_t batch;
        bool is_kept;
    } cases[] = {
        {REASON_PERMITTED, 1, true},
        {REASON_PERMITTED, 0, false}, /* nothing was sent */
        {REASON_PREREQUISITE_FAILED, 3, true},
        {REASON_TARGET_IS_CNAME, 1, true},
        {REASON_PRIMARY_REFUSED, 1, true},
        {REASON_PRIMARY_FAILED, 1, true},
        {REASON_OUTCOME_UNKNOWN, 1, true},
        {REASON_PRIMARY_UNREACHABLE, 1, false}, /* a retry may run */
        {REASON_PRIMARY_UNREACHABLE, 0, false},
        {REASON_NAME_NOT_GRANTED, 0, false},
        {REASON_TABLE_FULL, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct journal journal;
        const char *name = outcome_of(cases[i].reason)->name;
        journal_open(&journal);
        journal_add(&journal, LOG_INTENT, 1);
        journal_end(&journal, LOG_RESULT, 1, cases[i].reason, cases[i].batch);
        assert_case(name, journal.found.past == cases[i].is_kept);
        assert_case(name, !journal.found.is_strange);
        struct log_past past = log_scan_past(journal.scan, 0);
        assert_case(name, (past.host != NULL) == cases[i].is_kept);
        if (cases[i].is_kept) {
            assert_string_equal(past.host, "mx1.duckcorp.org");
            assert_int_equal(past.reason, cases[i].reason);
            assert_int_equal(past.rcode, outcome_of(cases[i].reason)->rcode);
            assert_int_equal(past.mac.len, mac.len);
            assert_memory_equal(past.mac.octets, mac.octets, 31);
            assert_int_equal(past.mac.octets[31], 1);
        }
        log_scan_free(&journal.scan);
    }
}

/* An intent without a result is unknown; a late answer comes behind the first one. */
static void test_past_of_others(void **state)
{
    struct journal journal;

    (void)state;
    journal_open(&journal);
    journal_add(&journal, LOG_INTENT, 7);
    journal_end(&journal, LOG_RESULT, 1, REASON_OUTCOME_UNKNOWN, 1);
    journal_end(&journal, LOG_LATE, 1, REASON_PERMITTED, 1);
    assert_int_equal(journal.found.past, 3);
    assert_int_equal(log_scan_past(journal.scan, 0).rcode, RCODE_SERVFAIL);
    assert_int_equal(log_scan_past(journal.scan, 1).rcode, RCODE_NOERROR);
    assert_int_equal(log_scan_past(journal.scan, 2).reason, REASON_OUTCOME_UNKNOWN);
    assert_int_equal(log_scan_past(journal.scan, 2).mac.octets[31], 7);
    assert_null(log_scan_past(journal.scan, 3).host);
    log_scan_free(&journal.scan);

    /* Signed too long ago. */
    journal = (struct journal){.scan = log_scan_new(UINT64_MAX), .chain.next_seq = 1};
    journal_end(&journal, LOG_RESULT, 1, REASON_PERMITTED, 1);
    assert_int_equal(journal.found.past, 0);
    log_scan_free(&journal.scan);
}

/* What we never write, in a line of our form: somebody else did. */
static void test_strange_past(void **state)
{
    static const char *const changes[][2] = {
        {"\"outcome-unknown\"", "\"outcome-known\""},
        {"\"SERVFAIL\"", "\"SURFAIL\""},
        {"\"mac\":\"", "\"mac\":\"g"},
        {"\"time_signed\":", "\"time_signed\":-"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        struct journal journal;
        char line[4096];
        journal_open(&journal);
        journal_end(&journal, LOG_RESULT, 1, REASON_OUTCOME_UNKNOWN, 1);
        assert_false(journal.found.is_strange);
        text.chars[text.len - 1] = '\0';
        const char *at = strstr(text.chars, changes[i][0]);
        assert_non_null(at);
        int len = snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - text.chars),
                           text.chars, changes[i][1], at + strlen(changes[i][0]));
        journal_raw(&journal, line, (size_t)len);
        assert_case(changes[i][1], journal.found.torn == 0);
        assert_case(changes[i][1], journal.found.is_strange);
        log_scan_free(&journal.scan);
    }
}

static void journal_line(struct journal *journal, const struct log_line *line)
{
    write_line(&journal->chain, line);
    journal_raw(journal, text.chars, text.len - 1);
}

/* T-20: what an earlier start had forgotten. */
static void test_started_lines(void **state)
{
    struct journal journal;
    struct log_line line = {
        .event = LOG_STARTED, .time_us = TIME_US, .forgotten_us = INT64_MIN};

    (void)state;
    journal_open(&journal);
    journal_line(&journal, &line);
    assert_non_null(strstr(text.chars, "\"forgotten\":null,\"transactions\":0,\"prev"));
    assert_true(journal.found.has_beginning);
    assert_true(journal.found.forgotten_us == INT64_MIN);
    line.forgotten_us = TIME_US;
    journal_line(&journal, &line);
    line.forgotten_us = TIME_US - 1;
    journal_line(&journal, &line);
    assert_true(journal.found.forgotten_us == TIME_US);
    assert_true(journal.found.has_beginning); /* by the first line, whatever follows */
    assert_int_equal(journal.found.torn, 0);
    log_scan_free(&journal.scan);
}

/* L-4: the new file begins with all that the old one could still answer for. */
static void test_rotated_file(void **state)
{
    struct tsig_mac part = {.len = 24};
    const struct log_line rotated = {
        .event = LOG_ROTATED, .time_us = TIME_US, .carried = 2};
    const struct log_line rotated_without = {.event = LOG_ROTATED, .time_us = TIME_US};
    const struct log_line carried = {.event = LOG_CARRIED,
                                     .time_us = TIME_US,
                                     .host = "mx1.duckcorp.org",
                                     .full_mac = &part,
                                     .until_s = 1234,
                                     .reason = REASON_PERMITTED};
    struct journal journal;

    (void)state;
    journal_open(&journal);
    journal.chain.next_seq = 99;
    journal_line(&journal, &rotated);
    assert_int_equal(journal.found.chain.next_seq, 100);
    journal_line(&journal, &carried);
    assert_false(journal.found.has_beginning);
    part.octets[0] = 1;
    journal_line(&journal, &carried);
    assert_true(journal.found.has_beginning);
    assert_int_equal(journal.found.past, 2);
    struct log_past past = log_scan_past(journal.scan, 1);
    assert_int_equal(past.until_s, 1234);
    assert_int_equal(past.rcode, RCODE_NOERROR);
    assert_int_equal(past.mac.octets[0], 1);
    log_scan_free(&journal.scan);

    /* Any other line at the top of a file: something is missing before it. */
    journal_open(&journal);
    journal.chain.next_seq = 99;
    journal_line(&journal, &carried);
    assert_false(journal.found.has_beginning);
    journal_line(&journal, &rotated_without);
    assert_false(journal.found.has_beginning);
    log_scan_free(&journal.scan);
}

/* ---- values ---- */

static struct log_span span_of(const char *json)
{
    return (struct log_span){json, json != NULL ? strlen(json) : 0};
}

static void test_values(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {NULL, ""},
        {"null", ""},
        {"\"\"", ""},
        {"12", "12"},
        {"\"mx1\"", "mx1"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"\\u0041\\u001b[31m\"", "A?[31m"}, /* nothing that a terminal obeys */
        {"\"longer than seven\"", "longer "},
    };
    char chars[8];
    uint8_t octets[2];
    size_t len = 9;
    uint64_t number = 9;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(log_span_text(span_of(cases[i].json), chars, sizeof(chars)),
                            cases[i].text);
    assert_true(log_span_number(span_of("9223372036854775799"), &number));
    assert_false(log_span_number(span_of("9223372036854775808"), &number));
    assert_false(log_span_number(span_of("-1"), &number));
    assert_false(log_span_number(span_of("null"), &number));
    assert_false(log_span_number(span_of(NULL), &number));
    assert_true(log_span_hex(span_of("\"0aff\""), octets, sizeof(octets), &len));
    assert_int_equal(len, 2);
    assert_int_equal(octets[1], 0xff);
    assert_false(log_span_hex(span_of("\"0aff00\""), octets, sizeof(octets), &len));
    assert_false(log_span_hex(span_of("\"0g\""), octets, sizeof(octets), &len));
    assert_false(log_span_hex(span_of("\"0A\""), octets, sizeof(octets), &len));
    assert_false(log_span_hex(span_of("\"0af\""), octets, sizeof(octets), &len));
    assert_false(log_span_hex(span_of("\"0AFF\""), octets, sizeof(octets), &len));
    assert_false(log_span_hex(span_of(NULL), octets, sizeof(octets), &len));
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
        assert_int_equal(journal.found.torn, cut + 1);
        hash_hex(line, cut, hex);
        for (size_t i = 0; i < 32; i++)
            snprintf(prev + 2 * i, 3, "%02x", journal.found.chain.prev[i]);
        assert_string_equal(prev, hex);
    }
    assert_int_equal(journal.found.unresolved, 0);
    assert_int_equal(journal.found.chain.next_seq, 1);
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
        assert_case(cases[i].name, journal.found.torn == (cases[i].is_torn ? 1 : 0));
        log_scan_free(&journal.scan);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_of_nothing),
        cmocka_unit_test(test_scan_follows_the_chain),
        cmocka_unit_test(test_unresolved_intents),
        cmocka_unit_test(test_results_at_start_resolve),
        cmocka_unit_test(test_result_of_the_longest_intent),
        cmocka_unit_test(test_past_of_results),
        cmocka_unit_test(test_past_of_others),
        cmocka_unit_test(test_strange_past),
        cmocka_unit_test(test_started_lines),
        cmocka_unit_test(test_rotated_file),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_torn_lines),
        cmocka_unit_test(test_strange_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

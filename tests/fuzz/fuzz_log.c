/*
 * The audit log as it is found at start: any octets. What was left open gets its
 * results, and the file with them has nothing open and no torn line more.
 */
#include "fuzz.h"

#include <string.h>

#include "txn/log.h"
#include "txn/log_read.h"

#define RESULTS_MAX 64

const char fuzz_corpus[] = "log";

/* Whatever is a line of ours can be taken apart to the end. */
static void take_apart(const char *line, size_t len)
{
    struct log_record record;
    struct log_change change;
    char text[64];
    uint8_t octets[64];
    size_t octets_len;
    uint64_t number;

    if (log_read(line, len, &record) != RES_OK || record.changes.chars == NULL)
        return;
    FUZZ_CLAIM(strlen(log_span_text(record.host, text, sizeof(text))) < sizeof(text));
    if (log_span_number(record.time_signed, &number))
        FUZZ_CLAIM(number <= INT64_MAX);
    while (log_read_change(&record.changes, &change)) {
        FUZZ_CLAIM(change.op.len > 0 && change.rdata.len > 0);
        (void)log_span_text(change.original, text, sizeof(text));
        if (log_span_hex(change.rdata, octets, sizeof(octets), &octets_len))
            FUZZ_CLAIM(octets_len <= sizeof(octets));
    }
    FUZZ_CLAIM(record.changes.len <= 4); /* null, ], or [] */
}

static void feed(struct log_scan *scan, const char *chars, size_t len)
{
    while (len > 0) {
        const char *end = memchr(chars, '\n', len);
        size_t line_len = end == NULL ? len : (size_t)(end - chars);
        FUZZ_CLAIM(log_scan_line(scan, chars, line_len) == RES_OK);
        take_apart(chars, line_len);
        line_len += end != NULL;
        chars += line_len;
        len -= line_len;
    }
}

static void write_results(const struct log_scan *scan, size_t unresolved,
                          struct log_chain *chain, struct writer *w)
{
    for (size_t i = 0; i < unresolved; i++)
        FUZZ_CLAIM(log_scan_write_result(scan, i, chain, 1, w) == RES_OK);
    FUZZ_CLAIM(log_scan_write_result(scan, unresolved, chain, 1, w) == RES_EBUG);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct log_scan *scan = log_scan_new(0), *again = log_scan_new(0);
    struct log_found found, found_again;

    FUZZ_CLAIM(scan != NULL && again != NULL);
    feed(scan, (const char *)octets, len);
    log_scan_end(scan, &found);
    struct log_chain chain = found.chain;
    size_t unresolved = found.unresolved;
    for (size_t i = 0; i < found.past; i++)
        (void)log_scan_past(scan, i);
    size_t capacity = len + unresolved * 1024 + 1;
    struct writer w = writer_of(malloc(capacity), capacity);
    FUZZ_CLAIM(w.octets != NULL);
    /* The last number there is cannot be followed by another. */
    if (unresolved <= RESULTS_MAX && chain.next_seq < INT64_MAX - RESULTS_MAX) {
        write_results(scan, unresolved, &chain, &w);
        feed(again, (const char *)octets, len);
        feed(again, (const char *)w.octets, w.len);
        log_scan_end(again, &found_again);
        FUZZ_CLAIM(found_again.unresolved == 0 && found_again.torn == found.torn);
        FUZZ_CLAIM(memcmp(&chain, &found_again.chain, sizeof(chain)) == 0);
    }
    free(w.octets);
    log_scan_free(&scan);
    log_scan_free(&again);
    return 0;
}

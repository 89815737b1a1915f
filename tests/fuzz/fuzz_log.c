/*
 * The audit log as it is found at start: any octets. What was left open gets its
 * results, and the file with them has nothing open and no torn line more.
 */
#include "fuzz.h"

#include <string.h>

#include "txn/log.h"

#define RESULTS_MAX 64

const char fuzz_corpus[] = "log";

static void feed(struct log_scan *scan, const char *chars, size_t len)
{
    while (len > 0) {
        const char *end = memchr(chars, '\n', len);
        size_t line_len = end == NULL ? len : (size_t)(end - chars);
        FUZZ_CLAIM(log_scan_line(scan, chars, line_len) == RES_OK);
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
    struct log_scan *scan = log_scan_new(), *again = log_scan_new();
    struct log_chain chain, chain_again;
    size_t unresolved, torn, unresolved_again, torn_again;

    FUZZ_CLAIM(scan != NULL && again != NULL);
    feed(scan, (const char *)octets, len);
    log_scan_end(scan, &chain, &unresolved, &torn);
    size_t capacity = len + unresolved * 1024 + 1;
    struct writer w = writer_of(malloc(capacity), capacity);
    FUZZ_CLAIM(w.octets != NULL);
    /* The last number there is cannot be followed by another. */
    if (unresolved <= RESULTS_MAX && chain.next_seq < INT64_MAX - RESULTS_MAX) {
        write_results(scan, unresolved, &chain, &w);
        feed(again, (const char *)octets, len);
        feed(again, (const char *)w.octets, w.len);
        log_scan_end(again, &chain_again, &unresolved_again, &torn_again);
        FUZZ_CLAIM(unresolved_again == 0 && torn_again == torn);
        FUZZ_CLAIM(memcmp(&chain, &chain_again, sizeof(chain)) == 0);
    }
    free(w.octets);
    log_scan_free(&scan);
    log_scan_free(&again);
    return 0;
}

/*
 * One line of the audit log, taken apart. Floor 3. Only lines of exactly the form that
 * log.c writes are ours: that form has a fixed order and no recursion, so there is no
 * JSON library, and whatever was written by somebody else is told by its shape.
 *
 * Used by the gateway at its start and by `tsigate audit`, `tail` and `replay`.
 */
#ifndef TSIGATE_TXN_LOG_READ_H
#define TSIGATE_TXN_LOG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "txn/log.h"

/* A JSON value as it stands in the line: a string with its quotes, a number, null.
 * chars NULL: the line's event has no such field. */
struct log_span {
    const char *chars;
    size_t len;
};

struct log_record {
    enum log_event event;
    uint64_t seq;
    uint8_t prev[32];
    struct log_span time, gen, host;
    /* Requests and, as far as log.h says, carried ones. */
    struct log_span key, mac, time_signed, from, transport, zone;
    struct log_span changes; /* null, or the array: for log_read_change */
    struct log_span verdict, reason, rule, rcode, primary_rcode, latency_us, batch;
    struct log_span duplicates, rate_limited; /* LOG_SUPPRESSED */
    struct log_span forgotten, transactions;  /* LOG_STARTED */
    struct log_span carried;                  /* LOG_ROTATED */
    struct log_span until;                    /* LOG_CARRIED */
    struct log_span body;     /* of a request: from gen up to the end of changes */
    struct log_span identity; /* of a request: key and mac, in body */
};

struct log_change {
    struct log_span op, type, original, target, ttl_asked, ttl;
    struct log_span rdata; /* or its hash */
    bool is_hashed;
};

/* line is without its newline. RES_EFORMAT: not a line of ours. The spans point into
 * it. */
enum result log_read(const char *line, size_t len,
                     struct log_record *out) MUST_CHECK NONNULL;
/* Takes the next change out of record.changes, which log_read has accepted. false: no
 * more. */
bool log_read_change(struct log_span *changes, struct log_change *out) NONNULL;

bool log_span_is(struct log_span span, const char *json) MUST_CHECK NONNULL;
/* A string without quotes and escapes, NUL-terminated; other values as they stand; ""
 * where there is none. What no terminal should see stands as '?'. A text over capacity
 * is cut. Gives text back. */
const char *log_span_text(struct log_span span, char *text, size_t capacity) NONNULL;
/* false: not a number, or over 63 bits. */
bool log_span_number(struct log_span span, uint64_t *out) MUST_CHECK NONNULL;
/* false: not an even number of hexadecimal digits in quotes, or over capacity. */
bool log_span_hex(struct log_span span, uint8_t *out, size_t capacity,
                  size_t *out_len) MUST_CHECK NONNULL;

#endif

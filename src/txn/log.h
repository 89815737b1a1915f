/*
 * The audit log's lines, written and read back. Floor 3: text only; the file is
 * net/audit's. Rules L-1 to L-4, D9. The fields are a public interface (tsigated(8),
 * AUDIT LOG).
 */
#ifndef TSIGATE_TXN_LOG_H
#define TSIGATE_TXN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/outcome.h"
#include "base/sha256.h"
#include "policy/gate.h"
#include "txn/txn.h"

/* Where the chain of lines stands. */
struct log_chain {
    uint64_t next_seq;
    uint8_t prev[SHA256_OCTETS]; /* of the last line without its newline */
    struct sha256 *sha256;       /* the owner's; NULL: see sha256_hash */
};

enum log_event {
    LOG_INTENT, /* before a request is forwarded */
    LOG_RESULT, /* its end, or a refusal's only line */
    LOG_LATE,   /* the primary's answer to a request already answered outcome-unknown */
    LOG_SUPPRESSED, /* how many requests of a host wrote no line (L-1) */
    LOG_STARTED,    /* the gateway has started, and what it may have forgotten (T-20) */
    LOG_ROTATED,    /* first in a new file: how many carried lines follow (L-4) */
    LOG_CARRIED,    /* an entry of the transaction table, repeated from the old file */
    LOG_EVENTS,     /* not an event: their number */
};

/* "intent" ... "carried". */
const char *log_event_name(enum log_event event);

/* What a line tells. Pointers NULL and is_... false are written as null. */
struct log_line {
    enum log_event event;
    int64_t time_us;
    uint64_t generation;
    const char *host; /* presentation form */
    struct name key_name;
    const struct tsig_mac *full_mac;
    uint64_t time_signed_s;
    const struct addr *from;
    enum transport transport;
    const struct plan *plan; /* zone, changes, decisive, rule; NULL: none */
    enum reason reason;      /* intent: REASON_PERMITTED */
    enum rcode rcode;
    bool has_primary_rcode;
    enum rcode primary_rcode;
    int64_t latency_us; /* since the request was received */
    uint32_t batch;     /* requests in the message to the primary; 0: none was sent */
    uint64_t duplicates, rate_limited; /* LOG_SUPPRESSED */
    int64_t forgotten_us;  /* LOG_STARTED: as in struct txns; INT64_MIN: nothing */
    uint64_t transactions; /* LOG_STARTED: entries of the table that came back */
    uint64_t carried;      /* LOG_ROTATED */
    uint64_t until_s;      /* LOG_CARRIED, whose full_mac is the table's part of it */
};

/*
 * Appends the line with its newline to w and moves the chain on; who cannot get the
 * line into the file puts back a copy of the chain made before. RES_EMEM: does not fit;
 * RES_ECRYPTO; nothing is written then and the chain is as before.
 *
 * The verdict is about policy: `permitted` (also where the client's own prerequisite
 * failed: the gateway let it through and the primary answered), `refused`, or `failed`
 * for what ended in SERVFAIL. An intent has no rcode, latency_us and batch yet: null.
 * `from` is the address without its port. A suppressed line has only event, time, seq,
 * gen, host, duplicates, rate_limited and prev; started, rotated and carried ones have
 * event, time, seq, gen, prev and what stands at the end of struct log_line.
 */
enum result log_write_line(struct log_chain *chain, const struct log_line *line,
                           struct writer *w) MUST_CHECK NONNULL;
/* Whether a line that was written here tells whoever watches something: not an intent,
 * whose result will say the same and more, nor what is only carried over. */
bool log_is_news(const uint8_t *line, size_t len) NONNULL;
/* Octets that a line of this plan (NULL: none) takes at most: for sizing the writer. */
size_t log_line_octets(const struct plan *plan);

/*
 * Reads a file's lines back at start: the chain's end, intents that a crash left
 * without a result, and the requests that a retransmission could still name (D9). Feed
 * lines in order, without newline; a line that is not ours (torn) is counted and
 * chained as it is. Whether the chain is whole is not asked here: a line of the right
 * shape with a wrong seq or prev is not torn.
 */
struct log_scan;

/* A request that was forwarded, and how that ended. */
struct log_past {
    struct tsig_mac mac;    /* of a carried line: its first octets */
    const char *host;       /* presentation form; the scan's */
    uint64_t time_signed_s; /* 0: until_s tells */
    uint64_t until_s;       /* of a carried line */
    enum reason reason;
    enum rcode rcode;
};

struct log_found {
    struct log_chain chain;
    size_t unresolved;
    size_t torn;
    bool is_strange; /* a line of our form says what we never say */
    size_t past; /* for log_scan_past; an unresolved intent counts as outcome-unknown */
    /* Nothing is missing before the first line that was fed: it is the first of all, or
     * a rotated one with all that it carries. */
    bool has_beginning;
    int64_t forgotten_us; /* the latest of the started lines'; INT64_MIN: none */
};

/* Requests signed before signed_from_s are not remembered. */
struct log_scan *log_scan_new(uint64_t signed_from_s) MUST_CHECK;
void log_scan_free(struct log_scan **scan) NONNULL;
enum result log_scan_line(struct log_scan *scan, const char *line,
                          size_t len) MUST_CHECK NONNULL;
void log_scan_end(const struct log_scan *scan, struct log_found *out) NONNULL;
/* Of several about one request the last one holds. host NULL: pass it over. index <
 * past. */
struct log_past log_scan_past(const struct log_scan *scan, size_t index) NONNULL;
/* Octets that any of the lines below takes at most: for sizing the writer. An intent is
 * as long as its changes make it. */
size_t log_scan_result_octets(const struct log_scan *scan) NONNULL;
/* For each intent without a result, in order: the result line `failed`,
 * `outcome-unknown`, SERVFAIL (L-2), moving chain on. index < unresolved. RES_EMEM:
 * does not fit. */
enum result log_scan_write_result(const struct log_scan *scan, size_t index,
                                  struct log_chain *chain, int64_t time_us,
                                  struct writer *w) MUST_CHECK NONNULL;

#endif

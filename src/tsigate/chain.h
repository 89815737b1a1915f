/*
 * Whether the lines of an audit log hang together: fed one by one, in constant memory.
 * Floor 5; prints nothing, opens nothing. Rule L-4.
 *
 * Each line has a number and the hash of the line before it. From both together it can
 * be told what somebody did to the file: a number that is missing, one that stands
 * twice or too late, a hash that does not fit.
 */
#ifndef TSIGATE_TSIGATE_CHAIN_H
#define TSIGATE_TSIGATE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* Where a line stands. */
struct chain_place {
    size_t file;   /* the caller's number of it; they grow */
    uint64_t line; /* 1: the first */
};

enum chain_kind {
    CHAIN_TORN, /* not a line of ours; only at the very end does it break the chain */
    CHAIN_CHANGED,   /* what stands here is not what the next line was written after */
    CHAIN_DELETED,   /* lines are missing before this one */
    CHAIN_REORDERED, /* this one belongs further up */
    CHAIN_COPIED,    /* this one stands there twice */
    CHAIN_INSERTED,  /* another line has its number */
    CHAIN_NEW,       /* a new chain begins, which does not follow from what is above */
    CHAIN_CUT,       /* the file ends in a torn line, or before a line that was noted */
    CHAIN_REWRITTEN, /* a line that was noted is another one now */
};

struct chain_finding {
    enum chain_kind kind;
    struct chain_place place;
    uint64_t first, last;     /* numbers that it is about */
    struct chain_place other; /* the line that tells, or that it is a copy of */
};

/* A line that was noted when the log was verified before. */
struct chain_anchor {
    uint64_t seq; /* 0: none */
    uint8_t hash[32];
};

struct chain_summary {
    uint64_t lines; /* torn ones too */
    uint64_t torn;
    uint64_t findings; /* that break the chain; more than can be listed, perhaps */
    uint64_t first_seq, last_seq; /* 0: no line */
    uint8_t last_hash[32];        /* of the line last_seq */
};

#define CHAIN_FINDINGS 1000

struct chain;

/* NULL: no memory. */
struct chain *chain_new(const struct chain_anchor *anchor) MUST_CHECK NONNULL;
void chain_free(struct chain **chain) NONNULL;
/* The next line, without its newline; RES_ECRYPTO. */
enum result chain_line(struct chain *chain, struct chain_place place, const char *line,
                       size_t len) MUST_CHECK NONNULL;
/* After the last line. is_cut: that had no newline. */
void chain_end(struct chain *chain, bool is_cut, struct chain_summary *out) NONNULL;
/* In the order of the lines; NULL: no more. */
const struct chain_finding *chain_finding_at(const struct chain *chain,
                                             size_t index) NONNULL;
/* "torn", "changed", ... */
const char *chain_kind_name(enum chain_kind kind);

#endif

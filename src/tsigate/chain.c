#include "tsigate/chain.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "txn/log_read.h"

#define HASH_OCTETS 32
/* Lines that are remembered: what was moved or copied further than that is told by its
 * number alone. */
#define RECENT 4096
#define GAPS   256

struct recent {
    uint64_t seq; /* 0: none */
    struct chain_place place;
    uint8_t prev[HASH_OCTETS];
    uint8_t hash[HASH_OCTETS];
    uint8_t after[HASH_OCTETS]; /* of the last torn line behind it, else its own */
};

/* Numbers that have not come. */
struct gap {
    uint64_t first, last;
    struct chain_place place; /* of the line behind it */
    uint64_t torn;            /* lines that stand where they should */
    struct chain_place torn_place;
    bool is_before; /* before the first line: in an older file, if they do not come */
};

struct chain {
    struct chain_anchor anchor;
    bool is_anchor_seen;
    struct chain_summary summary;
    struct chain_place place; /* of the line at hand */
    struct recent *recent;    /* RECENT, by seq modulo that */
    uint64_t above;           /* seq of our line before the one at hand */
    uint64_t torn;            /* lines since then */
    struct chain_place torn_place;
    uint8_t torn_hash[HASH_OCTETS];
    struct gap gaps[GAPS];
    size_t gap_count;
    struct chain_finding findings[CHAIN_FINDINGS];
    size_t finding_count;
};

struct chain *chain_new(const struct chain_anchor *anchor)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return NULL;
    chain->anchor = *anchor;
    chain->recent = calloc(RECENT, sizeof *chain->recent);
    if (chain->recent == NULL)
        chain_free(&chain);
    return chain;
}

void chain_free(struct chain **chain)
{
    if (*chain != NULL)
        free((*chain)->recent);
    free(*chain);
    *chain = NULL;
}

/* ---- findings ---- */

static void find(struct chain *chain, const struct chain_finding *finding)
{
    if (finding->kind != CHAIN_TORN)
        chain->summary.findings++;
    if (chain->finding_count < CHAIN_FINDINGS)
        chain->findings[chain->finding_count++] = *finding;
}

static void find_about(struct chain *chain, enum chain_kind kind, uint64_t seq,
                       struct chain_place place, struct chain_place other)
{
    const struct chain_finding finding = {
        .kind = kind, .place = place, .first = seq, .last = seq, .other = other};
    find(chain, &finding);
}

/* ---- what is remembered ---- */

static struct recent *recent_of(const struct chain *chain, uint64_t seq)
{
    struct recent *recent = &chain->recent[seq % RECENT];
    return seq != 0 && recent->seq == seq ? recent : NULL;
}

static struct recent *remember(struct chain *chain, const struct log_record *record,
                               const uint8_t hash[HASH_OCTETS])
{
    struct recent *recent = &chain->recent[record->seq % RECENT];
    if (recent->seq > record->seq)
        return NULL; /* older than all that is remembered */
    recent->seq = record->seq;
    recent->place = chain->place;
    memcpy(recent->prev, record->prev, HASH_OCTETS);
    memcpy(recent->hash, hash, HASH_OCTETS);
    memcpy(recent->after, hash, HASH_OCTETS);
    return recent;
}

static bool is_same(const uint8_t a[HASH_OCTETS], const uint8_t b[HASH_OCTETS])
{
    return memcmp(a, b, HASH_OCTETS) == 0;
}

static bool is_zero(const uint8_t hash[HASH_OCTETS])
{
    static const uint8_t zeros[HASH_OCTETS];
    return is_same(hash, zeros);
}

/* ---- links ---- */

/* The line was written after the one with the number before. */
static void check_link(struct chain *chain, const struct recent *before,
                       const struct recent *line)
{
    if (!is_same(before->after, line->prev))
        find_about(chain, CHAIN_CHANGED, before->seq, before->place, line->place);
}

static void open_gap(struct chain *chain, uint64_t first, uint64_t last, bool is_before)
{
    const struct gap gap = {.first = first,
                            .last = last,
                            .place = chain->place,
                            .torn = chain->torn,
                            .torn_place = chain->torn_place,
                            .is_before = is_before};
    if (chain->gap_count < GAPS) {
        chain->gaps[chain->gap_count++] = gap;
        return;
    }
    const struct chain_finding finding = {.kind = CHAIN_DELETED,
                                          .place = gap.place,
                                          .first = first,
                                          .last = last,
                                          .other = gap.place};
    find(chain, &finding);
}

/* Takes a number out of the gap that it belongs in. */
static bool fill_gap(struct chain *chain, uint64_t seq, struct chain_place *out_place)
{
    for (size_t i = 0; i < chain->gap_count; i++) {
        struct gap *gap = &chain->gaps[i];
        if (seq < gap->first || seq > gap->last)
            continue;
        struct gap rest = *gap;
        *out_place = gap->place;
        gap->last = seq - 1;
        rest.first = seq + 1;
        if (gap->first > gap->last)
            *gap = rest;
        else if (rest.first <= rest.last && chain->gap_count < GAPS)
            chain->gaps[chain->gap_count++] = rest;
        return true;
    }
    return false;
}

/* What has not come will not come any more. Where torn lines stand in its place, these
 * are what has become of it. */
static void close_gaps(struct chain *chain)
{
    for (size_t i = 0; i < chain->gap_count; i++) {
        const struct gap *gap = &chain->gaps[i];
        if (gap->first > gap->last || gap->is_before)
            continue;
        bool is_torn = gap->torn > 0 && gap->torn == gap->last - gap->first + 1;
        const struct chain_finding finding = {
            .kind = is_torn ? CHAIN_CHANGED : CHAIN_DELETED,
            .place = is_torn ? gap->torn_place : gap->place,
            .first = gap->first,
            .last = gap->last,
            .other = gap->place,
        };
        find(chain, &finding);
    }
    chain->gap_count = 0;
}

/* ---- lines ---- */

/* The first line of a chain: of the first file, or of one that was begun anew. */
static void begin(struct chain *chain, const struct log_record *record,
                  const uint8_t hash[HASH_OCTETS])
{
    memset(chain->recent, 0, RECENT * sizeof *chain->recent);
    if (chain->summary.first_seq == 0)
        chain->summary.first_seq = record->seq;
    /* A torn line at the very top has no number, but its hash. */
    bool is_fit = chain->torn > 0 ? is_same(record->prev, chain->torn_hash)
                                  : (record->seq == 1) == is_zero(record->prev);
    if (!is_fit)
        find_about(chain, CHAIN_CHANGED, record->seq, chain->place, chain->place);
    if (record->seq > 1)
        open_gap(chain, 1, record->seq - 1, true);
    (void)remember(chain, record, hash);
    chain->summary.last_seq = record->seq;
}

/* A higher number than all before. */
static void go_on(struct chain *chain, const struct log_record *record,
                  const uint8_t hash[HASH_OCTETS])
{
    uint64_t expected = chain->summary.last_seq + 1;
    const struct recent *before = recent_of(chain, chain->summary.last_seq);
    const struct recent *line = remember(chain, record, hash);
    if (record->seq > expected)
        open_gap(chain, expected, record->seq - 1, false);
    else if (before != NULL && line != NULL)
        check_link(chain, before, line);
    chain->summary.last_seq = record->seq;
}

/* A number that should have come before. */
static void go_back(struct chain *chain, const struct log_record *record,
                    const uint8_t hash[HASH_OCTETS])
{
    const struct recent *same = recent_of(chain, record->seq);
    struct chain_place other = chain->place;
    if (chain->place.line == 1 && record->seq == 1 && is_zero(record->prev)) {
        close_gaps(chain);
        find_about(chain, CHAIN_NEW, 1, chain->place, chain->place);
        begin(chain, record, hash);
        return;
    }
    if (same != NULL) {
        find_about(chain, is_same(same->hash, hash) ? CHAIN_COPIED : CHAIN_INSERTED,
                   record->seq, chain->place, same->place);
        return;
    }
    if (!fill_gap(chain, record->seq, &other)) {
        find_about(chain, CHAIN_INSERTED, record->seq, chain->place, chain->place);
        return;
    }
    find_about(chain, CHAIN_REORDERED, record->seq, chain->place, other);
    const struct recent *line = remember(chain, record, hash);
    const struct recent *before = recent_of(chain, record->seq - 1);
    const struct recent *after = recent_of(chain, record->seq + 1);
    if (line != NULL && before != NULL)
        check_link(chain, before, line);
    if (line != NULL && after != NULL)
        check_link(chain, line, after);
}

static void take_torn(struct chain *chain, const uint8_t hash[HASH_OCTETS])
{
    struct recent *above = recent_of(chain, chain->above);
    if (chain->torn == 0)
        chain->torn_place = chain->place;
    chain->torn++;
    chain->summary.torn++;
    memcpy(chain->torn_hash, hash, HASH_OCTETS);
    if (above != NULL)
        memcpy(above->after, hash, HASH_OCTETS);
    find_about(chain, CHAIN_TORN, 0, chain->place, chain->place);
}

static void check_anchor(struct chain *chain, const struct log_record *record,
                         const uint8_t hash[HASH_OCTETS])
{
    if (record->seq != chain->anchor.seq || chain->anchor.seq == 0)
        return;
    chain->is_anchor_seen = true;
    if (!is_same(hash, chain->anchor.hash))
        find_about(chain, CHAIN_REWRITTEN, record->seq, chain->place, chain->place);
}

enum result chain_line(struct chain *chain, struct chain_place place, const char *line,
                       size_t len)
{
    uint8_t hash[HASH_OCTETS];
    struct log_record record;
    if (EVP_Digest(line, len, hash, NULL, EVP_sha256(), NULL) != 1)
        return RES_ECRYPTO;
    chain->summary.lines++;
    chain->place = place;
    if (log_read(line, len, &record) != RES_OK || record.seq == 0) {
        take_torn(chain, hash);
        return RES_OK;
    }
    check_anchor(chain, &record, hash);
    if (chain->summary.last_seq == 0)
        begin(chain, &record, hash);
    else if (record.seq > chain->summary.last_seq)
        go_on(chain, &record, hash);
    else
        go_back(chain, &record, hash);
    if (record.seq == chain->summary.last_seq)
        memcpy(chain->summary.last_hash, hash, HASH_OCTETS);
    chain->above = record.seq;
    chain->torn = 0;
    return RES_OK;
}

/* ---- the end ---- */

static int compare_findings(const void *a_at, const void *b_at)
{
    const struct chain_finding *a = a_at, *b = b_at;
    if (a->place.file != b->place.file)
        return a->place.file < b->place.file ? -1 : 1;
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    return 0;
}

/* By insertion: stable, and nearly sorted as they come. */
static void sort_findings(struct chain *chain)
{
    for (size_t i = 1; i < chain->finding_count; i++) {
        const struct chain_finding finding = chain->findings[i];
        size_t at = i;
        for (; at > 0 && compare_findings(&chain->findings[at - 1], &finding) > 0; at--)
            chain->findings[at] = chain->findings[at - 1];
        chain->findings[at] = finding;
    }
}

void chain_end(struct chain *chain, bool is_cut, struct chain_summary *out)
{
    close_gaps(chain);
    if (chain->torn > 0 || is_cut)
        find_about(chain, CHAIN_CUT, 0, chain->place, chain->place);
    if (chain->anchor.seq > chain->summary.last_seq)
        find_about(chain, CHAIN_CUT, chain->anchor.seq, chain->place, chain->place);
    else if (chain->anchor.seq >= chain->summary.first_seq && chain->anchor.seq != 0 &&
             !chain->is_anchor_seen)
        find_about(chain, CHAIN_REWRITTEN, chain->anchor.seq, chain->place,
                   chain->place);
    sort_findings(chain);
    *out = chain->summary;
}

const struct chain_finding *chain_finding_at(const struct chain *chain, size_t index)
{
    return index < chain->finding_count ? &chain->findings[index] : NULL;
}

const char *chain_kind_name(enum chain_kind kind)
{
    static const char *const names[] = {
        [CHAIN_TORN] = "torn",           [CHAIN_CHANGED] = "changed",
        [CHAIN_DELETED] = "deleted",     [CHAIN_REORDERED] = "reordered",
        [CHAIN_COPIED] = "copied",       [CHAIN_INSERTED] = "inserted",
        [CHAIN_NEW] = "new-chain",       [CHAIN_CUT] = "cut-off",
        [CHAIN_REWRITTEN] = "rewritten",
    };
    return names[kind];
}

/*
 * The transaction table: which signed requests were executed and how that ended, so
 * that a retransmission or a replay is answered and not executed (I4, T-19, T-22).
 * Floor 3. All memory is taken at start and at a reload that asks for another size;
 * nothing is evicted: full means refused.
 */
#ifndef TSIGATE_TXN_TXN_TABLE_H
#define TSIGATE_TXN_TXN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/result.h"
#include "dns/tsig.h"

struct txn;

/* The computed MAC covers the key's name: its first octets identify key and message. */
#define TXN_TABLE_ID_OCTETS 24

struct txn_entry {
    uint8_t id[TXN_TABLE_ID_OCTETS];
    uint32_t until_real_s; /* kept until both clocks have passed */
    uint32_t until_mono_s;
    uint32_t *host_count; /* the owner's number of entries; counted down at the end */
    struct txn *txn;      /* in progress; NULL: done */
    uint8_t reason;       /* enum reason, done */
    uint8_t rcode;        /* enum rcode, done */
    uint8_t is_used;
    uint32_t next_spare; /* of one that is not used */
};

struct txn_table;

/* NULL: no memory. */
struct txn_table *txn_table_new(size_t entries) MUST_CHECK;
void txn_table_free(struct txn_table **table) NONNULL;
/* From now on so many entries at most. All that are in it stay, be they more: then
 * nothing is entered before enough have gone. RES_EMEM: as before. */
enum result txn_table_resize(struct txn_table *table,
                             size_t entries) MUST_CHECK NONNULL;

/* NULL: not seen. The pointer holds until the next insert, remove or expire. */
struct txn_entry *txn_table_find(struct txn_table *table,
                                 const struct tsig_mac *full_mac) NONNULL;
/*
 * Enters a request in progress, or with txn NULL one that is done. *host_count goes up;
 * RES_ERANGE: the table is full, or the host has its eighth of it. RES_EEXISTS: it is
 * there. until_s: TimeSigned + max_fudge + slack; now of both clocks in seconds.
 */
enum result txn_table_insert(struct txn_table *table, const struct tsig_mac *full_mac,
                             uint32_t *host_count, struct txn *txn, uint64_t until_s,
                             int64_t now_real_s, int64_t now_mono_s) MUST_CHECK
    NONNULL_AT(1, 2, 3);
/* The upstream never received it: a retry may run. */
void txn_table_remove(struct txn_table *table, const struct tsig_mac *full_mac) NONNULL;
/* Looks at some entries (bounded work, a moving hand) and drops what both clocks have
 * passed and is not in progress. Inserting does a little of it by itself. */
void txn_table_expire(struct txn_table *table, size_t entries, int64_t now_real_s,
                      int64_t now_mono_s) NONNULL;
/* Walks all entries in no order: start with *cursor 0; NULL at the end. */
const struct txn_entry *txn_table_next(const struct txn_table *table,
                                       size_t *cursor) NONNULL;
size_t txn_table_count(const struct txn_table *table) NONNULL;

#endif

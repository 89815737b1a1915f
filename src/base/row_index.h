/*
 * From hashes to the numbers of rows that the caller has, four octets a slot: a table
 * of a million entries costs eight octets an entry. Floor 1a.
 *
 * It knows no keys: it gives the rows that may be meant, and the caller compares. A
 * slot has as many bits of the hash as the row's number leaves, so that in a table that
 * is nearly as large as the rows are many few others are given.
 */
#ifndef TSIGATE_BASE_ROW_INDEX_H
#define TSIGATE_BASE_ROW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

#define ROW_NONE UINT32_MAX

struct row_index {
    uint32_t *slots;   /* 0: free; else a row's number + 1, and bits of its hash */
    size_t capacity;   /* a power of two, at least twice the entries; or 0 */
    size_t count;      /* of entries */
    uint32_t row_mask; /* the bits of a slot that are the row's */
};

/* Room for count entries, if not more, each a row under rows or the entries that there
 * is room for. RES_EMEM. */
enum result row_index_open(struct row_index *index, size_t count,
                           size_t rows) MUST_CHECK NONNULL;
void row_index_close(struct row_index *index) NONNULL;
bool row_index_is_full(const struct row_index *index) MUST_CHECK NONNULL;
/* The index is not full. Entries of one hash come out as they went in. */
void row_index_add(struct row_index *index, uint32_t hash, uint32_t row) NONNULL;

/* A walk over the rows that one hash may mean. */
struct row_probe {
    uint32_t hash;
    uint32_t at;
};

static inline struct row_probe row_probe_of(uint32_t hash)
{
    return (struct row_probe){hash, hash};
}

/* Has the slots of a hash brought near, for who will soon look. */
static inline void row_index_prefetch(const struct row_index *index, uint32_t hash)
{
    if (index->capacity > 0)
        __builtin_prefetch(&index->slots[hash & (index->capacity - 1)]);
}

/* ROW_NONE: there are no more. */
uint32_t row_index_next(const struct row_index *index,
                        struct row_probe *probe) MUST_CHECK NONNULL;

#endif

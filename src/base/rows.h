/*
 * Rows of one size, by number, that stay where they are while more come: for tables too
 * large to move. Floor 1a. They are an arena's; nothing is removed.
 */
#ifndef TSIGATE_BASE_ROWS_H
#define TSIGATE_BASE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"

#define ROWS_PER_PAGE 256

struct rows {
    uint8_t **pages;
    size_t count;
    size_t row_len; /* octets */
    struct arena *arena;
};

/* No memory is taken yet. */
void rows_init(struct rows *rows, size_t row_len, struct arena *arena) NONNULL;
/* One row more, zeroed. NULL: no memory. */
void *rows_add(struct rows *rows) MUST_CHECK NONNULL;

/* row is under count. */
static inline void *rows_at(const struct rows *rows, size_t row)
{
    return rows->pages[row / ROWS_PER_PAGE] + row % ROWS_PER_PAGE * rows->row_len;
}

#endif

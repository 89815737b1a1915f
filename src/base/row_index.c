#include "base/row_index.h"

#include <assert.h>
#include <stdlib.h>

#include "base/pages.h"

#define FEWEST_SLOTS 16

/* Half of the slots stay free: a search that finds nothing then looks at two or three.
 */
static bool has_slots_for(size_t capacity, size_t count)
{
    return count <= capacity / 2;
}

enum result row_index_open(struct row_index *index, size_t count, size_t rows)
{
    size_t capacity = FEWEST_SLOTS;

    *index = (struct row_index){0};
    while (!has_slots_for(capacity, count)) {
        if (capacity > UINT32_MAX / 2)
            return RES_EMEM;
        capacity *= 2;
    }
    while (index->row_mask < rows || index->row_mask < capacity / 2)
        index->row_mask = index->row_mask << 1 | 1;
    index->slots = calloc(capacity, sizeof(*index->slots));
    if (index->slots == NULL)
        return RES_EMEM;
    pages_want_large(index->slots, capacity * sizeof(*index->slots));
    index->capacity = capacity;
    return RES_OK;
}

void row_index_close(struct row_index *index)
{
    free(index->slots);
    *index = (struct row_index){0};
}

bool row_index_is_full(const struct row_index *index)
{
    return !has_slots_for(index->capacity, index->count + 1);
}

static uint32_t slot_of(const struct row_index *index, uint32_t hash, uint32_t row)
{
    assert(row < index->row_mask);
    return (row + 1) | (hash & ~index->row_mask);
}

void row_index_add(struct row_index *index, uint32_t hash, uint32_t row)
{
    size_t mask = index->capacity - 1;
    size_t at = hash & mask;

    assert(!row_index_is_full(index));
    while (index->slots[at] != 0)
        at = (at + 1) & mask;
    index->slots[at] = slot_of(index, hash, row);
    index->count++;
}

uint32_t row_index_next(const struct row_index *index, struct row_probe *probe)
{
    if (index->count == 0)
        return ROW_NONE;
    for (;;) {
        uint32_t slot = index->slots[probe->at & (index->capacity - 1)];
        if (slot == 0)
            return ROW_NONE;
        probe->at++;
        if (((slot ^ probe->hash) & ~index->row_mask) == 0)
            return (slot & index->row_mask) - 1;
    }
}

/*
 * A flat hash table from octet strings to pointers (open addressing). Floor 1a.
 * Keys are borrowed: they live where the values live.
 */
#ifndef TSIGATE_BASE_MAP_H
#define TSIGATE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct map_slot;

struct map_table {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
};

struct map {
    struct map_table table;
    struct map_table outgrown; /* capacity 0: all that was in it has moved */
    size_t moved;              /* its slots up to here have nothing left */
    size_t count;
};

void map_init(struct map *map) NONNULL;
void map_fini(struct map *map) NONNULL; /* the values are not touched */
/* NULL: nothing of that key. */
void *map_get(const struct map *map, const void *key, size_t len) MUST_CHECK NONNULL;
/* RES_EEXISTS: the key is taken and its value stays. RES_EMEM. value is not NULL. */
enum result map_put(struct map *map, const void *key, size_t len,
                    void *value) MUST_CHECK NONNULL;
/* Takes the key out and gives its value; NULL: there was none. */
void *map_remove(struct map *map, const void *key, size_t len) NONNULL;
/* Walks all values in no order: start with *cursor 0; NULL at the end. What is put on
 * the way may hide some. */
void *map_next(const struct map *map, size_t *cursor) NONNULL;

#endif

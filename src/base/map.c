#include "base/map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pages.h"

/*
 * Linear probing, and removal by shifting back: no tombstones, so a table that lives
 * as long as the process does not silt up.
 *
 * A table that is full is outgrown, and each put moves some of its slots into the new
 * one: to move half a million at once takes 12 ms, in which a server is silent.
 * Nothing shifts in an outgrown table, where what has gone leaves a mark.
 */
struct map_slot {
    const void *key; /* the value's owner's */
    void *value;     /* NULL: free */
    uint32_t len;
    uint32_t hash;
};

#define FIRST_CAPACITY 16
/* All has moved long before the new table is full, which is after 3/4 as many puts as
 * the outgrown one has slots. */
#define MOVED_BY_PUT 8

static char gone; /* the mark: its address is no value's */

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_fini(struct map *map)
{
    free(map->table.slots);
    free(map->outgrown.slots);
    map_init(map);
}

static bool is_of(const struct map_slot *slot, const void *key, size_t len,
                  uint32_t hash)
{
    return slot->hash == hash && slot->value != &gone && slot->len == len &&
           memcmp(slot->key, key, len) == 0;
}

/* The slot that holds key, or the free one where it would go. */
static struct map_slot *find_slot(const struct map_table *table, const void *key,
                                  size_t len, uint32_t hash)
{
    size_t i = hash & (table->capacity - 1);

    while (table->slots[i].value != NULL && !is_of(&table->slots[i], key, len, hash))
        i = (i + 1) & (table->capacity - 1);
    return &table->slots[i];
}

/* NULL: it has nothing of that key. */
static struct map_slot *find_outgrown(const struct map *map, const void *key,
                                      size_t len, uint32_t hash)
{
    if (map->outgrown.capacity == 0)
        return NULL;
    struct map_slot *slot = find_slot(&map->outgrown, key, len, hash);
    return slot->value != NULL ? slot : NULL;
}

static void move_some(struct map *map, size_t slots)
{
    struct map_table *from = &map->outgrown;

    for (; slots > 0 && map->moved < from->capacity; slots--) {
        struct map_slot *slot = &from->slots[map->moved++];
        if (slot->value == NULL || slot->value == &gone)
            continue;
        *find_slot(&map->table, slot->key, slot->len, slot->hash) = *slot;
        slot->value = &gone;
    }
    if (map->moved == from->capacity) {
        free(from->slots);
        *from = (struct map_table){0};
        map->moved = 0;
    }
}

void *map_get(const struct map *map, const void *key, size_t len)
{
    if (map->count == 0)
        return NULL;
    uint32_t hash = hash_octets(key, len);
    void *value = find_slot(&map->table, key, len, hash)->value;
    if (value != NULL)
        return value;
    const struct map_slot *slot = find_outgrown(map, key, len, hash);
    return slot != NULL ? slot->value : NULL;
}

/* Room for one more: at most three quarters full, so that a free slot always ends a
 * search. */
static enum result make_room(struct map *map)
{
    size_t capacity = map->table.capacity;

    if (map->count < capacity / 4 * 3)
        return RES_OK;
    capacity = capacity == 0 ? FIRST_CAPACITY : 2 * capacity;
    struct map_slot *slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL)
        return RES_EMEM;
    pages_want_large(slots, capacity * sizeof(*slots));
    assert(map->outgrown.capacity == 0); /* see MOVED_BY_PUT */
    map->outgrown = map->table;
    map->table = (struct map_table){slots, capacity};
    return RES_OK;
}

enum result map_put(struct map *map, const void *key, size_t len, void *value)
{
    uint32_t hash = hash_octets(key, len);

    if (len > UINT32_MAX)
        return RES_EMEM;
    enum result res = make_room(map);
    if (res != RES_OK)
        return res;
    move_some(map, MOVED_BY_PUT);
    struct map_slot *slot = find_slot(&map->table, key, len, hash);
    if (slot->value != NULL || find_outgrown(map, key, len, hash) != NULL)
        return RES_EEXISTS;
    *slot = (struct map_slot){
        .key = key, .value = value, .len = (uint32_t)len, .hash = hash};
    map->count++;
    return RES_OK;
}

/* Fills the hole with what stands behind it and would not be found any more. */
static void close_hole(const struct map_table *table, size_t hole)
{
    size_t mask = table->capacity - 1;

    for (size_t i = (hole + 1) & mask; table->slots[i].value != NULL;
         i = (i + 1) & mask) {
        size_t home = table->slots[i].hash & mask;
        /* Moves back only where the hole lies on its way from home. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *map, const void *key, size_t len)
{
    if (map->count == 0)
        return NULL;
    uint32_t hash = hash_octets(key, len);
    struct map_slot *slot = find_slot(&map->table, key, len, hash);
    void *value = slot->value;
    if (value != NULL) {
        close_hole(&map->table, (size_t)(slot - map->table.slots));
        map->count--;
        return value;
    }
    slot = find_outgrown(map, key, len, hash);
    if (slot == NULL)
        return NULL;
    value = slot->value;
    slot->value = &gone;
    map->count--;
    return value;
}

/* As if the outgrown table stood behind the other. */
void *map_next(const struct map *map, size_t *cursor)
{
    const struct map_table *table = &map->table, *outgrown = &map->outgrown;

    while (*cursor < table->capacity + outgrown->capacity) {
        size_t at = (*cursor)++;
        void *value = at < table->capacity
                          ? table->slots[at].value
                          : outgrown->slots[at - table->capacity].value;
        if (value != NULL && value != &gone)
            return value;
    }
    return NULL;
}

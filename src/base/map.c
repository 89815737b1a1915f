#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pages.h"

/* Linear probing, and removal by shifting back: no tombstones, so a table that lives
 * as long as the process does not silt up. */
struct map_slot {
    const void *key; /* the value's owner's */
    void *value;     /* NULL: free */
    uint32_t len;
    uint32_t hash;
};

#define FIRST_CAPACITY 16

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_fini(struct map *map)
{
    free(map->slots);
    map_init(map);
}

/* The slot that holds key, or the free one where it would go. */
static size_t find_slot(const struct map *map, const void *key, size_t len,
                        uint32_t hash)
{
    size_t i = hash & (map->capacity - 1);

    for (;; i = (i + 1) & (map->capacity - 1)) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->value == NULL)
            return i;
        if (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0)
            return i;
    }
}

static enum result resize(struct map *map, size_t capacity)
{
    struct map old = *map;

    map->slots = calloc(capacity, sizeof(*map->slots));
    if (map->slots == NULL) {
        *map = old;
        return RES_EMEM;
    }
    pages_want_large(map->slots, capacity * sizeof(*map->slots));
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++) {
        const struct map_slot *slot = &old.slots[i];
        if (slot->value != NULL)
            map->slots[find_slot(map, slot->key, slot->len, slot->hash)] = *slot;
    }
    free(old.slots);
    return RES_OK;
}

/* At most three quarters full: a free slot always ends a search. */
static bool is_roomy(size_t capacity, size_t count)
{
    return count <= capacity / 4 * 3;
}

enum result map_reserve(struct map *map, size_t count)
{
    size_t capacity = map->capacity == 0 ? FIRST_CAPACITY : map->capacity;

    while (!is_roomy(capacity, count)) {
        if (capacity > SIZE_MAX / 2)
            return RES_EMEM;
        capacity *= 2;
    }
    return capacity == map->capacity ? RES_OK : resize(map, capacity);
}

void *map_get(const struct map *map, const void *key, size_t len)
{
    if (map->count == 0)
        return NULL;
    return map->slots[find_slot(map, key, len, hash_octets(key, len))].value;
}

enum result map_put(struct map *map, const void *key, size_t len, void *value)
{
    uint32_t hash = hash_octets(key, len);

    if (len > UINT32_MAX)
        return RES_EMEM;
    enum result res = map_reserve(map, map->count + 1);
    if (res != RES_OK)
        return res;
    struct map_slot *slot = &map->slots[find_slot(map, key, len, hash)];
    if (slot->value != NULL)
        return RES_EEXISTS;
    *slot = (struct map_slot){
        .key = key, .value = value, .len = (uint32_t)len, .hash = hash};
    map->count++;
    return RES_OK;
}

void *map_remove(struct map *map, const void *key, size_t len)
{
    if (map->count == 0)
        return NULL;
    size_t mask = map->capacity - 1;
    size_t hole = find_slot(map, key, len, hash_octets(key, len));
    void *value = map->slots[hole].value;
    if (value == NULL)
        return NULL;

    for (size_t i = (hole + 1) & mask; map->slots[i].value != NULL;
         i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        /* Moves back only where the hole lies on its way from home. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
    return value;
}

void *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *value = map->slots[(*cursor)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}

size_t map_octets(const struct map *map)
{
    return map->capacity * sizeof(struct map_slot);
}

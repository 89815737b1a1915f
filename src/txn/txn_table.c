/*
 * The entries lie side by side, and what one leaves is the next one's, so that a table
 * takes memory for as many as it ever held at once. Beside them an index by MAC: open
 * addressing with linear probes. Removal shifts the followers back instead of leaving a
 * mark, so a table that has been full for days is as quick as a new one.
 */
#include "txn/txn_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define HOST_SHARE             8    /* one host holds at most an eighth (T-22) */
#define INSERT_EXPIRES_ENTRIES 8    /* looked at by each insert */
#define FULL_EXPIRES_ENTRIES   1024 /* looked at before an insert is refused */

struct slot {
    uint32_t hash;
    uint32_t number; /* of its entry, from 1; 0: free */
};

struct txn_table {
    struct slot *slots;
    size_t slot_count;         /* a quarter more than entries: probes stay short */
    struct txn_entry *entries; /* numbers count from 1 */
    size_t most;               /* entries at most, in all */
    size_t touched;            /* so many were used at some time */
    uint32_t spare;            /* the first of these that is not now; 0: none */
    size_t count;
    size_t hand; /* where txn_table_expire goes on */
};

/* calloc: entries' pages that nothing has touched are not there yet. The index, whose
 * pages are touched in no order, asks for large ones. */
static enum result take_memory(struct txn_table *table, size_t most, size_t room)
{
    table->most = most;
    table->slot_count = room + room / 4 + 1;
    table->slots = calloc(table->slot_count, sizeof(*table->slots));
    table->entries = calloc(room, sizeof(*table->entries));
    if (table->slots == NULL || table->entries == NULL) {
        free(table->slots);
        free(table->entries);
        return RES_EMEM;
    }
    pages_want_large(table->slots, table->slot_count * sizeof(*table->slots));
    return RES_OK;
}

struct txn_table *txn_table_new(size_t entries)
{
    struct txn_table *table = calloc(1, sizeof(*table));

    if (table != NULL && take_memory(table, entries, entries) != RES_OK) {
        free(table);
        return NULL;
    }
    return table;
}

void txn_table_free(struct txn_table **table)
{
    if (*table != NULL) {
        free((*table)->slots);
        free((*table)->entries);
    }
    free(*table);
    *table = NULL;
}

static struct txn_entry *entry_at(const struct txn_table *table, size_t slot)
{
    return &table->entries[table->slots[slot].number - 1];
}

/* MACs are as good as random, so their first octets spread by themselves. A host that
 * computes MACs until some collide makes its own share slow, at 20 entries a second. */
static uint32_t hash_of(const uint8_t *id)
{
    uint32_t hash;

    memcpy(&hash, id, sizeof(hash));
    return hash;
}

static size_t home_of(const struct txn_table *table, uint32_t hash)
{
    return (size_t)((uint64_t)hash * table->slot_count >> 32);
}

static size_t next_slot(const struct txn_table *table, size_t at)
{
    return at + 1 < table->slot_count ? at + 1 : 0;
}

/* The slot of id, or the free one where it would go: one is always free. */
static size_t probe(const struct txn_table *table, const uint8_t *id)
{
    uint32_t hash = hash_of(id);
    size_t at = home_of(table, hash);

    for (; table->slots[at].number != 0; at = next_slot(table, at)) {
        if (table->slots[at].hash == hash &&
            memcmp(entry_at(table, at)->id, id, TXN_TABLE_ID_OCTETS) == 0)
            break;
    }
    return at;
}

/* An entry that is not used; its number, from 1. */
static uint32_t take_entry(struct txn_table *table)
{
    uint32_t number = table->spare;

    if (number == 0)
        return (uint32_t)++table->touched;
    table->spare = table->entries[number - 1].next_spare;
    return number;
}

/* One more, at the slot where its id goes. */
static void enter(struct txn_table *table, size_t at, const struct txn_entry *entry)
{
    uint32_t number = take_entry(table);

    table->entries[number - 1] = *entry;
    table->slots[at] = (struct slot){.hash = hash_of(entry->id), .number = number};
    table->count++;
}

enum result txn_table_resize(struct txn_table *table, size_t entries)
{
    struct txn_table grown = {0};
    const struct txn_entry *entry;
    size_t cursor = 0;

    if (entries == table->most)
        return RES_OK;
    if (take_memory(&grown, entries, entries > table->count ? entries : table->count) !=
        RES_OK)
        return RES_EMEM;
    while ((entry = txn_table_next(table, &cursor)) != NULL)
        enter(&grown, probe(&grown, entry->id), entry);
    free(table->slots);
    free(table->entries);
    *table = grown;
    return RES_OK;
}

struct txn_entry *txn_table_find(struct txn_table *table,
                                 const struct tsig_mac *full_mac)
{
    size_t at = probe(table, full_mac->octets);

    return table->slots[at].number != 0 ? entry_at(table, at) : NULL;
}

/* Whether an entry at slot `at` may move to `hole` before it: its home is not between
 * them, going round. */
static bool may_move(const struct txn_table *table, size_t hole, size_t at)
{
    size_t home = home_of(table, table->slots[at].hash);

    if (hole <= at)
        return home <= hole || home > at;
    return home <= hole && home > at;
}

static void remove_at(struct txn_table *table, size_t hole)
{
    uint32_t number = table->slots[hole].number;
    struct txn_entry *entry = entry_at(table, hole);

    (*entry->host_count)--;
    *entry = (struct txn_entry){.next_spare = table->spare};
    table->spare = number;
    table->count--;
    for (size_t at = next_slot(table, hole); table->slots[at].number != 0;
         at = next_slot(table, at)) {
        if (may_move(table, hole, at)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct slot){0};
}

void txn_table_expire(struct txn_table *table, size_t entries, int64_t now_real_s,
                      int64_t now_mono_s)
{
    for (size_t i = 0; i < entries && table->count > 0; i++) {
        if (table->hand >= table->touched)
            table->hand = 0;
        const struct txn_entry *entry = &table->entries[table->hand++];
        if (entry->is_used && entry->txn == NULL && entry->until_real_s < now_real_s &&
            entry->until_mono_s < now_mono_s)
            remove_at(table, probe(table, entry->id));
    }
}

static bool has_room(const struct txn_table *table, uint32_t host_count)
{
    size_t share = table->most / HOST_SHARE;

    return table->count < table->most && host_count < (share > 0 ? share : 1);
}

static uint32_t saturate(uint64_t seconds)
{
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

enum result txn_table_insert(struct txn_table *table, const struct tsig_mac *full_mac,
                             uint32_t *host_count, struct txn *txn, uint64_t until_s,
                             int64_t now_real_s, int64_t now_mono_s)
{
    uint64_t real_s = now_real_s > 0 ? (uint64_t)now_real_s : 0;
    uint64_t mono_s = now_mono_s > 0 ? (uint64_t)now_mono_s : 0;

    txn_table_expire(table, INSERT_EXPIRES_ENTRIES, now_real_s, now_mono_s);
    if (txn_table_find(table, full_mac) != NULL)
        return RES_EEXISTS;
    if (!has_room(table, *host_count))
        txn_table_expire(table, FULL_EXPIRES_ENTRIES, now_real_s, now_mono_s);
    if (!has_room(table, *host_count))
        return RES_ERANGE;

    struct txn_entry entry = {
        .until_real_s = saturate(until_s),
        .until_mono_s = saturate(until_s > real_s ? until_s - real_s + mono_s : mono_s),
        .host_count = host_count,
        .txn = txn,
        .is_used = true,
    };
    memcpy(entry.id, full_mac->octets, TXN_TABLE_ID_OCTETS);
    enter(table, probe(table, entry.id), &entry);
    (*host_count)++;
    return RES_OK;
}

void txn_table_remove(struct txn_table *table, const struct tsig_mac *full_mac)
{
    size_t at = probe(table, full_mac->octets);

    if (table->slots[at].number != 0)
        remove_at(table, at);
}

const struct txn_entry *txn_table_next(const struct txn_table *table, size_t *cursor)
{
    while (*cursor < table->touched) {
        const struct txn_entry *entry = &table->entries[(*cursor)++];
        if (entry->is_used)
            return entry;
    }
    return NULL;
}

size_t txn_table_count(const struct txn_table *table)
{
    return table->count;
}

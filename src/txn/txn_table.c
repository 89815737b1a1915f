/*
 * Open addressing with linear probes. Removal shifts the followers back instead of
 * leaving a mark, so a table that has been full for days is as quick as a new one.
 */
#include "txn/txn_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HOST_SHARE           8    /* one host holds at most an eighth (T-22) */
#define INSERT_EXPIRES_SLOTS 8    /* looked at by each insert */
#define FULL_EXPIRES_SLOTS   1024 /* looked at before an insert is refused */

struct txn_table {
    struct txn_entry *slots;
    size_t slot_count; /* a quarter more than entries: probes stay short */
    size_t entries;    /* that many at most */
    size_t count;
    size_t hand; /* where txn_table_expire goes on */
};

/* calloc: pages that no entry has touched are not there yet. */
static enum result take_slots(struct txn_table *table, size_t entries)
{
    table->slot_count = entries + entries / 4 + 1;
    table->slots = calloc(table->slot_count, sizeof(*table->slots));
    return table->slots != NULL ? RES_OK : RES_EMEM;
}

struct txn_table *txn_table_new(size_t entries)
{
    struct txn_table *table = calloc(1, sizeof(*table));

    if (table == NULL)
        return NULL;
    table->entries = entries;
    if (take_slots(table, entries) != RES_OK)
        txn_table_free(&table);
    return table;
}

void txn_table_free(struct txn_table **table)
{
    if (*table != NULL)
        free((*table)->slots);
    free(*table);
    *table = NULL;
}

/* MACs are as good as random, so their first octets spread by themselves. A host that
 * computes MACs until some collide makes its own share slow, at 20 entries a second. */
static size_t home_of(const struct txn_table *table, const uint8_t *id)
{
    uint64_t hash;

    memcpy(&hash, id, sizeof(hash));
    return (size_t)((unsigned __int128)hash * table->slot_count >> 64);
}

static size_t next_slot(const struct txn_table *table, size_t at)
{
    return at + 1 < table->slot_count ? at + 1 : 0;
}

/* The slot of id, or the free one where it would go: one is always free. */
static size_t probe(const struct txn_table *table, const uint8_t *id)
{
    size_t at = home_of(table, id);

    while (table->slots[at].is_used &&
           memcmp(table->slots[at].id, id, TXN_TABLE_ID_OCTETS) != 0)
        at = next_slot(table, at);
    return at;
}

enum result txn_table_resize(struct txn_table *table, size_t entries)
{
    struct txn_table grown = {.entries = entries, .count = table->count};

    if (entries == table->entries)
        return RES_OK;
    if (take_slots(&grown, entries > table->count ? entries : table->count) != RES_OK)
        return RES_EMEM;
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct txn_entry *entry = &table->slots[i];
        if (entry->is_used)
            grown.slots[probe(&grown, entry->id)] = *entry;
    }
    free(table->slots);
    *table = grown;
    return RES_OK;
}

struct txn_entry *txn_table_find(struct txn_table *table,
                                 const struct tsig_mac *full_mac)
{
    struct txn_entry *entry = &table->slots[probe(table, full_mac->octets)];

    return entry->is_used ? entry : NULL;
}

/* Whether an entry at slot `at` may move to `hole` before it: its home is not between
 * them, going round. */
static bool may_move(const struct txn_table *table, size_t hole, size_t at)
{
    size_t home = home_of(table, table->slots[at].id);

    if (hole <= at)
        return home <= hole || home > at;
    return home <= hole && home > at;
}

static void remove_at(struct txn_table *table, size_t hole)
{
    (*table->slots[hole].host_count)--;
    table->count--;
    for (size_t at = next_slot(table, hole); table->slots[at].is_used;
         at = next_slot(table, at)) {
        if (may_move(table, hole, at)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct txn_entry){.is_used = false};
}

void txn_table_expire(struct txn_table *table, size_t slots, int64_t now_real_s,
                      int64_t now_mono_s)
{
    for (size_t i = 0; i < slots && table->count > 0; i++) {
        const struct txn_entry *entry = &table->slots[table->hand];

        if (entry->is_used && entry->txn == NULL && entry->until_real_s < now_real_s &&
            entry->until_mono_s < now_mono_s)
            remove_at(table, table->hand); /* a follower may stand here now */
        else
            table->hand = next_slot(table, table->hand);
    }
}

static bool has_room(const struct txn_table *table, uint32_t host_count)
{
    size_t share = table->entries / HOST_SHARE;

    return table->count < table->entries && host_count < (share > 0 ? share : 1);
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

    txn_table_expire(table, INSERT_EXPIRES_SLOTS, now_real_s, now_mono_s);
    if (txn_table_find(table, full_mac) != NULL)
        return RES_EEXISTS;
    if (!has_room(table, *host_count))
        txn_table_expire(table, FULL_EXPIRES_SLOTS, now_real_s, now_mono_s);
    if (!has_room(table, *host_count))
        return RES_ERANGE;

    struct txn_entry *entry = &table->slots[probe(table, full_mac->octets)];
    *entry = (struct txn_entry){
        .until_real_s = saturate(until_s),
        .until_mono_s = saturate(until_s > real_s ? until_s - real_s + mono_s : mono_s),
        .host_count = host_count,
        .txn = txn,
        .is_used = true,
    };
    memcpy(entry->id, full_mac->octets, TXN_TABLE_ID_OCTETS);
    (*host_count)++;
    table->count++;
    return RES_OK;
}

void txn_table_remove(struct txn_table *table, const struct tsig_mac *full_mac)
{
    size_t at = probe(table, full_mac->octets);

    if (table->slots[at].is_used)
        remove_at(table, at);
}

const struct txn_entry *txn_table_next(const struct txn_table *table, size_t *cursor)
{
    while (*cursor < table->slot_count) {
        const struct txn_entry *entry = &table->slots[(*cursor)++];
        if (entry->is_used)
            return entry;
    }
    return NULL;
}

size_t txn_table_count(const struct txn_table *table)
{
    return table->count;
}

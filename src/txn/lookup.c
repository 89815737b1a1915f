/*
 * CNAME look-ups at the primary itself, and the cache of those that equalled the
 * binding. Rules C-6 to C-8, D7. A look-up can only cause a refusal, so nothing here
 * grants anything.
 */
#include "txn/txns.h"

#include <stdlib.h>
#include <string.h>

#include "dns/type.h"
#include "policy/lookup.h"

/* Entries of the cache; one that does not fit is asked for again. */
#define LOOKUP_CACHE_ENTRIES 65536

/* ---- the cache ---- */

static void cache_drop(struct txns *txns, struct cname_entry *entry)
{
    (void)map_remove(&txns->cname_by_original, entry->original.octets,
                     entry->original.len);
    TAILQ_REMOVE(&txns->cnames, entry, entry);
    free(entry);
}

/* All entries have the same time to live, so the oldest is always the first. */
static void cache_expire(struct txns *txns, struct txn_now now)
{
    struct cname_entry *entry;
    while ((entry = TAILQ_FIRST(&txns->cnames)) != NULL &&
           entry->until_us <= now.mono_us)
        cache_drop(txns, entry);
}

static bool cache_has(struct txns *txns, const struct lookup *lookup,
                      struct txn_now now)
{
    cache_expire(txns, now);
    const struct cname_entry *entry = map_get(
        &txns->cname_by_original, lookup->original.octets, lookup->original.len);
    return entry != NULL && name_equal(entry->target, lookup->target);
}

/* Without memory it is simply not remembered. */
static void cache_add(struct txns *txns, const struct lookup *lookup,
                      struct txn_now now)
{
    uint32_t cache_s = txns->snapshot->settings.cache_s;
    if (cache_s == 0 || txns->cname_by_original.count >= LOOKUP_CACHE_ENTRIES)
        return;
    struct cname_entry *entry =
        malloc(sizeof *entry + lookup->original.len + lookup->target.len);
    if (entry == NULL)
        return;
    uint8_t *octets = (uint8_t *)(entry + 1);
    memcpy(octets, lookup->original.octets, lookup->original.len);
    memcpy(octets + lookup->original.len, lookup->target.octets, lookup->target.len);
    entry->until_us = now.mono_us + (int64_t)cache_s * TXN_SECOND_US;
    entry->original = (struct name){octets, lookup->original.len};
    entry->target = (struct name){octets + lookup->original.len, lookup->target.len};
    if (map_put(&txns->cname_by_original, entry->original.octets, entry->original.len,
                entry) == RES_OK)
        TAILQ_INSERT_TAIL(&txns->cnames, entry, entry);
    else
        free(entry);
}

void lookup_forget(struct txns *txns)
{
    struct cname_entry *entry;
    while ((entry = TAILQ_FIRST(&txns->cnames)) != NULL)
        cache_drop(txns, entry);
}

/* ---- asking ---- */

static bool all_answered(const struct plan *plan)
{
    for (size_t i = 0; i < plan->lookup_count; i++) {
        if (plan->lookups[i].answer == LOOKUP_PENDING)
            return false;
    }
    return true;
}

/* Asks what was not asked yet. One that cannot be sent stays so; while the link is up
 * that means no memory, and the request ends at its deadline. */
static void ask_pending(struct txns *txns, struct txn *txn, struct txn_now now)
{
    for (size_t i = 0; i < txn->plan.lookup_count; i++) {
        const struct lookup *lookup = &txn->plan.lookups[i];
        if (lookup->answer != LOOKUP_PENDING || txn->lookups[i] != NULL)
            continue;
        if (exchange_ask(txns, LINK_QUERY, EXCHANGE_LOOKUP, txn->snapshot,
                         lookup->original, TYPE_CNAME, now,
                         &txn->lookups[i]) == RES_OK) {
            txn->lookups[i]->owner.txn = txn;
            txn->lookups[i]->lookup = i;
        }
    }
}

void lookup_start(struct txns *txns, struct txn *txn, struct txn_now now)
{
    for (size_t i = 0; i < txn->plan.lookup_count; i++) {
        struct lookup *lookup = &txn->plan.lookups[i];
        if (cache_has(txns, lookup, now))
            lookup->answer = LOOKUP_IS_TARGET;
    }
    if (all_answered(&txn->plan)) {
        txn_looked_up(txns, txn, now);
        return;
    }
    if (txns->links[LINK_QUERY].state == LINK_DOWN) {
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
        return;
    }
    txn->lookups = arena_array(&txn->arena, txn->plan.lookup_count, sizeof(void *));
    if (txn->lookups == NULL) {
        txn_refuse(txns, txn, REASON_UNDECIDED, now);
        return;
    }
    txn_set_state(txn, TXN_LOOKING_UP);
    ask_pending(txns, txn, now);
}

void lookup_cancel(struct txn *txn)
{
    for (size_t i = 0; txn->lookups != NULL && i < txn->plan.lookup_count; i++)
        exchange_disown(&txn->lookups[i]);
}

void lookup_on_link(struct txns *txns, struct txn_now now)
{
    struct txn *txn = TAILQ_FIRST(&txns->open);
    while (txn != NULL) {
        struct txn *next = TAILQ_NEXT(txn, open);
        bool is_waiting = txn->state == TXN_LOOKING_UP || txn->state == TXN_READING;
        if (is_waiting && txns->links[LINK_QUERY].state == LINK_DOWN)
            txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
        else if (txn->state == TXN_LOOKING_UP)
            ask_pending(txns, txn, now);
        else if (txn->state == TXN_READING && txn->read == NULL)
            read_start(txns, txn, now);
        txn = next;
    }
}

/* ---- the answer ---- */

void lookup_on_answer(struct txns *txns, struct txn *txn, size_t index,
                      const struct wire_msg *msg, struct txn_now now)
{
    struct lookup *lookup = &txn->plan.lookups[index];
    txn->lookups[index] = NULL;
    lookup->answer = lookup_read(msg, lookup, &txn->arena);
    if (lookup->answer == LOOKUP_IS_TARGET)
        cache_add(txns, lookup, now);
    if (all_answered(&txn->plan))
        txn_looked_up(txns, txn, now);
}

/*
 * CNAME look-ups at the primary itself, and the cache of those that equalled the
 * binding. Rules C-6 to C-8, D7. A look-up can only cause a refusal, so nothing here
 * grants anything.
 */
#include "txn/txns.h"

#include <stdlib.h>
#include <string.h>

#include "dns/type.h"

/* Entries of the cache; one that does not fit is asked for again. */
#define LOOKUP_CACHE_ENTRIES 65536

/* ---- the cache
 * ------------------------------------------------------------------------ */

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

/* ---- asking
 * ------------------------------------------------------------------------------ */

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

/* ---- the answer
 * --------------------------------------------------------------------------- */

/* C-6, C-7: what the answer section says of the original. Anything but exactly one
 * CNAME of it, without a DNAME beside, leads elsewhere. */
static enum lookup_answer judge_answers(const struct wire_msg *msg,
                                        struct lookup *lookup, struct arena *arena)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    unsigned cnames = 0;
    struct name_buf owner, target;
    for (unsigned i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        if (rr.type == TYPE_DNAME)
            return LOOKUP_OTHER;
        wire_owner(msg, &rr, &owner);
        if (rr.type != TYPE_CNAME || !name_equal(name_of(&owner), lookup->original))
            continue;
        size_t name_at = rr.rdata_at;
        if (rr.class != CLASS_IN ||
            wire_name(msg, &name_at, rr.end, true, &target) != RES_OK ||
            name_at != rr.end)
            return LOOKUP_FAILED;
        cnames++;
    }
    if (cnames == 0)
        return msg->header.counts[SECTION_PREREQUISITE] == 0 ? LOOKUP_NONE
                                                             : LOOKUP_FAILED;
    if (cnames == 1 && name_equal(name_of(&target), lookup->target))
        return LOOKUP_IS_TARGET;
    lookup->found = name_copy(arena, name_of(&target));
    return LOOKUP_OTHER;
}

static enum lookup_answer judge_answer(const struct wire_msg *msg,
                                       struct lookup *lookup, struct arena *arena)
{
    if (msg == NULL || (msg->header.flags & FLAG_AA) == 0)
        return LOOKUP_FAILED;
    if (msg->header.rcode == RCODE_NXDOMAIN)
        return msg->header.counts[SECTION_PREREQUISITE] == 0 ? LOOKUP_NONE
                                                             : LOOKUP_FAILED;
    if (msg->header.rcode != RCODE_NOERROR)
        return LOOKUP_FAILED;
    return judge_answers(msg, lookup, arena);
}

void lookup_on_answer(struct txns *txns, struct txn *txn, size_t index,
                      const struct wire_msg *msg, struct txn_now now)
{
    struct lookup *lookup = &txn->plan.lookups[index];
    txn->lookups[index] = NULL;
    lookup->answer = judge_answer(msg, lookup, &txn->arena);
    if (lookup->answer == LOOKUP_IS_TARGET)
        cache_add(txns, lookup, now);
    if (all_answered(&txn->plan))
        txn_looked_up(txns, txn, now);
}

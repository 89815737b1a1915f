/*
 * All requests together: made, told the time, given a new snapshot, freed.
 */
#include "txn/txns.h"

#include <stdlib.h>
#include <string.h>

#define TXN_SUPPRESSED_US (60 * (int64_t)TXN_SECOND_US)
/* Entries of the table looked at on each tick. */
#define TXN_EXPIRE_ENTRIES 4096

/* ---- the whole ---- */

static void init_lists(struct txns *txns)
{
    TAILQ_INIT(&txns->open);
    TAILQ_INIT(&txns->held);
    TAILQ_INIT(&txns->writing);
    TAILQ_INIT(&txns->written);
    TAILQ_INIT(&txns->syncing);
    TAILQ_INIT(&txns->spares);
    TAILQ_INIT(&txns->queues);
    TAILQ_INIT(&txns->soas);
    TAILQ_INIT(&txns->cnames);
    TAILQ_INIT(&txns->hostless.open);
    TAILQ_INIT(&txns->untold);
    map_init(&txns->queue_by_zone);
    map_init(&txns->principals);
    map_init(&txns->keys);
    map_init(&txns->soa_by_zone);
    map_init(&txns->cname_by_original);
    for (unsigned i = 0; i < LINKS; i++) {
        TAILQ_INIT(&txns->links[i].exchanges);
        map_init(&txns->links[i].by_id);
        /* Nobody has said yet that the primary is away. */
        txns->links[i].state = LINK_CONNECTING;
    }
}

/* D9: one request of the last runs comes back into the table. */
static enum result recall(struct txns *txns, const struct log_past *past,
                          struct txn_now now)
{
    struct name_buf host;
    uint64_t until_s =
        past->time_signed_s + txns->snapshot->settings.max_fudge_s + TXN_TABLE_SLACK_S;
    if (past->until_s > 0)
        until_s = past->until_s;
    if ((int64_t)until_s < now.real_us / TXN_SECOND_US)
        return RES_OK; /* nobody believes its time any more */
    enum result res = name_from_text(past->host, strlen(past->host), &host);
    if (res != RES_OK)
        return res;
    struct principal *principal = principal_named(txns, name_of(&host));
    if (principal == NULL)
        return RES_EMEM;
    res = txn_table_insert(txns->table, &past->mac, &principal->transactions, NULL,
                           until_s, now.real_us / TXN_SECOND_US,
                           now.mono_us / TXN_SECOND_US);
    struct txn_entry *entry = txn_table_find(txns->table, &past->mac);
    if (entry == NULL)
        return res;
    entry->reason =
        (uint8_t)past->reason; /* the later word about it, if it was there */
    entry->rcode = (uint8_t)past->rcode;
    return RES_OK;
}

static bool recall_all(struct txns *txns, const struct log_scan *scan,
                       struct txn_now now)
{
    struct log_found found;
    bool is_whole = true;
    log_scan_end(scan, &found);
    for (size_t i = 0; i < found.past; i++) {
        const struct log_past past = log_scan_past(scan, i);
        if (past.host != NULL && recall(txns, &past, now) != RES_OK)
            is_whole = false;
    }
    return is_whole;
}

/* T-20: the table of the last run, or the rule that makes up for it. */
static void recover(struct txns *txns, const struct txn_journal *journal,
                    struct txn_now now)
{
    struct log_found found = {.forgotten_us = INT64_MIN};
    txns->forgotten_us = now.real_us;
    if (journal->is_first_start)
        txns->forgotten_us = INT64_MIN;
    if (journal->past != NULL) {
        log_scan_end(journal->past, &found);
        if (recall_all(txns, journal->past, now))
            txns->forgotten_us = journal->booted_us;
    }
    if (found.forgotten_us > txns->forgotten_us)
        txns->forgotten_us = found.forgotten_us;
    journal_write_started(txns, txn_table_count(txns->table), now);
}

struct txns *txns_new(const struct txn_ports *ports, struct snapshot *snapshot,
                      const struct txn_journal *journal, struct txn_now now)
{
    struct txns *txns = calloc(1, sizeof *txns);
    if (txns == NULL)
        return NULL;
    init_lists(txns);
    txns->ports = *ports;
    txns->snapshot = snapshot_hold(snapshot);
    txns->chain.next_seq = journal->next_seq;
    memcpy(txns->chain.prev, journal->prev, sizeof txns->chain.prev);
    txns->chain.sha256 = sha256_new(); /* NULL only takes longer */
    txns->written_chain = txns->chain;
    txns->start_real_us = now.real_us;
    txns->highest_real_us = now.real_us;
    txns->suppressed_us = now.mono_us + TXN_SUPPRESSED_US;
    uint64_t seed = 0;
    for (int i = 0; i < 4; i++)
        seed = seed << 16 | ports->random_id(ports->arg);
    txns->errors = prefix_buckets_new(seed);
    txns->table = txn_table_new(snapshot->settings.limits.transactions);
    if (txns->errors == NULL || txns->table == NULL) {
        txns_free(&txns);
        return NULL;
    }
    recover(txns, journal, now);
    soa_set_zones(txns, now);
    return txns;
}

void txns_free(struct txns **txns_at)
{
    struct txns *txns = *txns_at;
    struct txn *txn;
    if (txns == NULL)
        return;
    exchanges_fini(txns);
    batch_fini(txns);
    TAILQ_CONCAT(&txns->written, &txns->writing, queue);
    while ((txn = TAILQ_FIRST(&txns->open)) != NULL) {
        TAILQ_REMOVE(&txns->open, txn, open);
        if (txn->state == TXN_WRITING)
            TAILQ_REMOVE(&txns->written, txn, queue);
        if (txn->state == TXN_SYNCING)
            TAILQ_REMOVE(&txns->syncing, txn, queue);
        txn_close(txns, txn);
    }
    while ((txn = TAILQ_FIRST(&txns->syncing)) != NULL) {
        TAILQ_REMOVE(&txns->syncing, txn, queue);
        txn_close(txns, txn);
    }
    while ((txn = TAILQ_FIRST(&txns->spares)) != NULL) {
        TAILQ_REMOVE(&txns->spares, txn, queue);
        arena_fini(&txn->arena);
        free(txn);
    }
    lookup_forget(txns);
    map_fini(&txns->cname_by_original);
    for (struct soa *soa = TAILQ_FIRST(&txns->soas); soa != NULL;
         soa = TAILQ_NEXT(soa, entry))
        soa->exchange = NULL; /* freed above */
    soa_fini(txns);
    principals_fini(txns);
    txn_table_free(&txns->table);
    prefix_buckets_free(&txns->errors);
    snapshot_release(&txns->snapshot);
    free(txns->lines.octets);
    sha256_free(&txns->chain.sha256);
    free(txns);
    *txns_at = NULL;
}

/* The table holds requests for as long as the window was when they came (T-19); where
 * it gets wider, the ones from before that are not in it must stay outside. */
static void note_window(struct txns *txns, const struct settings *settings,
                        struct txn_now now)
{
    uint32_t fudge_s = txns->snapshot->settings.max_fudge_s;
    int64_t covered_us = now.real_us - (int64_t)fudge_s * TXN_SECOND_US;

    if (settings->max_fudge_s > fudge_s && covered_us > txns->horizon_us)
        txns->horizon_us = covered_us;
}

void txns_set_snapshot(struct txns *txns, struct snapshot *snapshot, struct txn_now now)
{
    struct snapshot *before = txns->snapshot;
    note_window(txns, &snapshot->settings, now);
    txns->snapshot = snapshot_hold(snapshot);
    snapshot_release(&before);
    lookup_forget(txns);
    principals_purge(txns);
    if (txn_table_resize(txns->table, snapshot->settings.limits.transactions) != RES_OK)
        journal_log(txns, LEVEL_WARNING,
                    "event=table-not-resized why=\"no memory: limits.transactions "
                    "stays what it was\"");
    soa_set_zones(txns, now);
}

void txns_drain(struct txns *txns)
{
    txns->is_draining = true;
}

bool txns_is_idle(const struct txns *txns)
{
    return TAILQ_EMPTY(&txns->open);
}

int64_t txns_forget_by_s(const struct txns *txns, struct txn_now now)
{
    int64_t real_us =
        now.real_us < txns->highest_real_us ? now.real_us : txns->highest_real_us;
    return real_us / TXN_SECOND_US;
}

void txn_on_time(struct txns *txns, struct txn_now now)
{
    struct txn *txn;
    txns_flush(txns, now);
    while ((txn = TAILQ_FIRST(&txns->open)) != NULL &&
           txn_deadline_us(txn) <= now.mono_us) {
        txn_expire(txns, txn, now);
        txns_flush(txns, now);
    }
    exchange_on_time(txns, now);
    soa_on_time(txns, now);
    principals_on_time(txns);
    txn_table_expire(txns->table, TXN_EXPIRE_ENTRIES, txns_forget_by_s(txns, now),
                     now.mono_us / TXN_SECOND_US);
    if (txns->suppressed_us <= now.mono_us)
        txns->suppressed_us =
            now.mono_us + (journal_write_suppressed(txns, now) ? 1 : TXN_SUPPRESSED_US);
    batch_pump(txns, now);
    order_release(txns, now);
    txns_flush(txns, now);
}

int64_t txns_wake_us(const struct txns *txns)
{
    if (txns->purge.is_under_way)
        return 1; /* at once: long past */
    int64_t wake_us = txns->suppressed_us;
    int64_t others[] = {exchange_wake_us(txns), soa_wake_us(txns)};
    if (!TAILQ_EMPTY(&txns->open) &&
        txn_deadline_us(TAILQ_FIRST(&txns->open)) < wake_us)
        wake_us = txn_deadline_us(TAILQ_FIRST(&txns->open));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] < wake_us)
            wake_us = others[i];
    }
    return wake_us;
}

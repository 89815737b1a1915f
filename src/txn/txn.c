/*
 * The life of a request: judged, forwarded, recorded, answered. Rules P9, P10, P15 to
 * P17, T-13, T-19 to T-22, R-3, R-4, F-5, I3, I4, I5, I8.
 */
#include "txn/txns.h"

#include <assert.h>
#include <stdlib.h>

#include "policy/explain.h"

/* ---- states ---- */

#define FROM(state) (1u << (state))

/* From which states each state may be entered. */
static const unsigned may_follow[TXN_STATES] = {
    [TXN_SPARE] = ~0u,
    [TXN_OPEN] = FROM(TXN_SPARE),
    [TXN_LOOKING_UP] = FROM(TXN_OPEN),
    [TXN_HELD] = FROM(TXN_OPEN) | FROM(TXN_LOOKING_UP),
    [TXN_QUEUED] =
        FROM(TXN_OPEN) | FROM(TXN_LOOKING_UP) | FROM(TXN_HELD) | FROM(TXN_SENT),
    [TXN_SENT] = FROM(TXN_QUEUED),
    [TXN_WRITING] = FROM(TXN_OPEN) | FROM(TXN_LOOKING_UP) | FROM(TXN_HELD) |
                    FROM(TXN_QUEUED) | FROM(TXN_SENT),
    [TXN_SYNCING] = FROM(TXN_WRITING),
    [TXN_READING] = FROM(TXN_OPEN),
    [TXN_LATE] = FROM(TXN_SENT),
    [TXN_SYNCING_LATE] = FROM(TXN_SYNCING) | FROM(TXN_LATE),
};

void txn_set_state(struct txn *txn, enum txn_state state)
{
    assert((may_follow[state] & FROM(txn->state)) != 0);
    txn->state = state;
}

int64_t txn_deadline_us(const struct txn *txn)
{
    return txn->received.mono_us + TXN_ANSWER_US;
}

static bool is_update(const struct txn *txn)
{
    return txn->form.opcode == OPCODE_UPDATE;
}

/* ---- memory ---- */

static struct txn *take_spare(struct txns *txns)
{
    struct txn *txn = TAILQ_FIRST(&txns->spares);
    if (txn != NULL) {
        TAILQ_REMOVE(&txns->spares, txn, queue);
        txns->spare_count--;
        return txn;
    }
    txn = calloc(1, sizeof *txn);
    if (txn != NULL)
        arena_init(&txn->arena, TXN_ARENA_CHUNK, TXN_ARENA_LIMIT);
    return txn;
}

static void give_spare(struct txns *txns, struct txn *txn)
{
    arena_reset(&txn->arena);
    if (txns->spare_count >= TXN_SPARES) {
        arena_fini(&txn->arena);
        free(txn);
        return;
    }
    TAILQ_INSERT_HEAD(&txns->spares, txn, queue);
    txns->spare_count++;
}

/* A new request: whatever the struct held of the one before it is gone. */
struct txn *txn_begin(struct txns *txns, const struct gate_inquiry *inquiry, size_t len,
                      const struct txn_client *client, struct txn_now now)
{
    struct txn *txn = take_spare(txns);
    if (txn == NULL)
        return NULL;
    *txn = (struct txn){
        .arena = txn->arena,
        .snapshot = snapshot_hold(txns->snapshot),
        .verified = inquiry->verified,
        .first = {.client = *client, .id = inquiry->header.id},
        .received = now,
        .request_len = len,
        .merge_limit = UINT32_MAX,
    };
    reply_form_init(&txn->form, inquiry, &txn->arena);
    txn_set_state(txn, TXN_OPEN);
    TAILQ_INSERT_TAIL(&txns->open, txn, open);
    txns->open_count++;
    return txn;
}

void txn_close(struct txns *txns, struct txn *txn)
{
    txn_set_state(txn, TXN_SPARE);
    snapshot_release(&txn->snapshot);
    give_spare(txns, txn);
}

/* ---- answering ---- */

/* One copy's answer. The header ID is that copy's own (T-12). */
static void send_one(struct txns *txns, const struct txn *txn,
                     const struct txn_waiter *waiter, const struct reply *reply,
                     struct txn_now now)
{
    static const struct gate_claimed nothing;
    struct reply_form form = txn->form;
    struct writer w = writer_of(txns->out, sizeof txns->out);
    size_t limit = reply_limit(&form, waiter->client.transport);
    enum result res;
    form.id = waiter->id;
    if (!txn->verified.is_verified && waiter->client.transport == TRANSPORT_UDP &&
        limit > txn->request_len)
        limit = txn->request_len; /* I7 */
    if (txn->verified.is_verified)
        res = reply_build_signed(&form, &txn->verified, reply,
                                 now.real_us / TXN_SECOND_US, limit, &w);
    else
        res = reply_build_unsigned(&form, &nothing, reply, limit, &w);
    /* Length 0: there is nothing to say, but nobody waits any more. */
    txns->ports.send_client(txns->ports.arg, &waiter->client, w.octets,
                            res == RES_OK ? w.len : 0);
}

static void send_all(struct txns *txns, const struct txn *txn,
                     const struct reply *reply, struct txn_now now)
{
    const struct txn_waiter *waiter;
    for (waiter = &txn->first; waiter != NULL; waiter = waiter->next)
        send_one(txns, txn, waiter, reply, now);
    txns->by_reason[reply->reason]++;
}

/* From here on a copy gets this answer and nothing is executed (T-19). */
static void record(struct txns *txns, const struct txn *txn, enum reason reason,
                   enum rcode rcode)
{
    struct txn_entry *entry =
        txn->is_in_table ? txn_table_find(txns->table, &txn->verified.full_mac) : NULL;
    if (entry == NULL)
        return;
    entry->txn = NULL;
    entry->reason = (uint8_t)reason;
    entry->rcode = (uint8_t)rcode;
}

static void leave_place(struct txn *txn)
{
    if (txn->host == NULL)
        return;
    TAILQ_REMOVE(&txn->host->open, txn, of_host);
    txn->host->waiting--;
    txn->host = NULL;
}

/* Nobody waits for this request any more. */
static void leave_open(struct txns *txns, struct txn *txn)
{
    TAILQ_REMOVE(&txns->open, txn, open);
    txns->open_count--;
    if (txns->opening == txn)
        txns->opening = NULL;
    leave_place(txn);
}

static void answer(struct txns *txns, struct txn *txn, struct txn_now now)
{
    char text[LIMIT_REASON_OCTETS + 1];
    struct writer w = writer_of((uint8_t *)text, LIMIT_REASON_OCTETS);
    struct reply reply = {.reason = txn->plan.reason, .rcode = txn->rcode};
    explain_reason(&txn->plan, &w);
    text[w.len] = '\0';
    if (txn->snapshot->settings.explain_refusals)
        reply.text = text;
    record(txns, txn, txn->plan.reason, txn->rcode);
    if (is_update(txn))
        journal_log_txn(txns, txn, now);
    send_all(txns, txn, &reply, now);
    leave_open(txns, txn);
}

void txn_answer_query(struct txns *txns, struct txn *txn, const struct reply *reply,
                      struct txn_now now)
{
    exchange_disown(&txn->read);
    send_all(txns, txn, reply, now);
    leave_open(txns, txn);
    txn_close(txns, txn);
}

/* ---- the end ---- */

static bool wants_sync(const struct txn *txn)
{
    return txn->rcode == RCODE_NOERROR && txn->snapshot->settings.audit_sync;
}

static void start_sync(struct txns *txns, struct txn *txn, enum txn_state state)
{
    txn_set_state(txn, state);
    txn->sync_token = txns->last_token + 1;
    TAILQ_INSERT_TAIL(&txns->syncing, txn, queue);
    txns->wants_sync = true;
}

void txn_deny_unwritten(struct txn *txn)
{
    txn->plan.reason = REASON_AUDIT_UNAVAILABLE;
    txn->rcode = RCODE_SERVFAIL;
}

static void written(struct txns *txns, struct txn *txn, struct txn_now now)
{
    if (wants_sync(txn)) {
        start_sync(txns, txn, TXN_SYNCING);
        return;
    }
    answer(txns, txn, now);
    txn_close(txns, txn);
}

/* L-2: one write and one sync for all the requests of a merged message. */
void txns_flush(struct txns *txns, struct txn_now now)
{
    struct txn *txn;
    (void)journal_commit(txns);
    while ((txn = TAILQ_FIRST(&txns->written)) != NULL) {
        TAILQ_REMOVE(&txns->written, txn, queue);
        written(txns, txn, now);
    }
    if (txns->wants_sync)
        txns->ports.audit_sync(txns->ports.arg, ++txns->last_token);
    txns->wants_sync = false;
}

static enum result write_now(struct txns *txns, const struct txn *txn,
                             enum log_event event, struct txn_now now)
{
    enum result res = journal_write(txns, txn, event, now);
    return res == RES_OK ? journal_commit(txns) : res;
}

/* F-5: the primary has answered after we did. The truth goes to the audit, and, once it
 * is on disk, into the table, where a retransmission finds it. */
static void settle_late(struct txns *txns, struct txn *txn, struct txn_now now)
{
    bool is_known = txn->plan.reason != REASON_OUTCOME_UNKNOWN;
    if (is_known)
        txns->late++;
    if (!is_known || write_now(txns, txn, LOG_LATE, now) != RES_OK) {
        txn_close(txns, txn);
        return;
    }
    if (wants_sync(txn)) {
        start_sync(txns, txn, TXN_SYNCING_LATE);
        return;
    }
    record(txns, txn, txn->plan.reason, txn->rcode);
    txn_close(txns, txn);
}

/* F-5: nobody knows yet what the primary does with it. */
static void settle_sent(struct txns *txns, struct txn *txn, struct txn_now now)
{
    if (write_now(txns, txn, LOG_RESULT, now) != RES_OK)
        txn_deny_unwritten(txn);
    answer(txns, txn, now);
    txn_set_state(txn, TXN_LATE);
}

/* The answer follows when the line is in the file. Who waits for no more than that has
 * left its place to the next request. */
static void settle_update(struct txns *txns, struct txn *txn, struct txn_now now)
{
    if (journal_write(txns, txn, LOG_RESULT, now) != RES_OK)
        txn_deny_unwritten(txn);
    if (!wants_sync(txn))
        leave_place(txn);
    txn_set_state(txn, TXN_WRITING);
    TAILQ_INSERT_TAIL(&txns->writing, txn, queue);
}

void txn_settle(struct txns *txns, struct txn *txn, enum reason reason,
                enum rcode rcode, struct txn_now now)
{
    lookup_cancel(txn);
    exchange_disown(&txn->read);
    txn->plan.reason = reason;
    txn->rcode = rcode;
    if (txn->state == TXN_LATE) {
        settle_late(txns, txn, now);
    } else if (txn->batch != NULL) {
        settle_sent(txns, txn, now);
    } else if (is_update(txn)) {
        settle_update(txns, txn, now);
    } else {
        answer(txns, txn, now);
        txn_close(txns, txn);
    }
}

void txn_refuse(struct txns *txns, struct txn *txn, enum reason reason,
                struct txn_now now)
{
    txn_settle(txns, txn, reason, outcome_of(reason)->rcode, now);
}

static void synced(struct txns *txns, struct txn *txn, enum result result,
                   struct txn_now now)
{
    if (txn->state == TXN_SYNCING_LATE) {
        if (result == RES_OK)
            record(txns, txn, txn->plan.reason, txn->rcode);
        txn_close(txns, txn);
        return;
    }
    if (result != RES_OK)
        txn_deny_unwritten(txn);
    answer(txns, txn, now);
    txn_close(txns, txn);
}

void txn_on_synced(struct txns *txns, uint64_t token, enum result result,
                   struct txn_now now)
{
    struct txn *txn;
    while ((txn = TAILQ_FIRST(&txns->syncing)) != NULL && txn->sync_token <= token) {
        TAILQ_REMOVE(&txns->syncing, txn, queue);
        synced(txns, txn, result, now);
    }
    txns_flush(txns, now);
}

void txn_answer_unaudited(struct txns *txns, struct txn *txn, enum reason reason,
                          enum rcode rcode, struct txn_now now)
{
    txn->plan.reason = reason;
    txn->rcode = rcode;
    answer(txns, txn, now);
    txn_close(txns, txn);
}

void txn_leave(struct txns *txns, struct txn *txn)
{
    leave_open(txns, txn);
    txn_close(txns, txn);
}

/* ---- deadlines ---- */

/* The disk is slower than the requestor's patience: SERVFAIL now; what is true goes
 * into the table when it is on disk. */
static void expire_sync(struct txns *txns, struct txn *txn, struct txn_now now)
{
    enum reason reason = txn->plan.reason;
    enum rcode rcode = txn->rcode;
    txn_deny_unwritten(txn);
    answer(txns, txn, now);
    txn->plan.reason = reason;
    txn->rcode = rcode;
    txn_set_state(txn, TXN_SYNCING_LATE);
}

static enum reason lost_reason(const struct txns *txns)
{
    return txns->links[LINK_QUERY].state == LINK_UP ? REASON_LOOKUP_FAILED
                                                    : REASON_PRIMARY_UNREACHABLE;
}

void txn_expire(struct txns *txns, struct txn *txn, struct txn_now now)
{
    switch (txn->state) {
    case TXN_LOOKING_UP:
    case TXN_READING:
        txn_refuse(txns, txn, lost_reason(txns), now);
        return;
    case TXN_HELD:
        order_withdraw(txns, txn);
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
        return;
    case TXN_QUEUED:
        batch_withdraw(txns, txn);
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
        return;
    case TXN_SENT:
        txn_refuse(txns, txn, REASON_OUTCOME_UNKNOWN, now);
        return;
    case TXN_SYNCING:
        expire_sync(txns, txn, now);
        return;
    case TXN_SPARE:
    case TXN_OPEN:
    case TXN_WRITING:
    case TXN_LATE:
    case TXN_SYNCING_LATE:
    case TXN_STATES:
        break;
    }
    assert(!"a request in this state waits for nobody");
}

/*
 * The queue of each dynamic zone and the message in flight to it. Rules D4, F-4, F-5,
 * U-6, U-11 to U-13, C-9, T-22.
 *
 * A batch carries one request today; gather() is where more will join it.
 */
#include "txn/txns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dns/build.h"
#include "dns/type.h"

/* ---- the message -------------------------------------------------------------------
 */

/* C-9: before an add, "no CNAME at the target", once for each target. Quadratic in at
 * most LIMIT_NAMES_PER_MESSAGE distinct names of LIMIT_UPDATES changes. */
static void write_guards(struct writer *w, const struct plan *plan)
{
    for (size_t i = plan->prereq_count; i < plan->change_count; i++) {
        const struct change *change = &plan->changes[i];
        bool is_first = true;
        if (change->item.op != UPDATE_ADD)
            continue;
        for (size_t j = plan->prereq_count; j < i && is_first; j++)
            is_first =
                plan->changes[j].item.op != UPDATE_ADD ||
                !name_equal(plan->changes[j].rewrite.target, change->rewrite.target);
        if (is_first)
            build_rr(w, SECTION_PREREQUISITE, change->rewrite.target, TYPE_CNAME,
                     CLASS_NONE, 0, NULL);
    }
}

/* the whole name is never forwarded as such, only the types that were granted. */
static void write_change(struct writer *w, const struct change *change, bool is_prereq)
{
    enum wire_section section = is_prereq ? SECTION_PREREQUISITE : SECTION_UPDATE;
    if (change->item.op == UPDATE_DELETE_NAME) {
        for (size_t i = 0; i < change->type_count; i++)
            build_rr(w, section, change->rewrite.target, change->types[i], CLASS_ANY, 0,
                     NULL);
        return;
    }
    build_rr(w, section, change->rewrite.target, change->item.type, change->item.class,
             change->item.op == UPDATE_ADD ? change->ttl : 0, &change->item.rdata);
}

/* The message of a batch, built anew from authorised changes (I6), in order (U-6). */
static struct writer write_message(struct txns *txns, const struct batch *batch)
{
    struct writer w = exchange_begin(txns, OPCODE_UPDATE);
    const struct txn *txn;
    build_question(&w, name_of(&batch->queue->name), TYPE_SOA, CLASS_IN);
    TAILQ_FOREACH(txn, &batch->txns, queue)
    {
        write_guards(&w, &txn->plan);
        for (size_t i = 0; i < txn->plan.prereq_count; i++)
            write_change(&w, &txn->plan.changes[i], true);
    }
    TAILQ_FOREACH(txn, &batch->txns, queue)
    {
        for (size_t i = txn->plan.prereq_count; i < txn->plan.change_count; i++)
            write_change(&w, &txn->plan.changes[i], false);
    }
    return w;
}

/* ---- the queue
 * ----------------------------------------------------------------------- */

static struct zone_queue *queue_of(struct txns *txns, struct name zone)
{
    struct zone_queue *queue = map_get(&txns->queue_by_zone, zone.octets, zone.len);
    if (queue != NULL)
        return queue;
    queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->name.len = zone.len;
    memcpy(queue->name.octets, zone.octets, zone.len);
    TAILQ_INIT(&queue->waiting);
    if (map_put(&txns->queue_by_zone, queue->name.octets, zone.len, queue) != RES_OK) {
        free(queue);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&txns->queues, queue, entry);
    return queue;
}

/* The primary never received it, so a retry may run (T-19). */
static void forget(struct txns *txns, struct txn *txn)
{
    if (txn->is_in_table)
        txn_table_remove(txns->table, &txn->verified.full_mac);
    txn->is_in_table = false;
}

static void refuse_unsent(struct txns *txns, struct txn *txn, enum reason reason,
                          struct txn_now now)
{
    forget(txns, txn);
    txn_refuse(txns, txn, reason, now);
}

void batch_enqueue(struct txns *txns, struct txn *txn, struct txn_now now)
{
    struct zone_queue *queue = queue_of(txns, txn->plan.target_zone->name);
    uint64_t until_s = txn->verified.time_signed_s +
                       txn->snapshot->settings.max_fudge_s + TXN_TABLE_SLACK_S;
    if (queue == NULL) {
        txn_refuse(txns, txn, REASON_UNDECIDED, now);
        return;
    }
    enum result res = txn_table_insert(
        txns->table, &txn->verified.full_mac, &txn->host->transactions, txn, until_s,
        now.real_us / TXN_SECOND_US, now.mono_us / TXN_SECOND_US);
    if (res == RES_EEXISTS) {
        txn_repeat(txns, txn, now);
        return;
    }
    if (res != RES_OK) {
        txn_refuse(txns, txn, REASON_TABLE_FULL, now);
        return;
    }
    txn->is_in_table = true;
    txn_set_state(txn, TXN_QUEUED);
    TAILQ_INSERT_TAIL(&queue->waiting, txn, queue);
    queue->waiting_count++;
    batch_pump(txns, now);
}

void batch_withdraw(struct txns *txns, struct txn *txn)
{
    const struct name zone = txn->plan.target_zone->name;
    struct zone_queue *queue = map_get(&txns->queue_by_zone, zone.octets, zone.len);
    assert(queue != NULL && txn->state == TXN_QUEUED);
    TAILQ_REMOVE(&queue->waiting, txn, queue);
    queue->waiting_count--;
    forget(txns, txn);
}

/* Takes from the queue what shares the next message: one request, for now (D4). Those
 * whose intent cannot be written are refused and the next one is tried (I8). */
static void gather(struct txns *txns, struct batch *batch, struct txn_now now)
{
    struct zone_queue *queue = batch->queue;
    struct txn *txn;
    while (batch->count == 0 && (txn = TAILQ_FIRST(&queue->waiting)) != NULL) {
        TAILQ_REMOVE(&queue->waiting, txn, queue);
        queue->waiting_count--;
        txn->batch_size = 1;
        if (journal_write(txns, txn, LOG_INTENT, now) != RES_OK) {
            refuse_unsent(txns, txn, REASON_AUDIT_UNAVAILABLE, now);
            continue;
        }
        TAILQ_INSERT_TAIL(&batch->txns, txn, queue);
        txn->batch = batch;
        txn_set_state(txn, TXN_SENT);
        batch->count++;
    }
}

/* The batch is over: its requests have left it. */
static void batch_end(struct txns *txns, struct batch *batch)
{
    assert(TAILQ_EMPTY(&batch->txns));
    batch->queue->in_flight = NULL;
    txns->zones_in_flight--;
    free(batch);
}

static struct txn *batch_take(struct batch *batch)
{
    struct txn *txn = TAILQ_FIRST(&batch->txns);
    if (txn != NULL) {
        TAILQ_REMOVE(&batch->txns, txn, queue);
        txn->batch = NULL;
    }
    return txn;
}

static void send_batch(struct txns *txns, struct batch *batch, struct txn_now now)
{
    struct writer w = write_message(txns, batch);
    struct snapshot *snapshot = TAILQ_FIRST(&batch->txns)->snapshot;
    enum result res = exchange_send(txns, LINK_UPDATE, EXCHANGE_UPDATE, snapshot,
                                    name_of(&batch->queue->name), TYPE_SOA, &w, now,
                                    &batch->exchange);
    if (res == RES_OK) {
        batch->exchange->owner.batch = batch;
        return;
    }
    struct txn *txn;
    while ((txn = batch_take(batch)) != NULL)
        refuse_unsent(txns, txn,
                      res == RES_EMEM ? REASON_TOO_MANY_RECORDS
                                      : REASON_PRIMARY_UNREACHABLE,
                      now);
    batch_end(txns, batch);
}

static void start_batch(struct txns *txns, struct zone_queue *queue, struct txn_now now)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return; /* they wait on, up to their deadline */
    batch->queue = queue;
    TAILQ_INIT(&batch->txns);
    queue->in_flight = batch;
    txns->zones_in_flight++;
    gather(txns, batch, now);
    if (batch->count == 0)
        batch_end(txns, batch);
    else
        send_batch(txns, batch, now);
}

/* F-6: while the primary is known to be away nobody queues for it. */
static void refuse_waiting(struct txns *txns, struct zone_queue *queue,
                           struct txn_now now)
{
    struct txn *txn;
    while ((txn = TAILQ_FIRST(&queue->waiting)) != NULL) {
        batch_withdraw(txns, txn);
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
    }
}

void batch_pump(struct txns *txns, struct txn_now now)
{
    struct zone_queue *queue;
    TAILQ_FOREACH(queue, &txns->queues, entry)
    {
        if (txns->links[LINK_UPDATE].state == LINK_DOWN)
            refuse_waiting(txns, queue, now);
        while (txns->links[LINK_UPDATE].state == LINK_UP && queue->in_flight == NULL &&
               txns->zones_in_flight < TXN_ZONES_IN_FLIGHT &&
               queue->waiting_count > 0) {
            size_t before = queue->waiting_count;
            start_batch(txns, queue, now);
            if (queue->waiting_count == before)
                break;
        }
    }
}

/* ---- the answer
 * ------------------------------------------------------------------------- */

/* U-13: what the primary's RCODE means to this requestor. */
static enum reason judge_rcode(const struct txn *txn, enum rcode rcode)
{
    switch (rcode) {
    case RCODE_NOERROR:
        return REASON_PERMITTED;
    case RCODE_YXRRSET:
        if (txn->plan.prereq_count == 0)
            return REASON_TARGET_IS_CNAME; /* C-9: only our guard can have said so */
        return REASON_PREREQUISITE_FAILED;
    case RCODE_NXDOMAIN:
    case RCODE_YXDOMAIN:
    case RCODE_NXRRSET:
        if (txn->plan.prereq_count == 0)
            return REASON_PRIMARY_FAILED;
        return REASON_PREREQUISITE_FAILED;
    case RCODE_SERVFAIL:
        return REASON_PRIMARY_FAILED;
    case RCODE_FORMERR:
    case RCODE_NOTIMP:
    case RCODE_REFUSED:
    case RCODE_NOTAUTH:
    case RCODE_NOTZONE:
    case RCODE_BADVERS:
        return REASON_PRIMARY_REFUSED;
    }
    return REASON_PRIMARY_REFUSED;
}

static void settle_member(struct txns *txns, struct txn *txn,
                          const struct wire_msg *msg, struct txn_now now)
{
    if (msg == NULL) {
        txn_refuse(txns, txn, REASON_OUTCOME_UNKNOWN, now);
        return;
    }
    enum rcode rcode = (enum rcode)msg->header.rcode;
    enum reason reason = judge_rcode(txn, rcode);
    txn->has_primary_rcode = true;
    txn->primary_rcode = rcode;
    if (reason == REASON_PREREQUISITE_FAILED)
        txn_settle(txns, txn, reason, rcode, now);
    else
        txn_refuse(txns, txn, reason, now); /* its own RCODE: NOERROR where permitted */
}

void batch_on_answer(struct txns *txns, struct batch *batch, const struct wire_msg *msg,
                     struct txn_now now)
{
    const struct zone_queue *queue = batch->queue;
    struct txn *txn;
    if (msg != NULL &&
        judge_rcode(TAILQ_FIRST(&batch->txns), (enum rcode)msg->header.rcode) ==
            REASON_PRIMARY_REFUSED) {
        char zone[NAME_TEXT_OCTETS];
        journal_log(
            txns, LEVEL_ERROR,
            "event=primary-refused zone=%s rcode=%s why=\"the primary does not let the "
            "gateway's key write here: look at its update-policy\"",
            name_to_text(name_of(&queue->name), zone),
            rcode_name((enum rcode)msg->header.rcode));
    }
    while ((txn = batch_take(batch)) != NULL)
        settle_member(txns, txn, msg, now);
    soa_expire(txns, name_of(&queue->name), now);
    batch_end(txns, batch);
    /* The next message leaves from batch_pump, which our callers end with. */
}

/* At the end of all: a late request is held by its batch alone, the others by
 * txns.open. */
static void batch_free(struct txns *txns, struct batch *batch)
{
    struct txn *txn;
    while ((txn = batch_take(batch)) != NULL) {
        if (txn->state == TXN_LATE)
            txn_close(txns, txn);
    }
    free(batch);
}

void batch_fini(struct txns *txns)
{
    struct zone_queue *queue;
    while ((queue = TAILQ_FIRST(&txns->queues)) != NULL) {
        TAILQ_REMOVE(&txns->queues, queue, entry);
        if (queue->in_flight != NULL)
            batch_free(txns, queue->in_flight);
        free(queue);
    }
    map_fini(&txns->queue_by_zone);
}

/*
 * The queue of each dynamic zone and the message in flight to it. Rules D4, F-4, F-5,
 * U-6, U-11 to U-13, C-9, T-22.
 *
 * Group commit: whoever waits when a message may leave shares it, in order of arrival.
 * What is in flight and what waits never change places: a message that failed as a
 * whole goes back to the head of the queue. So the zone goes through the same states as
 * if each request had travelled alone.
 */
#include "txn/txns.h"

#include <assert.h>
#include <stdlib.h>

#include "dns/build.h"
#include "dns/type.h"

/* RFC 1035 4.1.3: type, class, TTL and length of a record. */
#define RR_FIELDS_OCTETS 10

/* ---- the message ---- */

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

/* the whole name is never forwarded as such, only the types that were granted.
 * C-13: names within RDATA stay. */
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

/* ---- the queue ---- */

static struct zone_queue *queue_of(struct txns *txns, struct name zone)
{
    struct zone_queue *queue = map_get(&txns->queue_by_zone, zone.octets, zone.len);
    if (queue != NULL)
        return queue;
    queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    name_keep(zone, &queue->name);
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
        txns_forget_by_s(txns, now), now.mono_us / TXN_SECOND_US);
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

static void leave_queue(struct zone_queue *queue, struct txn *txn)
{
    TAILQ_REMOVE(&queue->waiting, txn, queue);
    queue->waiting_count--;
}

void batch_withdraw(struct txns *txns, struct txn *txn)
{
    const struct name zone = txn->plan.target_zone->name;
    struct zone_queue *queue = map_get(&txns->queue_by_zone, zone.octets, zone.len);
    assert(queue != NULL && txn->state == TXN_QUEUED);
    leave_queue(queue, txn);
    forget(txns, txn);
}

/* D4: a request with its own prerequisites, or of a dangerous type, travels alone. */
static bool may_merge(const struct txn *txn)
{
    return txn->plan.prereq_count == 0 && !txn->plan.is_dangerous;
}

/* What a request adds to the message, at most. */
static struct batch_load load_of(const struct txn *txn)
{
    struct batch_load load = {0, 0};
    for (size_t i = 0; i < txn->plan.change_count; i++) {
        const struct change *change = &txn->plan.changes[i];
        size_t records = 1;
        if (change->item.op == UPDATE_DELETE_NAME)
            records = change->type_count;
        else if (change->item.op == UPDATE_ADD)
            records = 2; /* with its guard */
        load.records += records;
        load.octets += records * (change->rewrite.target.len + RR_FIELDS_OCTETS) +
                       change->item.rdata.len;
    }
    return load;
}

/* Who has failed before stands before all who have not, so the first one's limit is the
 * lowest. */
static bool may_join(const struct batch *batch, const struct txn *txn,
                     const struct batch_load *load)
{
    const struct txn *first = TAILQ_FIRST(&batch->txns);
    if (first == NULL)
        return true;
    return may_merge(first) && may_merge(txn) && batch->count < first->merge_limit &&
           batch->load.records + load->records <= LIMIT_BATCH_RECORDS &&
           batch->load.octets + load->octets <= LIMIT_BATCH_OCTETS;
}

static void join_batch(struct batch *batch, struct txn *txn,
                       const struct batch_load *load)
{
    TAILQ_INSERT_TAIL(&batch->txns, txn, queue);
    txn->batch = batch;
    txn_set_state(txn, TXN_SENT);
    batch->count++;
    batch->load.records += load->records;
    batch->load.octets += load->octets;
}

/* Takes from the queue, in order, what shares the next message. */
static void gather(struct batch *batch)
{
    struct zone_queue *queue = batch->queue;
    struct txn *txn;
    while ((txn = TAILQ_FIRST(&queue->waiting)) != NULL) {
        const struct batch_load load = load_of(txn);
        if (!may_join(batch, txn, &load))
            return;
        leave_queue(queue, txn);
        join_batch(batch, txn, &load);
    }
}

static void leave_batch(struct batch *batch, struct txn *txn)
{
    TAILQ_REMOVE(&batch->txns, txn, queue);
    txn->batch = NULL;
}

/* NULL: all have left. */
static struct txn *batch_take(struct batch *batch)
{
    struct txn *txn = TAILQ_FIRST(&batch->txns);
    if (txn != NULL)
        leave_batch(batch, txn);
    return txn;
}

/* The message is over, or was never sent: its requests have left it. */
static void batch_end(struct txns *txns, struct batch *batch)
{
    assert(TAILQ_EMPTY(&batch->txns));
    batch->queue->in_flight = NULL;
    txns->zones_in_flight--;
    free(batch);
}

/* P15: no request is forwarded without its intent in the audit (I8). One that was in a
 * message that failed has it already. */
static enum result write_intents(struct txns *txns, const struct batch *batch,
                                 struct txn_now now)
{
    const struct txn *txn;
    TAILQ_FOREACH(txn, &batch->txns, queue)
    {
        enum result res =
            txn->has_intent ? RES_OK : journal_write(txns, txn, LOG_INTENT, now);
        if (res != RES_OK)
            return res;
    }
    return journal_commit(txns);
}

/* Who has no intent leaves the batch. */
static void note_intents(struct txns *txns, struct batch *batch, enum result written,
                         struct txn_now now)
{
    struct txn *txn = TAILQ_FIRST(&batch->txns);
    while (txn != NULL) {
        struct txn *next = TAILQ_NEXT(txn, queue);
        txn->has_intent |= written == RES_OK;
        if (!txn->has_intent) {
            leave_batch(batch, txn);
            batch->count--;
            refuse_unsent(txns, txn, REASON_AUDIT_UNAVAILABLE, now);
        }
        txn = next;
    }
}

/* Only a request that travels alone can be: gather sees to the others. */
static bool is_too_long(const struct writer *w)
{
    return w->failed || w->len + LIMIT_TSIG_RR_OCTETS > LIMIT_MESSAGE_OCTETS;
}

static void send_batch(struct txns *txns, struct batch *batch, struct txn_now now)
{
    struct writer w = write_message(txns, batch);
    struct snapshot *snapshot = TAILQ_FIRST(&batch->txns)->snapshot;
    struct exchange *exchange;
    struct txn *txn;
    enum result res =
        exchange_send(txns, LINK_UPDATE, EXCHANGE_UPDATE, snapshot,
                      name_of(&batch->queue->name), TYPE_SOA, &w, now, &exchange);
    if (res == RES_OK) {
        exchange->owner.batch = batch;
        TAILQ_FOREACH(txn, &batch->txns, queue)
        {
            txn->batch_size = batch->count;
        }
        return;
    }
    while ((txn = batch_take(batch)) != NULL)
        refuse_unsent(txns, txn,
                      is_too_long(&w) ? REASON_TOO_MANY_RECORDS
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
    gather(batch);
    note_intents(txns, batch, write_intents(txns, batch, now), now);
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

static bool may_send(const struct txns *txns, const struct zone_queue *queue)
{
    return txns->links[LINK_UPDATE].state == LINK_UP && queue->in_flight == NULL &&
           queue->waiting_count > 0 && txns->zones_in_flight < TXN_ZONES_IN_FLIGHT;
}

void batch_pump(struct txns *txns, struct txn_now now)
{
    struct zone_queue *queue;
    TAILQ_FOREACH(queue, &txns->queues, entry)
    {
        if (txns->links[LINK_UPDATE].state == LINK_DOWN)
            refuse_waiting(txns, queue, now);
        /* A message that cannot be sent makes room for the next one at once. */
        size_t before = SIZE_MAX;
        while (may_send(txns, queue) && queue->waiting_count < before) {
            before = queue->waiting_count;
            start_batch(txns, queue, now);
        }
    }
}

/* ---- the answer ---- */

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

static void settle_member(struct txns *txns, struct txn *txn, enum rcode rcode,
                          struct txn_now now)
{
    enum reason reason = judge_rcode(txn, rcode);
    txn->has_primary_rcode = true;
    txn->primary_rcode = rcode;
    if (reason == REASON_PREREQUISITE_FAILED)
        txn_settle(txns, txn, reason, rcode, now);
    else
        txn_refuse(txns, txn, reason, now); /* its own RCODE: NOERROR where permitted */
}

/* Answered already, so not tried again. That it was not applied is all that is known:
 * the RCODE may be another one's. */
static void settle_untried(struct txns *txns, struct txn *txn, enum rcode rcode,
                           struct txn_now now)
{
    txn->has_primary_rcode = true;
    txn->primary_rcode = rcode;
    txn_refuse(txns, txn, REASON_PRIMARY_FAILED, now);
}

/* D4: not applied as a whole, and one of several is to blame. Who still waits goes back
 * to the head of the queue, in order, and shares the next message with half as many:
 * for n requests with one culprit that makes about 2 log2 n messages. */
static void split(struct txns *txns, struct batch *batch, enum rcode rcode,
                  struct txn_now now)
{
    struct zone_queue *queue = batch->queue;
    struct txn_list again = TAILQ_HEAD_INITIALIZER(again);
    struct txn *txn;
    while ((txn = batch_take(batch)) != NULL) {
        if (txn->state == TXN_LATE) {
            settle_untried(txns, txn, rcode, now);
            continue;
        }
        txn->merge_limit = (batch->count + 1) / 2;
        txn->batch_size = 0;
        txn_set_state(txn, TXN_QUEUED);
        TAILQ_INSERT_TAIL(&again, txn, queue);
        queue->waiting_count++;
    }
    TAILQ_CONCAT(&again, &queue->waiting, queue);
    TAILQ_CONCAT(&queue->waiting, &again, queue);
}

/* RFC 2136 3.5: these say that nothing was applied, and one request can have caused
 * them. */
static bool blames_one(enum rcode rcode)
{
    return rcode == RCODE_NXRRSET || rcode == RCODE_YXRRSET ||
           rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN ||
           rcode == RCODE_SERVFAIL;
}

static void log_primary_refused(struct txns *txns, struct name zone, enum rcode rcode)
{
    char text[NAME_TEXT_OCTETS];
    journal_log(txns, LEVEL_ERROR, "event=primary-refused zone=%s rcode=%s why=\"%s\"",
                name_to_text(zone, text), rcode_name(rcode),
                rcode == RCODE_NOTAUTH
                    ? "the primary has no such zone, or is no primary of it"
                    : "the primary does not let the gateway's key write here: look at "
                      "its update-policy");
}

/* F-4: where more zones wait than may be in flight, each gets its turn. */
static void to_the_end(struct txns *txns, struct zone_queue *queue)
{
    TAILQ_REMOVE(&txns->queues, queue, entry);
    TAILQ_INSERT_TAIL(&txns->queues, queue, entry);
}

/* A verified answer. */
static void settle_batch(struct txns *txns, struct batch *batch, enum rcode rcode,
                         struct txn_now now)
{
    struct txn *txn;
    struct zone_queue *queue = batch->queue;
    queue->is_refused =
        judge_rcode(TAILQ_FIRST(&batch->txns), rcode) == REASON_PRIMARY_REFUSED;
    queue->refused_with = rcode;
    if (queue->is_refused)
        log_primary_refused(txns, name_of(&queue->name), rcode);
    if (batch->count > 1 && blames_one(rcode)) {
        split(txns, batch, rcode, now);
        return;
    }
    while ((txn = batch_take(batch)) != NULL)
        settle_member(txns, txn, rcode, now);
}

void batch_on_answer(struct txns *txns, struct batch *batch, const struct wire_msg *msg,
                     struct txn_now now)
{
    struct txn *txn;
    if (msg != NULL)
        settle_batch(txns, batch, (enum rcode)msg->header.rcode, now);
    while ((txn = batch_take(batch)) != NULL)
        txn_refuse(txns, txn, REASON_OUTCOME_UNKNOWN, now);
    soa_expire(txns, name_of(&batch->queue->name), now);
    to_the_end(txns, batch->queue);
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

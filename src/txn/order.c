/*
 * U-11: the updates of one key on one connection are forwarded in the order in which
 * they came, whatever each has to wait for: an answer to its look-up, or its zone's
 * turn. Those who could go on before an earlier one are held here.
 */
#include "txn/txns.h"

static bool is_of_one_stream(const struct txn *a, const struct txn *b)
{
    return a->first.client.transport == TRANSPORT_TCP &&
           a->first.client.connection == b->first.client.connection &&
           name_equal(a->verified.key->name, b->verified.key->name);
}

/* In one zone the queue keeps the order. */
static bool goes_first(const struct txn *earlier, const struct txn *txn)
{
    if (earlier->state == TXN_QUEUED)
        return !name_equal(earlier->plan.target_zone->name,
                           txn->plan.target_zone->name);
    return earlier->state == TXN_LOOKING_UP || earlier->state == TXN_HELD;
}

/* A host has few requests open, so looking at all of them is cheap. */
static bool is_behind(const struct txn *txn)
{
    const struct txn *earlier;
    TAILQ_FOREACH(earlier, &txn->host->open, of_host)
    {
        if (earlier == txn)
            return false;
        if (is_of_one_stream(earlier, txn) && goes_first(earlier, txn))
            return true;
    }
    return false;
}

void order_forward(struct txns *txns, struct txn *txn, struct txn_now now)
{
    if (!is_behind(txn)) {
        batch_enqueue(txns, txn, now);
        return;
    }
    txn_set_state(txn, TXN_HELD);
    TAILQ_INSERT_TAIL(&txns->held, txn, queue);
}

void order_withdraw(struct txns *txns, struct txn *txn)
{
    TAILQ_REMOVE(&txns->held, txn, queue);
}

static struct txn *next_free(const struct txns *txns)
{
    struct txn *txn;
    TAILQ_FOREACH(txn, &txns->held, queue)
    {
        if (!is_behind(txn))
            return txn;
    }
    return NULL;
}

void order_release(struct txns *txns, struct txn_now now)
{
    struct txn *txn;
    while ((txn = next_free(txns)) != NULL) {
        order_withdraw(txns, txn);
        batch_enqueue(txns, txn, now);
    }
}

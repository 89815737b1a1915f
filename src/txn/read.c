/*
 * Read-back: a host's query for a name and type that it may write, asked at the binding
 * and answered under the name that was asked. Rule Q-1.
 */
#include "txn/txns.h"

#include "dns/type.h"

void read_start(struct txns *txns, struct txn *txn, struct txn_now now)
{
    if (txns->links[LINK_QUERY].state == LINK_DOWN) {
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
        return;
    }
    if (txn->state != TXN_READING)
        txn_set_state(txn, TXN_READING);
    if (exchange_ask(txns, LINK_QUERY, EXCHANGE_READ, txn->snapshot,
                     txn->plan.read.target, txn->plan.query_type, now,
                     &txn->read) == RES_OK)
        txn->read->owner.txn = txn;
    /* Else the link is not up yet, or memory is short: it waits, up to its deadline. */
}

/* The records of the target's RRset, under the asked name; RDATA decoded anew. */
static enum result collect(struct txn *txn, const struct wire_msg *msg,
                           struct reply_rr *rrs, size_t *out_count)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    *out_count = 0;
    for (unsigned i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        struct name_buf owner;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        wire_owner(msg, &rr, &owner);
        if (rr.type != txn->plan.query_type || rr.class != CLASS_IN ||
            !name_equal(name_of(&owner), txn->plan.read.target))
            continue;
        struct reply_rr *out = &rrs[*out_count];
        *out = (struct reply_rr){
            .section = SECTION_PREREQUISITE,
            .owner = txn->plan.query_name,
            .type = rr.type,
            .ttl = rr.ttl,
        };
        enum result res = rdata_decode(msg, &rr, &txn->arena, &out->rdata);
        if (res != RES_OK)
            return res;
        (*out_count)++;
    }
    return RES_OK;
}

void read_on_answer(struct txns *txns, struct txn *txn, const struct wire_msg *msg,
                    struct txn_now now)
{
    txn->read = NULL;
    bool is_answer =
        msg != NULL && (msg->header.flags & FLAG_AA) != 0 &&
        (msg->header.rcode == RCODE_NOERROR || msg->header.rcode == RCODE_NXDOMAIN);
    size_t room = 1 + (msg != NULL ? msg->header.counts[SECTION_PREREQUISITE] : 0);
    struct reply_rr *rrs = arena_array(&txn->arena, room, sizeof *rrs);
    struct reply reply = {
        .reason = REASON_PERMITTED, .extra_flags = FLAG_AA, .rrs = rrs};
    if (!is_answer || rrs == NULL ||
        collect(txn, msg, rrs, &reply.rr_count) != RES_OK) {
        txn_refuse(txns, txn, REASON_LOOKUP_FAILED, now);
        return;
    }
    reply.rcode = (enum rcode)msg->header.rcode;
    if (reply.rr_count == 0 &&
        soa_record(txns, txn->plan.zone->name, SECTION_UPDATE, &rrs[0]))
        reply.rr_count = 1;
    txn_answer_query(txns, txn, &reply, now);
}

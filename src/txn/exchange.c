/*
 * Messages to the primary and what comes back: IDs, signatures, verification, the end
 * of each exchange. Rules F-1, F-2, F-3, F-5, T-17, U-9. Nothing that does not verify
 * gets past this file.
 */
#include "txn/txns.h"

#include <stdlib.h>

#include "dns/build.h"
#include "dns/type.h"

/* Tries for an ID that no exchange of the link has. */
#define EXCHANGE_ID_TRIES 64

struct writer exchange_begin(struct txns *txns, enum opcode opcode)
{
    struct writer w = writer_of(txns->out, sizeof txns->out);
    build_header(&w, 0, (uint16_t)(opcode << WIRE_OPCODE_SHIFT));
    return w;
}

static void exchange_unlink(struct txns *txns, struct exchange *exchange)
{
    struct link *link = &txns->links[exchange->link];
    TAILQ_REMOVE(&link->exchanges, exchange, link_entry);
    (void)map_remove(&link->by_id, &exchange->id, sizeof exchange->id);
}

static void exchange_free(struct exchange *exchange)
{
    snapshot_release(&exchange->snapshot);
    free(exchange);
}

/* An ID that cannot be guessed and is not in use on the link (F-1). */
static enum result choose_id(struct txns *txns, struct link *link,
                             struct exchange *exchange)
{
    for (int i = 0; i < EXCHANGE_ID_TRIES; i++) {
        exchange->id = txns->ports.random_id(txns->ports.arg);
        enum result res =
            map_put(&link->by_id, &exchange->id, sizeof exchange->id, exchange);
        if (res != RES_EEXISTS)
            return res;
    }
    return RES_ERANGE;
}

static enum result sign_and_send(struct txns *txns, struct exchange *exchange,
                                 struct writer *w, struct txn_now now)
{
    const struct key *key = &exchange->snapshot->keyring.gateway;
    const struct tsig_params params = {
        .key_name = key->name,
        .time_signed_s = (uint64_t)(now.real_us / TXN_SECOND_US),
        .fudge_s = TSIG_FUDGE_S,
        .original_id = exchange->id,
    };
    w->octets[0] = (uint8_t)(exchange->id >> 8);
    w->octets[1] = (uint8_t)exchange->id;
    enum result res = tsig_sign(w, key->hmac, &params, NULL, &exchange->request_mac);
    if (res != RES_OK)
        return res;
    return txns->ports.send_primary(txns->ports.arg, exchange->link, w->octets, w->len);
}

enum result exchange_send(struct txns *txns, enum txn_link which,
                          enum exchange_kind kind, struct snapshot *snapshot,
                          struct name name, uint16_t type, struct writer *w,
                          struct txn_now now, struct exchange **out)
{
    struct link *link = &txns->links[which];
    if (link->state != LINK_UP)
        return RES_EIO;
    if (w->failed)
        return RES_EMEM;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return RES_EMEM;
    *exchange = (struct exchange){
        .kind = kind,
        .link = which,
        .sent_us = now.mono_us,
        .snapshot = snapshot_hold(snapshot),
        .type = type,
    };
    name_keep(name, &exchange->name);
    enum result res = choose_id(txns, link, exchange);
    if (res != RES_OK) {
        exchange_free(exchange);
        return res;
    }
    TAILQ_INSERT_TAIL(&link->exchanges, exchange, link_entry);
    res = sign_and_send(txns, exchange, w, now);
    if (res != RES_OK) {
        exchange_unlink(txns, exchange);
        exchange_free(exchange);
        return res;
    }
    link->sent_us = now.mono_us;
    *out = exchange;
    return RES_OK;
}

enum result exchange_ask(struct txns *txns, enum txn_link link, enum exchange_kind kind,
                         struct snapshot *snapshot, struct name name, uint16_t type,
                         struct txn_now now, struct exchange **out)
{
    struct writer w = exchange_begin(txns, OPCODE_QUERY);
    build_question(&w, name, type, CLASS_IN);
    return exchange_send(txns, link, kind, snapshot, name, type, &w, now, out);
}

void exchange_disown(struct exchange **exchange)
{
    if (*exchange != NULL)
        (*exchange)->owner.txn = NULL;
    *exchange = NULL;
}

/* Hands the end of an exchange to who waits for it. The exchange is in no list any
 * more. */
static void deliver(struct txns *txns, struct exchange *exchange,
                    const struct wire_msg *msg, struct txn_now now)
{
    switch (exchange->kind) {
    case EXCHANGE_UPDATE:
        batch_on_answer(txns, exchange->owner.batch, msg, now);
        break;
    case EXCHANGE_LOOKUP:
        if (exchange->owner.txn != NULL)
            lookup_on_answer(txns, exchange->owner.txn, exchange->lookup, msg, now);
        break;
    case EXCHANGE_SOA:
        if (exchange->owner.soa != NULL)
            soa_on_answer(txns, exchange->owner.soa, msg, now);
        break;
    case EXCHANGE_READ:
        if (exchange->owner.txn != NULL)
            read_on_answer(txns, exchange->owner.txn, msg, now);
        break;
    case EXCHANGE_PING:
        break;
    }
    exchange_free(exchange);
}

/* All that is in flight on the link has an unknown outcome (U-12). What is sent
 * meanwhile is not: the link is not up. */
static void fail_all(struct txns *txns, struct link *link, struct txn_now now)
{
    struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&link->exchanges)) != NULL) {
        exchange_unlink(txns, exchange);
        deliver(txns, exchange, NULL, now);
    }
}

/* F-1: one reply that fails a check, and nothing on this connection can be trusted. */
static void distrust(struct txns *txns, enum txn_link which, const char *why,
                     struct txn_now now)
{
    txns->bad_replies++;
    txns->links[which].wrong = why;
    journal_log(txns, LEVEL_ERROR, "event=primary-distrusted link=%s why=\"%s\"",
                txn_link_name(which), why);
    txns->links[which].state = LINK_CONNECTING;
    txns->ports.close_primary(txns->ports.arg, which, why);
    fail_all(txns, &txns->links[which], now);
    order_release(txns, now);
}

/* Whether the reply repeats our question. RFC 2136 3.8 lets a server leave out the
 * zone. */
static bool question_is_ours(const struct exchange *exchange,
                             const struct wire_msg *msg)
{
    if (msg->header.counts[SECTION_ZONE] == 0)
        return exchange->kind == EXCHANGE_UPDATE;
    return wire_asks(msg, name_of(&exchange->name), exchange->type);
}

/* F-2: what an unsigned reply says is not trusted, but the operator should see it. */
static const char *explain_unsigned(const struct wire_msg *msg)
{
    struct tsig tsig;
    if (!msg->has_tsig)
        return "reply without TSIG";
    if (tsig_read(msg, false, &tsig) != RES_OK)
        return "reply with a malformed TSIG";
    switch (tsig.error) {
    case TSIG_BADKEY:
        return "the primary does not know the gateway's key (BADKEY): compare "
               "upstream.key with its configuration";
    case TSIG_BADSIG:
        return "the primary has another secret for the gateway's key (BADSIG)";
    }
    return "reply whose MAC does not verify";
}

/* F-1: NULL when the reply is what it should be, else what is wrong with it. */
static const char *judge_reply(const struct exchange *exchange,
                               const struct wire_msg *msg, struct txn_now now)
{
    const struct key *key = &exchange->snapshot->keyring.gateway;
    enum opcode wanted =
        exchange->kind == EXCHANGE_UPDATE ? OPCODE_UPDATE : OPCODE_QUERY;
    if ((msg->header.flags & FLAG_QR) == 0 || msg->header.opcode != wanted)
        return "not a reply to what was asked";
    struct tsig tsig;
    if (!msg->has_tsig || tsig_read(msg, false, &tsig) != RES_OK || tsig.mac_len == 0)
        return explain_unsigned(msg);
    if (!name_equal(name_of(&tsig.key_name), key->name) ||
        !name_equal(name_of(&tsig.algorithm),
                    hmac_algorithm_name(hmac_algorithm_of(key->hmac))))
        return "reply under another key";
    struct tsig_mac mac;
    enum reason reason = tsig_verify(msg, &tsig, key->hmac, &exchange->request_mac,
                                     now.real_us / TXN_SECOND_US, TSIG_FUDGE_S, &mac);
    if (reason == REASON_TIME_SKEW)
        return "reply outside the time window: compare the clocks";
    if (reason != REASON_PERMITTED)
        return explain_unsigned(msg);
    if (tsig.error == TSIG_BADTIME)
        return "the primary says BADTIME: compare the clocks";
    if (tsig.error != 0)
        return "reply with a TSIG error";
    if ((msg->header.flags & FLAG_TC) != 0)
        return "truncated reply over TCP";
    if (!question_is_ours(exchange, msg))
        return "reply to another question";
    return NULL;
}

static void take_reply(struct txns *txns, enum txn_link which, const uint8_t *octets,
                       size_t len, struct txn_now now)
{
    struct link *link = &txns->links[which];
    struct wire_msg msg;
    if (link->state != LINK_UP)
        return; /* the rest of a connection that is being closed */
    if (wire_walk(octets, len, false, &msg) != RES_OK) {
        distrust(txns, which, "malformed reply", now);
        return;
    }
    struct exchange *exchange =
        map_get(&link->by_id, &msg.header.id, sizeof msg.header.id);
    if (exchange == NULL) {
        distrust(txns, which, "reply with an ID that was not asked", now);
        return;
    }
    const char *wrong = judge_reply(exchange, &msg, now);
    if (wrong != NULL) {
        distrust(txns, which, wrong, now);
        return;
    }
    link->wrong = NULL;
    exchange_unlink(txns, exchange);
    deliver(txns, exchange, &msg, now);
    batch_pump(txns, now);
    order_release(txns, now);
}

void txn_on_primary(struct txns *txns, enum txn_link which, const uint8_t *octets,
                    size_t len, struct txn_now now)
{
    take_reply(txns, which, octets, len, now);
    txns_flush(txns, now);
}

void txn_on_link(struct txns *txns, enum txn_link which, enum txn_link_state state,
                 const char *why, struct txn_now now)
{
    struct link *link = &txns->links[which];
    if (link->state != state)
        journal_log(txns, state == LINK_DOWN ? LEVEL_ERROR : LEVEL_INFO,
                    "event=primary-link link=%s state=%s why=\"%s\"",
                    txn_link_name(which), txn_link_state_name(state), why);
    link->state = state;
    link->sent_us = now.mono_us;
    if (state != LINK_UP)
        fail_all(txns, link, now);
    if (which == LINK_QUERY) {
        lookup_on_link(txns, now);
        soa_on_time(txns, now);
    }
    batch_pump(txns, now);
    order_release(txns, now);
    txns_flush(txns, now);
}

void exchange_on_time(struct txns *txns, struct txn_now now)
{
    for (unsigned i = 0; i < LINKS; i++) {
        const struct exchange *oldest = TAILQ_FIRST(&txns->links[i].exchanges);
        if (oldest != NULL && oldest->sent_us + TXN_LATE_US <= now.mono_us)
            distrust(txns, (enum txn_link)i, "no answer within 8 seconds", now);
    }
}

int64_t exchange_wake_us(const struct txns *txns)
{
    int64_t wake_us = INT64_MAX;
    for (unsigned i = 0; i < LINKS; i++) {
        const struct exchange *oldest = TAILQ_FIRST(&txns->links[i].exchanges);
        if (oldest != NULL && oldest->sent_us + TXN_LATE_US < wake_us)
            wake_us = oldest->sent_us + TXN_LATE_US;
    }
    return wake_us;
}

void exchanges_fini(struct txns *txns)
{
    for (unsigned i = 0; i < LINKS; i++) {
        struct exchange *exchange;
        while ((exchange = TAILQ_FIRST(&txns->links[i].exchanges)) != NULL) {
            exchange_unlink(txns, exchange);
            exchange_free(exchange);
        }
        map_fini(&txns->links[i].by_id);
    }
}

/*
 * The zones' SOA records, kept fresh so that an SOA query is answered at once and the
 * same for every key. Rules, B-6. The update link gets an SOA query too when
 * it has been idle, so that the primary does not close it under an update.
 */
#include "txn/txns.h"

#include <stdlib.h>
#include <string.h>

#include "dns/type.h"

/* A zone that is updated all the time is asked for its new serial so often and no more:
 * a question for each update would cost the primary half of what the updates do. */
#define SOA_PAUSE_US 100000

static int64_t refresh_us(const struct txns *txns)
{
    uint32_t cache_s = txns->snapshot->settings.cache_s;
    return (int64_t)(cache_s == 0 ? 1 : cache_s) * TXN_SECOND_US;
}

static struct soa *soa_of(const struct txns *txns, struct name zone)
{
    return map_get(&txns->soa_by_zone, zone.octets, zone.len);
}

static void soa_drop(struct txns *txns, struct soa *soa)
{
    exchange_disown(&soa->exchange);
    (void)map_remove(&txns->soa_by_zone, soa->zone.octets, soa->zone.len);
    TAILQ_REMOVE(&txns->soas, soa, entry);
    free(soa);
}

static void soa_add(struct txns *txns, struct name zone, struct txn_now now)
{
    struct soa *soa = calloc(1, sizeof *soa);
    if (soa == NULL)
        return; /* unknown: SERVFAIL, until the next reload */
    soa->due_us = now.mono_us;
    soa->asked_us = now.mono_us - SOA_PAUSE_US;
    name_keep(zone, &soa->zone);
    if (map_put(&txns->soa_by_zone, soa->zone.octets, zone.len, soa) == RES_OK)
        TAILQ_INSERT_TAIL(&txns->soas, soa, entry);
    else
        free(soa);
}

void soa_set_zones(struct txns *txns, struct txn_now now)
{
    const struct zones *zones = &txns->snapshot->zones;
    struct soa *soa = TAILQ_FIRST(&txns->soas);
    while (soa != NULL) {
        struct soa *next = TAILQ_NEXT(soa, entry);
        if (zones_exact(zones, name_of(&soa->zone)) == NULL)
            soa_drop(txns, soa);
        else
            soa->due_us = now.mono_us;
        soa = next;
    }
    for (size_t i = 0; i < zones->count; i++) {
        if (soa_of(txns, zones->all[i].name) == NULL)
            soa_add(txns, zones->all[i].name, now);
    }
    soa_on_time(txns, now);
}

static void ping(struct txns *txns, struct txn_now now)
{
    const struct link *link = &txns->links[LINK_UPDATE];
    const struct soa *any = TAILQ_FIRST(&txns->soas);
    struct exchange *exchange;
    if (any == NULL || link->state != LINK_UP || !TAILQ_EMPTY(&link->exchanges) ||
        link->sent_us + TXN_PING_US > now.mono_us)
        return;
    if (exchange_ask(txns, LINK_UPDATE, EXCHANGE_PING, txns->snapshot,
                     name_of(&any->zone), TYPE_SOA, now, &exchange) != RES_OK)
        txns->links[LINK_UPDATE].sent_us = now.mono_us; /* no memory: next time */
}

void soa_on_time(struct txns *txns, struct txn_now now)
{
    struct soa *soa;
    ping(txns, now);
    if (txns->links[LINK_QUERY].state != LINK_UP)
        return;
    TAILQ_FOREACH(soa, &txns->soas, entry)
    {
        if (soa->exchange != NULL || soa->due_us > now.mono_us)
            continue;
        soa->asked_us = now.mono_us;
        soa->due_us = now.mono_us + refresh_us(txns);
        if (exchange_ask(txns, LINK_QUERY, EXCHANGE_SOA, txns->snapshot,
                         name_of(&soa->zone), TYPE_SOA, now, &soa->exchange) == RES_OK)
            soa->exchange->owner.soa = soa;
    }
}

int64_t soa_wake_us(const struct txns *txns)
{
    int64_t wake_us = INT64_MAX;
    const struct link *update = &txns->links[LINK_UPDATE];
    const struct soa *soa;
    if (update->state == LINK_UP && TAILQ_EMPTY(&update->exchanges))
        wake_us = update->sent_us + TXN_PING_US;
    if (txns->links[LINK_QUERY].state != LINK_UP)
        return wake_us;
    TAILQ_FOREACH(soa, &txns->soas, entry)
    {
        if (soa->exchange == NULL && soa->due_us < wake_us)
            wake_us = soa->due_us;
    }
    return wake_us;
}

void soa_expire(struct txns *txns, struct name zone, struct txn_now now)
{
    struct soa *soa = soa_of(txns, zone);
    if (soa == NULL)
        return;
    int64_t due_us = soa->asked_us + SOA_PAUSE_US;
    if (due_us < now.mono_us)
        due_us = now.mono_us;
    if (due_us < soa->due_us)
        soa->due_us = due_us;
}

bool txns_is_warm(const struct txns *txns)
{
    const struct soa *soa;
    TAILQ_FOREACH(soa, &txns->soas, entry)
    {
        if (!soa->is_known)
            return false;
    }
    return true;
}

bool soa_is_served(const struct txns *txns, struct name zone)
{
    const struct soa *soa = soa_of(txns, zone);
    return soa != NULL && soa->is_known && !soa->is_withheld;
}

bool soa_record(const struct txns *txns, struct name zone, enum wire_section section,
                struct reply_rr *out)
{
    const struct soa *soa = soa_of(txns, zone);
    if (soa == NULL || !soa->is_known)
        return false;
    uint32_t negative = soa->ttl < soa->minimum ? soa->ttl : soa->minimum;
    *out = (struct reply_rr){
        .section = section,
        .owner = name_of(&soa->zone),
        .type = TYPE_SOA,
        /* RFC 2308 3: what says "nothing here" lives no longer than MINIMUM. */
        .ttl = section == SECTION_UPDATE ? negative : soa->ttl,
        .rdata = {soa->rdata, soa->rdata_len},
    };
    return true;
}

/* MINIMUM is the last of the five numbers that end an SOA's RDATA (RFC 1035 3.3.13). */
static uint32_t read_minimum(const struct rdata *rdata)
{
    struct reader r = reader_of(rdata->octets, rdata->len);
    reader_skip(&r, rdata->len - sizeof(uint32_t));
    return reader_u32(&r);
}

static void keep(struct txns *txns, struct soa *soa, const struct wire_msg *msg,
                 const struct wire_rr *rr)
{
    struct arena arena;
    struct rdata rdata;
    arena_init(&arena, TXN_ARENA_CHUNK, TXN_ARENA_LIMIT);
    if (rdata_decode(msg, rr, &arena, &rdata) == RES_OK &&
        rdata.len <= sizeof soa->rdata) {
        memcpy(soa->rdata, rdata.octets, rdata.len);
        soa->rdata_len = rdata.len;
        soa->ttl = rr->ttl;
        soa->minimum = read_minimum(&rdata);
        soa->is_known = true;
        soa->is_withheld = false;
    } else {
        txns->bad_replies++;
    }
    arena_fini(&arena);
}

/* The last known one stays when this answer is of no use. */
void soa_on_answer(struct txns *txns, struct soa *soa, const struct wire_msg *msg,
                   struct txn_now now)
{
    soa->exchange = NULL;
    if (msg == NULL)
        return;
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    bool is_answer =
        (msg->header.flags & FLAG_AA) != 0 && msg->header.rcode == RCODE_NOERROR;
    for (unsigned i = 0; is_answer && i < msg->header.counts[SECTION_PREREQUISITE];
         i++) {
        struct wire_rr rr;
        struct name_buf owner;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        wire_owner(msg, &rr, &owner);
        if (rr.type == TYPE_SOA && rr.class == CLASS_IN &&
            name_equal(name_of(&owner), name_of(&soa->zone))) {
            keep(txns, soa, msg, &rr);
            return;
        }
    }
    soa->is_withheld = true;
    if (journal_may_log(txns, now)) {
        char zone[NAME_TEXT_OCTETS];
        journal_log(txns, LEVEL_WARNING,
                    "event=zone-not-served zone=%s rcode=%s why=\"the primary does not "
                    "answer for this zone with authority\"",
                    name_to_text(name_of(&soa->zone), zone),
                    rcode_name((enum rcode)msg->header.rcode));
    }
}

void soa_fini(struct txns *txns)
{
    struct soa *soa;
    while ((soa = TAILQ_FIRST(&txns->soas)) != NULL)
        soa_drop(txns, soa);
    map_fini(&txns->soa_by_zone);
}

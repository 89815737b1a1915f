/*
 * A message has come: who sent it, was it seen before, is it within its rate, what is
 * to be done. Rules P0, P9 to P16, T-19 to T-21, R-2 to R-4, I4, I7.
 */
#include "txn/txns.h"

#include <assert.h>

/* ---- P9, P10 ---- */

/* T-21: remembers the latest real time and tells of a clock that was set back. */
static void note_clock(struct txns *txns, struct txn_now now)
{
    if (now.real_us >= txns->highest_real_us) {
        txns->highest_real_us = now.real_us;
        txns->is_clock_told = false;
        return;
    }
    if (now.real_us + TXN_CLOCK_STEP_US < txns->highest_real_us &&
        !txns->is_clock_told) {
        txns->is_clock_told = true;
        journal_log(
            txns, LEVEL_ERROR,
            "event=clock-stepped-back seconds=%lld why=\"the system's clock was set "
            "back; updates may be refused until it has caught up\"",
            (long long)((txns->highest_real_us - now.real_us) / TXN_SECOND_US));
    }
}

/* I4, T-20, T-21: whether this time signed could belong to a request that was executed
 * and forgotten. REASON_PERMITTED: no. */
static enum reason judge_time(const struct txns *txns, const struct txn *txn,
                              struct txn_now now)
{
    int64_t fudge_us = (int64_t)txn->snapshot->settings.max_fudge_s * TXN_SECOND_US;
    int64_t signed_us = (int64_t)txn->verified.time_signed_s * TXN_SECOND_US;
    if (now.real_us + fudge_us < txns->highest_real_us)
        return REASON_CLOCK_SUSPECT;
    if (now.real_us + TXN_CLOCK_STEP_US < txns->highest_real_us &&
        signed_us < txns->highest_real_us - fudge_us)
        return REASON_TIME_SKEW;
    if (signed_us < txns->horizon_us)
        return REASON_TIME_SKEW;
    /* Times signed are whole seconds: one of that very second may be older. The rule
     * has no end: who signed before is outside the window (T-8) soon enough. */
    if (signed_us <= txns->forgotten_us)
        return REASON_TIME_SKEW;
    return REASON_PERMITTED;
}

/* Takes the sender of the oldest copy over UDP out of those who wait. */
static struct txn_waiter *take_oldest_copy(struct txn *txn)
{
    struct txn_waiter *oldest = NULL, *before = NULL;
    for (struct txn_waiter *w = &txn->first; w->next != NULL; w = w->next) {
        if (w->next->client.transport == TRANSPORT_UDP)
            before = w; /* the newest stands first */
    }
    if (before != NULL) {
        oldest = before->next;
        before->next = oldest->next;
    }
    return oldest;
}

/* A copy of a request that is under way: it gets the same answer (T-19). Of the copies
 * over UDP the last ones do: knsupdate repeats from a new port, the old one closed. */
static enum txn_fate join(struct txns *txns, struct txn *txn,
                          const struct txn_client *client, uint16_t id)
{
    struct txn_waiter *waiter = NULL;
    if (client->transport == TRANSPORT_UDP && txn->udp_copies == TXN_UDP_COPIES) {
        waiter = take_oldest_copy(txn);
        txns->ports.send_client(txns->ports.arg, &waiter->client, txns->out, 0);
    } else {
        waiter = arena_alloc(&txn->arena, sizeof *waiter);
        if (waiter == NULL)
            return TXN_DROPPED;
        txn->udp_copies += client->transport == TRANSPORT_UDP;
    }
    *waiter = (struct txn_waiter){.client = *client, .id = id, .next = txn->first.next};
    txn->first.next = waiter;
    return TXN_WAITING;
}

static enum txn_fate answer_unaudited(struct txns *txns, struct txn *txn,
                                      enum reason reason, enum rcode rcode,
                                      struct txn_now now)
{
    txn_answer_unaudited(txns, txn, reason, rcode, now);
    return TXN_ANSWERED;
}

static enum txn_fate repeat(struct txns *txns, struct txn *txn,
                            const struct txn_entry *entry,
                            const struct txn_client *client, struct txn_now now)
{
    principal_suppress(txns, txn->host, &txn->host->duplicates);
    if (entry->txn == NULL)
        return answer_unaudited(txns, txn, REASON_REPEATED, (enum rcode)entry->rcode,
                                now);
    enum txn_fate fate = join(txns, entry->txn, client, txn->first.id);
    txn_leave(txns, txn);
    txns->by_reason[REASON_REPEATED]++;
    return fate;
}

void txn_repeat(struct txns *txns, struct txn *txn, struct txn_now now)
{
    const struct txn_client client = txn->first.client;
    const struct txn_entry *entry =
        txn_table_find(txns->table, &txn->verified.full_mac);
    assert(entry != NULL);
    if (repeat(txns, txn, entry, &client, now) == TXN_DROPPED)
        txns->ports.send_client(txns->ports.arg, &client, txns->out, 0);
}

static void take_place(struct txn *txn, struct principal *host)
{
    txn->host = host;
    host->waiting++;
    TAILQ_INSERT_TAIL(&host->open, txn, of_host);
}

/* I9: whether one more of the host may wait; it is counted already. */
static bool has_place(const struct txns *txns, const struct principal *host)
{
    const struct settings_limits *limits = &txns->snapshot->settings.limits;
    return host->waiting <= limits->host_waiting &&
           txns->open_count <= limits->requests;
}

/* before anything is parsed or kept for this request. */
static bool is_within_rate(const struct txns *txns, struct principal *host,
                           struct txn_now now)
{
    const struct settings_limits *limits = &txns->snapshot->settings.limits;
    return has_place(txns, host) && bucket_take(&host->bucket, limits->host_rate,
                                                limits->host_burst, now.mono_us);
}

/* ---- P11 to P16 ---- */

static struct gate_subject subject_of(const struct txn *txn)
{
    const struct key *key = txn->verified.is_verified ? txn->verified.key : NULL;
    struct gate_subject subject = {
        .from = &txn->first.client.peer,
        .transport = txn->first.client.transport,
        .now_s = txn->received.real_us / TXN_SECOND_US,
    };
    if (key != NULL) {
        subject.key_name = key->name;
        subject.host = key->credential.host;
    }
    return subject;
}

void txn_looked_up(struct txns *txns, struct txn *txn, struct txn_now now)
{
    plan_settle(&txn->plan);
    if (txn->plan.action == PLAN_FORWARD)
        order_forward(txns, txn, now);
    else
        txn_refuse(txns, txn, txn->plan.reason, now);
}

static void answer_soa(struct txns *txns, struct txn *txn, struct txn_now now)
{
    bool is_apex = name_equal(txn->plan.query_name, txn->plan.zone->name);
    struct reply_rr rr;
    struct reply reply = {
        .reason = REASON_PERMITTED, .extra_flags = FLAG_AA, .rrs = &rr, .rr_count = 1};
    if (soa_record(txns, txn->plan.zone->name,
                   is_apex ? SECTION_PREREQUISITE : SECTION_UPDATE, &rr))
        txn_answer_query(txns, txn, &reply, now);
    else
        txn_refuse(txns, txn, REASON_PRIMARY_UNREACHABLE, now);
}

/* A query has no bucket, but one that waits for the primary takes a place like an
 * update: else one host's questions would fill the memory, and all places of others. */
static void admit_read(struct txns *txns, struct txn *txn, struct txn_now now)
{
    struct principal *host = principal_of(txns, txn->plan.host);
    if (host == NULL) {
        txn_refuse(txns, txn, REASON_UNDECIDED, now);
        return;
    }
    take_place(txn, host);
    if (has_place(txns, host)) {
        read_start(txns, txn, now);
        return;
    }
    principal_suppress(txns, host, &host->rate_limited);
    txn_refuse(txns, txn, REASON_RATE_LIMITED, now);
}

/* Carries out what the gate has planned. txn may be gone afterwards. */
static void follow_plan(struct txns *txns, struct txn *txn, struct txn_now now)
{
    static const struct reply truncated = {.reason = REASON_PERMITTED,
                                           .extra_flags = FLAG_TC};
    switch (txn->plan.action) {
    case PLAN_REPLY:
        txn_refuse(txns, txn, txn->plan.reason, now);
        return;
    case PLAN_LOOKUP:
        lookup_start(txns, txn, now);
        return;
    case PLAN_FORWARD:
        order_forward(txns, txn, now);
        return;
    case PLAN_SOA:
        answer_soa(txns, txn, now);
        return;
    case PLAN_READ:
        admit_read(txns, txn, now);
        return;
    case PLAN_TRUNCATE:
        txn_answer_query(txns, txn, &truncated, now);
        return;
    }
    txn_refuse(txns, txn, REASON_UNDECIDED, now);
}

static enum txn_fate judge(struct txns *txns, struct txn *txn,
                           const struct wire_msg *msg, struct txn_now now)
{
    const struct gate_subject subject = subject_of(txn);
    gate_judge(txn->snapshot, &subject, msg, &txn->arena, &txn->plan);
    txns->opening = txn;
    follow_plan(txns, txn, now);
    return txns->opening == NULL ? TXN_ANSWERED : TXN_WAITING;
}

static enum txn_fate open_update(struct txns *txns, struct txn *txn,
                                 const struct wire_msg *msg, struct txn_now now)
{
    const struct key *key = txn->verified.key;
    principal_note_key(txns, key->name, now);
    const struct txn_entry *entry =
        txn_table_find(txns->table, &txn->verified.full_mac);
    enum reason reason = entry == NULL ? judge_time(txns, txn, now) : REASON_PERMITTED;
    if (reason != REASON_PERMITTED)
        return answer_unaudited(txns, txn, reason, outcome_of(reason)->rcode, now);
    struct principal *host = principal_of(txns, key->credential.host);
    if (host == NULL)
        return answer_unaudited(txns, txn, REASON_UNDECIDED, RCODE_SERVFAIL, now);
    take_place(txn, host);
    if (entry != NULL)
        return repeat(txns, txn, entry, &txn->first.client, now);
    if (!is_within_rate(txns, host, now)) {
        principal_suppress(txns, host, &host->rate_limited);
        return answer_unaudited(txns, txn, REASON_RATE_LIMITED, RCODE_REFUSED, now);
    }
    return judge(txns, txn, msg, now);
}

/* Answers what did not get past P8. Octets that nobody signed get no more octets than
 * they were, and only so many a second (I7, R-2). */
static enum txn_fate refuse_at_gate(struct txns *txns,
                                    const struct gate_inquiry *inquiry, size_t len,
                                    const struct txn_client *client, struct txn_now now)
{
    struct reply_form form;
    const struct reply reply = {.reason = inquiry->reason,
                                .rcode = outcome_of(inquiry->reason)->rcode};
    struct writer w = writer_of(txns->out, sizeof txns->out);
    bool is_udp = client->transport == TRANSPORT_UDP;
    enum result res;
    txns->by_reason[inquiry->reason]++;
    journal_log_refused(txns, inquiry, client, now);
    reply_form_init(&form, inquiry, NULL);
    if (inquiry->verified.is_verified) {
        res = reply_build_signed(&form, &inquiry->verified, &reply,
                                 now.real_us / TXN_SECOND_US,
                                 reply_limit(&form, client->transport), &w);
    } else if (is_udp && !prefix_buckets_take(
                             txns->errors, &client->peer,
                             txns->snapshot->settings.limits.error_rate, now.mono_us)) {
        return TXN_DROPPED;
    } else {
        form.question =
            NULL; /* nothing is echoed that could make the reply grow */
        res = reply_build_unsigned(&form, &inquiry->claimed, &reply,
                                   is_udp ? len : LIMIT_MESSAGE_OCTETS, &w);
    }
    if (res != RES_OK)
        return TXN_DROPPED;
    txns->ports.send_client(txns->ports.arg, client, w.octets, w.len);
    return TXN_ANSWERED;
}

struct txn_opened txn_open(struct txns *txns, const uint8_t *octets, size_t len,
                           const struct txn_client *client, struct txn_now now)
{
    struct gate_inquiry inquiry;
    struct txn_opened opened = {TXN_DROPPED, false};
    txns->received++;
    note_clock(txns, now);
    gate_verify(txns->snapshot, octets, len, now.real_us / TXN_SECOND_US, &inquiry);
    opened.is_verified = inquiry.verified.is_verified;
    if (inquiry.standing == GATE_DROP || txns->is_draining) {
        txns->dropped++;
        return opened;
    }
    if (inquiry.standing == GATE_REFUSED) {
        opened.fate = refuse_at_gate(txns, &inquiry, len, client, now);
        return opened;
    }
    struct txn *txn = txn_begin(txns, &inquiry, len, client, now);
    if (txn == NULL) {
        txns->dropped++;
        return opened;
    }
    if (txn->form.opcode == OPCODE_UPDATE)
        opened.fate = open_update(txns, txn, &inquiry.msg, now);
    else
        opened.fate = judge(txns, txn, &inquiry.msg, now);
    if (txns->lines.len >= TXN_LINES_OCTETS)
        txns_flush(txns, now);
    return opened;
}

/*
 * What is written about requests: the audit line before it is forwarded and when it
 * ends, and the log. Rules I8, L-1, L-2, D5, R-1.
 */
#include "txn/txns.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "policy/explain.h"

#define JOURNAL_LOG_OCTETS 2048
/* lines a second that peers can cause. */
#define JOURNAL_LOG_RATE  10
#define JOURNAL_LOG_BURST 50
/* At once; after that clients have their turn. */
#define JOURNAL_SUPPRESSED_LINES 256
/* Room for a line without changes. */
#define JOURNAL_LINE_OCTETS 4096

/* ---- audit ---- */

static enum result reserve_line(struct writer *lines, size_t octets)
{
    if (octets <= lines->capacity - lines->len)
        return RES_OK;
    uint8_t *grown = realloc(lines->octets, lines->len + octets);
    if (grown == NULL)
        return RES_EMEM;
    lines->octets = grown;
    lines->capacity = lines->len + octets;
    return RES_OK;
}

static enum result append_line(struct txns *txns, const struct log_line *line)
{
    enum result res =
        reserve_line(&txns->lines, line->plan != NULL ? log_line_octets(line->plan)
                                                      : JOURNAL_LINE_OCTETS);
    return res == RES_OK ? log_write_line(&txns->chain, line, &txns->lines) : res;
}

enum result journal_commit(struct txns *txns)
{
    struct writer *lines = &txns->lines;
    enum result res = RES_OK;
    struct txn *txn;
    if (lines->len > 0)
        res = txns->ports.audit_write(txns->ports.arg, lines->octets, lines->len);
    if (res == RES_OK) {
        txns->written_chain = txns->chain;
    } else {
        txns->chain = txns->written_chain;
        TAILQ_FOREACH(txn, &txns->writing, queue)
        {
            txn_deny_unwritten(txn);
        }
    }
    writer_rewind(lines, 0);
    TAILQ_CONCAT(&txns->written, &txns->writing, queue);
    return res;
}

/* For lines about no request. */
static enum result write_line(struct txns *txns, const struct log_line *line)
{
    enum result res = append_line(txns, line);
    return res == RES_OK ? journal_commit(txns) : res;
}

enum result journal_write(struct txns *txns, const struct txn *txn,
                          enum log_event event, struct txn_now now)
{
    char host[NAME_TEXT_OCTETS];
    const struct acl_host *acl_host = txn->plan.host;
    const struct log_line line = {
        .event = event,
        .time_us = now.real_us,
        .generation = txn->snapshot->generation,
        .host = acl_host != NULL ? name_to_text(acl_host->name, host) : NULL,
        .key_name = txn->verified.key->name,
        .full_mac = &txn->verified.full_mac,
        .time_signed_s = txn->verified.time_signed_s,
        .from = &txn->first.client.peer,
        .transport = txn->first.client.transport,
        .plan = &txn->plan,
        .reason = event == LOG_INTENT ? REASON_PERMITTED : txn->plan.reason,
        .rcode = txn->rcode,
        .has_primary_rcode = txn->has_primary_rcode,
        .primary_rcode = txn->primary_rcode,
        .latency_us = now.mono_us - txn->received.mono_us,
        .batch = txn->batch_size,
    };
    return append_line(txns, &line);
}

/* Where it cannot be written nothing else can either, and no update is executed. */
void journal_write_started(struct txns *txns, uint64_t transactions, struct txn_now now)
{
    const struct log_line line = {
        .event = LOG_STARTED,
        .time_us = now.real_us,
        .generation = txns->snapshot->generation,
        .forgotten_us = txns->forgotten_us,
        .transactions = transactions,
    };
    if (write_line(txns, &line) != RES_OK)
        journal_log(txns, LEVEL_ERROR,
                    "event=audit-unavailable why=\"the line of the "
                    "start could not be written\"");
}

/* Whether a copy of the request could still be believed. */
static bool is_live(const struct txn_entry *entry, struct txn_now now)
{
    return entry->txn != NULL || entry->until_real_s >= now.real_us / TXN_SECOND_US;
}

static const struct principal *owner_of(const struct txn_entry *entry)
{
    const char *count = (const char *)entry->host_count;

    return (const struct principal *)(count - offsetof(struct principal, transactions));
}

static enum result carry(struct txns *txns, const struct txn_entry *entry,
                         enum reason reason, enum rcode rcode, struct txn_now now)
{
    char host[NAME_TEXT_OCTETS];
    struct tsig_mac mac = {.len = TXN_TABLE_ID_OCTETS};
    const struct log_line line = {
        .event = LOG_CARRIED,
        .time_us = now.real_us,
        .generation = txns->snapshot->generation,
        .host = name_to_text(owner_of(entry)->name, host),
        .full_mac = &mac,
        .until_s = entry->until_real_s,
        .reason = reason,
        .rcode = rcode,
    };
    memcpy(mac.octets, entry->id, sizeof entry->id);
    enum result res =
        txns->lines.len >= TXN_LINES_OCTETS ? journal_commit(txns) : RES_OK;
    return res == RES_OK ? append_line(txns, &line) : res;
}

/* One that is in progress is unknown until its result follows. */
static enum result carry_entry(struct txns *txns, const struct txn_entry *entry,
                               struct txn_now now)
{
    return entry->txn == NULL
               ? carry(txns, entry, (enum reason)entry->reason,
                       (enum rcode)entry->rcode, now)
               : carry(txns, entry, REASON_OUTCOME_UNKNOWN, RCODE_SERVFAIL, now);
}

/* The old file has the result already, and only its sync is awaited: none follows in
 * the new one. It stands there after what the entry says, and the later word counts. */
static enum result carry_syncing(struct txns *txns, const struct txn *txn,
                                 struct txn_now now)
{
    const struct txn_entry *entry =
        txn_table_find(txns->table, &txn->verified.full_mac);
    return entry == NULL ? RES_OK
                         : carry(txns, entry, txn->plan.reason, txn->rcode, now);
}

enum result txns_rotated(struct txns *txns, struct txn_now now, uint64_t *out_carried)
{
    const struct txn_entry *entry;
    const struct txn *txn;
    struct log_line line = {
        .event = LOG_ROTATED,
        .time_us = now.real_us,
        .generation = txns->snapshot->generation,
    };
    size_t cursor = 0;
    while ((entry = txn_table_next(txns->table, &cursor)) != NULL)
        line.carried += is_live(entry, now);
    enum result res = append_line(txns, &line);
    cursor = 0;
    while (res == RES_OK && (entry = txn_table_next(txns->table, &cursor)) != NULL) {
        if (is_live(entry, now))
            res = carry_entry(txns, entry, now);
    }
    TAILQ_FOREACH(txn, &txns->syncing, queue)
    {
        if (res == RES_OK)
            res = carry_syncing(txns, txn, now);
    }
    *out_carried = line.carried;
    return res == RES_OK ? journal_commit(txns) : res;
}

static enum result append_suppressed(struct txns *txns,
                                     const struct principal *principal,
                                     struct txn_now now)
{
    char host[NAME_TEXT_OCTETS];
    const struct log_line line = {
        .event = LOG_SUPPRESSED,
        .time_us = now.real_us,
        .generation = txns->snapshot->generation,
        .host =
            principal == &txns->hostless ? NULL : name_to_text(principal->name, host),
        .duplicates = principal->duplicates,
        .rate_limited = principal->rate_limited,
    };
    return append_line(txns, &line);
}

bool journal_write_suppressed(struct txns *txns, struct txn_now now)
{
    struct principal *principal;
    unsigned count = 0;
    TAILQ_FOREACH(principal, &txns->untold, untold)
    {
        if (count == JOURNAL_SUPPRESSED_LINES ||
            append_suppressed(txns, principal, now) != RES_OK)
            break;
        count++;
    }
    if (count == 0 || journal_commit(txns) != RES_OK)
        return false; /* the numbers stay and are told later */
    while (count-- > 0) {
        principal = TAILQ_FIRST(&txns->untold);
        TAILQ_REMOVE(&txns->untold, principal, untold);
        principal->duplicates = principal->rate_limited = 0;
    }
    return !TAILQ_EMPTY(&txns->untold);
}

/* ---- log ---- */

void journal_log(struct txns *txns, enum txn_level level, const char *format, ...)
{
    char line[JOURNAL_LOG_OCTETS];
    struct writer w = writer_of((uint8_t *)line, sizeof line - 1);
    va_list args;
    va_start(args, format);
    writer_vprintf(&w, format, args);
    va_end(args);
    if (w.failed) /* longer than any log wants it: its beginning says enough */
        w.len = sizeof line - 1;
    line[w.len] = '\0';
    txns->ports.log(txns->ports.arg, level, line);
}

bool journal_may_log(struct txns *txns, struct txn_now now)
{
    if (!bucket_take(&txns->log_bucket, JOURNAL_LOG_RATE, JOURNAL_LOG_BURST,
                     now.mono_us)) {
        txns->log_suppressed++;
        return false;
    }
    if (txns->log_suppressed > 0) {
        uint64_t suppressed = txns->log_suppressed;
        txns->log_suppressed = 0;
        journal_log(txns, LEVEL_NOTICE, "event=log-suppressed lines=%llu",
                    (unsigned long long)suppressed);
    }
    return true;
}

/* Text from explain_..., as the value of a log field, which ends at the first quote:
 * those within become single ones. Control octets it holds none. */
static const char *text_of(void (*explain)(const struct plan *plan, struct writer *w),
                           const struct plan *plan, char *text, size_t capacity)
{
    struct writer w = writer_of((uint8_t *)text, capacity - 1);
    explain(plan, &w);
    text[w.len] = '\0';
    for (char *quote = strchr(text, '"'); quote != NULL; quote = strchr(quote, '"'))
        *quote = '\'';
    return text;
}

static void explain_decisive_rule(const struct plan *plan, struct writer *w)
{
    if (plan->decisive < plan->change_count)
        explain_rule(&plan->changes[plan->decisive], w);
    if (w->len == 0)
        writer_u8(w, '-');
}

void journal_log_txn(struct txns *txns, const struct txn *txn, struct txn_now now)
{
    char key[NAME_TEXT_OCTETS], zone[NAME_TEXT_OCTETS], peer[ADDR_TEXT_OCTETS];
    char why[LIMIT_REASON_OCTETS + 1], rule[LIMIT_LINE_OCTETS];
    const struct outcome *outcome = outcome_of(txn->plan.reason);
    bool is_fault = txn->rcode == RCODE_SERVFAIL;
    if (!is_fault && !journal_may_log(txns, now))
        return;
    journal_log(
        txns, is_fault ? LEVEL_WARNING : LEVEL_INFO,
        "event=update peer=%s key=%s zone=%s reason=%s rcode=%s ms=%lld rule=%s "
        "why=\"%s\"",
        addr_format_port(&txn->first.client.peer, peer),
        name_to_text(txn->verified.key->name, key),
        txn->plan.zone != NULL ? name_to_text(txn->plan.zone->name, zone) : "-",
        outcome->name, rcode_name(txn->rcode),
        (long long)((now.mono_us - txn->received.mono_us) / 1000),
        text_of(explain_decisive_rule, &txn->plan, rule, sizeof rule),
        text_of(explain_reason, &txn->plan, why, sizeof why));
}

/* D5: an unknown key's line says what the client offered: certbot before 3.3.0 signs
 * with HMAC-MD5 when its configuration spells the algorithm in lower case. */
static void tell_claimed(const struct gate_claimed *claimed, struct writer *w)
{
    char key[NAME_TEXT_OCTETS], algorithm[NAME_TEXT_OCTETS];
    writer_printf(w, " key=%s algorithm=%s",
                  name_to_text(name_of(&claimed->key_name), key),
                  name_to_text(name_of(&claimed->algorithm), algorithm));
}

/* How far the clocks differ tells whose is wrong: a minute, an hour, a time zone. */
static void tell_verified(const struct gate_verified *verified, enum reason reason,
                          struct txn_now now, struct writer *w)
{
    char key[NAME_TEXT_OCTETS];
    int64_t signed_s = (int64_t)verified->time_signed_s;
    writer_printf(w, " key=%s", name_to_text(verified->key->name, key));
    if (reason == REASON_TIME_SKEW)
        writer_printf(w, " ahead_s=%lld",
                      (long long)(signed_s - now.real_us / TXN_SECOND_US));
}

void journal_log_refused(struct txns *txns, const struct gate_inquiry *inquiry,
                         const struct txn_client *client, struct txn_now now)
{
    char peer[ADDR_TEXT_OCTETS], who[2 * NAME_TEXT_OCTETS + 64];
    struct writer w = writer_of((uint8_t *)who, sizeof who - 1);
    const struct outcome *outcome = outcome_of(inquiry->reason);
    if (!journal_may_log(txns, now))
        return;
    if (inquiry->claimed.has_tsig)
        tell_claimed(&inquiry->claimed, &w);
    else if (inquiry->verified.is_verified)
        tell_verified(&inquiry->verified, inquiry->reason, now, &w);
    who[w.len] = '\0';
    journal_log(txns, LEVEL_INFO, "event=refused peer=%s reason=%s rcode=%s%s",
                addr_format_port(&client->peer, peer), outcome->name,
                rcode_name(outcome->rcode), who);
}

#include "txn/log.h"

#include <string.h>

#include "base/addr.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/timestamp.h"
#include "dns/type.h"
#include "policy/explain.h"
#include "txn/log_form.h"

/* Bounds of a line, in octets. A name's octet is at most \\DDD in JSON; a file name's
 * at most \u00XX. */
#define NAME_OCTET_JSON 5
#define FILE_OCTET_JSON 6
#define NAME_JSON       (LIMIT_NAME_OCTETS * NAME_OCTET_JSON + 2)
#define CHANGE_JSON     256 /* keys, numbers, op, type, hash */
#define RULE_OCTETS     (LIMIT_PATH_OCTETS + 16)

const char *log_event_name(enum log_event event)
{
    switch (event) {
    case LOG_INTENT:
        return "intent";
    case LOG_RESULT:
        return "result";
    case LOG_LATE:
        return "late";
    case LOG_SUPPRESSED:
        return "suppressed";
    case LOG_STARTED:
        return "started";
    case LOG_ROTATED:
        return "rotated";
    case LOG_CARRIED:
        return "carried";
    case LOG_EVENTS:
        break;
    }
    return NULL;
}

const char *log_form_verdict(enum reason reason)
{
    if (reason == REASON_PERMITTED || reason == REASON_PREREQUISITE_FAILED)
        return "permitted";
    return outcome_of(reason)->rcode == RCODE_SERVFAIL ? "failed" : "refused";
}

static const char *transport_name(enum transport transport)
{
    switch (transport) {
    case TRANSPORT_UDP:
        return "udp";
    case TRANSPORT_TCP:
        return "tcp";
    }
    return NULL;
}

/* L-3: presentation form escapes what is not printable, then JSON its backslashes. */
static void write_name(struct json *json, const char *key, struct name name)
{
    char text[NAME_TEXT_OCTETS];

    json_string(json, key, name.octets == NULL ? NULL : name_to_text(name, text));
}

void log_form_open(struct json *json, const struct log_chain *chain,
                   enum log_event event, int64_t time_us)
{
    char time[TIMESTAMP_TEXT_OCTETS];

    json_object_open(json, NULL);
    json_word(json, "event", log_event_name(event));
    json_word(json, "time", timestamp_format_us(time_us, time));
    json_number(json, "seq", (int64_t)chain->next_seq);
}

static void write_mac(struct json *json, const struct log_line *line)
{
    if (line->full_mac != NULL)
        json_hex(json, "mac", line->full_mac->octets, line->full_mac->len);
    else
        json_null(json, "mac");
}

static void write_who(struct json *json, const struct log_line *line)
{
    char from[ADDR_TEXT_OCTETS];

    json_string(json, "host", line->host);
    write_name(json, "key", line->key_name);
    write_mac(json, line);
    json_number(json, "time_signed", (int64_t)line->time_signed_s);
    json_word(json, "from", line->from == NULL ? NULL : addr_format(line->from, from));
    json_word(json, "transport", transport_name(line->transport));
}

static enum result write_rdata(struct json *json, const struct rdata *rdata)
{
    uint8_t hash[SHA256_OCTETS];

    if (rdata->len == 0) {
        json_null(json, "rdata");
        return RES_OK;
    }
    if (rdata->len <= LIMIT_AUDIT_RDATA_OCTETS) {
        json_hex(json, "rdata", rdata->octets, rdata->len);
        return RES_OK;
    }
    enum result res = sha256_hash(NULL, rdata->octets, rdata->len, hash);
    if (res == RES_OK)
        json_hex(json, "rdata_sha256", hash, sizeof(hash));
    return res;
}

static enum result write_change(struct json *json, const struct change *change)
{
    const struct update_item *item = &change->item;
    char type[TYPE_TEXT_OCTETS];

    json_object_open(json, NULL);
    json_word(json, "op", update_op_name(item->op));
    json_word(json, "type", type_format(item->type, type));
    write_name(json, "original", change->rewrite.original);
    write_name(json, "target", change->rewrite.target);
    if (item->op == UPDATE_ADD) {
        json_number(json, "ttl_asked", item->ttl);
        json_number(json, "ttl", change->ttl);
    } else {
        json_null(json, "ttl_asked");
        json_null(json, "ttl");
    }
    enum result result = write_rdata(json, &item->rdata);
    json_object_close(json);
    return result;
}

static enum result write_changes(struct json *json, const struct plan *plan)
{
    if (plan == NULL || plan->zone == NULL) {
        json_null(json, "zone");
    } else {
        write_name(json, "zone", plan->zone->name);
    }
    if (plan == NULL) {
        json_null(json, "changes");
        return RES_OK;
    }
    json_array_open(json, "changes");
    for (size_t i = 0; i < plan->change_count; i++) {
        enum result result = write_change(json, &plan->changes[i]);
        if (result != RES_OK)
            return result;
    }
    json_array_close(json);
    return RES_OK;
}

/* Of the change that decided, else of the first. */
static const struct change *ruling_change(const struct plan *plan)
{
    if (plan == NULL || plan->change_count == 0)
        return NULL;
    return &plan->changes[plan->decisive < plan->change_count ? plan->decisive : 0];
}

static void write_rule(struct json *json, const struct plan *plan)
{
    char rule[RULE_OCTETS];
    struct writer w = writer_of((uint8_t *)rule, sizeof(rule) - 1);
    const struct change *change = ruling_change(plan);

    if (change != NULL)
        explain_rule(change, &w);
    rule[w.len] = '\0';
    json_string(json, "rule", w.len > 0 ? rule : NULL);
}

static void write_end(struct json *json, const struct log_line *line)
{
    json_word(json, "verdict", log_form_verdict(line->reason));
    json_word(json, "reason", outcome_of(line->reason)->name);
    write_rule(json, line->plan);
    if (line->event == LOG_INTENT) {
        json_null(json, "rcode");
        json_null(json, "primary_rcode");
        json_null(json, "latency_us");
        json_null(json, "batch");
        return;
    }
    json_word(json, "rcode", rcode_name(line->rcode));
    json_word(json, "primary_rcode",
              line->has_primary_rcode ? rcode_name(line->primary_rcode) : NULL);
    json_number(json, "latency_us", line->latency_us);
    json_number(json, "batch", line->batch);
}

static void write_forgotten(struct json *json, const struct log_line *line)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    bool is_none = line->forgotten_us == INT64_MIN;

    json_word(json, "forgotten",
              is_none ? NULL : timestamp_format_us(line->forgotten_us, time));
    json_number(json, "transactions", (int64_t)line->transactions);
}

static enum result write_fields(struct json *json, const struct log_line *line)
{
    enum result result = RES_OK;

    json_number(json, "gen", (int64_t)line->generation);
    switch (line->event) {
    case LOG_INTENT:
    case LOG_RESULT:
    case LOG_LATE:
        write_who(json, line);
        result = write_changes(json, line->plan);
        write_end(json, line);
        return result;
    case LOG_SUPPRESSED:
        json_string(json, "host", line->host);
        json_number(json, "duplicates", (int64_t)line->duplicates);
        json_number(json, "rate_limited", (int64_t)line->rate_limited);
        return RES_OK;
    case LOG_STARTED:
        write_forgotten(json, line);
        return RES_OK;
    case LOG_ROTATED:
        json_number(json, "carried", (int64_t)line->carried);
        return RES_OK;
    case LOG_CARRIED:
        json_string(json, "host", line->host);
        write_mac(json, line);
        json_number(json, "until", (int64_t)line->until_s);
        json_word(json, "reason", outcome_of(line->reason)->name);
        json_word(json, "rcode", rcode_name(line->rcode));
        return RES_OK;
    case LOG_EVENTS:
        break;
    }
    return RES_EBUG;
}

enum result log_form_close(struct log_chain *chain, struct json *json, size_t start,
                           enum result so_far)
{
    struct writer *w = json->writer;
    uint8_t hash[SHA256_OCTETS];

    json_hex(json, "prev", chain->prev, sizeof(chain->prev));
    json_object_close(json);
    size_t len = w->len - start;
    writer_u8(w, '\n');
    if (w->failed)
        so_far = RES_EMEM;
    if (so_far == RES_OK)
        so_far = sha256_hash(chain->sha256, w->octets + start, len, hash);
    if (so_far != RES_OK) {
        writer_rewind(w, start);
        return so_far;
    }
    memcpy(chain->prev, hash, sizeof(hash));
    chain->next_seq++;
    return RES_OK;
}

enum result log_write_line(struct log_chain *chain, const struct log_line *line,
                           struct writer *w)
{
    size_t start = w->len;
    struct json json = json_of(w);

    log_form_open(&json, chain, line->event, line->time_us);
    return log_form_close(chain, &json, start, write_fields(&json, line));
}

static bool is_event(const uint8_t *line, size_t len, const char *head)
{
    return len >= strlen(head) && memcmp(line, head, strlen(head)) == 0;
}

bool log_is_news(const uint8_t *line, size_t len)
{
    return !is_event(line, len, "{\"event\":\"intent\"") &&
           !is_event(line, len, "{\"event\":\"carried\"");
}

static size_t change_octets(const struct change *change)
{
    size_t rdata = change->item.rdata.len <= LIMIT_AUDIT_RDATA_OCTETS
                       ? (size_t)change->item.rdata.len * 2
                       : SHA256_OCTETS * 2;
    size_t names = (size_t)change->rewrite.original.len + change->rewrite.target.len;

    return CHANGE_JSON + rdata + names * NAME_OCTET_JSON;
}

size_t log_line_octets(const struct plan *plan)
{
    size_t octets = LOG_FORM_FIXED_OCTETS + 3 * NAME_JSON; /* host, key, zone */

    if (plan == NULL)
        return octets;
    for (size_t i = 0; i < plan->change_count; i++)
        octets += change_octets(&plan->changes[i]);
    const struct change *ruling = ruling_change(plan);
    if (ruling != NULL && ruling->right != NULL)
        octets += RULE_OCTETS * FILE_OCTET_JSON;
    return octets;
}

/*
 * Reading the audit log back at start (D9): where the chain stands, what a crash left
 * open, and what a retransmission could still name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/timestamp.h"
#include "txn/log.h"
#include "txn/log_form.h"
#include "txn/log_read.h"

/* An intent whose result has not been seen. */
struct pending {
    struct pending *before, *next;
    const char *body; /* from "gen" up to "verdict": host, key, mac ... changes */
    size_t body_len;
    const char *rule; /* its JSON value */
    size_t rule_len;
    size_t key_at, key_len; /* in body: "key" and "mac", which identify the request */
    struct log_past past;
    char chars[];
};

struct log_scan {
    uint64_t signed_from_s;
    struct sha256 *sha256;  /* NULL: no memory for one, which only takes longer */
    struct log_chain chain; /* without it: others take the chain on */
    struct map hosts;       /* names: one for all requests of a host */
    struct map by_key;
    struct pending *first, *last; /* in file order */
    size_t unresolved;
    size_t torn;
    struct log_past *past;
    size_t past_count;
    size_t past_capacity;
    bool has_lines;
    bool is_first_of_all;
    uint64_t carried_wanted; /* by a rotated line that was the first fed */
    uint64_t carried_seen;
    int64_t forgotten_us;
    bool is_strange; /* a line of our form says what we never say */
};

struct log_scan *log_scan_new(uint64_t signed_from_s)
{
    struct log_scan *scan = calloc(1, sizeof(*scan));

    if (scan == NULL)
        return NULL;
    scan->signed_from_s = signed_from_s;
    scan->chain.next_seq = 1;
    scan->sha256 = sha256_new();
    scan->carried_wanted = UINT64_MAX;
    scan->forgotten_us = INT64_MIN;
    map_init(&scan->hosts);
    map_init(&scan->by_key);
    return scan;
}

void log_scan_free(struct log_scan **scan)
{
    size_t cursor = 0;
    char *host;

    if (*scan == NULL)
        return;
    for (struct pending *pending = (*scan)->first, *next; pending != NULL;
         pending = next) {
        next = pending->next;
        free(pending);
    }
    while ((host = map_next(&(*scan)->hosts, &cursor)) != NULL)
        free(host);
    map_fini(&(*scan)->hosts);
    map_fini(&(*scan)->by_key);
    free((*scan)->past);
    sha256_free(&(*scan)->sha256);
    free(*scan);
    *scan = NULL;
}

/* ---- requests that may come again ---- */

/* NULL: no memory. */
static const char *host_name(struct log_scan *scan, struct log_span span)
{
    char text[NAME_TEXT_OCTETS];
    size_t len = strlen(log_span_text(span, text, sizeof(text)));
    char *host = map_get(&scan->hosts, text, len);

    if (host != NULL)
        return host;
    host = malloc(len + 1);
    if (host == NULL)
        return NULL;
    memcpy(host, text, len + 1);
    if (map_put(&scan->hosts, host, len, host) != RES_OK) {
        free(host);
        return NULL;
    }
    return host;
}

static bool read_rcode(struct log_span span, enum rcode *out)
{
    char text[32];

    (void)log_span_text(span, text, sizeof(text));
    for (int i = RCODE_NOERROR; i <= RCODE_NOTZONE; i++) {
        if (strcmp(rcode_name((enum rcode)i), text) == 0) {
            *out = (enum rcode)i;
            return true;
        }
    }
    return false;
}

/* Requests that end so were sent to the primary, and no verified answer says that a
 * retry may run: they have an entry in the table (T-22). */
static const bool is_executed[REASON_COUNT] = {
    [REASON_PERMITTED] = true,       [REASON_PREREQUISITE_FAILED] = true,
    [REASON_TARGET_IS_CNAME] = true, [REASON_PRIMARY_REFUSED] = true,
    [REASON_PRIMARY_FAILED] = true,  [REASON_OUTCOME_UNKNOWN] = true,
};

/* How it ended. false: not by any way that we have. */
static bool read_end(const struct log_record *record, struct log_past *out)
{
    char reason[64];

    if (record->event == LOG_INTENT) { /* as far as is known yet */
        out->reason = REASON_OUTCOME_UNKNOWN;
        out->rcode = RCODE_SERVFAIL;
        return true;
    }
    (void)log_span_text(record->reason, reason, sizeof(reason));
    if (strcmp(reason, outcome_of(REASON_UNDECIDED)->name) == 0) {
        out->reason = REASON_UNDECIDED;
        return true;
    }
    return outcome_reason_named(reason, &out->reason) == RES_OK &&
           read_rcode(record->rcode, &out->rcode);
}

static bool read_who(const struct log_record *record, struct log_past *out)
{
    size_t mac_len = 0;

    if (!log_span_hex(record->mac, out->mac.octets, sizeof(out->mac.octets), &mac_len))
        return false;
    out->mac.len = (uint8_t)mac_len;
    if (record->event == LOG_CARRIED)
        return log_span_number(record->until, &out->until_s);
    return log_span_number(record->time_signed, &out->time_signed_s);
}

/* out->host NULL: this is no request that could be named again. */
static enum result read_past(struct log_scan *scan, const struct log_record *record,
                             struct log_past *out)
{
    *out = (struct log_past){.host = NULL};
    bool is_good = read_end(record, out);
    if (is_good && record->event != LOG_CARRIED && !is_executed[out->reason])
        return RES_OK;
    if (is_good && record->event != LOG_INTENT && log_span_is(record->batch, "0"))
        return RES_OK; /* without records nothing is sent */
    if (!is_good || !read_who(record, out)) {
        scan->is_strange = true;
        return RES_OK;
    }
    if (record->event != LOG_CARRIED && out->time_signed_s < scan->signed_from_s)
        return RES_OK;
    out->host = host_name(scan, record->host);
    return out->host == NULL ? RES_EMEM : RES_OK;
}

static enum result remember(struct log_scan *scan, const struct log_record *record)
{
    struct log_past past;
    enum result result = read_past(scan, record, &past);

    if (result != RES_OK || past.host == NULL)
        return result;
    if (scan->past_count == scan->past_capacity) {
        size_t capacity = scan->past_capacity > 0 ? 2 * scan->past_capacity : 256;
        struct log_past *grown = realloc(scan->past, capacity * sizeof(*grown));
        if (grown == NULL)
            return RES_EMEM;
        scan->past = grown;
        scan->past_capacity = capacity;
    }
    scan->past[scan->past_count++] = past;
    return RES_OK;
}

/* ---- intents ---- */

static struct pending *pending_new(const struct log_record *record)
{
    size_t len = record->body.len + record->rule.len;
    struct pending *pending = malloc(sizeof(*pending) + len);

    if (pending == NULL)
        return NULL;
    *pending = (struct pending){
        .body = pending->chars,
        .body_len = record->body.len,
        .rule = pending->chars + record->body.len,
        .rule_len = record->rule.len,
        .key_at = (size_t)(record->identity.chars - record->body.chars),
        .key_len = record->identity.len,
    };
    memcpy(pending->chars, record->body.chars, record->body.len);
    memcpy(pending->chars + record->body.len, record->rule.chars, record->rule.len);
    return pending;
}

/* A second intent of a request that is already open adds nothing: one result serves. */
static enum result open_intent(struct log_scan *scan, const struct log_record *record)
{
    struct pending *pending = pending_new(record);

    if (pending == NULL)
        return RES_EMEM;
    enum result result = read_past(scan, record, &pending->past);
    if (result == RES_OK)
        result = map_put(&scan->by_key, pending->body + pending->key_at,
                         pending->key_len, pending);
    if (result != RES_OK) {
        free(pending);
        return result == RES_EEXISTS ? RES_OK : result;
    }
    pending->before = scan->last;
    if (scan->last != NULL)
        scan->last->next = pending;
    else
        scan->first = pending;
    scan->last = pending;
    scan->unresolved++;
    return RES_OK;
}

static void close_intent(struct log_scan *scan, struct log_span identity)
{
    struct pending *pending = map_remove(&scan->by_key, identity.chars, identity.len);

    if (pending == NULL) /* a refusal's only line */
        return;
    if (pending->before != NULL)
        pending->before->next = pending->next;
    else
        scan->first = pending->next;
    if (pending->next != NULL)
        pending->next->before = pending->before;
    else
        scan->last = pending->before;
    free(pending);
    scan->unresolved--;
}

/* T-20: what an earlier start had forgotten is still not known. */
static void note_forgotten(struct log_scan *scan, struct log_span span)
{
    char text[TIMESTAMP_TEXT_OCTETS];
    int64_t time_us;

    if (log_span_is(span, "null"))
        return;
    if (timestamp_parse_us(log_span_text(span, text, sizeof(text)), &time_us) != RES_OK)
        scan->is_strange = true;
    else if (time_us > scan->forgotten_us)
        scan->forgotten_us = time_us;
}

/* Whether what stands before the first line matters. */
static void note_first(struct log_scan *scan, const struct log_record *record)
{
    scan->has_lines = true;
    scan->is_first_of_all = record->seq == 1;
    if (record->event == LOG_ROTATED &&
        !log_span_number(record->carried, &scan->carried_wanted))
        scan->is_strange = true;
}

static enum result take_record(struct log_scan *scan, const struct log_record *record)
{
    switch (record->event) {
    case LOG_INTENT:
        return open_intent(scan, record);
    case LOG_RESULT:
        close_intent(scan, record->identity);
        return remember(scan, record);
    case LOG_LATE:
        return remember(scan, record);
    case LOG_CARRIED:
        scan->carried_seen++;
        return remember(scan, record);
    case LOG_STARTED:
        note_forgotten(scan, record->forgotten);
        return RES_OK;
    case LOG_SUPPRESSED:
    case LOG_ROTATED:
        return RES_OK;
    case LOG_EVENTS:
        break;
    }
    return RES_EBUG;
}

enum result log_scan_line(struct log_scan *scan, const char *line, size_t len)
{
    struct log_record record;

    enum result res = sha256_hash(scan->sha256, line, len, scan->chain.prev);
    if (res != RES_OK)
        return res;
    if (log_read(line, len, &record) != RES_OK) {
        scan->torn++;
        return RES_OK;
    }
    if (!scan->has_lines)
        note_first(scan, &record);
    if (record.seq >= scan->chain.next_seq)
        scan->chain.next_seq = record.seq + 1;
    return take_record(scan, &record);
}

void log_scan_end(const struct log_scan *scan, struct log_found *out)
{
    *out = (struct log_found){
        .chain = scan->chain,
        .unresolved = scan->unresolved,
        .torn = scan->torn,
        .is_strange = scan->is_strange,
        .past = scan->past_count + scan->unresolved,
        .has_beginning =
            scan->is_first_of_all || (scan->carried_wanted != UINT64_MAX &&
                                      scan->carried_seen >= scan->carried_wanted),
        .forgotten_us = scan->forgotten_us,
    };
}

struct log_past log_scan_past(const struct log_scan *scan, size_t index)
{
    static const struct log_past none = {.host = NULL};
    const struct pending *pending = scan->first;

    if (index < scan->past_count)
        return scan->past[index];
    for (index -= scan->past_count; index > 0 && pending != NULL; index--)
        pending = pending->next;
    return pending != NULL ? pending->past : none;
}

size_t log_scan_result_octets(const struct log_scan *scan)
{
    size_t most = 0;

    for (const struct pending *p = scan->first; p != NULL; p = p->next) {
        if (p->body_len + p->rule_len > most)
            most = p->body_len + p->rule_len;
    }
    return most + LOG_FORM_FIXED_OCTETS;
}

/* The intent's own words are repeated octet for octet: they are ours already. */
enum result log_scan_write_result(const struct log_scan *scan, size_t index,
                                  struct log_chain *chain, int64_t time_us,
                                  struct writer *w)
{
    const struct pending *pending = scan->first;
    size_t start = w->len;
    struct json json = json_of(w);

    while (index-- > 0 && pending != NULL)
        pending = pending->next;
    if (pending == NULL)
        return RES_EBUG;
    log_form_open(&json, chain, LOG_RESULT, time_us);
    writer_octets(w, pending->body, pending->body_len);
    json_word(&json, "verdict", log_form_verdict(REASON_OUTCOME_UNKNOWN));
    json_word(&json, "reason", outcome_of(REASON_OUTCOME_UNKNOWN)->name);
    writer_string(w, ",\"rule\":");
    writer_octets(w, pending->rule, pending->rule_len);
    json_word(&json, "rcode", rcode_name(outcome_of(REASON_OUTCOME_UNKNOWN)->rcode));
    json_null(&json, "primary_rcode");
    json_null(&json, "latency_us");
    json_null(&json, "batch");
    return log_form_close(chain, &json, start, RES_OK);
}

/*
 * Reading the audit log back. Only lines of exactly the form that log.c writes are
 * ours; no JSON library: that form has a fixed order and no recursion.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "txn/log.h"
#include "txn/log_form.h"

/* An intent whose result has not been seen. */
struct pending {
    struct pending *before, *next;
    const char *body; /* from "gen" up to "verdict": host, key, mac ... changes */
    size_t body_len;
    const char *rule; /* its JSON value */
    size_t rule_len;
    size_t key_at, key_len; /* in body: "key" and "mac", which identify the request */
    char chars[];
};

struct log_scan {
    struct log_chain chain;
    struct map by_key;
    struct pending *first, *last; /* in file order */
    size_t unresolved;
    size_t torn;
};

struct span {
    const char *chars;
    size_t len;
};

struct cursor {
    const char *at;
    const char *end;
    bool failed;
};

static bool starts_with(const struct cursor *c, const char *word, size_t len)
{
    return (size_t)(c->end - c->at) >= len && memcmp(c->at, word, len) == 0;
}

static bool take(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    if (c->failed || !starts_with(c, word, len))
        return false;
    c->at += len;
    return true;
}

static void expect(struct cursor *c, const char *word)
{
    if (!take(c, word))
        c->failed = true;
}

static void scan_escape(struct cursor *c)
{
    if (take(c, "\"") || take(c, "\\"))
        return;
    expect(c, "u00");
    for (int i = 0; i < 2 && !c->failed; i++) {
        if (c->at == c->end || strchr("0123456789abcdef", *c->at) == NULL ||
            *c->at == '\0')
            c->failed = true;
        else
            c->at++;
    }
}

/* Behind the opening quote, up to and with the closing one. */
static void scan_string(struct cursor *c)
{
    while (!c->failed && !take(c, "\"")) {
        if (take(c, "\\"))
            scan_escape(c);
        else if (c->at < c->end && *c->at >= 0x20 && *c->at <= 0x7e)
            c->at++;
        else
            c->failed = true;
    }
}

static void scan_digits(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    if (c->at == start)
        c->failed = true;
}

static struct span scan_scalar(struct cursor *c)
{
    const char *start = c->at;

    if (take(c, "\"")) {
        scan_string(c);
    } else if (!take(c, "null")) {
        (void)take(c, "-");
        scan_digits(c);
    }
    return (struct span){start, c->failed ? 0 : (size_t)(c->at - start)};
}

/* `,"name":value`; the first field of an object stands behind its brace. */
static struct span scan_field(struct cursor *c, const char *lead)
{
    expect(c, lead);
    return scan_scalar(c);
}

static void scan_change(struct cursor *c)
{
    (void)scan_field(c, "{\"op\":");
    (void)scan_field(c, ",\"type\":");
    (void)scan_field(c, ",\"original\":");
    (void)scan_field(c, ",\"target\":");
    (void)scan_field(c, ",\"ttl_asked\":");
    (void)scan_field(c, ",\"ttl\":");
    if (!take(c, ",\"rdata_sha256\":"))
        expect(c, ",\"rdata\":");
    (void)scan_scalar(c);
    expect(c, "}");
}

static void scan_changes(struct cursor *c)
{
    expect(c, ",\"changes\":");
    if (take(c, "null"))
        return;
    expect(c, "[");
    if (take(c, "]"))
        return;
    do
        scan_change(c);
    while (take(c, ","));
    expect(c, "]");
}

/* What is wanted of a line of ours. */
struct scanned {
    struct span event;
    uint64_t seq;
    struct span body; /* "gen" up to "changes" and its end */
    struct span key;  /* "key" and "mac" in it */
    struct span rule;
};

static uint64_t number_of(struct cursor *c, struct span span)
{
    uint64_t value = 0;

    for (size_t i = 0; i < span.len; i++) {
        unsigned digit = (unsigned char)span.chars[i] - (unsigned)'0';
        if (digit > 9 || value > (INT64_MAX - 9) / 10) { /* as json_number writes */
            c->failed = true;
            return 0;
        }
        value = value * 10 + digit;
    }
    return value;
}

static void scan_counts(struct cursor *c)
{
    (void)scan_field(c, ",\"duplicates\":");
    (void)scan_field(c, ",\"rate_limited\":");
}

static void scan_request(struct cursor *c, struct scanned *out)
{
    out->key.chars = c->at;
    (void)scan_field(c, ",\"key\":");
    (void)scan_field(c, ",\"mac\":");
    out->key.len = (size_t)(c->at - out->key.chars);
    (void)scan_field(c, ",\"time_signed\":");
    (void)scan_field(c, ",\"from\":");
    (void)scan_field(c, ",\"transport\":");
    (void)scan_field(c, ",\"zone\":");
    scan_changes(c);
    out->body.len = (size_t)(c->at - out->body.chars);
    (void)scan_field(c, ",\"verdict\":");
    (void)scan_field(c, ",\"reason\":");
    out->rule = scan_field(c, ",\"rule\":");
    (void)scan_field(c, ",\"rcode\":");
    (void)scan_field(c, ",\"primary_rcode\":");
    (void)scan_field(c, ",\"latency_us\":");
    (void)scan_field(c, ",\"batch\":");
}

static bool span_is(struct span span, const char *word)
{
    return span.len == strlen(word) && memcmp(span.chars, word, span.len) == 0;
}

static bool scan_whole(const char *line, size_t len, struct scanned *out)
{
    struct cursor c = {.at = line, .end = line + len};

    out->event = scan_field(&c, "{\"event\":");
    (void)scan_field(&c, ",\"time\":");
    out->seq = number_of(&c, scan_field(&c, ",\"seq\":"));
    out->body.chars = c.at;
    (void)scan_field(&c, ",\"gen\":");
    (void)scan_field(&c, ",\"host\":");
    if (span_is(out->event, "\"suppressed\""))
        scan_counts(&c);
    else
        scan_request(&c, out);
    struct span prev = scan_field(&c, ",\"prev\":");
    expect(&c, "}");
    return !c.failed && c.at == c.end && prev.len == 2 * SHA256_OCTETS + 2;
}

struct log_scan *log_scan_new(void)
{
    struct log_scan *scan = calloc(1, sizeof(*scan));

    if (scan == NULL)
        return NULL;
    scan->chain.next_seq = 1;
    map_init(&scan->by_key);
    return scan;
}

void log_scan_free(struct log_scan **scan)
{
    if (*scan == NULL)
        return;
    for (struct pending *pending = (*scan)->first, *next; pending != NULL;
         pending = next) {
        next = pending->next;
        free(pending);
    }
    map_fini(&(*scan)->by_key);
    free(*scan);
    *scan = NULL;
}

static struct pending *pending_new(const struct scanned *scanned)
{
    size_t len = scanned->body.len + scanned->rule.len;
    struct pending *pending = malloc(sizeof(*pending) + len);

    if (pending == NULL)
        return NULL;
    *pending = (struct pending){
        .body = pending->chars,
        .body_len = scanned->body.len,
        .rule = pending->chars + scanned->body.len,
        .rule_len = scanned->rule.len,
        .key_at = (size_t)(scanned->key.chars - scanned->body.chars),
        .key_len = scanned->key.len,
    };
    memcpy(pending->chars, scanned->body.chars, scanned->body.len);
    memcpy(pending->chars + scanned->body.len, scanned->rule.chars, scanned->rule.len);
    return pending;
}

/* A second intent of a request that is already open adds nothing: one result serves. */
static enum result open_intent(struct log_scan *scan, const struct scanned *scanned)
{
    struct pending *pending = pending_new(scanned);

    if (pending == NULL)
        return RES_EMEM;
    enum result result = map_put(&scan->by_key, pending->body + pending->key_at,
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

static void close_intent(struct log_scan *scan, struct span key)
{
    struct pending *pending = map_remove(&scan->by_key, key.chars, key.len);

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

enum result log_scan_line(struct log_scan *scan, const char *line, size_t len)
{
    struct scanned scanned = {.seq = 0};

    if (EVP_Digest(line, len, scan->chain.prev, NULL, EVP_sha256(), NULL) != 1)
        return RES_ECRYPTO;
    if (!scan_whole(line, len, &scanned)) {
        scan->torn++;
        return RES_OK;
    }
    if (scanned.seq >= scan->chain.next_seq)
        scan->chain.next_seq = scanned.seq + 1;
    if (span_is(scanned.event, "\"intent\""))
        return open_intent(scan, &scanned);
    if (span_is(scanned.event, "\"result\""))
        close_intent(scan, scanned.key);
    return RES_OK;
}

void log_scan_end(const struct log_scan *scan, struct log_chain *out_chain,
                  size_t *out_unresolved, size_t *out_torn)
{
    *out_chain = scan->chain;
    *out_unresolved = scan->unresolved;
    *out_torn = scan->torn;
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
    json_string(&json, "verdict", log_form_verdict(REASON_OUTCOME_UNKNOWN));
    json_string(&json, "reason", outcome_of(REASON_OUTCOME_UNKNOWN)->name);
    writer_string(w, ",\"rule\":");
    writer_octets(w, pending->rule, pending->rule_len);
    json_string(&json, "rcode", rcode_name(outcome_of(REASON_OUTCOME_UNKNOWN)->rcode));
    json_null(&json, "primary_rcode");
    json_null(&json, "latency_us");
    json_null(&json, "batch");
    return log_form_close(chain, &json, start, RES_OK);
}

#include "txn/log_read.h"

#include <string.h>

struct cursor {
    const char *at;
    const char *end;
    bool failed;
};

static bool take(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    if (c->failed || (size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

static void expect(struct cursor *c, const char *word)
{
    if (!take(c, word))
        c->failed = true;
}

/* -1: not a digit as json_hex and json_string write them. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void scan_escape(struct cursor *c)
{
    if (take(c, "\"") || take(c, "\\"))
        return;
    expect(c, "u00");
    for (int i = 0; i < 2 && !c->failed; i++) {
        if (c->at == c->end || hex_digit(*c->at) < 0)
            c->failed = true;
        else
            c->at++;
    }
}

static bool is_plain(char c)
{
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* Behind the opening quote, up to and with the closing one. */
static void scan_string(struct cursor *c)
{
    while (!c->failed) {
        while (c->at < c->end && is_plain(*c->at))
            c->at++;
        if (take(c, "\""))
            return;
        expect(c, "\\");
        if (!c->failed)
            scan_escape(c);
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

static struct log_span scan_scalar(struct cursor *c)
{
    const char *start = c->at;

    if (take(c, "\"")) {
        scan_string(c);
    } else if (!take(c, "null")) {
        (void)take(c, "-");
        scan_digits(c);
    }
    return (struct log_span){start, c->failed ? 0 : (size_t)(c->at - start)};
}

/* `,"name":value`; the first field of an object stands behind its brace. */
static struct log_span scan_field(struct cursor *c, const char *lead)
{
    expect(c, lead);
    return scan_scalar(c);
}

static void scan_change(struct cursor *c, struct log_change *out)
{
    out->op = scan_field(c, "{\"op\":");
    out->type = scan_field(c, ",\"type\":");
    out->original = scan_field(c, ",\"original\":");
    out->target = scan_field(c, ",\"target\":");
    out->ttl_asked = scan_field(c, ",\"ttl_asked\":");
    out->ttl = scan_field(c, ",\"ttl\":");
    out->is_hashed = take(c, ",\"rdata_sha256\":");
    if (!out->is_hashed)
        expect(c, ",\"rdata\":");
    out->rdata = scan_scalar(c);
    expect(c, "}");
}

static struct log_span scan_changes(struct cursor *c)
{
    struct log_change change;

    expect(c, ",\"changes\":");
    const char *start = c->at;
    if (!take(c, "null")) {
        expect(c, "[");
        if (!take(c, "]")) {
            do
                scan_change(c, &change);
            while (take(c, ","));
            expect(c, "]");
        }
    }
    return (struct log_span){start, (size_t)(c->at - start)};
}

static void scan_request(struct cursor *c, struct log_record *out)
{
    out->identity.chars = c->at;
    out->key = scan_field(c, ",\"key\":");
    out->mac = scan_field(c, ",\"mac\":");
    out->identity.len = (size_t)(c->at - out->identity.chars);
    out->time_signed = scan_field(c, ",\"time_signed\":");
    out->from = scan_field(c, ",\"from\":");
    out->transport = scan_field(c, ",\"transport\":");
    out->zone = scan_field(c, ",\"zone\":");
    out->changes = scan_changes(c);
    out->body.len = (size_t)(c->at - out->body.chars);
    out->verdict = scan_field(c, ",\"verdict\":");
    out->reason = scan_field(c, ",\"reason\":");
    out->rule = scan_field(c, ",\"rule\":");
    out->rcode = scan_field(c, ",\"rcode\":");
    out->primary_rcode = scan_field(c, ",\"primary_rcode\":");
    out->latency_us = scan_field(c, ",\"latency_us\":");
    out->batch = scan_field(c, ",\"batch\":");
}

static void scan_carried(struct cursor *c, struct log_record *out)
{
    out->host = scan_field(c, ",\"host\":");
    out->mac = scan_field(c, ",\"mac\":");
    out->until = scan_field(c, ",\"until\":");
    out->reason = scan_field(c, ",\"reason\":");
    out->rcode = scan_field(c, ",\"rcode\":");
}

static bool read_event(struct log_span span, enum log_event *out)
{
    for (unsigned i = 0; i < LOG_EVENTS; i++) {
        const char *name = log_event_name((enum log_event)i);
        size_t len = strlen(name);
        if (span.len == len + 2 && memcmp(span.chars + 1, name, len) == 0) {
            *out = (enum log_event)i;
            return true;
        }
    }
    return false;
}

/* What stands between gen and prev. */
static void scan_fields(struct cursor *c, struct log_record *out)
{
    switch (out->event) {
    case LOG_INTENT:
    case LOG_RESULT:
    case LOG_LATE:
        out->host = scan_field(c, ",\"host\":");
        scan_request(c, out);
        return;
    case LOG_SUPPRESSED:
        out->host = scan_field(c, ",\"host\":");
        out->duplicates = scan_field(c, ",\"duplicates\":");
        out->rate_limited = scan_field(c, ",\"rate_limited\":");
        return;
    case LOG_STARTED:
        out->forgotten = scan_field(c, ",\"forgotten\":");
        out->transactions = scan_field(c, ",\"transactions\":");
        return;
    case LOG_ROTATED:
        out->carried = scan_field(c, ",\"carried\":");
        return;
    case LOG_CARRIED:
        scan_carried(c, out);
        return;
    case LOG_EVENTS:
        break;
    }
    c->failed = true;
}

enum result log_read(const char *line, size_t len, struct log_record *out)
{
    struct cursor c = {.at = line, .end = line + len};
    size_t hash_len = 0;

    *out = (struct log_record){.seq = 0};
    struct log_span event = scan_field(&c, "{\"event\":");
    if (c.failed || !read_event(event, &out->event))
        return RES_EFORMAT;
    out->time = scan_field(&c, ",\"time\":");
    struct log_span seq = scan_field(&c, ",\"seq\":");
    out->body.chars = c.at;
    out->gen = scan_field(&c, ",\"gen\":");
    scan_fields(&c, out);
    struct log_span prev = scan_field(&c, ",\"prev\":");
    expect(&c, "}");
    if (c.failed || c.at != c.end || !log_span_number(seq, &out->seq) ||
        !log_span_hex(prev, out->prev, sizeof(out->prev), &hash_len) ||
        hash_len != sizeof(out->prev))
        return RES_EFORMAT;
    return RES_OK;
}

bool log_read_change(struct log_span *changes, struct log_change *out)
{
    struct cursor c = {.at = changes->chars, .end = changes->chars + changes->len};

    if (!take(&c, "[") && !take(&c, ","))
        return false;
    scan_change(&c, out);
    *changes = (struct log_span){c.at, (size_t)(c.end - c.at)};
    return !c.failed;
}

/* ---- values ---- */

bool log_span_is(struct log_span span, const char *json)
{
    return span.len == strlen(json) && memcmp(span.chars, json, span.len) == 0;
}

/* The octet at *at, decoded; *at moves behind it. What stands there is whole. */
static char take_octet(const char **at)
{
    const char *c = *at;

    if (*c != '\\') {
        *at = c + 1;
        return *c;
    }
    if (c[1] != 'u') {
        *at = c + 2;
        return c[1];
    }
    int code = hex_digit(c[4]) * 16 + hex_digit(c[5]);
    *at = c + 6;
    return code >= 0x20 && code <= 0x7e ? (char)code : '?';
}

const char *log_span_text(struct log_span span, char *text, size_t capacity)
{
    size_t len = 0;

    text[0] = '\0';
    if (span.chars == NULL || log_span_is(span, "null"))
        return text;
    bool is_string = span.chars[0] == '"';
    const char *at = span.chars + (is_string ? 1 : 0);
    const char *end = span.chars + span.len - (is_string ? 1 : 0);
    while (at < end && len + 1 < capacity)
        text[len++] = take_octet(&at);
    text[len] = '\0';
    return text;
}

bool log_span_number(struct log_span span, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < span.len; i++) {
        unsigned digit = (unsigned char)span.chars[i] - (unsigned)'0';
        if (digit > 9 || value > (INT64_MAX - 9) / 10) /* as json_number writes */
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return span.len > 0;
}

bool log_span_hex(struct log_span span, uint8_t *out, size_t capacity, size_t *out_len)
{
    if (span.len < 2 || span.len % 2 != 0 || span.chars[0] != '"' ||
        (span.len - 2) / 2 > capacity)
        return false;
    *out_len = (span.len - 2) / 2;
    for (size_t i = 0; i < *out_len; i++) {
        int high = hex_digit(span.chars[1 + 2 * i]);
        int low = hex_digit(span.chars[2 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

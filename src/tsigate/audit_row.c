/* Lines of the audit log: who wants them, and how people read them. */
#include "tsigate/audit.h"
#include "tsigate/paint.h"

#include <stdlib.h>
#include <string.h>

#include "base/outcome.h"
#include "base/timestamp.h"
#include "dns/type.h"

#define SECOND_US INT64_C(1000000)
#define DAY_S     86400

/* ---- filters ---- */

void audit_filter_init(struct audit_filter *filter)
{
    *filter = (struct audit_filter){.since_us = INT64_MIN};
}

/* "2h": so long before now. */
static bool read_ago(const char *text, int64_t *out_s)
{
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, DAY_S};
    char *end = NULL;
    unsigned long count = strtoul(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (text[0] < '0' || text[0] > '9' || unit == NULL || end[1] != '\0' ||
        count > INT32_MAX)
        return false;
    *out_s = (int64_t)count * seconds[unit - units];
    return true;
}

enum result audit_since(const char *text, int64_t now_s, int64_t *out_us)
{
    char day[TIMESTAMP_TEXT_OCTETS];
    int64_t time_s;
    if (read_ago(text, &time_s)) {
        *out_us = (now_s - time_s) * SECOND_US;
        return RES_OK;
    }
    if (strlen(text) == strlen("2026-11-25")) {
        (void)snprintf(day, sizeof day, "%sT00:00:00Z", text);
        text = day;
    }
    if (timestamp_parse_us(text, out_us) == RES_OK)
        return RES_OK;
    if (timestamp_parse(text, &time_s) != RES_OK)
        return RES_EFORMAT;
    *out_us = time_s * SECOND_US;
    return RES_OK;
}

static bool is_verdict(const char *word)
{
    static const char *const verdicts[] = {"permitted", "refused", "failed"};
    enum reason reason;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(word, verdicts[i]) == 0)
            return true;
    }
    return outcome_reason_named(word, &reason) == RES_OK;
}

bool audit_filter_take(struct audit_filter *filter, struct tool *tool, int option)
{
    switch (option) {
    case 'H':
        filter->host = tool_name(tool, optarg);
        return filter->host.octets != NULL;
    case 'n':
        filter->name = tool_name(tool, optarg);
        return filter->name.octets != NULL;
    case 'v':
        filter->verdict = optarg;
        if (is_verdict(optarg))
            return true;
        tool_usage(tool,
                   "\"%s\" is no verdict: permitted, refused, failed, or a reason",
                   optarg);
        return false;
    case 's':
        if (audit_since(optarg, tool->now_s, &filter->since_us) == RES_OK)
            return true;
        tool_usage(tool, "\"%s\" is no time: 2h, 7d, 2026-11-25, 2026-11-25T12:00:00Z",
                   optarg);
        return false;
    }
    return false;
}

/* Whether the value is a name that is at or below the wanted one. */
static bool is_within(struct log_span span, struct name wanted)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf buf;
    (void)log_span_text(span, text, sizeof text);
    return name_from_text(text, strlen(text), &buf) == RES_OK &&
           name_is_within(name_of(&buf), wanted);
}

static bool is_host(struct log_span span, struct name wanted)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf buf;
    (void)log_span_text(span, text, sizeof text);
    return name_from_text(text, strlen(text), &buf) == RES_OK &&
           name_equal(name_of(&buf), wanted);
}

static bool has_name(const struct log_record *record, struct name wanted)
{
    struct log_span changes = record->changes;
    struct log_change change;
    if (changes.chars == NULL)
        return false;
    while (log_read_change(&changes, &change)) {
        if (is_within(change.original, wanted) || is_within(change.target, wanted))
            return true;
    }
    return false;
}

static bool is_recent(struct log_span span, int64_t since_us)
{
    char text[TIMESTAMP_TEXT_OCTETS];
    int64_t time_us;
    return timestamp_parse_us(log_span_text(span, text, sizeof text), &time_us) ==
               RES_OK &&
           time_us >= since_us;
}

static bool has_word(struct log_span span, const char *word)
{
    char text[64];
    return strcmp(log_span_text(span, text, sizeof text), word) == 0;
}

bool audit_filter_wants(const struct audit_filter *filter,
                        const struct log_record *record)
{
    if (filter->since_us != INT64_MIN && !is_recent(record->time, filter->since_us))
        return false;
    if (filter->host.octets != NULL && !is_host(record->host, filter->host))
        return false;
    if (filter->verdict != NULL && !has_word(record->verdict, filter->verdict) &&
        !has_word(record->reason, filter->verdict))
        return false;
    return filter->name.octets == NULL || has_name(record, filter->name);
}

/* ---- rows ---- */

/* The verdict between its colours. */
static const char row_form[] = "%-20s %-24s %s%-10s%s %-24s %-9s %-12s %-6s %s\n";

void audit_print_head(void)
{
    printf(row_form, "TIME", "HOST", "", "VERDICT", "", "REASON", "RCODE", "OPERATION",
           "TYPE", "NAME -> TARGET  RULE");
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

struct row {
    char time[TIMESTAMP_TEXT_OCTETS];
    char host[NAME_TEXT_OCTETS];
    char verdict[16];
    char reason[64];
    char rcode[16];
    char rule[1024];
};

static void begin_row(const struct log_record *record, struct row *row)
{
    (void)log_span_text(record->time, row->time, sizeof row->time);
    if (strlen(row->time) > 19) /* people count in seconds */
        memcpy(row->time + 19, "Z", 2);
    (void)log_span_text(record->host, row->host, sizeof row->host);
    (void)log_span_text(record->verdict, row->verdict, sizeof row->verdict);
    (void)log_span_text(record->reason, row->reason, sizeof row->reason);
    (void)log_span_text(record->rcode, row->rcode, sizeof row->rcode);
    (void)log_span_text(record->rule, row->rule, sizeof row->rule);
}

static void print_row(const struct row *row, const char *op, const char *type,
                      const char *rest)
{
    bool is_permitted = strcmp(row->verdict, "permitted") == 0;
    printf(row_form, row->time, or_dash(row->host),
           paint_on(stdout, is_permitted ? PAINT_GOOD : PAINT_BAD),
           or_dash(row->verdict), paint_off(stdout), or_dash(row->reason),
           or_dash(row->rcode), op, type, rest);
}

/* Further changes of the request stand below the first, under blanks. */
static void print_changes(struct row *row, struct log_span changes)
{
    struct log_change change;
    bool is_first = true;
    while (changes.chars != NULL && log_read_change(&changes, &change)) {
        char op[16], type[TYPE_TEXT_OCTETS], original[NAME_TEXT_OCTETS],
            target[NAME_TEXT_OCTETS];
        char rest[2 * NAME_TEXT_OCTETS + sizeof row->rule + 16];
        (void)log_span_text(change.op, op, sizeof op);
        (void)log_span_text(change.type, type, sizeof type);
        (void)log_span_text(change.original, original, sizeof original);
        (void)log_span_text(change.target, target, sizeof target);
        bool is_elsewhere = target[0] != '\0' && strcmp(original, target) != 0;
        (void)snprintf(rest, sizeof rest, "%s%s%s%s%s", or_dash(original),
                       is_elsewhere ? " -> " : "", is_elsewhere ? target : "",
                       is_first && row->rule[0] != '\0' ? "  " : "",
                       is_first ? row->rule : "");
        if (is_first)
            print_row(row, op, type, rest);
        else
            printf(row_form, "", "", "", "", "", "", "", op, type, rest);
        is_first = false;
    }
    if (is_first)
        print_row(row, "-", "-", "-");
}

static void print_note(const struct row *row, const char *word, const char *note)
{
    printf("%-20s %-24s %-10s %s\n", row->time, or_dash(row->host), word, note);
}

void audit_print_row(const struct log_record *record)
{
    struct row row;
    char note[128], a[TIMESTAMP_TEXT_OCTETS], b[TIMESTAMP_TEXT_OCTETS];
    begin_row(record, &row);
    switch (record->event) {
    case LOG_INTENT:
    case LOG_RESULT:
    case LOG_LATE:
        print_changes(&row, record->changes);
        return;
    case LOG_SUPPRESSED:
        (void)snprintf(note, sizeof note, "%s repeated, %s over the rate: not listed",
                       log_span_text(record->duplicates, a, sizeof a),
                       log_span_text(record->rate_limited, b, sizeof b));
        print_note(&row, "suppressed", note);
        return;
    case LOG_STARTED:
        (void)snprintf(note, sizeof note, "the gateway, with %s requests remembered",
                       log_span_text(record->transactions, a, sizeof a));
        print_note(&row, "started", note);
        return;
    case LOG_ROTATED:
        (void)snprintf(note, sizeof note, "a new file, with %s requests carried over",
                       log_span_text(record->carried, a, sizeof a));
        print_note(&row, "rotated", note);
        return;
    case LOG_CARRIED:
    case LOG_EVENTS:
        return;
    }
}

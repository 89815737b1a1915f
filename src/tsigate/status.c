/* tsigate status: what an admin asks at three in the morning, in that order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "tsigate/control.h"
#include "tsigate/json_read.h"
#include "tsigate/tool.h"

/* The longest string: a line about a file, escaped. */
#define JSON_TEXT_OCTETS 16384
/* Keys and outcomes that are listed; the others are counted. */
#define ROWS 20

enum { OPTION_VERBOSE = 'V', OPTION_HOST = 'H' };

static const struct option options[] = {{"verbose", no_argument, NULL, OPTION_VERBOSE},
                                        {"host", required_argument, NULL, OPTION_HOST},
                                        TOOL_COMMON_OPTIONS};

/* ---- everything (--verbose) ---- */

#define VALUE_COLUMN 28

/* A document on its way to lines of key and value. */
struct painter {
    int depth;
    int pad;           /* blanks between the key that stands there and its value */
    bool is_in_line;   /* a key or an element stands in the line */
    bool is_item;      /* the next line begins an object of an array */
    bool is_empty;     /* nothing has come since the bracket opened */
    unsigned in_array; /* bit per depth */
};

static int indent_of(const struct painter *p)
{
    return p->depth > 1 ? 2 * (p->depth - 1) : 0;
}

static void begin_line(struct painter *p)
{
    p->is_empty = false;
    if (p->is_in_line)
        return;
    int indent = indent_of(p);
    if (p->is_item && indent >= 2)
        printf("%*s- ", indent - 2, "");
    else
        printf("%*s", indent, "");
    p->is_item = false;
    p->is_in_line = true;
}

static void end_line(struct painter *p)
{
    if (p->is_in_line)
        putchar('\n');
    p->is_in_line = false;
    p->pad = 0;
}

static void open_bracket(struct painter *p, bool is_array)
{
    bool is_member_of_array = (p->in_array >> (p->depth & 31) & 1) != 0;
    p->is_empty = true;
    p->depth++;
    p->is_item = !is_array && is_member_of_array;
    if (is_array)
        p->in_array |= 1U << (p->depth & 31);
    else
        p->in_array &= ~(1U << (p->depth & 31));
}

static void close_bracket(struct painter *p)
{
    if (p->is_empty && p->is_in_line)
        printf("%*s%s", p->pad, "", "none");
    p->is_empty = false;
    end_line(p);
    p->depth--;
}

static void paint_key(struct painter *p, const char *key)
{
    if (p->is_in_line && p->is_empty)
        end_line(p); /* of the key that this one is a member of */
    begin_line(p);
    int width = VALUE_COLUMN - indent_of(p) - (int)strlen(key);
    fputs(key, stdout);
    p->pad = width > 1 ? width : 1;
}

static void paint_value(struct painter *p, const char *text)
{
    if (p->is_in_line && p->is_empty)
        end_line(p);
    begin_line(p);
    printf("%*s%s", p->pad, "", text);
    end_line(p);
}

static void paint(const char *document)
{
    char text[JSON_TEXT_OCTETS];
    struct json_reader r = {document, text, sizeof text};
    struct painter p = {.depth = 0};
    for (;;) {
        enum json_token token = json_next(&r);
        switch (token) {
        case JSON_WRONG:
        case JSON_END:
            end_line(&p);
            return;
        case JSON_OBJECT_OPEN:
        case JSON_ARRAY_OPEN:
            open_bracket(&p, token == JSON_ARRAY_OPEN);
            break;
        case JSON_OBJECT_CLOSE:
        case JSON_ARRAY_CLOSE:
            close_bracket(&p);
            break;
        case JSON_KEY:
            paint_key(&p, text);
            break;
        case JSON_STRING:
        case JSON_WORD:
            paint_value(&p, text);
            break;
        }
    }
}

/* ---- single values ---- */

struct wanted {
    const char *path;
    char *out;
    size_t capacity;
};

static bool is_null(const char *value)
{
    return strcmp(value, "null") == 0;
}

static void take_value(void *arg, const char *path, const char *value)
{
    const struct wanted *wanted = arg;
    if (value != NULL && wanted->out[0] == '\0' && strcmp(path, wanted->path) == 0 &&
        !is_null(value))
        (void)snprintf(wanted->out, wanted->capacity, "%s", value);
}

/* The first value there that is not null; "" where there is none. */
static const char *value_at(const char *document, const char *path, char *out,
                            size_t capacity)
{
    struct wanted wanted = {path, out, capacity};
    out[0] = '\0';
    json_walk(document, take_value, &wanted);
    return out;
}

static long long number_at(const char *document, const char *path)
{
    char text[32];
    return strtoll(value_at(document, path, text, sizeof text), NULL, 10);
}

/* "3 h 12 m": as exact as it matters. */
static const char *span_text(long long seconds, char *text, size_t capacity)
{
    if (seconds < 60)
        (void)snprintf(text, capacity, "%lld s", seconds);
    else if (seconds < 3600)
        (void)snprintf(text, capacity, "%lld m", seconds / 60);
    else if (seconds < 86400)
        (void)snprintf(text, capacity, "%lld h %lld m", seconds / 3600,
                       seconds / 60 % 60);
    else
        (void)snprintf(text, capacity, "%lld d %lld h", seconds / 86400,
                       seconds / 3600 % 24);
    return text;
}

/* ", 2 h 5 m ago"; "" where the time is none. */
static const char *ago_text(const struct tool *tool, const char *time, char *text,
                            size_t capacity)
{
    char span[64];
    int64_t time_s;
    text[0] = '\0';
    if (timestamp_parse(time, &time_s) == RES_OK)
        (void)snprintf(text, capacity, ", %s ago",
                       span_text(tool->now_s - time_s, span, sizeof span));
    return text;
}

/* ---- what is wrong comes first ---- */

static void print_refused(const struct tool *tool, const char *document)
{
    char time[64], ago[64], first[JSON_TEXT_OCTETS];
    value_at(document, "reload_refused.time", time, sizeof time);
    printf("! the last reload was refused, the files before it are in force%s: see "
           "tsigate check\n",
           ago_text(tool, time, ago, sizeof ago));
    if (value_at(document, "reload_refused.first", first, sizeof first)[0] != '\0')
        printf("! %s\n", first);
}

struct trouble {
    const char *document;
    char zone[256];
};

static void warn_of(void *arg, const char *path, const char *value)
{
    struct trouble *trouble = arg;
    if (value == NULL)
        return;
    if (strcmp(path, "restart_needed") == 0)
        printf("! %s: changed in the files, taken with the next restart\n", value);
    else if (strcmp(path, "primary.update") == 0 && strcmp(value, "up") != 0)
        printf("! primary: the connection for updates is %s\n", value);
    else if (strcmp(path, "primary.query") == 0 && strcmp(value, "up") != 0)
        printf("! primary: the connection for queries is %s\n", value);
    else if (strcmp(path, "primary.distrusted") == 0 && !is_null(value))
        printf("! what the primary answers is not believed: %s\n", value);
    else if (strcmp(path, "audit.error") == 0 && !is_null(value))
        printf("! the audit log cannot be written, so no update is carried out: %s\n",
               value);
    else if (strcmp(path, "zones.name") == 0)
        (void)snprintf(trouble->zone, sizeof trouble->zone, "%s", value);
    else if (strcmp(path, "zones.served") == 0 && strcmp(value, "false") == 0)
        printf("! zone %s: the primary does not give its SOA\n", trouble->zone);
    else if (strcmp(path, "zones.refused_with") == 0 && !is_null(value))
        printf("! zone %s: the primary refused the last update (%s)\n", trouble->zone,
               value);
}

/* The last errors of connections that are down now. */
static void print_errors(const char *document)
{
    char text[1024];
    const char *const paths[] = {"primary.update", "primary.query"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        value_at(document, paths[i], text, sizeof text);
        if (text[0] == '\0' || strcmp(text, "up") == 0)
            continue;
        value_at(document, "upstream.last_error", text, sizeof text);
        if (text[0] != '\0')
            printf("! primary: %s\n", text);
        return;
    }
}

static void print_warnings(const struct tool *tool, const char *document)
{
    struct trouble trouble = {.document = document};
    if (json_has_word(document, "config_stale", "true"))
        print_refused(tool, document);
    json_walk(document, warn_of, &trouble);
    print_errors(document);
}

/* ---- the summary ---- */

/* A list of strings, after what comes before it. */
struct list {
    const char *path;
    const char *before; /* the first; then it is a blank */
};

static void print_element(void *arg, const char *path, const char *value)
{
    struct list *list = arg;
    if (value == NULL || strcmp(path, list->path) != 0)
        return;
    printf("%s%s", list->before, value);
    list->before = " ";
}

static void print_list(const char *document, const char *path, const char *before)
{
    struct list list = {path, before};
    json_walk(document, print_element, &list);
    putchar('\n');
}

static void print_config(const struct tool *tool, const char *document)
{
    char config[4096], loaded[64], ago[64], version[64], up[64];
    value_at(document, "config", config, sizeof config);
    value_at(document, "loaded", loaded, sizeof loaded);
    printf("tsigated %s, pid %lld, up %s\n",
           value_at(document, "version", version, sizeof version),
           number_at(document, "pid"),
           span_text(number_at(document, "uptime_s"), up, sizeof up));
    printf("configuration  %s, generation %lld, loaded %s%s\n", config,
           number_at(document, "generation"), loaded,
           ago_text(tool, loaded, ago, sizeof ago));
    printf("policy         %lld hosts, %lld rights", number_at(document, "hosts"),
           number_at(document, "rights"));
    print_list(document, "acl", ", from ");
    fputs("listening on", stdout);
    print_list(document, "listen", "   ");
}

static void print_work(const char *document)
{
    char update[64], query[64], server[256], file[4096];
    value_at(document, "upstream.server", server, sizeof server);
    printf("primary        updates %s, queries %s%s%s\n",
           value_at(document, "primary.update", update, sizeof update),
           value_at(document, "primary.query", query, sizeof query),
           server[0] != '\0' ? ", at " : "", server);
    printf("requests       %lld under way, %lld remembered, %lld received\n",
           number_at(document, "under_way"), number_at(document, "transactions"),
           number_at(document, "received"));
    printf("audit          %s, %lld lines\n",
           value_at(document, "audit.file", file, sizeof file),
           number_at(document, "audit_chain.last_seq"));
}

/* ---- tables ---- */

struct zone_row {
    char name[256];
    char waiting[32];
    bool is_dynamic, is_served, has_head;
};

static void take_zone(void *arg, const char *path, const char *value)
{
    struct zone_row *row = arg;
    if (strncmp(path, "zones", 5) != 0)
        return;
    if (value == NULL) {
        if (!row->has_head)
            printf("\n%-40s %-8s %-7s %s\n", "ZONE", "KIND", "SERVED", "WAITING");
        printf("%-40s %-8s %-7s %s\n", row->name,
               row->is_dynamic ? "dynamic" : "static", row->is_served ? "yes" : "NO",
               row->waiting);
        *row = (struct zone_row){.has_head = true};
    } else if (strcmp(path, "zones.name") == 0) {
        (void)snprintf(row->name, sizeof row->name, "%s", value);
    } else if (strcmp(path, "zones.dynamic") == 0) {
        row->is_dynamic = strcmp(value, "true") == 0;
    } else if (strcmp(path, "zones.served") == 0) {
        row->is_served = strcmp(value, "true") == 0;
    } else if (strcmp(path, "zones.waiting") == 0) {
        (void)snprintf(row->waiting, sizeof row->waiting, "%s", value);
    }
}

struct key_row {
    char host[256];
    char name[256];
    char last_use[32]; /* "" : not since the start */
    char requests[32];
};

/* One host's keys, or of all hosts those that were used last. */
struct key_rows {
    const char *host;   /* NULL: all */
    bool is_measured;   /* of one host: they are printed the second time */
    struct key_row row; /* being read */
    struct key_row kept[ROWS];
    size_t kept_count, count;
    int host_width, name_width;
};

static void measure_key(struct key_rows *rows, const struct key_row *row)
{
    int host = (int)strlen(row->host), name = (int)strlen(row->name);
    rows->host_width = host > rows->host_width ? host : rows->host_width;
    rows->name_width = name > rows->name_width ? name : rows->name_width;
}

static void print_key(const struct key_rows *rows, const struct key_row *row)
{
    printf("%-*s  %-*s  %-20s  %s\n", rows->host_width,
           row->host[0] != '\0' ? row->host : "-", rows->name_width, row->name,
           row->last_use[0] != '\0' ? row->last_use : "-", row->requests);
}

static void print_key_head(struct key_rows *rows)
{
    static const struct key_row head = {"HOST", "KEY", "LAST USE", "REQUESTS"};
    measure_key(rows, &head);
    putchar('\n');
    print_key(rows, &head);
}

/* Times of one form sort as text does; of equals the earlier stays before. */
static void keep_key(struct key_rows *rows)
{
    size_t at = rows->kept_count < ROWS ? rows->kept_count++ : ROWS - 1;
    bool has_room = rows->count < ROWS;
    rows->count++;
    if (!has_room && strcmp(rows->kept[ROWS - 1].last_use, rows->row.last_use) >= 0)
        return;
    for (; at > 0 && strcmp(rows->kept[at - 1].last_use, rows->row.last_use) < 0; at--)
        rows->kept[at] = rows->kept[at - 1];
    rows->kept[at] = rows->row;
}

static void end_key(struct key_rows *rows)
{
    if (rows->host == NULL) {
        keep_key(rows);
    } else if (strcmp(rows->row.host, rows->host) == 0) {
        rows->count++;
        if (rows->is_measured)
            print_key(rows, &rows->row);
        else
            measure_key(rows, &rows->row);
    }
    rows->row = (struct key_row){.name = ""};
}

static void take_key(void *arg, const char *path, const char *value)
{
    struct key_rows *rows = arg;
    struct key_row *row = &rows->row;
    const struct {
        const char *path;
        char *out;
        size_t capacity;
    } fields[] = {{"keys.name", row->name, sizeof row->name},
                  {"keys.host", row->host, sizeof row->host},
                  {"keys.last_use", row->last_use, sizeof row->last_use},
                  {"keys.requests", row->requests, sizeof row->requests}};
    if (value == NULL && strcmp(path, "keys") == 0)
        end_key(rows);
    if (value == NULL || strcmp(value, "null") == 0)
        return;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(path, fields[i].path) == 0)
            (void)snprintf(fields[i].out, fields[i].capacity, "%s", value);
    }
}

static void print_keys(const char *document)
{
    struct key_rows rows = {.count = 0};
    json_walk(document, take_key, &rows);
    for (size_t i = 0; i < rows.kept_count; i++)
        measure_key(&rows, &rows.kept[i]);
    if (rows.count > 0)
        print_key_head(&rows);
    for (size_t i = 0; i < rows.kept_count; i++)
        print_key(&rows, &rows.kept[i]);
    if (rows.count > ROWS)
        printf("... and %zu more keys: --host HOST, --verbose, tsigate key list\n",
               rows.count - ROWS);
}

static int print_host(struct tool *tool, const char *document, const char *word)
{
    struct name name = tool_name(tool, word);
    if (name.octets == NULL)
        return TOOL_USAGE;
    struct key_rows rows = {.host = tool_name_text(tool, name)};
    json_walk(document, take_key, &rows);
    if (rows.count == 0)
        return tool_fail(TOOL_NO, "the policy in force has no host %s", rows.host);
    print_key_head(&rows);
    rows.is_measured = true;
    json_walk(document, take_key, &rows);
    return TOOL_DONE;
}

static void take_outcome(void *arg, const char *path, const char *value)
{
    bool *has_head = arg;
    const char *name = path + strlen("outcomes.");
    if (value == NULL || strncmp(path, "outcomes.", strlen("outcomes.")) != 0)
        return;
    if (!*has_head)
        printf("\n%-28s %s\n", "OUTCOME", "REQUESTS");
    *has_head = true;
    printf("%-28s %s\n", name, value);
}

static void print_status(const struct tool *tool, const char *document)
{
    struct zone_row zone = {.has_head = false};
    bool has_outcomes = false;
    print_config(tool, document);
    print_work(document);
    json_walk(document, take_zone, &zone);
    print_keys(document);
    json_walk(document, take_outcome, &has_outcomes);
}

/* What is asked for: the whole document, one host of it, all of it for people, or the
 * summary. */
struct wish {
    bool is_verbose;
    const char *host; /* NULL: not one alone */
};

static int show_status(struct tool *tool, const char *document, const struct wish *wish)
{
    bool is_ok = json_has_word(document, "ok", "true");
    if (tool->is_json)
        fputs(document, stdout);
    else if (!is_ok)
        paint(document);
    if (tool->is_json || !is_ok)
        return is_ok ? TOOL_DONE : TOOL_OUTSIDE;
    print_warnings(tool, document);
    if (wish->host != NULL)
        return print_host(tool, document, wish->host);
    if (wish->is_verbose)
        paint(document);
    else
        print_status(tool, document);
    return TOOL_DONE;
}

static int check_wish(struct tool *tool, const struct wish *wish, const char *word)
{
    if (word != NULL)
        return tool_usage(tool, "\"%s\": no word is wanted here", word);
    if (wish->host != NULL && (wish->is_verbose || tool->is_json))
        return tool_usage(tool, "%s tells of all hosts: it goes without --host",
                          tool->is_json ? "--json" : "--verbose");
    return TOOL_DONE;
}

int status_main(struct tool *tool, int argc, char **argv)
{
    struct wish wish = {.host = NULL};
    char *answer = NULL;
    int option = 0;
    while ((option = tool_option(tool, argc, argv, options, false)) == OPTION_VERBOSE ||
           option == OPTION_HOST) {
        wish.is_verbose |= option == OPTION_VERBOSE;
        wish.host = option == OPTION_HOST ? optarg : wish.host;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    int code = check_wish(tool, &wish, argv[optind]);
    if (code == TOOL_DONE)
        code = control_ask(tool, "status\n", &answer);
    if (code != TOOL_DONE)
        return code;
    code = show_status(tool, answer, &wish);
    free(answer);
    return code;
}

/* tsigate replay: which past requests another ACL would judge differently. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/timestamp.h"
#include "dns/type.h"
#include "tsigate/audit.h"
#include "tsigate/past.h"
#include "tsigate/tool.h"

enum { OPTION_ACL = 'a' };

static const struct option options[] = {{"acl", required_argument, NULL, OPTION_ACL},
                                        TOOL_COMMON_OPTIONS};

struct replay {
    struct tool *tool;
    struct arena arena;     /* of one line */
    struct tool_page *page; /* --json */
    uint64_t requests;
    uint64_t gained, lost, unknown;
};

/* One row of what differs. */
struct row {
    char time[TIMESTAMP_TEXT_OCTETS];
    char host[NAME_TEXT_OCTETS];
    char op[16];
    char name[NAME_TEXT_OCTETS];
    char type[TYPE_TEXT_OCTETS];
    char verdict[16];
    size_t others; /* changes of the request besides */
};

static void read_row(const struct log_record *record, size_t decisive, struct row *row)
{
    struct log_span changes = record->changes;
    struct log_change change;
    *row = (struct row){.op = "-", .name = "-", .type = "-"};
    (void)log_span_text(record->time, row->time, sizeof row->time);
    (void)log_span_text(record->host, row->host, sizeof row->host);
    (void)log_span_text(record->verdict, row->verdict, sizeof row->verdict);
    for (size_t i = 0; log_read_change(&changes, &change); i++) {
        row->others += i > 0;
        if (i != decisive)
            continue;
        (void)log_span_text(change.op, row->op, sizeof row->op);
        (void)log_span_text(change.original, row->name, sizeof row->name);
        (void)log_span_text(change.type, row->type, sizeof row->type);
    }
}

static void print_row(const struct row *row, const struct past *past)
{
    char more[32] = "";
    if (row->others > 0)
        (void)snprintf(more, sizeof more, " (+%zu)", row->others);
    printf("%.19sZ %-24s %-12s %s %s%s  %s/%s -> %s\n", row->time,
           row->host[0] != '\0' ? row->host : "-", row->op, row->name, row->type, more,
           row->verdict, outcome_of(past->then)->name, outcome_of(past->now)->name);
}

static void write_row(struct tool_page *page, const struct row *row,
                      const struct past *past, const char *file, uint64_t line)
{
    struct json *json = &page->json;
    json_object_open(json, NULL);
    json_string(json, "file", file);
    json_number(json, "line", (int64_t)line);
    json_string(json, "time", row->time);
    json_string(json, "host", row->host[0] != '\0' ? row->host : NULL);
    json_string(json, "op", row->op);
    json_string(json, "name", row->name);
    json_string(json, "type", row->type);
    json_string(json, "then_verdict", row->verdict);
    json_string(json, "then_reason", outcome_of(past->then)->name);
    json_string(json, "now_verdict",
                past->fate == PAST_GAINED ? "permitted" : "refused");
    json_string(json, "now_reason", outcome_of(past->now)->name);
    json_object_close(json);
    tool_page_flush(page);
}

static void take_line(void *arg, const struct audit_line *line)
{
    struct replay *replay = arg;
    struct past past;
    struct row row;
    past_judge(replay->tool->snapshot, &line->record, &replay->arena, &past);
    replay->requests += line->record.event == LOG_RESULT;
    replay->unknown += past.fate == PAST_UNKNOWN;
    replay->gained += past.fate == PAST_GAINED;
    replay->lost += past.fate == PAST_LOST;
    if (past.fate != PAST_GAINED && past.fate != PAST_LOST)
        return;
    read_row(&line->record, past.decisive, &row);
    if (replay->page != NULL)
        write_row(replay->page, &row, &past, line->path, line->number);
    else
        print_row(&row, &past);
}

static int end_json(struct replay *replay)
{
    struct json *json = &replay->page->json;
    json_array_close(json);
    json_number(json, "requests", (int64_t)replay->requests);
    json_number(json, "gained", (int64_t)replay->gained);
    json_number(json, "lost", (int64_t)replay->lost);
    json_number(json, "not_judged", (int64_t)replay->unknown);
    json_object_close(json);
    return tool_page_print(replay->page);
}

static void print_sum(const struct replay *replay)
{
    printf("%" PRIu64 " requests: %" PRIu64 " permitted then and refused now, %" PRIu64
           " refused then and permitted now\n",
           replay->requests, replay->lost, replay->gained);
    if (replay->unknown > 0)
        printf("%" PRIu64 " could not be judged: values over %d octets are not in the "
               "log\n",
               replay->unknown, LIMIT_AUDIT_RDATA_OCTETS);
}

static int run(struct replay *replay, int count, char **files)
{
    int code = TOOL_DONE;
    if (replay->tool->is_json) {
        replay->page = tool_page_new(replay->tool);
        if (replay->page == NULL)
            return TOOL_OUTSIDE;
        json_object_open(&replay->page->json, NULL);
        json_array_open(&replay->page->json, "differences");
    }
    for (int i = 0; i < count && code == TOOL_DONE; i++)
        code = audit_read(files[i], take_line, replay);
    if (code == TOOL_DONE && replay->page != NULL)
        code = end_json(replay);
    else if (code == TOOL_DONE)
        print_sum(replay);
    if (code == TOOL_DONE && replay->gained + replay->lost > 0)
        code = TOOL_NO;
    return code;
}

/* ---- words ---- */

/* A folder stands for its *.acl. NULL: no memory. */
static char *acl_word(struct tool *tool, char *word)
{
    struct stat status;
    if (stat(word, &status) == 0 && S_ISDIR(status.st_mode))
        return arena_printf(&tool->arena, "%s/*.acl", word);
    return word;
}

/* Behind --acl, up to the next option, all words are ACL files: getopt hands them on as
 * words of ours, after the audit logs. */
static bool is_acl_word(const char *word)
{
    struct stat status;
    size_t len = strlen(word);
    return (len > 4 && strcmp(word + len - 4, ".acl") == 0) ||
           (stat(word, &status) == 0 && S_ISDIR(status.st_mode));
}

int replay_main(struct tool *tool, int argc, char **argv)
{
    struct tool_wanted wanted = {.acl_count = 0};
    char **acl = arena_array(&tool->arena, (size_t)argc, sizeof *acl);
    char **files = arena_array(&tool->arena, (size_t)argc, sizeof *files);
    int option, file_count = 0;
    if (acl == NULL || files == NULL)
        return tool_no_memory();
    while ((option = tool_option(tool, argc, argv, options, false)) == OPTION_ACL)
        acl[wanted.acl_count++] = acl_word(tool, optarg);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    for (int i = optind; i < argc; i++) {
        if (wanted.acl_count > 0 && is_acl_word(argv[i]))
            acl[wanted.acl_count++] = acl_word(tool, argv[i]);
        else
            files[file_count++] = argv[i];
    }
    if (file_count == 0)
        return tool_usage(tool, "which audit log?");
    wanted.acl = acl;
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;
    struct replay replay = {.tool = tool};
    arena_init(&replay.arena, 256 * 1024, 0);
    code = run(&replay, file_count, files);
    arena_fini(&replay.arena);
    return code;
}

/* tsigate audit verify: whether anybody has touched the log. */
#include <inttypes.h>
#include <string.h>

#include "tsigate/audit.h"
#include "tsigate/chain.h"
#include "tsigate/lines.h"

enum { OPTION_ANCHOR = 'A' };

static const struct option options[] = {
    {"anchor", required_argument, NULL, OPTION_ANCHOR}, TOOL_COMMON_OPTIONS};

struct verify {
    struct tool *tool;
    struct chain *chain;
    const char *const *files;
    size_t file_count;
    bool is_cut;
    struct chain_summary summary;
};

/* "SEQ:SHA256", as printed at the end. */
static bool read_anchor(const char *text, struct chain_anchor *out)
{
    const char *colon = strchr(text, ':');
    size_t hash_len = 0;
    char quoted[2 * sizeof out->hash + 3];
    if (colon == NULL || strlen(colon + 1) != 2 * sizeof out->hash)
        return false;
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", colon + 1);
    return log_span_number((struct log_span){text, (size_t)(colon - text)},
                           &out->seq) &&
           log_span_hex((struct log_span){quoted, strlen(quoted)}, out->hash,
                        sizeof out->hash, &hash_len);
}

/* ---- reading ---- */

static int feed_file(struct verify *verify, size_t file)
{
    struct lines lines;
    const char *line;
    size_t len;
    enum result result = lines_open(&lines, verify->files[file]);
    while (result == RES_OK) {
        result = lines_next(&lines, &line, &len);
        if (result != RES_OK)
            break;
        const struct chain_place place = {file, lines.number};
        result = chain_line(verify->chain, place, line, len);
        verify->is_cut = lines.is_cut;
    }
    int code = TOOL_DONE;
    if (result == RES_ERANGE)
        code = tool_fail(TOOL_OUTSIDE, "%s:%" PRIu64 ": %s", verify->files[file],
                         lines.number + 1, lines_error(result));
    else if (result != RES_ENOTFOUND)
        code =
            tool_fail(TOOL_OUTSIDE, "%s: %s", verify->files[file], lines_error(result));
    lines_close(&lines);
    return code;
}

/* ---- for people ---- */

static void tell_numbers(const struct chain_finding *finding)
{
    if (finding->first == finding->last)
        printf("%" PRIu64, finding->first);
    else
        printf("%" PRIu64 " to %" PRIu64, finding->first, finding->last);
}

static void tell_other(const struct verify *verify, const struct chain_finding *finding)
{
    if (finding->other.file != finding->place.file)
        printf("%s ", verify->files[finding->other.file]);
    printf("line %" PRIu64, finding->other.line);
}

static void tell_changed(const struct verify *verify,
                         const struct chain_finding *finding)
{
    bool is_alone = finding->other.file == finding->place.file &&
                    finding->other.line == finding->place.line;
    printf("this line, number ");
    tell_numbers(finding);
    if (is_alone) {
        printf(", cannot be the first of a log: its hash says otherwise");
        return;
    }
    printf(", was changed, or what stood behind it taken away: ");
    tell_other(verify, finding);
    printf(" was written after another one");
}

static void tell_what(const struct verify *verify, const struct chain_finding *finding)
{
    switch (finding->kind) {
    case CHAIN_TORN:
        printf("not a line of ours; a crash may have torn it");
        return;
    case CHAIN_CHANGED:
        tell_changed(verify, finding);
        return;
    case CHAIN_DELETED:
        printf("missing before this line: number ");
        tell_numbers(finding);
        return;
    case CHAIN_REORDERED:
        printf("out of order: number ");
        tell_numbers(finding);
        printf(" belongs before ");
        tell_other(verify, finding);
        return;
    case CHAIN_COPIED:
        printf("a copy of ");
        tell_other(verify, finding);
        return;
    case CHAIN_INSERTED:
        printf("put in: number ");
        tell_numbers(finding);
        printf(" has been");
        return;
    case CHAIN_NEW:
        printf("a new chain begins, which does not follow from what is above");
        return;
    case CHAIN_CUT:
        if (finding->first == 0) {
            printf("the log ends in a torn line");
            return;
        }
        printf("the log ends before number ");
        tell_numbers(finding);
        printf(", which was there when the anchor was noted");
        return;
    case CHAIN_REWRITTEN:
        printf("number ");
        tell_numbers(finding);
        printf(" is not what it was when the anchor was noted");
        return;
    }
}

static void print_hash(const uint8_t hash[32])
{
    for (size_t i = 0; i < 32; i++)
        printf("%02x", hash[i]);
}

static void print_summary(const struct verify *verify)
{
    const struct chain_summary *summary = &verify->summary;
    printf("%" PRIu64 " lines", summary->lines);
    if (summary->torn > 0)
        printf(", %" PRIu64 " of them torn", summary->torn);
    if (summary->last_seq > 0)
        printf(", number %" PRIu64 " to %" PRIu64, summary->first_seq,
               summary->last_seq);
    if (summary->findings > 0)
        printf(": BROKEN in %" PRIu64 " places\n", summary->findings);
    else
        printf(": whole\n");
    if (summary->first_seq > 1)
        printf("number 1 to %" PRIu64 " are in older files\n", summary->first_seq - 1);
    if (summary->last_seq > 0 && summary->findings == 0) {
        printf("anchor %" PRIu64 ":", summary->last_seq);
        print_hash(summary->last_hash);
        putchar('\n');
    }
}

static void print_text(const struct verify *verify)
{
    const struct chain_finding *finding;
    for (size_t i = 0; (finding = chain_finding_at(verify->chain, i)) != NULL; i++) {
        printf("%s:%" PRIu64 ": %s: ", verify->files[finding->place.file],
               finding->place.line, chain_kind_name(finding->kind));
        tell_what(verify, finding);
        putchar('\n');
    }
    print_summary(verify);
}

/* ---- for programs ---- */

static void write_finding(const struct verify *verify,
                          const struct chain_finding *finding, struct json *json)
{
    json_object_open(json, NULL);
    json_string(json, "file", verify->files[finding->place.file]);
    json_number(json, "line", (int64_t)finding->place.line);
    json_string(json, "kind", chain_kind_name(finding->kind));
    if (finding->first > 0) {
        json_number(json, "first", (int64_t)finding->first);
        json_number(json, "last", (int64_t)finding->last);
    }
    if (finding->other.line != finding->place.line ||
        finding->other.file != finding->place.file) {
        json_string(json, "other_file", verify->files[finding->other.file]);
        json_number(json, "other_line", (int64_t)finding->other.line);
    }
    json_object_close(json);
}

static int print_json(const struct verify *verify)
{
    const struct chain_summary *summary = &verify->summary;
    struct tool_page *page = tool_page_new(verify->tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct json *json = &page->json;
    const struct chain_finding *finding;
    json_object_open(json, NULL);
    json_bool(json, "ok", summary->findings == 0);
    json_number(json, "lines", (int64_t)summary->lines);
    json_number(json, "torn", (int64_t)summary->torn);
    json_number(json, "broken", (int64_t)summary->findings);
    json_number(json, "first_seq", (int64_t)summary->first_seq);
    json_number(json, "last_seq", (int64_t)summary->last_seq);
    json_hex(json, "last_sha256", summary->last_hash, sizeof summary->last_hash);
    json_array_open(json, "findings");
    for (size_t i = 0; (finding = chain_finding_at(verify->chain, i)) != NULL; i++)
        write_finding(verify, finding, json);
    json_array_close(json);
    json_object_close(json);
    return tool_page_print(page);
}

static int verify_files(struct verify *verify, const struct chain_anchor *anchor)
{
    int code = TOOL_DONE;
    verify->chain = chain_new(anchor);
    if (verify->chain == NULL)
        return tool_no_memory();
    for (size_t i = 0; i < verify->file_count && code == TOOL_DONE; i++)
        code = feed_file(verify, i);
    if (code == TOOL_DONE) {
        chain_end(verify->chain, verify->is_cut, &verify->summary);
        if (verify->tool->is_json)
            code = print_json(verify);
        else
            print_text(verify);
    }
    chain_free(&verify->chain);
    if (code == TOOL_DONE && verify->summary.findings > 0)
        code = TOOL_NO;
    return code;
}

int audit_verify(struct tool *tool, int argc, char **argv)
{
    struct chain_anchor anchor = {.seq = 0};
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0) {
        if (!read_anchor(optarg, &anchor))
            return tool_usage(tool, "\"%s\" is no anchor: SEQ:SHA256", optarg);
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    const char *file = optind < argc ? NULL : audit_file(tool);
    if (optind == argc && file == NULL)
        return TOOL_CONFIG;
    struct verify verify = {
        .tool = tool,
        .files = file != NULL ? &file : (const char *const *)argv + optind,
        .file_count = file != NULL ? 1 : (size_t)(argc - optind),
    };
    return verify_files(&verify, &anchor);
}

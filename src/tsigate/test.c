/* tsigate test: decision tables, row by row through the gate. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "conf/evalfile.h"
#include "conf/file.h"
#include "dns/text.h"
#include "policy/explain.h"
#include "tsigate/ask.h"
#include "tsigate/paint.h"
#include "tsigate/tool.h"

/* Of an add whose row has no ttl=: within the bounds of every stock profile. */
#define DEFAULT_TTL_S 300

struct table_run {
    struct tool *tool;
    struct arena arena; /* of one row */
    size_t passed;
    size_t failed;
    struct tool_page *page; /* --json: the failures */
};

/* ---- a row ---- */

static struct ask ask_of_row(const struct tool *tool, const struct eval_row *row)
{
    struct ask ask = {
        .who = row->who,
        .zone = row->zone,
        .from = row->has_from ? &row->from : NULL,
        .now_s = row->has_at ? row->at_s : tool->now_s,
        .found = row->cname_target,
    };
    switch (row->cname) {
    case EVAL_CNAME_BINDING:
        ask.cname = LOOKUP_IS_TARGET;
        break;
    case EVAL_CNAME_NAME:
        ask.cname = LOOKUP_OTHER;
        break;
    case EVAL_CNAME_NONE:
        ask.cname = LOOKUP_NONE;
        break;
    case EVAL_CNAME_SERVFAIL:
        ask.cname = LOOKUP_FAILED;
        break;
    }
    ask.item = (struct update_item){
        .op = row->op,
        .type = row->type,
        .ttl = row->has_ttl ? row->ttl : DEFAULT_TTL_S,
        .owner = row->owner,
    };
    return ask;
}

/* What came of the row: "refused: name-not-granted", "permitted -> NAME". In the row's
 * arena. */
static const char *outcome_text(struct table_run *run, const struct plan *plan)
{
    char text[NAME_TEXT_OCTETS];
    if (plan->reason != REASON_PERMITTED)
        return arena_printf(&run->arena, "refused -> %s",
                            outcome_of(plan->reason)->name);
    if (plan->change_count == 0)
        return "permitted";
    return arena_printf(&run->arena, "permitted -> %s",
                        name_to_text(plan->changes[0].rewrite.target, text));
}

static const char *expected_text(struct table_run *run, const struct eval_row *row)
{
    const char *verdict = row->is_permit ? "permitted" : "refused";
    if (row->expected == NULL)
        return verdict;
    return arena_printf(&run->arena, "%s -> %s", verdict, row->expected);
}

static bool is_as_expected(const struct eval_row *row, const struct plan *plan)
{
    bool is_permitted = plan->reason == REASON_PERMITTED;
    if (is_permitted != row->is_permit)
        return false;
    if (row->expected == NULL)
        return true;
    if (!is_permitted)
        return plan->reason == row->reason;
    return plan->change_count == 1 &&
           name_equal(plan->changes[0].rewrite.target, row->target);
}

/* Where to look: the grant that decided, if one did. */
static const char *rule_text(struct table_run *run, const struct plan *plan)
{
    uint8_t octets[LIMIT_PATH_OCTETS + 32];
    struct writer w = writer_of(octets, sizeof octets);
    if (plan->decisive < plan->change_count)
        explain_rule(&plan->changes[plan->decisive], &w);
    if (w.len == 0)
        return NULL;
    return arena_string_n(&run->arena, (const char *)octets, w.len);
}

static void report_failure(struct table_run *run, const struct eval_row *row,
                           const char *expected, const char *got, const char *rule)
{
    run->failed++;
    if (!run->tool->is_json) {
        printf("%s%s:%u:%u: expected %s, got %s%s%s%s%s\n", paint_on(stdout, PAINT_BAD),
               row->place.file, row->place.line, row->place.column, expected, got,
               rule != NULL ? " (" : "", rule != NULL ? rule : "",
               rule != NULL ? ")" : "", paint_off(stdout));
        return;
    }
    struct json *json = &run->page->json;
    json_object_open(json, NULL);
    json_string(json, "file", row->place.file);
    json_number(json, "line", row->place.line);
    json_string(json, "expected", expected);
    json_string(json, "got", got);
    json_string(json, "rule", rule);
    json_object_close(json);
    tool_page_flush(run->page);
}

static void run_row(struct table_run *run, const struct eval_row *row)
{
    struct tool *tool = run->tool;
    struct ask ask = ask_of_row(tool, row);
    struct plan plan;
    arena_reset(&run->arena);
    const char *expected = expected_text(run, row);
    if (row->value != NULL && rdata_from_text(row->type, row->value, &run->arena,
                                              &ask.item.rdata) != RES_OK) {
        report_failure(run, row, expected, "a value that is none of this type", NULL);
        return;
    }
    if (ask_judge(tool->snapshot, &ask, &run->arena, &plan) != RES_OK) {
        report_failure(run, row, expected,
                       "an operation that does not take this type or value", NULL);
        return;
    }
    ask_settle(&ask, &plan);
    if (is_as_expected(row, &plan)) {
        run->passed++;
        return;
    }
    report_failure(run, row, expected, outcome_text(run, &plan), rule_text(run, &plan));
}

/* ---- files ---- */

static void print_diags(const struct diags *diags)
{
    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next) {
        char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
        fprintf(stderr, "%s\n", diag_format(diag, text, sizeof text));
    }
}

static int run_file(struct table_run *run, const char *path)
{
    struct tool *tool = run->tool;
    struct diags diags;
    struct file_text text;
    struct eval_row *rows = NULL;
    int code = TOOL_DONE;
    diags_init(&diags);
    if (file_read(path, LIMIT_ACL_FILE_OCTETS, (struct place){.file = NULL}, &diags,
                  &text) != RES_OK) {
        code = TOOL_OUTSIDE;
    } else {
        if (evalfile_parse(path, text.chars, text.len, &tool->arena, &diags, &rows) !=
            RES_OK)
            code = TOOL_NO;
        for (const struct eval_row *row = rows; row != NULL; row = row->next)
            run_row(run, row);
        file_text_free(&text);
    }
    print_diags(&diags);
    diags_fini(&diags);
    return code;
}

static int finish(struct table_run *run, int code)
{
    if (run->tool->is_json) {
        struct json *json = &run->page->json;
        json_array_close(json);
        json_number(json, "passed", (int64_t)run->passed);
        json_number(json, "failed", (int64_t)run->failed);
        json_object_close(json);
        int printed = tool_page_print(run->page);
        if (printed != TOOL_DONE)
            return printed;
    } else {
        printf("%zu passed, %zu failed\n", run->passed, run->failed);
    }
    if (code != TOOL_DONE)
        return code;
    return run->failed == 0 ? TOOL_DONE : TOOL_NO;
}

/* ---- words ---- */

enum {
    OPTION_ACL = 256,
};

static const struct option options[] = {
    {"acl", required_argument, NULL, OPTION_ACL},
    TOOL_COMMON_OPTIONS,
};

static bool is_acl_word(const char *word)
{
    size_t len = strlen(word);
    return len > 4 && strcmp(word + len - 4, ".acl") == 0;
}

/* `--acl a.acl b.acl t.eval`: behind the option, what ends in .acl is one more. */
static int run_files(struct table_run *run, int count, char **words, bool skip_acl)
{
    int code = TOOL_DONE;
    for (int i = 0; i < count; i++) {
        if (skip_acl && is_acl_word(words[i]))
            continue;
        int one = run_file(run, words[i]);
        if (one != TOOL_DONE)
            code = one;
    }
    return finish(run, code);
}

int test_main(struct tool *tool, int argc, char **argv)
{
    struct tool_wanted wanted = {.with_keys = false};
    char **acl = arena_array(&tool->arena, (size_t)argc, sizeof *acl);
    if (acl == NULL)
        return tool_no_memory();
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) == OPTION_ACL)
        acl[wanted.acl_count++] = optarg;
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    bool has_acl = wanted.acl_count > 0;
    for (int i = optind; has_acl && i < argc; i++) {
        if (is_acl_word(argv[i]))
            acl[wanted.acl_count++] = argv[i];
    }
    if (argc == optind)
        return tool_usage(tool, "a FILE.eval is wanted");
    wanted.acl = acl;
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;

    struct table_run run = {.tool = tool, .page = tool_page_new(tool)};
    if (run.page == NULL)
        return TOOL_OUTSIDE;
    if (tool->is_json) {
        json_object_open(&run.page->json, NULL);
        json_array_open(&run.page->json, "failures");
    }
    arena_init(&run.arena, 2 * LIMIT_MESSAGE_OCTETS, 0);
    code = run_files(&run, argc - optind, argv + optind, has_acl);
    arena_fini(&run.arena);
    return code;
}

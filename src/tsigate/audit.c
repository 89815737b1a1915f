/* tsigate audit: show, rotate, and the way to verify. */
#include "tsigate/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/conf.h"
#include "tsigate/control.h"
#include "tsigate/json_read.h"
#include "tsigate/lines.h"

const char *audit_file(struct tool *tool)
{
    tool->snapshot = snapshot_new(tool->conf_file);
    if (tool->snapshot == NULL) {
        tool_fail(TOOL_OUTSIDE, "out of memory");
        return NULL;
    }
    enum result result = conf_read(tool->conf_file, tool->snapshot, &tool->diags);
    const char *file = tool->snapshot->settings.audit_file;
    if (file != NULL)
        return file;
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
        if (diag->severity == SEVERITY_ERROR)
            fprintf(stderr, "%s\n", diag_format(diag, text, sizeof text));
    }
    if (result == RES_OK)
        tool_fail(TOOL_CONFIG, "%s has no `audit.file`: name a file", tool->conf_file);
    return NULL;
}

/* ---- show ---- */

static const struct option show_options[] = {AUDIT_FILTER_OPTIONS, TOOL_COMMON_OPTIONS};

static void show_line(const struct tool *tool, const struct audit_filter *filter,
                      const char *line, size_t len)
{
    struct log_record record;
    if (log_read(line, len, &record) != RES_OK)
        return; /* torn: audit verify tells of it */
    if (record.event == LOG_INTENT || record.event == LOG_CARRIED ||
        !audit_filter_wants(filter, &record))
        return;
    if (!tool->is_json) {
        audit_print_row(&record);
        return;
    }
    fwrite(line, 1, len, stdout);
    putchar('\n');
}

static int show_file(const struct tool *tool, const struct audit_filter *filter,
                     const char *path)
{
    struct lines lines;
    const char *line;
    size_t len;
    enum result result = lines_open(&lines, path);
    while (result == RES_OK) {
        result = lines_next(&lines, &line, &len);
        if (result == RES_OK)
            show_line(tool, filter, line, len);
    }
    int code = TOOL_DONE;
    if (result != RES_ENOTFOUND)
        code = tool_fail(TOOL_OUTSIDE, "%s: %s", path, lines_error(result));
    lines_close(&lines);
    return code;
}

int audit_show(struct tool *tool, int argc, char **argv)
{
    struct audit_filter filter;
    int option;
    audit_filter_init(&filter);
    while ((option = tool_option(tool, argc, argv, show_options, false)) >= 0) {
        if (!audit_filter_take(&filter, tool, option))
            return TOOL_USAGE;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    const char *file = optind < argc ? NULL : audit_file(tool);
    if (optind == argc && file == NULL)
        return TOOL_CONFIG;
    if (!tool->is_json)
        audit_print_head();
    if (file != NULL)
        return show_file(tool, &filter, file);
    int code = TOOL_DONE;
    for (int i = optind; i < argc && code == TOOL_DONE; i++)
        code = show_file(tool, &filter, argv[i]);
    return code;
}

/* ---- rotate ---- */

static const struct option options[] = {TOOL_COMMON_OPTIONS};

static int audit_rotate(struct tool *tool, int argc, char **argv)
{
    char *answer = NULL, text[1024];
    int option = tool_option(tool, argc, argv, options, false);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    int code = control_ask(tool, "rotate\n", &answer);
    if (code != TOOL_DONE)
        return code;
    bool is_ok = json_has_word(answer, "ok", "true");
    if (tool->is_json)
        fputs(answer, stdout);
    else if (is_ok)
        printf("rotated: the log goes on in a new file\n");
    else
        tool_fail(TOOL_OUTSIDE, "not rotated: %s",
                  json_first_string(answer, text, sizeof text));
    free(answer);
    return is_ok ? TOOL_DONE : TOOL_OUTSIDE;
}

/* ---- the words behind audit ---- */

int audit_main(struct tool *tool, int argc, char **argv)
{
    static const struct {
        const char *name;
        tool_command *run;
    } commands[] = {
        {"verify", audit_verify}, {"show", audit_show}, {"rotate", audit_rotate}};
    int option = tool_option(tool, argc, argv, options, true);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (optind == argc)
        return tool_usage(tool, "verify, show or rotate?");
    const char *word = argv[optind];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, word) != 0)
            continue;
        argc -= optind;
        argv += optind;
        optind = 0; /* getopt begins anew */
        return commands[i].run(tool, argc, argv);
    }
    return tool_usage(tool, "\"%s\": verify, show or rotate?", word);
}

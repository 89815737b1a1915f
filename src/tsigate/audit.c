/* tsigate audit: show, rotate, and the way to verify. */
#include "tsigate/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/guess.h"
#include "tsigate/control.h"
#include "tsigate/json_read.h"
#include "tsigate/lines.h"

const char *audit_file(struct tool *tool)
{
    const struct settings *settings = tool_settings(tool);
    if (settings != NULL && settings->audit_file == NULL)
        tool_tell_lack(tool, "`audit.file`: name a file");
    return settings != NULL ? settings->audit_file : NULL;
}

/* ---- a log, line by line ---- */

static int tell_unread(const char *path, uint64_t unread, bool is_log)
{
    const char *plural = unread == 1 ? " is none" : "s are none";
    if (unread == 0)
        return TOOL_DONE;
    if (!is_log)
        return tool_fail(TOOL_OUTSIDE,
                         "%s: is it an audit log? No line of one is in it", path);
    tool_fail(TOOL_DONE,
              "%s: %" PRIu64 " line%s of an audit log (tsigate audit verify)", path,
              unread, plural);
    return TOOL_DONE;
}

int audit_read(const char *path, audit_take *take, void *arg)
{
    struct lines lines;
    struct audit_line line = {.path = path};
    uint64_t unread = 0;
    enum result result = lines_open(&lines, path);
    while (result == RES_OK) {
        result = lines_next(&lines, &line.text, &line.len);
        if (result != RES_OK)
            break;
        line.number = lines.number;
        if (log_read(line.text, line.len, &line.record) == RES_OK)
            take(arg, &line);
        else
            unread++;
    }
    bool is_log = unread < lines.number;
    lines_close(&lines);
    if (result != RES_ENOTFOUND)
        return tool_fail(TOOL_OUTSIDE, "%s: %s", path, lines_error(result));
    return tell_unread(path, unread, is_log);
}

/* ---- show ---- */

static const struct option show_options[] = {AUDIT_FILTER_OPTIONS, TOOL_COMMON_OPTIONS};

struct show {
    const struct tool *tool;
    struct audit_filter filter;
};

static void show_line(void *arg, const struct audit_line *line)
{
    const struct show *show = arg;
    const struct log_record *record = &line->record;
    if (record->event == LOG_INTENT || record->event == LOG_CARRIED ||
        !audit_filter_wants(&show->filter, record))
        return;
    if (!show->tool->is_json) {
        audit_print_row(record);
        return;
    }
    fwrite(line->text, 1, line->len, stdout);
    putchar('\n');
}

int audit_show(struct tool *tool, int argc, char **argv)
{
    struct show show = {.tool = tool};
    int option;
    audit_filter_init(&show.filter);
    while ((option = tool_option(tool, argc, argv, show_options, false)) >= 0) {
        if (!audit_filter_take(&show.filter, tool, option))
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
        return audit_read(file, show_line, &show);
    int code = TOOL_DONE;
    for (int i = optind; i < argc && code == TOOL_DONE; i++)
        code = audit_read(argv[i], show_line, &show);
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
    struct guess guess = guess_of(word);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        guess_add(&guess, commands[i].name);
        if (strcmp(commands[i].name, word) != 0)
            continue;
        argc -= optind;
        argv += optind;
        optind = 0; /* getopt begins anew */
        return commands[i].run(tool, argc, argv);
    }
    return tool_usage(tool, "\"%s\": verify, show or rotate?%s%s", word,
                      guess_lead(&guess), guess_text(&guess));
}

/* tsigate tail: decisions as they happen. */
#include <inttypes.h>
#include <string.h>

#include "tsigate/audit.h"
#include "tsigate/control.h"
#include "tsigate/json_read.h"
#include "tsigate/lines.h"

static const struct option options[] = {AUDIT_FILTER_OPTIONS, TOOL_COMMON_OPTIONS};

static const char left_out[] = "{\"event\":\"left-out\",\"lines\":";

static void print_raw(const char *line, size_t len)
{
    fwrite(line, 1, len, stdout);
    putchar('\n');
}

/* The gateway does not wait for us; what we were too slow for is gone. */
static void print_left_out(const struct tool *tool, const char *line, size_t len)
{
    uint64_t count = 0;
    size_t at = strlen(left_out);
    struct log_span digits = {line + at, 0};
    while (at + digits.len < len && line[at + digits.len] >= '0' &&
           line[at + digits.len] <= '9')
        digits.len++;
    if (tool->is_json)
        print_raw(line, len);
    else if (log_span_number(digits, &count))
        printf("... %" PRIu64 " lines left out: they came too fast for this reader\n",
               count);
}

static void take_line(const struct tool *tool, const struct audit_filter *filter,
                      const char *line, size_t len)
{
    struct log_record record;
    if (len > strlen(left_out) && memcmp(line, left_out, strlen(left_out)) == 0) {
        print_left_out(tool, line, len);
        return;
    }
    if (log_read(line, len, &record) != RES_OK || !audit_filter_wants(filter, &record))
        return;
    if (tool->is_json)
        print_raw(line, len);
    else
        audit_print_row(&record);
}

/* The first line says whether we may. */
static int take_greeting(struct lines *lines)
{
    const char *line;
    size_t len;
    char text[1024];
    if (lines_next(lines, &line, &len) != RES_OK || len >= sizeof text)
        return tool_fail(TOOL_OUTSIDE, "tsigated gave no answer");
    memcpy(text, line, len);
    text[len] = '\0';
    if (json_has_word(text, "ok", "true"))
        return TOOL_DONE;
    return tool_fail(TOOL_OUTSIDE, "tsigated says no: %s", text);
}

static int watch(struct tool *tool, const struct audit_filter *filter,
                 struct lines *lines)
{
    const char *line;
    size_t len;
    int code = take_greeting(lines);
    if (code != TOOL_DONE)
        return code;
    if (!tool->is_json)
        audit_print_head();
    while (fflush(stdout) == 0 && lines_next(lines, &line, &len) == RES_OK)
        take_line(tool, filter, line, len);
    if (ferror(stdout))
        return TOOL_OUTSIDE;
    return tool_fail(TOOL_OUTSIDE, "tsigated has ended");
}

int tail_main(struct tool *tool, int argc, char **argv)
{
    struct audit_filter filter;
    struct lines lines;
    int option, fd = -1;
    audit_filter_init(&filter);
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0) {
        if (!audit_filter_take(&filter, tool, option))
            return TOOL_USAGE;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    int code = control_watch(tool, "tail\n", &fd);
    if (code != TOOL_DONE)
        return code;
    if (lines_of(&lines, fd, "tsigated") == RES_OK)
        code = watch(tool, &filter, &lines);
    else
        code = tool_no_memory();
    lines_close(&lines);
    return code;
}

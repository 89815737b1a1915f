/* tsigate reload: a line to the control socket, JSON lines back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsigate/control.h"
#include "tsigate/daemon.h"
#include "tsigate/json_read.h"
#include "tsigate/tool.h"

/* The longest string: a line about a file, escaped. */
#define JSON_TEXT_OCTETS 16384

static const struct option options[] = {TOOL_COMMON_OPTIONS};

static const char *last_line(char *answer)
{
    size_t len = strlen(answer);
    while (len > 0 && answer[len - 1] == '\n')
        answer[--len] = '\0';
    char *newline = strrchr(answer, '\n');
    return newline != NULL ? newline + 1 : answer;
}

/* ---- for people ---- */

/* The strings of the document's array of that name, a line each. */
static void print_strings(const char *document, const char *key, FILE *stream)
{
    char text[JSON_TEXT_OCTETS];
    struct json_reader r = {document, text, sizeof text};
    bool is_wanted = false;
    for (;;) {
        switch (json_next(&r)) {
        case JSON_WRONG:
        case JSON_END:
            return;
        case JSON_KEY:
            is_wanted = strcmp(text, key) == 0;
            break;
        case JSON_STRING:
            if (is_wanted)
                fprintf(stream, "%s\n", text);
            break;
        case JSON_ARRAY_CLOSE:
        case JSON_OBJECT_OPEN:
        case JSON_OBJECT_CLOSE:
            is_wanted = false;
            break;
        case JSON_ARRAY_OPEN:
        case JSON_WORD:
            break;
        }
    }
}

/* The value of a member as text; "" when there is none. */
static void member_text(const char *document, const char *key, char *out,
                        size_t capacity)
{
    struct json_reader r = {document, out, capacity};
    enum json_token token;
    while ((token = json_next(&r)) != JSON_END && token != JSON_WRONG) {
        if (token != JSON_KEY || strcmp(out, key) != 0)
            continue;
        token = json_next(&r);
        if (token == JSON_STRING || token == JSON_WORD)
            return;
    }
    out[0] = '\0';
}

/* ---- the subcommands ---- */

static int ask_daemon(struct tool *tool, int argc, char **argv, const char *request,
                      char **out_answer)
{
    int option = tool_option(tool, argc, argv, options, false);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option); /* *out_answer stays NULL: nothing is to do */
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    return control_ask(tool, request, out_answer);
}

static int tell_reload(const char *last, bool is_ok)
{
    print_strings(last, "errors", stderr);
    print_strings(last, "warnings", stderr);
    if (!is_ok)
        return tool_fail(TOOL_CONFIG,
                         "reload refused: what was in force before stays in force");
    char generation[64];
    member_text(last, "generation", generation, sizeof generation);
    printf("reloaded%s%s\n", generation[0] != '\0' ? ": generation " : "", generation);
    return TOOL_DONE;
}

int daemon_reload(struct tool *tool)
{
    char *answer = NULL;
    int code = control_ask(tool, "reload\n", &answer);
    if (code != TOOL_DONE)
        return code;
    const char *last = last_line(answer);
    code = tell_reload(last, json_has_word(last, "ok", "true"));
    free(answer);
    return code;
}

int reload_main(struct tool *tool, int argc, char **argv)
{
    char *answer = NULL;
    int code = ask_daemon(tool, argc, argv, "reload\n", &answer);
    if (code != TOOL_DONE || answer == NULL)
        return code;
    const char *last = last_line(answer);
    bool is_ok = json_has_word(last, "ok", "true");
    if (tool->is_json) {
        puts(answer);
        code = is_ok ? TOOL_DONE : TOOL_CONFIG;
    } else {
        code = tell_reload(last, is_ok);
    }
    free(answer);
    return code;
}

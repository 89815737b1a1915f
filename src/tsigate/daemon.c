/* tsigate status and reload: a line to the control socket, JSON lines back. */
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

/* What an admin has to know before all the figures. key: within group, a member of the
 * document. */
static void warn_of(const char *group, const char *key, const char *value)
{
    if (strcmp(key, "config_stale") == 0 && strcmp(value, "true") == 0)
        puts("! the last reload was refused, the files before it are in force: "
             "see tsigate check");
    else if (strcmp(group, "restart_needed") == 0)
        printf("! %s: changed in the files, taken with the next restart\n", value);
    else if (strcmp(group, "primary") == 0 && strcmp(value, "up") != 0 &&
             (strcmp(key, "update") == 0 || strcmp(key, "query") == 0))
        printf("! primary: the connection for %s is %s\n",
               strcmp(key, "update") == 0 ? "updates" : "queries", value);
}

#define WORD_OCTETS 64

/* A longer one is none of those that are looked for. */
static void keep_word(char out[WORD_OCTETS], const char *word)
{
    size_t len = strlen(word);
    out[0] = '\0';
    if (len < WORD_OCTETS)
        memcpy(out, word, len + 1);
}

static void print_warnings(const char *document)
{
    char text[JSON_TEXT_OCTETS], group[WORD_OCTETS] = "", key[WORD_OCTETS] = "";
    struct json_reader r = {document, text, sizeof text};
    int depth = 0;
    for (;;) {
        switch (json_next(&r)) {
        case JSON_WRONG:
        case JSON_END:
            return;
        case JSON_OBJECT_OPEN:
        case JSON_ARRAY_OPEN:
            depth++;
            break;
        case JSON_OBJECT_CLOSE:
        case JSON_ARRAY_CLOSE:
            depth--;
            break;
        case JSON_KEY:
            keep_word(key, text);
            if (depth == 1)
                keep_word(group, text);
            break;
        case JSON_STRING:
        case JSON_WORD:
            warn_of(group, key, text);
            break;
        }
    }
}

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
    if (option == TOOL_OPTION_HELP)
        return TOOL_DONE; /* *out_answer stays NULL: nothing is left to do */
    if (option != TOOL_OPTION_END)
        return TOOL_USAGE;
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    return control_ask(tool, request, out_answer);
}

static void print_status(const char *answer)
{
    print_warnings(answer);
    paint(answer);
}

int status_main(struct tool *tool, int argc, char **argv)
{
    char *answer = NULL;
    int code = ask_daemon(tool, argc, argv, "status\n", &answer);
    if (code != TOOL_DONE || answer == NULL)
        return code;
    const char *last = last_line(answer);
    bool is_ok = json_has_word(last, "ok", "true");
    if (tool->is_json)
        puts(answer);
    else
        print_status(answer);
    free(answer);
    return is_ok ? TOOL_DONE : TOOL_OUTSIDE;
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

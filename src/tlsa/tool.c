#include "tlsa/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_OCTETS (4 * 1024 * 1024)

static char first_failure[512];

const char *tool_first_failure(void)
{
    return first_failure;
}

void tool_forget_failure(void)
{
    first_failure[0] = '\0';
}

static void complain(const char *kind, const char *format, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "tsigate-tlsa: %s", kind);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int tool_usage(const struct tool *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain("", format, args);
    va_end(args);
    fprintf(stderr, "usage: %s\n", tool->usage);
    return TOOL_USAGE;
}

int tool_fail(int code, const char *format, ...)
{
    va_list args;
    if (first_failure[0] == '\0') {
        va_start(args, format);
        vsnprintf(first_failure, sizeof first_failure, format, args);
        va_end(args);
    }
    va_start(args, format);
    complain("", format, args);
    va_end(args);
    return code;
}

int tool_fail_errno(const char *what)
{
    return tool_fail(TOOL_OUTSIDE, "%s: %s", what, strerror(errno));
}

int tool_no_memory(void)
{
    return tool_fail(TOOL_OUTSIDE, "out of memory");
}

void tool_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain("warning: ", format, args);
    va_end(args);
}

int tool_fail_diags(struct tool *tool, int code)
{
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
        if (diag->severity != SEVERITY_ERROR)
            continue;
        fprintf(stderr, "%s\n", diag_format(diag, text, sizeof text));
        if (first_failure[0] == '\0')
            snprintf(first_failure, sizeof first_failure, "%.*s",
                     (int)sizeof first_failure - 1, text);
    }
    return code;
}

int tool_option(struct tool *tool, int argc, char **argv, const struct option *options)
{
    for (;;) {
        int option = getopt_long(argc, argv, "c:k:", options, NULL);
        switch (option) {
        case 'c':
            tool->conf_file = optarg;
            break;
        case 'k':
            tool->key_file = optarg;
            break;
        case 's':
            tool->server = optarg;
            break;
        case 'j':
            tool->is_json = true;
            break;
        case 'h':
            printf("usage: %s\n", tool->usage);
            return TOOL_OPTION_HELP;
        case '?':
            fprintf(stderr, "usage: %s\n", tool->usage);
            return TOOL_OPTION_WRONG;
        default:
            return option;
        }
    }
}

int tool_ns_port(const struct tool *tool, const char *word, uint16_t *out)
{
    size_t digits = strspn(word, "0123456789");
    unsigned long port = digits <= 5 ? strtoul(word, NULL, 10) : 0;
    if (word[digits] != '\0' || port == 0 || port > UINT16_MAX)
        return tool_usage(tool, "--ns-port \"%s\": expected a port", word);
    *out = (uint16_t)port;
    return TOOL_DONE;
}

struct name tool_name(struct tool *tool, const char *word)
{
    struct name_buf buf;
    struct name name = {NULL, 0};
    if (name_from_text(word, strlen(word), &buf) == RES_OK)
        name = name_copy(&tool->arena, name_of(&buf));
    if (name.octets == NULL)
        tool_usage(tool, "\"%s\" is no name", word);
    return name;
}

const char *tool_name_text(struct tool *tool, struct name name)
{
    char text[NAME_TEXT_OCTETS];
    const char *dot = name_is_root(name) ? "" : ".";
    const char *copy =
        arena_printf(&tool->arena, "%s%s", name_to_text(name, text), dot);
    return copy != NULL ? copy : "?";
}

int tool_output_open(struct tool *tool)
{
    uint8_t *octets = arena_alloc(&tool->arena, OUTPUT_OCTETS);
    if (octets == NULL)
        return tool_no_memory();
    tool->out = writer_of(octets, OUTPUT_OCTETS);
    tool->json = json_of(&tool->out);
    return TOOL_DONE;
}

int tool_output_print(struct tool *tool)
{
    if (tool->out.failed)
        return tool_fail(TOOL_OUTSIDE, "the output is too long to be shown");
    fwrite(tool->out.octets, 1, tool->out.len, stdout);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return tool_fail(TOOL_OUTSIDE, "standard output cannot be written");
    return TOOL_DONE;
}

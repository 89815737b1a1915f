/* tsigate status and reload: a line to the control socket, JSON lines back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/conf.h"
#include "tsigate/json_read.h"
#include "tsigate/tool.h"

/* The daemon's answer in all: a status has a line for each key that was used, and a
 * million of them fit. Memory is taken as it is filled. */
#define ANSWER_OCTETS ((size_t)128 * 1024 * 1024)
/* A reload of a million grants takes seconds (O-6). */
#define ANSWER_WAIT_S 120

/* The longest string: a line about a file, escaped. */
#define JSON_TEXT_OCTETS 16384

static const struct option options[] = {TOOL_COMMON_OPTIONS};

/* ---- the socket ---- */

/* The control socket's path; a configuration with errors may still name it. NULL: it
 * does not, as told. */
static const char *control_path(struct tool *tool, int *out_code)
{
    *out_code = TOOL_CONFIG;
    tool->snapshot = snapshot_new(tool->conf_file);
    if (tool->snapshot == NULL)
        return NULL;
    enum result result = conf_read(tool->conf_file, tool->snapshot, &tool->diags);
    const char *path = tool->snapshot->settings.control;
    if (path != NULL)
        return path;
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
        if (diag->severity == SEVERITY_ERROR)
            fprintf(stderr, "%s\n", diag_format(diag, text, sizeof text));
    }
    if (result == RES_OK)
        tool_fail(TOOL_CONFIG,
                  "%s has no `control`: there is no socket to ask at (SIGHUP reloads)",
                  tool->conf_file);
    return NULL;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct timeval wait = {.tv_sec = ANSWER_WAIT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int say_why(const char *path)
{
    if (errno == ENOENT || errno == ECONNREFUSED)
        return tool_fail(TOOL_OUTSIDE, "no tsigated is running: %s: %s", path,
                         strerror(errno));
    if (errno == EACCES)
        return tool_fail(TOOL_OUTSIDE, "%s: %s: try as root or as the daemon's user",
                         path, strerror(errno));
    return tool_fail(TOOL_OUTSIDE, "%s: %s", path, strerror(errno));
}

/* Whether the answer is whole: its last line tells ok. */
static const char *last_line(char *answer)
{
    size_t len = strlen(answer);
    while (len > 0 && answer[len - 1] == '\n')
        answer[--len] = '\0';
    char *newline = strrchr(answer, '\n');
    return newline != NULL ? newline + 1 : answer;
}

static bool is_answer_whole(const char *answer, size_t len)
{
    if (len == 0 || answer[len - 1] != '\n')
        return false;
    size_t begin = len - 1;
    while (begin > 0 && answer[begin - 1] != '\n')
        begin--;
    return json_has_word(answer + begin, "ok", "true") ||
           json_has_word(answer + begin, "ok", "false");
}

/* Sends the request and reads until the last line or the end. answer holds
 * ANSWER_OCTETS. */
static int exchange(const char *path, const char *request, char *answer)
{
    int fd = connect_to(path);
    if (fd < 0)
        return say_why(path);
    size_t len = strlen(request), have = 0;
    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        int code = say_why(path);
        close(fd);
        return code;
    }
    bool is_whole = false;
    while (!is_whole && have + 1 < ANSWER_OCTETS) {
        ssize_t got = recv(fd, answer + have, ANSWER_OCTETS - 1 - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
        answer[have] = '\0';
        is_whole = is_answer_whole(answer, have);
    }
    close(fd);
    if (!is_whole)
        return tool_fail(TOOL_OUTSIDE, "%s: tsigated gave no whole answer", path);
    return TOOL_DONE;
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
    int code = TOOL_DONE;
    const char *path = control_path(tool, &code);
    if (path == NULL)
        return code;
    char *answer = malloc(ANSWER_OCTETS);
    if (answer == NULL)
        return tool_fail(TOOL_OUTSIDE, "out of memory");
    code = exchange(path, request, answer);
    if (code == TOOL_DONE)
        *out_answer = answer;
    else
        free(answer);
    return code;
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

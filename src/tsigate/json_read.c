#include "tsigate/json_read.h"

#include <stdlib.h>
#include <string.h>

static void skip_blanks(struct json_reader *r)
{
    r->at += strspn(r->at, " \t\r\n,");
}

static bool put(struct json_reader *r, size_t *len, char c)
{
    if (*len + 1 >= r->capacity)
        return false;
    r->text[(*len)++] = c >= 0x20 && c <= 0x7e ? c : '?';
    return true;
}

/* Behind a backslash. 0: not an escape of JSON. */
static char unescape(struct json_reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = strchr(from, *r->at);
    if (*r->at == '\0')
        return 0;
    if (known != NULL) {
        r->at++;
        return to[known - from];
    }
    if (*r->at != 'u' || strspn(r->at + 1, "0123456789abcdefABCDEF") < 4)
        return 0;
    char digits[5] = {r->at[1], r->at[2], r->at[3], r->at[4], '\0'};
    unsigned long code = strtoul(digits, NULL, 16);
    r->at += 5;
    return code >= 0x20 && code <= 0x7e ? (char)code : '?';
}

static enum json_token read_string(struct json_reader *r)
{
    size_t len = 0;
    r->at++;
    while (*r->at != '"') {
        char c = *r->at;
        if (c == '\0')
            return JSON_WRONG;
        r->at++;
        if (c == '\\')
            c = unescape(r);
        if (c == 0 || !put(r, &len, c))
            return JSON_WRONG;
    }
    r->at++;
    r->text[len] = '\0';
    r->at += strspn(r->at, " \t\r\n");
    if (*r->at != ':')
        return JSON_STRING;
    r->at++;
    return JSON_KEY;
}

static enum json_token read_word(struct json_reader *r)
{
    size_t len = strspn(r->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
    if (len == 0 || len >= r->capacity)
        return JSON_WRONG;
    memcpy(r->text, r->at, len);
    r->text[len] = '\0';
    r->at += len;
    return JSON_WORD;
}

enum json_token json_next(struct json_reader *reader)
{
    static const struct {
        char c;
        enum json_token token;
    } brackets[] = {
        {'{', JSON_OBJECT_OPEN},
        {'}', JSON_OBJECT_CLOSE},
        {'[', JSON_ARRAY_OPEN},
        {']', JSON_ARRAY_CLOSE},
    };
    skip_blanks(reader);
    if (*reader->at == '\0')
        return JSON_END;
    for (size_t i = 0; i < sizeof brackets / sizeof brackets[0]; i++) {
        if (*reader->at == brackets[i].c) {
            reader->at++;
            return brackets[i].token;
        }
    }
    return *reader->at == '"' ? read_string(reader) : read_word(reader);
}

/* ---- walking ---- */

#define WALK_DEPTH  8
#define WALK_OCTETS 256

struct walk {
    char path[WALK_OCTETS];
    size_t len[WALK_DEPTH]; /* of the path, as it was outside each bracket */
    int depth;
    size_t outside; /* of the path without the member's name */
};

static bool walk_in(struct walk *walk)
{
    if (walk->depth == WALK_DEPTH)
        return false;
    walk->len[walk->depth++] = walk->outside;
    walk->outside = strlen(walk->path);
    return true;
}

/* Behind the bracket stands another member, or another element of the same path. */
static bool walk_out(struct walk *walk)
{
    if (walk->depth == 0)
        return false;
    walk->path[walk->outside] = '\0';
    walk->outside = walk->len[--walk->depth];
    return true;
}

static bool walk_key(struct walk *walk, const char *key)
{
    bool is_first = walk->outside == 0;
    size_t len = strlen(key);
    if (walk->outside + len + 2 > sizeof walk->path)
        return false;
    walk->path[walk->outside] = is_first ? '\0' : '.';
    memcpy(walk->path + walk->outside + !is_first, key, len + 1);
    return true;
}

static bool walk_token(struct walk *walk, enum json_token token, const char *text,
                       void (*visit)(void *arg, const char *path, const char *value),
                       void *arg)
{
    switch (token) {
    case JSON_WRONG:
    case JSON_END:
        return false;
    case JSON_OBJECT_OPEN:
    case JSON_ARRAY_OPEN:
        return walk_in(walk);
    case JSON_OBJECT_CLOSE:
        walk->path[walk->outside] = '\0';
        visit(arg, walk->path, NULL);
        return walk_out(walk);
    case JSON_ARRAY_CLOSE:
        return walk_out(walk);
    case JSON_KEY:
        return walk_key(walk, text);
    case JSON_STRING:
    case JSON_WORD:
        visit(arg, walk->path, text);
        return true;
    }
    return false;
}

void json_walk(const char *document,
               void (*visit)(void *arg, const char *path, const char *value), void *arg)
{
    char text[16384];
    struct walk walk = {.depth = 0};
    struct json_reader r = {document, text, sizeof text};
    while (walk_token(&walk, json_next(&r), text, visit, arg))
        continue;
}

const char *json_first_string(const char *document, char *text, size_t capacity)
{
    struct json_reader r = {document, text, capacity};
    enum json_token token = json_next(&r);
    while (token != JSON_STRING && token != JSON_END && token != JSON_WRONG)
        token = json_next(&r);
    if (token != JSON_STRING)
        text[0] = '\0';
    return text;
}

bool json_has_word(const char *document, const char *key, const char *word)
{
    char text[8192];
    struct json_reader r = {document, text, sizeof text};
    int depth = 0;
    bool is_wanted = false;
    for (;;) {
        switch (json_next(&r)) {
        case JSON_WRONG:
        case JSON_END:
            return false;
        case JSON_OBJECT_OPEN:
        case JSON_ARRAY_OPEN:
            depth++;
            is_wanted = false;
            break;
        case JSON_OBJECT_CLOSE:
        case JSON_ARRAY_CLOSE:
            depth--;
            break;
        case JSON_KEY:
            is_wanted = depth == 1 && strcmp(text, key) == 0;
            break;
        case JSON_WORD:
            if (is_wanted)
                return strcmp(text, word) == 0;
            break;
        case JSON_STRING:
            is_wanted = false;
            break;
        }
    }
}

/*
 * Reading the daemon's answers: JSON (RFC 8259) as a stream of tokens, without
 * recursion, into the caller's buffer. Floor 5. It trusts nobody: what comes out is
 * printable.
 */
#ifndef TSIGATE_TSIGATE_JSON_READ_H
#define TSIGATE_TSIGATE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"

enum json_token {
    JSON_WRONG = 0, /* not JSON, or too long for the buffer */
    JSON_END,
    JSON_OBJECT_OPEN,
    JSON_OBJECT_CLOSE,
    JSON_ARRAY_OPEN,
    JSON_ARRAY_CLOSE,
    JSON_KEY,    /* text: a member's name */
    JSON_STRING, /* text: decoded; what no terminal should see stands as '?' */
    JSON_WORD,   /* text: a number, true, false, null */
};

struct json_reader {
    const char *at; /* NUL-terminated */
    char *text;     /* the caller's */
    size_t capacity;
};

enum json_token json_next(struct json_reader *reader) MUST_CHECK NONNULL;

/*
 * Calls visit for each string, number or word of the document, in order, with the names
 * that lead to it, joined by dots ("zones.name"; arrays have none); and with value NULL
 * at the end of each object. Stops at what is not JSON, or nested or named beyond the
 * room here.
 */
void json_walk(const char *document,
               void (*visit)(void *arg, const char *path, const char *value), void *arg)
    NONNULL_AT(1, 2);

/* The first string that is no member's name; "" when there is none. Gives text back. */
const char *json_first_string(const char *document, char *text,
                              size_t capacity) NONNULL;
/* Whether the document is an object with a member of that name and the word value. */
bool json_has_word(const char *document, const char *key, const char *word) NONNULL;

#endif

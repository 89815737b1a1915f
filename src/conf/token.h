/*
 * The words and signs of BIND's configuration language, as named.conf and key files are
 * written in it. Floor 1c. Knows nothing of what they say; a token is a view into the
 * text, so a secret is never copied here.
 */
#ifndef TSIGATE_CONF_TOKEN_H
#define TSIGATE_CONF_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/result.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD, /* bare or quoted */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_SEMICOLON,
    TOKEN_BAD,
};

struct token {
    enum token_kind kind;
    const char *chars; /* of a quoted word without its quotes; backslashes stay */
    size_t len;
    struct place place;
    const char *wrong; /* TOKEN_BAD: what stands there, "a quote that is not closed" */
};

struct token_reader {
    const char *text; /* the caller's */
    size_t len;
    size_t at;
    size_t line_start;
    struct place place;  /* file and line of at */
    bool takes_comments; /* #, // and C's; else one is TOKEN_BAD */
};

struct token_reader token_reader_of(const char *file, const char *text, size_t len,
                                    bool takes_comments) NONNULL;
/* The next token. Behind a TOKEN_BAD it goes on; at the end there are TOKEN_ENDs. */
void token_next(struct token_reader *reader, struct token *out) NONNULL;

#endif

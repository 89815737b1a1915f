/*
 * "Did you mean": of the words that are known the one that a wrong word is most like.
 * Floor 1a.
 */
#ifndef TSIGATE_BASE_GUESS_H
#define TSIGATE_BASE_GUESS_H

#include <stddef.h>

#include "base/result.h"

struct guess {
    const char *word;  /* the wrong one; the caller's */
    const char *text;  /* the best candidate so far, the caller's; NULL: none is near */
    unsigned distance; /* of text: edits */
};

struct guess guess_of(const char *word) NONNULL;
/* Takes candidate where it is nearer to the word than the best so far, and within two
 * edits; of two that are as near the first in the alphabet. */
void guess_add(struct guess *guess, const char *candidate) NONNULL;
/* What to print before guess->text, and that text, both "" where there is none:
 * "...%s%s", guess_lead(&guess), guess_text(&guess) */
const char *guess_lead(const struct guess *guess) NONNULL;
const char *guess_text(const struct guess *guess) NONNULL;

#endif

/*
 * Names that are written in other letters than the DNS has: what they are as A-labels
 * (RFC 5890), for the one who meant them. The ACL itself takes A-labels only.
 */
#ifndef TSIGATE_TSIGATE_ALABEL_H
#define TSIGATE_TSIGATE_ALABEL_H

#include "base/arena.h"
#include "base/diag.h"

/* The first word with other letters that stands at place or behind it, each label of
 * UTF-8 in it as an A-label; the arena's. NULL: it cannot be read, or is nothing that
 * IDNA 2008 knows. */
const char *alabel_of_word(const struct place *place, struct arena *arena) NONNULL;
/* The same for a text, which has the form of a name. */
const char *alabel_of_text(const char *text, size_t len, struct arena *arena) NONNULL;

#endif

/*
 * Colour, for people only: on a terminal, unless NO_COLOR is set (no-color.org) or TERM
 * is dumb. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_PAINT_H
#define TSIGATE_TSIGATE_PAINT_H

#include <stdio.h>

#include "base/result.h"

enum paint {
    PAINT_GOOD,   /* permitted, gained: green */
    PAINT_BAD,    /* refused, lost, an error: red */
    PAINT_NOTE,   /* changed, a warning: yellow */
    PAINT_STRONG, /* what one has to read: bold */
};

/* What to print before and behind a text on that stream; "" where it gets no colour. */
const char *paint_on(FILE *stream, enum paint paint) NONNULL;
const char *paint_off(FILE *stream) NONNULL;

#endif

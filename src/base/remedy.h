/*
 * What to do about a diagnostic, by its identifier, in a line. Floor 1a.
 */
#ifndef TSIGATE_BASE_REMEDY_H
#define TSIGATE_BASE_REMEDY_H

#include "base/result.h"

/* A constant; NULL: nothing is known of that identifier. */
const char *remedy_of(const char *id) NONNULL;

#endif

/*
 * The difference of two snapshots' rights as text: what `tsigate diff` prints, and what
 * every subcommand shows that is about to change an ACL.
 */
#ifndef TSIGATE_TSIGATE_DIFF_H
#define TSIGATE_TSIGATE_DIFF_H

#include <stddef.h>
#include <stdio.h>

#include "policy/snapshot.h"

/*
 * One line for each right, key and alias that is gained (+), lost (-) or changed (~),
 * sorted; nothing where every question is judged the same. out_count: how many lines.
 * RES_EMEM, as only that can fail here.
 */
enum result diff_print(const struct snapshot *old, const struct snapshot *new,
                       FILE *stream, size_t *out_count) MUST_CHECK NONNULL;

#endif

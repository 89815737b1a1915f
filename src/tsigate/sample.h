/*
 * A value for `tsigate explain` where none was given: one that the grant's own check
 * takes, as far as that can be made up. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_SAMPLE_H
#define TSIGATE_TSIGATE_SAMPLE_H

#include "base/addr.h"
#include "base/arena.h"
#include "policy/acl.h"

/* Zone-file form, in the arena or a constant. check NULL: just well formed. NULL: none
 * is known for the type. */
const char *sample_value(uint16_t type, const struct acl_check *check,
                         const struct addr *from, struct arena *arena) MUST_CHECK
    NONNULL_AT(4);

#endif

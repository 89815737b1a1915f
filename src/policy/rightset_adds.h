/*
 * What may be added at one owner with one type, as a list in which the first that
 * permits decides, without those that never do. Floor 2, pure;
 * rightset.c's alone.
 */
#ifndef TSIGATE_POLICY_RIGHTSET_ADDS_H
#define TSIGATE_POLICY_RIGHTSET_ADDS_H

#include "policy/rightset.h"

/* Of the rights with that type and the operation add, which stand in file order. */
enum result rightset_adds_of(const struct acl_right *const *rights, size_t count,
                             uint16_t type, struct arena *arena,
                             struct rightset_adds *out) MUST_CHECK NONNULL;
/* Whether both lists decide alike on every value and TTL. That a `match` has values in
 * common with any other check is assumed. */
bool rightset_adds_equal(const struct rightset_adds *old,
                         const struct rightset_adds *new) MUST_CHECK NONNULL;

#endif

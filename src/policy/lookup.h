/*
 * What the primary's answer to a CNAME look-up says. Floor 2, pure. Rules C-6 to C-8.
 * The daemon and `tsigate explain --live` read answers with it; both have verified the
 * message before.
 */
#ifndef TSIGATE_POLICY_LOOKUP_H
#define TSIGATE_POLICY_LOOKUP_H

#include "base/arena.h"
#include "dns/wire.h"
#include "policy/gate.h"

/* msg: a reply that verified and repeats the question; NULL: none came. lookup->found
 * is set with LOOKUP_OTHER, where a CNAME leads elsewhere (octets NULL: a DNAME, or no
 * memory). */
enum lookup_answer lookup_read(const struct wire_msg *msg, struct lookup *lookup,
                               struct arena *arena) MUST_CHECK NONNULL_AT(2, 3);

#endif

/*
 * The value checks of the ACL, on decoded RDATA. Floor 2, pure. Rules.
 */
#ifndef TSIGATE_POLICY_CHECK_H
#define TSIGATE_POLICY_CHECK_H

#include "base/addr.h"
#include "base/arena.h"
#include "conf/aclfile.h"
#include "dns/rdata.h"

/* NULL: the value passes. Else a constant that says what was expected, for the reason's
 * text: "a dns-01 token: one string of 43 base64url characters". from NULL: not
 * known, and then, as over UDP (is_udp), source-address does not pass. now_s: for
 * persistUntil. The arena is for presentation forms. */
const char *check_value(const struct acl_check *check, uint16_t type,
                        const struct rdata *rdata, const struct addr *from, bool is_udp,
                        int64_t now_s, struct arena *arena) MUST_CHECK
    NONNULL_AT(1, 3, 7);

#endif

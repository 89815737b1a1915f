/*
 * What two ACLs say of one host at the names of one region. Floor 2, pure; rightset.c's
 * alone.
 */
#ifndef TSIGATE_POLICY_RIGHTSET_ASK_H
#define TSIGATE_POLICY_RIGHTSET_ASK_H

#include "policy/region.h"
#include "policy/rightset.h"

struct rightset_asked {
    const struct acl *acl;
    const struct acl_host *host; /* NULL: the ACL has none of that name */
};

struct rightset_asking {
    struct rightset_asked old;
    struct rightset_asked new;
    bool is_from_changed; /* what both permit is then under other conditions */
    struct arena *arena;  /* for the findings */
};

/* The changes found at one region. */
struct rightset_finding {
    struct rightset_change *all;
    size_t count;
};

/* Asks both at a name of the region's that no other owner has. RES_EMEM. */
enum result rightset_ask(const struct rightset_asking *asking,
                         const struct region *region,
                         struct rightset_finding *out) MUST_CHECK NONNULL;
/* Whether both say the same, wherever they say it. */
bool rightset_is_same_change(const struct rightset_change *a,
                             const struct rightset_change *b) MUST_CHECK NONNULL;
bool rightset_is_same_finding(const struct rightset_finding *a,
                              const struct rightset_finding *b) MUST_CHECK NONNULL;

#endif

/*
 * What two ACLs let their hosts do, compared by effect and not by text: the order of
 * lines, comments, profiles' names and rights that others cover make no difference.
 * Floor 2, pure.
 *
 * Both ACLs are asked at the same names: each owner that either of them names, for each
 * pattern a name of that form and no other, and for two patterns that meet a name where
 * they do. What they grant there is all that they grant anywhere.
 */
#ifndef TSIGATE_POLICY_RIGHTSET_H
#define TSIGATE_POLICY_RIGHTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "policy/acl.h"

enum rightset_sign {
    RIGHTSET_LOST,
    RIGHTSET_GAINED,
    RIGHTSET_CHANGED, /* there in both, under other conditions */
};

enum rightset_subject {
    RIGHTSET_ALIAS, /* an original's pinned target */
    RIGHTSET_KEY,   /* which host a key speaks for, and when */
    RIGHTSET_RIGHT,
};

/* Values that may be added, and how. The first of a list that permits decides. */
struct rightset_add {
    const struct acl_check *check;
    size_t part; /* of a check that lists values: which; else 0 */
    uint32_t ttl_min_s;
    uint32_t ttl_max_s;
    bool ttl_refuses;
    uint16_t max_records;
};

struct rightset_adds {
    struct rightset_add *all;
    size_t count;
};

/* What one of the two ACLs says; place.file NULL: nothing. */
struct rightset_side {
    struct place place;
    const struct acl_host *host;   /* of a right or key; for `from` */
    struct rightset_adds adds;     /* of a right with `add`, else none */
    struct acl_credential key;     /* of a key; else without a host */
    const struct acl_alias *alias; /* of an alias */
};

struct rightset_change {
    enum rightset_subject subject;
    enum rightset_sign sign;
    struct name host;  /* of a right or key */
    struct name owner; /* of a right (stars as in struct acl_right), key or original */
    uint64_t stars;
    bool is_subtree;
    uint16_t type; /* of a right; ANY for prereq-any */
    uint8_t ops;   /* of a right: bit 1 << enum update_op */
    struct rightset_side old;
    struct rightset_side new;
};

struct rightset_changes {
    struct rightset_change *all; /* sorted: host, subject, owner, type, sign */
    size_t count;
};

/*
 * Everything in the result is the arena's or lies in one of the two. No changes: every
 * question is judged the same by both. RES_EMEM.
 */
enum result rightset_compare(const struct acl *old, const struct acl *new,
                             struct arena *arena,
                             struct rightset_changes *out) MUST_CHECK NONNULL;

#endif

/*
 * How the rights of a host that has many are found, and what of patterns the look-up
 * (acl.c), the compiler (acl_compile.c, acl_deleters.c) and who compares or converts
 * ACLs want. Floor 2.
 */
#ifndef TSIGATE_POLICY_ACL_INDEX_H
#define TSIGATE_POLICY_ACL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "policy/acl.h"
#include "policy/region.h"

/* The rights of a host that can have no more than these are looked through; of one with
 * more they are indexed by host and a name: an owner, or of a pattern what stands right
 * of its last star. */
#define ACL_SCANNED_RIGHTS 8

/* The names that the right reaches, of those that patterns may match. */
static inline struct region acl_right_region(const struct acl_right *right)
{
    return (struct region){acl_right_owner(right), acl_right_stars(right),
                           right->is_subtree};
}
/* Whether both say the same, of their hosts. */
bool acl_is_same_right(const struct acl_right *a,
                       const struct acl_right *b) MUST_CHECK NONNULL;
/* By what the right is indexed: a name, and a hash. */
struct name acl_right_key(const struct acl_right *right) NONNULL;
uint32_t acl_key_hash(const struct acl_host *host, struct name name, bool is_pattern)
    NONNULL_AT(1);
/* The first right of that key. NULL: there is none. */
const struct acl_right *acl_first_of_key(const struct acl *acl,
                                         const struct acl_host *host, struct name name,
                                         bool is_pattern) NONNULL;
/* The next one of the same key. NULL: that was the last. */
static inline const struct acl_right *acl_next_of_key(const struct acl *acl,
                                                      const struct acl_right *right)
{
    return right->has_next ? &acl->rights[acl->next[right - acl->rights]] : NULL;
}

/* The pattern's tail from its rightmost star on. */
static inline struct name acl_pattern_tail(struct name owner, uint64_t stars)
{
    for (; stars > 1; stars >>= 1)
        owner = name_parent(owner);
    return owner;
}

/* Whether no pattern may match name, whatever it says: a `*` label or
 * _validation-persist, under which one write authorises an account for good. */
bool acl_is_closed_to_patterns(struct name name) MUST_CHECK;
/* Whether the name, or where it is written, is a zone's apex. */
bool acl_is_apex(const struct acl *acl, struct name original) MUST_CHECK NONNULL;
/* what no pattern matches in the zones at hand. */
bool acl_is_beyond_patterns(const struct acl *acl,
                            struct name original) MUST_CHECK NONNULL;
/* Stands in place of a star where some label has to: plain, and written by nobody. */
#define ACL_FRESH_LABEL '!'

/* W-8: whether a star may stand for the name's first label. */
bool acl_is_label_plain(struct name name) MUST_CHECK;
/* A name that the pattern reaches and no exact owner is: ACL_FRESH_LABEL in place of
 * each star. A view of room. */
struct name acl_pattern_sample(struct name owner, uint64_t stars,
                               struct name_buf *room) NONNULL;

/* Gives each host room for the rights that its grants can come to; *out_tails, to be
 * freed, is for who indexes them: NULL where no host has many. RES_EMEM. */
enum result acl_make_room(struct acl *acl, uint32_t **out_tails) MUST_CHECK NONNULL;
/* Moves the hosts' names out of the source's lines. RES_EMEM. */
enum result acl_keep_names(const struct acl *acl) MUST_CHECK NONNULL;

/* Warnings `shared-delete`. RES_EMEM. */
enum result acl_warn_of_shared_deletes(const struct acl *acl,
                                       struct diags *diags) MUST_CHECK NONNULL;

#endif

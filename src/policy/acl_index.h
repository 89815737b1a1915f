/*
 * How rights are keyed: the host's index, then a name; and what of patterns both the
 * look-up (acl.c), the compiler (acl_compile.c, acl_deleters.c) and who compares or
 * converts ACLs want. Floor 2.
 */
#ifndef TSIGATE_POLICY_ACL_INDEX_H
#define TSIGATE_POLICY_ACL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "policy/acl.h"

#define ACL_KEY_HOST_OCTETS sizeof(uint32_t)
#define ACL_KEY_OCTETS      (ACL_KEY_HOST_OCTETS + LIMIT_NAME_OCTETS)

/* Writes the key to octets, which hold ACL_KEY_OCTETS (or just what name needs), and
 * gives its length. The name stands in it from ACL_KEY_HOST_OCTETS on. */
static inline size_t acl_key_write(uint8_t *octets, const struct acl_host *host,
                                   struct name name)
{
    uint32_t index = (uint32_t)host->index;

    memcpy(octets, &index, ACL_KEY_HOST_OCTETS);
    memcpy(octets + ACL_KEY_HOST_OCTETS, name.octets, name.len);
    return ACL_KEY_HOST_OCTETS + name.len;
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

/* Warnings `shared-delete`. RES_EMEM. */
enum result acl_warn_of_shared_deletes(const struct acl *acl,
                                       struct diags *diags) MUST_CHECK NONNULL;

#endif

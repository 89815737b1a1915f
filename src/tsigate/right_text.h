/*
 * The parts of a right in the ACL's own words, for all that print rights. Where a part
 * has nothing to say it is `-`.
 */
#ifndef TSIGATE_TSIGATE_RIGHT_TEXT_H
#define TSIGATE_TSIGATE_RIGHT_TEXT_H

#include "base/buf.h"
#include "conf/aclfile.h"
#include "policy/region.h"

/* Pattern labels as stars, a '*' that is meant as such as \042. */
void right_text_owner(struct writer *w, const struct region *owner) NONNULL;
/* "add,delete" */
void right_text_ops(struct writer *w, uint8_t ops) NONNULL;
/* "192.0.2.26,2001:db8:26::/48" */
void right_text_from(struct writer *w, const struct acl_host *host) NONNULL;

#endif

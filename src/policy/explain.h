/*
 * Words for decisions: the text that goes with a reason in replies, log and `tsigate
 * explain`. Floor 2, pure. D6: it names what the requestor itself sent and its own
 * host, never other hosts, other rules or addresses of the primary.
 */
#ifndef TSIGATE_POLICY_EXPLAIN_H
#define TSIGATE_POLICY_EXPLAIN_H

#include "base/buf.h"
#include "policy/gate.h"

/* One sentence, at most LIMIT_REASON_OCTETS octets of 0x20-0x7e, about plan.reason and
 * the decisive change: "host mx1.duckcorp.org has no grant for
 * _acme-challenge.mx2.duckcorp.org TXT". */
void explain_reason(const struct plan *plan, struct writer *w) NONNULL;
/* What to do about it, for the admin; "" where there is nothing to say. May name
 * everything. */
void explain_remedy(const struct plan *plan, struct writer *w) NONNULL;
/* "acme.acl:12", of the right that decided; "" when none did. */
void explain_rule(const struct change *change, struct writer *w) NONNULL;

/*
 * The wire message of one change, so that `explain` and the tables come through the
 * same door as the network: an UPDATE of zone with this one record, without TSIG.
 * RES_EFORMAT: the op does not take such a record; RES_EMEM: does not fit.
 */
enum result explain_build_update(struct name zone, const struct update_item *item,
                                 struct writer *w) MUST_CHECK NONNULL;

#endif

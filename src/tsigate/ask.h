/*
 * One change put to the gate, as `explain` and the decision tables do it: from words to
 * a message, through gate_judge and plan_settle, to a plan. There is no second
 * evaluation. Floor 5; prints nothing.
 */
#ifndef TSIGATE_TSIGATE_ASK_H
#define TSIGATE_TSIGATE_ASK_H

#include "base/addr.h"
#include "base/arena.h"
#include "dns/update.h"
#include "policy/gate.h"
#include "policy/snapshot.h"

struct ask {
    struct name who; /* a host, else a key */
    struct update_item item;
    struct name zone;        /* octets NULL: the longest that contains the owner */
    const struct addr *from; /* NULL: `from` counts as met, source-address does not */
    int64_t now_s;
    enum lookup_answer cname; /* what look-ups find */
    struct name found;        /* LOOKUP_OTHER: where the CNAME leads */
};

/* Who was meant. */
struct ask_who {
    const struct acl_host *host;      /* NULL: nobody of the ACL */
    struct acl_credential credential; /* of a key; without a host: a host was named */
};

struct ask_who ask_who_is(const struct acl *acl, struct name who);

/* Up to the look-ups: out->action tells. A key that is not valid at now_s is P4's
 * key-expired. RES_EFORMAT: the operation takes no such type or value; RES_EMEM. */
enum result ask_judge(const struct snapshot *snapshot, const struct ask *ask,
                      struct arena *arena, struct plan *out) MUST_CHECK NONNULL;
/* Answers all look-ups as ask says, and settles. */
void ask_settle(const struct ask *ask, struct plan *plan) NONNULL;

#endif

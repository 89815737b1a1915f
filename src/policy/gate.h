/*
 * The one door between octets and policy (P0 to P14). Floor 2, pure: time, peer and
 * look-up answers are arguments; what is to be done comes out as a plan. The daemon,
 * `tsigate explain`, the decision tables and the fuzzers all come through here.
 */
#ifndef TSIGATE_POLICY_GATE_H
#define TSIGATE_POLICY_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/outcome.h"
#include "dns/tsig.h"
#include "dns/update.h"
#include "dns/wire.h"
#include "policy/acl.h"
#include "policy/keyring.h"
#include "policy/snapshot.h"
#include "policy/zones.h"

enum transport {
    TRANSPORT_UDP,
    TRANSPORT_TCP,
};

/* ---- P0 to P8: who is it? ---- */

enum gate_standing {
    GATE_DROP = 0,  /* no answer at all (P0) */
    GATE_REFUSED,   /* answer with the reason; signed only if `verified` says so */
    GATE_ANONYMOUS, /* an unsigned QUERY, to be judged */
    GATE_VERIFIED,  /* a signed request, to be judged */
};

/*
 * A request whose MAC verified under key: what is needed to sign its reply, by value
 * (T-13). Only gate_verify makes one with is_verified set, and only such a one can be
 * signed for (I5). A request that failed at P7 or P8 has one too: BADTIME and BADTRUNC
 * are signed.
 */
struct gate_verified {
    bool is_verified;
    const struct key *key;       /* the snapshot's */
    struct tsig_mac request_mac; /* as received: first in the reply's digest (T-12) */
    struct tsig_mac full_mac;    /* as computed: the request's identity (T-4, T-19) */
    uint64_t time_signed_s;
    uint16_t fudge_s;
};

/* What an unsigned TSIG of a reply names (5.3.2): as the client sent it. */
struct gate_claimed {
    bool has_tsig;
    struct name_buf key_name;
    struct name_buf algorithm;
    uint64_t time_signed_s;
    uint16_t fudge_s;
};

struct gate_inquiry {
    enum gate_standing standing;
    enum reason reason; /* GATE_REFUSED: why */
    struct wire_header header;
    bool is_walked; /* msg holds: false: only the header may be answered */
    struct gate_verified verified;
    struct gate_claimed claimed; /* BADKEY, BADSIG */
    struct wire_msg msg;         /* last; points into the caller's octets */
};

/* P0 to P8 on one message. Allocates nothing, logs nothing, asks nobody. */
void gate_verify(const struct snapshot *snapshot, const uint8_t *octets, size_t len,
                 int64_t now_s, struct gate_inquiry *out) NONNULL;

/* ---- P11 to P14: may it? ---- */

/* Who asks, and from where. The daemon fills it from a verified request; explain from
 * words. */
struct gate_subject {
    struct name key_name;        /* octets NULL: none (an anonymous query) */
    const struct acl_host *host; /* NULL: the key has no host */
    const struct addr *from; /* NULL: `from` counts as met, source-address does not */
    enum transport transport;
    int64_t now_s;
};

/* One record of the message with what became of it. */
struct change {
    struct update_item item; /* as asked; item.ttl is ttl_asked */
    struct rewrite rewrite;
    enum reason reason;            /* REASON_PERMITTED or why not */
    const struct acl_right *right; /* that decided; NULL: none */
    struct place rule;             /* where it is granted */
    uint32_t ttl;                  /* of an add, as it will be written */
    const char *expected;  /* value-not-allowed: what the check wants; else NULL */
    const uint16_t *types; /* delete-name: the types it is forwarded as */
    size_t type_count;
};

/* The answer to one CNAME look-up (C-6). */
enum lookup_answer {
    LOOKUP_PENDING = 0,
    LOOKUP_IS_TARGET, /* exactly one CNAME, to the binding's target */
    LOOKUP_NONE,      /* AA, NODATA or NXDOMAIN */
    LOOKUP_OTHER,     /* a CNAME to elsewhere, a DNAME, several */
    LOOKUP_FAILED,    /* not conclusive */
};

struct lookup {
    struct name original;
    struct name target;
    enum lookup_answer answer;
    struct name found; /* LOOKUP_OTHER: where it leads, for the log; else octets NULL */
    size_t change_index; /* the first change that needs it */
};

enum plan_action {
    PLAN_REPLY = 0, /* answer with plan.reason, now */
    PLAN_LOOKUP,    /* ask for plan.lookups, then plan_settle */
    PLAN_FORWARD,   /* write to plan.target_zone */
    PLAN_SOA,       /* answer a query from the SOA of plan.zone */
    PLAN_READ,      /* pass a query for plan.read to the primary */
    PLAN_TRUNCATE,  /* header, question, TC=1 */
};

struct plan {
    enum plan_action action;
    enum reason reason; /* of PLAN_REPLY: why; of PLAN_FORWARD: REASON_PERMITTED */
    const struct acl_host *host;

    const struct zone *zone; /* of the zone section, or that the query's name lies in */
    struct change *changes;  /* in message order, prerequisites first; the arena's */
    size_t change_count;
    size_t prereq_count;
    size_t decisive; /* index of the change that decided; change_count: none */
    const struct zone *target_zone; /* PLAN_FORWARD: where all targets lie */
    bool is_dangerous;              /* a dangerous type is in it: never merged (D4) */

    struct lookup *lookups;
    size_t lookup_count;

    struct name query_name; /* of a QUERY, as asked */
    uint16_t query_type;
    struct rewrite read; /* PLAN_READ */
};

/*
 * P11 to P14 for an UPDATE, section 5 for a QUERY. Everything in plan lies in the arena
 * or the snapshot: nothing refers to the message's octets (W-10). A-13: an UPDATE
 * without records is PLAN_REPLY with REASON_PERMITTED. With require_cname, targets that
 * are not native yield PLAN_LOOKUP.
 */
void gate_judge(const struct snapshot *snapshot, const struct gate_subject *subject,
                const struct wire_msg *msg, struct arena *arena,
                struct plan *out) NONNULL;

/* P14's end: when every look-up has its answer: PLAN_FORWARD or PLAN_REPLY (the first
 * change in message order decides; a failed look-up is lookup-failed before any
 * refusal, I10). */
void plan_settle(struct plan *plan) NONNULL;

#endif

/*
 * Replies to clients, built from what was kept of their requests (D2). Floor 3.
 * RFC 2136 3.8, RFC 8945 5.3, RFC 8914; rules T-9, T-11, T-12, T-14, T-15, U-9, W-9,
 * D6, D8, I5, I7.
 */
#ifndef TSIGATE_TXN_REPLY_H
#define TSIGATE_TXN_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/outcome.h"
#include "policy/gate.h"

/* What is kept of a request for its reply: by value, but for the zone section. */
struct reply_form {
    uint16_t id;
    uint8_t opcode;
    bool is_rd; /* echoed for QUERY only */
    bool has_opt;
    uint16_t edns_udp_len;
    const uint8_t *question; /* the zone/question section's octets; NULL: not echoed */
    uint16_t question_len;
    uint16_t question_count;
};

/* Copies the question section into the arena where it has exactly one entry (it holds
 * no pointer: nothing stands before it). arena NULL: refers to the message. */
void reply_form_init(struct reply_form *form, const struct gate_inquiry *inquiry,
                     struct arena *arena) NONNULL_AT(1, 2);

/* What a reply says. */
struct reply {
    enum reason reason;
    enum rcode rcode;     /* outcome_of(reason)->rcode, or the primary's */
    const char *text;     /* explain_reason's, or NULL: none (explain_refusals off) */
    uint16_t extra_flags; /* FLAG_AA, FLAG_TC */
    /* Records of a QUERY's reply, in order. */
    const struct reply_rr *rrs;
    size_t rr_count;
};

struct reply_rr {
    enum wire_section section;
    struct name owner;
    uint16_t type;
    uint32_t ttl;
    struct rdata rdata;
};

/*
 * A reply to who verified: signed, whatever it says. limit: octets of the longest reply
 * taken. If it does not fit: first the reason TXT goes, then (UPDATE) the zone section;
 * a QUERY's reply gets TC=1 without records (T-14). A reason TXT only in replies to
 * UPDATE that carry the zone section. EDE only where form.has_opt (U-15). RES_EMEM:
 * does not fit at all; RES_ECRYPTO; RES_EBUG: verified->is_verified is false.
 */
enum result reply_build_signed(const struct reply_form *form,
                               const struct gate_verified *verified,
                               const struct reply *reply, int64_t now_s, size_t limit,
                               struct writer *w) MUST_CHECK NONNULL;

/*
 * A reply to anybody: unsigned. No question (but for GATE_ANONYMOUS queries), no
 * reason, no EDE; an unsigned TSIG where the reason is BADKEY or BADSIG
 * (claimed->has_tsig); OPT where the request had one, but for FORMERR and NOTIMP, which
 * are a header alone. Over limit: RES_EMEM: say nothing (I7: limit is the request's
 * length over UDP).
 */
enum result reply_build_unsigned(const struct reply_form *form,
                                 const struct gate_claimed *claimed,
                                 const struct reply *reply, size_t limit,
                                 struct writer *w) MUST_CHECK NONNULL;

/* The longest reply that this requestor takes: over UDP min(max(EDNS size, 512), 1232),
 * 512 without OPT; over TCP 65535 (N-1). */
size_t reply_limit(const struct reply_form *form, enum transport transport) NONNULL;

#endif

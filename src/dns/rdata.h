/*
 * RDATA of the known types: checked and decoded once, in canonical form (names
 * uncompressed and lower-cased as RFC 4034 6.2 has it for NS, PTR, SRV ...; everything
 * else as it is). Floor 1b. What comes out is all that is ever sent to the primary
 * (I6).
 */
#ifndef TSIGATE_DNS_RDATA_H
#define TSIGATE_DNS_RDATA_H

#include "base/arena.h"
#include "base/result.h"
#include "dns/wire.h"

struct rdata {
    const uint8_t *octets; /* the arena's */
    uint16_t len;
};

/*
 * RES_EFORMAT: not well formed for a type of the table (type.h): empty TXT, a
 * character-string over the end, A not 4 octets, TLSA under 4 (3 and at least one), a
 * name over RDLENGTH, SVCB keys out of order, CAA without a tag, a type bitmap (CSYNC)
 * out of order ... Types that the table does not have are copied opaquely: their
 * refusal is the policy's. RES_EMEM.
 */
enum result rdata_decode(const struct wire_msg *msg, const struct wire_rr *rr,
                         struct arena *arena, struct rdata *out) MUST_CHECK NONNULL;
/* The same for RDATA in hand, uncompressed: what tests and fuzzers hold decoding to. */
enum result rdata_check(uint16_t type, const uint8_t *octets, size_t len) MUST_CHECK
    NONNULL_AT(2);

#endif

/*
 * Writing messages from structs. Floor 1b. Nothing is copied from a peer's message but
 * what the caller hands over as decoded structs (I6) or, for the client's own reply,
 * its zone section.
 */
#ifndef TSIGATE_DNS_BUILD_H
#define TSIGATE_DNS_BUILD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/wire.h"

/* Twelve octets with zero counts; the calls below count up as they write. */
void build_header(struct writer *w, uint16_t id, uint16_t flags) NONNULL;
/* An entry of the zone/question section. */
void build_question(struct writer *w, struct name name, uint16_t type,
                    uint16_t class) NONNULL;
/* A record of a section; the message is at the start of w. All or nothing; w->failed
 * tells. Sections have to be written in order. */
void build_rr(struct writer *w, enum wire_section section, struct name owner,
              uint16_t type, uint16_t class, uint32_t ttl, const struct rdata *rdata)
    NONNULL_AT(1);
/* OPT (RFC 6891 6.1): version 0, our size, the extended RCODE; an Extended DNS Error
 * option (RFC 8914 2) where ede >= 0, with text where not NULL. */
void build_opt(struct writer *w, uint16_t udp_len, enum rcode rcode, int ede,
               const char *text) NONNULL_AT(1);
void build_set_rcode(struct writer *w, enum rcode rcode) NONNULL;

#endif

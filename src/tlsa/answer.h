/*
 * Reading answers: one RRset, a CNAME, the zone that an SOA tells. Floor 5; pure.
 */
#ifndef TSIGATE_TLSA_ANSWER_H
#define TSIGATE_TLSA_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/rdata.h"
#include "dns/wire.h"

/* Whether the answer has this very record; *out_ttl its TTL. */
bool answer_has(const struct wire_msg *msg, struct name owner, uint16_t type,
                const struct rdata *rdata, uint32_t *out_ttl) NONNULL;
/* The first record of that name and type in a section. */
bool answer_find(const struct wire_msg *msg, enum wire_section section,
                 struct name owner, uint16_t type, struct wire_rr *out) NONNULL;
/* A name that is a record's whole RDATA (CNAME, NS). RES_EFORMAT. */
enum result answer_name(const struct wire_msg *msg, const struct wire_rr *rr,
                        struct name_buf *out) MUST_CHECK NONNULL;
/* The owner of the SOA in answer or authority, if name lies within it: the apex of its
 * zone. RES_ENOTFOUND. */
enum result answer_zone(const struct wire_msg *msg, struct name name,
                        struct name_buf *out) MUST_CHECK NONNULL;
/* For how long a cache keeps that there is nothing, by the SOA in the authority section
 * (RFC 2308 5: the lesser of its TTL and its MINIMUM). Whether there is one. */
bool answer_negative_ttl(const struct wire_msg *msg,
                         uint32_t *out_ttl_s) MUST_CHECK NONNULL;

#endif

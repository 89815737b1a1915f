/*
 * RDATA between octets and presentation form, by ldns. Floor 1b; the only file that
 * includes ldns. Only octets that rdata_decode accepted, or the operator's text, come
 * here (D1).
 */
#ifndef TSIGATE_DNS_TEXT_H
#define TSIGATE_DNS_TEXT_H

#include "base/arena.h"
#include "base/result.h"
#include "dns/rdata.h"

/* Zone-file form, in the arena. What it gives reads back as the same octets; NULL: no
 * memory, or there is no form but RFC 3597's (rdata_to_generic). */
const char *rdata_to_text(uint16_t type, const struct rdata *rdata,
                          struct arena *arena) MUST_CHECK NONNULL;
/* RFC 3597 5: "\# 4 0a000001". */
const char *rdata_to_generic(const struct rdata *rdata,
                             struct arena *arena) MUST_CHECK NONNULL;
/* From zone-file form; names in it are absolute or taken as such. RES_EFORMAT,
 * RES_EMEM. */
enum result rdata_from_text(uint16_t type, const char *text, struct arena *arena,
                            struct rdata *out) MUST_CHECK NONNULL;

#endif

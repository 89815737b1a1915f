/*
 * The sections of an UPDATE as typed items: RFC 2136 3.2 and 3.4.1, the prescan. Floor
 * 1b. Nothing here knows a zone list or a grant; names are those of the message.
 */
#ifndef TSIGATE_DNS_UPDATE_H
#define TSIGATE_DNS_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/outcome.h"
#include "base/result.h"
#include "dns/rdata.h"
#include "dns/wire.h"

/* What a record of either section asks for. */
enum update_op {
    UPDATE_UNDECIDED = 0,
    UPDATE_ADD,          /* class IN */
    UPDATE_DELETE,       /* class NONE: one value */
    UPDATE_DELETE_RRSET, /* class ANY, a type */
    UPDATE_DELETE_NAME,  /* class ANY, type ANY */
    UPDATE_PREREQ, /* a type: RRset exists (ANY), with this value (IN), not (NONE) */
    UPDATE_PREREQ_ANY, /* type ANY: name in use (ANY), not in use (NONE) */
    UPDATE_OPS,
};

/* "add", "delete", "delete-rrset", "delete-name", "prereq", "prereq-any". */
const char *update_op_name(enum update_op op);
enum result update_op_named(const char *name, enum update_op *out) MUST_CHECK NONNULL;
bool update_op_is_prereq(enum update_op op);

struct update_item {
    enum update_op op;
    uint16_t type;
    uint16_t class; /* as sent: IN, ANY or NONE */
    uint32_t ttl;
    struct name owner;  /* the arena's */
    struct rdata rdata; /* empty where the form has none */
};

struct update {
    struct name zone; /* the arena's */
    uint16_t zone_class;
    struct update_item *items; /* prerequisites, then updates, in message order (U-6) */
    size_t prereqs;            /* that many of them first */
    size_t count;
};

/* P11's first half, U-1: exactly one entry in the zone section, of type SOA. Reads
 * nothing else. RES_EFORMAT otherwise; RES_EMEM. */
enum result update_read_zone(const struct wire_msg *msg, struct arena *arena,
                             struct update *out) MUST_CHECK NONNULL;

/*
 * P12: the caps (W-5), then the prescan of the whole message in order (U-2 to U-4).
 * is_outside tells whether an owner lies outside the zone; the first offending
 * record decides between FORMERR and NOTZONE. Fills items. Gives REASON_PERMITTED,
 * REASON_TOO_MANY_RECORDS, REASON_MESSAGE_MALFORMED, REASON_NAME_OUTSIDE_ZONE
 * (out_index: the item), REASON_UNDECIDED without memory.
 */
enum reason update_read_items(const struct wire_msg *msg, struct arena *arena,
                              bool (*is_outside)(struct name owner, const void *arg),
                              const void *arg, struct update *out,
                              size_t *out_index) MUST_CHECK NONNULL_AT(1, 2, 3, 5, 6);

#endif

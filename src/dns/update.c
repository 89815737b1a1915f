#include "dns/update.h"

#include <string.h>

#include "base/limits.h"
#include "dns/type.h"

static const char *const op_names[UPDATE_OPS] = {
    [UPDATE_UNDECIDED] = "undecided",     [UPDATE_ADD] = "add",
    [UPDATE_DELETE] = "delete",           [UPDATE_DELETE_RRSET] = "delete-rrset",
    [UPDATE_DELETE_NAME] = "delete-name", [UPDATE_PREREQ] = "prereq",
    [UPDATE_PREREQ_ANY] = "prereq-any",
};

const char *update_op_name(enum update_op op)
{
    return (unsigned)op < UPDATE_OPS ? op_names[op] : op_names[UPDATE_UNDECIDED];
}

enum result update_op_named(const char *name, enum update_op *out)
{
    for (unsigned i = UPDATE_ADD; i < UPDATE_OPS; i++) {
        if (strcmp(op_names[i], name) == 0) {
            *out = (enum update_op)i;
            return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

bool update_op_is_prereq(enum update_op op)
{
    return op == UPDATE_PREREQ || op == UPDATE_PREREQ_ANY;
}

enum result update_read_zone(const struct wire_msg *msg, struct arena *arena,
                             struct update *out)
{
    struct name_buf name;
    struct wire_rr entry;

    if (!wire_question(msg, &entry, &name) || entry.type != TYPE_SOA)
        return RES_EFORMAT;
    out->zone = name_copy(arena, name_of(&name));
    out->zone_class = entry.class;
    return out->zone.octets == NULL ? RES_EMEM : RES_OK;
}

/* ANY goes with class ANY and, in a prerequisite, with class NONE (W-7). */
static bool is_meta_but_any(uint16_t type)
{
    return type != TYPE_ANY && type_standing_of(type) == TYPE_IS_META;
}

/* RFC 2136 3.2.4 (U-2) but for the owner and the TTL, which is 0 for all of them. */
static enum update_op prereq_op(const struct wire_rr *rr)
{
    if (is_meta_but_any(rr->type))
        return UPDATE_UNDECIDED;
    switch (rr->class) {
    case CLASS_ANY:
    case CLASS_NONE:
        if (rr->rdata_len != 0)
            return UPDATE_UNDECIDED;
        return rr->type == TYPE_ANY ? UPDATE_PREREQ_ANY : UPDATE_PREREQ;
    case CLASS_IN:
        return rr->type == TYPE_ANY ? UPDATE_UNDECIDED : UPDATE_PREREQ;
    }
    return UPDATE_UNDECIDED;
}

/* RFC 2136 3.4.1.2 (U-3) but for the owner. */
static enum update_op change_op(const struct wire_rr *rr)
{
    if (is_meta_but_any(rr->type))
        return UPDATE_UNDECIDED;
    switch (rr->class) {
    case CLASS_IN:
        /* BIND would take the 32nd bit. */
        if (rr->type == TYPE_ANY || rr->ttl > LIMIT_TTL_S)
            return UPDATE_UNDECIDED;
        return UPDATE_ADD;
    case CLASS_ANY:
        if (rr->ttl != 0 || rr->rdata_len != 0)
            return UPDATE_UNDECIDED;
        return rr->type == TYPE_ANY ? UPDATE_DELETE_NAME : UPDATE_DELETE_RRSET;
    case CLASS_NONE:
        if (rr->ttl != 0 || rr->type == TYPE_ANY)
            return UPDATE_UNDECIDED;
        return UPDATE_DELETE;
    }
    return UPDATE_UNDECIDED;
}

/* Whether the form has a value: then its RDATA must be well formed (W-6, A-15). */
static bool has_value(const struct update_item *item)
{
    switch (item->op) {
    case UPDATE_ADD:
    case UPDATE_DELETE:
        return true;
    case UPDATE_PREREQ:
        return item->class == CLASS_IN;
    case UPDATE_UNDECIDED:
    case UPDATE_DELETE_RRSET:
    case UPDATE_DELETE_NAME:
    case UPDATE_PREREQ_ANY:
    case UPDATE_OPS:
        break;
    }
    return false;
}

struct prescan {
    const struct wire_msg *msg;
    struct arena *arena;
    bool (*is_outside)(struct name owner, const void *arg);
    const void *arg;
};

static enum reason decode_value(const struct prescan *scan, const struct wire_rr *rr,
                                struct update_item *item)
{
    if (!has_value(item))
        return REASON_PERMITTED;
    enum result res = rdata_decode(scan->msg, rr, scan->arena, &item->rdata);
    if (res == RES_EFORMAT)
        return REASON_MESSAGE_MALFORMED;
    return res == RES_OK ? REASON_PERMITTED : REASON_UNDECIDED;
}

/* The order within one record is that of RFC 2136's pseudocode (3.2.5, 3.4.1.3): a
 * prerequisite's TTL, the owner, the rest. */
static enum reason scan_record(const struct prescan *scan, enum wire_section section,
                               const struct wire_rr *rr, struct update_item *item)
{
    struct name_buf owner;

    item->type = rr->type;
    item->class = rr->class;
    item->ttl = rr->ttl;
    wire_owner(scan->msg, rr, &owner);
    item->owner = name_copy(scan->arena, name_of(&owner));
    if (item->owner.octets == NULL)
        return REASON_UNDECIDED;
    if (section == SECTION_PREREQUISITE && rr->ttl != 0)
        return REASON_MESSAGE_MALFORMED;
    if (scan->is_outside(item->owner, scan->arg))
        return REASON_NAME_OUTSIDE_ZONE;
    item->op = section == SECTION_PREREQUISITE ? prereq_op(rr) : change_op(rr);
    if (item->op == UPDATE_UNDECIDED)
        return REASON_MESSAGE_MALFORMED;
    return decode_value(scan, rr, item);
}

static enum reason scan_section(const struct prescan *scan, enum wire_section section,
                                struct update *out, size_t *out_index)
{
    size_t at = scan->msg->section_at[section];

    for (unsigned i = 0; i < scan->msg->header.counts[section]; i++) {
        struct wire_rr rr;
        wire_next(scan->msg, section, &at, &rr);
        *out_index = out->count;
        enum reason reason = scan_record(scan, section, &rr, &out->items[out->count++]);
        if (reason != REASON_PERMITTED)
            return reason;
    }
    return REASON_PERMITTED;
}

enum reason update_read_items(const struct wire_msg *msg, struct arena *arena,
                              bool (*is_outside)(struct name owner, const void *arg),
                              const void *arg, struct update *out, size_t *out_index)
{
    const struct prescan scan = {msg, arena, is_outside, arg};
    size_t prereqs = msg->header.counts[SECTION_PREREQUISITE];
    size_t updates = msg->header.counts[SECTION_UPDATE];

    *out_index = 0;
    out->prereqs = 0;
    out->count = 0;
    if (prereqs > LIMIT_PREREQUISITES || updates > LIMIT_UPDATES)
        return REASON_TOO_MANY_RECORDS;
    out->items = arena_array(arena, prereqs + updates, sizeof(*out->items));
    if (out->items == NULL)
        return REASON_UNDECIDED;
    out->prereqs = prereqs;
    enum reason reason = scan_section(&scan, SECTION_PREREQUISITE, out, out_index);
    if (reason == REASON_PERMITTED)
        reason = scan_section(&scan, SECTION_UPDATE, out, out_index);
    return reason;
}

#include "policy/lookup.h"

#include "dns/type.h"

/* C-6, C-7: what the answer section says of the original. Anything but exactly one
 * CNAME of it, without a DNAME beside, leads elsewhere. */
static enum lookup_answer read_answers(const struct wire_msg *msg,
                                       struct lookup *lookup, struct arena *arena)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    unsigned cnames = 0;
    struct name_buf owner, target;
    for (unsigned i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        if (rr.type == TYPE_DNAME)
            return LOOKUP_OTHER;
        wire_owner(msg, &rr, &owner);
        if (rr.type != TYPE_CNAME || !name_equal(name_of(&owner), lookup->original))
            continue;
        size_t name_at = rr.rdata_at;
        if (rr.class != CLASS_IN ||
            wire_name(msg, &name_at, rr.end, true, &target) != RES_OK ||
            name_at != rr.end)
            return LOOKUP_FAILED;
        cnames++;
    }
    if (cnames == 0)
        return msg->header.counts[SECTION_PREREQUISITE] == 0 ? LOOKUP_NONE
                                                             : LOOKUP_FAILED;
    if (cnames == 1 && name_equal(name_of(&target), lookup->target))
        return LOOKUP_IS_TARGET;
    lookup->found = name_copy(arena, name_of(&target));
    return LOOKUP_OTHER;
}

enum lookup_answer lookup_read(const struct wire_msg *msg, struct lookup *lookup,
                               struct arena *arena)
{
    if (msg == NULL || (msg->header.flags & FLAG_AA) == 0)
        return LOOKUP_FAILED;
    if (msg->header.rcode == RCODE_NXDOMAIN)
        return msg->header.counts[SECTION_PREREQUISITE] == 0 ? LOOKUP_NONE
                                                             : LOOKUP_FAILED;
    if (msg->header.rcode != RCODE_NOERROR)
        return LOOKUP_FAILED;
    return read_answers(msg, lookup, arena);
}

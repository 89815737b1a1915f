#include "tlsa/answer.h"

#include <string.h>

#include "base/buf.h"
#include "dns/type.h"

/* Whether rr is of that name and type. */
static bool is_of(const struct wire_msg *msg, const struct wire_rr *rr,
                  struct name owner, uint16_t type)
{
    struct name_buf name;
    if (rr->type != type || rr->class != CLASS_IN)
        return false;
    wire_owner(msg, rr, &name);
    return name_equal(name_of(&name), owner);
}

bool answer_has(const struct wire_msg *msg, struct name owner, uint16_t type,
                const struct rdata *rdata, uint32_t *out_ttl)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    for (size_t i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        if (is_of(msg, &rr, owner, type) && rr.rdata_len == rdata->len &&
            memcmp(msg->octets + rr.rdata_at, rdata->octets, rdata->len) == 0) {
            *out_ttl = rr.ttl;
            return true;
        }
    }
    return false;
}

bool answer_find(const struct wire_msg *msg, enum wire_section section,
                 struct name owner, uint16_t type, struct wire_rr *out)
{
    size_t at = msg->section_at[section];
    for (size_t i = 0; i < msg->header.counts[section]; i++) {
        wire_next(msg, section, &at, out);
        if (is_of(msg, out, owner, type))
            return true;
    }
    return false;
}

enum result answer_name(const struct wire_msg *msg, const struct wire_rr *rr,
                        struct name_buf *out)
{
    size_t at = rr->rdata_at;
    size_t end = rr->rdata_at + rr->rdata_len;
    enum result result = wire_name(msg, &at, end, true, out);
    return result == RES_OK && at != end ? RES_EFORMAT : result;
}

enum result answer_zone(const struct wire_msg *msg, struct name name,
                        struct name_buf *out)
{
    static const enum wire_section sections[] = {SECTION_PREREQUISITE, SECTION_UPDATE};
    for (size_t s = 0; s < 2; s++) {
        size_t at = msg->section_at[sections[s]];
        for (size_t i = 0; i < msg->header.counts[sections[s]]; i++) {
            struct wire_rr rr;
            wire_next(msg, sections[s], &at, &rr);
            wire_owner(msg, &rr, out);
            if (rr.type == TYPE_SOA && rr.class == CLASS_IN &&
                name_is_within(name, name_of(out)))
                return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

bool answer_negative_ttl(const struct wire_msg *msg, uint32_t *out_ttl_s)
{
    size_t at = msg->section_at[SECTION_UPDATE];
    for (size_t i = 0; i < msg->header.counts[SECTION_UPDATE]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_UPDATE, &at, &rr);
        if (rr.type != TYPE_SOA || rr.class != CLASS_IN || rr.rdata_len < 4)
            continue;
        /* MINIMUM is the last of the numbers behind the two names. */
        struct reader r = reader_of(msg->octets + rr.rdata_at + rr.rdata_len - 4, 4);
        uint32_t minimum_s = reader_u32(&r);
        *out_ttl_s = rr.ttl < minimum_s ? rr.ttl : minimum_s;
        return true;
    }
    return false;
}

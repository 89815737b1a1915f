#include "dns/wire.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "dns/type.h"

enum {
    POINTER_BITS = 0xc0, /* RFC 1035 4.1.4; 0x40 and 0x80 are not label types (W-3) */
};

/* A name that was decoded: where its octets in place (up to the pointer or the root)
 * begin and end, and how long it is in all. */
struct name_span {
    size_t start;
    size_t end;
    size_t len;
};

/* Of what a pointer's fourteen bits can reach. */
static bool is_label_start(const struct wire_msg *msg, size_t at)
{
    return (msg->label_starts[at / 8] & 1u << at % 8) != 0;
}

/* Marks a name that was decoded whole, so that no name can point into itself. The root
 * is a label too; a pointer is none. Names start behind the header, so no pointer ever
 * leads there (W-3). */
static void mark_labels(struct wire_msg *msg, struct name_span span)
{
    size_t at = span.start;

    while (at < span.end && at <= LIMIT_POINTER_TARGET &&
           msg->octets[at] <= LIMIT_LABEL_OCTETS) {
        msg->label_starts[at / 8] |= (uint8_t)(1u << at % 8);
        at += 1u + msg->octets[at];
    }
}

/* The length octet and its label, folded. */
static void fold_label(const uint8_t *label, uint8_t *out)
{
    out[0] = label[0];
    for (size_t i = 1; i <= label[0]; i++) {
        bool is_upper = label[i] >= 'A' && label[i] <= 'Z';
        out[i] = is_upper ? (uint8_t)(label[i] + ('a' - 'A')) : label[i];
    }
}

/*
 * The name at span->start, whose octets in place end before limit; out NULL: it only
 * has to be one. Each pointer has to lead before everything read so far, so the limit
 * holds behind it as well, and the loop ends without the hop cap too; the cap bounds
 * the work.
 */
static enum result decode_name(const struct wire_msg *msg, size_t limit,
                               bool may_be_compressed, struct name_span *span,
                               struct name_buf *out)
{
    size_t at = span->start;
    size_t lowest = span->start;
    unsigned hops = 0;

    span->len = 0;
    for (;;) {
        if (at >= limit)
            return RES_EFORMAT;
        uint8_t octet = msg->octets[at];
        if ((octet & POINTER_BITS) == POINTER_BITS) {
            if (!may_be_compressed || limit - at < 2)
                return RES_EFORMAT;
            size_t target = (size_t)(octet & 0x3f) << 8 | msg->octets[at + 1];
            if (target >= lowest || !is_label_start(msg, target) ||
                hops == LIMIT_POINTER_HOPS)
                return RES_EFORMAT;
            if (hops++ == 0)
                span->end = at + 2;
            at = lowest = target;
            continue;
        }
        size_t taken = 1u + octet;
        if (octet > LIMIT_LABEL_OCTETS || taken > limit - at ||
            taken > LIMIT_NAME_OCTETS - span->len)
            return RES_EFORMAT;
        if (out != NULL)
            fold_label(msg->octets + at, out->octets + span->len);
        span->len += taken;
        at += taken;
        if (octet == 0)
            break;
    }
    if (hops == 0)
        span->end = at;
    if (out != NULL)
        out->len = (uint8_t)span->len;
    return RES_OK;
}

enum result wire_name(const struct wire_msg *msg, size_t *at, size_t limit,
                      bool may_be_compressed, struct name_buf *out)
{
    struct name_span span = {.start = *at};

    if (limit > msg->len)
        limit = msg->len;
    enum result res = decode_name(msg, limit, may_be_compressed, &span, out);
    if (res == RES_OK)
        *at = span.end;
    return res;
}

/* What stands behind the owner name at. */
static enum result read_fields(const struct wire_msg *msg, enum wire_section section,
                               size_t at, struct wire_rr *rr)
{
    struct reader r = reader_of(msg->octets, msg->len);

    reader_skip(&r, at);
    rr->type = reader_u16(&r);
    rr->class = reader_u16(&r);
    rr->ttl = 0;
    rr->rdata_len = 0;
    if (section != SECTION_ZONE) {
        rr->ttl = reader_u32(&r);
        rr->rdata_len = reader_u16(&r);
    }
    rr->rdata_at = r.at;
    reader_skip(&r, rr->rdata_len);
    rr->end = r.at;
    return r.failed ? RES_EFORMAT : RES_OK;
}

/*
 * Names in RDATA that count as decoded: those of every type of the table. RFC 3597 4
 * lets senders compress against the types of RFC 1035 alone, but dnspython does so
 * against SRV, and BIND 9.18 against HTTPS, SVCB and DNAME too.
 */
struct rdata_names {
    uint16_t type;
    uint8_t skip; /* octets before the first name */
    uint8_t count;
};

static const struct rdata_names rdata_names[] = {
    {TYPE_NS, 0, 1},   {TYPE_CNAME, 0, 1}, {TYPE_SOA, 0, 2},   {TYPE_PTR, 0, 1},
    {TYPE_MX, 2, 1},   {TYPE_SRV, 6, 1},   {TYPE_DNAME, 0, 1}, {TYPE_RRSIG, 18, 1},
    {TYPE_NSEC, 0, 1}, {TYPE_SVCB, 2, 1},  {TYPE_HTTPS, 2, 1},
};

static void mark_rdata_names(struct wire_msg *msg, const struct wire_rr *rr)
{
    const struct rdata_names *names = rdata_names;
    const struct rdata_names *end = names + sizeof(rdata_names) / sizeof(*names);

    while (names < end && names->type != rr->type)
        names++;
    if (names == end)
        return;
    struct name_span span = {.end = rr->rdata_at + names->skip};
    for (unsigned i = 0; i < names->count; i++) {
        span.start = span.end;
        if (decode_name(msg, rr->end, true, &span, NULL) != RES_OK)
            return;
        mark_labels(msg, span);
    }
}

/* RFC 6891 6.1.2: pairs of code and length, and nothing behind them. */
static enum result check_options(const struct wire_msg *msg, const struct wire_rr *rr)
{
    struct reader r = reader_of(msg->octets + rr->rdata_at, rr->rdata_len);

    while (reader_left(&r) > 0) {
        reader_skip(&r, 2);
        reader_skip(&r, reader_u16(&r));
    }
    return r.failed ? RES_EFORMAT : RES_OK;
}

/* W-9. */
static enum result take_opt(struct wire_msg *msg, enum wire_section section,
                            const struct wire_rr *rr, size_t owner_len)
{
    if (section != SECTION_ADDITIONAL || msg->has_opt || owner_len != 1)
        return RES_EFORMAT;
    msg->has_opt = true;
    msg->opt = *rr;
    msg->edns_udp_len = rr->class;
    msg->edns_version = (uint8_t)(rr->ttl >> 16);
    return check_options(msg, rr);
}

/* T-1, T-2. The wire's class and TTL are judged: the digest takes constants (T-3). */
static enum result take_tsig(struct wire_msg *msg, enum wire_section section,
                             const struct wire_rr *rr, bool is_last)
{
    if (section != SECTION_ADDITIONAL || !is_last || rr->class != CLASS_ANY ||
        rr->ttl != 0)
        return RES_EFORMAT;
    msg->has_tsig = true;
    msg->tsig = *rr;
    return RES_OK;
}

static enum result walk_entry(struct wire_msg *msg, enum wire_section section,
                              bool is_last, size_t *at)
{
    struct wire_rr rr = {.at = *at};
    struct name_span span = {.start = *at};

    if (decode_name(msg, msg->len, true, &span, NULL) != RES_OK)
        return RES_EFORMAT;
    mark_labels(msg, span);
    if (read_fields(msg, section, span.end, &rr) != RES_OK)
        return RES_EFORMAT;
    *at = rr.end;
    if (section == SECTION_ZONE)
        return RES_OK;
    mark_rdata_names(msg, &rr);
    if (rr.type == TYPE_OPT)
        return take_opt(msg, section, &rr, span.len);
    if (rr.type == TYPE_TSIG)
        return take_tsig(msg, section, &rr, is_last);
    return RES_OK;
}

enum result wire_read_header(const uint8_t *octets, size_t len, struct wire_header *out)
{
    struct reader r = reader_of(octets, len);

    out->id = reader_u16(&r);
    out->flags = reader_u16(&r);
    out->opcode = out->flags >> WIRE_OPCODE_SHIFT & 15;
    out->rcode = out->flags & 15;
    for (int i = 0; i < 4; i++)
        out->counts[i] = reader_u16(&r);
    return r.failed ? RES_EFORMAT : RES_OK;
}

/* Zeroing two kilobytes for each datagram would cost more than walking it. */
static void clear_message(struct wire_msg *msg, size_t len)
{
    size_t starts_len = len / 8 + 1;

    if (starts_len > sizeof(msg->label_starts))
        starts_len = sizeof(msg->label_starts);
    memset(msg, 0, offsetof(struct wire_msg, label_starts));
    memset(msg->label_starts, 0, starts_len);
}

enum result wire_walk(const uint8_t *octets, size_t len, bool is_request,
                      struct wire_msg *out)
{
    size_t at = LIMIT_HEADER_OCTETS;

    clear_message(out, len);
    out->octets = octets;
    out->len = len;
    if (len > LIMIT_MESSAGE_OCTETS ||
        wire_read_header(octets, len, &out->header) != RES_OK)
        return RES_EFORMAT;
    if (is_request && out->header.counts[SECTION_ADDITIONAL] > LIMIT_ADDITIONALS)
        return RES_EFORMAT;
    for (unsigned section = SECTION_ZONE; section <= SECTION_ADDITIONAL; section++) {
        unsigned count = out->header.counts[section];
        out->section_at[section] = at;
        for (unsigned i = 0; i < count; i++) {
            if (walk_entry(out, (enum wire_section)section, i + 1 == count, &at) !=
                RES_OK)
                return RES_EFORMAT;
        }
    }
    /* W-2: octets behind the last record would be one if a count were raised. */
    return at == len ? RES_OK : RES_EFORMAT;
}

void wire_next(const struct wire_msg *msg, enum wire_section section, size_t *at,
               struct wire_rr *out)
{
    size_t behind = *at;

    out->at = *at;
    while (msg->octets[behind] != 0 && msg->octets[behind] <= LIMIT_LABEL_OCTETS)
        behind += 1u + msg->octets[behind];
    behind += msg->octets[behind] == 0 ? 1 : 2;
    enum result res = read_fields(msg, section, behind, out);
    assert(res == RES_OK); /* the walker was here */
    *at = out->end;
}

void wire_owner(const struct wire_msg *msg, const struct wire_rr *rr,
                struct name_buf *out)
{
    struct name_span span = {.start = rr->at};
    enum result res = decode_name(msg, msg->len, true, &span, out);

    assert(res == RES_OK); /* likewise */
}

bool wire_question(const struct wire_msg *msg, struct wire_rr *out,
                   struct name_buf *out_name)
{
    size_t at = msg->section_at[SECTION_ZONE];

    if (msg->header.counts[SECTION_ZONE] != 1)
        return false;
    wire_next(msg, SECTION_ZONE, &at, out);
    wire_owner(msg, out, out_name);
    return true;
}

bool wire_asks(const struct wire_msg *msg, struct name name, uint16_t type)
{
    struct wire_rr rr;
    struct name_buf asked;

    return wire_question(msg, &rr, &asked) && rr.type == type && rr.class == CLASS_IN &&
           name_equal(name_of(&asked), name);
}

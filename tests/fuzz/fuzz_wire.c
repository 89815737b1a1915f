/* The walker: what it accepts is read in one way only, in any form (D1, W-1 to W-9). */
#include <string.h>

#include "base/buf.h"
#include "dns/build.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/wire.h"
#include "fuzz.h"

const char fuzz_corpus[] = "message";

static void check_name(struct name name)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf back;

    FUZZ_CLAIM(name.len >= 1 && name.octets[name.len - 1] == 0);
    FUZZ_CLAIM(name_labels(name) <= LIMIT_NAME_LABELS);
    name_to_text(name, text);
    FUZZ_CLAIM(name_from_text(text, strlen(text), &back) == RES_OK);
    FUZZ_CLAIM(name_equal(name, name_of(&back)));
}

static void put_entry(struct writer *w, const struct wire_msg *msg,
                      enum wire_section section, const struct wire_rr *rr,
                      const struct name_buf *owner)
{
    const struct rdata rdata = {msg->octets + rr->rdata_at, rr->rdata_len};

    if (section == SECTION_ZONE)
        build_question(w, name_of(owner), rr->type, rr->class);
    else
        build_rr(w, section, name_of(owner), rr->type, rr->class, rr->ttl, &rdata);
}

/* Reads all records, and writes them again with their owners in full. */
static void rewrite(const struct wire_msg *msg, struct writer *w)
{
    size_t at = LIMIT_HEADER_OCTETS;

    build_header(w, msg->header.id, msg->header.flags);
    for (unsigned s = SECTION_ZONE; s <= SECTION_ADDITIONAL; s++) {
        FUZZ_CLAIM(at == msg->section_at[s]);
        for (unsigned i = 0; i < msg->header.counts[s]; i++) {
            struct wire_rr rr;
            struct name_buf owner;
            wire_next(msg, (enum wire_section)s, &at, &rr);
            FUZZ_CLAIM(rr.at < rr.rdata_at && rr.rdata_at + rr.rdata_len == rr.end);
            FUZZ_CLAIM(rr.end == at && at <= msg->len);
            wire_owner(msg, &rr, &owner);
            check_name(name_of(&owner));
            put_entry(w, msg, (enum wire_section)s, &rr, &owner);
        }
    }
    FUZZ_CLAIM(at == msg->len);
}

static void compare(const struct wire_msg *a, const struct wire_msg *b)
{
    size_t at_a = LIMIT_HEADER_OCTETS;
    size_t at_b = LIMIT_HEADER_OCTETS;

    FUZZ_CLAIM(memcmp(&a->header, &b->header, sizeof(a->header)) == 0);
    FUZZ_CLAIM(a->has_tsig == b->has_tsig && a->has_opt == b->has_opt);
    FUZZ_CLAIM(a->edns_udp_len == b->edns_udp_len &&
               a->edns_version == b->edns_version);
    for (unsigned s = SECTION_ZONE; s <= SECTION_ADDITIONAL; s++) {
        for (unsigned i = 0; i < a->header.counts[s]; i++) {
            struct wire_rr x, y;
            struct name_buf owner_x, owner_y;
            wire_next(a, (enum wire_section)s, &at_a, &x);
            wire_next(b, (enum wire_section)s, &at_b, &y);
            wire_owner(a, &x, &owner_x);
            wire_owner(b, &y, &owner_y);
            FUZZ_CLAIM(name_equal(name_of(&owner_x), name_of(&owner_y)));
            FUZZ_CLAIM(x.type == y.type && x.class == y.class && x.ttl == y.ttl);
            FUZZ_CLAIM(x.rdata_len == y.rdata_len);
            FUZZ_CLAIM(memcmp(a->octets + x.rdata_at, b->octets + y.rdata_at,
                              x.rdata_len) == 0);
        }
    }
}

/* W-2: neither one octet less nor one more is a message. */
static void check_neighbours(const uint8_t *octets, size_t len)
{
    static uint8_t longer[LIMIT_MESSAGE_OCTETS + 1];
    struct wire_msg msg;

    FUZZ_CLAIM(wire_walk(octets, len - 1, false, &msg) == RES_EFORMAT);
    memcpy(longer, octets, len);
    longer[len] = 0;
    FUZZ_CLAIM(wire_walk(longer, len + 1, false, &msg) == RES_EFORMAT);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    static uint8_t rewritten[LIMIT_MESSAGE_OCTETS];
    struct wire_msg request, reply, again;
    enum result as_request = wire_walk(octets, len, true, &request);

    if (wire_walk(octets, len, false, &reply) != RES_OK) {
        FUZZ_CLAIM(as_request == RES_EFORMAT);
        return 0;
    }
    FUZZ_CLAIM((as_request == RES_OK) ==
               (reply.header.counts[SECTION_ADDITIONAL] <= LIMIT_ADDITIONALS));
    check_neighbours(octets, len);
    struct writer w = writer_of(rewritten, sizeof(rewritten));
    rewrite(&reply, &w);
    if (w.failed) /* in full it has more than 65,535 octets */
        return 0;
    FUZZ_CLAIM(wire_walk(w.octets, w.len, false, &again) == RES_OK);
    compare(&reply, &again);
    return 0;
}

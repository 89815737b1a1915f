/*
 * The strict walker: the only code that reads octets of a peer before they are
 * authenticated (D1). Floor 1b. Total, without recursion or allocation; the same walk
 * serves clients' requests and the primary's replies. RFC 1035 4.1, RFC 6891, RFC 8945;
 * W-1 to W-9.
 */
#ifndef TSIGATE_DNS_WIRE_H
#define TSIGATE_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/result.h"
#include "dns/name.h"

enum opcode {
    OPCODE_QUERY = 0,
    OPCODE_UPDATE = 5,
};

enum {
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_AD = 0x0020, /* RFC 6840 5.7: asks for AD, and says it */
};

/* Where the opcode stands among the flags. */
#define WIRE_OPCODE_SHIFT 11

enum wire_section {
    SECTION_ZONE = 0,         /* QUERY: question */
    SECTION_PREREQUISITE = 1, /* QUERY: answer */
    SECTION_UPDATE = 2,       /* QUERY: authority */
    SECTION_ADDITIONAL = 3,
};

struct wire_header {
    uint16_t id;
    uint16_t flags; /* all 16 bits */
    uint8_t opcode;
    uint8_t rcode; /* four bits */
    uint16_t counts[4];
};

/* A record, or an entry of the zone/question section (then ttl, rdata are 0). All
 * offsets are from the message's first octet. */
struct wire_rr {
    size_t at; /* of the owner name */
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t rdata_at;
    uint16_t rdata_len;
    size_t end;
};

/* One bit for each offset that a pointer can name. */
#define WIRE_LABEL_START_OCTETS ((LIMIT_POINTER_TARGET + 1) / 8)

/* A message that the walker accepted. It points into the caller's octets. */
struct wire_msg {
    const uint8_t *octets;
    size_t len;
    struct wire_header header;
    size_t section_at[4];
    bool has_tsig;
    struct wire_rr tsig; /* the last record of all (T-1) */
    bool has_opt;
    struct wire_rr opt;
    uint16_t edns_udp_len; /* of the OPT, 0 without */
    uint8_t edns_version;
    /* Where the labels of all decoded names start: what a pointer may name (W-3). Kept,
     * so that whoever reads a name later obeys the walker's rules and no others (D1).
     * The last member: the walker zeroes as much of it as the message is long. */
    uint8_t label_starts[WIRE_LABEL_START_OCTETS];
};

/* P0: at least 12 octets. RES_EFORMAT: fewer. Nothing else is judged. */
enum result wire_read_header(const uint8_t *octets, size_t len,
                             struct wire_header *out) MUST_CHECK NONNULL;

/*
 * P2 and T-1: walks the whole message. RES_EFORMAT where a name, a count or a length is
 * not right, an octet is left over (W-2), there are more than LIMIT_ADDITIONALS
 * additional records while is_request, more than one OPT (or one with another owner
 * than the root, or outside the additional section), a TSIG that is not the last record
 * of the additional section, a second TSIG, or a TSIG with a class other than ANY or a
 * TTL other than 0 (T-2), or options in the OPT that do not add up. Pointers: backward
 * only, to the start of a label of a name decoded before (W-3); names inside RDATA of
 * the table's types (type.h), where well formed, count as decoded, since real senders
 * compress against them, and are an error only to who reads that RDATA. An EDNS version
 * other than 0 is not an error here. Of the additional section no more is kept than OPT
 * and TSIG (U-14), and of the OPT no option (N-3).
 */
enum result wire_walk(const uint8_t *octets, size_t len, bool is_request,
                      struct wire_msg *out) MUST_CHECK NONNULL;

/* Reads the records of a walked message in order. *at starts at
 * msg->section_at[section] and moves on; call it header.counts[section] times. */
void wire_next(const struct wire_msg *msg, enum wire_section section, size_t *at,
               struct wire_rr *out) NONNULL;

/* The lower-cased, uncompressed owner of a record of a walked message. */
void wire_owner(const struct wire_msg *msg, const struct wire_rr *rr,
                struct name_buf *out) NONNULL;

/* The one entry of a walked message's question or zone section (RFC 1035 4.1.2, RFC
 * 2136 2.3), and its name. False: there are none, or several. */
bool wire_question(const struct wire_msg *msg, struct wire_rr *out,
                   struct name_buf *out_name) MUST_CHECK NONNULL;
/* Whether that is what it asks, in class IN. */
bool wire_asks(const struct wire_msg *msg, struct name name, uint16_t type) MUST_CHECK
    NONNULL_AT(1);

/* A name that starts at *at and must end before limit (W-1: RDLENGTH's end); its
 * pointers obey the same rules. *at moves behind it. RES_EFORMAT. */
enum result wire_name(const struct wire_msg *msg, size_t *at, size_t limit,
                      bool may_be_compressed, struct name_buf *out) MUST_CHECK NONNULL;

#endif

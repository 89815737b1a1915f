/*
 * TLSA records (RFC 6698 2, RFC 7671) of certificates, keys and requests: which form,
 * at which name, which octets. Floor 5; pure but for OpenSSL.
 */
#ifndef TSIGATE_TLSA_RECORD_H
#define TSIGATE_TLSA_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "tlsa/certfile.h"

/* A service: "25/tcp". */
struct service {
    uint16_t port;
    const char *protocol; /* "tcp", "udp", "sctp": a constant */
};

/* Usage, selector, matching type: "3-1-1". */
struct tlsa_form {
    uint8_t usage;
    uint8_t selector;
    uint8_t matching;
};

/* More records of one name have been forgotten, not rolled over. */
#define TLSA_RECORDS 32

/* The values of one RRset, each once, in the order in which they came. */
struct tlsa_records {
    struct rdata array[TLSA_RECORDS]; /* octets: the arena's */
    size_t count;
};

extern const struct tlsa_form tlsa_own_key;    /* 3 1 1 */
extern const struct tlsa_form tlsa_issuer_key; /* 2 1 1 */

/* RES_EFORMAT: no PORT/PROTO. separator: the character between the two. */
enum result service_parse(const char *text, char separator,
                          struct service *out) MUST_CHECK NONNULL;
/* _25._tcp.NAME (RFC 6698 3). RES_ERANGE: too long. */
enum result service_owner(const struct service *service, struct name name,
                          struct name_buf *out) MUST_CHECK NONNULL;
/* "3-1-1", blanks for hyphens as well. RES_EFORMAT: a number that RFC 6698 does not
 * have. */
enum result tlsa_form_parse(const char *text, struct tlsa_form *out) MUST_CHECK NONNULL;

/*
 * The record's RDATA for a file's certificate `index` (0 for a key or a request), in
 * the arena. RES_EMISMATCH: a form that needs a certificate (selector 0) where there is
 * none. RES_ECRYPTO, RES_EMEM, RES_ERANGE (over 65535 octets).
 */
enum result tlsa_rdata(const struct certfile *file, size_t index, struct tlsa_form form,
                       struct arena *arena, struct rdata *out) MUST_CHECK NONNULL;

/*
 * The certificates of a file that a form speaks of, as *first and *end: with usages 1
 * and 3 the first, which is the service's own; with 0 and 2 its issuers, and where the
 * file has one certificate alone, that one.
 */
void tlsa_certificates(const struct certfile *file, struct tlsa_form form,
                       size_t *first, size_t *end) NONNULL;
/* The records of all of those, which *out has none of yet. As tlsa_rdata; RES_EMEM also
 * for more than fit. */
enum result tlsa_records_make(const struct certfile *file, struct tlsa_form form,
                              struct arena *arena,
                              struct tlsa_records *out) MUST_CHECK NONNULL;

/* "TLSA 3 1 1 DATA", of the data only as many octets as most; then "..." stands behind
 * them. */
void tlsa_record_write(struct writer *w, const struct rdata *rdata,
                       size_t most) NONNULL;
#define TLSA_BRIEF_OCTETS 40
/* The same with eight octets, enough to tell one from another; gives text. */
const char *tlsa_record_brief(const struct rdata *rdata,
                              char text[static TLSA_BRIEF_OCTETS]) NONNULL;
/* Members of an open object: usage, selector, matching, data. */
void tlsa_record_json(struct json *json, const struct rdata *rdata) NONNULL;

bool tlsa_record_equal(const struct rdata *a, const struct rdata *b) NONNULL;
bool tlsa_records_have(const struct tlsa_records *records,
                       const struct rdata *rdata) NONNULL;
/* Where it is not there yet. RES_EMEM: no more fit. */
enum result tlsa_records_add(struct tlsa_records *records,
                             const struct rdata *rdata) MUST_CHECK NONNULL;
bool tlsa_records_equal(const struct tlsa_records *a,
                        const struct tlsa_records *b) NONNULL;

#endif

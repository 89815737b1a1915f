/*
 * TSIG (RFC 8945) on wire octets: reading the record, verifying and signing. Floor 1b.
 * Knows no key ring: the caller finds the key by tsig.key_name and judges P4.
 */
#ifndef TSIGATE_DNS_TSIG_H
#define TSIGATE_DNS_TSIG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "base/result.h"
#include "dns/hmac.h"
#include "dns/name.h"
#include "dns/wire.h"

/* RFC 8945 10: the fudge that is recommended; what we sign has it. */
#define TSIG_FUDGE_S 300

/* The record as it stands in a message; mac and other point into its octets. */
struct tsig {
    struct name_buf key_name;
    struct name_buf algorithm;
    uint64_t time_signed_s; /* 48 bits */
    uint16_t fudge_s;
    uint16_t original_id;
    uint16_t error;
    const uint8_t *mac;
    uint16_t mac_len;
    const uint8_t *other;
    uint16_t other_len;
};

/* A MAC kept by value: a request's, for the digest of its reply (T-12, T-13). */
struct tsig_mac {
    uint8_t len;
    uint8_t octets[LIMIT_MAC_OCTETS];
};

/* Reads msg->tsig (msg->has_tsig). RES_EFORMAT: RDLENGTH not consumed exactly, a
 * compressed algorithm name (W-4), or, while is_request, an Error or Other Len other
 * than 0 (T-2). */
enum result tsig_read(const struct wire_msg *msg, bool is_request,
                      struct tsig *out) MUST_CHECK NONNULL;

/*
 * P5 to P8 in this order and no other (RFC 8945 5.2; the attacks of 2017 lived on
 * another one): MAC size, MAC, time, truncation. prior: NULL for a request, the
 * request's MAC for a reply (5.3.1). full_mac receives the computed MAC,
 * hmac_algorithm_len octets of it (T-4), valid unless the reason is message-malformed.
 * Gives REASON_PERMITTED; REASON_MESSAGE_MALFORMED (MAC size over the digest or under
 * max(10, half), 0 included: T-6); REASON_MAC_BAD; REASON_TIME_SKEW
 * (|now - time signed| > min(fudge, max_fudge): T-8); REASON_MAC_TRUNCATED (a shorter
 * MAC that verifies: T-10); REASON_UNDECIDED where OpenSSL failed.
 */
enum reason tsig_verify(const struct wire_msg *msg, const struct tsig *tsig,
                        struct hmac *hmac, const struct tsig_mac *prior, int64_t now_s,
                        uint16_t max_fudge_s, struct tsig_mac *full_mac) MUST_CHECK
    NONNULL_AT(1, 2, 3, 7);

/*
 * The same for the second and every further message of a reply that has several (a zone
 * transfer): prior is the MAC of the message before, and of the variables only the
 * timers are digested (RFC 8945 5.3.1). Every message has to be signed.
 */
enum reason tsig_verify_next(const struct wire_msg *msg, const struct tsig *tsig,
                             struct hmac *hmac, const struct tsig_mac *prior,
                             int64_t now_s, uint16_t max_fudge_s,
                             struct tsig_mac *full_mac) MUST_CHECK NONNULL;

/* What goes into a TSIG that we write. */
struct tsig_params {
    struct name key_name;
    uint64_t time_signed_s;
    uint16_t fudge_s;
    uint16_t original_id;
    enum tsig_error error;
    bool has_server_time; /* BADTIME: Other Data is server_time_s (T-9) */
    uint64_t server_time_s;
};

/*
 * Signs the message in w (complete but for its TSIG) and appends the record; ARCOUNT
 * goes up by one. prior as above. out_mac, where not NULL, receives the MAC. RES_EMEM:
 * it does not fit (w is as before). RES_ECRYPTO.
 */
enum result tsig_sign(struct writer *w, struct hmac *hmac,
                      const struct tsig_params *params, const struct tsig_mac *prior,
                      struct tsig_mac *out_mac) MUST_CHECK NONNULL_AT(1, 2, 3);

/* Appends a TSIG without a MAC, for BADKEY and BADSIG (5.3.2): algorithm as the client
 * sent it. RES_EMEM: it does not fit. */
enum result tsig_append_unsigned(struct writer *w, const struct tsig_params *params,
                                 struct name algorithm) MUST_CHECK NONNULL;

#endif

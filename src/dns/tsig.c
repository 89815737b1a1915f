#include "dns/tsig.h"

#include "base/secret.h"
#include "dns/build.h"
#include "dns/rdata.h"
#include "dns/type.h"

/* Algorithm, the fixed fields, a MAC, the server's time. */
#define RDATA_OCTETS                                                                   \
    (LIMIT_NAME_OCTETS + 16 + LIMIT_MAC_OCTETS + LIMIT_TSIG_OTHER_OCTETS)
/* RFC 8945 4.3.3: the variables but for Other Data, which may be long in a reply. */
#define VARIABLES_OCTETS (2 * LIMIT_NAME_OCTETS + 2 + 4 + 6 + 2 + 2 + 2)
/* Of a message, or of Other Data, in one piece with what stands around it. */
#define GATHERED_OCTETS 1024
#define DIGEST_OCTETS                                                                  \
    (2 + LIMIT_MAC_OCTETS + LIMIT_HEADER_OCTETS + VARIABLES_OCTETS +                   \
     2 * GATHERED_OCTETS)

enum result tsig_read(const struct wire_msg *msg, bool is_request, struct tsig *out)
{
    size_t at = msg->tsig.rdata_at;

    wire_owner(msg, &msg->tsig, &out->key_name);
    if (wire_name(msg, &at, msg->tsig.end, false, &out->algorithm) != RES_OK)
        return RES_EFORMAT;
    struct reader r = reader_of(msg->octets, msg->tsig.end);
    reader_skip(&r, at);
    out->time_signed_s = reader_u48(&r);
    out->fudge_s = reader_u16(&r);
    out->mac_len = reader_u16(&r);
    out->mac = reader_octets(&r, out->mac_len);
    out->original_id = reader_u16(&r);
    out->error = reader_u16(&r);
    out->other_len = reader_u16(&r);
    out->other = reader_octets(&r, out->other_len);
    if (r.failed || reader_left(&r) != 0)
        return RES_EFORMAT;
    if (is_request && (out->error != 0 || out->other_len != 0))
        return RES_EFORMAT;
    return RES_OK;
}

/* Everything that the digest takes, RFC 8945 4.3.1 to 4.3.3 (T-3). */
struct digest_input {
    const struct tsig_mac *prior; /* NULL: none */
    const uint8_t *message;       /* without its TSIG */
    size_t message_len;
    uint16_t original_id;
    uint16_t arcount; /* without the TSIG */
    struct name key_name;
    uint64_t time_signed_s;
    uint16_t fudge_s;
    uint16_t error;
    const uint8_t *other;
    uint16_t other_len;
    bool has_timers_only; /* RFC 8945 5.3.1: a further message of one reply */
};

/* The prior MAC and the header as it was signed: on the wire ID and ARCOUNT differ. */
static void write_head(struct writer *w, const struct digest_input *input)
{
    if (input->prior != NULL) {
        writer_u16(w, input->prior->len);
        writer_octets(w, input->prior->octets, input->prior->len);
    }
    writer_u16(w, input->original_id);
    writer_octets(w, input->message + 2, LIMIT_HEADER_OCTETS - 4);
    writer_u16(w, input->arcount);
}

/* The algorithm is the key's, whatever a message says (T-5): another one never
 * verifies. */
static void write_variables(struct writer *w, const struct digest_input *input,
                            struct name algorithm)
{
    if (input->has_timers_only) {
        writer_u48(w, input->time_signed_s);
        writer_u16(w, input->fudge_s);
        return;
    }
    writer_octets(w, input->key_name.octets, input->key_name.len);
    writer_u16(w, CLASS_ANY);
    writer_u32(w, 0);
    writer_octets(w, algorithm.octets, algorithm.len);
    writer_u48(w, input->time_signed_s);
    writer_u16(w, input->fudge_s);
    writer_u16(w, input->error);
    writer_u16(w, input->other_len);
}

/* OpenSSL takes longer for a call than for what most messages have: what is short is
 * gathered in w, and what is long digested in its place. */
static enum result add(struct hmac *hmac, struct writer *w, const uint8_t *octets,
                       size_t len)
{
    if (len <= GATHERED_OCTETS) {
        writer_octets(w, octets, len);
        return RES_OK;
    }
    enum result res = hmac_add(hmac, w->octets, w->len);
    writer_rewind(w, 0);
    return res == RES_OK ? hmac_add(hmac, octets, len) : res;
}

static enum result compute_mac(struct hmac *hmac, const struct digest_input *input,
                               struct tsig_mac *out)
{
    uint8_t octets[DIGEST_OCTETS];
    struct writer w = writer_of(octets, sizeof(octets));
    enum hmac_algorithm algorithm = hmac_algorithm_of(hmac);
    enum result res = hmac_start(hmac);

    write_head(&w, input);
    if (res == RES_OK)
        res = add(hmac, &w, input->message + LIMIT_HEADER_OCTETS,
                  input->message_len - LIMIT_HEADER_OCTETS);
    write_variables(&w, input, hmac_algorithm_name(algorithm));
    if (res == RES_OK && !input->has_timers_only)
        res = add(hmac, &w, input->other, input->other_len);
    if (res == RES_OK)
        res = w.failed ? RES_EBUG : hmac_add(hmac, w.octets, w.len);
    if (res == RES_OK)
        res = hmac_finish(hmac, out->octets);
    out->len = res == RES_OK ? (uint8_t)hmac_algorithm_len(algorithm) : 0;
    return res;
}

/* T-6: 0 included. */
static bool is_legal_mac_len(size_t mac_len, size_t digest_len)
{
    size_t least = digest_len / 2;

    if (least < LIMIT_MAC_MIN_OCTETS)
        least = LIMIT_MAC_MIN_OCTETS;
    return mac_len >= least && mac_len <= digest_len;
}

/* T-8: fudge is the client's choice, so ours caps it. Both times fit 63 bits and are
 * not negative: no difference can overflow. */
static bool is_in_window(int64_t now_s, uint64_t time_signed_s, uint16_t fudge_s,
                         uint16_t max_fudge_s)
{
    int64_t signed_s = (int64_t)time_signed_s;
    int64_t window_s = fudge_s < max_fudge_s ? fudge_s : max_fudge_s;

    if (now_s < 0)
        return false;
    return now_s >= signed_s ? now_s - signed_s <= window_s
                             : signed_s - now_s <= window_s;
}

static struct digest_input input_of(const struct wire_msg *msg, const struct tsig *tsig,
                                    const struct tsig_mac *prior)
{
    return (struct digest_input){
        .prior = prior,
        .message = msg->octets,
        .message_len = msg->tsig.at,
        .original_id = tsig->original_id,
        .arcount = (uint16_t)(msg->header.counts[SECTION_ADDITIONAL] - 1),
        .key_name = name_of(&tsig->key_name),
        .time_signed_s = tsig->time_signed_s,
        .fudge_s = tsig->fudge_s,
        .error = tsig->error,
        .other = tsig->other,
        .other_len = tsig->other_len,
    };
}

/*
 * The order is a matter of security (RFC 8945 5.2): judging the time before the MAC is
 * what CVE-2017-3142 and CVE-2017-11104 lived on, and BADTIME and BADTRUNC are signed,
 * so nothing unverified may reach them (I5).
 */
static enum reason verify(const struct digest_input *input, const struct tsig *tsig,
                          struct hmac *hmac, int64_t now_s, uint16_t max_fudge_s,
                          struct tsig_mac *full_mac)
{
    if (!is_legal_mac_len(tsig->mac_len, hmac_algorithm_len(hmac_algorithm_of(hmac))))
        return REASON_MESSAGE_MALFORMED;
    if (compute_mac(hmac, input, full_mac) != RES_OK)
        return REASON_UNDECIDED;
    if (!octets_equal_ct(full_mac->octets, tsig->mac, tsig->mac_len))
        return REASON_MAC_BAD;
    if (!is_in_window(now_s, tsig->time_signed_s, tsig->fudge_s, max_fudge_s))
        return REASON_TIME_SKEW;
    if (tsig->mac_len < full_mac->len)
        return REASON_MAC_TRUNCATED;
    return REASON_PERMITTED;
}

enum reason tsig_verify(const struct wire_msg *msg, const struct tsig *tsig,
                        struct hmac *hmac, const struct tsig_mac *prior, int64_t now_s,
                        uint16_t max_fudge_s, struct tsig_mac *full_mac)
{
    const struct digest_input input = input_of(msg, tsig, prior);
    return verify(&input, tsig, hmac, now_s, max_fudge_s, full_mac);
}

enum reason tsig_verify_next(const struct wire_msg *msg, const struct tsig *tsig,
                             struct hmac *hmac, const struct tsig_mac *prior,
                             int64_t now_s, uint16_t max_fudge_s,
                             struct tsig_mac *full_mac)
{
    struct digest_input input = input_of(msg, tsig, prior);
    input.has_timers_only = true;
    return verify(&input, tsig, hmac, now_s, max_fudge_s, full_mac);
}

/* Other Data: the server's time, or nothing. */
static struct writer write_other(const struct tsig_params *params,
                                 uint8_t octets[LIMIT_TSIG_OTHER_OCTETS])
{
    struct writer w = writer_of(octets, LIMIT_TSIG_OTHER_OCTETS);

    if (params->has_server_time)
        writer_u48(&w, params->server_time_s);
    return w;
}

static enum result append_record(struct writer *w, const struct tsig_params *params,
                                 struct name algorithm, const struct tsig_mac *mac)
{
    uint8_t octets[RDATA_OCTETS];
    uint8_t other_octets[LIMIT_TSIG_OTHER_OCTETS];
    struct writer r = writer_of(octets, sizeof(octets));
    struct writer other = write_other(params, other_octets);
    size_t start = w->len;

    writer_octets(&r, algorithm.octets, algorithm.len);
    writer_u48(&r, params->time_signed_s);
    writer_u16(&r, params->fudge_s);
    writer_u16(&r, mac->len);
    writer_octets(&r, mac->octets, mac->len);
    writer_u16(&r, params->original_id);
    writer_u16(&r, (uint16_t)params->error);
    writer_u16(&r, (uint16_t)other.len);
    writer_octets(&r, other.octets, other.len);
    if (r.failed)
        return RES_EBUG;
    const struct rdata rdata = {.octets = octets, .len = (uint16_t)r.len};
    build_rr(w, SECTION_ADDITIONAL, params->key_name, TYPE_TSIG, CLASS_ANY, 0, &rdata);
    if (!w->failed)
        return RES_OK;
    writer_rewind(w, start);
    return RES_EMEM;
}

enum result tsig_sign(struct writer *w, struct hmac *hmac,
                      const struct tsig_params *params, const struct tsig_mac *prior,
                      struct tsig_mac *out_mac)
{
    uint8_t other_octets[LIMIT_TSIG_OTHER_OCTETS];
    struct writer other = write_other(params, other_octets);
    struct wire_header header;
    struct tsig_mac mac;

    if (w->failed || wire_read_header(w->octets, w->len, &header) != RES_OK)
        return RES_EMEM;
    const struct digest_input input = {
        .prior = prior,
        .message = w->octets,
        .message_len = w->len,
        .original_id = params->original_id,
        .arcount = header.counts[SECTION_ADDITIONAL],
        .key_name = params->key_name,
        .time_signed_s = params->time_signed_s,
        .fudge_s = params->fudge_s,
        .error = (uint16_t)params->error,
        .other = other.octets,
        .other_len = (uint16_t)other.len,
    };
    enum result res = compute_mac(hmac, &input, &mac);
    if (res != RES_OK)
        return res;
    res = append_record(w, params, hmac_algorithm_name(hmac_algorithm_of(hmac)), &mac);
    if (res == RES_OK && out_mac != NULL)
        *out_mac = mac;
    return res;
}

enum result tsig_append_unsigned(struct writer *w, const struct tsig_params *params,
                                 struct name algorithm)
{
    const struct tsig_mac none = {.len = 0};

    if (w->failed)
        return RES_EMEM;
    return append_record(w, params, algorithm, &none);
}

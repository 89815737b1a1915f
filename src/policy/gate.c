/* The first half of gate.h: P0 to P8. The second, P11 to P14, is gate_judge.c. */
#include "policy/gate.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* ---- P0 to P8 ---- */

static void refuse_inquiry(struct gate_inquiry *out, enum reason reason)
{
    out->standing = GATE_REFUSED;
    out->reason = reason;
}

/* BADKEY and BADSIG are told in a TSIG without MAC that names what the client named. */
static void refuse_claim(struct gate_inquiry *out, const struct tsig *tsig,
                         enum reason reason)
{
    refuse_inquiry(out, reason);
    out->claimed.has_tsig = true;
    name_keep(name_of(&tsig->key_name), &out->claimed.key_name);
    name_keep(name_of(&tsig->algorithm), &out->claimed.algorithm);
    out->claimed.time_signed_s = tsig->time_signed_s;
    out->claimed.fudge_s = tsig->fudge_s;
}

/*
 * P4. The algorithm belongs to the key (T-5): what the client says of it is compared,
 * never used. A key without a host verifies like any other; that it may do nothing is
 * said, signed, at P13. One that is not known goes no further (T-16).
 */
static enum reason find_key(const struct snapshot *snapshot, const struct tsig *tsig,
                            int64_t now_s, const struct key **out_key)
{
    const struct key *key = keyring_find(&snapshot->keyring, name_of(&tsig->key_name));
    if (key == NULL)
        return REASON_KEY_UNKNOWN;
    struct name algorithm = hmac_algorithm_name(hmac_algorithm_of(key->hmac));
    if (!name_equal(name_of(&tsig->algorithm), algorithm))
        return REASON_KEY_ALGORITHM;
    if (key->credential.host != NULL &&
        !acl_credential_is_valid(key->credential, now_s))
        return REASON_KEY_EXPIRED;
    *out_key = key;
    return REASON_PERMITTED;
}

/* The one place that makes a verified request (T-13, I5). tsig_verify has passed P6,
 * and so P5: the MAC as received is no longer than a digest. */
static void mark_verified(struct gate_verified *verified, const struct key *key,
                          const struct tsig *tsig)
{
    assert(tsig->mac_len <= LIMIT_MAC_OCTETS);
    verified->is_verified = true;
    verified->key = key;
    verified->request_mac.len = (uint8_t)tsig->mac_len;
    memcpy(verified->request_mac.octets, tsig->mac, tsig->mac_len);
    verified->time_signed_s = tsig->time_signed_s;
    verified->fudge_s = tsig->fudge_s;
}

/* P5 to P8. Whatever is judged after the MAC is answered signed; nothing else is. */
static void verify_mac(const struct snapshot *snapshot, const struct tsig *tsig,
                       const struct key *key, int64_t now_s, struct gate_inquiry *out)
{
    enum reason reason =
        tsig_verify(&out->msg, tsig, key->hmac, NULL, now_s,
                    (uint16_t)snapshot->settings.max_fudge_s, &out->verified.full_mac);
    if (reason == REASON_MAC_BAD) {
        refuse_claim(out, tsig, reason);
        return;
    }
    refuse_inquiry(out, reason);
    if (reason == REASON_TIME_SKEW || reason == REASON_MAC_TRUNCATED)
        mark_verified(&out->verified, key, tsig);
    if (reason == REASON_PERMITTED) {
        mark_verified(&out->verified, key, tsig);
        out->standing = GATE_VERIFIED;
    }
}

static void verify_tsig(const struct snapshot *snapshot, int64_t now_s,
                        struct gate_inquiry *out)
{
    struct tsig tsig;
    if (tsig_read(&out->msg, true, &tsig) != RES_OK) {
        refuse_inquiry(out, REASON_MESSAGE_MALFORMED);
        return;
    }
    const struct key *key = NULL;
    enum reason reason = find_key(snapshot, &tsig, now_s, &key);
    if (reason != REASON_PERMITTED) {
        refuse_claim(out, &tsig, reason);
        return;
    }
    verify_mac(snapshot, &tsig, key, now_s, out);
}

void gate_verify(const struct snapshot *snapshot, const uint8_t *octets, size_t len,
                 int64_t now_s, struct gate_inquiry *out)
{
    /* wire_walk knows what of msg has to be zero; all of it would be a tenth of what a
     * message with an unknown key costs. */
    memset(out, 0, offsetof(struct gate_inquiry, msg));
    out->standing = GATE_DROP;
    if (wire_read_header(octets, len, &out->header) != RES_OK ||
        (out->header.flags & FLAG_QR) != 0)
        return;

    uint8_t opcode = out->header.opcode;
    if (opcode != OPCODE_UPDATE && opcode != OPCODE_QUERY) {
        refuse_inquiry(out, REASON_OPCODE_NOT_SERVED);
        return;
    }
    if (wire_walk(octets, len, true, &out->msg) != RES_OK) {
        refuse_inquiry(out, REASON_MESSAGE_MALFORMED);
        return;
    }
    out->is_walked = true;
    if (out->msg.has_opt && out->msg.edns_version != 0) {
        refuse_inquiry(out, REASON_EDNS_VERSION);
        return;
    }
    if (out->msg.has_tsig) {
        verify_tsig(snapshot, now_s, out);
        return;
    }
    if (opcode == OPCODE_UPDATE) {
        refuse_inquiry(out, REASON_UPDATE_UNSIGNED);
        return;
    }
    out->standing = GATE_ANONYMOUS;
}

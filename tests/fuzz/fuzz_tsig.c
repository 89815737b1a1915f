/*
 * TSIG: a message as its sender signed it, and the same message signed by us. Nobody
 * can guess a MAC, so what passes is a seed that was signed with the key below.
 */
#include <string.h>

#include "base/buf.h"
#include "dns/tsig.h"
#include "fuzz.h"

const char fuzz_corpus[] = "message";

static struct hmac *make_key(void)
{
    uint8_t octets[32];
    struct secret secret = {0};
    struct hmac *hmac = NULL;

    for (unsigned i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)i;
    FUZZ_CLAIM(secret_from_octets(octets, sizeof(octets), &secret) == RES_OK);
    FUZZ_CLAIM(hmac_new(HMAC_SHA256, &secret, &hmac) == RES_OK);
    secret_free(&secret);
    return hmac;
}

/* I5: time and truncation are only ever told of a MAC that verified. */
static void check_order(const struct wire_msg *msg, const struct tsig *tsig,
                        struct hmac *hmac, int64_t now_s)
{
    struct tsig_mac full;
    enum reason reason = tsig_verify(msg, tsig, hmac, NULL, now_s, 300, &full);

    FUZZ_CLAIM(reason == REASON_PERMITTED || reason == REASON_MESSAGE_MALFORMED ||
               reason == REASON_MAC_BAD || reason == REASON_TIME_SKEW ||
               reason == REASON_MAC_TRUNCATED);
    if (reason == REASON_MESSAGE_MALFORMED)
        return;
    FUZZ_CLAIM(full.len == 32 && tsig->mac_len >= 16 && tsig->mac_len <= 32);
    bool is_right = memcmp(full.octets, tsig->mac, tsig->mac_len) == 0;
    FUZZ_CLAIM(is_right == (reason != REASON_MAC_BAD));
    if (reason == REASON_PERMITTED)
        FUZZ_CLAIM(tsig->mac_len == full.len);
}

/* The message without its TSIG, signed with the same parameters by us. */
static size_t sign_again(const struct wire_msg *msg, const struct tsig *tsig,
                         struct hmac *hmac, uint8_t *octets, size_t capacity)
{
    struct writer w = writer_of(octets, capacity);
    const struct tsig_params params = {
        .key_name = name_of(&tsig->key_name),
        .time_signed_s = tsig->time_signed_s,
        .fudge_s = tsig->fudge_s,
        .original_id = tsig->original_id,
    };

    writer_octets(&w, msg->octets, msg->tsig.at);
    writer_u16_at(&w, 10, (uint16_t)(msg->header.counts[SECTION_ADDITIONAL] - 1));
    if (tsig_sign(&w, hmac, &params, NULL, NULL) != RES_OK)
        return 0;
    return w.len;
}

static enum reason judge(const uint8_t *octets, size_t len, struct hmac *hmac)
{
    struct wire_msg msg;
    struct tsig tsig;
    struct tsig_mac full;

    if (wire_walk(octets, len, true, &msg) != RES_OK || !msg.has_tsig ||
        tsig_read(&msg, true, &tsig) != RES_OK)
        return REASON_MESSAGE_MALFORMED;
    return tsig_verify(&msg, &tsig, hmac, NULL, (int64_t)tsig.time_signed_s, 300,
                       &full);
}

/* One bit of the message's signed part, chosen by the input. */
static void check_one_bit(uint8_t *octets, size_t len, size_t signed_len,
                          struct hmac *hmac, size_t choice)
{
    size_t bit = 16 + choice % (8 * (signed_len - 2));

    octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    FUZZ_CLAIM(judge(octets, len, hmac) != REASON_PERMITTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    static uint8_t again[LIMIT_MESSAGE_OCTETS];
    static struct hmac *hmac;
    struct wire_msg msg;
    struct tsig tsig;

    if (hmac == NULL)
        hmac = make_key();
    if (wire_walk(octets, len, true, &msg) != RES_OK || !msg.has_tsig)
        return 0;
    enum result as_reply = tsig_read(&msg, false, &tsig);
    if (tsig_read(&msg, true, &tsig) != RES_OK)
        return 0;
    FUZZ_CLAIM(as_reply == RES_OK);
    check_order(&msg, &tsig, hmac, (int64_t)tsig.time_signed_s);
    check_order(&msg, &tsig, hmac, 1800000000);
    size_t again_len = sign_again(&msg, &tsig, hmac, again, sizeof(again));
    if (again_len == 0)
        return 0;
    FUZZ_CLAIM(judge(again, again_len, hmac) == REASON_PERMITTED);
    check_one_bit(again, again_len, msg.tsig.at, hmac,
                  (size_t)tsig.time_signed_s + tsig.fudge_s + len);
    return 0;
}

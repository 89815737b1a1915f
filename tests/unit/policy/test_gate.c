/* P0 to P8: who gets in, who is told what, and who may be answered signed. */
#include "dns/build.h"
#include "dns/type.h"
#include "gate_case.h"

/* What a case does to a good message, signed by signed_by as named. */
struct verify_case {
    const char *name;
    const char *key_name;  /* in the TSIG; NULL: unsigned */
    const char *signed_by; /* whose secret; NULL: key_name's */
    int64_t skew_s;        /* of the time signed */
    uint16_t fudge_s;
    uint8_t opcode;
    size_t cut_mac; /* octets taken from the MAC's end */
    bool is_broken; /* one bit of the MAC is turned */
    bool has_other_algorithm;
    uint8_t edns_version; /* with an OPT where not 0 */

    enum gate_standing standing;
    enum reason reason;
    bool is_verified;
    bool is_claimed;
};

static const struct verify_case verify_cases[] = {
    {.name = "a signed update",
     .key_name = "mx1.duckcorp.org",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_VERIFIED,
     .reason = REASON_PERMITTED,
     .is_verified = true},
    {.name = "a signed query",
     .key_name = "mx1.duckcorp.org",
     .fudge_s = 300,
     .opcode = OPCODE_QUERY,
     .standing = GATE_VERIFIED,
     .reason = REASON_PERMITTED,
     .is_verified = true},
    {.name = "P3: an unsigned update",
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_UPDATE_UNSIGNED},
    {.name = "Q-2: an unsigned query",
     .opcode = OPCODE_QUERY,
     .standing = GATE_ANONYMOUS},
    {.name = "P1: NOTIFY",
     .opcode = 4,
     .standing = GATE_REFUSED,
     .reason = REASON_OPCODE_NOT_SERVED},
    {.name = "W-9: EDNS version 1",
     .key_name = "mx1.duckcorp.org",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .edns_version = 1,
     .standing = GATE_REFUSED,
     .reason = REASON_EDNS_VERSION},
    {.name = "P4: an unknown key",
     .key_name = "mx9.duckcorp.org",
     .signed_by = "mx1.duckcorp.org",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_KEY_UNKNOWN,
     .is_claimed = true},
    {.name = "U-10: the gateway's own key",
     .key_name = "gateway",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_KEY_UNKNOWN,
     .is_claimed = true},
    {.name = "T-5: another algorithm",
     .key_name = "mx1.duckcorp.org",
     .has_other_algorithm = true,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_KEY_ALGORITHM,
     .is_claimed = true},
    {.name = "P4: a key that has expired",
     .key_name = "mx1-old",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_KEY_EXPIRED,
     .is_claimed = true},
    {.name = "P4: the same for a query",
     .key_name = "mx1-old",
     .fudge_s = 300,
     .opcode = OPCODE_QUERY,
     .standing = GATE_REFUSED,
     .reason = REASON_KEY_EXPIRED,
     .is_claimed = true},
    {.name = "a key without a host still verifies",
     .key_name = "orphan",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_VERIFIED,
     .reason = REASON_PERMITTED,
     .is_verified = true},
    {.name = "P6: another key's secret",
     .key_name = "mx1.duckcorp.org",
     .signed_by = "mx2.duckcorp.org",
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MAC_BAD,
     .is_claimed = true},
    {.name = "P6 before P7: bad MAC and bad time",
     .key_name = "mx1.duckcorp.org",
     .is_broken = true,
     .skew_s = 5000,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MAC_BAD,
     .is_claimed = true},
    {.name = "P7: just within the fudge",
     .key_name = "mx1.duckcorp.org",
     .skew_s = -300,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_VERIFIED,
     .reason = REASON_PERMITTED,
     .is_verified = true},
    {.name = "P7: just beyond it",
     .key_name = "mx1.duckcorp.org",
     .skew_s = -301,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_TIME_SKEW,
     .is_verified = true},
    {.name = "T-8: the client's fudge is capped",
     .key_name = "mx1.duckcorp.org",
     .skew_s = -301,
     .fudge_s = 65535,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_TIME_SKEW,
     .is_verified = true},
    {.name = "P8: a truncated MAC that verifies",
     .key_name = "mx1.duckcorp.org",
     .cut_mac = 16,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MAC_TRUNCATED,
     .is_verified = true},
    {.name = "P6 before P8: truncated garbage",
     .key_name = "mx1.duckcorp.org",
     .cut_mac = 16,
     .is_broken = true,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MAC_BAD,
     .is_claimed = true},
    {.name = "P5: a MAC under half",
     .key_name = "mx1.duckcorp.org",
     .cut_mac = 17,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MESSAGE_MALFORMED},
    {.name = "T-6: no MAC at all",
     .key_name = "mx1.duckcorp.org",
     .cut_mac = 32,
     .fudge_s = 300,
     .opcode = OPCODE_UPDATE,
     .standing = GATE_REFUSED,
     .reason = REASON_MESSAGE_MALFORMED},
};

/* TSIG's RDATA ends in: MAC size 2, MAC, original ID 2, error 2, other len 2. */
#define BEHIND_MAC 6

static void cut_mac(struct writer *w, size_t cut)
{
    const size_t full = hmac_algorithm_len(HMAC_SHA256);
    size_t mac_at = w->len - BEHIND_MAC - full;
    memmove(w->octets + mac_at + full - cut, w->octets + mac_at + full, BEHIND_MAC);
    w->octets[mac_at - 1] = (uint8_t)(full - cut);
    size_t algorithm_len = hmac_algorithm_name(HMAC_SHA256).len;
    size_t rdlength_at = mac_at - 2 - 8 - algorithm_len - 2;
    uint16_t rdlength =
        (uint16_t)(w->octets[rdlength_at] << 8 | w->octets[rdlength_at + 1]);
    writer_u16_at(w, rdlength_at, (uint16_t)(rdlength - cut));
    w->len -= cut;
}

static void break_mac(struct writer *w)
{
    w->octets[w->len - BEHIND_MAC - hmac_algorithm_len(HMAC_SHA256)] ^= 1;
}

/* hmac-sha256 becomes hmac-sha512 in the record, and nowhere else. */
static void change_algorithm(struct writer *w)
{
    struct name wrong = hmac_algorithm_name(HMAC_SHA512);
    struct name right = hmac_algorithm_name(HMAC_SHA256);
    assert_int_equal(wrong.len, right.len);
    size_t at =
        w->len - BEHIND_MAC - hmac_algorithm_len(HMAC_SHA256) - 2 - 8 - right.len;
    assert_memory_equal(w->octets + at, right.octets, right.len);
    memcpy(w->octets + at, wrong.octets, wrong.len);
}

static void sign_case(const struct verify_case *c, struct writer *w)
{
    struct hmac *hmac = site_hmac(c->signed_by != NULL ? c->signed_by : c->key_name);
    const struct tsig_params params = {
        .key_name = site_name(&site, c->key_name),
        .time_signed_s = (uint64_t)(SITE_NOW_S + c->skew_s),
        .fudge_s = c->fudge_s,
        .original_id = 0x1234,
    };
    assert_int_equal(tsig_sign(w, hmac, &params, NULL, NULL), RES_OK);
    hmac_free(&hmac);
    if (c->is_broken)
        break_mac(w);
    if (c->cut_mac > 0)
        cut_mac(w, c->cut_mac);
    if (c->has_other_algorithm)
        change_algorithm(w);
}

static void write_case(const struct verify_case *c, struct writer *w)
{
    build_header(w, 0x1234, (uint16_t)(c->opcode << 11));
    build_question(w, site_name(&site, "duckcorp.org"), TYPE_SOA, CLASS_IN);
    if (c->edns_version != 0) {
        build_opt(w, 1232, RCODE_NOERROR, -1, NULL);
        w->octets[w->len - 5] = c->edns_version; /* TTL's second octet, then RDLENGTH */
    }
    if (c->key_name != NULL)
        sign_case(c, w);
    assert_false(w->failed);
}

static void check_claim(const struct verify_case *c, const struct gate_claimed *claimed)
{
    assert_int_equal(claimed->has_tsig, c->is_claimed);
    if (!c->is_claimed)
        return;
    assert_true(name_equal(name_of(&claimed->key_name), site_name(&site, c->key_name)));
    assert_int_equal(claimed->fudge_s, c->fudge_s);
    assert_int_equal(claimed->time_signed_s, SITE_NOW_S + c->skew_s);
    assert_true(name_equal(
        name_of(&claimed->algorithm),
        hmac_algorithm_name(c->has_other_algorithm ? HMAC_SHA512 : HMAC_SHA256)));
}

static void test_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verify_cases / sizeof verify_cases[0]; i++) {
        const struct verify_case *c = &verify_cases[i];
        uint8_t octets[1024];
        struct writer w = writer_of(octets, sizeof octets);
        write_case(c, &w);
        struct gate_inquiry inquiry;
        gate_verify(site.snapshot, octets, w.len, SITE_NOW_S, &inquiry);
        print_message("%s\n", c->name);
        assert_int_equal(inquiry.standing, c->standing);
        assert_int_equal(inquiry.reason, c->reason);
        assert_int_equal(inquiry.verified.is_verified, c->is_verified);
        assert_int_equal(inquiry.is_walked, c->opcode != 4);
        check_claim(c, &inquiry.claimed);
        if (c->is_verified) {
            assert_int_equal(inquiry.verified.time_signed_s, SITE_NOW_S + c->skew_s);
            assert_int_equal(inquiry.verified.fudge_s, c->fudge_s); /* T-9 */
            assert_int_equal(inquiry.verified.request_mac.len, 32 - c->cut_mac);
            assert_int_equal(inquiry.verified.full_mac.len, 32);
            assert_memory_equal(inquiry.verified.request_mac.octets,
                                inquiry.verified.full_mac.octets, 32 - c->cut_mac);
        }
    }
}

static void test_drop(void **state)
{
    (void)state;
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    write_case(&verify_cases[0], &w);
    struct gate_inquiry inquiry;
    for (size_t len = 0; len < LIMIT_HEADER_OCTETS; len++) {
        gate_verify(site.snapshot, octets, len, SITE_NOW_S, &inquiry);
        assert_int_equal(inquiry.standing, GATE_DROP);
    }
    octets[2] |= 0x80; /* P0, I7: never an answer to an answer */
    gate_verify(site.snapshot, octets, w.len, SITE_NOW_S, &inquiry);
    assert_int_equal(inquiry.standing, GATE_DROP);
}

static void test_cut_short(void **state)
{
    (void)state;
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof octets);
    write_case(&verify_cases[0], &w);
    struct gate_inquiry inquiry;
    for (size_t len = LIMIT_HEADER_OCTETS; len < w.len; len++) {
        gate_verify(site.snapshot, octets, len, SITE_NOW_S, &inquiry);
        assert_int_equal(inquiry.standing, GATE_REFUSED);
        assert_int_equal(inquiry.reason, REASON_MESSAGE_MALFORMED);
        assert_false(inquiry.is_walked);
        assert_false(inquiry.verified.is_verified);
    }
}

/* I5: whatever bit of a signed message is turned, nothing is verified but where T-4
 * says that a bit may be turned. */
static void test_every_bit(void **state)
{
    (void)state;
    uint8_t good[512], octets[512];
    struct writer w = writer_of(good, sizeof good);
    write_case(&verify_cases[0], &w);
    size_t verified = 0;
    for (size_t bit = 0; bit < w.len * 8; bit++) {
        memcpy(octets, good, w.len);
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct gate_inquiry inquiry;
        gate_verify(site.snapshot, octets, w.len, SITE_NOW_S, &inquiry);
        if (inquiry.standing == GATE_VERIFIED)
            verified++;
        if (bit / 8 >= 2 && inquiry.standing == GATE_VERIFIED)
            assert_true(bit % 8 == 5); /* a letter's case in the TSIG's names */
    }
    /* 16 bits of the ID, and 14 letters of mx1.duckcorp.org and 8 of hmac-sha256. */
    assert_int_equal(verified, 16 + 13 + 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_every_bit),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}

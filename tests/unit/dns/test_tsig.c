#include "dns/tsig.h"

#include "dns/build.h"
#include "dns/type.h"
#include "message.h"
#include "unit.h"

#define NOW       INT64_C(1800000000)
#define MAX_FUDGE 300

/* An UPDATE without records, signed at time_s. */
struct signed_message {
    uint8_t octets[512];
    size_t len;
    struct tsig_mac mac;
    struct name_buf key_name;
    struct tsig_params params;
};

static struct writer begin(struct signed_message *m, uint16_t id)
{
    struct writer w = writer_of(m->octets, sizeof(m->octets));

    build_header(&w, id, OPCODE_UPDATE << 11);
    build_question(&w, name_root, TYPE_SOA, CLASS_IN);
    return w;
}

static void sign(struct signed_message *m, struct hmac *hmac, uint64_t time_s,
                 uint16_t fudge_s, const struct tsig_mac *prior)
{
    struct writer w = begin(m, 77);

    m->params = (struct tsig_params){
        .key_name = message_name("Key.Example", &m->key_name),
        .time_signed_s = time_s,
        .fudge_s = fudge_s,
        .original_id = 77,
    };
    assert_int_equal(tsig_sign(&w, hmac, &m->params, prior, &m->mac), RES_OK);
    m->len = w.len;
}

static enum reason judge(const uint8_t *octets, size_t len, struct hmac *hmac,
                         const struct tsig_mac *prior, int64_t now_s,
                         struct tsig_mac *full_mac)
{
    struct wire_msg msg;
    struct tsig tsig;

    if (wire_walk(octets, len, prior == NULL, &msg) != RES_OK ||
        tsig_read(&msg, prior == NULL, &tsig) != RES_OK)
        return REASON_MESSAGE_MALFORMED;
    return tsig_verify(&msg, &tsig, hmac, prior, now_s, MAX_FUDGE, full_mac);
}

static enum reason judge_at(const struct signed_message *m, struct hmac *hmac,
                            int64_t now_s)
{
    struct tsig_mac ignored;

    return judge(m->octets, m->len, hmac, NULL, now_s, &ignored);
}

static void what_is_signed_verifies(void **state)
{
    struct signed_message m;
    struct tsig_mac full_mac;

    (void)state;
    for (unsigned i = 0; i < HMAC_ALGORITHMS; i++) {
        struct hmac *hmac = message_key((enum hmac_algorithm)i);
        struct hmac *other =
            message_key((enum hmac_algorithm)((i + 1) % HMAC_ALGORITHMS));
        sign(&m, hmac, NOW, 300, NULL);
        assert_int_equal(judge(m.octets, m.len, hmac, NULL, NOW, &full_mac),
                         REASON_PERMITTED);
        assert_int_equal(full_mac.len, hmac_algorithm_len((enum hmac_algorithm)i));
        assert_int_equal(full_mac.len, m.mac.len);
        assert_memory_equal(full_mac.octets, m.mac.octets, m.mac.len);
        /* T-5: another algorithm of the same secret never verifies. */
        assert_int_not_equal(judge_at(&m, other, NOW), REASON_PERMITTED);
        hmac_free(&hmac);
        hmac_free(&other);
    }
}

/* T-3: the digest takes the Original ID, whatever a forwarder wrote into the header. */
static void the_header_s_id_is_not_signed(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA256);
    struct signed_message m;
    struct tsig_mac full_mac;

    (void)state;
    sign(&m, hmac, NOW, 300, NULL);
    m.octets[0] ^= 0xff;
    m.octets[1] ^= 0xff;
    assert_int_equal(judge(m.octets, m.len, hmac, NULL, NOW, &full_mac),
                     REASON_PERMITTED);
    assert_memory_equal(full_mac.octets, m.mac.octets, m.mac.len); /* T-4 */
    m.octets[2] ^= 1;
    assert_int_equal(judge_at(&m, hmac, NOW), REASON_MAC_BAD);
    hmac_free(&hmac);
}

/* T-8: the client's fudge, capped by ours; no value of either wraps. */
static void the_window(void **state)
{
    static const struct {
        const char *name;
        uint64_t signed_s;
        uint16_t fudge_s;
        int64_t now_s;
        enum reason reason;
    } cases[] = {
        {"now", NOW, 300, NOW, REASON_PERMITTED},
        {"oldest", NOW - 300, 300, NOW, REASON_PERMITTED},
        {"too old", NOW - 301, 300, NOW, REASON_TIME_SKEW},
        {"youngest", NOW + 300, 300, NOW, REASON_PERMITTED},
        {"too young", NOW + 301, 300, NOW, REASON_TIME_SKEW},
        {"small fudge", NOW - 5, 5, NOW, REASON_PERMITTED},
        {"small fudge, too old", NOW - 6, 5, NOW, REASON_TIME_SKEW},
        {"fudge 0", NOW, 0, NOW, REASON_PERMITTED},
        {"fudge 0, a second", NOW - 1, 0, NOW, REASON_TIME_SKEW},
        {"fudge 65535 is capped", NOW - 301, 65535, NOW, REASON_TIME_SKEW},
        {"fudge 65535, ten hours", NOW - 36000, 65535, NOW, REASON_TIME_SKEW},
        {"time 0", 0, 300, NOW, REASON_TIME_SKEW},
        {"time 1", 1, 65535, NOW, REASON_TIME_SKEW},
        {"time 0 at 0", 0, 300, 0, REASON_PERMITTED},
        {"time 0, fudge over it", 0, 300, 300, REASON_PERMITTED},
        {"the last time", (UINT64_C(1) << 48) - 1, 65535, NOW, REASON_TIME_SKEW},
        {"a clock before 1970", 0, 300, -1, REASON_TIME_SKEW},
        {"a clock far before 1970", NOW, 300, INT64_MIN, REASON_TIME_SKEW},
        {"a clock at the end", NOW, 300, INT64_MAX, REASON_TIME_SKEW},
    };
    struct hmac *hmac = message_key(HMAC_SHA256);
    struct signed_message m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        sign(&m, hmac, cases[i].signed_s, cases[i].fudge_s, NULL);
        assert_case(cases[i].name,
                    judge_at(&m, hmac, cases[i].now_s) == cases[i].reason);
    }
    hmac_free(&hmac);
}

/* The message with its MAC cut or lengthened to mac_len octets. */
static size_t with_mac_len(const struct signed_message *m, size_t mac_len,
                           uint8_t *octets)
{
    struct wire_msg msg;
    struct tsig tsig;
    uint8_t mac[2 * LIMIT_MAC_OCTETS] = {0};

    assert_int_equal(wire_walk(m->octets, m->len, true, &msg), RES_OK);
    assert_int_equal(tsig_read(&msg, true, &tsig), RES_OK);
    memcpy(mac, tsig.mac, tsig.mac_len);
    size_t mac_at = (size_t)(tsig.mac - m->octets);
    memcpy(octets, m->octets, mac_at);
    struct writer w = writer_of(octets, 1024);
    w.len = mac_at;
    writer_u16_at(&w, mac_at - 2, (uint16_t)mac_len);
    writer_u16_at(&w, msg.tsig.rdata_at - 2,
                  (uint16_t)(msg.tsig.rdata_len - tsig.mac_len + mac_len));
    writer_octets(&w, mac, mac_len);
    writer_octets(&w, tsig.mac + tsig.mac_len, 6);
    assert_false(w.failed);
    return w.len;
}

/* T-6 and T-10, each algorithm and each length. */
static void truncated_macs(void **state)
{
    struct signed_message m;
    struct tsig_mac ignored;
    uint8_t octets[1024];

    (void)state;
    for (unsigned i = 0; i < HMAC_ALGORITHMS; i++) {
        struct hmac *hmac = message_key((enum hmac_algorithm)i);
        size_t digest = hmac_algorithm_len((enum hmac_algorithm)i);
        sign(&m, hmac, NOW, 300, NULL);
        for (size_t mac_len = 0; mac_len <= digest + 2; mac_len++) {
            size_t len = with_mac_len(&m, mac_len, octets);
            enum reason expected = REASON_MAC_TRUNCATED;
            if (mac_len > digest || mac_len < 10 || mac_len < digest / 2)
                expected = REASON_MESSAGE_MALFORMED;
            else if (mac_len == digest)
                expected = REASON_PERMITTED;
            assert_int_equal(judge(octets, len, hmac, NULL, NOW, &ignored), expected);
            /* Garbage of a legal length: BADSIG, so nothing is signed for it (I5). */
            if (expected == REASON_MESSAGE_MALFORMED)
                continue;
            octets[len - 6 - mac_len] ^= 1;
            assert_int_equal(judge(octets, len, hmac, NULL, NOW, &ignored),
                             REASON_MAC_BAD);
        }
        hmac_free(&hmac);
    }
}

/* P5 to P8 in this order: where two faults meet, the earlier step names its own. */
static void the_order_of_the_checks(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA256);
    struct signed_message m;
    struct tsig_mac ignored;
    uint8_t octets[1024];

    (void)state;
    sign(&m, hmac, NOW - 1000, 300, NULL);
    m.octets[m.len - 7] ^= 1; /* the MAC's last octet */
    assert_int_equal(judge_at(&m, hmac, NOW), REASON_MAC_BAD);
    m.octets[m.len - 7] ^= 1;
    assert_int_equal(judge_at(&m, hmac, NOW), REASON_TIME_SKEW);
    size_t len = with_mac_len(&m, 16, octets);
    assert_int_equal(judge(octets, len, hmac, NULL, NOW, &ignored), REASON_TIME_SKEW);
    assert_int_equal(judge(octets, len, hmac, NULL, NOW - 1000, &ignored),
                     REASON_MAC_TRUNCATED);
    len = with_mac_len(&m, 15, octets);
    octets[12] ^= 1;
    assert_int_equal(judge(octets, len, hmac, NULL, NOW, &ignored),
                     REASON_MESSAGE_MALFORMED);
    hmac_free(&hmac);
}

/* T-13. */
static void a_reply_is_bound_to_its_request(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA256);
    struct signed_message request, reply;
    struct tsig_mac ignored;

    (void)state;
    sign(&request, hmac, NOW, 300, NULL);
    sign(&reply, hmac, NOW, 300, &request.mac);
    assert_int_equal(judge(reply.octets, reply.len, hmac, &request.mac, NOW, &ignored),
                     REASON_PERMITTED);
    assert_int_equal(judge(reply.octets, reply.len, hmac, NULL, NOW, &ignored),
                     REASON_MAC_BAD);
    struct tsig_mac another = request.mac;
    another.octets[0] ^= 1;
    assert_int_equal(judge(reply.octets, reply.len, hmac, &another, NOW, &ignored),
                     REASON_MAC_BAD);
    another = request.mac;
    another.len--;
    assert_int_equal(judge(reply.octets, reply.len, hmac, &another, NOW, &ignored),
                     REASON_MAC_BAD);
    hmac_free(&hmac);
}

/* RFC 8945 5.3.1. The three messages of one reply as dnspython signs them, at NOW. */
static void a_reply_of_several_messages(void **state)
{
    static const char request_mac[] =
        "01ed9e0db603f7f61287cdc0415f84faf3512e508229b00c421ff55992ec1aa3";
    static const char *const messages[] = {
        "004d8000000100010000000101780000fc0001c00c001000010000003c000201"
        "30036b6579076578616d706c650000fa00ff00000000003d0b686d61632d7368"
        "613235360000006b49d200012c002033614bf4aa28b4d4cc1ca945f6eadc51f6"
        "97d658741f1ebcf08a8307585232f5004d00000000",
        "004d8000000100010000000101780000fc0001c00c001000010000003c000201"
        "31036b6579076578616d706c650000fa00ff00000000003d0b686d61632d7368"
        "613235360000006b49d200012c0020ddb271d2d5a4b05e35cb8e078782d9d83e"
        "fedd348b1c4cdadfd3ec916022bc8e004d00000000",
        "004d8000000100010000000101780000fc0001c00c001000010000003c000201"
        "32036b6579076578616d706c650000fa00ff00000000003d0b686d61632d7368"
        "613235360000006b49d200012c00201e5b7fd5e87212bd3c014867edad6e6250"
        "f1d303447197a962bf841d5ac1c1e7004d00000000",
    };
    struct hmac *hmac = message_key(HMAC_SHA256);
    struct tsig_mac prior = {.len = 32}, mac;
    uint8_t octets[512];

    (void)state;
    assert_int_equal(unit_from_hex(request_mac, prior.octets, sizeof(prior.octets)),
                     32);
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        struct wire_msg msg;
        struct tsig tsig;
        size_t len = unit_from_hex(messages[i], octets, sizeof(octets));
        assert_int_equal(wire_walk(octets, len, false, &msg), RES_OK);
        assert_int_equal(tsig_read(&msg, false, &tsig), RES_OK);
        enum reason first =
            tsig_verify(&msg, &tsig, hmac, &prior, NOW, MAX_FUDGE, &mac);
        assert_int_equal(first, i == 0 ? REASON_PERMITTED : REASON_MAC_BAD);
        enum reason next =
            tsig_verify_next(&msg, &tsig, hmac, &prior, NOW, MAX_FUDGE, &mac);
        assert_int_equal(next, i > 0 ? REASON_PERMITTED : REASON_MAC_BAD);
        prior.octets[0] ^= 1; /* bound to the message before */
        struct tsig_mac ignored;
        next = tsig_verify_next(&msg, &tsig, hmac, &prior, NOW, MAX_FUDGE, &ignored);
        assert_int_equal(next, REASON_MAC_BAD);
        prior.octets[0] ^= 1;
        next =
            tsig_verify_next(&msg, &tsig, hmac, &prior, NOW + 301, MAX_FUDGE, &ignored);
        assert_int_equal(next, i > 0 ? REASON_TIME_SKEW : REASON_MAC_BAD);
        prior = (struct tsig_mac){.len = 32};
        memcpy(prior.octets, tsig.mac, 32);
    }
    hmac_free(&hmac);
}

/* T-9: signed, with the client's time and ours in Other Data. */
static void badtime_carries_the_server_s_time(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA512);
    struct signed_message request, reply;
    struct tsig_mac ignored;
    struct wire_msg msg;
    struct tsig tsig;

    (void)state;
    sign(&request, hmac, NOW - 1000, 300, NULL);
    struct writer w = begin(&reply, 77);
    request.params.error = TSIG_BADTIME;
    request.params.has_server_time = true;
    request.params.server_time_s = NOW;
    assert_int_equal(tsig_sign(&w, hmac, &request.params, &request.mac, NULL), RES_OK);
    assert_int_equal(wire_walk(reply.octets, w.len, false, &msg), RES_OK);
    assert_int_equal(tsig_read(&msg, false, &tsig), RES_OK);
    assert_int_equal(tsig.error, TSIG_BADTIME);
    assert_int_equal(tsig.other_len, 6);
    assert_memory_equal(tsig.other, "\x00\x00\x6b\x49\xd2\x00", 6);
    assert_true(tsig.time_signed_s == NOW - 1000);
    assert_int_equal(
        judge(reply.octets, w.len, hmac, &request.mac, NOW - 900, &ignored),
        REASON_PERMITTED);
    /* T-3: nobody on the way makes another time of it. */
    reply.octets[w.len - 1] ^= 1;
    assert_int_equal(
        judge(reply.octets, w.len, hmac, &request.mac, NOW - 900, &ignored),
        REASON_MAC_BAD);
    /* T-2: a request may not have either. */
    assert_int_equal(tsig_read(&msg, true, &tsig), RES_EFORMAT);
    hmac_free(&hmac);
}

static void unsigned_errors(void **state)
{
    uint8_t octets[512];
    struct writer w = writer_of(octets, sizeof(octets));
    struct name_buf key, algorithm;
    struct wire_msg msg;
    struct tsig tsig;
    const struct tsig_params params = {
        .key_name = message_name("k", &key),
        .time_signed_s = NOW,
        .fudge_s = 300,
        .original_id = 9,
        .error = TSIG_BADKEY,
    };

    (void)state;
    build_header(&w, 9, FLAG_QR);
    assert_int_equal(
        tsig_append_unsigned(&w, &params, message_name("Hmac-MD5.x", &algorithm)),
        RES_OK);
    assert_int_equal(wire_walk(octets, w.len, false, &msg), RES_OK);
    assert_int_equal(tsig_read(&msg, false, &tsig), RES_OK);
    assert_int_equal(tsig.mac_len, 0);
    assert_int_equal(tsig.error, TSIG_BADKEY);
    assert_true(name_equal(name_of(&tsig.algorithm), name_of(&algorithm)));
}

/* The RDATA's forms, each in a TSIG of the root key (T-2, W-4). */
static void records_are_read_exactly(void **state)
{
    static const struct {
        const char *name;
        enum result as_request;
        enum result as_reply;
        const char *rdata;
    } cases[] = {
        {"whole", RES_OK, RES_OK, "016100 000000000001 012c 0002 aabb 0007 0000 0000"},
        {"no MAC", RES_OK, RES_OK, "016100 000000000001 012c 0000 0007 0000 0000"},
        {"error", RES_EFORMAT, RES_OK, "016100 000000000001 012c 0000 0007 0011 0000"},
        {"other data", RES_EFORMAT, RES_OK,
         "016100 000000000001 012c 0000 0007 0000 0001 ff"},
        {"other len over the end", RES_EFORMAT, RES_EFORMAT,
         "016100 000000000001 012c 0000 0007 0000 0001"},
        {"other data left over", RES_EFORMAT, RES_EFORMAT,
         "016100 000000000001 012c 0000 0007 0000 0000 ff"},
        {"MAC over the end", RES_EFORMAT, RES_EFORMAT,
         "016100 000000000001 012c 0007 0007 0000 0000"},
        {"MAC of 65535", RES_EFORMAT, RES_EFORMAT,
         "016100 000000000001 012c ffff 0007 0000 0000"},
        {"no error field", RES_EFORMAT, RES_EFORMAT,
         "016100 000000000001 012c 0000 0007"},
        {"empty", RES_EFORMAT, RES_EFORMAT, ""},
        {"algorithm not ended", RES_EFORMAT, RES_EFORMAT, "0161"},
        {"algorithm compressed", RES_EFORMAT, RES_EFORMAT,
         "c00c 000000000001 012c 0000 0007 0000 0000"},
        {"algorithm is the root", RES_OK, RES_OK,
         "00 000000000001 012c 0000 0007 0000 0000"},
    };
    uint8_t rdata[64], octets[128];
    struct wire_msg msg;
    struct tsig tsig;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct writer w = writer_of(octets, sizeof(octets));
        size_t len = unit_from_hex(cases[i].rdata, rdata, sizeof(rdata));
        const struct rdata value = {rdata, (uint16_t)len};
        build_header(&w, 7, OPCODE_UPDATE << 11);
        build_rr(&w, SECTION_ADDITIONAL, name_root, TYPE_TSIG, CLASS_ANY, 0, &value);
        assert_case(cases[i].name, wire_walk(octets, w.len, true, &msg) == RES_OK);
        assert_case(cases[i].name, tsig_read(&msg, true, &tsig) == cases[i].as_request);
        assert_case(cases[i].name, tsig_read(&msg, false, &tsig) == cases[i].as_reply);
    }
}

/* CVE-2016-2776: a reply whose TSIG does not fit stays as it was. */
static void what_does_not_fit_is_not_begun(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA512);
    struct signed_message m;
    uint8_t octets[512], before[512];

    (void)state;
    sign(&m, hmac, NOW, 300, NULL);
    for (size_t capacity = 17; capacity <= m.len; capacity++) {
        struct writer w = writer_of(octets, capacity);
        build_header(&w, 77, OPCODE_UPDATE << 11);
        build_question(&w, name_root, TYPE_SOA, CLASS_IN);
        memcpy(before, octets, w.len);
        size_t len = w.len;
        enum result res = tsig_sign(&w, hmac, &m.params, NULL, NULL);
        assert_int_equal(res, capacity == m.len ? RES_OK : RES_EMEM);
        if (res == RES_OK)
            continue;
        assert_int_equal(w.len, len);
        assert_false(w.failed);
        assert_memory_equal(octets, before, len);
        assert_int_equal(tsig_append_unsigned(&w, &m.params, name_root),
                         capacity >= 17 + 13 + 10 + 17 ? RES_OK : RES_EMEM);
    }
    struct writer w = writer_of(octets, 5); /* not even a header */
    assert_int_equal(tsig_sign(&w, hmac, &m.params, NULL, NULL), RES_EMEM);
    hmac_free(&hmac);
}

/* T-14: the largest TSIG is as large as limits.h says. */
static void the_largest_record(void **state)
{
    struct hmac *hmac = message_key(HMAC_SHA512);
    uint8_t octets[1024];
    struct writer w = writer_of(octets, sizeof(octets));
    struct name_buf name;
    char text[256];
    const struct tsig_params params = {
        .key_name = name_of(&name), .has_server_time = true, .error = TSIG_BADTIME};

    (void)state;
    memset(text, 'a', sizeof(text));
    text[63] = text[127] = text[191] = '.';
    assert_int_equal(name_from_text(text, 253, &name), RES_OK);
    build_header(&w, 1, 0);
    struct tsig_params longest = params;
    longest.key_name = name_of(&name);
    assert_int_equal(tsig_sign(&w, hmac, &longest, NULL, NULL), RES_OK);
    assert_int_equal(w.len, LIMIT_HEADER_OCTETS + LIMIT_TSIG_RR_OCTETS);
    hmac_free(&hmac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(the_header_s_id_is_not_signed),
        cmocka_unit_test(the_window),
        cmocka_unit_test(truncated_macs),
        cmocka_unit_test(the_order_of_the_checks),
        cmocka_unit_test(a_reply_is_bound_to_its_request),
        cmocka_unit_test(a_reply_of_several_messages),
        cmocka_unit_test(badtime_carries_the_server_s_time),
        cmocka_unit_test(unsigned_errors),
        cmocka_unit_test(records_are_read_exactly),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(the_largest_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

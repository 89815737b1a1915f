/* Replies to clients: what they carry, what they lose when they are too long, and who
 * gets a signature (T-9, T-12, T-14, T-15, D6, D8, U-15, I5, I7). */
#include "dns/build.h"
#include "dns/type.h"
#include "txn/reply.h"
#include "unit.h"

#define NOW_S    INT64_C(1795564800)
#define CLIENT_S UINT64_C(1795560000)
#define ID       0xbeef
#define TEXT     "host mx1.duckcorp.org has no grant for x.duckcorp.org TXT"

struct fixture {
    struct name_buf key_name;
    struct key key;
    struct gate_verified verified;
    uint8_t zone[LIMIT_NAME_OCTETS + 4];
    uint8_t octets[LIMIT_MESSAGE_OCTETS];
};

static struct fixture fixture;

static struct name_buf named(const char *text)
{
    struct name_buf buf;

    assert_int_equal(name_from_text(text, strlen(text), &buf), RES_OK);
    return buf;
}

static int setup(void **state)
{
    struct secret secret;

    (void)state;
    fixture.key_name = named("mx1.duckcorp.org");
    assert_int_equal(
        secret_from_octets((const uint8_t *)"0123456789abcdef", 16, &secret), RES_OK);
    fixture.key.name = name_of(&fixture.key_name);
    assert_int_equal(hmac_new(HMAC_SHA256, &secret, &fixture.key.hmac), RES_OK);
    secret_free(&secret);
    fixture.verified = (struct gate_verified){
        .is_verified = true,
        .key = &fixture.key,
        .request_mac = {.len = 32, .octets = {1, 2, 3}},
        .full_mac = {.len = 32, .octets = {1, 2, 3}},
        .time_signed_s = CLIENT_S,
        .fudge_s = 77,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hmac_free(&fixture.key.hmac);
    return 0;
}

/* The form of a request for zone (NULL: no question is kept). */
static struct reply_form form_of(enum opcode opcode, const char *zone, uint16_t edns)
{
    struct reply_form form = {
        .id = ID,
        .opcode = (uint8_t)opcode,
        .is_rd = true,
        .has_opt = edns != 0,
        .edns_udp_len = edns,
    };

    if (zone == NULL)
        return form;
    struct name_buf name = named(zone);
    struct writer w = writer_of(fixture.zone, sizeof(fixture.zone));
    writer_octets(&w, name.octets, name.len);
    writer_u16(&w, TYPE_SOA);
    writer_u16(&w, CLASS_IN);
    form.question = fixture.zone;
    form.question_len = (uint16_t)w.len;
    form.question_count = 1;
    return form;
}

/* A reply as a client sees it. */
struct seen {
    struct wire_msg msg;
    struct tsig tsig;
    enum reason verdict; /* of its TSIG, judged at the client */
    bool has_reason;     /* the reason TXT */
    char reason[600];
    int ede; /* -1: none */
    char ede_text[300];
};

static void see_opt(const struct wire_msg *msg, struct seen *seen)
{
    struct reader r = reader_of(msg->octets + msg->opt.rdata_at, msg->opt.rdata_len);

    if (msg->opt.rdata_len == 0)
        return;
    assert_int_equal(reader_u16(&r), 15);
    size_t len = reader_u16(&r);
    seen->ede = reader_u16(&r);
    const uint8_t *text = reader_octets(&r, len - 2);
    assert_false(r.failed);
    assert_int_equal(reader_left(&r), 0);
    memcpy(seen->ede_text, text, len - 2);
    seen->ede_text[len - 2] = '\0';
}

static void see_txt(const struct wire_msg *msg, const struct wire_rr *rr,
                    struct seen *seen)
{
    struct reader r = reader_of(msg->octets + rr->rdata_at, rr->rdata_len);
    struct name_buf owner, expected = named("reason.tsigate");
    struct writer w = writer_of((uint8_t *)seen->reason, sizeof(seen->reason) - 1);

    wire_owner(msg, rr, &owner);
    assert_true(name_equal(name_of(&owner), name_of(&expected)));
    assert_int_equal(rr->class, CLASS_IN);
    assert_int_equal(rr->ttl, 0);
    seen->has_reason = true;
    for (int i = 0; i < 2; i++) {
        size_t len = reader_u8(&r);
        writer_octets(&w, reader_octets(&r, len), len);
        writer_string(&w, i == 0 ? "|" : "");
    }
    assert_false(r.failed);
    assert_int_equal(reader_left(&r), 0);
    seen->reason[w.len] = '\0';
}

static void see(const struct writer *w, int64_t client_now_s, struct seen *seen)
{
    struct tsig_mac mac;

    *seen = (struct seen){.ede = -1};
    assert_int_equal(wire_walk(w->octets, w->len, false, &seen->msg), RES_OK);
    const struct wire_msg *msg = &seen->msg;
    size_t at = msg->section_at[SECTION_ADDITIONAL];
    for (unsigned i = 0; i < msg->header.counts[SECTION_ADDITIONAL]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_ADDITIONAL, &at, &rr);
        if (rr.type == TYPE_TXT)
            see_txt(msg, &rr, seen);
    }
    if (msg->has_opt)
        see_opt(msg, seen);
    if (!msg->has_tsig)
        return;
    assert_int_equal(tsig_read(msg, false, &seen->tsig), RES_OK);
    if (seen->tsig.mac_len > 0)
        seen->verdict =
            tsig_verify(msg, &seen->tsig, fixture.key.hmac,
                        &fixture.verified.request_mac, client_now_s, 300, &mac);
}

static void build(const struct reply_form *form, const struct reply *reply,
                  size_t limit, struct writer *w)
{
    *w = writer_of(fixture.octets, sizeof(fixture.octets));
    assert_int_equal(
        reply_build_signed(form, &fixture.verified, reply, NOW_S, limit, w), RES_OK);
    assert_true(w->len <= limit);
}

static struct reply refusal(void)
{
    return (struct reply){
        .reason = REASON_NAME_NOT_GRANTED, .rcode = RCODE_REFUSED, .text = TEXT};
}

static void test_refusal_explains_itself(void **state)
{
    struct reply_form form = form_of(OPCODE_UPDATE, "duckcorp.org", 1232);
    struct reply reply = refusal();
    struct writer w;
    struct seen seen;

    (void)state;
    build(&form, &reply, 1232, &w);
    see(&w, NOW_S, &seen);
    assert_int_equal(seen.msg.header.id, ID);
    assert_int_equal(seen.msg.header.flags, 0xa805); /* QR, UPDATE, REFUSED */
    assert_int_equal(seen.msg.header.counts[SECTION_ZONE], 1);
    assert_int_equal(seen.verdict, REASON_PERMITTED);
    assert_int_equal(seen.tsig.original_id, ID);
    assert_int_equal(seen.tsig.time_signed_s, NOW_S);
    assert_int_equal(seen.tsig.fudge_s, 300);
    assert_int_equal(seen.tsig.error, 0);
    assert_string_equal(seen.reason, "name-not-granted|" TEXT);
    assert_int_equal(seen.ede, 18);
    assert_string_equal(seen.ede_text, "name-not-granted: " TEXT);
}

struct words_case {
    const char *name;
    enum opcode opcode;
    const char *zone;
    uint16_t edns;
    struct reply reply;
    bool has_reason;
    int ede;
    bool has_ede_text;
};

static const struct words_case words_cases[] = {
    {"without OPT no EDE",
     OPCODE_UPDATE,
     "a.org",
     0,
     {.reason = REASON_TTL_NOT_ALLOWED, .rcode = RCODE_REFUSED, .text = TEXT},
     true,
     -1,
     false},
    {"without zone section no TXT",
     OPCODE_UPDATE,
     NULL,
     1232,
     {.reason = REASON_MESSAGE_MALFORMED, .rcode = RCODE_FORMERR, .text = TEXT},
     false,
     0,
     true},
    {"explain_refusals off",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_TTL_NOT_ALLOWED, .rcode = RCODE_REFUSED},
     false,
     18,
     false},
    {"permitted",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_PERMITTED, .rcode = RCODE_NOERROR, .text = TEXT},
     false,
     -1,
     false},
    {"repeated NOERROR",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_REPEATED, .rcode = RCODE_NOERROR, .text = TEXT},
     false,
     -1,
     false},
    {"undecided is never shown",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_UNDECIDED, .rcode = RCODE_SERVFAIL, .text = TEXT},
     false,
     0,
     false},
    {"a query's refusal has EDE alone",
     OPCODE_QUERY,
     "a.org",
     1232,
     {.reason = REASON_QUERY_NOT_ALLOWED, .rcode = RCODE_REFUSED, .text = TEXT},
     false,
     18,
     true},
    {"outcome unknown",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_OUTCOME_UNKNOWN, .rcode = RCODE_SERVFAIL, .text = TEXT},
     true,
     23,
     true},
    {"the client's prerequisite failed",
     OPCODE_UPDATE,
     "a.org",
     1232,
     {.reason = REASON_PREREQUISITE_FAILED, .rcode = RCODE_NXRRSET, .text = TEXT},
     true,
     -1,
     false},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(words_cases); i++) {
        const struct words_case *c = &words_cases[i];
        struct reply_form form = form_of(c->opcode, c->zone, c->edns);
        struct writer w;
        struct seen seen;

        print_message("  %s\n", c->name);
        build(&form, &c->reply, 1232, &w);
        see(&w, NOW_S, &seen);
        assert_int_equal(seen.verdict, REASON_PERMITTED);
        assert_int_equal(seen.msg.header.rcode, c->reply.rcode);
        assert_int_equal(seen.has_reason, c->has_reason);
        assert_int_equal(seen.ede, c->ede);
        assert_int_equal(seen.ede_text[0] != '\0', c->has_ede_text);
        assert_int_equal(seen.msg.has_opt, c->edns != 0);
    }
}

struct flags_case {
    const char *name;
    enum opcode opcode;
    uint16_t extra;
    enum rcode rcode;
    uint16_t flags;
};

static const struct flags_case flags_cases[] = {
    {"an UPDATE's RD is not echoed", OPCODE_UPDATE, 0, RCODE_NOERROR, 0xa800},
    {"a QUERY's RD is, RA never", OPCODE_QUERY, 0, RCODE_REFUSED, 0x8105},
    {"AA", OPCODE_QUERY, FLAG_AA, RCODE_NOERROR, 0x8500},
    {"TC", OPCODE_QUERY, FLAG_TC, RCODE_NOERROR, 0x8300},
};

static void test_flags(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(flags_cases); i++) {
        const struct flags_case *c = &flags_cases[i];
        struct reply_form form = form_of(c->opcode, "duckcorp.org", 0);
        struct reply reply = {
            .reason = REASON_PERMITTED, .rcode = c->rcode, .extra_flags = c->extra};
        struct writer w;
        struct seen seen;

        print_message("  %s\n", c->name);
        build(&form, &reply, 512, &w);
        see(&w, NOW_S, &seen);
        assert_int_equal(seen.msg.header.flags, c->flags);
    }
}

/* T-9: the client can verify it by its own clock only. */
static void test_badtime(void **state)
{
    struct reply_form form = form_of(OPCODE_UPDATE, "duckcorp.org", 0);
    struct reply reply = {.reason = REASON_TIME_SKEW, .rcode = RCODE_NOTAUTH};
    struct writer w;
    struct seen seen;

    (void)state;
    build(&form, &reply, 512, &w);
    see(&w, (int64_t)CLIENT_S, &seen);
    assert_int_equal(seen.verdict, REASON_PERMITTED);
    assert_int_equal(seen.tsig.error, TSIG_BADTIME);
    assert_int_equal(seen.tsig.time_signed_s, CLIENT_S);
    assert_int_equal(seen.tsig.fudge_s, 77);
    assert_int_equal(seen.tsig.other_len, 6);
    struct reader r = reader_of(seen.tsig.other, 6);
    assert_int_equal(reader_u48(&r), NOW_S);
}

/* The request's MAC is in the digest: no reply serves another request (T-12, T-23). */
static void test_reply_is_bound_to_its_request(void **state)
{
    struct reply_form form = form_of(OPCODE_UPDATE, "duckcorp.org", 0);
    struct reply reply = {.reason = REASON_PERMITTED, .rcode = RCODE_NOERROR};
    struct writer w;
    struct seen seen;

    (void)state;
    build(&form, &reply, 512, &w);
    fixture.verified.request_mac.octets[0] ^= 1;
    see(&w, NOW_S, &seen);
    fixture.verified.request_mac.octets[0] ^= 1;
    assert_int_equal(seen.verdict, REASON_MAC_BAD);
}

/* The order in which an UPDATE's reply loses its parts: TXT, EDE text, zone section;
 * never the RCODE. */
static void test_update_shrinks(void **state)
{
    struct reply_form form = form_of(OPCODE_UPDATE, "duckcorp.org", 1232);
    struct reply reply = refusal();
    struct writer w;
    struct seen seen;
    unsigned last = 0, stages = 0;

    (void)state;
    for (size_t limit = 1232; limit > 0; limit--) {
        w = writer_of(fixture.octets, sizeof(fixture.octets));
        enum result result =
            reply_build_signed(&form, &fixture.verified, &reply, NOW_S, limit, &w);
        if (result == RES_EMEM)
            break;
        assert_int_equal(result, RES_OK);
        assert_true(w.len <= limit);
        see(&w, NOW_S, &seen);
        assert_int_equal(seen.verdict, REASON_PERMITTED);
        assert_int_equal(seen.msg.header.rcode, RCODE_REFUSED);
        assert_false(seen.msg.header.flags & FLAG_TC);
        unsigned now = (unsigned)seen.has_reason * 4 +
                       (unsigned)(seen.ede_text[0] != '\0') * 2 +
                       seen.msg.header.counts[SECTION_ZONE];
        assert_true(last == 0 || now <= last);
        stages += now != last;
        last = now;
    }
    assert_int_equal(last, 0);
    assert_int_equal(stages, 4);
}

/* T-14: with the longest of all names everywhere, 512 octets still carry the RCODE. */
static void test_the_worst_fits_a_datagram(void **state)
{
    static const char longest[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
        "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."
        "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
    struct reply_form form = form_of(OPCODE_UPDATE, longest, 512);
    struct reply reply = {
        .reason = REASON_TIME_SKEW, .rcode = RCODE_NOTAUTH, .text = TEXT};
    struct name_buf name = named(longest);
    struct key saved = fixture.key;
    struct secret secret;
    struct writer w;
    struct seen seen;

    (void)state;
    assert_int_equal(name.len, 255);
    assert_int_equal(
        secret_from_octets((const uint8_t *)"0123456789abcdef", 16, &secret), RES_OK);
    fixture.key.name = name_of(&name);
    assert_int_equal(hmac_new(HMAC_SHA512, &secret, &fixture.key.hmac), RES_OK);
    secret_free(&secret);
    build(&form, &reply, 512, &w);
    see(&w, (int64_t)CLIENT_S, &seen);
    assert_int_equal(seen.msg.header.rcode, RCODE_NOTAUTH);
    assert_int_equal(seen.verdict, REASON_PERMITTED);
    hmac_free(&fixture.key.hmac);
    fixture.key = saved;
}

/* RFC 8945 5.3: a QUERY's reply that is too long is truncated, and says NOERROR. */
static void test_query_truncates(void **state)
{
    struct reply_form form = form_of(OPCODE_QUERY, "duckcorp.org", 0);
    struct name_buf owner = named("x.duckcorp.org");
    uint8_t text[201] = {200};
    struct reply_rr rrs[3];
    struct reply reply = {.reason = REASON_PERMITTED,
                          .rcode = RCODE_NOERROR,
                          .extra_flags = FLAG_AA,
                          .rrs = rrs,
                          .rr_count = 3};
    struct writer w;
    struct seen seen;

    (void)state;
    for (int i = 0; i < 3; i++)
        rrs[i] = (struct reply_rr){.section = SECTION_PREREQUISITE,
                                   .owner = name_of(&owner),
                                   .type = TYPE_TXT,
                                   .ttl = 60,
                                   .rdata = {text, sizeof(text)}};
    build(&form, &reply, LIMIT_MESSAGE_OCTETS, &w);
    see(&w, NOW_S, &seen);
    assert_int_equal(seen.msg.header.counts[SECTION_PREREQUISITE], 3);
    assert_int_equal(seen.msg.header.flags & (FLAG_AA | FLAG_TC), FLAG_AA);

    build(&form, &reply, 512, &w);
    see(&w, NOW_S, &seen);
    assert_int_equal(seen.msg.header.counts[SECTION_PREREQUISITE], 0);
    assert_int_equal(seen.msg.header.counts[SECTION_ZONE], 1);
    assert_true(seen.msg.header.flags & FLAG_TC);
    assert_int_equal(seen.verdict, REASON_PERMITTED);
}

/* I5 */
static void test_nothing_is_signed_for_who_did_not_verify(void **state)
{
    struct reply_form form = form_of(OPCODE_UPDATE, "duckcorp.org", 0);
    struct reply reply = refusal();
    struct gate_verified forged = fixture.verified;
    struct writer w = writer_of(fixture.octets, sizeof(fixture.octets));

    (void)state;
    forged.is_verified = false;
    assert_int_equal(reply_build_signed(&form, &forged, &reply, NOW_S, 512, &w),
                     RES_EBUG);
    assert_int_equal(w.len, 0);
}

struct unsigned_case {
    const char *name;
    enum opcode opcode;
    bool has_tsig;
    uint16_t edns;
    enum reason reason;
    uint16_t question, opt, tsig; /* what the reply has of each */
};

static const struct unsigned_case unsigned_cases[] = {
    {"malformed: the header alone", OPCODE_UPDATE, false, 0, REASON_MESSAGE_MALFORMED,
     0, 0, 0},
    {"malformed, with OPT", OPCODE_QUERY, false, 1232, REASON_MESSAGE_MALFORMED, 0, 0,
     0},
    {"an unsigned UPDATE", OPCODE_UPDATE, false, 0, REASON_UPDATE_UNSIGNED, 0, 0, 0},
    {"an unsigned UPDATE with OPT", OPCODE_UPDATE, false, 1232, REASON_UPDATE_UNSIGNED,
     0, 1, 0},
    {"an unserved opcode", (enum opcode)4, false, 0, REASON_OPCODE_NOT_SERVED, 0, 0, 0},
    {"BADKEY", OPCODE_UPDATE, true, 1232, REASON_KEY_UNKNOWN, 0, 1, 1},
    {"BADKEY, expired", OPCODE_UPDATE, true, 0, REASON_KEY_EXPIRED, 0, 0, 1},
    {"BADSIG of a QUERY", OPCODE_QUERY, true, 1232, REASON_MAC_BAD, 0, 1, 1},
    {"a MAC size that is not legal", OPCODE_UPDATE, true, 0, REASON_MESSAGE_MALFORMED,
     0, 0, 0},
    {"BADVERS", OPCODE_UPDATE, false, 1232, REASON_EDNS_VERSION, 0, 1, 0},
    {"BADVERS of a QUERY", OPCODE_QUERY, false, 1232, REASON_EDNS_VERSION, 0, 1, 0},
    {"an anonymous QUERY", OPCODE_QUERY, false, 0, REASON_PERMITTED, 1, 0, 0},
    {"an anonymous QUERY with OPT", OPCODE_QUERY, false, 1232, REASON_PERMITTED, 1, 1,
     0},
    {"refused", OPCODE_QUERY, false, 1232, REASON_QUERY_NOT_ALLOWED, 1, 1, 0},
};

static void test_unsigned(void **state)
{
    struct gate_claimed claimed = {.key_name = named("who.example"),
                                   .algorithm = named("hmac-sha256"),
                                   .time_signed_s = CLIENT_S,
                                   .fudge_s = 99};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(unsigned_cases); i++) {
        const struct unsigned_case *c = &unsigned_cases[i];
        struct reply_form form = form_of(c->opcode, "duckcorp.org", c->edns);
        const struct outcome *outcome = outcome_of(c->reason);
        struct reply reply = {
            .reason = c->reason, .rcode = outcome->rcode, .text = TEXT};
        struct writer w = writer_of(fixture.octets, sizeof(fixture.octets));
        struct seen seen;

        print_message("  %s\n", c->name);
        claimed.has_tsig = c->has_tsig;
        assert_int_equal(reply_build_unsigned(&form, &claimed, &reply, 512, &w),
                         RES_OK);
        see(&w, NOW_S, &seen);
        assert_int_equal(seen.msg.header.counts[SECTION_ZONE], c->question);
        assert_int_equal(seen.msg.header.counts[SECTION_ADDITIONAL], c->opt + c->tsig);
        assert_int_equal(seen.msg.has_opt, c->opt);
        assert_int_equal(seen.ede, -1);
        assert_int_equal(seen.msg.header.rcode, outcome->rcode & 15);
        if (c->opt)
            assert_int_equal(seen.msg.opt.ttl >> 24, outcome->rcode >> 4);
        assert_int_equal(seen.msg.has_tsig, c->tsig);
        if (c->tsig) {
            assert_int_equal(seen.tsig.mac_len, 0);
            assert_int_equal(seen.tsig.error, outcome->tsig_error);
            assert_int_equal(seen.tsig.time_signed_s, CLIENT_S);
            assert_int_equal(seen.tsig.fudge_s, 99);
            assert_true(
                name_equal(name_of(&seen.tsig.key_name), name_of(&claimed.key_name)));
            assert_true(
                name_equal(name_of(&seen.tsig.algorithm), name_of(&claimed.algorithm)));
            assert_int_equal(seen.tsig.original_id, ID);
        }
        /* I7: one octet less, and nothing is said. */
        size_t len = w.len;
        w = writer_of(fixture.octets, sizeof(fixture.octets));
        assert_int_equal(reply_build_unsigned(&form, &claimed, &reply, len - 1, &w),
                         RES_EMEM);
        assert_int_equal(w.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusal_explains_itself),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_badtime),
        cmocka_unit_test(test_reply_is_bound_to_its_request),
        cmocka_unit_test(test_update_shrinks),
        cmocka_unit_test(test_the_worst_fits_a_datagram),
        cmocka_unit_test(test_query_truncates),
        cmocka_unit_test(test_nothing_is_signed_for_who_did_not_verify),
        cmocka_unit_test(test_unsigned),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

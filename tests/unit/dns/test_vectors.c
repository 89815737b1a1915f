/*
 * Messages that other implementations signed (tests/vectors): each verifies, and of its
 * single-bit changes none does but those that TSIG leaves open (T-4).
 */
#include <stdbool.h>
#include <stdlib.h>

#include "base/secret.h"
#include "dns/tsig.h"
#include "message.h"

#define KEYS      8
#define MAX_FUDGE 300
#define MESSAGE   4096

struct key {
    struct name_buf name;
    struct hmac *hmac;
};

static struct key keys[KEYS];
static size_t key_count;

static FILE *open_vector(const char *file)
{
    char path[1024];
    const char *srcdir = getenv("srcdir");

    (void)snprintf(path, sizeof(path), "%s/tests/vectors/%s",
                   srcdir == NULL ? "." : srcdir, file);
    FILE *opened = fopen(path, "r");
    if (opened == NULL)
        fail_msg("cannot open %s", path);
    return opened;
}

static int read_keys(void **state)
{
    FILE *file = open_vector("keys.conf");
    char name[256], algorithm[64], base64[256];

    (void)state;
    while (fscanf(file,
                  " key \"%255[^\"]\" { algorithm %63[^;]; secret \"%255[^\"]\" ; } ;",
                  name, algorithm, base64) == 3) {
        struct key *key = &keys[key_count++];
        struct secret secret;
        enum hmac_algorithm known;
        message_name(name, &key->name);
        assert_int_equal(hmac_algorithm_from_text(algorithm, &known), RES_OK);
        assert_int_equal(secret_from_base64(base64, strlen(base64), &secret), RES_OK);
        assert_int_equal(hmac_new(known, &secret, &key->hmac), RES_OK);
        secret_free(&secret);
    }
    (void)fclose(file);
    return key_count == 4 ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    while (key_count > 0)
        hmac_free(&keys[--key_count].hmac);
    return 0;
}

static const struct key *find_key(const struct tsig *tsig)
{
    for (size_t i = 0; i < key_count; i++) {
        struct name algorithm = hmac_algorithm_name(hmac_algorithm_of(keys[i].hmac));
        if (name_equal(name_of(&keys[i].name), name_of(&tsig->key_name)) &&
            name_equal(algorithm, name_of(&tsig->algorithm)))
            return &keys[i];
    }
    return NULL;
}

struct line {
    char client[64];
    int64_t time_s;
    bool is_request;
    size_t len;
    uint8_t octets[MESSAGE];
};

static bool read_line(FILE *file, struct line *line)
{
    static char hex[2 * MESSAGE + 1];
    char direction[4];
    long long time_s;

    if (fscanf(file, "%63s %lld %*s %3s %8192s", line->client, &time_s, direction,
               hex) != 4)
        return false;
    line->time_s = time_s;
    line->is_request = strcmp(direction, "->") == 0;
    line->len = unit_from_hex(hex, line->octets, sizeof(line->octets));
    return true;
}

/* P2 to P8 as far as this floor has them. */
static enum reason judge(const uint8_t *octets, size_t len, bool is_request,
                         const struct tsig_mac *prior, int64_t now_s,
                         struct tsig_mac *full_mac)
{
    struct wire_msg msg;
    struct tsig tsig;

    if (wire_walk(octets, len, is_request, &msg) != RES_OK)
        return REASON_MESSAGE_MALFORMED;
    if (!msg.has_tsig)
        return REASON_UPDATE_UNSIGNED;
    if (tsig_read(&msg, is_request, &tsig) != RES_OK)
        return REASON_MESSAGE_MALFORMED;
    const struct key *key = find_key(&tsig);
    if (key == NULL)
        return REASON_KEY_UNKNOWN;
    return tsig_verify(&msg, &tsig, key->hmac, prior, now_s, MAX_FUDGE, full_mac);
}

static enum reason judge_request(const struct line *line, const uint8_t *octets)
{
    struct tsig_mac ignored;

    return judge(octets, line->len, true, NULL, line->time_s, &ignored);
}

/* One client offered hmac-md5 in spite of its setting; to unknown keys the server gave
 * BADKEY, unsigned (RFC 8945 5.3.2). Everything else verifies. */
static enum reason expected_reason(const struct line *line)
{
    struct wire_msg msg;
    struct tsig tsig;

    assert_int_equal(wire_walk(line->octets, line->len, line->is_request, &msg),
                     RES_OK);
    if (!msg.has_tsig)
        return REASON_UPDATE_UNSIGNED;
    if (strcmp(line->client, "x-certbot-lowercase-alg") == 0)
        return REASON_KEY_UNKNOWN;
    assert_int_equal(tsig_read(&msg, line->is_request, &tsig), RES_OK);
    if (!line->is_request && tsig.error == TSIG_BADKEY)
        return REASON_MESSAGE_MALFORMED;
    return REASON_PERMITTED;
}

/* A request and the reply that follows it, whose digest takes the request's MAC. */
static void other_implementations_agree(void **state)
{
    FILE *file = open_vector("client-messages.txt");
    struct tsig_mac request_mac = {0}, reply_mac;
    static struct line line;
    size_t requests = 0, replies = 0;

    (void)state;
    while (read_line(file, &line)) {
        enum reason reason = judge(line.octets, line.len, line.is_request,
                                   line.is_request ? NULL : &request_mac, line.time_s,
                                   line.is_request ? &request_mac : &reply_mac);
        if (reason != expected_reason(&line))
            fail_msg("%s at %lld: %s", line.client, (long long)line.time_s,
                     outcome_of(reason)->name);
        if (reason == REASON_PERMITTED)
            *(line.is_request ? &requests : &replies) += 1;
    }
    (void)fclose(file);
    assert_int_equal(requests, 107);
    assert_int_equal(replies, 94);
}

struct span {
    size_t from;
    size_t to;
};

static bool is_in(struct span span, size_t at)
{
    return at >= span.from && at < span.to;
}

/* What of one message TSIG leaves open: the ID, and the names in the TSIG, which are
 * digested in canonical form. */
struct open_parts {
    struct span owner;     /* in place, with its pointer */
    struct span algorithm; /* likewise */
    struct tsig tsig;      /* of the unchanged message */
};

static struct open_parts find_open_parts(const struct line *line)
{
    struct open_parts parts;
    struct wire_msg msg;
    struct name_buf ignored;

    assert_int_equal(wire_walk(line->octets, line->len, true, &msg), RES_OK);
    assert_int_equal(tsig_read(&msg, true, &parts.tsig), RES_OK);
    size_t at = msg.tsig.at;
    assert_int_equal(wire_name(&msg, &at, msg.len, true, &ignored), RES_OK);
    parts.owner = (struct span){msg.tsig.at, at};
    at = msg.tsig.rdata_at;
    assert_int_equal(wire_name(&msg, &at, msg.len, false, &ignored), RES_OK);
    parts.algorithm = (struct span){msg.tsig.rdata_at, at};
    return parts;
}

/* Whether the bit may change without a trace: header ID; in the two names, what leaves
 * them the same names (letter case, another pointer to the same name). */
static bool is_left_open(const struct open_parts *parts, const uint8_t *changed,
                         size_t len, size_t at)
{
    struct wire_msg msg;
    struct tsig tsig;

    if (at < 2)
        return true;
    if (!is_in(parts->owner, at) && !is_in(parts->algorithm, at))
        return false;
    return wire_walk(changed, len, true, &msg) == RES_OK && msg.has_tsig &&
           tsig_read(&msg, true, &tsig) == RES_OK &&
           name_equal(name_of(&tsig.key_name), name_of(&parts->tsig.key_name)) &&
           name_equal(name_of(&tsig.algorithm), name_of(&parts->tsig.algorithm));
}

static bool is_letter(uint8_t octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static void no_bit_changes_unseen(void **state)
{
    FILE *file = open_vector("client-messages.txt");
    static struct line line;
    size_t bits = 0, open_bits = 0;

    (void)state;
    while (read_line(file, &line)) {
        if (!line.is_request || judge_request(&line, line.octets) != REASON_PERMITTED)
            continue;
        struct open_parts parts = find_open_parts(&line);
        size_t expected = 16;
        for (size_t at = parts.owner.from; at < parts.owner.to; at++)
            expected += is_letter(line.octets[at]) ? 1 : 0;
        for (size_t at = parts.algorithm.from; at < parts.algorithm.to; at++)
            expected += is_letter(line.octets[at]) ? 1 : 0;
        size_t open_here = 0;
        for (size_t bit = 0; bit < 8 * line.len; bit++) {
            line.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool passes = judge_request(&line, line.octets) == REASON_PERMITTED;
            bool is_open = is_left_open(&parts, line.octets, line.len, bit / 8);
            line.octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (passes != is_open)
                fail_msg("%s at %lld: bit %zu of octet %zu %s", line.client,
                         (long long)line.time_s, bit % 8, bit / 8,
                         passes ? "may be changed" : "should be left open");
            open_here += is_open ? 1 : 0;
            bits++;
        }
        /* Sixteen of the ID and one for each letter: nothing else. */
        assert_case(line.client, open_here == expected);
        open_bits += open_here;
    }
    (void)fclose(file);
    assert_int_equal(bits, 155648);
    assert_int_equal(open_bits, 3319);
}

/* W-2: nothing may be cut off or added. */
static void no_octet_is_missing_or_left_over(void **state)
{
    FILE *file = open_vector("client-messages.txt");
    static struct line line;
    struct wire_msg msg;

    (void)state;
    while (read_line(file, &line)) {
        assert_int_equal(wire_walk(line.octets, line.len, line.is_request, &msg),
                         RES_OK);
        for (size_t len = 0; len < line.len; len++) {
            /* A copy of its own, so that a read behind it is seen by the sanitizer. */
            uint8_t *cut = malloc(len + 1);
            assert_non_null(cut);
            memcpy(cut, line.octets, len);
            assert_int_equal(wire_walk(cut, len, line.is_request, &msg), RES_EFORMAT);
            free(cut);
        }
        line.octets[line.len] = 0;
        assert_int_equal(wire_walk(line.octets, line.len + 1, line.is_request, &msg),
                         RES_EFORMAT);
    }
    (void)fclose(file);
}

/* T-13: a reply belongs to one request. */
static void a_reply_verifies_under_its_request_alone(void **state)
{
    FILE *file = open_vector("client-messages.txt");
    struct tsig_mac request_mac = {0}, ignored;
    static struct line line;

    (void)state;
    while (read_line(file, &line)) {
        if (line.is_request) {
            (void)judge(line.octets, line.len, true, NULL, line.time_s, &request_mac);
            continue;
        }
        if (judge(line.octets, line.len, false, &request_mac, line.time_s, &ignored) !=
            REASON_PERMITTED)
            continue;
        request_mac.octets[0] ^= 1;
        assert_int_equal(
            judge(line.octets, line.len, false, &request_mac, line.time_s, &ignored),
            REASON_MAC_BAD);
        assert_int_equal(
            judge(line.octets, line.len, false, NULL, line.time_s, &ignored),
            REASON_MAC_BAD);
    }
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_implementations_agree),
        cmocka_unit_test(no_bit_changes_unseen),
        cmocka_unit_test(no_octet_is_missing_or_left_over),
        cmocka_unit_test(a_reply_verifies_under_its_request_alone),
    };
    return cmocka_run_group_tests(tests, read_keys, free_keys);
}

/* Clients' messages, written and, as replies, read. */
#include "ask.h"

#include "../unit/unit.h"

#include <stdlib.h>

#include "dns/build.h"
#include "dns/text.h"
#include "dns/type.h"

#define ASK_FUDGE_S     300
#define ASK_PORT        20000
#define ASK_CONNECTIONS 10000 /* the numbers of shared ones, and their ports */
#define UNKNOWN_KEY     "nobody.example"
#define DEFAULT_FROM    "192.0.2.25"

const char *token(unsigned n)
{
    static char texts[16][48];
    char *text = texts[n % COUNT_OF(texts)];

    snprintf(text, sizeof(texts[0]), "\"%042uA\"", n);
    return text;
}

static struct name_buf named(const char *text)
{
    struct name_buf buf;

    if (name_from_text(text, strlen(text), &buf) != RES_OK)
        fail_msg("bad name in a test: %s", text);
    return buf;
}

static uint16_t typed(const char *text)
{
    uint16_t type;

    if (strcmp(text, "ANY") == 0)
        return TYPE_ANY;
    if (type_from_name(text, &type) != RES_OK)
        fail_msg("bad type in a test: %s", text);
    return type;
}

static uint16_t class_of(const struct item *item)
{
    static const uint16_t classes[UPDATE_OPS] = {
        [UPDATE_ADD] = CLASS_IN,           [UPDATE_DELETE] = CLASS_NONE,
        [UPDATE_DELETE_RRSET] = CLASS_ANY, [UPDATE_DELETE_NAME] = CLASS_ANY,
        [UPDATE_PREREQ] = CLASS_ANY,       [UPDATE_PREREQ_ANY] = CLASS_ANY,
    };

    return item->class != 0 ? item->class : classes[item->op];
}

static void write_item(struct writer *w, const struct item *item)
{
    struct name_buf owner = named(item->owner);
    uint16_t type = typed(item->type);
    struct rdata rdata = {.len = 0};
    struct arena arena;

    arena_init(&arena, 1024, 0);
    if (item->value != NULL &&
        rdata_from_text(type, item->value, &arena, &rdata) != RES_OK)
        fail_msg("bad value in a test: %s", item->value);
    build_rr(w, update_op_is_prereq(item->op) ? SECTION_PREREQUISITE : SECTION_UPDATE,
             name_of(&owner), type, class_of(item), item->ttl, &rdata);
    arena_fini(&arena);
}

static void push_effect(struct ask *ask, enum update_op op,
                        const struct site_right *right, const char *value)
{
    struct effect *effect = &ask->effects[ask->effect_count++];
    struct rdata rdata = {.len = 0};
    struct arena arena;

    assert_true(ask->effect_count <= ASK_EFFECTS);
    *effect = (struct effect){.op = op,
                              .target = named(right->target),
                              .type = typed(right->type),
                              .ttl_max = right->ttl_max};
    arena_init(&arena, 1024, 0);
    if (value != NULL)
        assert_int_equal(rdata_from_text(effect->type, value, &arena, &rdata), RES_OK);
    assert_true(rdata.len <= sizeof(effect->rdata));
    effect->rdata_len = rdata.len;
    if (rdata.len > 0)
        memcpy(effect->rdata, rdata.octets, rdata.len);
    arena_fini(&arena);
}

/* What the item is to become, by the site's own list of rights; false: the host may
 * not. A whole name goes as the types that its host may delete there. */
static bool add_effect(struct ask *ask, const char *key, const struct item *item)
{
    bool is_name = item->op == UPDATE_DELETE_NAME;
    const struct site_right *right =
        site_right_of(key, item->owner, is_name ? "A" : item->type);

    if (right == NULL)
        return false;
    if (update_op_is_prereq(item->op))
        return true;
    push_effect(ask, is_name ? UPDATE_DELETE_RRSET : item->op, right, item->value);
    if (is_name)
        push_effect(ask, UPDATE_DELETE_RRSET, site_right_of(key, item->owner, "TXT"),
                    NULL);
    return true;
}

static void write_update(struct ask *ask, const struct wish *wish, struct writer *w)
{
    struct name_buf zone =
        named(wish->zone == NULL ? "_kage.duckcorp.org" : wish->zone);

    ask->is_update = true;
    ask->is_authorised = wish->key != NULL;
    build_header(w, ask->id, OPCODE_UPDATE << 11);
    build_question(w, name_of(&zone), TYPE_SOA, CLASS_IN);
    for (size_t i = 0; i < WISH_ITEMS && wish->items[i].owner != NULL; i++) {
        const struct item *item = &wish->items[i];
        write_item(w, item);
        if (ask->is_authorised && !add_effect(ask, wish->key, item))
            ask->is_authorised = false;
    }
}

static void write_query(struct ask *ask, const struct wish *wish, struct writer *w)
{
    struct name_buf name = named(wish->query);

    build_header(w, ask->id, FLAG_RD);
    build_question(w, name_of(&name), typed(wish->query_type), CLASS_IN);
}

static void sign(struct ask *ask, const struct wish *wish, int64_t now_s,
                 struct writer *w)
{
    struct name_buf key = named(wish->has_unknown_key ? UNKNOWN_KEY : wish->key);
    const struct tsig_params params = {
        .key_name = name_of(&key),
        .time_signed_s = (uint64_t)(now_s - wish->signed_ago_s),
        .fudge_s = wish->fudge_s != 0 ? wish->fudge_s : ASK_FUDGE_S,
        .original_id = ask->id,
    };

    ask->hmac = site_hmac(wish->key);
    assert_int_equal(tsig_sign(w, ask->hmac, &params, NULL, &ask->mac), RES_OK);
    ask->is_genuine = !wish->has_bad_mac && !wish->has_unknown_key;
    if (wish->has_bad_mac)
        w->octets[w->len - 7] ^= 1;
}

/* Octets changed on the way, before the TSIG and behind the ID: whatever it is then,
 * nobody signed it. */
static void disturb(struct ask *ask, const struct wish *wish, size_t len)
{
    uint32_t dice = wish->noise;

    for (unsigned i = 0; i < 1 + wish->noise % 3; i++) {
        dice = dice * 1664525u + 1013904223u;
        ask->octets[2 + (dice >> 8) % (len - 2)] += (uint8_t)(1 + i); /* never undone */
    }
    ask->is_genuine = false;
    ask->is_authorised = false;
    ask->is_update = (ask->octets[2] >> 3 & 15) == OPCODE_UPDATE;
}

/* Another one for each message; the first is not 0. */
static uint16_t id_of(unsigned n)
{
    return (uint16_t)((n + 1) * 40503u);
}

struct ask *ask_new(const struct wish *wish, unsigned n, int64_t now_s)
{
    struct ask *ask = calloc(1, sizeof(*ask));
    assert_non_null(ask);
    struct writer w = writer_of(ask->octets, sizeof(ask->octets));

    ask->original = ask;
    ask->key = wish->key;
    ask->ede = -1;
    ask->id = id_of(n);
    ask->client.transport = wish->is_tcp ? TRANSPORT_TCP : TRANSPORT_UDP;
    ask->client.connection = wish->is_tcp ? n + 1 : 0;
    const char *from = wish->from != NULL ? wish->from : DEFAULT_FROM;
    assert_int_equal(addr_parse(from, &ask->client.peer), RES_OK);
    ask->client.peer.port = (uint16_t)(ASK_PORT + n);
    if (wish->is_tcp && wish->connection != 0) {
        ask->client.connection = ASK_CONNECTIONS + wish->connection;
        ask->client.peer.port = (uint16_t)(ASK_CONNECTIONS + wish->connection);
    }
    if (wish->query != NULL)
        write_query(ask, wish, &w);
    else
        write_update(ask, wish, &w);
    if (wish->edns != 0)
        build_opt(&w, wish->edns, RCODE_NOERROR, -1, NULL);
    size_t signed_len = w.len;
    if (wish->key != NULL)
        sign(ask, wish, now_s, &w);
    assert_false(w.failed);
    ask->len = w.len;
    if (wish->noise != 0)
        disturb(ask, wish, signed_len);
    return ask;
}

struct ask *ask_of_octets(const uint8_t *octets, size_t len, unsigned n)
{
    struct ask *ask = ask_new(&(struct wish){.query = ".", .query_type = "SOA"}, n, 0);

    assert_true(len >= LIMIT_HEADER_OCTETS && len <= sizeof(ask->octets));
    memcpy(ask->octets + 2, octets + 2, len - 2);
    ask->len = len;
    ask->is_update = (ask->octets[2] >> 3 & 15) == OPCODE_UPDATE;
    return ask;
}

struct ask *ask_copy(const struct ask *ask, unsigned n, bool same_client)
{
    struct ask *copy = calloc(1, sizeof(*copy));
    assert_non_null(copy);

    memcpy(copy->octets, ask->octets, ask->len);
    copy->len = ask->len;
    copy->id = id_of(n);
    copy->octets[0] = (uint8_t)(copy->id >> 8);
    copy->octets[1] = (uint8_t)copy->id;
    copy->client = ask->client;
    if (!same_client) {
        copy->client.peer.port = (uint16_t)(ASK_PORT + n);
        copy->client.connection = ask->client.connection != 0 ? n + 1 : 0;
    }
    copy->key = ask->key;
    copy->hmac = ask->hmac;
    copy->mac = ask->mac;
    copy->is_genuine = ask->is_genuine;
    copy->is_update = ask->is_update;
    copy->is_authorised = ask->is_authorised;
    copy->original = ask->original;
    copy->ede = -1;
    return copy;
}

void ask_free(struct ask *ask)
{
    if (ask->original == ask)
        hmac_free(&ask->hmac);
    free(ask);
}

/* ---- replies ---- */

/* One character-string (RFC 1035 3.3). */
static void read_string(struct reader *r, char *out, size_t capacity)
{
    size_t len = reader_u8(r);
    const uint8_t *octets = reader_octets(r, len);

    assert_non_null(octets);
    assert_true(len < capacity);
    memcpy(out, octets, len);
    out[len] = '\0';
}

static void read_reason(struct ask *ask, const struct wire_rr *rr)
{
    struct reader r = reader_of(ask->reply + rr->rdata_at, rr->rdata_len);

    read_string(&r, ask->reason, sizeof(ask->reason));
    read_string(&r, ask->text, sizeof(ask->text));
    assert_false(r.failed);
}

static void read_opt(struct ask *ask)
{
    const struct wire_rr *opt = &ask->msg.opt;
    struct reader r = reader_of(ask->reply + opt->rdata_at, opt->rdata_len);

    ask->rcode |= (enum rcode)(opt->ttl >> 24 << 4);
    if (reader_left(&r) < 6)
        return;
    assert_int_equal(reader_u16(&r), 15);
    reader_skip(&r, 2);
    ask->ede = reader_u16(&r);
}

/* I5: a signature is only ever for this message, and it verifies. BADTIME's is of the
 * client's own time (T-9). */
static void read_tsig(struct ask *ask, int64_t now_s)
{
    struct tsig tsig;
    struct tsig_mac mac;

    assert_int_equal(tsig_read(&ask->msg, false, &tsig), RES_OK);
    ask->tsig_error = tsig.error;
    if (tsig.mac_len == 0)
        return;
    ask->is_signed = true;
    assert_true(ask->is_genuine);
    if (tsig.error == TSIG_BADTIME) {
        struct reader other = reader_of(tsig.other, tsig.other_len);
        assert_int_equal(reader_u48(&other), now_s); /* T-9 */
        now_s = (int64_t)tsig.time_signed_s;
    }
    assert_int_equal(
        tsig_verify(&ask->msg, &tsig, ask->hmac, &ask->mac, now_s, ASK_FUDGE_S, &mac),
        REASON_PERMITTED);
}

void ask_read_reply(struct ask *ask, const uint8_t *octets, size_t len, int64_t now_s)
{
    memcpy(ask->reply, octets, len);
    assert_int_equal(wire_walk(ask->reply, len, false, &ask->msg), RES_OK);
    const struct wire_msg *msg = &ask->msg;
    assert_int_equal(msg->header.id, ask->id);
    assert_true(msg->header.flags & FLAG_QR);
    assert_int_equal(msg->header.opcode, ask->octets[2] >> 3 & 15);
    ask->rcode = (enum rcode)msg->header.rcode;
    if (msg->has_opt)
        read_opt(ask);
    if (msg->has_tsig)
        read_tsig(ask, now_s);
    size_t at = msg->section_at[SECTION_ADDITIONAL];
    for (unsigned i = 0; i < msg->header.counts[SECTION_ADDITIONAL]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_ADDITIONAL, &at, &rr);
        if (rr.type == TYPE_TXT)
            read_reason(ask, &rr);
    }
}

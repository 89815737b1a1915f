#include "primary.h"

#include "../unit/unit.h"

#include "dns/build.h"
#include "dns/text.h"
#include "dns/type.h"
#include "site.h"

#define KEY_NAME "gateway"

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

    if (type_from_name(text, &type) != RES_OK)
        fail_msg("bad type in a test: %s", text);
    return type;
}

/* ---- the zones ---- */

static bool rr_is(const struct primary_rr *rr, struct name owner, uint16_t type)
{
    return rr->type == type && name_equal(name_of(&rr->owner), owner);
}

static bool rr_has(const struct primary_rr *rr, const struct rdata *rdata)
{
    return rr->len == rdata->len && memcmp(rr->rdata, rdata->octets, rr->len) == 0;
}

/* type ANY: all; rdata NULL: any value. */
static unsigned count_rrs(const struct primary *primary, struct name owner,
                          uint16_t type, const struct rdata *rdata)
{
    unsigned count = 0;

    for (size_t i = 0; i < primary->rr_count; i++) {
        const struct primary_rr *rr = &primary->rrs[i];
        if (rr_is(rr, owner, type == TYPE_ANY ? rr->type : type) &&
            (rdata == NULL || rr_has(rr, rdata)))
            count++;
    }
    return count;
}

static void remove_rrs(struct primary *primary, struct name owner, uint16_t type,
                       const struct rdata *rdata)
{
    size_t kept = 0;

    for (size_t i = 0; i < primary->rr_count; i++) {
        const struct primary_rr *rr = &primary->rrs[i];
        bool goes = rr_is(rr, owner, type == TYPE_ANY ? rr->type : type) &&
                    (rdata == NULL || rr_has(rr, rdata));
        if (!goes)
            primary->rrs[kept++] = *rr;
    }
    primary->rr_count = kept;
}

/* U-5, U-7: beside a CNAME nothing is stored, silently; the TTL is the RRset's. */
static void add_rr(struct primary *primary, struct name owner, uint16_t type,
                   uint32_t ttl, const struct rdata *rdata)
{
    bool is_known = count_rrs(primary, owner, type, rdata) > 0;

    if (type != TYPE_CNAME && count_rrs(primary, owner, TYPE_CNAME, NULL) > 0)
        return;
    for (size_t i = 0; i < primary->rr_count; i++) {
        if (rr_is(&primary->rrs[i], owner, type))
            primary->rrs[i].ttl = ttl;
    }
    if (is_known)
        return;
    assert_true(primary->rr_count < PRIMARY_RRS);
    struct primary_rr *rr = &primary->rrs[primary->rr_count++];
    assert_true(rdata->len <= sizeof(rr->rdata));
    *rr = (struct primary_rr){.type = type, .ttl = ttl, .len = rdata->len};
    rr->owner.len = owner.len;
    memcpy(rr->owner.octets, owner.octets, owner.len);
    memcpy(rr->rdata, rdata->octets, rdata->len);
}

static struct rdata rdata_of(struct primary *primary, uint16_t type, const char *value)
{
    struct rdata rdata;

    if (rdata_from_text(type, value, &primary->arena, &rdata) != RES_OK)
        fail_msg("bad value in a test: %s", value);
    return rdata;
}

void primary_add(struct primary *primary, const char *owner, const char *type,
                 const char *value)
{
    struct name_buf name = named(owner);
    struct rdata rdata = rdata_of(primary, typed(type), value);

    add_rr(primary, name_of(&name), typed(type), 60, &rdata);
}

void primary_remove(struct primary *primary, const char *owner, const char *type)
{
    struct name_buf name = named(owner);

    remove_rrs(primary, name_of(&name), typed(type), NULL);
}

unsigned primary_has(struct primary *primary, const char *owner, const char *type,
                     const char *value)
{
    struct name_buf name = named(owner);

    if (value == NULL)
        return count_rrs(primary, name_of(&name), typed(type), NULL);
    struct rdata rdata = rdata_of(primary, typed(type), value);
    return count_rrs(primary, name_of(&name), typed(type), &rdata);
}

uint32_t primary_ttl(struct primary *primary, const char *owner, const char *type)
{
    struct name_buf name = named(owner);

    for (size_t i = 0; i < primary->rr_count; i++) {
        if (rr_is(&primary->rrs[i], name_of(&name), typed(type)))
            return primary->rrs[i].ttl;
    }
    fail_msg("%s %s is not there", owner, type);
    return 0;
}

/* ---- RFC 2136 3.2 and 3.4 ---- */

static enum rcode judge_prereq(const struct primary *primary,
                               const struct update_item *item)
{
    bool wants = item->class != CLASS_NONE;
    const struct rdata *value = item->class == CLASS_IN ? &item->rdata : NULL;
    bool there = count_rrs(primary, item->owner, item->type, value) > 0;

    if (there == wants)
        return RCODE_NOERROR;
    if (item->op == UPDATE_PREREQ_ANY)
        return wants ? RCODE_NXDOMAIN : RCODE_YXDOMAIN;
    return wants ? RCODE_NXRRSET : RCODE_YXRRSET;
}

static enum rcode judge_prereqs(const struct primary *primary,
                                const struct update *update)
{
    for (size_t i = 0; i < update->prereqs; i++) {
        enum rcode rcode = judge_prereq(primary, &update->items[i]);
        if (rcode != RCODE_NOERROR)
            return rcode;
    }
    return RCODE_NOERROR;
}

static void apply_item(struct primary *primary, const struct update_item *item)
{
    switch (item->op) {
    case UPDATE_ADD:
        add_rr(primary, item->owner, item->type, item->ttl, &item->rdata);
        return;
    case UPDATE_DELETE:
        remove_rrs(primary, item->owner, item->type, &item->rdata);
        return;
    case UPDATE_DELETE_RRSET:
        remove_rrs(primary, item->owner, item->type, NULL);
        return;
    case UPDATE_DELETE_NAME:
        fail_msg("the gateway forwarded ANY/ANY (A-14)");
        return;
    case UPDATE_UNDECIDED:
    case UPDATE_PREREQ:
    case UPDATE_PREREQ_ANY:
    case UPDATE_OPS:
        break;
    }
    fail_msg("a prerequisite among the updates");
}

/* Some rule of the primary's own, as max-records-per-type is: all is rolled back. */
static bool is_broken(const struct primary *primary, const struct update *update)
{
    if (primary->broken == NULL)
        return false;
    struct name_buf broken = named(primary->broken);
    for (size_t i = update->prereqs; i < update->count; i++) {
        if (update->items[i].op == UPDATE_ADD &&
            name_equal(update->items[i].owner, name_of(&broken)))
            return true;
    }
    return false;
}

/* RFC 2136 2.4 and 2.5; what a well-made message cannot have is UNDECIDED. */
static enum update_op op_of(const struct wire_rr *rr, bool is_prereq)
{
    bool is_any = rr->type == TYPE_ANY;

    if (is_prereq)
        return is_any ? UPDATE_PREREQ_ANY : UPDATE_PREREQ;
    switch (rr->class) {
    case CLASS_IN:
        return UPDATE_ADD;
    case CLASS_NONE:
        return UPDATE_DELETE;
    case CLASS_ANY:
        return is_any ? UPDATE_DELETE_NAME : UPDATE_DELETE_RRSET;
    }
    return UPDATE_UNDECIDED;
}

static void read_section(struct primary *primary, const struct wire_msg *msg,
                         enum wire_section section, struct update *update)
{
    size_t at = msg->section_at[section];

    for (unsigned i = 0; i < msg->header.counts[section]; i++) {
        struct update_item *item = &update->items[update->count++];
        struct wire_rr rr;
        struct name_buf owner;
        wire_next(msg, section, &at, &rr);
        wire_owner(msg, &rr, &owner);
        *item = (struct update_item){
            .op = op_of(&rr, section == SECTION_PREREQUISITE),
            .type = rr.type,
            .class = rr.class,
            .ttl = rr.ttl,
            .owner = name_copy(&primary->arena, name_of(&owner)),
            .rdata = {msg->octets + rr.rdata_at, rr.rdata_len},
        };
        assert_non_null(item->owner.octets);
        assert_true(name_is_within(item->owner, update->zone));
        assert_int_not_equal(item->op, UPDATE_UNDECIDED);
        if (item->op != UPDATE_ADD)
            assert_int_equal(rr.ttl, 0);
        if (rr.class == CLASS_ANY)
            assert_int_equal(rr.rdata_len, 0);
    }
}

/* A merged message is longer than update_read_items lets a client's be. */
static void read_update(struct primary *primary, const struct wire_msg *msg,
                        struct update *update)
{
    size_t prereqs = msg->header.counts[SECTION_PREREQUISITE];
    size_t count = prereqs + msg->header.counts[SECTION_UPDATE];

    assert_int_equal(update_read_zone(msg, &primary->arena, update), RES_OK);
    assert_int_equal(update->zone_class, CLASS_IN);
    update->items = arena_array(&primary->arena, count + 1, sizeof(*update->items));
    assert_non_null(update->items);
    update->prereqs = prereqs;
    update->count = 0;
    read_section(primary, msg, SECTION_PREREQUISITE, update);
    read_section(primary, msg, SECTION_UPDATE, update);
}

static enum rcode do_update(struct primary *primary, const struct wire_msg *msg,
                            const struct order *order)
{
    struct update update;

    read_update(primary, msg, &update);
    enum rcode rcode = judge_prereqs(primary, &update);
    if (rcode == RCODE_NOERROR && is_broken(primary, &update))
        rcode = RCODE_SERVFAIL;
    if (order->trick == TRICK_RCODE)
        rcode = order->rcode;
    bool is_applied = rcode == RCODE_NOERROR && order->trick != TRICK_DEAF;
    primary->on_update(primary->arg, &update, is_applied);
    for (size_t i = update.prereqs; is_applied && i < update.count; i++)
        apply_item(primary, &update.items[i]);
    if (is_applied)
        primary->serial++;
    return rcode;
}

/* ---- queries ---- */

static void write_soa(const struct primary *primary, struct writer *w, struct name zone)
{
    struct name_buf mname = named("ns.duckcorp.org"), rname = named("h.duckcorp.org");
    uint8_t octets[600];
    struct writer rdata = writer_of(octets, sizeof(octets));

    writer_octets(&rdata, mname.octets, mname.len);
    writer_octets(&rdata, rname.octets, rname.len);
    writer_u32(&rdata, primary->serial);
    for (int i = 0; i < 4; i++)
        writer_u32(&rdata, 300);
    build_rr(w, SECTION_PREREQUISITE, zone, TYPE_SOA, CLASS_IN, 600,
             &(struct rdata){octets, (uint16_t)rdata.len});
}

static void write_rrs(const struct primary *primary, struct writer *w,
                      struct name owner, uint16_t type)
{
    for (size_t i = 0; i < primary->rr_count; i++) {
        const struct primary_rr *rr = &primary->rrs[i];
        if (rr_is(rr, owner, type) || rr_is(rr, owner, TYPE_CNAME))
            build_rr(w, SECTION_PREREQUISITE, owner, rr->type, CLASS_IN, rr->ttl,
                     &(struct rdata){rr->rdata, rr->len});
    }
}

/* Answers that a look-up must not believe. */
static void write_lie(struct writer *w, struct name owner, enum trick trick)
{
    struct name_buf target = named("elsewhere.example");
    struct name_buf other = named("other.example");
    const struct rdata first = {target.octets, target.len};
    const struct rdata second = {other.octets, other.len};

    if (trick == TRICK_DNAME)
        build_rr(w, SECTION_PREREQUISITE, name_parent(owner), TYPE_DNAME, CLASS_IN, 60,
                 &first);
    if (trick == TRICK_TWO_CNAMES) {
        build_rr(w, SECTION_PREREQUISITE, owner, TYPE_CNAME, CLASS_IN, 60, &first);
        build_rr(w, SECTION_PREREQUISITE, owner, TYPE_CNAME, CLASS_IN, 60, &second);
    }
}

static enum rcode do_query(const struct primary *primary, struct name name,
                           uint16_t type, struct writer *w)
{
    if (type == TYPE_SOA) {
        write_soa(primary, w, name);
        return RCODE_NOERROR;
    }
    write_rrs(primary, w, name, type);
    return count_rrs(primary, name, TYPE_ANY, NULL) > 0 ? RCODE_NOERROR
                                                        : RCODE_NXDOMAIN;
}

/* ---- messages ---- */

static enum kind kind_of(const struct wire_msg *msg, uint16_t type)
{
    if (msg->header.opcode == OPCODE_UPDATE)
        return KIND_UPDATE;
    if (type == TYPE_CNAME)
        return KIND_CNAME;
    return type == TYPE_SOA ? KIND_SOA : KIND_READ;
}

static struct order take_order(struct primary *primary, enum kind kind)
{
    for (size_t i = 0; i < primary->order_count; i++) {
        struct order order = primary->orders[i];
        if (order.kind != kind)
            continue;
        primary->order_count--;
        memmove(&primary->orders[i], &primary->orders[i + 1],
                (primary->order_count - i) * sizeof(order));
        return order;
    }
    return (struct order){.kind = kind,
                          .delay_us = kind == KIND_UPDATE ? primary->pace_us : 0};
}

void primary_expect(struct primary *primary, struct order order)
{
    assert_true(primary->order_count < PRIMARY_ORDERS);
    primary->orders[primary->order_count++] = order;
}

/* F-1: the gateway's own key, over the whole message, in time. */
static void verify_request(struct primary *primary, const struct wire_msg *msg,
                           struct txn_now now, struct tsig_mac *mac)
{
    struct name_buf key = named(KEY_NAME);
    struct tsig tsig;

    assert_true(msg->has_tsig);
    assert_int_equal(tsig_read(msg, true, &tsig), RES_OK);
    assert_true(name_equal(name_of(&tsig.key_name), name_of(&key)));
    /* Its clock may be ahead of ours: what the gateway signs lasts a while. */
    assert_int_equal(tsig_verify(msg, &tsig, primary->hmac, NULL,
                                 now.real_us / 1000000 + 299, 300, mac),
                     REASON_PERMITTED);
}

static void sign_reply(struct primary *primary, struct writer *w, enum trick trick,
                       uint16_t id, const struct tsig_mac *mac, struct txn_now now)
{
    struct name_buf key = named(trick == TRICK_OTHER_KEY ? "other" : KEY_NAME);
    struct tsig_params params = {.key_name = name_of(&key),
                                 .time_signed_s = (uint64_t)now.real_us / 1000000,
                                 .fudge_s = 300,
                                 .original_id = id};

    if (trick == TRICK_OLD_TIME)
        params.time_signed_s -= 3600;
    if (trick == TRICK_BADTRUNC)
        params.error = TSIG_BADTRUNC;
    if (trick == TRICK_BADTIME) {
        build_set_rcode(w, RCODE_NOTAUTH);
        params.error = TSIG_BADTIME;
        params.has_server_time = true;
        params.server_time_s = params.time_signed_s + 3600;
    }
    if (trick == TRICK_UNSIGNED)
        return;
    if (trick == TRICK_BADKEY) {
        build_set_rcode(w, RCODE_NOTAUTH);
        params.error = TSIG_BADKEY;
        assert_int_equal(
            tsig_append_unsigned(w, &params, hmac_algorithm_name(HMAC_SHA256)), RES_OK);
        return;
    }
    assert_int_equal(tsig_sign(w, primary->hmac, &params, mac, NULL), RES_OK);
    if (trick == TRICK_BAD_MAC)
        w->octets[w->len - 7] ^= 1; /* before Original ID, Error and Other Len */
}

static uint16_t flags_of(const struct wire_msg *msg, enum trick trick)
{
    unsigned opcode = msg->header.opcode;
    unsigned flags = FLAG_QR;

    if (trick == TRICK_WRONG_OPCODE)
        opcode = opcode == OPCODE_UPDATE ? OPCODE_QUERY : OPCODE_UPDATE;
    if (trick == TRICK_NOT_REPLY)
        flags = 0;
    if (trick == TRICK_TRUNCATED)
        flags |= FLAG_TC;
    if (msg->header.opcode == OPCODE_QUERY && trick != TRICK_NOT_AA)
        flags |= FLAG_AA;
    return (uint16_t)(flags | opcode << 11);
}

static struct letter *new_letter(struct primary *primary, enum txn_link link,
                                 int64_t due_us)
{
    assert_true(primary->letter_count < PRIMARY_LETTERS);
    struct letter *letter = &primary->letters[primary->letter_count++];
    letter->link = link;
    letter->due_us = due_us;
    return letter;
}

static bool lies(enum trick trick)
{
    return trick == TRICK_DNAME || trick == TRICK_TWO_CNAMES;
}

/* The body of the reply, and with it what the request does. */
static void answer(struct primary *primary, const struct wire_msg *msg,
                   struct name question, uint16_t type, const struct order *order,
                   struct writer *w)
{
    struct name_buf other = named("other.example");
    bool is_update = msg->header.opcode == OPCODE_UPDATE;
    enum rcode rcode = order->rcode;
    uint16_t id = msg->header.id;

    build_header(w, (uint16_t)(order->trick == TRICK_WRONG_ID ? ~(unsigned)id : id),
                 flags_of(msg, order->trick));
    build_question(w, order->trick == TRICK_WRONG_ZONE ? name_of(&other) : question,
                   order->trick == TRICK_WRONG_TYPE ? TYPE_ANY : type,
                   order->trick == TRICK_WRONG_CLASS ? CLASS_ANY : CLASS_IN);
    if (is_update)
        rcode = do_update(primary, msg, order);
    else if (lies(order->trick))
        write_lie(w, question, order->trick);
    else if (order->trick != TRICK_RCODE)
        rcode = do_query(primary, question, type, w);
    build_set_rcode(w, rcode);
}

static void disturb(struct primary *primary, struct letter *letter)
{
    for (int i = 0; i < 2; i++) {
        primary->dice = primary->dice * 1664525u + 1013904223u;
        letter->octets[(primary->dice >> 8) % letter->len] ^=
            (uint8_t)(1u << (primary->dice >> 29));
    }
}

void primary_receive(struct primary *primary, enum txn_link link, const uint8_t *octets,
                     size_t len, struct txn_now now)
{
    struct wire_msg msg;
    struct wire_rr question;
    struct name_buf name;
    struct tsig_mac mac;
    uint8_t reply[4096];
    struct writer w = writer_of(reply, sizeof(reply));

    assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
    assert_int_equal(msg.header.flags & ~0x7800u, 0); /* neither RD nor anything */
    assert_int_equal(msg.header.counts[SECTION_ZONE], 1);
    verify_request(primary, &msg, now, &mac);
    size_t at = msg.section_at[SECTION_ZONE];
    wire_next(&msg, SECTION_ZONE, &at, &question);
    wire_owner(&msg, &question, &name);
    enum kind kind = kind_of(&msg, question.type);
    struct order order = take_order(primary, kind);
    primary->received[kind]++;
    primary->longest = len > primary->longest ? len : primary->longest;
    answer(primary, &msg, name_of(&name), question.type, &order, &w);
    sign_reply(primary, &w, order.trick, msg.header.id, &mac, now);
    arena_reset(&primary->arena);
    if (order.trick == TRICK_DEAF || order.trick == TRICK_SILENT)
        return;
    assert_false(w.failed);
    struct letter *letter = new_letter(primary, link, now.mono_us + order.delay_us);
    letter->len = order.trick == TRICK_JUNK ? w.len / 2 : w.len;
    memcpy(letter->octets, w.octets, w.len);
    if (order.trick == TRICK_NOISE)
        disturb(primary, letter);
}

void primary_forget(struct primary *primary, enum txn_link link)
{
    size_t kept = 0;

    for (size_t i = 0; i < primary->letter_count; i++) {
        if (primary->letters[i].link != link)
            primary->letters[kept++] = primary->letters[i];
    }
    primary->letter_count = kept;
}

void primary_open(struct primary *primary)
{
    *primary = (struct primary){.hmac = site_hmac(KEY_NAME), .serial = 1};
    arena_init(&primary->arena, 16384, 0);
}

void primary_close(struct primary *primary)
{
    hmac_free(&primary->hmac);
    arena_fini(&primary->arena);
}

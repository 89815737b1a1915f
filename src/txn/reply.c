#include "txn/reply.h"

#include <string.h>

#include "base/limits.h"
#include "dns/build.h"
#include "dns/type.h"

#define QUESTION_COUNT_AT 4

/* reason.tsigate.; the literal's NUL is the root label. */
static const uint8_t reason_octets[] = "\6reason\7tsigate";
static const struct name reason_owner = {reason_octets, sizeof(reason_octets)};

/* What goes into an attempt; a reply that is too long is tried again with less. */
struct shape {
    bool has_question;
    bool has_records;
    bool has_reason;   /* the reason TXT */
    bool has_ede_text; /* EXTRA-TEXT */
    bool is_truncated; /* TC, NOERROR: RFC 8945 5.3 */
};

/* D6, D8: of an UPDATE's reply the explanations go first, then the zone section; the
 * RCODE stays whatever happens (T-14). */
static const struct shape update_shapes[] = {
    {.has_question = true, .has_reason = true, .has_ede_text = true},
    {.has_question = true, .has_ede_text = true},
    {.has_question = true},
    {.has_question = false},
};

/* "This response contains only the question and a TSIG record, has the TC bit set, and
 * has an RCODE of 0" (RFC 8945 5.3); a question that leaves no room goes too. */
static const struct shape query_shapes[] = {
    {.has_question = true, .has_records = true, .has_ede_text = true},
    {.has_question = true, .has_records = true},
    {.has_question = true, .is_truncated = true},
    {.is_truncated = true},
};

void reply_form_init(struct reply_form *form, const struct gate_inquiry *inquiry,
                     struct arena *arena)
{
    const struct wire_msg *msg = &inquiry->msg;

    *form = (struct reply_form){
        .id = inquiry->header.id,
        .opcode = inquiry->header.opcode,
        .is_rd = (inquiry->header.flags & FLAG_RD) != 0,
    };
    if (!inquiry->is_walked)
        return;
    form->has_opt = msg->has_opt;
    form->edns_udp_len = msg->edns_udp_len;
    if (msg->header.counts[SECTION_ZONE] != 1)
        return;

    struct wire_rr entry;
    size_t at = msg->section_at[SECTION_ZONE];
    wire_next(msg, SECTION_ZONE, &at, &entry);
    const uint8_t *octets = msg->octets + entry.at;
    size_t len = entry.end - entry.at;
    form->question = arena == NULL ? octets : arena_copy(arena, octets, len);
    if (form->question != NULL) {
        form->question_len = (uint16_t)len;
        form->question_count = 1;
    }
}

size_t reply_limit(const struct reply_form *form, enum transport transport)
{
    if (transport == TRANSPORT_TCP)
        return LIMIT_MESSAGE_OCTETS;
    if (!form->has_opt || form->edns_udp_len < LIMIT_UDP_PLAIN_OCTETS)
        return LIMIT_UDP_PLAIN_OCTETS;
    if (form->edns_udp_len > LIMIT_UDP_REPLY_OCTETS)
        return LIMIT_UDP_REPLY_OCTETS;
    return form->edns_udp_len;
}

/* RFC 2136 3.8 and RFC 1035 4.1.1. RA never: nobody recurses here. */
static void write_head(struct writer *w, const struct reply_form *form,
                       uint16_t extra_flags, enum rcode rcode)
{
    unsigned flags =
        FLAG_QR | (unsigned)form->opcode << WIRE_OPCODE_SHIFT | (unsigned)extra_flags;

    if (form->opcode == OPCODE_QUERY && form->is_rd)
        flags |= FLAG_RD;
    build_header(w, form->id, (uint16_t)flags);
    build_set_rcode(w, rcode);
}

static void write_question(struct writer *w, const struct reply_form *form)
{
    if (form->question == NULL)
        return;
    writer_octets(w, form->question, form->question_len);
    writer_u16_at(w, QUESTION_COUNT_AT, form->question_count);
}

static void write_records(struct writer *w, const struct reply *reply)
{
    for (size_t i = 0; i < reply->rr_count; i++) {
        const struct reply_rr *rr = &reply->rrs[i];
        build_rr(w, rr->section, rr->owner, rr->type, CLASS_IN, rr->ttl, &rr->rdata);
    }
}

static void write_character_string(struct writer *w, const char *chars)
{
    size_t len = strnlen(chars, LIMIT_REASON_OCTETS);

    writer_u8(w, (uint8_t)len);
    writer_octets(w, chars, len);
}

/* "name-not-granted" "host mx1.duckcorp.org has no grant for ..." */
static void write_reason(struct writer *w, const struct reply *reply)
{
    uint8_t octets[2 * (1 + LIMIT_REASON_OCTETS)];
    struct writer strings = writer_of(octets, sizeof(octets));

    write_character_string(&strings, outcome_of(reply->reason)->name);
    write_character_string(&strings, reply->text);
    const struct rdata rdata = {.octets = octets, .len = (uint16_t)strings.len};
    build_rr(w, SECTION_ADDITIONAL, reason_owner, TYPE_TXT, CLASS_IN, 0, &rdata);
}

/* What succeeded needs no reason, and REASON_UNDECIDED is never shown. */
static bool is_explained(const struct reply *reply)
{
    return reply->text != NULL && reply->rcode != RCODE_NOERROR &&
           reply->reason != REASON_UNDECIDED;
}

/* The OPT of a signed reply: with the Extended DNS Error of the reason (U-15), its text
 * "name-not-granted: host mx1.duckcorp.org ..." where that is wanted. */
static void write_opt(struct writer *w, const struct reply *reply, bool has_ede_text)
{
    char chars[LIMIT_REASON_OCTETS + 1];
    struct writer text = writer_of((uint8_t *)chars, sizeof(chars) - 1);
    const struct outcome *outcome = outcome_of(reply->reason);
    int ede = reply->rcode == RCODE_NOERROR ? -1 : outcome->ede;

    if (has_ede_text && is_explained(reply)) {
        writer_printf(&text, "%s: ", outcome->name);
        size_t left = text.capacity - text.len;
        writer_octets(&text, reply->text, strnlen(reply->text, left));
    }
    chars[text.len] = '\0';
    build_opt(w, LIMIT_UDP_REPLY_OCTETS, reply->rcode, ede,
              text.len > 0 ? chars : NULL);
}

static void write_body(struct writer *w, const struct reply_form *form,
                       const struct reply *reply, const struct shape *shape)
{
    if (shape->is_truncated)
        write_head(w, form, reply->extra_flags | FLAG_TC, RCODE_NOERROR);
    else
        write_head(w, form, reply->extra_flags, reply->rcode);
    if (shape->has_question)
        write_question(w, form);
    if (shape->has_records)
        write_records(w, reply);
    if (shape->has_reason && form->question != NULL && is_explained(reply))
        write_reason(w, reply);
    if (form->has_opt && shape->is_truncated)
        build_opt(w, LIMIT_UDP_REPLY_OCTETS, RCODE_NOERROR, -1, NULL);
    else if (form->has_opt)
        write_opt(w, reply, shape->has_ede_text);
}

/* T-9: a reply to a wrong clock carries the client's own time, so that the client can
 * verify it, and ours in Other Data. */
static struct tsig_params signing_params(const struct reply_form *form,
                                         const struct gate_verified *verified,
                                         enum reason reason, int64_t now_s)
{
    uint64_t time_s = now_s > 0 ? (uint64_t)now_s : 0;
    struct tsig_params params = {
        .key_name = verified->key->name,
        .time_signed_s = time_s,
        .fudge_s = TSIG_FUDGE_S,
        .original_id = form->id,
        .error = outcome_of(reason)->tsig_error,
    };

    if (params.error == TSIG_BADTIME) {
        params.time_signed_s = verified->time_signed_s;
        params.fudge_s = verified->fudge_s;
        params.has_server_time = true;
        params.server_time_s = time_s;
    }
    return params;
}

static enum result try_signed(const struct reply_form *form,
                              const struct gate_verified *verified,
                              const struct reply *reply, int64_t now_s,
                              const struct shape *shape, struct writer *w)
{
    write_body(w, form, reply, shape);
    if (w->failed)
        return RES_EMEM;
    struct tsig_params params = signing_params(form, verified, reply->reason, now_s);
    return tsig_sign(w, verified->key->hmac, &params, &verified->request_mac, NULL);
}

enum result reply_build_signed(const struct reply_form *form,
                               const struct gate_verified *verified,
                               const struct reply *reply, int64_t now_s, size_t limit,
                               struct writer *w)
{
    if (!verified->is_verified) /* I5: nothing is signed for who did not verify */
        return RES_EBUG;

    bool is_query = form->opcode == OPCODE_QUERY;
    const struct shape *shapes = is_query ? query_shapes : update_shapes;
    size_t count = is_query ? sizeof(query_shapes) / sizeof(query_shapes[0])
                            : sizeof(update_shapes) / sizeof(update_shapes[0]);
    struct writer attempt =
        writer_of(w->octets, limit < w->capacity ? limit : w->capacity);
    enum result result = RES_EMEM;
    for (size_t i = 0; i < count && result == RES_EMEM; i++) {
        writer_rewind(&attempt, 0);
        result = try_signed(form, verified, reply, now_s, &shapes[i], &attempt);
    }
    if (result == RES_OK)
        w->len = attempt.len;
    return result;
}

/* Whether an unsigned reply answers an anonymous QUERY that was judged, and not a
 * message that was turned away at the door. */
static bool is_for_anonymous(const struct reply_form *form,
                             const struct gate_claimed *claimed, enum reason reason)
{
    return form->opcode == OPCODE_QUERY && !claimed->has_tsig &&
           reason != REASON_MESSAGE_MALFORMED && reason != REASON_EDNS_VERSION &&
           reason != REASON_OPCODE_NOT_SERVED;
}

/* RFC 6891 6.1.1: "If an OPT record is present in a received request, compliant
 * responders MUST include an OPT record in their respective responses" (W-9). Where the
 * header alone is answered (P1, P2) there is none: nothing of the request counts. */
static bool wants_opt(const struct reply_form *form, enum reason reason)
{
    return form->has_opt && reason != REASON_MESSAGE_MALFORMED &&
           reason != REASON_OPCODE_NOT_SERVED;
}

static bool wants_unsigned_tsig(const struct gate_claimed *claimed, enum tsig_error e)
{
    return claimed->has_tsig && (e == TSIG_BADKEY || e == TSIG_BADSIG);
}

enum result reply_build_unsigned(const struct reply_form *form,
                                 const struct gate_claimed *claimed,
                                 const struct reply *reply, size_t limit,
                                 struct writer *w)
{
    struct writer attempt =
        writer_of(w->octets, limit < w->capacity ? limit : w->capacity);
    enum tsig_error error = outcome_of(reply->reason)->tsig_error;

    write_head(&attempt, form, reply->extra_flags, reply->rcode);
    if (is_for_anonymous(form, claimed, reply->reason)) {
        write_question(&attempt, form);
        write_records(&attempt, reply);
    }
    if (wants_opt(form, reply->reason))
        build_opt(&attempt, LIMIT_UDP_REPLY_OCTETS, reply->rcode, -1, NULL);
    if (attempt.failed)
        return RES_EMEM;
    if (wants_unsigned_tsig(claimed, error)) {
        const struct tsig_params params = {
            .key_name = name_of(&claimed->key_name),
            .time_signed_s = claimed->time_signed_s,
            .fudge_s = claimed->fudge_s,
            .original_id = form->id,
            .error = error,
        };
        enum result result =
            tsig_append_unsigned(&attempt, &params, name_of(&claimed->algorithm));
        if (result != RES_OK)
            return result;
    }
    w->len = attempt.len;
    return RES_OK;
}

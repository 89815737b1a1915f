#include "tsigate/past.h"

#include <string.h>

#include "base/limits.h"
#include "base/timestamp.h"
#include "dns/build.h"
#include "dns/type.h"

#define CHANGES_MAX (LIMIT_PREREQUISITES + LIMIT_UPDATES)

/* What the line says, as the gate takes it. */
struct request {
    const struct snapshot *snapshot;
    struct arena *arena;
    struct name zone;
    struct name targets[CHANGES_MAX]; /* as they were then; octets NULL: none */
    struct name originals[CHANGES_MAX];
    size_t count;
    struct writer w; /* the message */
};

/* ---- reading ---- */

/* octets NULL: null, or no memory. */
static struct name read_name(struct arena *arena, struct log_span span)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf buf;
    (void)log_span_text(span, text, sizeof text);
    if (text[0] == '\0' || name_from_text(text, strlen(text), &buf) != RES_OK)
        return (struct name){NULL, 0};
    return name_copy(arena, name_of(&buf));
}

static bool read_reason(struct log_span span, enum reason *out)
{
    char text[64];
    return outcome_reason_named(log_span_text(span, text, sizeof text), out) == RES_OK;
}

/* Either is the name that the client used: the one in the zone that it named. */
static struct name asked_name(const struct request *request, struct name original,
                              struct name target)
{
    const struct zone *zone = zones_find(&request->snapshot->zones, original);
    if (target.octets == NULL ||
        (zone != NULL && name_equal(zone->name, request->zone)))
        return original;
    return target;
}

/* As the operation is sent (RFC 2136 2.4, 2.5). That a prerequisite says "exists" or
 * "does not" makes no difference to the ACL, and is not in the log. */
static uint16_t class_of(enum update_op op, bool has_rdata)
{
    if (op == UPDATE_ADD || (op == UPDATE_PREREQ && has_rdata))
        return CLASS_IN;
    return op == UPDATE_DELETE ? CLASS_NONE : CLASS_ANY;
}

static bool write_change(struct request *request, const struct log_change *change)
{
    char text[TYPE_TEXT_OCTETS];
    uint8_t octets[LIMIT_AUDIT_RDATA_OCTETS];
    size_t len = 0;
    enum update_op op;
    uint16_t type;
    uint64_t ttl = 0;
    struct name original = read_name(request->arena, change->original);
    struct name target = read_name(request->arena, change->target);
    bool has_rdata = !log_span_is(change->rdata, "null");
    if (change->is_hashed || original.octets == NULL || request->count == CHANGES_MAX ||
        update_op_named(log_span_text(change->op, text, sizeof text), &op) != RES_OK ||
        type_from_name(log_span_text(change->type, text, sizeof text), &type) != RES_OK)
        return false;
    if (has_rdata && !log_span_hex(change->rdata, octets, sizeof octets, &len))
        return false;
    if (op == UPDATE_ADD &&
        (!log_span_number(change->ttl_asked, &ttl) || ttl > UINT32_MAX))
        return false;
    request->originals[request->count] = original;
    request->targets[request->count++] = target;
    const struct rdata rdata = {octets, (uint16_t)len};
    build_rr(&request->w,
             update_op_is_prereq(op) ? SECTION_PREREQUISITE : SECTION_UPDATE,
             asked_name(request, original, target), type, class_of(op, has_rdata),
             (uint32_t)ttl, has_rdata ? &rdata : NULL);
    return !request->w.failed;
}

static bool write_message(struct request *request, const struct log_record *record)
{
    struct log_span changes = record->changes;
    struct log_change change;
    uint8_t *octets = arena_alloc(request->arena, LIMIT_MESSAGE_OCTETS);
    request->zone = read_name(request->arena, record->zone);
    if (octets == NULL || request->zone.octets == NULL)
        return false;
    request->w = writer_of(octets, LIMIT_MESSAGE_OCTETS);
    build_header(&request->w, 0, OPCODE_UPDATE << WIRE_OPCODE_SHIFT);
    build_question(&request->w, request->zone, TYPE_SOA, CLASS_IN);
    while (log_read_change(&changes, &change)) {
        if (!write_change(request, &change))
            return false;
    }
    return true;
}

/* ---- judging ---- */

static bool read_subject(const struct request *request, const struct log_record *record,
                         struct addr *from, struct gate_subject *out)
{
    char text[64];
    int64_t time_us;
    *out = (struct gate_subject){.from = from, .transport = TRANSPORT_TCP};
    if (timestamp_parse_us(log_span_text(record->time, text, sizeof text), &time_us) !=
            RES_OK ||
        addr_parse(log_span_text(record->from, text, sizeof text), from) != RES_OK)
        return false;
    out->now_s = time_us / 1000000;
    if (log_span_is(record->transport, "\"udp\""))
        out->transport = TRANSPORT_UDP;
    out->key_name = read_name(request->arena, record->key);
    return out->key_name.octets != NULL;
}

/* P4 under the new ACL, and whose key it is there. */
static enum reason find_host(const struct snapshot *snapshot,
                             struct gate_subject *subject)
{
    struct acl_credential credential =
        acl_credential_of(&snapshot->acl, subject->key_name);
    if (credential.host == NULL)
        return REASON_PERMITTED; /* key-without-host comes in its turn */
    subject->host = credential.host;
    return acl_credential_is_valid(credential, subject->now_s) ? REASON_PERMITTED
                                                               : REASON_KEY_EXPIRED;
}

/* The CNAMEs are not asked for: they are what they were. The one at a name whose
 * request passed led to the target of that time. */
static void answer_lookups(const struct request *request, struct plan *plan)
{
    for (size_t i = 0; i < plan->lookup_count; i++) {
        struct lookup *lookup = &plan->lookups[i];
        lookup->answer = LOOKUP_IS_TARGET;
        for (size_t k = 0; k < request->count; k++) {
            if (request->targets[k].octets != NULL &&
                name_equal(request->originals[k], lookup->original) &&
                !name_equal(request->targets[k], lookup->target))
                lookup->answer = LOOKUP_OTHER;
        }
    }
    plan_settle(plan);
}

static bool is_refused(const struct plan *plan)
{
    return plan->action == PLAN_REPLY && plan->reason != REASON_PERMITTED;
}

/* What an ACL has no say in, and what its rules were never asked about. */
static bool is_no_matter(const struct log_record *record, enum reason then)
{
    if (record->event != LOG_RESULT || record->changes.len < 2)
        return true;
    bool has_changes = record->changes.chars[1] == '{';
    return then == REASON_MESSAGE_MALFORMED || then == REASON_ZONE_UNKNOWN ||
           then == REASON_CLASS_NOT_IN || then == REASON_NAME_OUTSIDE_ZONE ||
           (then == REASON_TOO_MANY_RECORDS && !has_changes);
}

/* The ACL of that time let it through, and the zone had another opinion. */
static bool is_refused_by_zone(enum reason then)
{
    return then == REASON_CNAME_MISSING || then == REASON_CNAME_UNEXPECTED ||
           then == REASON_TARGET_IS_CNAME;
}

static bool has_same_targets(const struct request *request, const struct plan *plan)
{
    for (size_t i = 0; i < plan->change_count && i < request->count; i++) {
        struct name now = plan->changes[i].rewrite.target;
        struct name then = request->targets[i];
        if (now.octets == NULL || then.octets == NULL) {
            if (now.octets != then.octets)
                return false;
        } else if (!name_equal(now, then)) {
            return false;
        }
    }
    return true;
}

static void judge(const struct request *request, const struct log_record *record,
                  struct gate_subject *subject, struct past *out)
{
    struct wire_msg msg;
    struct plan plan = {.action = PLAN_REPLY};
    bool was_permitted = !log_span_is(record->verdict, "\"refused\"");
    if (wire_walk(request->w.octets, request->w.len, true, &msg) != RES_OK) {
        out->fate = PAST_UNKNOWN;
        return;
    }
    plan.reason = find_host(request->snapshot, subject);
    if (plan.reason == REASON_PERMITTED)
        gate_judge(request->snapshot, subject, &msg, request->arena, &plan);
    if (!is_refused(&plan) && is_refused_by_zone(out->then) &&
        has_same_targets(request, &plan)) {
        out->now = out->then;
        return;
    }
    if (plan.action == PLAN_LOOKUP)
        answer_lookups(request, &plan);
    out->now = is_refused(&plan) ? plan.reason : REASON_PERMITTED;
    out->decisive = plan.decisive < plan.change_count ? plan.decisive : 0;
    if (out->now == REASON_UNDECIDED || out->now == REASON_MESSAGE_MALFORMED)
        out->fate = PAST_UNKNOWN;
    else if (was_permitted && is_refused(&plan))
        out->fate = PAST_LOST;
    else if (!was_permitted && !is_refused(&plan))
        out->fate = PAST_GAINED;
}

void past_judge(const struct snapshot *snapshot, const struct log_record *record,
                struct arena *arena, struct past *out)
{
    struct gate_subject subject;
    struct addr from;
    arena_reset(arena);
    *out = (struct past){.fate = PAST_NO_MATTER};
    if (!read_reason(record->reason, &out->then) || is_no_matter(record, out->then))
        return;
    struct request *request = arena_alloc(arena, sizeof *request);
    out->fate = PAST_UNKNOWN;
    if (request == NULL)
        return;
    request->snapshot = snapshot;
    request->arena = arena;
    request->count = 0;
    if (!write_message(request, record) ||
        !read_subject(request, record, &from, &subject))
        return;
    out->fate = PAST_SAME;
    judge(request, record, &subject, out);
}

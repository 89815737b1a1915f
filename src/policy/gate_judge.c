/* The second half of gate.h: P11 to P14. The first, P0 to P8, is gate.c. */
#include "policy/gate.h"

#include <assert.h>

#include "dns/type.h"

/* ---- P11 to P14 ---- */

#define CHANGES_MAX (LIMIT_PREREQUISITES + LIMIT_UPDATES)

/* One distinct owner name of a message. */
struct owner {
    struct name asked;
    struct rewrite rewrite;
    size_t first; /* the first change that has it */
};

/*
 * One judgement under way. Changes know their owner by number, so that the loops over
 * pairs of changes compare integers: at most LIMIT_UPDATES^2 of them (65,536), and
 * nothing in here is worse.
 */
struct judging {
    const struct snapshot *snapshot;
    const struct gate_subject *subject;
    struct arena *arena;
    struct plan *plan;
    struct owner owners[LIMIT_NAMES_PER_MESSAGE];
    size_t owner_count;
    uint8_t owner_of[CHANGES_MAX];
};

_Static_assert(LIMIT_NAMES_PER_MESSAGE <= UINT8_MAX, "owner_of holds an index");

/* The whole message is answered here and now, and no single change decided that. */
static void answer_whole(struct plan *plan, enum reason reason)
{
    plan->action = PLAN_REPLY;
    plan->reason = reason;
    plan->decisive = plan->change_count;
    for (size_t i = 0; i < plan->change_count; i++)
        plan->changes[i].reason = reason;
}

/* A-10, C-14: a name belongs to the longest configured zone that contains it. */
struct outside_question {
    const struct zones *zones;
    const struct zone *zone;
};

static bool is_outside(struct name owner, const void *arg)
{
    const struct outside_question *question = arg;
    return zones_find(question->zones, owner) != question->zone;
}

/* P11. NULL: plan says why. */
static const struct zone *find_zone(const struct judging *j, const struct wire_msg *msg,
                                    struct update *update)
{
    enum result result = update_read_zone(msg, j->arena, update);
    if (result != RES_OK) {
        answer_whole(j->plan, result == RES_EFORMAT ? REASON_MESSAGE_MALFORMED
                                                    : REASON_UNDECIDED);
        return NULL;
    }
    if (update->zone_class != CLASS_IN) {
        answer_whole(j->plan, REASON_CLASS_NOT_IN);
        return NULL;
    }
    const struct zone *zone = zones_exact(&j->snapshot->zones, update->zone);
    if (zone == NULL)
        answer_whole(j->plan, REASON_ZONE_UNKNOWN);
    return zone;
}

static bool find_owner(const struct judging *j, struct name asked, uint8_t *out_index)
{
    for (size_t i = 0; i < j->owner_count; i++) {
        if (name_equal(j->owners[i].asked, asked)) {
            *out_index = (uint8_t)i;
            return true;
        }
    }
    return false;
}

/* Numbers the distinct owners and brings each to its original and target, once. */
static enum reason read_owners(struct judging *j)
{
    for (size_t i = 0; i < j->plan->change_count; i++) {
        struct change *change = &j->plan->changes[i];
        if (!find_owner(j, change->item.owner, &j->owner_of[i])) {
            if (j->owner_count == LIMIT_NAMES_PER_MESSAGE)
                return REASON_TOO_MANY_RECORDS; /* */
            struct owner *owner = &j->owners[j->owner_count];
            owner->asked = change->item.owner;
            owner->first = i;
            if (zones_rewrite(&j->snapshot->zones, owner->asked, j->arena,
                              &owner->rewrite) != RES_OK)
                return REASON_UNDECIDED;
            j->owner_of[i] = (uint8_t)j->owner_count++;
        }
        change->rewrite = j->owners[j->owner_of[i]].rewrite;
    }
    return REASON_PERMITTED;
}

/* The one record outside the zone, for the text of its refusal; the ones around it were
 * not judged and are left out. */
static void refuse_outside(struct judging *j, const struct update_item *item,
                           bool is_prereq)
{
    struct change *change = arena_array(j->arena, 1, sizeof *change);
    if (change == NULL) {
        answer_whole(j->plan, REASON_UNDECIDED);
        return;
    }
    change->item = *item;
    change->rewrite.original = item->owner;
    j->plan->changes = change;
    j->plan->change_count = 1;
    j->plan->prereq_count = is_prereq ? 1 : 0;
    answer_whole(j->plan, REASON_NAME_OUTSIDE_ZONE);
    j->plan->decisive = 0;
}

/* P12. */
static bool read_changes(struct judging *j, const struct wire_msg *msg,
                         struct update *update)
{
    const struct outside_question question = {&j->snapshot->zones, j->plan->zone};
    size_t offender = 0;
    enum reason reason =
        update_read_items(msg, j->arena, is_outside, &question, update, &offender);
    if (reason == REASON_NAME_OUTSIDE_ZONE) {
        refuse_outside(j, &update->items[offender], offender < update->prereqs);
        return false;
    }
    if (reason != REASON_PERMITTED) {
        answer_whole(j->plan, reason);
        return false;
    }
    assert(update->count <= CHANGES_MAX);
    j->plan->changes = arena_array(j->arena, update->count, sizeof(struct change));
    if (j->plan->changes == NULL) {
        answer_whole(j->plan, REASON_UNDECIDED);
        return false;
    }
    j->plan->change_count = update->count;
    j->plan->prereq_count = update->prereqs;
    for (size_t i = 0; i < update->count; i++)
        j->plan->changes[i].item = update->items[i];
    reason = read_owners(j);
    if (reason != REASON_PERMITTED)
        answer_whole(j->plan, reason);
    return reason == REASON_PERMITTED;
}

static bool is_from_allowed(const struct gate_subject *subject)
{
    return subject->from == NULL || acl_source_is_allowed(subject->host, subject->from);
}

static void add_type(uint16_t *types, size_t *count, uint16_t type)
{
    for (size_t i = 0; i < *count; i++) {
        if (types[i] == type)
            return;
    }
    if (*count < ACL_TYPES_MAX)
        types[(*count)++] = type;
}

/*
 * "delete all RRsets of a name" becomes one deletion for each type of the grants
 * with `delete-name` that reach it. NS at an apex is left out: primaries keep it, with
 * NOERROR (I3).
 */
static enum reason expand_delete_name(const struct judging *j, struct change *change)
{
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t right_count = acl_rights_of(&j->snapshot->acl, j->subject->host,
                                       change->rewrite.original, rights);
    bool is_apex = zones_exact(&j->snapshot->zones, change->rewrite.target) != NULL;
    uint16_t *types = arena_array(j->arena, ACL_TYPES_MAX, sizeof *types);
    if (types == NULL)
        return REASON_UNDECIDED;
    for (size_t i = 0; i < right_count; i++) {
        const struct acl_terms *terms = rights[i]->terms;
        if ((terms->ops & 1U << UPDATE_DELETE_NAME) == 0)
            continue;
        for (size_t k = 0; k < terms->type_count; k++) {
            if (!is_apex || terms->types[k] != TYPE_NS)
                add_type(types, &change->type_count, terms->types[k]);
        }
    }
    change->types = types;
    return change->type_count > 0 ? REASON_PERMITTED : REASON_OPERATION_NOT_GRANTED;
}

/*
 * P13 on the original, then P14's binding (C-1). C-10 needs no code: CNAME is a type
 * that no grant can name, so a prerequisite on it never gets here permitted.
 */
static void judge_change(const struct judging *j, struct change *change)
{
    const struct acl_question question = {
        .host = j->subject->host,
        .op = change->item.op,
        .type = change->item.type,
        .ttl = change->item.ttl,
        .original = change->rewrite.original,
        .rdata = &change->item.rdata,
        .from = j->subject->from,
        .is_udp = j->subject->transport == TRANSPORT_UDP,
        .now_s = j->subject->now_s,
        .arena = j->arena,
    };
    struct acl_answer answer = {.reason = REASON_UNDECIDED};
    acl_judge(&j->snapshot->acl, &question, &answer);
    change->reason = answer.reason;
    change->right = answer.right;
    if (answer.right != NULL)
        change->rule = acl_right_place(&j->snapshot->acl, answer.right);
    change->ttl = answer.ttl;
    change->expected = answer.expected;
    if (change->reason != REASON_PERMITTED)
        return;
    if (change->rewrite.target.octets == NULL)
        change->reason = REASON_CNAME_UNEXPECTED; /* C-2, C-5 */
    else if (change->item.op == UPDATE_DELETE_NAME)
        change->reason = expand_delete_name(j, change);
}

/* Templates and aliases are 1:1, so this never holds: a second lock on C-11's door. */
static bool is_target_shared(const struct judging *j, size_t owner)
{
    const struct rewrite *mine = &j->owners[owner].rewrite;
    for (size_t i = 0; i < owner; i++) {
        const struct rewrite *other = &j->owners[i].rewrite;
        if (other->target.octets != NULL && name_equal(other->target, mine->target) &&
            !name_equal(other->original, mine->original))
            return true;
    }
    return false;
}

/* C-11: one transaction at the primary, hence one zone. */
static void judge_targets(struct judging *j)
{
    struct plan *plan = j->plan;
    for (size_t i = 0; i < plan->change_count; i++) {
        struct change *change = &plan->changes[i];
        if (change->reason != REASON_PERMITTED)
            continue;
        if (plan->target_zone == NULL)
            plan->target_zone = change->rewrite.zone;
        if (change->rewrite.zone != plan->target_zone)
            change->reason = REASON_TARGETS_IN_TWO_ZONES;
        else if (is_target_shared(j, j->owner_of[i]))
            change->reason = REASON_CNAME_UNEXPECTED;
    }
}

static bool is_permitted_add(const struct change *change)
{
    return change->item.op == UPDATE_ADD && change->reason == REASON_PERMITTED;
}

/*
 * The adds of one RRset: not more than the grant's max-records, and one TTL for
 * all, the lowest, since the primary would give the whole RRset the last one's.
 */
static void judge_rrset(const struct judging *j, size_t index)
{
    struct plan *plan = j->plan;
    struct change *change = &plan->changes[index];
    size_t nth = 0;
    uint32_t lowest_ttl = change->ttl;
    for (size_t i = plan->prereq_count; i < plan->change_count; i++) {
        const struct change *other = &plan->changes[i];
        if (!is_permitted_add(other) || j->owner_of[i] != j->owner_of[index] ||
            other->item.type != change->item.type)
            continue;
        if (i <= index)
            nth++;
        if (other->ttl < lowest_ttl)
            lowest_ttl = other->ttl;
    }
    change->ttl = lowest_ttl;
    if (nth > change->right->terms->max_records)
        change->reason = REASON_TOO_MANY_RECORDS;
}

static bool is_dangerous(const struct change *change)
{
    if (type_standing_of(change->item.type) == TYPE_IS_DANGEROUS)
        return true;
    for (size_t i = 0; i < change->type_count; i++) {
        if (type_standing_of(change->types[i]) == TYPE_IS_DANGEROUS)
            return true;
    }
    return false;
}

/* C-6, C-12: one question for each original that is written elsewhere. A native name
 * has none: for it the guard prerequisite decides (C-9). */
static enum reason plan_lookups(struct judging *j)
{
    struct plan *plan = j->plan;
    plan->lookups = arena_array(j->arena, j->owner_count, sizeof *plan->lookups);
    if (plan->lookups == NULL)
        return REASON_UNDECIDED;
    for (size_t i = 0; i < j->owner_count; i++) {
        const struct owner *owner = &j->owners[i];
        if (owner->rewrite.is_native)
            continue;
        plan->lookups[plan->lookup_count++] = (struct lookup){
            .original = owner->rewrite.original,
            .target = owner->rewrite.target,
            .change_index = owner->first,
        };
    }
    return REASON_PERMITTED;
}

/* the first refused record in message order speaks for the message. */
static bool decide_by_first_refused(struct plan *plan)
{
    for (size_t i = 0; i < plan->change_count; i++) {
        if (plan->changes[i].reason != REASON_PERMITTED) {
            plan->action = PLAN_REPLY;
            plan->reason = plan->changes[i].reason;
            plan->decisive = i;
            return true;
        }
    }
    return false;
}

/* P13 and P14 for every record, without early exit, then one verdict. */
static void judge_changes(struct judging *j)
{
    struct plan *plan = j->plan;
    for (size_t i = 0; i < plan->change_count; i++)
        judge_change(j, &plan->changes[i]);
    judge_targets(j);
    for (size_t i = plan->prereq_count; i < plan->change_count; i++) {
        if (is_permitted_add(&plan->changes[i]))
            judge_rrset(j, i);
    }
    for (size_t i = 0; i < plan->change_count; i++)
        plan->is_dangerous |= is_dangerous(&plan->changes[i]);
    if (decide_by_first_refused(plan))
        return;

    plan->decisive = 0;
    plan->reason = REASON_PERMITTED;
    plan->action = PLAN_FORWARD;
    if (!j->snapshot->settings.require_cname)
        return; /* C-15: the template alone decides */
    enum reason reason = plan_lookups(j);
    if (reason != REASON_PERMITTED)
        answer_whole(plan, reason);
    else if (plan->lookup_count > 0)
        plan->action = PLAN_LOOKUP;
}

static void judge_update(struct judging *j, const struct wire_msg *msg)
{
    struct plan *plan = j->plan;
    struct update update = {.count = 0};
    plan->zone = find_zone(j, msg, &update);
    if (plan->zone == NULL || !read_changes(j, msg, &update))
        return;
    if (j->subject->host == NULL) {
        /* T-18: who is known may still do nothing. */
        answer_whole(plan, REASON_KEY_WITHOUT_HOST);
        return;
    }
    if (!is_from_allowed(j->subject)) {
        answer_whole(plan, REASON_SOURCE_NOT_ALLOWED);
        return;
    }
    if (plan->change_count == 0) {
        answer_whole(plan, REASON_PERMITTED); /* answered here, nothing to do */
        return;
    }
    judge_changes(j);
}

/* ---- queries (section 5) ---- */

/* what a host may write it may read back. */
static bool may_read(const struct judging *j, struct name original, uint16_t type)
{
    const unsigned writes = 1U << UPDATE_ADD | 1U << UPDATE_DELETE |
                            1U << UPDATE_DELETE_RRSET | 1U << UPDATE_DELETE_NAME;
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t count = acl_rights_of(&j->snapshot->acl, j->subject->host, original, rights);
    for (size_t i = 0; i < count; i++) {
        const struct acl_terms *terms = rights[i]->terms;
        if ((terms->ops & writes) != 0 && acl_terms_have_type(terms, type))
            return true;
    }
    return false;
}

/* Any type but SOA. Meta types and ANY are in no grant, so they end here as well. */
static void judge_read(const struct judging *j)
{
    struct plan *plan = j->plan;
    answer_whole(plan, REASON_QUERY_NOT_ALLOWED);
    if (j->subject->host == NULL)
        return;
    if (!is_from_allowed(j->subject)) {
        answer_whole(plan, REASON_SOURCE_NOT_ALLOWED);
        return;
    }
    struct rewrite rewrite;
    if (zones_rewrite(&j->snapshot->zones, plan->query_name, j->arena, &rewrite) !=
        RES_OK) {
        answer_whole(plan, REASON_UNDECIDED);
        return;
    }
    if (rewrite.target.octets == NULL ||
        !may_read(j, rewrite.original, plan->query_type))
        return;
    plan->read = rewrite;
    plan->action = PLAN_READ;
    plan->reason = REASON_PERMITTED;
}

static void judge_query(const struct judging *j, const struct wire_msg *msg)
{
    struct plan *plan = j->plan;
    struct wire_rr question;
    struct name_buf name;
    if (!wire_question(msg, &question, &name)) {
        answer_whole(plan, REASON_MESSAGE_MALFORMED);
        return;
    }
    plan->query_name = name_copy(j->arena, name_of(&name));
    plan->query_type = question.type;
    if (plan->query_name.octets == NULL)
        return; /* undecided: SERVFAIL */
    plan->zone = zones_find(&j->snapshot->zones, plan->query_name);

    bool is_signed = j->subject->key_name.octets != NULL;
    if (!is_signed && j->subject->transport == TRANSPORT_UDP) {
        /* Q-2, I7: always, so that nothing is told or amplified. */
        plan->action = PLAN_TRUNCATE;
        plan->reason = REASON_PERMITTED;
        return;
    }
    if (question.class != CLASS_IN || plan->zone == NULL) {
        answer_whole(plan, REASON_QUERY_NOT_ALLOWED);
        return;
    }
    if (question.type == TYPE_SOA) {
        /* the same answer for every key, so no word about host or address. */
        plan->action = PLAN_SOA;
        plan->reason = REASON_PERMITTED;
        return;
    }
    judge_read(j);
}

void gate_judge(const struct snapshot *snapshot, const struct gate_subject *subject,
                const struct wire_msg *msg, struct arena *arena, struct plan *out)
{
    struct judging j; /* no more of it is read than what is written before */

    *out = (struct plan){.host = subject->host};
    j.snapshot = snapshot;
    j.subject = subject;
    j.arena = arena;
    j.plan = out;
    j.owner_count = 0;
    if (msg->header.opcode == OPCODE_UPDATE)
        judge_update(&j, msg);
    else if (msg->header.opcode == OPCODE_QUERY)
        judge_query(&j, msg);
    else
        answer_whole(out, REASON_OPCODE_NOT_SERVED);
}

/* ---- P14's end ---- */

/* An answer that is still pending is one that did not come (I10). */
static enum reason reason_of_answer(enum lookup_answer answer)
{
    switch (answer) {
    case LOOKUP_IS_TARGET:
        return REASON_PERMITTED;
    case LOOKUP_NONE:
        return REASON_CNAME_MISSING;
    case LOOKUP_OTHER:
        return REASON_CNAME_UNEXPECTED;
    case LOOKUP_PENDING:
    case LOOKUP_FAILED:
        return REASON_LOOKUP_FAILED;
    }
    return REASON_UNDECIDED;
}

/* Every change of that original; at most LIMIT_NAMES_PER_MESSAGE such walks. */
static void apply_answer(struct plan *plan, const struct lookup *lookup,
                         enum reason reason)
{
    for (size_t i = lookup->change_index; i < plan->change_count; i++) {
        struct change *change = &plan->changes[i];
        if (name_equal(change->rewrite.original, lookup->original))
            change->reason = reason;
    }
}

void plan_settle(struct plan *plan)
{
    if (plan->action != PLAN_LOOKUP)
        return;
    const struct lookup *failed = NULL;
    for (size_t i = 0; i < plan->lookup_count; i++) {
        const struct lookup *lookup = &plan->lookups[i];
        enum reason reason = reason_of_answer(lookup->answer);
        if (reason == REASON_PERMITTED)
            continue;
        apply_answer(plan, lookup, reason);
        if (reason == REASON_LOOKUP_FAILED && failed == NULL)
            failed = lookup;
    }
    if (failed != NULL) {
        plan->action = PLAN_REPLY;
        plan->reason = REASON_LOOKUP_FAILED;
        plan->decisive = failed->change_index;
        return;
    }
    if (!decide_by_first_refused(plan))
        plan->action = PLAN_FORWARD;
}

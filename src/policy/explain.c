#include "policy/explain.h"

#include <inttypes.h>
#include <string.h>

#include "dns/build.h"
#include "dns/type.h"

/* Room for the longest sentence before it is cut: three names and the words around. */
#define SENTENCE_OCTETS (3 * NAME_TEXT_OCTETS + 512)

static void tell_name(struct writer *w, struct name name)
{
    char text[NAME_TEXT_OCTETS];
    writer_string(w, name.octets == NULL ? "-" : name_to_text(name, text));
}

static void tell_type(struct writer *w, uint16_t type)
{
    char text[TYPE_TEXT_OCTETS];
    writer_string(w, type_format(type, text));
}

/* "host mx1.duckcorp.org", or "the key" where it speaks for no host. */
static void tell_host(struct writer *w, const struct plan *plan)
{
    if (plan->host == NULL) {
        writer_string(w, "the key");
        return;
    }
    writer_string(w, "host ");
    tell_name(w, plan->host->name);
}

/* "_acme-challenge.mx1.duckcorp.org TXT", as it was asked (D6). */
static void tell_asked(struct writer *w, const struct change *change)
{
    tell_name(w, change->item.owner);
    writer_u8(w, ' ');
    tell_type(w, change->item.type);
}

/* ---- the sentence that goes with a reason ---- */

static void tell_source(const struct plan *plan, const struct change *change,
                        struct writer *w)
{
    (void)change;
    tell_host(w, plan);
    writer_string(w, " may not come from this address");
}

static void tell_too_many(const struct plan *plan, const struct change *change,
                          struct writer *w)
{
    (void)plan;
    if (change == NULL || change->right == NULL) {
        writer_printf(w,
                      "a message takes %d prerequisites, %d changes and %d names "
                      "at most",
                      LIMIT_PREREQUISITES, LIMIT_UPDATES, LIMIT_NAMES_PER_MESSAGE);
        return;
    }
    writer_printf(w, "one message may add %u records at most at ",
                  change->right->terms->max_records);
    tell_asked(w, change);
}

static void tell_not_granted(const struct plan *plan, const struct change *change,
                             struct writer *w)
{
    tell_host(w, plan);
    writer_string(w, " has no grant for ");
    tell_asked(w, change);
}

static void tell_operation(const struct plan *plan, const struct change *change,
                           struct writer *w)
{
    tell_host(w, plan);
    writer_printf(w, " has no grant for %s at ", update_op_name(change->item.op));
    tell_asked(w, change);
}

static void tell_value(const struct plan *plan, const struct change *change,
                       struct writer *w)
{
    (void)plan;
    tell_asked(w, change);
    writer_printf(w, ": wanted is %s",
                  change->expected != NULL ? change->expected
                                           : "what the grant allows");
}

static void tell_ttl(const struct plan *plan, const struct change *change,
                     struct writer *w)
{
    (void)plan;
    tell_asked(w, change);
    writer_printf(w, ": a TTL of %" PRIu32 " is not within ", change->item.ttl);
    if (change->right == NULL) {
        writer_string(w, "what the grant allows");
        return;
    }
    const struct acl_terms *terms = change->right->terms;
    writer_printf(w, "%" PRIu32 "..%" PRIu32, terms->ttl_min_s, terms->ttl_max_s);
}

static void tell_prerequisite(const struct plan *plan, const struct change *change,
                              struct writer *w)
{
    tell_host(w, plan);
    writer_string(w, " may not ask about ");
    tell_asked(w, change);
}

/* C-12: the reason says the line to add. */
static void tell_cname_missing(const struct plan *plan, const struct change *change,
                               struct writer *w)
{
    (void)plan;
    writer_string(w, "the static zone has no line \"");
    tell_name(w, change->rewrite.original);
    writer_string(w, ". CNAME ");
    tell_name(w, change->rewrite.target);
    writer_string(w, ".\"");
}

static void tell_cname_unexpected(const struct plan *plan, const struct change *change,
                                  struct writer *w)
{
    (void)plan;
    if (change->rewrite.target.octets == NULL) {
        tell_name(w, change->item.owner);
        writer_string(w, " stands for no name that is written here");
        return;
    }
    tell_name(w, change->rewrite.original);
    writer_string(w, " has a CNAME, but not to ");
    tell_name(w, change->rewrite.target);
}

static void tell_target_is_cname(const struct plan *plan, const struct change *change,
                                 struct writer *w)
{
    (void)plan;
    tell_name(w, change->rewrite.target);
    writer_string(w, " is a CNAME, which excludes other records");
}

static void tell_two_zones(const struct plan *plan, const struct change *change,
                           struct writer *w)
{
    (void)plan;
    tell_name(w, change->item.owner);
    writer_string(w, " is written to another zone than the records before it: "
                     "send one message for each");
}

static void tell_outside(const struct plan *plan, const struct change *change,
                         struct writer *w)
{
    tell_name(w, change->item.owner);
    writer_string(w, " does not belong to the zone ");
    tell_name(w, plan->zone != NULL ? plan->zone->name : (struct name){NULL, 0});
}

static void tell_lookup(const struct plan *plan, const struct change *change,
                        struct writer *w)
{
    (void)plan;
    writer_string(w, "the CNAME at ");
    tell_name(w, change->rewrite.original);
    writer_string(w, " could not be looked up: try again");
}

/* who may not write may not read. */
static void tell_query(const struct plan *plan, const struct change *change,
                       struct writer *w)
{
    (void)change;
    if (plan->zone == NULL) {
        tell_name(w, plan->query_name);
        writer_string(w, " is in no zone that is served here");
        return;
    }
    if (plan->host == NULL) {
        writer_string(w, "only SOA, and what the host may write, is answered here");
        return;
    }
    tell_host(w, plan);
    writer_string(w, " may not write ");
    tell_name(w, plan->query_name);
    writer_u8(w, ' ');
    tell_type(w, plan->query_type);
    writer_string(w, ", and so may not read it");
}

/* tell wants a change, except where it says otherwise; without one the text stands
 * alone. */
struct sentence {
    const char *text;
    void (*tell)(const struct plan *plan, const struct change *change,
                 struct writer *w);
    bool needs_no_change;
};

static const struct sentence sentences[REASON_COUNT] = {
    [REASON_UNDECIDED] = {.text = "no decision was reached"},
    [REASON_PERMITTED] = {.text = "permitted"},
    [REASON_REPEATED] = {.text = "this very request was answered before"},
    [REASON_MESSAGE_MALFORMED] = {.text = "the message is not well formed"},
    [REASON_OPCODE_NOT_SERVED] = {.text = "only UPDATE and QUERY are served"},
    [REASON_EDNS_VERSION] = {.text = "only EDNS version 0 is served"},
    [REASON_UPDATE_UNSIGNED] = {.text = "an UPDATE has to be signed (TSIG)"},
    [REASON_KEY_UNKNOWN] = {.text = "the key is not known"},
    [REASON_KEY_ALGORITHM] = {.text = "the key has another algorithm"},
    [REASON_KEY_EXPIRED] = {.text = "the key is not valid at this time"},
    [REASON_MAC_BAD] = {.text = "the signature does not verify"},
    [REASON_TIME_SKEW] = {.text = "the time signed is too far off: check the clocks"},
    [REASON_MAC_TRUNCATED] = {.text = "truncated signatures are not accepted"},
    [REASON_KEY_WITHOUT_HOST] = {.text = "the key belongs to no host"},
    [REASON_SOURCE_NOT_ALLOWED] = {.text = "not from this address",
                                   .tell = tell_source,
                                   .needs_no_change = true},
    [REASON_RATE_LIMITED] = {.text = "too many updates: wait, then try again"},
    [REASON_TOO_MANY_RECORDS] = {.text = "too many records",
                                 .tell = tell_too_many,
                                 .needs_no_change = true},
    [REASON_NAME_NOT_GRANTED] = {"there is no grant for the name", tell_not_granted,
                                 false},
    [REASON_TYPE_NOT_GRANTED] = {"there is no grant for the type", tell_not_granted,
                                 false},
    [REASON_OPERATION_NOT_GRANTED] = {"there is no grant for the operation",
                                      tell_operation, false},
    [REASON_VALUE_NOT_ALLOWED] = {"the value is not allowed", tell_value, false},
    [REASON_TTL_NOT_ALLOWED] = {"the TTL is not allowed", tell_ttl, false},
    [REASON_PREREQUISITE_NOT_GRANTED] = {"there is no grant for the prerequisite",
                                         tell_prerequisite, false},
    [REASON_CNAME_MISSING] = {"a CNAME is missing", tell_cname_missing, false},
    [REASON_CNAME_UNEXPECTED] = {"a CNAME leads elsewhere", tell_cname_unexpected,
                                 false},
    [REASON_TARGET_IS_CNAME] = {"the name to be written is a CNAME",
                                tell_target_is_cname, false},
    [REASON_TARGETS_IN_TWO_ZONES] = {"the records belong to several zones",
                                     tell_two_zones, false},
    [REASON_QUERY_NOT_ALLOWED] = {.text = "that is not answered here",
                                  .tell = tell_query,
                                  .needs_no_change = true},
    [REASON_ZONE_UNKNOWN] = {.text = "the zone is not served here"},
    [REASON_CLASS_NOT_IN] = {.text = "only class IN is served"},
    [REASON_NAME_OUTSIDE_ZONE] = {"a name does not belong to the zone", tell_outside,
                                  false},
    [REASON_PREREQUISITE_FAILED] = {.text = "a prerequisite does not hold"},
    [REASON_LOOKUP_FAILED] = {"a CNAME could not be looked up", tell_lookup, false},
    [REASON_PRIMARY_UNREACHABLE] =
        {.text = "the primary cannot be reached: nothing was changed, try again"},
    [REASON_PRIMARY_REFUSED] =
        {.text = "the primary refused: nothing was changed, ask the operator"},
    [REASON_PRIMARY_FAILED] = {.text = "the primary failed: nothing was changed"},
    [REASON_OUTCOME_UNKNOWN] =
        {.text = "the primary did not answer: whether it was done is not known"},
    [REASON_AUDIT_UNAVAILABLE] = {.text = "the audit log cannot be written"},
    [REASON_TABLE_FULL] = {.text = "too many requests are remembered: try later"},
    [REASON_CLOCK_SUSPECT] = {.text = "the gateway's clock cannot be trusted"},
};

static const struct change *decisive_change(const struct plan *plan)
{
    return plan->decisive < plan->change_count ? &plan->changes[plan->decisive] : NULL;
}

/* The whole text, or as much of it as fits, with dots that say so. */
static void write_cut(struct writer *w, const struct writer *text, size_t most)
{
    static const char dots[] = "...";
    if (text->len <= most) {
        writer_octets(w, text->octets, text->len);
        return;
    }
    writer_octets(w, text->octets, most - strlen(dots));
    writer_string(w, dots);
}

void explain_reason(const struct plan *plan, struct writer *w)
{
    const struct change *change = decisive_change(plan);
    unsigned reason = plan->reason;
    const struct sentence *sentence =
        &sentences[reason < REASON_COUNT ? reason : REASON_UNDECIDED];
    uint8_t octets[SENTENCE_OCTETS];
    struct writer text = writer_of(octets, sizeof octets);
    if (sentence->tell != NULL && (change != NULL || sentence->needs_no_change))
        sentence->tell(plan, change, &text);
    else
        writer_string(&text, sentence->text);
    write_cut(w, &text, LIMIT_REASON_OCTETS);
}

/* ---- what the admin can do about it ---- */

/* The first label where it is "_" and something, NUL-terminated without the "_"; false:
 * it is something else. */
static bool underscored_label(struct name name, char out[LIMIT_LABEL_OCTETS])
{
    uint8_t len = name.octets[0];
    if (len < 2 || name.octets[1] != '_')
        return false;
    memcpy(out, name.octets + 2, len - 1U);
    out[len - 1] = '\0';
    return true;
}

static bool is_proto(const char *label)
{
    return strcmp(label, "tcp") == 0 || strcmp(label, "udp") == 0 ||
           strcmp(label, "sctp") == 0;
}

/* "acme mx1.duckcorp.org", "tlsa mx1.duckcorp.org 25/tcp": the stock profile that would
 * reach the name, where its form gives it away. */
static void suggest_grant(const struct change *change, struct writer *w)
{
    struct name original = change->rewrite.original;
    char first[LIMIT_LABEL_OCTETS], second[LIMIT_LABEL_OCTETS];
    struct name parent = name_parent(original);
    if (change->item.type == TYPE_TXT && underscored_label(original, first) &&
        strcmp(first, "acme-challenge") == 0) {
        writer_string(w, "acme ");
        tell_name(w, parent);
    } else if (change->item.type == TYPE_TLSA && underscored_label(original, first) &&
               underscored_label(parent, second) && is_proto(second) &&
               strspn(first, "0123456789") == strlen(first)) {
        writer_string(w, "tlsa ");
        tell_name(w, name_parent(parent));
        writer_printf(w, " %s/%s", first, second);
    } else {
        writer_string(w, "PROFILE ");
        tell_name(w, original);
        writer_string(w, "   (a profile for ");
        tell_type(w, change->item.type);
        writer_u8(w, ')');
    }
}

static void remedy_grant(const struct plan *plan, const struct change *change,
                         struct writer *w)
{
    if (change->rewrite.original.octets == NULL)
        return;
    writer_string(w, "to permit it, add to an ACL file: grant ");
    tell_name(w, plan->host->name);
    writer_u8(w, ' ');
    suggest_grant(change, w);
}

static void remedy_rule(const struct change *change, const char *what, struct writer *w)
{
    if (change->right == NULL)
        return;
    writer_printf(w, "%s of the grant at ", what);
    explain_rule(change, w);
}

static void remedy_cname(const struct change *change, struct writer *w)
{
    if (change->rewrite.target.octets == NULL) {
        writer_string(w, "no entry of `shadows` in tsigate.conf and no alias of the "
                         "ACL leads from or to it");
        return;
    }
    writer_string(w, "in the static zone there has to be: ");
    tell_name(w, change->rewrite.original);
    writer_string(w, ". CNAME ");
    tell_name(w, change->rewrite.target);
    writer_u8(w, '.');
}

static void remedy_source(const struct plan *plan, struct writer *w)
{
    const struct acl_from_line *from = acl_host_from(plan->host);
    if (from == NULL)
        return;
    writer_printf(w, "the addresses of the host: %s:%u", from->place.file,
                  from->place.line);
}

static void remedy_change(const struct plan *plan, const struct change *change,
                          struct writer *w)
{
    enum reason reason = plan->reason;
    if (reason == REASON_NAME_NOT_GRANTED || reason == REASON_TYPE_NOT_GRANTED ||
        reason == REASON_PREREQUISITE_NOT_GRANTED)
        remedy_grant(plan, change, w);
    else if (reason == REASON_OPERATION_NOT_GRANTED)
        remedy_rule(change, "see may=", w);
    else if (reason == REASON_VALUE_NOT_ALLOWED)
        remedy_rule(change, "see check=", w);
    else if (reason == REASON_TTL_NOT_ALLOWED)
        remedy_rule(change, "see ttl= and ttl-mode=", w);
    else if (reason == REASON_TOO_MANY_RECORDS)
        remedy_rule(change, "see max-records=", w);
    else if (reason == REASON_CNAME_MISSING || reason == REASON_CNAME_UNEXPECTED)
        remedy_cname(change, w);
    else if (reason == REASON_NAME_OUTSIDE_ZONE)
        writer_string(w, "a name belongs to the longest configured zone that contains "
                         "it: update that one");
}

void explain_remedy(const struct plan *plan, struct writer *w)
{
    const struct change *change = decisive_change(plan);
    if (plan->reason == REASON_KEY_WITHOUT_HOST)
        writer_string(w, "name the key in a `key` line of a host of the ACL");
    else if (plan->reason == REASON_KEY_UNKNOWN)
        writer_string(w, "sign with the key of a host");
    else if (plan->reason == REASON_KEY_EXPIRED)
        writer_string(w, "see not-before and not-after of the key in the ACL");
    else if (plan->reason == REASON_ZONE_UNKNOWN)
        writer_string(w, "see `zones` in tsigate.conf");
    else if (plan->reason == REASON_LOOKUP_FAILED)
        writer_string(w, "see the primary's log, and `tsigate status`");
    else if (plan->reason == REASON_SOURCE_NOT_ALLOWED && plan->host != NULL)
        remedy_source(plan, w);
    else if (change != NULL && plan->host != NULL)
        remedy_change(plan, change, w);
}

void explain_rule(const struct change *change, struct writer *w)
{
    if (change->right == NULL)
        return;
    writer_string(w, change->rule.file);
    writer_u8(w, ':');
    writer_decimal(w, change->rule.line);
}

/* ---- a message of one change ---- */

/* The class that makes an item of that operation (RFC 2136 2.4, 2.5). */
static uint16_t class_of_item(const struct update_item *item)
{
    switch (item->op) {
    case UPDATE_ADD:
        return CLASS_IN;
    case UPDATE_DELETE:
        return CLASS_NONE;
    case UPDATE_DELETE_RRSET:
    case UPDATE_DELETE_NAME:
        return CLASS_ANY;
    case UPDATE_PREREQ:
        if (item->rdata.len > 0)
            return CLASS_IN;
        return item->class == CLASS_NONE ? CLASS_NONE : CLASS_ANY;
    case UPDATE_PREREQ_ANY:
        return item->class == CLASS_NONE ? CLASS_NONE : CLASS_ANY;
    case UPDATE_UNDECIDED:
    case UPDATE_OPS:
        break;
    }
    return 0;
}

/* Whether the operation takes such a type and such a value. */
static bool is_item_whole(const struct update_item *item)
{
    bool has_value = item->rdata.len > 0;
    bool is_any = item->type == TYPE_ANY;
    switch (item->op) {
    case UPDATE_ADD:
    case UPDATE_DELETE:
        return has_value && !is_any;
    case UPDATE_DELETE_RRSET:
        return !has_value && !is_any;
    case UPDATE_PREREQ:
        return !is_any;
    case UPDATE_DELETE_NAME:
    case UPDATE_PREREQ_ANY:
        return !has_value && is_any;
    case UPDATE_UNDECIDED:
    case UPDATE_OPS:
        break;
    }
    return false;
}

enum result explain_build_update(struct name zone, const struct update_item *item,
                                 struct writer *w)
{
    if (!is_item_whole(item))
        return RES_EFORMAT;
    build_header(w, 0, OPCODE_UPDATE << WIRE_OPCODE_SHIFT);
    build_question(w, zone, TYPE_SOA, CLASS_IN);
    build_rr(w, update_op_is_prereq(item->op) ? SECTION_PREREQUISITE : SECTION_UPDATE,
             item->owner, item->type, class_of_item(item),
             item->op == UPDATE_ADD ? item->ttl : 0, &item->rdata);
    return w->failed ? RES_EMEM : RES_OK;
}

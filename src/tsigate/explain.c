/* tsigate explain: one change, put to the gate, in words. */
#include "policy/explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/text.h"
#include "dns/type.h"
#include "tsigate/ask.h"
#include "tsigate/live.h"
#include "tsigate/paint.h"
#include "tsigate/sample.h"
#include "tsigate/tool.h"

/* Where no --ttl says otherwise: within the bounds of every stock profile. */
#define DEFAULT_TTL_S 300

struct explain {
    struct tool *tool;
    struct ask ask;
    struct addr from;  /* of ask, where --from was given */
    const char *value; /* as it was given or made up; NULL: none */
    bool is_value_made_up;
    bool is_live;
    struct plan plan;
    const struct change *change; /* of plan; NULL: it did not come that far */
};

/* ---- words ---- */

enum {
    OPTION_FROM = 256,
    OPTION_TTL,
    OPTION_LIVE,
};

static const struct option options[] = {
    {"from", required_argument, NULL, OPTION_FROM},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"live", no_argument, NULL, OPTION_LIVE},
    TOOL_COMMON_OPTIONS,
};

static int read_ttl(struct explain *e, const char *word)
{
    char *end = NULL;
    unsigned long long ttl = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || ttl > LIMIT_TTL_S)
        return tool_usage(e->tool, "--ttl %s: a number from 0 to %d is wanted", word,
                          LIMIT_TTL_S);
    e->ask.item.ttl = (uint32_t)ttl;
    return TOOL_DONE;
}

static int read_from(struct explain *e, const char *word)
{
    e->ask.from = &e->from;
    if (addr_parse(word, &e->from) == RES_OK)
        return TOOL_DONE;
    return tool_usage(e->tool, "--from %s: an address is wanted", word);
}

/* TOOL_OPTION_END, or that it is over and with which code. */
static int read_options(struct explain *e, int argc, char **argv, int *out_code)
{
    int option;
    *out_code = TOOL_DONE;
    while (*out_code == TOOL_DONE &&
           (option = tool_option(e->tool, argc, argv, options, true)) >= 0) {
        if (option == OPTION_FROM)
            *out_code = read_from(e, optarg);
        else if (option == OPTION_TTL)
            *out_code = read_ttl(e, optarg);
        else
            e->is_live = true;
    }
    if (*out_code == TOOL_DONE && option != TOOL_OPTION_END)
        *out_code = tool_option_exit(option);
    return *out_code == TOOL_DONE ? option : TOOL_OPTION_WRONG;
}

/* "TXT", "ANY", "TYPE65280". */
static enum result read_type(const char *word, uint16_t *out)
{
    if (type_from_name(word, out) == RES_OK)
        return RES_OK;
    char *end = NULL;
    if (strncasecmp(word, "TYPE", 4) != 0 || word[4] < '0' || word[4] > '9')
        return RES_ENOTFOUND;
    unsigned long type = strtoul(word + 4, &end, 10);
    if (*end != '\0' || type > UINT16_MAX)
        return RES_ENOTFOUND;
    *out = (uint16_t)type;
    return RES_OK;
}

/* The rest of the line, as one text. "-" alone is none, as in the tables. */
static const char *join_words(struct tool *tool, int argc, char **argv)
{
    const char *text = NULL;
    for (int i = 0; i < argc; i++)
        text = i == 0 ? argv[0] : arena_printf(&tool->arena, "%s %s", text, argv[i]);
    return text != NULL && strcmp(text, "-") == 0 ? NULL : text;
}

static int read_words(struct explain *e, int argc, char **argv)
{
    struct tool *tool = e->tool;
    struct update_item *item = &e->ask.item;
    if (argc < 4)
        return tool_usage(tool, "WHO, OP, NAME and TYPE are wanted");
    e->ask.who = tool_name(tool, argv[0]);
    if (e->ask.who.octets == NULL)
        return TOOL_USAGE;
    if (update_op_named(argv[1], &item->op) != RES_OK)
        return tool_usage(tool,
                          "\"%s\" is no OP: add, delete, delete-rrset, delete-name, "
                          "prereq or prereq-any",
                          argv[1]);
    item->owner = tool_name(tool, argv[2]);
    if (item->owner.octets == NULL)
        return TOOL_USAGE;
    if (read_type(argv[3], &item->type) != RES_OK)
        return tool_usage(tool, "\"%s\" is no type that is known here", argv[3]);
    e->value = join_words(tool, argc - 4, argv + 4);
    return TOOL_DONE;
}

/* ---- the value ---- */

/* The check of the first grant that would take an add of that type, if any does. */
static const struct acl_check *check_of_add(struct explain *e)
{
    const struct snapshot *snapshot = e->tool->snapshot;
    struct ask_who who = ask_who_is(&snapshot->acl, e->ask.who);
    const struct update_item *item = &e->ask.item;
    struct rewrite rewrite;
    if (who.host == NULL || zones_find(&snapshot->zones, item->owner) == NULL ||
        zones_rewrite(&snapshot->zones, item->owner, &e->tool->arena, &rewrite) !=
            RES_OK)
        return NULL;
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t count = acl_rights_of(&snapshot->acl, who.host, rewrite.original, rights);
    for (size_t i = 0; i < count; i++) {
        const struct acl_terms *terms = rights[i]->terms;
        for (size_t k = 0; k < terms->type_count; k++) {
            if (terms->types[k] == item->type && (terms->ops & 1U << UPDATE_ADD) != 0)
                return &terms->check;
        }
    }
    return NULL;
}

static int read_value(struct explain *e)
{
    struct tool *tool = e->tool;
    struct update_item *item = &e->ask.item;
    if (e->value == NULL && item->op == UPDATE_ADD) {
        e->value = sample_value(item->type, check_of_add(e), e->ask.from, &tool->arena);
        e->is_value_made_up = true;
        if (e->value == NULL)
            return tool_usage(tool, "an add of %s wants a VALUE",
                              tool_type_text(tool, item->type));
    }
    if (e->value == NULL)
        return TOOL_DONE;
    if (rdata_from_text(item->type, e->value, &tool->arena, &item->rdata) != RES_OK)
        return tool_usage(tool, "%s is no value of type %s", e->value,
                          tool_type_text(tool, item->type));
    return TOOL_DONE;
}

/* ---- the verdict in words ---- */

static void print_label(struct writer *w, const char *label)
{
    writer_printf(w, "\n  %-9s ", label);
}

static void print_who(struct explain *e, struct writer *w)
{
    struct tool *tool = e->tool;
    struct ask_who who = ask_who_is(&tool->snapshot->acl, e->ask.who);
    print_label(w, "who");
    if (e->plan.reason == REASON_KEY_UNKNOWN) {
        writer_printf(w, "%s, the gateway's own key", tool_name_text(tool, e->ask.who));
        return;
    }
    if (who.host == NULL) {
        const char *who_text = tool_name_text(tool, e->ask.who);
        writer_printf(w, "%s, neither a host nor a host's key%s", who_text,
                      tool_guess_host(tool, who_text));
        return;
    }
    writer_printf(w, "host %s", tool_name_text(tool, who.host->name));
    if (who.credential.host == NULL)
        return;
    struct place place = acl_credential_place(&tool->snapshot->acl, who.credential);
    writer_printf(w, ", by key %s (%s:%u)", tool_name_text(tool, e->ask.who),
                  place.file, place.line);
}

static void print_asked(struct explain *e, struct writer *w)
{
    const struct update_item *item = &e->ask.item;
    print_label(w, "asked");
    writer_printf(w, "%s %s ", update_op_name(item->op),
                  tool_name_text(e->tool, item->owner));
    if (item->op == UPDATE_ADD)
        writer_printf(w, "%" PRIu32 " ", item->ttl);
    writer_string(w, tool_type_text(e->tool, item->type));
    if (e->value != NULL)
        writer_printf(w, " %s", e->is_value_made_up ? "..." : e->value);
}

/* What goes to the primary. */
static void print_written(struct explain *e, struct writer *w)
{
    const struct change *change = e->change;
    struct tool *tool = e->tool;
    const char *target = tool_name_text(tool, change->rewrite.target);
    print_label(w, update_op_is_prereq(change->item.op) ? "asks" : "writes");
    if (change->item.op == UPDATE_DELETE_NAME) {
        writer_printf(w, "delete-rrset %s", target);
        for (size_t i = 0; i < change->type_count; i++)
            writer_printf(w, "%s%s", i == 0 ? " " : ", ",
                          tool_type_text(tool, change->types[i]));
        return;
    }
    writer_printf(w, "%s %s ", update_op_name(change->item.op), target);
    if (change->item.op == UPDATE_ADD)
        writer_printf(w, "%" PRIu32 " ", change->ttl);
    writer_string(w, tool_type_text(tool, change->item.type));
    if (change->item.op == UPDATE_ADD && change->ttl != change->item.ttl)
        writer_printf(w, " (TTL %" PRIu32 " asked, clamped by the grant)",
                      change->item.ttl);
}

static void print_names(struct explain *e, struct writer *w)
{
    const struct change *change = e->change;
    const struct rewrite *rewrite = &change->rewrite;
    struct tool *tool = e->tool;
    if (change->right != NULL) {
        print_label(w, "grant");
        explain_rule(change, w);
        writer_printf(w, "  (%s)", change->right->terms->profile->name);
    }
    print_label(w, "original");
    writer_string(w, tool_name_text(tool, rewrite->original));
    print_label(w, "target");
    writer_string(w, tool_name_text(tool, rewrite->target));
    if (rewrite->zone != NULL) {
        print_label(w, "zone");
        writer_string(w, tool_name_text(tool, rewrite->zone->name));
    }
}

static void print_cname(struct explain *e, struct writer *w)
{
    if (e->plan.lookup_count == 0)
        return;
    const struct lookup *lookup = &e->plan.lookups[0];
    print_label(w, "CNAME");
    if (!e->is_live) {
        writer_string(w, "taken for granted from original to target; --live asks");
        return;
    }
    switch (lookup->answer) {
    case LOOKUP_IS_TARGET:
        writer_string(w, "asked: leads from original to target");
        break;
    case LOOKUP_NONE:
        writer_string(w, "asked: there is none");
        break;
    case LOOKUP_OTHER:
        writer_printf(w, "asked: leads to %s", tool_name_text(e->tool, lookup->found));
        break;
    case LOOKUP_PENDING:
    case LOOKUP_FAILED:
        writer_string(w, "asked: no usable answer");
        break;
    }
}

static void print_refusal(struct explain *e, struct writer *w)
{
    print_label(w, "because");
    explain_reason(&e->plan, w);
    size_t before = w->len;
    print_label(w, "remedy");
    size_t label_end = w->len;
    explain_remedy(&e->plan, w);
    if (w->len == label_end)
        writer_rewind(w, before);
}

static int print_text(struct explain *e)
{
    struct tool_page *page = tool_page_new(e->tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct writer *w = &page->writer;
    const struct outcome *outcome = outcome_of(e->plan.reason);
    bool is_permitted = e->plan.reason == REASON_PERMITTED;
    writer_string(w, paint_on(stdout, is_permitted ? PAINT_GOOD : PAINT_BAD));
    if (is_permitted)
        writer_string(w, "permitted");
    else
        writer_printf(w, "refused: %s [%s]", outcome->name, rcode_name(outcome->rcode));
    writer_string(w, paint_off(stdout));
    if (!is_permitted)
        print_refusal(e, w);
    print_who(e, w);
    print_asked(e, w);
    if (e->change != NULL)
        print_names(e, w);
    if (is_permitted && e->change != NULL)
        print_written(e, w);
    print_cname(e, w);
    return tool_page_print(page);
}

/* ---- the same for machines ---- */

static void json_text(struct json *json, const char *key, struct tool *tool,
                      void (*tell)(const struct plan *plan, struct writer *w),
                      const struct plan *plan)
{
    uint8_t octets[8192];
    struct writer w = writer_of(octets, sizeof octets);
    tell(plan, &w);
    const char *text = arena_string_n(&tool->arena, (const char *)octets, w.len);
    json_string(json, key, w.len > 0 ? text : NULL);
}

static void json_name(struct json *json, const char *key, struct tool *tool,
                      struct name name)
{
    json_string(json, key, name.octets != NULL ? tool_name_text(tool, name) : NULL);
}

static void json_change(struct explain *e, struct json *json)
{
    const struct change *change = e->change;
    struct tool *tool = e->tool;
    json_name(json, "original", tool, change->rewrite.original);
    json_name(json, "target", tool, change->rewrite.target);
    json_name(json, "zone", tool,
              change->rewrite.zone != NULL ? change->rewrite.zone->name
                                           : (struct name){NULL, 0});
    bool has_rule = change->right != NULL;
    json_string(json, "rule",
                has_rule ? arena_printf(&tool->arena, "%s:%u", change->rule.file,
                                        change->rule.line)
                         : NULL);
    json_string(json, "profile", has_rule ? change->right->terms->profile->name : NULL);
    if (change->item.op == UPDATE_ADD && change->reason == REASON_PERMITTED)
        json_number(json, "ttl", change->ttl);
    if (change->item.op != UPDATE_DELETE_NAME)
        return;
    json_array_open(json, "types");
    for (size_t i = 0; i < change->type_count; i++)
        json_string(json, NULL, tool_type_text(tool, change->types[i]));
    json_array_close(json);
}

static int print_json(struct explain *e)
{
    struct tool *tool = e->tool;
    struct tool_page *page = tool_page_new(tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct json *json = &page->json;
    const struct outcome *outcome = outcome_of(e->plan.reason);
    json_object_open(json, NULL);
    json_string(json, "verdict",
                e->plan.reason == REASON_PERMITTED ? "permitted" : "refused");
    json_string(json, "reason", outcome->name);
    json_string(json, "rcode", rcode_name(outcome->rcode));
    json_text(json, "because", tool, explain_reason, &e->plan);
    json_text(json, "remedy", tool, explain_remedy, &e->plan);
    json_name(json, "who", tool, e->ask.who);
    json_name(json, "host", tool,
              e->plan.host != NULL ? e->plan.host->name : (struct name){NULL, 0});
    json_string(json, "op", update_op_name(e->ask.item.op));
    json_name(json, "name", tool, e->ask.item.owner);
    json_string(json, "type", tool_type_text(tool, e->ask.item.type));
    if (e->ask.item.op == UPDATE_ADD)
        json_number(json, "ttl_asked", e->ask.item.ttl);
    json_string(json, "value", e->is_value_made_up ? NULL : e->value);
    if (e->change != NULL)
        json_change(e, json);
    json_bool(json, "cname_asked", e->is_live && e->plan.lookup_count > 0);
    json_object_close(json);
    return tool_page_print(page);
}

/* ---- the whole ---- */

static const char *words_of(enum update_op op)
{
    switch (op) {
    case UPDATE_ADD:
    case UPDATE_DELETE:
        return "a TYPE and a VALUE";
    case UPDATE_DELETE_RRSET:
        return "a TYPE and no VALUE";
    case UPDATE_PREREQ:
        return "a TYPE, and perhaps a VALUE";
    case UPDATE_DELETE_NAME:
    case UPDATE_PREREQ_ANY:
        return "the TYPE ANY and no VALUE";
    case UPDATE_UNDECIDED:
    case UPDATE_OPS:
        break;
    }
    return "another OP";
}

static int judge(struct explain *e)
{
    struct tool *tool = e->tool;
    enum result result = ask_judge(tool->snapshot, &e->ask, &tool->arena, &e->plan);
    if (result == RES_EFORMAT)
        return tool_usage(tool, "%s wants %s", update_op_name(e->ask.item.op),
                          words_of(e->ask.item.op));
    if (result != RES_OK)
        return tool_no_memory();
    if (e->plan.action == PLAN_LOOKUP && e->is_live) {
        int code = live_lookup(tool, e->plan.lookups, e->plan.lookup_count);
        if (code != TOOL_DONE)
            return code;
        plan_settle(&e->plan);
    } else {
        ask_settle(&e->ask, &e->plan);
    }
    if (e->plan.change_count == 1)
        e->change = &e->plan.changes[0];
    return TOOL_DONE;
}

/* A value made up that the check does not take says nothing about the change. */
static int ask_for_value(const struct explain *e)
{
    const struct change *change = e->change;
    return tool_usage(e->tool, "%s:%u checks the value (%s): give a VALUE",
                      change->rule.file, change->rule.line,
                      change->right->terms->check.text);
}

int explain_main(struct tool *tool, int argc, char **argv)
{
    struct explain e = {
        .tool = tool,
        .ask = {.now_s = tool->now_s, .cname = LOOKUP_IS_TARGET},
    };
    e.ask.item.ttl = DEFAULT_TTL_S;
    int code;
    if (read_options(&e, argc, argv, &code) != TOOL_OPTION_END)
        return code;
    code = read_words(&e, argc - optind, argv + optind);
    const struct tool_wanted wanted = {.with_keys = e.is_live};
    if (code == TOOL_DONE)
        code = tool_load(tool, &wanted);
    if (code == TOOL_DONE)
        code = read_value(&e);
    if (code == TOOL_DONE)
        code = judge(&e);
    if (code != TOOL_DONE)
        return code;
    if (e.is_value_made_up && e.plan.reason == REASON_VALUE_NOT_ALLOWED &&
        e.change->right->terms->check.kind == ACL_CHECK_MATCH)
        return ask_for_value(&e);
    code = tool->is_json ? print_json(&e) : print_text(&e);
    if (code != TOOL_DONE)
        return code;
    return e.plan.reason == REASON_PERMITTED ? TOOL_DONE : TOOL_NO;
}

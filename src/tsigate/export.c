/* tsigate export: where the ACL's rights are written, zone by zone. */
#include "tsigate/export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "policy/acl_index.h"
#include "tsigate/right_text.h"

#define UPDATE_OPS_MASK                                                                \
    (1U << UPDATE_ADD | 1U << UPDATE_DELETE | 1U << UPDATE_DELETE_RRSET |              \
     1U << UPDATE_DELETE_NAME)

/* Room for one more in an array of the arena; false: no memory, as noted. */
static bool make_room(struct export *export, void **all, size_t count, size_t *capacity,
                      size_t each)
{
    if (count < *capacity)
        return true;
    size_t wanted = 2 * *capacity + 64;
    void *more = arena_array(export->arena, wanted, each);
    if (more == NULL) {
        export->has_no_memory = true;
        return false;
    }
    if (count > 0)
        memcpy(more, *all, count * each);
    *all = more;
    *capacity = wanted;
    return true;
}

static struct export_rule *add_rule(struct export *export,
                                    const struct export_rule *values)
{
    if (!make_room(export, (void **)&export->rules, export->count, &export->capacity,
                   sizeof *export->rules))
        return NULL;
    struct export_rule *rule = &export->rules[export->count];
    *rule = *values;
    rule->order = export->count++;
    return rule;
}

static void remark(struct export *export, const struct acl_right *right,
                   const char *why)
{
    if (!make_room(export, (void **)&export->remarks, export->remark_count,
                   &export->remark_capacity, sizeof *export->remarks))
        return;
    struct place place = acl_right_place(&export->tool->snapshot->acl, right);
    const char *text =
        arena_printf(export->arena, "%s:%u: %s %s: %s", place.file, place.line,
                     tool_name_text(export->tool, right->host->name),
                     tool_owner_text(export->tool, right), why);
    export->has_no_memory = export->has_no_memory || text == NULL;
    export->remarks[export->remark_count++] = text != NULL ? text : "?";
}

/* ---- where a right is written ---- */

/* Gives each written region of a right. */
struct found {
    struct export *export;
    const struct acl_right *right;
    size_t count;
    void (*take)(struct found *, const struct zone *, enum export_reach, struct name);
};

static void find_exact(struct found *found)
{
    const struct zones *zones = &found->export->tool->snapshot->zones;
    struct rewrite rewrite;
    if (zones_find(zones, acl_right_owner(found->right)) == NULL)
        return;
    if (zones_rewrite(zones, acl_right_owner(found->right), found->export->arena,
                      &rewrite) != RES_OK) {
        found->export->has_no_memory = true;
        return;
    }
    if (rewrite.target.octets != NULL && rewrite.zone != NULL &&
        rewrite.zone->is_dynamic)
        found->take(found, rewrite.zone, EXPORT_NAME, rewrite.target);
}

/* A pattern below tail, the plain part of it: the shadow that tail lies in, and all
 * shadows and dynamic zones that lie below tail. */
static void find_below(struct found *found, struct name tail)
{
    const struct snapshot *snapshot = found->export->tool->snapshot;
    const struct zones *zones = &snapshot->zones;
    const struct shadow *shadow = zones_shadow_of(zones, tail);
    const struct zone *zone = zones_find(zones, tail);
    struct name_buf buf;
    if (zone != NULL && zone->is_dynamic)
        found->take(found, zone, EXPORT_BELOW, tail);
    else if (zone != NULL && shadow != NULL &&
             name_replace_suffix(tail, shadow->of, shadow->at, &buf) == RES_OK)
        found->take(found, shadow->zone, EXPORT_BELOW,
                    name_copy(found->export->arena, name_of(&buf)));
    for (size_t i = 0; i < snapshot->settings.shadow_count; i++) {
        const struct settings_shadow *below = &snapshot->settings.shadows[i];
        if (name_is_below(below->of, tail))
            found->take(found, zones_find(zones, below->at), EXPORT_BELOW, below->at);
    }
    for (size_t i = 0; i < zones->count; i++) {
        const struct zone *below = &zones->all[i];
        if (below->is_dynamic && name_is_below(below->name, tail) &&
            zones_shadow_at(zones, below->name) == NULL &&
            map_get(&zones->by_at, below->name.octets, below->name.len) == NULL)
            found->take(found, below, EXPORT_BELOW, below->name);
    }
}

static void find_written(struct found *found)
{
    const struct acl_right *right = found->right;
    if (!right->is_pattern)
        find_exact(found);
    else
        find_below(found, name_parent(acl_pattern_tail(acl_right_owner(right),
                                                       acl_right_stars(right))));
}

/* ---- the gateway's own key ---- */

/* The rule of that place, made where there is none. */
static struct export_rule *rule_at(struct export *export, const struct zone *zone,
                                   enum export_reach reach, struct name name)
{
    for (size_t i = 0; i < export->count; i++) {
        struct export_rule *rule = &export->rules[i];
        if (rule->zone == zone && rule->reach == reach && name_equal(rule->name, name))
            return rule;
    }
    return add_rule(export, &(struct export_rule){
                                .zone = zone,
                                .key = export->tool->snapshot->settings.upstream_key,
                                .reach = reach,
                                .name = name,
                            });
}

/* The shadow as a whole, else the zone: who may change what is up to the gateway. */
static void take_for_gateway(struct found *found, const struct zone *zone,
                             enum export_reach reach, struct name name)
{
    struct export *export = found->export;
    const struct zones *zones = &export->tool->snapshot->zones;
    const struct acl_terms *terms = found->right->terms;
    const struct shadow *shadow = zones_shadow_at(zones, name);
    if (shadow == NULL && reach == EXPORT_BELOW)
        shadow = map_get(&zones->by_at, name.octets, name.len);
    struct export_rule *rule = shadow != NULL
                                   ? rule_at(export, zone, EXPORT_BELOW, shadow->at)
                                   : rule_at(export, zone, EXPORT_ZONE, zone->name);
    if (rule != NULL)
        type_set_add_all(&rule->types, terms->types, terms->type_count);
}

/* ---- one rule per right ---- */

static void write_validity(const struct export *export, struct acl_credential key,
                           struct writer *w)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    int64_t not_before_s = acl_credential_not_before_s(key);
    int64_t not_after_s = acl_credential_not_after_s(key);
    if (not_before_s > export->tool->now_s)
        writer_printf(w, "not-before %s, ", timestamp_format(not_before_s, time));
    if (not_after_s != INT64_MAX)
        writer_printf(w, "not-after %s, ", timestamp_format(not_after_s, time));
}

/* What no primary looks at. */
static const char *without(struct export *export, const struct acl_right *right,
                           struct acl_credential key)
{
    const struct acl_terms *terms = right->terms;
    uint8_t octets[LIMIT_LINE_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    if (terms->check.kind != ACL_CHECK_ANY && terms->check.text != NULL)
        writer_printf(&w, "check %s, ", terms->check.text);
    if (terms->ttl_min_s > 0 || terms->ttl_max_s < LIMIT_TTL_S)
        writer_printf(&w, "ttl %" PRIu32 "..%" PRIu32 ", ", terms->ttl_min_s,
                      terms->ttl_max_s);
    if ((terms->ops & UPDATE_OPS_MASK) != UPDATE_OPS_MASK) {
        writer_string(&w, "may ");
        right_text_ops(&w, terms->ops);
        writer_string(&w, ", ");
    }
    if (acl_host_from(right->host) != NULL) {
        writer_string(&w, "from ");
        right_text_from(&w, right->host);
        writer_string(&w, ", ");
    }
    write_validity(export, key, &w);
    if (w.len == 0)
        return NULL;
    return arena_string_n(export->arena, (char *)octets, w.len - 2);
}

static void take_for_key(struct export *export, struct export_rule *values,
                         struct acl_credential key)
{
    if (acl_credential_not_after_s(key) <= export->tool->now_s)
        return;
    values->key = acl_credential_name(key);
    values->without = without(export, values->right, key);
    (void)add_rule(export, values);
}

static void take_for_host(struct found *found, const struct zone *zone,
                          enum export_reach reach, struct name name)
{
    struct export *export = found->export;
    const struct acl_right *right = found->right;
    struct export_rule rule = {
        .zone = zone,
        .reach = reach,
        .name = name,
        .right = right,
        .place = acl_right_place(&export->tool->snapshot->acl, right),
    };
    found->count++;
    type_set_add_all(&rule.types, right->terms->types, right->terms->type_count);
    struct acl_credential key = acl_credential_first(right->host);
    do
        take_for_key(export, &rule, key);
    while (acl_credential_next(&key));
}

/* `**` at the left end alone has its like there. */
static bool is_expressible(const struct acl_right *right)
{
    return !right->is_pattern || (acl_right_stars(right) == 1 && right->is_subtree);
}

/* ---- the command ---- */

static void collect(struct export *export)
{
    const struct acl *acl = &export->tool->snapshot->acl;
    const struct acl_right **rights = acl_list_rights(acl, export->arena);
    export->has_no_memory = export->has_no_memory || rights == NULL;
    for (size_t i = 0; rights != NULL && i < acl->right_count; i++) {
        struct found found = {
            .export = export,
            .right = rights[i],
            .take = export->is_per_right ? take_for_host : take_for_gateway,
        };
        if ((found.right->terms->ops & UPDATE_OPS_MASK) == 0) {
            remark(export, found.right, "it changes nothing");
            continue;
        }
        if (export->is_per_right && !is_expressible(found.right)) {
            remark(export, found.right, "there is no such pattern");
            continue;
        }
        find_written(&found);
        if (export->is_per_right && found.count == 0)
            remark(export, found.right, "it is written nowhere");
    }
}

/* In the ACL's order: the first right that permits decides there. */
static int compare_by_order(const void *left, const void *right)
{
    const struct export_rule *a = left, *b = right;
    if (a->zone != b->zone)
        return a->zone->index < b->zone->index ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* So that what one rule of Knot's can say stands together. */
static int compare_by_group(const void *left, const void *right)
{
    const struct export_rule *a = left, *b = right;
    if (a->zone != b->zone)
        return a->zone->index < b->zone->index ? -1 : 1;
    int order = name_compare(a->key, b->key);
    if (order == 0)
        order = (a->reach > b->reach) - (a->reach < b->reach);
    if (order == 0)
        order = type_set_compare(&a->types, &b->types);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static int run(struct export *export, const char *target)
{
    struct tool *tool = export->tool;
    int code = tool_load(tool, &(struct tool_wanted){.with_keys = false});
    if (code != TOOL_DONE)
        return code;
    if (!export->is_per_right && tool->snapshot->settings.upstream_key.octets == NULL)
        return tool_fail(TOOL_CONFIG, "%s has no upstream.key, for which this would be",
                         tool->conf_file);
    collect(export);
    if (export->has_no_memory)
        return tool_no_memory();
    bool is_bind = strcmp(target, "bind") == 0;
    if (export->count > 0)
        qsort(export->rules, export->count, sizeof *export->rules,
              is_bind ? compare_by_order : compare_by_group);
    if (is_bind)
        export_print_bind(export);
    else
        export_print_knot(export);
    return TOOL_DONE;
}

static const struct option options[] = {
    {"per-right", no_argument, NULL, 'r'},
    TOOL_COMMON_OPTIONS,
};

int export_main(struct tool *tool, int argc, char **argv)
{
    struct export export = {.tool = tool, .arena = &tool->arena};
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0)
        export.is_per_right = true;
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (tool->is_json)
        return tool_usage(tool, "--json: this is the primary's own language");
    if (argc - optind != 1 ||
        (strcmp(argv[optind], "bind") != 0 && strcmp(argv[optind], "knot") != 0))
        return tool_usage(tool, "bind or knot is wanted");
    return run(&export, argv[optind]);
}

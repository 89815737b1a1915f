/* tsigate cnames: the CNAMEs that the ACL's static names need, and whether the primary
 * has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsigate/live.h"
#include "tsigate/tool.h"
#include "tsigate/transfer.h"

enum {
    OPTION_CHECK = 256,
};

static const struct option options[] = {
    {"check", no_argument, NULL, OPTION_CHECK},
    TOOL_COMMON_OPTIONS,
};

/* A static name that somebody may write in its stead. */
struct delegation {
    const struct acl_right *right; /* the first that names it */
    const struct zone *zone;       /* static */
    struct name original;
    struct name target; /* octets NULL: a pattern, or nothing shadows it */
};

/* A CNAME of a static zone that leads into a shadow, and nobody is granted it. */
struct stray {
    struct name original;
    struct name target;
    struct stray *next;
};

struct cnames {
    struct tool *tool;
    struct delegation *needed; /* sorted, each original once */
    size_t needed_count;
    struct delegation *others; /* patterns, and names without a shadow */
    size_t other_count;
    struct lookup *lookups; /* --check: of needed, in its order; else NULL */
    struct stray *strays, *last_stray;
    bool has_unread_zone; /* --check: not every zone's content could be had */
};

/* ---- what is needed ---- */

/* RFC 4034 6.1: by labels from the right, so that a zone and a host stay together. */
static int compare_canonically(struct name a, struct name b)
{
    struct name at[2][LIMIT_NAME_LABELS];
    size_t left[2] = {0, 0};
    for (; !name_is_root(a); a = name_parent(a))
        at[0][left[0]++] = a;
    for (; !name_is_root(b); b = name_parent(b))
        at[1][left[1]++] = b;
    while (left[0] > 0 && left[1] > 0) {
        const uint8_t *x = at[0][--left[0]].octets, *y = at[1][--left[1]].octets;
        int order = memcmp(x + 1, y + 1, x[0] < y[0] ? x[0] : y[0]);
        if (order == 0)
            order = x[0] - y[0];
        if (order != 0)
            return order;
    }
    return (left[0] > left[1]) - (left[0] < left[1]);
}

static int compare_delegations(const void *left, const void *right)
{
    const struct delegation *a = left, *b = right;
    int order = compare_canonically(a->original, b->original);
    if (order != 0)
        return order;
    return acl_right_compare(a->right, b->right);
}

static size_t keep_first_of_each(struct delegation *all, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && name_equal(all[kept - 1].original, all[i].original) &&
            acl_right_stars(all[kept - 1].right) == acl_right_stars(all[i].right))
            continue;
        all[kept++] = all[i];
    }
    return kept;
}

static enum result add_right(struct cnames *c, const struct acl_right *right)
{
    const struct zones *zones = &c->tool->snapshot->zones;
    struct delegation d = {.right = right, .original = acl_right_owner(right)};
    struct name_buf target;
    d.zone = zones_find(zones, d.original);
    if (d.zone == NULL || d.zone->is_dynamic)
        return RES_OK;
    if (right->is_pattern || zones_bind(zones, d.original, &target) != RES_OK) {
        c->others[c->other_count++] = d;
        return RES_OK;
    }
    d.target = name_copy(&c->tool->arena, name_of(&target));
    if (d.target.octets == NULL)
        return RES_EMEM;
    c->needed[c->needed_count++] = d;
    return RES_OK;
}

static enum result collect(struct cnames *c)
{
    const struct acl *acl = &c->tool->snapshot->acl;
    struct arena *arena = &c->tool->arena;
    c->needed = arena_array(arena, acl->right_count, sizeof *c->needed);
    c->others = arena_array(arena, acl->right_count, sizeof *c->others);
    if (c->needed == NULL || c->others == NULL)
        return RES_EMEM;
    struct acl_walk walk = {0};
    for (const struct acl_right *right; (right = acl_walk_next(acl, &walk)) != NULL;) {
        if (add_right(c, right) != RES_OK)
            return RES_EMEM;
    }
    qsort(c->needed, c->needed_count, sizeof *c->needed, compare_delegations);
    qsort(c->others, c->other_count, sizeof *c->others, compare_delegations);
    c->needed_count = keep_first_of_each(c->needed, c->needed_count);
    c->other_count = keep_first_of_each(c->others, c->other_count);
    return RES_OK;
}

/* ---- what the primary has ---- */

static int ask_for_each(struct cnames *c)
{
    c->lookups = arena_array(&c->tool->arena, c->needed_count + 1, sizeof *c->lookups);
    if (c->lookups == NULL)
        return tool_no_memory();
    for (size_t i = 0; i < c->needed_count; i++) {
        c->lookups[i].original = c->needed[i].original;
        c->lookups[i].target = c->needed[i].target;
    }
    return live_lookup(c->tool, c->lookups, c->needed_count);
}

static size_t count_answers(const struct cnames *c, enum lookup_answer answer)
{
    size_t count = 0;
    for (size_t i = 0; c->lookups != NULL && i < c->needed_count; i++)
        count += c->lookups[i].answer == answer;
    return count;
}

static int compare_to_delegation(const void *name, const void *delegation)
{
    const struct delegation *d = delegation;
    return compare_canonically(*(const struct name *)name, d->original);
}

/* Whether anybody may write in the name's stead, by whatever grant. */
static bool is_granted(const struct cnames *c, struct name original)
{
    const struct acl *acl = &c->tool->snapshot->acl;
    if (bsearch(&original, c->needed, c->needed_count, sizeof *c->needed,
                compare_to_delegation) != NULL)
        return true;
    for (size_t i = 0; i < acl->source->hosts.count; i++) {
        const struct acl_right *rights[ACL_RIGHTS_MAX];
        if (acl_rights_of(acl, acl_source_host(acl->source, i), original, rights) > 0)
            return true;
    }
    return false;
}

static bool is_in_shadow(const struct zones *zones, struct name target)
{
    return zones_shadow_at(zones, target) != NULL ||
           map_get(&zones->alias_at, target.octets, target.len) != NULL;
}

/* A CNAME of a static zone; see transfer.h. */
static enum result see_cname(void *arg, struct name owner, struct name target)
{
    struct cnames *c = arg;
    struct arena *arena = &c->tool->arena;
    if (!is_in_shadow(&c->tool->snapshot->zones, target) || is_granted(c, owner))
        return RES_OK;
    struct stray *stray = arena_alloc(arena, sizeof *stray);
    if (stray == NULL)
        return RES_EMEM;
    stray->original = name_copy(arena, owner);
    stray->target = name_copy(arena, target);
    if (stray->original.octets == NULL || stray->target.octets == NULL)
        return RES_EMEM;
    if (c->strays == NULL)
        c->strays = stray;
    else
        c->last_stray->next = stray;
    c->last_stray = stray;
    return RES_OK;
}

/* What nobody is granted is found only in the zones themselves. */
static int look_for_strays(struct cnames *c)
{
    const struct zones *zones = &c->tool->snapshot->zones;
    for (size_t i = 0; i < zones->count; i++) {
        const char *why = NULL;
        if (zones->all[i].is_dynamic)
            continue;
        int code = transfer_cnames(c->tool, zones->all[i].name, see_cname, c, &why);
        if (code != TOOL_DONE)
            return code;
        if (why == NULL)
            continue;
        c->has_unread_zone = true;
        tool_fail(TOOL_DONE, "zone %s was not searched for CNAMEs without a grant: %s",
                  tool_name_text(c->tool, zones->all[i].name), why);
    }
    return TOOL_DONE;
}

static int check_primary(struct cnames *c)
{
    int code = ask_for_each(c);
    return code == TOOL_DONE ? look_for_strays(c) : code;
}

/* ---- for people ---- */

/* How wide the first column is, its dot included. */
static int owner_width(const struct cnames *c)
{
    size_t width = 0;
    for (size_t i = 0; i < c->needed_count; i++) {
        size_t len = strlen(tool_name_text(c->tool, c->needed[i].original)) + 1;
        width = len > width ? len : width;
    }
    for (const struct stray *stray = c->strays; stray != NULL; stray = stray->next) {
        size_t len = strlen(tool_name_text(c->tool, stray->original)) + 1;
        width = len > width ? len : width;
    }
    return (int)width;
}

/* Without the newline. */
static void print_line(const struct cnames *c, int width, struct name original,
                       struct name target)
{
    const char *owner = tool_name_text(c->tool, original);
    int pad = width - (int)strlen(owner) - 1;
    printf("%s.%*s IN CNAME %s.", owner, pad > 0 ? pad : 0, "",
           tool_name_text(c->tool, target));
}

static void print_needed(const struct cnames *c)
{
    int width = owner_width(c);
    for (size_t i = 0; i < c->needed_count; i++) {
        print_line(c, width, c->needed[i].original, c->needed[i].target);
        putchar('\n');
    }
    for (size_t i = 0; i < c->other_count; i++) {
        const struct acl_right *right = c->others[i].right;
        struct place place = acl_right_place(&c->tool->snapshot->acl, right);
        printf("; %s. (host %s, %s:%u): %s\n", tool_owner_text(c->tool, right),
               tool_name_text(c->tool, right->host->name), place.file, place.line,
               right->is_pattern ? "a pattern: a CNAME for each name that is used"
                                 : "no shadow: it cannot be written");
    }
}

/* One line for each that is not as it should be: a word, then the zone-file line. */
static void print_drift(const struct cnames *c)
{
    int width = owner_width(c);
    for (size_t i = 0; i < c->needed_count; i++) {
        const struct lookup *lookup = &c->lookups[i];
        switch (lookup->answer) {
        case LOOKUP_IS_TARGET:
            break;
        case LOOKUP_NONE:
            printf("missing    ");
            print_line(c, width, lookup->original, lookup->target);
            putchar('\n');
            break;
        case LOOKUP_OTHER:
            printf("elsewhere  ");
            print_line(c, width, lookup->original, lookup->target);
            if (lookup->found.octets != NULL)
                printf(" ; leads to %s.\n", tool_name_text(c->tool, lookup->found));
            else
                puts(" ; a DNAME, or more than one CNAME");
            break;
        case LOOKUP_PENDING:
        case LOOKUP_FAILED:
            printf("unknown    ");
            print_line(c, width, lookup->original, lookup->target);
            puts(" ; the primary's answer decides nothing");
            break;
        }
    }
    for (const struct stray *stray = c->strays; stray != NULL; stray = stray->next) {
        printf("ungranted  ");
        print_line(c, width, stray->original, stray->target);
        putchar('\n');
    }
}

static void print_check(const struct cnames *c, bool is_drift)
{
    print_drift(c);
    if (!is_drift && count_answers(c, LOOKUP_FAILED) == 0)
        printf("all %zu CNAMEs are in place%s\n", c->needed_count,
               c->has_unread_zone ? "" : ", and none without a grant");
}

/* ---- for programs ---- */

static const char *state_text(const struct lookup *lookup)
{
    switch (lookup->answer) {
    case LOOKUP_IS_TARGET:
        return "in-place";
    case LOOKUP_NONE:
        return "missing";
    case LOOKUP_OTHER:
        return "elsewhere";
    case LOOKUP_PENDING:
    case LOOKUP_FAILED:
        return "unknown";
    }
    return "unknown";
}

static void json_delegation(const struct cnames *c, struct json *json,
                            const struct delegation *d)
{
    struct tool *tool = c->tool;
    const struct acl_right *right = d->right;
    struct place place = acl_right_place(&tool->snapshot->acl, right);
    json_string(json, "original", tool_owner_text(tool, right));
    if (d->target.octets != NULL)
        json_string(json, "target", tool_name_text(tool, d->target));
    json_string(json, "zone", tool_name_text(tool, d->zone->name));
    json_string(json, "host", tool_name_text(tool, right->host->name));
    json_string(json, "rule",
                arena_printf(&tool->arena, "%s:%u", place.file, place.line));
}

static void json_needed(const struct cnames *c, struct tool_page *page)
{
    struct json *json = &page->json;
    json_array_open(json, "cnames");
    for (size_t i = 0; i < c->needed_count; i++) {
        json_object_open(json, NULL);
        json_delegation(c, json, &c->needed[i]);
        if (c->lookups != NULL)
            json_string(json, "state", state_text(&c->lookups[i]));
        if (c->lookups != NULL && c->lookups[i].found.octets != NULL)
            json_string(json, "found", tool_name_text(c->tool, c->lookups[i].found));
        json_object_close(json);
        tool_page_flush(page);
    }
    json_array_close(json);
}

static void json_others(const struct cnames *c, struct tool_page *page)
{
    static const char *const keys[] = {"without_shadow", "patterns"};
    struct json *json = &page->json;
    for (int is_pattern = 1; is_pattern >= 0; is_pattern--) {
        json_array_open(json, keys[is_pattern]);
        for (size_t i = 0; i < c->other_count; i++) {
            if (c->others[i].right->is_pattern != is_pattern)
                continue;
            json_object_open(json, NULL);
            json_delegation(c, json, &c->others[i]);
            json_object_close(json);
            tool_page_flush(page);
        }
        json_array_close(json);
    }
}

static void json_strays(const struct cnames *c, struct tool_page *page)
{
    struct json *json = &page->json;
    json_array_open(json, "ungranted");
    for (const struct stray *stray = c->strays; stray != NULL; stray = stray->next) {
        json_object_open(json, NULL);
        json_string(json, "original", tool_name_text(c->tool, stray->original));
        json_string(json, "target", tool_name_text(c->tool, stray->target));
        json_object_close(json);
        tool_page_flush(page);
    }
    json_array_close(json);
}

static int print_json(const struct cnames *c, bool is_drift)
{
    struct tool_page *page = tool_page_new(c->tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    json_object_open(&page->json, NULL);
    if (c->lookups != NULL) {
        json_bool(&page->json, "drift", is_drift);
        json_bool(&page->json, "zones_searched", !c->has_unread_zone);
    }
    json_needed(c, page);
    json_others(c, page);
    if (c->lookups != NULL)
        json_strays(c, page);
    json_object_close(&page->json);
    return tool_page_print(page);
}

/* ---- the subcommand ---- */

static int tell(const struct cnames *c)
{
    bool is_drift = c->strays != NULL || count_answers(c, LOOKUP_NONE) > 0 ||
                    count_answers(c, LOOKUP_OTHER) > 0;
    int code = TOOL_DONE;
    if (c->tool->is_json)
        code = print_json(c, is_drift);
    else if (c->lookups != NULL)
        print_check(c, is_drift);
    else
        print_needed(c);
    if (code != TOOL_DONE)
        return code;
    if (is_drift)
        return TOOL_NO;
    return count_answers(c, LOOKUP_FAILED) > 0 ? TOOL_OUTSIDE : TOOL_DONE;
}

int cnames_main(struct tool *tool, int argc, char **argv)
{
    bool with_check = false;
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) == OPTION_CHECK)
        with_check = true;
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    const struct tool_wanted wanted = {.with_keys = with_check};
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;
    struct cnames cnames = {.tool = tool};
    if (collect(&cnames) != RES_OK)
        return tool_no_memory();
    if (with_check)
        code = check_primary(&cnames);
    return code == TOOL_DONE ? tell(&cnames) : code;
}

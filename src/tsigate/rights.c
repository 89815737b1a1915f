/* tsigate rights and who-can: the compiled ACL, seen from hosts and from names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "dns/type.h"
#include "tsigate/right_text.h"
#include "tsigate/tool.h"

/* ---- the parts of a right as text ---- */

#define PART_OCTETS 8192

static const char *page_text(struct tool *tool, const struct writer *w)
{
    const char *text = arena_string_n(&tool->arena, (const char *)w->octets, w->len);
    return w->len == 0 ? "-" : text != NULL ? text : "?";
}

static const char *ops_text(struct tool *tool, const struct acl_terms *terms)
{
    uint8_t octets[PART_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    right_text_ops(&w, terms->ops);
    return page_text(tool, &w);
}

static const char *types_text(struct tool *tool, const struct acl_terms *terms)
{
    uint8_t octets[PART_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    for (size_t i = 0; i < terms->type_count; i++)
        writer_printf(&w, "%s%s", i > 0 ? "," : "",
                      tool_type_text(tool, terms->types[i]));
    return page_text(tool, &w);
}

static const char *ttl_text(struct tool *tool, const struct acl_terms *terms)
{
    if ((terms->ops & 1U << UPDATE_ADD) == 0)
        return "-";
    return arena_printf(&tool->arena, "%" PRIu32 "..%" PRIu32 "%s", terms->ttl_min_s,
                        terms->ttl_max_s, terms->ttl_refuses ? " refuse" : "");
}

/* A quoted word of the ACL may hold a tab, which separates columns here. */
static const char *check_text(struct tool *tool, const struct acl_terms *terms)
{
    if (terms->check.kind == ACL_CHECK_ANY || terms->check.text == NULL)
        return "-";
    char *text = arena_string(&tool->arena, terms->check.text);
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        if (*c == '\t')
            *c = ' ';
    }
    return text != NULL ? text : "?";
}

static const char *from_text(struct tool *tool, const struct acl_host *host)
{
    uint8_t octets[PART_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    right_text_from(&w, host);
    return page_text(tool, &w);
}

static const char *rule_text(struct tool *tool, const struct acl_right *right)
{
    struct place place = acl_right_place(&tool->snapshot->acl, right);
    return arena_printf(&tool->arena, "%s:%u", place.file, place.line);
}

/* One key with its bounds: "mx1-2027 (from 2027-01-01T00:00:00Z)". */
static void write_key(struct tool *tool, struct acl_credential key, struct writer *w)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    int64_t not_before_s = acl_credential_not_before_s(key);
    int64_t not_after_s = acl_credential_not_after_s(key);
    writer_string(w, tool_name_text(tool, acl_credential_name(key)));
    if (not_before_s > tool->now_s)
        writer_printf(w, " (from %s)", timestamp_format(not_before_s, time));
    if (not_after_s <= tool->now_s)
        writer_printf(w, " (expired %s)", timestamp_format(not_after_s, time));
    else if (not_after_s != INT64_MAX)
        writer_printf(w, " (until %s)", timestamp_format(not_after_s, time));
}

static const char *keys_text(struct tool *tool, const struct acl_host *host)
{
    uint8_t octets[PART_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    struct acl_credential key = acl_credential_first(host);
    do {
        if (w.len > 0)
            writer_string(&w, ", ");
        write_key(tool, key, &w);
    } while (acl_credential_next(&key));
    return page_text(tool, &w);
}

/* ---- rights ---- */

struct right_row {
    const char *line; /* without the last column */
    const struct acl_right *right;
    uint16_t type;
};

static int compare_rows(const void *left, const void *right)
{
    const struct right_row *a = left, *b = right;
    int order = strcmp(a->line, b->line);
    if (order != 0)
        return order;
    return acl_right_compare(a->right, b->right);
}

/* HOST OWNER TYPE OPERATIONS TTL CHECK FROM */
static const char *row_line(struct tool *tool, const struct acl_right *right,
                            uint16_t type)
{
    const struct acl_terms *terms = right->terms;
    return arena_printf(&tool->arena, "%s\t%s\t%s\t%s\t%s\t%s\t%s",
                        tool_name_text(tool, right->host->name),
                        tool_owner_text(tool, right), tool_type_text(tool, type),
                        ops_text(tool, terms), ttl_text(tool, terms),
                        check_text(tool, terms), from_text(tool, right->host));
}

static size_t count_rows(const struct acl *acl, const struct acl_host *host)
{
    struct acl_walk walk = {0};
    size_t count = 0;
    for (const struct acl_right *right; (right = acl_walk_next(acl, &walk)) != NULL;) {
        if (host == NULL || right->host == host)
            count += right->terms->type_count;
    }
    return count;
}

/* NULL: no memory. */
static struct right_row *collect_rows(struct tool *tool, const struct acl_host *host,
                                      size_t count)
{
    const struct acl *acl = &tool->snapshot->acl;
    struct right_row *rows = arena_array(&tool->arena, count, sizeof *rows);
    const struct acl_right *right;
    struct acl_walk walk = {0};
    size_t at = 0;
    while (rows != NULL && (right = acl_walk_next(acl, &walk)) != NULL) {
        if (host != NULL && right->host != host)
            continue;
        for (size_t k = 0; k < right->terms->type_count; k++) {
            struct right_row *row = &rows[at++];
            row->right = right;
            row->type = right->terms->types[k];
            row->line = row_line(tool, right, row->type);
            if (row->line == NULL)
                return NULL;
        }
    }
    return rows;
}

static void write_right_json(struct tool *tool, const struct right_row *row,
                             struct json *json)
{
    const struct acl_right *right = row->right;
    const struct acl_terms *terms = right->terms;
    json_object_open(json, NULL);
    json_string(json, "host", tool_name_text(tool, right->host->name));
    json_string(json, "owner", tool_owner_text(tool, right));
    json_string(json, "type", tool_type_text(tool, row->type));
    json_array_open(json, "operations");
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((terms->ops & 1U << op) != 0)
            json_string(json, NULL, update_op_name(op));
    }
    json_array_close(json);
    json_number(json, "ttl_min", terms->ttl_min_s);
    json_number(json, "ttl_max", terms->ttl_max_s);
    json_string(json, "ttl_mode", terms->ttl_refuses ? "refuse" : "clamp");
    json_number(json, "max_records", terms->max_records);
    json_string(json, "check",
                terms->check.kind == ACL_CHECK_ANY ? NULL : terms->check.text);
    json_string(json, "from",
                acl_host_from(right->host) != NULL ? from_text(tool, right->host)
                                                   : NULL);
    json_string(json, "profile", right->terms->profile->name);
    json_string(json, "rule", rule_text(tool, right));
    json_object_close(json);
}

/* An array, one right a line, so that no number of them is too many for a page. */
static int print_rights_json(struct tool *tool, const struct right_row *rows,
                             size_t count)
{
    struct tool_page *page = tool_page_new(tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    puts("[");
    for (size_t i = 0; i < count; i++) {
        write_right_json(tool, &rows[i], &page->json);
        if (i + 1 < count)
            writer_u8(&page->writer, ',');
        int code = tool_page_print(page);
        if (code != TOOL_DONE)
            return code;
    }
    puts("]");
    return TOOL_DONE;
}

static const struct option plain_options[] = {TOOL_COMMON_OPTIONS};

int rights_main(struct tool *tool, int argc, char **argv)
{
    int option = tool_option(tool, argc, argv, plain_options, false);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind > 1)
        return tool_usage(tool, "one HOST at most");
    struct name name = {NULL, 0};
    if (optind < argc) {
        name = tool_name(tool, argv[optind]);
        if (name.octets == NULL)
            return TOOL_USAGE;
    }
    int code = tool_load(tool, &(struct tool_wanted){.with_keys = false});
    if (code != TOOL_DONE)
        return code;
    const struct acl_host *host = NULL;
    if (name.octets != NULL) {
        host = acl_host_named(&tool->snapshot->acl, name);
        if (host == NULL)
            return tool_fail(TOOL_NO, "the ACL has no host %s%s", argv[optind],
                             tool_guess_host(tool, argv[optind]));
    }
    size_t count = count_rows(&tool->snapshot->acl, host);
    struct right_row *rows = collect_rows(tool, host, count);
    if (rows == NULL)
        return tool_no_memory();
    qsort(rows, count, sizeof *rows, compare_rows);
    if (tool->is_json)
        return print_rights_json(tool, rows, count);
    for (size_t i = 0; i < count; i++)
        printf("%s\t%s\n", rows[i].line, rule_text(tool, rows[i].right));
    return TOOL_DONE;
}

/* ---- who-can ---- */

struct who_can {
    struct tool *tool;
    struct name name;
    uint16_t type; /* TYPE_ANY: all */
    struct rewrite rewrite;
    struct tool_page *page;
    size_t found;
};

static void write_found(struct who_can *who, const struct acl_right *right)
{
    const struct acl_terms *terms = right->terms;
    struct writer *w = &who->page->writer;
    struct tool *tool = who->tool;
    writer_printf(w, "\n\n%s%s\n", tool_name_text(tool, right->host->name),
                  right->is_for_all ? "  (every-host)" : "");
    writer_printf(w, "  key    %s\n", keys_text(tool, right->host));
    if (acl_host_from(right->host) != NULL)
        writer_printf(w, "  from   %s\n", from_text(tool, right->host));
    writer_printf(w, "  grant  %s  (%s %s)\n", rule_text(tool, right),
                  right->terms->profile->name, tool_owner_text(tool, right));
    writer_printf(w, "  may    %s  %s  ttl %s", types_text(tool, terms),
                  ops_text(tool, terms), ttl_text(tool, terms));
    if (terms->check.kind != ACL_CHECK_ANY)
        writer_printf(w, "  check %s", check_text(tool, terms));
}

static void write_keys_json(struct who_can *who, const struct acl_host *host)
{
    struct json *json = &who->page->json;
    json_array_open(json, "keys");
    struct acl_credential key = acl_credential_first(host);
    do
        json_string(json, NULL, tool_name_text(who->tool, acl_credential_name(key)));
    while (acl_credential_next(&key));
    json_array_close(json);
}

static void write_found_json(struct who_can *who, const struct acl_right *right)
{
    const struct acl_terms *terms = right->terms;
    struct json *json = &who->page->json;
    struct tool *tool = who->tool;
    json_object_open(json, NULL);
    json_string(json, "host", tool_name_text(tool, right->host->name));
    write_keys_json(who, right->host);
    json_string(json, "from",
                acl_host_from(right->host) != NULL ? from_text(tool, right->host)
                                                   : NULL);
    json_string(json, "owner", tool_owner_text(tool, right));
    json_string(json, "types", types_text(tool, terms));
    json_string(json, "operations", ops_text(tool, terms));
    json_string(json, "ttl", ttl_text(tool, terms));
    json_string(json, "check",
                terms->check.kind == ACL_CHECK_ANY ? NULL : terms->check.text);
    json_string(json, "profile", right->terms->profile->name);
    json_string(json, "rule", rule_text(tool, right));
    json_object_close(json);
}

static void find_all(struct who_can *who)
{
    const struct snapshot *snapshot = who->tool->snapshot;
    for (size_t h = 0; h < snapshot->source.hosts.count; h++) {
        const struct acl_right *rights[ACL_RIGHTS_MAX];
        size_t count =
            acl_rights_of(&snapshot->acl, acl_source_host(&snapshot->source, h),
                          who->rewrite.original, rights);
        for (size_t i = 0; i < count; i++) {
            if (who->type != TYPE_ANY &&
                !acl_terms_have_type(rights[i]->terms, who->type))
                continue;
            who->found++;
            if (who->tool->is_json)
                write_found_json(who, rights[i]);
            else
                write_found(who, rights[i]);
            tool_page_flush(who->page);
        }
    }
}

static void print_who_can_json(struct who_can *who)
{
    struct json *json = &who->page->json;
    bool is_bound = who->rewrite.target.octets != NULL;
    json_object_open(json, NULL);
    json_string(json, "original", tool_name_text(who->tool, who->rewrite.original));
    json_string(json, "target",
                is_bound ? tool_name_text(who->tool, who->rewrite.target) : NULL);
    json_array_open(json, "rights");
    find_all(who);
    json_array_close(json);
    json_object_close(json);
}

static void print_who_can_text(struct who_can *who)
{
    struct tool *tool = who->tool;
    bool is_bound = who->rewrite.target.octets != NULL;
    writer_printf(&who->page->writer, "%s, written at %s",
                  tool_name_text(tool, who->rewrite.original),
                  is_bound ? tool_name_text(tool, who->rewrite.target)
                           : "no name: no shadow and no alias leads there");
    find_all(who);
    if (who->found == 0)
        writer_string(&who->page->writer, "\nnobody");
}

static int print_who_can(struct who_can *who)
{
    if (who->tool->is_json)
        print_who_can_json(who);
    else
        print_who_can_text(who);
    int code = tool_page_print(who->page);
    if (code != TOOL_DONE)
        return code;
    return who->found > 0 ? TOOL_DONE : TOOL_NO;
}

int who_can_main(struct tool *tool, int argc, char **argv)
{
    struct who_can who = {.tool = tool, .type = TYPE_ANY};
    int option = tool_option(tool, argc, argv, plain_options, false);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind < 1 || argc - optind > 2)
        return tool_usage(tool, "NAME, and perhaps TYPE, are wanted");
    who.name = tool_name(tool, argv[optind]);
    if (who.name.octets == NULL)
        return TOOL_USAGE;
    if (argc - optind == 2 && type_from_name(argv[optind + 1], &who.type) != RES_OK)
        return tool_usage(tool, "\"%s\" is no type that is known here",
                          argv[optind + 1]);
    int code = tool_load(tool, &(struct tool_wanted){.with_keys = false});
    if (code != TOOL_DONE)
        return code;
    const struct zones *zones = &tool->snapshot->zones;
    if (zones_find(zones, who.name) == NULL)
        return tool_fail(TOOL_NO, "%s lies in no zone of %s: nobody can", argv[optind],
                         tool->conf_file);
    who.page = tool_page_new(tool);
    if (who.page == NULL ||
        zones_rewrite(zones, who.name, &tool->arena, &who.rewrite) != RES_OK)
        return tool_no_memory();
    return print_who_can(&who);
}

/* tsigate check: what is wrong in the files, or may be; with --effective what is in
 * force. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/remedy.h"
#include "policy/lint.h"
#include "tsigate/alabel.h"
#include "tsigate/paint.h"
#include "tsigate/tool.h"

enum {
    OPTION_EFFECTIVE = 256,
    OPTION_STRICT,
    OPTION_WITHOUT_KEYS,
};

static const struct option options[] = {
    {"effective", no_argument, NULL, OPTION_EFFECTIVE},
    {"strict", no_argument, NULL, OPTION_STRICT},
    {"without-keys", no_argument, NULL, OPTION_WITHOUT_KEYS},
    TOOL_COMMON_OPTIONS,
};

/* ---- --effective: tsigate.conf as it would be with every default spelt out ---- */

/* libconfig's quotes and escapes. */
static void write_quoted(struct writer *w, const char *text)
{
    writer_u8(w, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            writer_u8(w, '\\');
        writer_u8(w, (uint8_t)*text);
    }
    writer_u8(w, '"');
}

/* setting: with the blanks before it, inside a group. */
static void write_text(struct writer *w, const char *setting, const char *text)
{
    if (text == NULL) {
        writer_printf(w, "// %s: none\n", setting + strspn(setting, " "));
        return;
    }
    writer_printf(w, "%s = ", setting);
    write_quoted(w, text);
    writer_string(w, ";\n");
}

static void write_bool(struct writer *w, const char *setting, bool value)
{
    writer_printf(w, "%s = %s;\n", setting, value ? "true" : "false");
}

static void write_endpoints(struct writer *w, const char *setting,
                            const struct settings_endpoint *endpoints, size_t count)
{
    int indent = (int)strspn(setting, " ");
    writer_printf(w, "%s = (", setting);
    for (size_t i = 0; i < count; i++) {
        char text[ADDR_TEXT_OCTETS];
        writer_printf(w, "%s\n%*s    { address = \"%s\"; port = %u; }",
                      i > 0 ? "," : "", indent, "",
                      addr_format(&endpoints[i].addr, text), endpoints[i].addr.port);
    }
    if (count > 0)
        writer_printf(w, "\n%*s", indent, "");
    writer_string(w, ");\n");
}

static void write_patterns(struct writer *w, const char *setting,
                           const struct settings_text *texts, size_t count)
{
    writer_printf(w, "%s = [", setting);
    for (size_t i = 0; i < count; i++) {
        writer_string(w, i > 0 ? ", " : " ");
        write_quoted(w, texts[i].text);
    }
    writer_string(w, " ];\n");
}

static void write_zones(struct tool *tool, struct writer *w)
{
    const struct settings *settings = &tool->snapshot->settings;
    writer_string(w, "zones = (");
    for (size_t i = 0; i < settings->zone_count; i++)
        writer_printf(w, "%s\n    { name = \"%s\"; dynamic = %s; }", i > 0 ? "," : "",
                      tool_name_text(tool, settings->zones[i].name),
                      settings->zones[i].is_dynamic ? "true" : "false");
    writer_string(w, "\n);\nshadows = (");
    for (size_t i = 0; i < settings->shadow_count; i++)
        writer_printf(w, "%s\n    { of = \"%s\"; at = \"%s\"; }", i > 0 ? "," : "",
                      tool_name_text(tool, settings->shadows[i].of),
                      tool_name_text(tool, settings->shadows[i].at));
    writer_string(w, settings->shadow_count > 0 ? "\n);\n" : ");\n");
}

static void write_limits(const struct settings_limits *limits, struct writer *w)
{
    writer_string(w, "limits = {\n");
#define X(field, default_value, min, max)                                              \
    writer_printf(w, "    %s = %" PRIu32 ";\n", #field, limits->field);
    SETTINGS_LIMITS(X)
#undef X
    writer_string(w, "};\n");
}

static void write_effective(struct tool *tool, struct writer *w)
{
    const struct settings *settings = &tool->snapshot->settings;
    writer_printf(w, "// %s with every default\n", settings->file);
    write_endpoints(w, "listen", settings->listen, settings->listen_count);
    writer_string(w, "upstream = {\n");
    write_endpoints(w, "    servers", settings->servers, settings->server_count);
    write_text(w, "    key",
               settings->upstream_key.octets != NULL
                   ? tool_name_text(tool, settings->upstream_key)
                   : NULL);
    writer_string(w, "};\n");
    write_patterns(w, "keys", settings->keys, settings->key_count);
    write_patterns(w, "acl", settings->acl, settings->acl_count);
    write_text(w, "profiles",
               settings->profiles.text != NULL ? settings->profiles.text
                                               : PKGDATADIR "/profiles.acl");
    write_zones(tool, w);
    writer_printf(w, "follow = { require_cname = %s; cache_s = %" PRIu32 "; };\n",
                  settings->require_cname ? "true" : "false", settings->cache_s);
    writer_string(w, "audit = {\n");
    write_text(w, "    file", settings->audit_file);
    write_bool(w, "    sync", settings->audit_sync);
    writer_string(w, "};\n");
    write_text(w, "control", settings->control);
    write_text(w, "user", settings->user);
    write_bool(w, "weak_algorithms", settings->weak_algorithms);
    write_bool(w, "explain_refusals", settings->explain_refusals);
    writer_printf(w, "max_fudge = %" PRIu32 ";\n", settings->max_fudge_s);
    write_limits(&settings->limits, w);
}

static void json_endpoints(struct json *json, const char *key,
                           const struct settings_endpoint *endpoints, size_t count)
{
    json_array_open(json, key);
    for (size_t i = 0; i < count; i++) {
        char text[ADDR_TEXT_OCTETS];
        json_string(json, NULL, addr_format_port(&endpoints[i].addr, text));
    }
    json_array_close(json);
}

static void json_patterns(struct json *json, const char *key,
                          const struct settings_text *texts, size_t count)
{
    json_array_open(json, key);
    for (size_t i = 0; i < count; i++)
        json_string(json, NULL, texts[i].text);
    json_array_close(json);
}

static void json_zones(struct tool *tool, struct json *json)
{
    const struct settings *settings = &tool->snapshot->settings;
    json_array_open(json, "zones");
    for (size_t i = 0; i < settings->zone_count; i++) {
        json_object_open(json, NULL);
        json_string(json, "name", tool_name_text(tool, settings->zones[i].name));
        json_bool(json, "dynamic", settings->zones[i].is_dynamic);
        json_object_close(json);
    }
    json_array_close(json);
    json_array_open(json, "shadows");
    for (size_t i = 0; i < settings->shadow_count; i++) {
        json_object_open(json, NULL);
        json_string(json, "of", tool_name_text(tool, settings->shadows[i].of));
        json_string(json, "at", tool_name_text(tool, settings->shadows[i].at));
        json_object_close(json);
    }
    json_array_close(json);
}

static void json_effective(struct tool *tool, struct json *json)
{
    const struct settings *settings = &tool->snapshot->settings;
    json_object_open(json, "effective");
    json_endpoints(json, "listen", settings->listen, settings->listen_count);
    json_endpoints(json, "upstream_servers", settings->servers, settings->server_count);
    json_string(json, "upstream_key",
                settings->upstream_key.octets != NULL
                    ? tool_name_text(tool, settings->upstream_key)
                    : NULL);
    json_patterns(json, "keys", settings->keys, settings->key_count);
    json_patterns(json, "acl", settings->acl, settings->acl_count);
    json_string(json, "profiles",
                settings->profiles.text != NULL ? settings->profiles.text
                                                : PKGDATADIR "/profiles.acl");
    json_zones(tool, json);
    json_bool(json, "require_cname", settings->require_cname);
    json_number(json, "cache_s", settings->cache_s);
    json_string(json, "audit_file", settings->audit_file);
    json_bool(json, "audit_sync", settings->audit_sync);
    json_string(json, "control", settings->control);
    json_string(json, "user", settings->user);
    json_bool(json, "weak_algorithms", settings->weak_algorithms);
    json_bool(json, "explain_refusals", settings->explain_refusals);
    json_number(json, "max_fudge", settings->max_fudge_s);
    json_object_open(json, "limits");
#define X(field, default_value, min, max)                                              \
    json_number(json, #field, settings->limits.field);
    SETTINGS_LIMITS(X)
#undef X
    json_object_close(json);
    json_object_close(json);
}

/* ---- the verdict ---- */

static const char *diag_text(struct tool *tool, const struct diag *diag)
{
    char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
    const char *copy = arena_string(&tool->arena, diag_format(diag, text, sizeof text));
    return copy != NULL ? copy : diag->message;
}

/* NULL: none is known. */
static const char *remedy_for(struct tool *tool, const struct diag *diag)
{
    const char *name = NULL;
    if (strcmp(diag->id, "acl-a-label") == 0 || strcmp(diag->id, "bad-name") == 0)
        name = alabel_of_word(&diag->place, &tool->arena);
    return name != NULL ? arena_printf(&tool->arena, "write %s", name)
                        : remedy_of(diag->id);
}

static void json_diag(struct tool *tool, struct json *json, const struct diag *diag)
{
    json_object_open(json, NULL);
    json_string(json, "severity",
                diag->severity == SEVERITY_ERROR ? "error" : "warning");
    json_string(json, "id", diag->id);
    json_string(json, "file", diag->place.file);
    json_number(json, "line", diag->place.line);
    json_number(json, "column", diag->place.column);
    json_string(json, "message", diag->message);
    json_string(json, "remedy", remedy_for(tool, diag));
    json_object_close(json);
}

/* One a line and each printed at once, so that no number of them is too many. */
static void print_diags_json(struct tool *tool, struct tool_page *page)
{
    json_array_open(&page->json, "diagnostics");
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        json_diag(tool, &page->json, diag);
        fwrite(page->writer.octets, 1, page->writer.len, stdout);
        putchar('\n');
        writer_rewind(&page->writer, 0);
    }
    json_array_close(&page->json);
}

static void json_counts(struct tool *tool, struct json *json)
{
    const struct snapshot *snapshot = tool->snapshot;
    json_number(json, "hosts", (int64_t)snapshot->source.hosts.count);
    json_number(json, "keys", (int64_t)snapshot->keyring.keys.count);
    json_number(json, "rights", (int64_t)snapshot->acl.right_count);
    json_number(json, "zones", (int64_t)snapshot->zones.count);
}

static int print_json(struct tool *tool, bool is_usable, bool with_effective)
{
    struct tool_page *page = tool_page_new(tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    json_object_open(&page->json, NULL);
    json_bool(&page->json, "ok", is_usable);
    json_number(&page->json, "errors", (int64_t)tool->diags.errors);
    json_number(&page->json, "warnings", (int64_t)tool->diags.warnings);
    print_diags_json(tool, page);
    if (is_usable)
        json_counts(tool, &page->json);
    if (is_usable && with_effective)
        json_effective(tool, &page->json);
    json_object_close(&page->json);
    return tool_page_print(page);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_summary(const struct tool *tool, bool is_usable, FILE *stream)
{
    const struct snapshot *snapshot = tool->snapshot;
    size_t errors = tool->diags.errors, warnings = tool->diags.warnings;
    if (!is_usable) {
        fprintf(stream, "%s: %zu error%s, %zu warning%s\n", tool->conf_file, errors,
                plural(errors), warnings, plural(warnings));
        return;
    }
    size_t keys = snapshot->keyring.keys.count;
    size_t hosts = snapshot->source.hosts.count;
    size_t rights = snapshot->acl.right_count;
    fprintf(stream, "%s: in order; %zu zone%s, %zu host%s, %zu key%s, %zu right%s",
            tool->conf_file, snapshot->zones.count, plural(snapshot->zones.count),
            hosts, plural(hosts), keys, plural(keys), rights, plural(rights));
    if (warnings > 0)
        fprintf(stream, "; %zu warning%s", warnings, plural(warnings));
    fputc('\n', stream);
}

/* A remedy stands with the first of its kind, but for a name's A-labels. */
static const char *remedy_to_tell(struct tool *tool, struct map *told,
                                  const struct diag *diag)
{
    const char *remedy = remedy_for(tool, diag);
    if (remedy == NULL || remedy != remedy_of(diag->id))
        return remedy;
    return map_put(told, diag->id, strlen(diag->id), (void *)remedy) == RES_OK ? remedy
                                                                               : NULL;
}

static void print_diags(struct tool *tool)
{
    struct map told;
    map_init(&told);
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        fprintf(stderr, "%s%s%s\n",
                paint_on(stderr,
                         diag->severity == SEVERITY_ERROR ? PAINT_STRONG : PAINT_NOTE),
                diag_text(tool, diag), paint_off(stderr));
        const char *remedy = remedy_to_tell(tool, &told, diag);
        if (remedy != NULL)
            fprintf(stderr, "    -> %s\n", remedy);
    }
    map_fini(&told);
}

static int print_text(struct tool *tool, bool is_usable, bool with_effective)
{
    print_diags(tool);
    if (!is_usable || !with_effective) {
        print_summary(tool, is_usable, is_usable ? stdout : stderr);
        return TOOL_DONE;
    }
    struct tool_page *page = tool_page_new(tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    write_effective(tool, &page->writer);
    if (!page->writer.failed)
        page->writer.len--; /* the page ends with a newline of its own */
    return tool_page_print(page);
}

/* What the daemon takes may still be a mistake. */
static enum result read_and_lint(struct tool *tool, bool with_keys)
{
    const struct tool_wanted wanted = {.with_keys = with_keys, .is_daemon = true};
    enum result result = tool_read(tool, &wanted);
    if (result != RES_OK)
        return result;
    result = lint_acl(&tool->snapshot->acl, &tool->snapshot->keyring, tool->now_s,
                      &tool->diags);
    diags_sort(&tool->diags);
    return result;
}

int check_main(struct tool *tool, int argc, char **argv)
{
    bool with_effective = false, is_strict = false, with_keys = true;
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0) {
        with_effective = with_effective || option == OPTION_EFFECTIVE;
        is_strict = is_strict || option == OPTION_STRICT;
        with_keys = with_keys && option != OPTION_WITHOUT_KEYS;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (optind < argc)
        return tool_usage(tool, "\"%s\": no word is wanted here", argv[optind]);
    enum result result = read_and_lint(tool, with_keys);
    if (result != RES_OK && tool->diags.errors == 0)
        return tool_fail(TOOL_OUTSIDE, "%s: %s", tool->conf_file,
                         result == RES_EMEM ? "out of memory" : "cannot be checked");
    bool is_usable = result == RES_OK;
    int code = tool->is_json ? print_json(tool, is_usable, with_effective)
                             : print_text(tool, is_usable, with_effective);
    if (code != TOOL_DONE)
        return code;
    return is_usable && !(is_strict && tool->diags.warnings > 0) ? TOOL_DONE : TOOL_NO;
}

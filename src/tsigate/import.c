/* tsigate import: from a named.conf's update-policies to a folder that tsigated can be
 * started with. */
#include "tsigate/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/file.h"
#include "net/conf.h"

/* ---- remarks ---- */

struct import_remark *import_tell(struct import *import, struct place place,
                                  const char *subject, enum import_fate fate,
                                  const char *format, ...)
{
    uint8_t octets[LIMIT_LINE_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    struct import_remark *remark = arena_alloc(import->arena, sizeof *remark);
    va_list args;
    va_start(args, format);
    writer_vprintf(&w, format, args);
    va_end(args);
    const char *message = arena_string_n(import->arena, (char *)octets, w.len);
    if (remark == NULL || message == NULL) {
        import->has_no_memory = true;
        return NULL;
    }
    *remark = (struct import_remark){
        .place = place, .subject = subject, .fate = fate, .message = message};
    if (import->last_remark == NULL)
        import->remarks = remark;
    else
        import->last_remark->next = remark;
    import->last_remark = remark;
    return remark;
}

static const char *fate_text(enum import_fate fate)
{
    static const char *const texts[] = {
        [IMPORT_LEFT_OUT] = "left-out",
        [IMPORT_NARROWED] = "narrowed",
        [IMPORT_NOTE] = "note",
    };
    return texts[fate];
}

static int compare_remarks(const void *left, const void *right)
{
    const struct import_remark *a = *(struct import_remark *const *)left;
    const struct import_remark *b = *(struct import_remark *const *)right;
    int files = strcmp(a->place.file, b->place.file);
    if (files != 0)
        return files;
    if (a->place.line != b->place.line)
        return a->place.line < b->place.line ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* By file and line, and of one line in the order in which they came up. */
static bool sort_remarks(struct import *import)
{
    size_t count = 0;
    for (const struct import_remark *r = import->remarks; r != NULL; r = r->next)
        count++;
    struct import_remark **all = arena_array(import->arena, count, sizeof(void *));
    if (all == NULL)
        return false;
    count = 0;
    for (struct import_remark *r = import->remarks; r != NULL; r = r->next) {
        r->number = count;
        all[count++] = r;
    }
    qsort(all, count, sizeof(void *), compare_remarks);
    struct import_remark **end = &import->remarks;
    for (size_t i = 0; i < count; i++) {
        *end = all[i];
        end = &all[i]->next;
    }
    *end = NULL;
    return true;
}

static size_t count_remarks(const struct import *import, enum import_fate fate)
{
    size_t count = 0;
    for (const struct import_remark *r = import->remarks; r != NULL; r = r->next)
        count += r->fate == fate;
    return count;
}

/* ---- the report ---- */

static size_t count_hosts(const struct import *import, bool with_file)
{
    size_t count = 0;
    for (const struct import_host *host = import->hosts; host != NULL;
         host = host->next)
        count += with_file ? host->file != NULL : host->grants != NULL;
    return count;
}

static size_t count_zones(const struct import *import)
{
    size_t count = 0;
    for (const struct import_zone *zone = import->zones; zone != NULL;
         zone = zone->next)
        count++;
    return count;
}

/* Octets of named.conf that a terminal should not see. */
static void print_safe(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(*text >= 0x20 && *text <= 0x7e ? *text : '?');
}

static void print_text(const struct import *import)
{
    for (const struct import_remark *r = import->remarks; r != NULL; r = r->next) {
        printf("%s:%u: %s: ", r->place.file, r->place.line, fate_text(r->fate));
        print_safe(r->subject);
        fputs(": ", stdout);
        print_safe(r->message);
        putchar('\n');
    }
    printf("%s: %zu zones, %zu hosts, %zu grants, %zu keys\n", import->out,
           count_zones(import), count_hosts(import, false), import->grant_count,
           count_hosts(import, true));
    if (import->stock_count > 0)
        puts("The stock profiles acme and tlsa stand where they fit: unlike BIND they "
             "check "
             "values and TTLs (--plain does without).");
    if (import->pattern_count > 0)
        puts("Patterns reach no apex, no owner with a * label and no "
             "_validation-persist, "
             "which BIND's rules may.");
    printf("Next: see %s/tsigate.conf and %s/acl, then tsigate check -c "
           "%s/tsigate.conf\n",
           import->out, import->out, import->out);
}

static void write_remarks_json(const struct import *import, struct json *json)
{
    json_array_open(json, "remarks");
    for (const struct import_remark *r = import->remarks; r != NULL; r = r->next) {
        json_object_open(json, NULL);
        json_string(json, "file", r->place.file);
        json_number(json, "line", r->place.line);
        json_string(json, "subject", r->subject);
        json_string(json, "fate", fate_text(r->fate));
        json_string(json, "message", r->message);
        json_object_close(json);
    }
    json_array_close(json);
}

static int print_json(const struct import *import)
{
    struct tool_page *page = tool_page_new(import->tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct json *json = &page->json;
    json_object_open(json, NULL);
    json_string(json, "out", import->out);
    json_number(json, "zones", (int64_t)count_zones(import));
    json_number(json, "hosts", (int64_t)count_hosts(import, false));
    json_number(json, "grants", (int64_t)import->grant_count);
    json_number(json, "keys", (int64_t)count_hosts(import, true));
    write_remarks_json(import, json);
    json_object_close(json);
    return tool_page_print(page);
}

static int report(struct import *import)
{
    int code = TOOL_DONE;
    if (!sort_remarks(import))
        code = tool_no_memory();
    else if (import->tool->is_json)
        code = print_json(import);
    else
        print_text(import);
    if (code != TOOL_DONE)
        return code;
    return count_remarks(import, IMPORT_LEFT_OUT) +
                       count_remarks(import, IMPORT_NARROWED) >
                   0
               ? TOOL_NO
               : TOOL_DONE;
}

/* ---- the work ---- */

/* What --shadow says fits the zones: as told. */
static int check_shadows(struct import *import)
{
    for (const struct import_shadow *s = import->shadows; s != NULL; s = s->next) {
        bool is_at_written = false;
        for (const struct import_zone *z = import->zones; z != NULL; z = z->next) {
            is_at_written = is_at_written || name_is_within(s->at, z->name);
            if (name_equal(s->of, z->name))
                return tool_fail(
                    TOOL_USAGE,
                    "--shadow: %s has an update-policy itself: it cannot be "
                    "a static zone",
                    tool_name_text(import->tool, s->of));
        }
        if (!is_at_written)
            return tool_fail(TOOL_USAGE,
                             "--shadow: no zone with an update-policy has %s",
                             tool_name_text(import->tool, s->at));
    }
    return TOOL_DONE;
}

static int parse(struct import *import, const char *text, size_t len)
{
    struct diags *diags = &import->tool->diags;
    const char *file =
        strcmp(import->source, "-") == 0
            ? "<stdin>"
            : arena_printf(import->arena, "named-checkconf -p %s", import->source);
    if (file == NULL)
        return tool_no_memory();
    enum result result =
        namedconf_parse(file, text, len, import->arena, diags, &import->conf);
    if (result == RES_OK)
        return TOOL_DONE;
    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next) {
        char line[LIMIT_LINE_OCTETS];
        fprintf(stderr, "%s\n", diag_format(diag, line, sizeof line));
    }
    return result == RES_EMEM ? tool_no_memory() : TOOL_CONFIG;
}

/* named-checkconf -p prints lines that nobody has seen. Where the files cannot be
 * understood, its own have to do. */
static void find_places(struct import *import)
{
    struct namedconf files;
    if (strcmp(import->source, "-") == 0)
        return;
    if (namedconf_scan(import->source, import->arena, &files) == RES_EMEM)
        import->has_no_memory = true;
    namedconf_place(&import->conf, &files);
}

/* The folder is what tsigated takes, or the fault is ours. */
static int check_result(struct import *import)
{
    struct tool *tool = import->tool;
    tool->conf_file = arena_printf(import->arena, "%s/tsigate.conf", import->out);
    if (tool->conf_file == NULL)
        return tool_no_memory();
    return tool_load(tool, &(struct tool_wanted){.with_keys = false});
}

/* The text holds secrets: it is there as long as it has to be. */
static int convert(struct import *import)
{
    char *text;
    size_t len;
    int code = import_read(import, &text, &len);
    if (code == TOOL_DONE)
        code = parse(import, text, len);
    if (code == TOOL_DONE) {
        find_places(import);
        import_convert(import);
        code = check_shadows(import);
    }
    if (code == TOOL_DONE && import->has_no_memory)
        code = tool_no_memory();
    if (code == TOOL_DONE)
        code = import_write(import);
    import_forget(text, len);
    if (code == TOOL_DONE)
        code = check_result(import);
    return code == TOOL_DONE ? report(import) : code;
}

/* The stock profiles of the configuration at hand, if it has its own. */
static void find_profiles(struct import *import)
{
    struct diags diags;
    struct snapshot *snapshot = snapshot_new(import->tool->conf_file);
    if (snapshot == NULL)
        return;
    diags_init(&diags);
    if (conf_read(import->tool->conf_file, snapshot, &diags) == RES_OK &&
        snapshot->settings.profiles.text != NULL) {
        const char *path = file_path_from(
            import->tool->conf_file, snapshot->settings.profiles.text, import->arena);
        char *whole = path != NULL ? realpath(path, NULL) : NULL;
        import->profiles = whole != NULL ? arena_string(import->arena, whole) : NULL;
        free(whole);
    }
    diags_fini(&diags);
    snapshot_release(&snapshot);
}

/* OF=AT; false: as told. */
static bool add_shadow(struct import *import, const char *text)
{
    const char *equals = strchr(text, '=');
    struct import_shadow *shadow = arena_alloc(import->arena, sizeof *shadow);
    if (shadow == NULL || equals == NULL) {
        tool_usage(import->tool, "--shadow wants OF=AT");
        return false;
    }
    char *of = arena_string_n(import->arena, text, (size_t)(equals - text));
    if (of == NULL)
        return false;
    shadow->of = tool_name(import->tool, of);
    shadow->at = tool_name(import->tool, equals + 1);
    shadow->next = import->shadows;
    import->shadows = shadow;
    return shadow->of.octets != NULL && shadow->at.octets != NULL;
}

static const struct option options[] = {
    {"out", required_argument, NULL, 'o'},
    {"plain", no_argument, NULL, 'p'},
    {"profiles", required_argument, NULL, 'P'},
    {"shadow", required_argument, NULL, 's'},
    TOOL_COMMON_OPTIONS,
};

int import_main(struct tool *tool, int argc, char **argv)
{
    struct import import = {.tool = tool, .arena = &tool->arena};
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0) {
        if (option == 'o')
            import.out = optarg;
        else if (option == 'p')
            import.is_plain = true;
        else if (option == 'P')
            import.profiles = optarg;
        else if (option == 's' && !add_shadow(&import, optarg))
            return TOOL_USAGE;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind != 1 || import.out == NULL)
        return tool_usage(tool, "NAMED.CONF and --out DIR are wanted");
    import.source = argv[optind];
    if (import.profiles == NULL)
        find_profiles(&import);
    map_init(&import.host_by_name);
    int code = convert(&import);
    map_fini(&import.host_by_name);
    return code;
}

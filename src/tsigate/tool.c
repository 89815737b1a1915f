#include "tsigate/tool.h"
#include "policy/acl_index.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/guess.h"
#include "dns/type.h"
#include "net/conf.h"
#include "tsigate/alabel.h"
#include "tsigate/help.h"
#include "tsigate/paint.h"
#include "tsigate/right_text.h"

/* ---- options ---- */

static void complain(const char *format, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "%stsigate: ", paint_on(stderr, PAINT_STRONG));
    vfprintf(stderr, format, args);
    fprintf(stderr, "%s\n", paint_off(stderr));
}

int tool_usage(const struct tool *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    fprintf(stderr, "usage: %s\n", tool->usage);
    return TOOL_USAGE;
}

int tool_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
    return code;
}

int tool_fail_errno(const char *what)
{
    return tool_fail(TOOL_OUTSIDE, "%s: %s", what, strerror(errno));
}

int tool_no_memory(void)
{
    return tool_fail(TOOL_OUTSIDE, "out of memory");
}

/* Behind what getopt has said of an option that there is not: "--stict=x". */
static void tell_meant(const char *word, const struct option *options)
{
    char text[64];
    word += strspn(word, "-");
    snprintf(text, sizeof text, "%.*s", (int)strcspn(word, "="), word);
    struct guess guess = guess_of(text);
    for (; options->name != NULL; options++)
        guess_add(&guess, options->name);
    if (guess.text != NULL)
        fprintf(stderr, "tsigate: did you mean --%s?\n", guess.text);
}

int tool_option(struct tool *tool, int argc, char **argv, const struct option *options,
                bool is_ordered)
{
    for (;;) {
        int option = getopt_long(argc, argv, is_ordered ? "+c:" : "c:", options, NULL);
        switch (option) {
        case 'c':
            tool->conf_file = optarg;
            break;
        case 'j':
            tool->is_json = true;
            break;
        case 'h':
            help_print(tool->command, tool->usage, tool->summary);
            return TOOL_OPTION_HELP;
        case '?':
            if (optopt == 0) /* else it is one that wants a value */
                tell_meant(argv[optind - 1], options);
            fprintf(stderr, "usage: %s\n", tool->usage);
            return TOOL_OPTION_WRONG;
        default:
            return option;
        }
    }
}

/* ---- the site's files ---- */

/* Who may own key files beside root: the user that the daemon will be (O-3). */
static uid_t key_owner(const struct settings *settings)
{
    if (settings->user == NULL)
        return geteuid();
    const struct passwd *user = getpwnam(settings->user);
    return user != NULL ? user->pw_uid : geteuid();
}

/* --acl FILE: as the shell found it, not relative to tsigate.conf. */
static enum result replace_acl(struct snapshot *snapshot,
                               const struct tool_wanted *wanted)
{
    struct settings *settings = &snapshot->settings;
    settings->acl =
        arena_array(&snapshot->arena, wanted->acl_count, sizeof *settings->acl);
    if (settings->acl == NULL)
        return RES_EMEM;
    settings->acl_count = wanted->acl_count;
    char *here = get_current_dir_name(); /* NULL: it is gone; the path says so then */
    for (size_t i = 0; i < wanted->acl_count; i++) {
        const char *path = wanted->acl[i];
        settings->acl[i].text =
            path[0] == '/' || here == NULL
                ? path
                : arena_printf(&snapshot->arena, "%s/%s", here, path);
        settings->acl[i].place.file = "--acl";
    }
    free(here);
    return RES_OK;
}

static enum result read_site(struct tool *tool, const struct tool_wanted *wanted)
{
    tool->snapshot = snapshot_new(tool->conf_file);
    if (tool->snapshot == NULL)
        return RES_EMEM;
    enum result result = conf_read(tool->conf_file, tool->snapshot, &tool->diags);
    if (result == RES_OK && wanted->is_daemon)
        result = conf_want_daemon(&tool->snapshot->settings, &tool->diags);
    if (result == RES_OK && wanted->acl_count > 0)
        result = replace_acl(tool->snapshot, wanted);
    if (result != RES_OK)
        return result;
    const struct snapshot_wanted snapshot_wanted = {
        .with_keys = wanted->with_keys,
        .with_grants = true,
        .key_owner = key_owner(&tool->snapshot->settings),
        .generation = 1,
        .now_s = tool->now_s,
        .acl = wanted->acl_text,
        .instead = wanted->instead,
    };
    return snapshot_load(tool->snapshot, &snapshot_wanted, &tool->diags);
}

enum result tool_read(struct tool *tool, const struct tool_wanted *wanted)
{
    enum result result = read_site(tool, wanted);
    diags_sort(&tool->diags);
    if (result == RES_OK && tool->diags.errors > 0)
        result = RES_EFORMAT;
    return result;
}

void tool_tell_errors(const struct tool *tool)
{
    for (const struct diag *diag = tool->diags.first; diag != NULL; diag = diag->next) {
        char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
        if (diag->severity == SEVERITY_ERROR)
            fprintf(stderr, "%s%s%s\n", paint_on(stderr, PAINT_STRONG),
                    diag_format(diag, text, sizeof text), paint_off(stderr));
    }
}

int tool_load(struct tool *tool, const struct tool_wanted *wanted)
{
    enum result result = tool_read(tool, wanted);
    if (result == RES_OK)
        return TOOL_DONE;
    tool_tell_errors(tool);
    if (tool->diags.errors > 0)
        return TOOL_CONFIG;
    return tool_fail(TOOL_OUTSIDE, "%s: %s", tool->conf_file,
                     result == RES_EMEM ? "out of memory" : "cannot be read");
}

const struct settings *tool_settings(struct tool *tool)
{
    if (tool->snapshot != NULL)
        return &tool->snapshot->settings;
    tool->snapshot = snapshot_new(tool->conf_file);
    if (tool->snapshot == NULL ||
        conf_read(tool->conf_file, tool->snapshot, &tool->diags) == RES_EMEM) {
        tool_no_memory();
        return NULL;
    }
    return &tool->snapshot->settings;
}

void tool_tell_lack(const struct tool *tool, const char *setting)
{
    tool_tell_errors(tool);
    if (tool->diags.errors == 0)
        tool_fail(TOOL_CONFIG, "%s has no %s", tool->conf_file, setting);
}

/* ---- words and output ---- */

const char *tool_guess_host(struct tool *tool, const char *word)
{
    const struct acl_source *source = &tool->snapshot->source;
    struct guess guess = guess_of(word);
    for (size_t i = 0; i < source->hosts.count; i++) {
        char text[NAME_TEXT_OCTETS];
        const char *best = guess.text;
        guess_add(&guess, name_to_text(acl_source_host(source, i)->name, text));
        if (guess.text != best) /* text is about to go */
            guess.text = arena_string(&tool->arena, text);
    }
    const char *told =
        arena_printf(&tool->arena, "%s%s", guess_lead(&guess), guess_text(&guess));
    return told != NULL ? told : "";
}

struct name tool_name(struct tool *tool, const char *word)
{
    struct name_buf buf;
    struct name name = {NULL, 0};
    if (name_from_text(word, strlen(word), &buf) == RES_OK)
        name = name_copy(&tool->arena, name_of(&buf));
    if (name.octets != NULL)
        return name;
    const char *meant = alabel_of_text(word, strlen(word), &tool->arena);
    if (meant != NULL && strcmp(meant, word) != 0 && strstr(meant, "xn--") != NULL)
        tool_usage(tool, "\"%s\" is no name; as A-labels: %s", word, meant);
    else
        tool_usage(tool, "\"%s\" is no name", word);
    return name;
}

const char *tool_name_text(struct tool *tool, struct name name)
{
    char text[NAME_TEXT_OCTETS];
    if (name.octets == NULL)
        return "-";
    const char *copy = arena_string(&tool->arena, name_to_text(name, text));
    return copy != NULL ? copy : "?";
}

const char *tool_type_text(struct tool *tool, uint16_t type)
{
    char text[TYPE_TEXT_OCTETS];
    const char *copy = arena_string(&tool->arena, type_format(type, text));
    return copy != NULL ? copy : "?";
}

const char *tool_owner_text(struct tool *tool, const struct acl_right *right)
{
    uint8_t octets[NAME_TEXT_OCTETS + 4 * LIMIT_NAME_LABELS];
    struct writer w = writer_of(octets, sizeof octets);
    const struct region owner = acl_right_region(right);
    right_text_owner(&w, &owner);
    const char *copy = arena_string_n(&tool->arena, (const char *)w.octets, w.len);
    return copy != NULL ? copy : "?";
}

struct tool_page *tool_page_new(struct tool *tool)
{
    struct tool_page *page = arena_alloc(&tool->arena, sizeof *page);
    uint8_t *octets = arena_alloc(&tool->arena, TOOL_PAGE_OCTETS);
    if (page == NULL || octets == NULL) {
        tool_no_memory();
        return NULL;
    }
    page->writer = writer_of(octets, TOOL_PAGE_OCTETS);
    page->json = json_of(&page->writer);
    return page;
}

void tool_page_flush(struct tool_page *page)
{
    if (page->writer.failed)
        return;
    fwrite(page->writer.octets, 1, page->writer.len, stdout);
    page->writer.len = 0;
}

int tool_page_print(struct tool_page *page)
{
    bool is_whole = !page->writer.failed;
    if (is_whole) {
        fwrite(page->writer.octets, 1, page->writer.len, stdout);
        fputc('\n', stdout);
    }
    writer_rewind(&page->writer, 0);
    page->json = json_of(&page->writer);
    if (!is_whole)
        return tool_fail(TOOL_OUTSIDE, "the output is too long to be shown");
    return ferror(stdout) != 0 ? TOOL_OUTSIDE : TOOL_DONE;
}

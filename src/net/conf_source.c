#include "net/conf_source.h"

#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "conf/file.h"

struct conf_source {
    const char *name; /* libconfig's: as @include has it */
    const char *file; /* the same from where we stand */
    struct file_text text;
    struct conf_source *next;
};

/* An integer that libconfig wrapped. */
struct conf_overflow {
    struct place place;
    struct conf_overflow *next;
};

/* name NULL: tsigate.conf itself, which libconfig got as a text without a name. */
static struct conf_source *source_of(const struct conf_sources *sources,
                                     const char *name)
{
    struct conf_source *source = sources->first;

    while (name != NULL && source != NULL && strcmp(source->name, name) != 0)
        source = source->next;
    return source;
}

/* The text of a line, without its newline. */
static const char *line_of(const struct conf_source *source, unsigned line,
                           size_t *out_len)
{
    const char *at = source->text.chars;
    const char *end = at + source->text.len;

    for (unsigned i = 1; i < line && at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *out_len = (size_t)((newline == NULL ? end : newline) - at);
    return at;
}

/* The characters of libconfig's names and numbers. */
static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '*';
}

/* 0: not found, as for the second part of a text in several pieces. */
static unsigned column_of(const char *line, size_t len, const char *word)
{
    size_t word_len = strlen(word);

    for (size_t i = 0; i + word_len <= len; i++) {
        bool starts = i == 0 || !is_word_char(line[i - 1]);
        bool ends = i + word_len == len || !is_word_char(line[i + word_len]);
        if (starts && ends && memcmp(line + i, word, word_len) == 0)
            return (unsigned)i + 1;
    }
    return 0;
}

/* A group in a list has no name: how many of its list begin in its line before it. */
static unsigned count_before(const config_setting_t *list,
                             const config_setting_t *group)
{
    unsigned count = 0;

    for (unsigned i = 0; config_setting_get_elem(list, i) != group; i++)
        count += config_setting_source_line(config_setting_get_elem(list, i)) ==
                 config_setting_source_line(group);
    return count;
}

/* The brace of the group: those of a list stand behind ( or a comma. */
static unsigned column_of_group(const char *line, size_t len,
                                const config_setting_t *group)
{
    const config_setting_t *list = config_setting_parent(group);
    const char *name = config_setting_name(list);
    unsigned left = count_before(list, group);
    size_t i = 0;
    char before = ','; /* the last one that is no blank */

    if (name != NULL &&
        config_setting_source_line(list) == config_setting_source_line(group))
        i = column_of(line, len, name);
    for (; i < len; i++) {
        if (line[i] == '{' && (before == ',' || before == '(') && left-- == 0)
            return (unsigned)i + 1;
        if (line[i] != ' ' && line[i] != '\t')
            before = line[i];
    }
    return 0;
}

/* libconfig knows only lines: the column is where the line has the setting's name, or
 * the element of a list. */
struct place conf_sources_place(const struct conf_sources *sources,
                                const config_setting_t *setting)
{
    const struct conf_source *source =
        source_of(sources, config_setting_source_file(setting));
    const char *word = config_setting_name(setting);
    struct place place = {.file = source == NULL ? sources->main : source->file,
                          .line = (unsigned)config_setting_source_line(setting)};
    size_t len;

    if (word == NULL && config_setting_type(setting) == CONFIG_TYPE_STRING)
        word = config_setting_get_string(setting);
    bool is_group = word == NULL && config_setting_is_group(setting) &&
                    config_setting_parent(setting) != NULL;
    if (source == NULL || ((word == NULL || word[0] == '\0') && !is_group))
        return place;
    const char *line = line_of(source, place.line, &len);
    place.column =
        is_group ? column_of_group(line, len, setting) : column_of(line, len, word);
    return place;
}

/* ---- integers ---- */

/* No setting takes more than nine digits, and nine digits, or seven of hexadecimal, fit
 * the 32 bits at which libconfig 1.5 wraps. */
static bool is_overlong(const char *word, size_t len)
{
    bool is_hex = len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
    size_t at = is_hex ? 2 : 0;

    while (len > at && word[len - 1] == 'L')
        len--;
    while (at < len && word[at] == '0')
        at++;
    return len - at > (is_hex ? 7u : 9u);
}

/* The end of the comment or text that starts at at; at itself: none does. */
static size_t skip_quoted(const char *chars, size_t at, size_t len)
{
    const char *end = NULL;
    bool has_next = at + 1 < len;

    if (chars[at] == '#' || (chars[at] == '/' && has_next && chars[at + 1] == '/')) {
        end = memchr(chars + at, '\n', len - at);
    } else if (chars[at] == '/' && has_next && chars[at + 1] == '*') {
        end = memmem(chars + at + 2, len - at - 2, "*/", 2);
        end = end == NULL ? NULL : end + 2;
    } else if (chars[at] == '"') {
        size_t i = at + 1;
        while (i < len && chars[i] != '"')
            i += chars[i] == '\\' && i + 1 < len ? 2 : 1;
        return i < len ? i + 1 : len;
    } else {
        return at;
    }
    return end == NULL ? len : (size_t)(end - chars);
}

static enum result note_overflow(struct conf_sources *sources, struct place place,
                                 const char *word, size_t len)
{
    struct conf_overflow *overflow = arena_alloc(sources->arena, sizeof(*overflow));

    diags_error(sources->diags, place, "integer-overflow",
                "the number %.*s is too large", (int)(len > 40 ? 40 : len), word);
    if (overflow == NULL)
        return RES_EMEM;
    *overflow = (struct conf_overflow){place, sources->overflows};
    sources->overflows = overflow;
    return RES_OK;
}

static enum result find_overflows(struct conf_sources *sources,
                                  const struct conf_source *source)
{
    const char *chars = source->text.chars;
    size_t len = source->text.len;
    size_t line_start = 0;
    struct place place = {.file = source->file, .line = 1};
    enum result res = RES_OK;

    for (size_t at = 0; at < len && res == RES_OK;) {
        size_t next = skip_quoted(chars, at, len);
        bool is_quoted = next > at;
        while (!is_quoted && next < len && is_word_char(chars[next]))
            next++;
        place.column = (unsigned)(at - line_start) + 1;
        if (!is_quoted && chars[at] >= '0' && chars[at] <= '9' &&
            is_overlong(chars + at, next - at))
            res = note_overflow(sources, place, chars + at, next - at);
        next = next > at ? next : at + 1;
        for (; at < next; at++) {
            if (chars[at] != '\n')
                continue;
            place.line++;
            line_start = at + 1;
        }
    }
    return res;
}

bool conf_sources_overflow_at(const struct conf_sources *sources, struct place place)
{
    for (const struct conf_overflow *o = sources->overflows; o != NULL; o = o->next)
        if (o->place.line == place.line && strcmp(o->place.file, place.file) == 0)
            return true;
    return false;
}

/* ---- the files ---- */

/* Appends, so that the first one stays tsigate.conf. */
static enum result add_source(struct conf_sources *sources, const char *name)
{
    struct conf_source *source = arena_alloc(sources->arena, sizeof(*source));
    struct conf_source **end = &sources->first;

    if (source == NULL)
        return RES_EMEM;
    source->name = arena_string(sources->arena, name);
    source->file = sources->first == NULL
                       ? sources->main
                       : file_path_from(sources->main, name, sources->arena);
    if (source->name == NULL || source->file == NULL)
        return RES_EMEM;
    const struct place place = {.file = NULL};
    enum result res =
        sources->is_obeyed
            ? file_read_obeyed(source->file, LIMIT_CONF_FILE_OCTETS, geteuid(), place,
                               sources->diags, &source->text)
            : file_read(source->file, LIMIT_CONF_FILE_OCTETS, place, sources->diags,
                        &source->text);
    if (res != RES_OK)
        return res;
    while (*end != NULL)
        end = &(*end)->next;
    *end = source;
    return RES_OK;
}

/* What @include brought is read once more, for columns and overflows. libconfig bounds
 * how deep includes go; groups are as deep as the operator wrote them. */
static enum result add_includes(struct conf_sources *sources,
                                const config_setting_t *setting)
{
    const char *name = config_setting_source_file(setting);
    enum result res = RES_OK;

    if (name != NULL && source_of(sources, name) == NULL)
        res = add_source(sources, name);
    if (!config_setting_is_aggregate(setting))
        return res;
    for (int i = 0; res == RES_OK && i < config_setting_length(setting); i++)
        res = add_includes(sources, config_setting_get_elem(setting, (unsigned)i));
    return res;
}

static enum result syntax_error(struct conf_sources *sources, const config_t *config)
{
    const char *name = config_error_file(config);
    struct place place = {.file = sources->main,
                          .line = (unsigned)config_error_line(config)};
    const char *line = "";
    size_t len = 0;

    if (name != NULL)
        place.file = file_path_from(sources->main, name, sources->arena);
    else
        line = line_of(sources->first, place.line, &len);
    for (; len > 0 && (*line == ' ' || *line == '\t'); line++)
        len--;
    diags_error(sources->diags, place, "syntax", "%s%s%.*s%s",
                config_error_text(config), len > 0 ? ", at or before '" : "",
                (int)(len > 60 ? 60 : len), line, len > 0 ? "'" : "");
    return RES_EFORMAT;
}

enum result conf_sources_parse(struct conf_sources *sources, config_t *config)
{
    char *folder = arena_string(sources->arena, sources->main);

    if (folder == NULL)
        return RES_EMEM;
    enum result res = add_source(sources, sources->main);
    if (res != RES_OK)
        return res;
    const struct file_text *text = &sources->first->text;
    if (memchr(text->chars, '\0', text->len) != NULL) {
        diags_error(sources->diags, (struct place){.file = sources->main}, "syntax",
                    "the file holds a NUL octet");
        return RES_EFORMAT;
    }
    config_set_include_dir(config, dirname(folder));
    if (config_read_string(config, text->chars) != CONFIG_TRUE)
        return syntax_error(sources, config);
    res = add_includes(sources, config_root_setting(config));
    for (struct conf_source *s = sources->first; s != NULL && res == RES_OK;
         s = s->next)
        res = find_overflows(sources, s);
    return res;
}

void conf_sources_fini(struct conf_sources *sources)
{
    for (struct conf_source *s = sources->first; s != NULL; s = s->next)
        file_text_free(&s->text);
    sources->first = NULL;
}

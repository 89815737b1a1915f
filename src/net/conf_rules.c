#include "net/conf_rules.h"

#include <libconfig.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/guess.h"
#include "conf/file.h"
#include "dns/name.h"
#include "policy/settings.h"

struct reading {
    struct conf_sources *sources;
    struct arena *arena; /* the sources', as the next */
    struct diags *diags;
    bool out_of_memory;
};

#define PATH_TEXT_OCTETS 128 /* "limits.tcp_idle_verified_ms", "listen[12].port" */

static struct place place_of(const struct reading *reading,
                             const config_setting_t *setting)
{
    return conf_sources_place(reading->sources, setting);
}

/* "listen[1].port": recursion is as deep as the tables above. */
static void write_path(struct writer *w, const config_setting_t *setting)
{
    const config_setting_t *parent = config_setting_parent(setting);
    const char *name = config_setting_name(setting);

    if (parent == NULL)
        return;
    write_path(w, parent);
    if (name != NULL)
        writer_printf(w, "%s%s", w->len == 0 ? "" : ".", name);
    else
        writer_printf(w, "[%d]", config_setting_index(setting));
}

static const char *path_of(const config_setting_t *setting, char *text)
{
    struct writer w = writer_of((uint8_t *)text, PATH_TEXT_OCTETS - 1);

    write_path(&w, setting);
    text[w.len] = '\0';
    return text;
}

/* ---- one value ---- */

static const char *type_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a number";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    case CONFIG_TYPE_STRING:
        return "a text";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return "a list";
    }
    return "nothing";
}

static void wrong_type(struct reading *reading, const config_setting_t *setting,
                       const char *wanted)
{
    char path[PATH_TEXT_OCTETS];

    diags_error(reading->diags, place_of(reading, setting), "wrong-type",
                "'%s' wants %s, not %s", path_of(setting, path), wanted,
                type_name(setting));
}

static void read_bool(struct reading *reading, const config_setting_t *setting,
                      bool *out)
{
    if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
        *out = config_setting_get_bool(setting);
    else
        wrong_type(reading, setting, "true or false");
}

static bool read_number(struct reading *reading, const config_setting_t *setting,
                        const struct conf_rule *rule, uint32_t *out)
{
    int type = config_setting_type(setting);
    struct place place = place_of(reading, setting);
    char path[PATH_TEXT_OCTETS];

    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        wrong_type(reading, setting, "a number");
        return false;
    }
    if (conf_sources_overflow_at(reading->sources, place))
        return false; /* reported, and the value is not what was written */
    long long value = config_setting_get_int64(setting);
    if (value < (long long)rule->min || value > (long long)rule->max) {
        diags_error(reading->diags, place, "out-of-range",
                    "'%s' is %lld, and has to be from %u to %u", path_of(setting, path),
                    value, (unsigned)rule->min, (unsigned)rule->max);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* NULL: not a text, or empty (reported). */
static const char *read_text(struct reading *reading, const config_setting_t *setting)
{
    char path[PATH_TEXT_OCTETS];

    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        wrong_type(reading, setting, "a text in double quotes");
        return NULL;
    }
    const char *text = config_setting_get_string(setting);
    if (text[0] == '\0') {
        diags_error(reading->diags, place_of(reading, setting), "empty-text",
                    "'%s' is empty", path_of(setting, path));
        return NULL;
    }
    const char *copy = arena_string(reading->arena, text);
    if (copy == NULL)
        reading->out_of_memory = true;
    return copy;
}

static void read_path(struct reading *reading, const config_setting_t *setting,
                      const char **out)
{
    const char *text = read_text(reading, setting);

    if (text == NULL)
        return;
    *out = file_path_from(reading->sources->main, text, reading->arena);
    if (*out == NULL)
        reading->out_of_memory = true;
}

static void read_name(struct reading *reading, const config_setting_t *setting,
                      struct name *out)
{
    const char *text = read_text(reading, setting);
    struct name_buf buf;
    char path[PATH_TEXT_OCTETS];

    if (text == NULL)
        return;
    enum result res = name_from_text(text, strlen(text), &buf);
    if (res != RES_OK) {
        diags_error(reading->diags, place_of(reading, setting), "bad-name",
                    "'%s': '%s' is no domain name%s", path_of(setting, path), text,
                    res == RES_ERANGE ? ": a label has up to 63 octets, a name 255"
                                      : "");
        return;
    }
    *out = name_copy(reading->arena, name_of(&buf));
    if (out->octets == NULL)
        reading->out_of_memory = true;
}

static void read_address(struct reading *reading, const config_setting_t *setting,
                         struct addr *out)
{
    const char *text = read_text(reading, setting);
    struct addr addr;
    char path[PATH_TEXT_OCTETS];

    if (text == NULL)
        return;
    enum result res = addr_parse(text, &addr);
    if (res != RES_OK) {
        diags_error(reading->diags, place_of(reading, setting), "bad-address",
                    "'%s': '%s' is no IPv4 or IPv6 address%s", path_of(setting, path),
                    text,
                    res == RES_ERANGE
                        ? ": write an IPv4-mapped one as the IPv4 address that it is"
                        : "");
        return;
    }
    addr.port = out->port; /* a setting of its own, maybe read before */
    *out = addr;
}

static void refuse_later(struct reading *reading, const config_setting_t *setting)
{
    char path[PATH_TEXT_OCTETS];

    diags_error(reading->diags, place_of(reading, setting), "not-built",
                "'%s' is reserved: this version of tsigate does not have it yet; take "
                "the setting out",
                path_of(setting, path));
}

/* ---- groups and lists ---- */

static void unknown_setting(struct reading *reading, const config_setting_t *setting,
                            const struct conf_rule *rules)
{
    struct guess guess = guess_of(config_setting_name(setting));
    char path[PATH_TEXT_OCTETS];

    for (const struct conf_rule *rule = rules; rule->name != NULL; rule++) {
        if (rule->kind != CONF_LATER)
            guess_add(&guess, rule->name);
    }
    diags_error(reading->diags, place_of(reading, setting), "unknown-setting",
                "unknown setting '%s'%s%s", path_of(setting, path), guess_lead(&guess),
                guess_text(&guess));
}

static void read_group(struct reading *reading, const config_setting_t *setting,
                       const struct conf_rule *rules, char *into);

/* Room for a list's elements, entered in the struct. NULL: not a list, or no memory. */
static void *open_list(struct reading *reading, const config_setting_t *setting,
                       const struct conf_rule *rule, size_t octets, char *into)
{
    size_t count = 0;

    if (!config_setting_is_list(setting) && !config_setting_is_array(setting)) {
        wrong_type(reading, setting,
                   rule->kind == CONF_TEXTS ? "a list of texts, [ \"...\" ]"
                                            : "a list of groups, ( { ... } )");
        return NULL;
    }
    count = (size_t)config_setting_length(setting);
    void *array = arena_array(reading->arena, count, octets);
    if (array == NULL) {
        reading->out_of_memory = true;
        return NULL;
    }
    memcpy(into + rule->offset, &array, sizeof(array));
    memcpy(into + rule->count_offset, &count, sizeof(count));
    return array;
}

static void read_groups(struct reading *reading, const config_setting_t *setting,
                        const struct conf_rule *rule, char *into)
{
    char *elements = open_list(reading, setting, rule, rule->element_octets, into);

    for (int i = 0; elements != NULL && i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        char *element = elements + (size_t)i * rule->element_octets;
        struct place place = place_of(reading, member);
        if (rule->element != NULL)
            memcpy(element, rule->element, rule->element_octets);
        memcpy(element + rule->place_offset, &place, sizeof(place));
        read_group(reading, member, rule->members, element);
    }
}

static void read_texts(struct reading *reading, const config_setting_t *setting,
                       const struct conf_rule *rule, char *into)
{
    struct settings_text *texts =
        open_list(reading, setting, rule, sizeof(*texts), into);

    for (int i = 0; texts != NULL && i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        texts[i].place = place_of(reading, member);
        texts[i].text = read_text(reading, member);
    }
}

static void read_setting(struct reading *reading, const config_setting_t *setting,
                         const struct conf_rule *rule, char *into)
{
    void *field = into + rule->offset;
    uint32_t number;

    if (rule->place_offset != 0 && rule->kind != CONF_GROUPS) {
        struct place place = place_of(reading, setting);
        memcpy(into + rule->place_offset, &place, sizeof(place));
    }
    switch (rule->kind) {
    case CONF_BOOL:
        read_bool(reading, setting, field);
        return;
    case CONF_NUMBER:
        (void)read_number(reading, setting, rule, field);
        return;
    case CONF_PORT:
        if (read_number(reading, setting, rule, &number))
            *(uint16_t *)field = (uint16_t)number;
        return;
    case CONF_TEXT:
        *(const char **)field = read_text(reading, setting);
        return;
    case CONF_PATH:
        read_path(reading, setting, field);
        return;
    case CONF_NAME:
        read_name(reading, setting, field);
        return;
    case CONF_ADDRESS:
        read_address(reading, setting, field);
        return;
    case CONF_GROUP:
        read_group(reading, setting, rule->members, into);
        return;
    case CONF_GROUPS:
        read_groups(reading, setting, rule, into);
        return;
    case CONF_TEXTS:
        read_texts(reading, setting, rule, into);
        return;
    case CONF_LATER:
        refuse_later(reading, setting);
        return;
    }
}

static void want_members(struct reading *reading, const config_setting_t *group,
                         const struct conf_rule *rules)
{
    char path[PATH_TEXT_OCTETS], what[PATH_TEXT_OCTETS + 2] = "the file";

    if (!config_setting_is_root(group))
        snprintf(what, sizeof(what), "'%s'", path_of(group, path));
    for (const struct conf_rule *rule = rules; rule->name != NULL; rule++)
        if (rule->is_required && config_setting_get_member(group, rule->name) == NULL)
            diags_error(reading->diags, place_of(reading, group), "setting-missing",
                        "%s lacks '%s'", what, rule->name);
}

static void read_group(struct reading *reading, const config_setting_t *setting,
                       const struct conf_rule *rules, char *into)
{
    if (!config_setting_is_group(setting)) {
        wrong_type(reading, setting, "a group, { ... }");
        return;
    }
    want_members(reading, setting, rules);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        const struct conf_rule *rule = rules;
        while (rule->name != NULL &&
               strcmp(rule->name, config_setting_name(member)) != 0)
            rule++;
        if (rule->name == NULL)
            unknown_setting(reading, member, rules);
        else
            read_setting(reading, member, rule, into);
    }
}

enum result conf_rules_read(struct conf_sources *sources, const struct conf_rule *rules,
                            void *into)
{
    struct reading reading = {
        .sources = sources, .arena = sources->arena, .diags = sources->diags};
    size_t errors = sources->diags->errors;
    config_t config;

    config_init(&config);
    enum result res = conf_sources_parse(sources, &config);
    if (res == RES_OK) {
        read_group(&reading, config_root_setting(&config), rules, into);
        res = sources->diags->errors > errors ? RES_EFORMAT : RES_OK;
    }
    config_destroy(&config);
    return reading.out_of_memory ? RES_EMEM : res;
}

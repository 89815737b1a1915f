#include "net/conf.h"

#include <libconfig.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/guess.h"
#include "conf/file.h"
#include "dns/name.h"
#include "net/conf_check.h"
#include "net/conf_source.h"
#include "policy/settings.h"

enum kind {
    KIND_BOOL,    /* bool */
    KIND_NUMBER,  /* uint32_t */
    KIND_PORT,    /* uint16_t */
    KIND_TEXT,    /* const char *, as written */
    KIND_PATH,    /* const char *, from the file's folder */
    KIND_NAME,    /* struct name */
    KIND_ADDRESS, /* struct addr, but for its port */
    KIND_GROUP,   /* members go to the same struct */
    KIND_GROUPS,  /* a list of groups: an array and its size_t count */
    KIND_TEXTS,   /* a list of texts: struct settings_text, likewise */
    KIND_LATER,   /* reserved for what is not built yet */
};

/* One setting: its place in the tree and in the struct that its group is read into. */
struct rule {
    const char *name;
    enum kind kind;
    bool is_required; /* in a group that is there */
    uint32_t min, max;
    size_t offset;       /* of the field, or of the array's pointer */
    size_t count_offset; /* KIND_GROUPS, KIND_TEXTS */
    size_t place_offset; /* of a struct place; 0: none (nothing has its place first) */
    const struct rule *members; /* KIND_GROUP, KIND_GROUPS; ends with name NULL */
    size_t element_octets;      /* KIND_GROUPS */
    const void *element;        /* KIND_GROUPS: its defaults; NULL: zeros */
};

/* clang-format off */
#define IN_ENDPOINT(field) .offset = offsetof(struct settings_endpoint, field)
#define IN_ZONE(field)     .offset = offsetof(struct settings_zone, field)
#define IN_SHADOW(field)   .offset = offsetof(struct settings_shadow, field)
#define IN_SETTINGS(field) .offset = offsetof(struct settings, field)
#define COUNT(field)       .count_offset = offsetof(struct settings, field)
#define LATER(setting)     {.name = setting, .kind = KIND_LATER}
#define PLACE(type, field) .place_offset = offsetof(struct type, field)

static const struct rule listen_rules[] = {
    {"address", KIND_ADDRESS, true, IN_ENDPOINT(addr)},
    {"port", KIND_PORT, false, 1, 65535, IN_ENDPOINT(addr.port)},
    LATER("tls"),
    {0},
};
static const struct rule server_rules[] = {
    {"address", KIND_ADDRESS, true, IN_ENDPOINT(addr)},
    {"port", KIND_PORT, false, 1, 65535, IN_ENDPOINT(addr.port)},
    LATER("tls"),
    LATER("tls_name"),
    {0},
};
static const struct settings_endpoint endpoint_default = {.addr = {.port = 53}};

static const struct rule upstream_rules[] = {
    {"servers", KIND_GROUPS, true, IN_SETTINGS(servers), COUNT(server_count),
     PLACE(settings_endpoint, place), .members = server_rules,
     .element_octets = sizeof(struct settings_endpoint), .element = &endpoint_default},
    {"key", KIND_NAME, true, IN_SETTINGS(upstream_key),
     PLACE(settings, upstream_key_place)},
    {0},
};
static const struct rule zone_rules[] = {
    {"name", KIND_NAME, true, IN_ZONE(name)},
    {"dynamic", KIND_BOOL, IN_ZONE(is_dynamic)},
    {0},
};
static const struct rule shadow_rules[] = {
    {"of", KIND_NAME, true, IN_SHADOW(of)},
    {"at", KIND_NAME, true, IN_SHADOW(at)},
    {0},
};
static const struct rule follow_rules[] = {
    {"require_cname", KIND_BOOL, IN_SETTINGS(require_cname)},
    {"cache_s", KIND_NUMBER, false, 0, 3600, IN_SETTINGS(cache_s)},
    {0},
};
static const struct rule audit_rules[] = {
    {"file", KIND_PATH, true, IN_SETTINGS(audit_file), PLACE(settings, audit_place)},
    {"sync", KIND_BOOL, IN_SETTINGS(audit_sync)},
    {0},
};
static const struct rule limit_rules[] = {
#define X(field, default_value, min, max) \
    {#field, KIND_NUMBER, false, min, max, IN_SETTINGS(limits.field)},
    SETTINGS_LIMITS(X)
#undef X
    {0},
};
static const struct rule top_rules[] = {
    {"listen", KIND_GROUPS, IN_SETTINGS(listen), COUNT(listen_count),
     PLACE(settings_endpoint, place), .members = listen_rules,
     .element_octets = sizeof(struct settings_endpoint), .element = &endpoint_default},
    {"upstream", KIND_GROUP, .members = upstream_rules},
    {"keys", KIND_TEXTS, IN_SETTINGS(keys), COUNT(key_count)},
    {"acl", KIND_TEXTS, IN_SETTINGS(acl), COUNT(acl_count)},
    {"profiles", KIND_TEXT, IN_SETTINGS(profiles.text), PLACE(settings, profiles.place)},
    {"zones", KIND_GROUPS, IN_SETTINGS(zones), COUNT(zone_count),
     PLACE(settings_zone, place), .members = zone_rules,
     .element_octets = sizeof(struct settings_zone)},
    {"shadows", KIND_GROUPS, IN_SETTINGS(shadows), COUNT(shadow_count),
     PLACE(settings_shadow, place), .members = shadow_rules,
     .element_octets = sizeof(struct settings_shadow)},
    {"follow", KIND_GROUP, .members = follow_rules},
    {"audit", KIND_GROUP, .members = audit_rules},
    {"control", KIND_PATH, IN_SETTINGS(control)},
    {"user", KIND_TEXT, IN_SETTINGS(user)},
    {"weak_algorithms", KIND_BOOL, IN_SETTINGS(weak_algorithms)},
    {"explain_refusals", KIND_BOOL, IN_SETTINGS(explain_refusals)},
    {"max_fudge", KIND_NUMBER, false, 1, 3600, IN_SETTINGS(max_fudge_s)},
    {"limits", KIND_GROUP, .members = limit_rules},
    LATER("tls"),
    LATER("metrics"),
    {0},
};
/* clang-format on */

struct reading {
    struct settings *settings;
    struct arena *arena; /* the snapshot's */
    struct diags *diags;
    struct conf_sources sources;
    bool out_of_memory;
};

#define PATH_TEXT_OCTETS 128 /* "limits.tcp_idle_verified_ms", "listen[12].port" */

static struct place place_of(const struct reading *reading,
                             const config_setting_t *setting)
{
    return conf_sources_place(&reading->sources, setting);
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
                        const struct rule *rule, uint32_t *out)
{
    int type = config_setting_type(setting);
    struct place place = place_of(reading, setting);
    char path[PATH_TEXT_OCTETS];

    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) {
        wrong_type(reading, setting, "a number");
        return false;
    }
    if (conf_sources_overflow_at(&reading->sources, place))
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
    *out = file_path_from(reading->settings->file, text, reading->arena);
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
                            const struct rule *rules)
{
    struct guess guess = guess_of(config_setting_name(setting));
    char path[PATH_TEXT_OCTETS];

    for (const struct rule *rule = rules; rule->name != NULL; rule++) {
        if (rule->kind != KIND_LATER)
            guess_add(&guess, rule->name);
    }
    diags_error(reading->diags, place_of(reading, setting), "unknown-setting",
                "unknown setting '%s'%s%s", path_of(setting, path), guess_lead(&guess),
                guess_text(&guess));
}

static void read_group(struct reading *reading, const config_setting_t *setting,
                       const struct rule *rules, char *into);

/* Room for a list's elements, entered in the struct. NULL: not a list, or no memory. */
static void *open_list(struct reading *reading, const config_setting_t *setting,
                       const struct rule *rule, size_t octets, char *into)
{
    size_t count = 0;

    if (!config_setting_is_list(setting) && !config_setting_is_array(setting)) {
        wrong_type(reading, setting,
                   rule->kind == KIND_TEXTS ? "a list of texts, [ \"...\" ]"
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
                        const struct rule *rule, char *into)
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
                       const struct rule *rule, char *into)
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
                         const struct rule *rule, char *into)
{
    void *field = into + rule->offset;
    uint32_t number;

    if (rule->place_offset != 0 && rule->kind != KIND_GROUPS) {
        struct place place = place_of(reading, setting);
        memcpy(into + rule->place_offset, &place, sizeof(place));
    }
    switch (rule->kind) {
    case KIND_BOOL:
        read_bool(reading, setting, field);
        return;
    case KIND_NUMBER:
        (void)read_number(reading, setting, rule, field);
        return;
    case KIND_PORT:
        if (read_number(reading, setting, rule, &number))
            *(uint16_t *)field = (uint16_t)number;
        return;
    case KIND_TEXT:
        *(const char **)field = read_text(reading, setting);
        return;
    case KIND_PATH:
        read_path(reading, setting, field);
        return;
    case KIND_NAME:
        read_name(reading, setting, field);
        return;
    case KIND_ADDRESS:
        read_address(reading, setting, field);
        return;
    case KIND_GROUP:
        read_group(reading, setting, rule->members, into);
        return;
    case KIND_GROUPS:
        read_groups(reading, setting, rule, into);
        return;
    case KIND_TEXTS:
        read_texts(reading, setting, rule, into);
        return;
    case KIND_LATER:
        refuse_later(reading, setting);
        return;
    }
}

static void want_members(struct reading *reading, const config_setting_t *group,
                         const struct rule *rules)
{
    char path[PATH_TEXT_OCTETS];

    for (const struct rule *rule = rules; rule->name != NULL; rule++)
        if (rule->is_required && config_setting_get_member(group, rule->name) == NULL)
            diags_error(reading->diags, place_of(reading, group), "setting-missing",
                        "'%s' lacks '%s'", path_of(group, path), rule->name);
}

static void read_group(struct reading *reading, const config_setting_t *setting,
                       const struct rule *rules, char *into)
{
    if (!config_setting_is_group(setting)) {
        wrong_type(reading, setting, "a group, { ... }");
        return;
    }
    want_members(reading, setting, rules);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        const struct rule *rule = rules;
        while (rule->name != NULL &&
               strcmp(rule->name, config_setting_name(member)) != 0)
            rule++;
        if (rule->name == NULL)
            unknown_setting(reading, member, rules);
        else
            read_setting(reading, member, rule, into);
    }
}

static void check_control(struct reading *reading, const config_setting_t *root)
{
    const struct settings *settings = reading->settings;
    size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    if (settings->control != NULL && strlen(settings->control) > longest)
        diags_error(reading->diags,
                    place_of(reading, config_setting_get_member(root, "control")),
                    "out-of-range",
                    "'%s' is longer than the %zu octets of a socket's path",
                    settings->control, longest);
}

enum result conf_read(const char *path, struct snapshot *snapshot, struct diags *diags)
{
    struct settings *settings = &snapshot->settings;
    const char *file = arena_string(&snapshot->arena, path);
    struct reading reading = {
        .settings = settings,
        .arena = &snapshot->arena,
        .diags = diags,
        .sources = {.main = file, .arena = &snapshot->arena, .diags = diags},
    };
    config_t config;

    if (file == NULL)
        return RES_EMEM;
    config_init(&config);
    enum result res = conf_sources_parse(&reading.sources, &config);
    if (res == RES_OK) {
        read_group(&reading, config_root_setting(&config), top_rules, (char *)settings);
        conf_check(settings, diags);
        check_control(&reading, config_root_setting(&config));
        res = diags->errors > 0 ? RES_EFORMAT : RES_OK;
    }
    config_destroy(&config);
    conf_sources_fini(&reading.sources);
    return reading.out_of_memory ? RES_EMEM : res;
}

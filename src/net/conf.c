#include "net/conf.h"

#include "net/conf_check.h"
#include "net/conf_rules.h"
#include "policy/settings.h"

/* clang-format off */
#define IN_ENDPOINT(field) .offset = offsetof(struct settings_endpoint, field)
#define IN_ZONE(field)     .offset = offsetof(struct settings_zone, field)
#define IN_SHADOW(field)   .offset = offsetof(struct settings_shadow, field)
#define IN_SETTINGS(field) .offset = offsetof(struct settings, field)
#define COUNT(field)       .count_offset = offsetof(struct settings, field)
#define LATER(setting)     {.name = setting, .kind = CONF_LATER}
#define PLACE(type, field) .place_offset = offsetof(struct type, field)

static const struct conf_rule listen_rules[] = {
    {"address", CONF_ADDRESS, true, IN_ENDPOINT(addr)},
    {"port", CONF_PORT, false, 1, 65535, IN_ENDPOINT(addr.port)},
    LATER("tls"),
    {0},
};
static const struct conf_rule server_rules[] = {
    {"address", CONF_ADDRESS, true, IN_ENDPOINT(addr)},
    {"port", CONF_PORT, false, 1, 65535, IN_ENDPOINT(addr.port)},
    LATER("tls"),
    LATER("tls_name"),
    {0},
};
static const struct settings_endpoint endpoint_default = {.addr = {.port = 53}};

static const struct conf_rule upstream_rules[] = {
    {"servers", CONF_GROUPS, true, IN_SETTINGS(servers), COUNT(server_count),
     PLACE(settings_endpoint, place), .members = server_rules,
     .element_octets = sizeof(struct settings_endpoint), .element = &endpoint_default},
    {"key", CONF_NAME, true, IN_SETTINGS(upstream_key),
     PLACE(settings, upstream_key_place)},
    {0},
};
static const struct conf_rule zone_rules[] = {
    {"name", CONF_NAME, true, IN_ZONE(name)},
    {"dynamic", CONF_BOOL, IN_ZONE(is_dynamic)},
    {0},
};
static const struct conf_rule shadow_rules[] = {
    {"of", CONF_NAME, true, IN_SHADOW(of)},
    {"at", CONF_NAME, true, IN_SHADOW(at)},
    {0},
};
static const struct conf_rule follow_rules[] = {
    {"require_cname", CONF_BOOL, IN_SETTINGS(require_cname)},
    {"cache_s", CONF_NUMBER, false, 0, 3600, IN_SETTINGS(cache_s)},
    {0},
};
static const struct conf_rule audit_rules[] = {
    {"file", CONF_PATH, true, IN_SETTINGS(audit_file), PLACE(settings, audit_place)},
    {"sync", CONF_BOOL, IN_SETTINGS(audit_sync)},
    {0},
};
static const struct conf_rule limit_rules[] = {
#define X(field, default_value, min, max) \
    {#field, CONF_NUMBER, false, min, max, IN_SETTINGS(limits.field)},
    SETTINGS_LIMITS(X)
#undef X
    {0},
};
static const struct conf_rule top_rules[] = {
    {"listen", CONF_GROUPS, IN_SETTINGS(listen), COUNT(listen_count),
     PLACE(settings_endpoint, place), .members = listen_rules,
     .element_octets = sizeof(struct settings_endpoint), .element = &endpoint_default},
    {"upstream", CONF_GROUP, .members = upstream_rules},
    {"keys", CONF_TEXTS, IN_SETTINGS(keys), COUNT(key_count)},
    {"acl", CONF_TEXTS, IN_SETTINGS(acl), COUNT(acl_count)},
    {"profiles", CONF_TEXT, IN_SETTINGS(profiles.text), PLACE(settings, profiles.place)},
    {"zones", CONF_GROUPS, IN_SETTINGS(zones), COUNT(zone_count),
     PLACE(settings_zone, place), .members = zone_rules,
     .element_octets = sizeof(struct settings_zone)},
    {"shadows", CONF_GROUPS, IN_SETTINGS(shadows), COUNT(shadow_count),
     PLACE(settings_shadow, place), .members = shadow_rules,
     .element_octets = sizeof(struct settings_shadow)},
    {"follow", CONF_GROUP, .members = follow_rules},
    {"audit", CONF_GROUP, .members = audit_rules},
    {"control", CONF_PATH, IN_SETTINGS(control), PLACE(settings, control_place)},
    {"user", CONF_TEXT, IN_SETTINGS(user)},
    {"weak_algorithms", CONF_BOOL, IN_SETTINGS(weak_algorithms)},
    {"explain_refusals", CONF_BOOL, IN_SETTINGS(explain_refusals)},
    {"max_fudge", CONF_NUMBER, false, 1, 3600, IN_SETTINGS(max_fudge_s)},
    {"limits", CONF_GROUP, .members = limit_rules},
    LATER("tls"),
    LATER("metrics"),
    {0},
};
/* clang-format on */

enum result conf_read(const char *path, struct snapshot *snapshot, struct diags *diags)
{
    struct settings *settings = &snapshot->settings;
    struct conf_sources sources = {
        .main = arena_string(&snapshot->arena, path),
        .arena = &snapshot->arena,
        .diags = diags,
    };

    if (sources.main == NULL)
        return RES_EMEM;
    enum result res = conf_rules_read(&sources, top_rules, settings);
    conf_sources_fini(&sources);
    if (res == RES_OK || res == RES_EFORMAT) {
        conf_check(settings, diags);
        res = diags->errors > 0 ? RES_EFORMAT : RES_OK;
    }
    return res;
}

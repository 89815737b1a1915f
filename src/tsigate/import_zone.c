/* tsigate import: the zones with their rules, and which keys each rule concerns. */
#include <string.h>

#include "tsigate/import.h"

static void give_rule(struct import *import, struct import_host *host,
                      struct import_rule *rule)
{
    if (host->rule_count == host->rule_capacity) {
        size_t capacity = 2 * host->rule_capacity + 8;
        struct import_rule **more = arena_array(import->arena, capacity, sizeof *more);
        if (more == NULL) {
            import->has_no_memory = true;
            return;
        }
        if (host->rule_count > 0)
            memcpy(more, host->rules, host->rule_count * sizeof *more);
        host->rules = more;
        host->rule_capacity = capacity;
    }
    host->rules[host->rule_count++] = rule;
}

static struct import_host *add_host(struct import *import, struct name name)
{
    struct import_host *host = arena_alloc(import->arena, sizeof *host);
    if (host == NULL ||
        map_put(&import->host_by_name, name.octets, name.len, host) != RES_OK) {
        import->has_no_memory = true;
        return NULL;
    }
    host->name = name;
    host->text = import_name_text(import, name);
    if (host->text == NULL)
        import->has_no_memory = true;
    if (import->last_host == NULL)
        import->hosts = host;
    else
        import->last_host->next = host;
    import->last_host = host;
    return host;
}

static bool is_of_one_key(const struct import_rule *rule)
{
    return rule->kind != IMPORT_GSS && rule->kind != IMPORT_UNKNOWN &&
           !import_is_wild(rule->identity);
}

static struct import_host *host_of(struct import *import,
                                   const struct import_rule *rule)
{
    return map_get(&import->host_by_name, rule->identity.octets, rule->identity.len);
}

/* A key that the rules know and named.conf does not: its host may get it later. */
static void want_host(struct import *import, struct import_rule *rule)
{
    if (!is_of_one_key(rule) || !rule->rule->is_grant || host_of(import, rule) != NULL)
        return;
    (void)add_host(import, rule->identity);
    import_tell_rule(
        import, rule, IMPORT_NOTE,
        "there is no key of that name: its host is in the ACL all the same");
}

/* To the one key that it names, or to all that it may concern. */
static void distribute_rule(struct import *import, struct import_rule *rule)
{
    if (is_of_one_key(rule)) {
        struct import_host *host = host_of(import, rule);
        if (host != NULL)
            give_rule(import, host, rule);
        return;
    }
    for (struct import_host *host = import->hosts; host != NULL; host = host->next) {
        if (import_is_of_host(rule, host))
            give_rule(import, host, rule);
    }
}

/* Whether a remark says already why nothing came of it. */
static bool is_told(const struct import_rule *rule)
{
    for (const struct import_remark *told = rule->remarks; told != NULL;
         told = told->next_of_rule) {
        if (told->fate != IMPORT_NOTE)
            return true;
    }
    return false;
}

static void convert_zone(struct import *import, const struct import_zone *zone)
{
    size_t count = 0;
    for (const struct namedconf_rule *r = zone->zone->rules; r != NULL; r = r->next)
        count++;
    struct import_rule *rules = arena_array(import->arena, count, sizeof *rules);
    if (rules == NULL) {
        import->has_no_memory = true;
        return;
    }
    size_t at = 0;
    for (const struct namedconf_rule *r = zone->zone->rules; r != NULL; r = r->next) {
        import_read_rule(import, r, &rules[at]);
        want_host(import, &rules[at++]);
    }
    for (struct import_host *host = import->hosts; host != NULL; host = host->next)
        host->rule_count = 0;
    for (size_t i = 0; i < count; i++)
        distribute_rule(import, &rules[i]);
    for (struct import_host *host = import->hosts; host != NULL; host = host->next) {
        for (size_t i = 0; i < host->rule_count; i++)
            import_convert_rule(import, zone, host, i);
    }
    for (size_t i = 0; i < count; i++) {
        if (rules[i].is_granted && (rules[i].is_default || rules[i].is_any))
            import_tell_rule(
                import, &rules[i], IMPORT_NARROWED,
                "all types: listed are those that a profile may name without "
                "`dangerous`; strike out what is not needed");
        if (rules[i].rule->is_grant && !rules[i].is_granted && !is_told(&rules[i]))
            import_tell_rule(import, &rules[i], IMPORT_LEFT_OUT,
                             "it gives no key anything in this zone");
    }
}

static void add_keys(struct import *import)
{
    for (const struct namedconf_key *key = import->conf.keys; key != NULL;
         key = key->next) {
        struct name name;
        struct import_host *host;
        if (!import_read_name(import, key->name, &name)) {
            import_tell(import, key->place, "key", IMPORT_LEFT_OUT,
                        "its name cannot be spelt in an ACL");
        } else if (map_get(&import->host_by_name, name.octets, name.len) != NULL) {
            import_tell(import, key->place, key->name, IMPORT_LEFT_OUT,
                        "a second key of that name, in another view");
        } else if ((host = add_host(import, name)) != NULL) {
            host->key = key;
        }
    }
}

static void tell_other_ways(struct import *import, const struct namedconf_zone *zone)
{
    if (zone->is_local)
        import_tell(
            import, zone->place, zone->name, IMPORT_LEFT_OUT,
            "update-policy local: named's own session key stays between nsupdate "
            "-l and named");
    if (zone->allows_update)
        import_tell(import, zone->place, zone->name, IMPORT_LEFT_OUT,
                    "allow-update gives away all of the zone: grant what is needed");
}

static void add_zones(struct import *import)
{
    for (const struct namedconf_zone *written = import->conf.zones; written != NULL;
         written = written->next) {
        struct import_zone *zone = arena_alloc(import->arena, sizeof *zone);
        struct name name;
        tell_other_ways(import, written);
        if (zone == NULL)
            import->has_no_memory = true;
        if (zone == NULL || !written->has_policy)
            continue;
        bool is_name =
            import_read_name(import, written->name, &name) && !name_is_root(name);
        bool is_known = false;
        for (const struct import_zone *z = import->zones; is_name && z != NULL;
             z = z->next)
            is_known = is_known || name_equal(z->name, name);
        if (!is_name || is_known) {
            import_tell(import, written->place, written->name, IMPORT_LEFT_OUT,
                        is_known ? "the zone again, in another view: an ACL has one "
                                   "set of rights"
                                 : "its name cannot be spelt in an ACL");
            continue;
        }
        *zone = (struct import_zone){.zone = written, .name = name};
        if (import->last_zone == NULL)
            import->zones = zone;
        else
            import->last_zone->next = zone;
        import->last_zone = zone;
    }
}

void import_convert(struct import *import)
{
    add_keys(import);
    add_zones(import);
    for (const struct import_zone *zone = import->zones; zone != NULL;
         zone = zone->next)
        convert_zone(import, zone);
    for (struct import_remark *told = import->remarks; told != NULL;
         told = told->next) {
        if (told->fate == IMPORT_NARROWED && !told->rule->is_granted)
            told->fate = IMPORT_LEFT_OUT;
    }
}

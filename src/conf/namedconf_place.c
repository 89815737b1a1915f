/*
 * From the statements that named-checkconf -p prints to those that were written: it
 * keeps the order of zones, of keys, and of the rules of a zone, though not that of
 * unlike statements.
 */
#include <string.h>
#include <strings.h>

#include "conf/namedconf.h"

static const struct namedconf_zone *find_zone(const struct namedconf_zone *from,
                                              const char *name)
{
    while (from != NULL && strcasecmp(from->name, name) != 0)
        from = from->next;
    return from;
}

static const struct namedconf_key *find_key(const struct namedconf_key *from,
                                            const char *name)
{
    while (from != NULL && strcasecmp(from->name, name) != 0)
        from = from->next;
    return from;
}

static bool is_same_rule(const struct namedconf_rule *a, const struct namedconf_rule *b)
{
    return a->is_grant == b->is_grant && strcasecmp(a->identity, b->identity) == 0 &&
           strcasecmp(a->kind, b->kind) == 0 && a->type_count == b->type_count;
}

static void place_rules(struct namedconf_rule *rule, const struct namedconf_rule *there)
{
    for (; rule != NULL && there != NULL && is_same_rule(rule, there);
         rule = rule->next, there = there->next)
        rule->place = there->place;
}

/* Goes on behind the last one that was found, and only then from the start. */
static void place_zones(struct namedconf *conf, const struct namedconf *files)
{
    const struct namedconf_zone *behind = files->zones;
    for (struct namedconf_zone *zone = conf->zones; zone != NULL; zone = zone->next) {
        const struct namedconf_zone *there = find_zone(behind, zone->name);
        if (there == NULL)
            there = find_zone(files->zones, zone->name);
        if (there == NULL)
            continue;
        zone->place = there->place;
        place_rules(zone->rules, there->rules);
        behind = there->next;
    }
}

static void place_keys(struct namedconf *conf, const struct namedconf *files)
{
    const struct namedconf_key *behind = files->keys;
    for (struct namedconf_key *key = conf->keys; key != NULL; key = key->next) {
        const struct namedconf_key *there = find_key(behind, key->name);
        if (there == NULL)
            there = find_key(files->keys, key->name);
        if (there == NULL)
            continue;
        key->place = there->place;
        behind = there->next;
    }
}

void namedconf_place(struct namedconf *conf, const struct namedconf *files)
{
    place_zones(conf, files);
    place_keys(conf, files);
}

#include "policy/zones.h"

#include "base/arena.h"

/* ---- look-ups ---- */

/* What map has for name or its nearest ancestor; most_labels spares the probes that
 * cannot hit. */
static void *nearest(const struct map *map, struct name name, unsigned most_labels)
{
    unsigned labels = name_labels(name);

    for (; labels > most_labels; labels--)
        name = name_parent(name);
    for (;; labels--, name = name_parent(name)) {
        void *value = map_get(map, name.octets, name.len);
        if (value != NULL || labels == 0)
            return value;
    }
}

static void *exactly(const struct map *map, struct name name)
{
    return map_get(map, name.octets, name.len);
}

const struct zone *zones_find(const struct zones *zones, struct name name)
{
    return nearest(&zones->by_name, name, zones->most_labels);
}

const struct zone *zones_exact(const struct zones *zones, struct name name)
{
    return exactly(&zones->by_name, name);
}

const struct shadow *zones_shadow_of(const struct zones *zones, struct name name)
{
    return nearest(&zones->by_of, name, zones->most_labels);
}

const struct shadow *zones_shadow_at(const struct zones *zones, struct name name)
{
    if (name_is_root(name))
        return NULL;
    return nearest(&zones->by_at, name_parent(name), zones->most_labels);
}

static bool is_in(const struct zones *zones, struct name name, bool is_dynamic)
{
    const struct zone *zone = zones_find(zones, name);

    return zone != NULL && zone->is_dynamic == is_dynamic;
}

/* ---- building ---- */

static void note_labels(struct zones *zones, struct name name)
{
    unsigned labels = name_labels(name);

    if (labels > zones->most_labels)
        zones->most_labels = labels;
}

static enum result add_zone(struct zones *zones, const struct settings_zone *wanted,
                            struct diags *diags)
{
    char text[NAME_TEXT_OCTETS];
    struct zone *zone = &zones->all[zones->count];

    *zone = (struct zone){
        .name = wanted->name, .is_dynamic = wanted->is_dynamic, .index = zones->count};
    enum result res = map_put(&zones->by_name, zone->name.octets, zone->name.len, zone);
    if (res == RES_EEXISTS) {
        diags_error(diags, wanted->place, "zone-twice", "zone %s is there twice",
                    name_to_text(wanted->name, text));
        return RES_EFORMAT;
    }
    if (res != RES_OK)
        return res;
    zones->count++;
    note_labels(zones, zone->name);
    return RES_OK;
}

/* Puts shadow into by_of and by_at; what depends on all zones is judged by
 * check_shadow. */
static enum result index_shadow(struct zones *zones, struct shadow *shadow,
                                struct diags *diags)
{
    char text[NAME_TEXT_OCTETS];
    enum result res = map_put(&zones->by_of, shadow->of.octets, shadow->of.len, shadow);

    if (res == RES_EEXISTS) {
        diags_error(diags, shadow->place, "shadow-of-twice",
                    "%s has two shadows: each `of` stands once",
                    name_to_text(shadow->of, text));
        return RES_EFORMAT;
    }
    if (res != RES_OK)
        return res;
    res = map_put(&zones->by_at, shadow->at.octets, shadow->at.len, shadow);
    if (res == RES_EEXISTS) {
        diags_error(diags, shadow->place, "shadow-at-nested",
                    "two shadows lie at %s: a name there would have two originals",
                    name_to_text(shadow->at, text));
        return RES_EFORMAT;
    }
    if (res != RES_OK)
        return res;
    note_labels(zones, shadow->of);
    note_labels(zones, shadow->at);
    return RES_OK;
}

static bool check_shadow(const struct zones *zones, const struct shadow *shadow,
                         struct diags *diags)
{
    char of[NAME_TEXT_OCTETS];
    char at[NAME_TEXT_OCTETS];
    const struct shadow *outer = zones_shadow_at(zones, shadow->at);
    bool is_good = true;

    name_to_text(shadow->of, of);
    name_to_text(shadow->at, at);
    if (!is_in(zones, shadow->of, false)) {
        diags_error(diags, shadow->place, "shadow-of-not-static",
                    "`of` %s is neither a static zone nor a name in one", of);
        is_good = false;
    }
    if (!is_in(zones, shadow->at, true)) {
        diags_error(diags, shadow->place, "shadow-at-not-dynamic",
                    "`at` %s does not lie in a zone with `dynamic = true`", at);
        is_good = false;
    }
    if (outer != NULL) {
        diags_error(diags, shadow->place, "shadow-at-nested",
                    "`at` %s lies inside the shadow at %s", at,
                    name_to_text(outer->at, of));
        is_good = false;
    }
    return is_good;
}

/* Goes on after an error of the files, ends at any other. */
static bool is_fatal(enum result res, enum result *worst)
{
    if (res != RES_OK)
        *worst = res;
    return res != RES_OK && res != RES_EFORMAT;
}

static enum result build_shadows(struct zones *zones, const struct settings *settings,
                                 struct diags *diags)
{
    enum result worst = RES_OK;
    struct shadow *shadows =
        arena_array(zones->arena, settings->shadow_count, sizeof(*shadows));

    if (shadows == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < settings->shadow_count; i++) {
        const struct settings_shadow *wanted = &settings->shadows[i];
        shadows[i] =
            (struct shadow){.of = wanted->of, .at = wanted->at, .place = wanted->place};
        if (is_fatal(index_shadow(zones, &shadows[i], diags), &worst))
            return worst;
    }
    for (size_t i = 0; i < settings->shadow_count; i++) {
        if (!check_shadow(zones, &shadows[i], diags))
            worst = RES_EFORMAT;
        shadows[i].zone = zones_find(zones, shadows[i].at);
    }
    return worst;
}

enum result zones_build(const struct settings *settings, struct arena *arena,
                        struct diags *diags, struct zones *out)
{
    enum result worst = RES_OK;

    *out = (struct zones){.arena = arena};
    out->all = arena_array(arena, settings->zone_count, sizeof(*out->all));
    if (out->all == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < settings->zone_count; i++) {
        if (is_fatal(add_zone(out, &settings->zones[i], diags), &worst))
            return worst;
    }
    enum result res = build_shadows(out, settings, diags);
    return res != RES_OK ? res : worst;
}

/* C-3: original in a static zone, target in a dynamic one, each once. */
static enum result add_alias(struct zones *zones, struct acl_alias *alias,
                             struct diags *diags)
{
    char text[NAME_TEXT_OCTETS];
    size_t errors = diags->errors;

    if (!is_in(zones, alias->original, false))
        diags_error(diags, alias->place, "alias-original-not-static",
                    "%s does not lie in a static zone: only names there have aliases",
                    name_to_text(alias->original, text));
    if (!is_in(zones, alias->target, true))
        diags_error(diags, alias->target_place, "alias-target-not-dynamic",
                    "%s does not lie in a zone with `dynamic = true`",
                    name_to_text(alias->target, text));

    enum result res =
        map_put(&zones->alias_of, alias->original.octets, alias->original.len, alias);
    if (res == RES_EEXISTS)
        diags_error(diags, alias->place, "alias-twice", "%s has an alias already",
                    name_to_text(alias->original, text));
    else if (res != RES_OK)
        return res;

    res = map_put(&zones->alias_at, alias->target.octets, alias->target.len, alias);
    if (res == RES_EEXISTS)
        diags_error(diags, alias->target_place, "alias-target-twice",
                    "%s is the target of another alias already",
                    name_to_text(alias->target, text));
    else if (res != RES_OK)
        return res;
    return diags->errors == errors ? RES_OK : RES_EFORMAT;
}

enum result zones_add_aliases(struct zones *zones, const struct acl_source *source,
                              struct diags *diags)
{
    enum result worst = RES_OK;

    for (struct acl_alias *alias = source->aliases; alias != NULL;
         alias = alias->next) {
        if (is_fatal(add_alias(zones, alias, diags), &worst))
            return worst;
    }
    return worst;
}

void zones_fini(struct zones *zones)
{
    map_fini(&zones->by_name);
    map_fini(&zones->by_of);
    map_fini(&zones->by_at);
    map_fini(&zones->alias_of);
    map_fini(&zones->alias_at);
}

/* ---- binding ---- */

/* C-2: template(X.<of>) = X.<at>, X not empty. An alias's target is the alias's alone,
 * so a name whose template leads there has none. */
static enum result bind_by_template(const struct zones *zones, struct name original,
                                    struct name_buf *out_target)
{
    const struct shadow *shadow = zones_shadow_of(zones, original);

    if (shadow == NULL || name_equal(original, shadow->of))
        return RES_ENOTFOUND;
    if (name_replace_suffix(original, shadow->of, shadow->at, out_target) != RES_OK)
        return RES_ENOTFOUND;
    if (exactly(&zones->alias_at, name_of(out_target)) != NULL)
        return RES_ENOTFOUND;
    return RES_OK;
}

enum result zones_bind(const struct zones *zones, struct name original,
                       struct name_buf *out_target)
{
    const struct acl_alias *alias = exactly(&zones->alias_of, original);

    if (!is_in(zones, original, false))
        return RES_ENOTFOUND;
    if (alias != NULL)
        return name_join(alias->target, name_root, out_target);
    if (bind_by_template(zones, original, out_target) != RES_OK)
        return RES_ENOTFOUND;
    /* A static zone may lie below `at`; nothing is ever written there. */
    return is_in(zones, name_of(out_target), true) ? RES_OK : RES_ENOTFOUND;
}

/* C-5: the original that the dynamic name asked stands in for; asked itself where it
 * stands for nothing (is_native) or where its inverse would be over 255 octets. */
static struct name invert(const struct zones *zones, struct name asked,
                          struct name_buf *room, bool *is_native)
{
    const struct acl_alias *alias = exactly(&zones->alias_at, asked);
    const struct shadow *shadow = zones_shadow_at(zones, asked);

    *is_native = alias == NULL && shadow == NULL;
    if (alias != NULL)
        return alias->original;
    if (shadow == NULL ||
        name_replace_suffix(asked, shadow->at, shadow->of, room) != RES_OK)
        return asked;
    return name_of(room);
}

enum result zones_rewrite(const struct zones *zones, struct name asked,
                          struct arena *arena, struct rewrite *out)
{
    const struct zone *zone = zones_find(zones, asked);
    bool asks_target = zone != NULL && zone->is_dynamic;
    bool is_native = false;
    struct name_buf inverse;
    struct name_buf bound;
    struct name original = asked;
    struct name target = {0};

    if (asks_target)
        original = invert(zones, asked, &inverse, &is_native);
    if (is_native)
        target = asked;
    else if (zones_bind(zones, original, &bound) == RES_OK)
        target = name_of(&bound);
    /* Who names a target must mean the one that the original has (C-5). */
    if (asks_target && target.octets != NULL && !name_equal(target, asked))
        target = (struct name){0};

    *out = (struct rewrite){.is_native = is_native};
    out->original = name_copy(arena, original);
    if (out->original.octets == NULL)
        return RES_EMEM;
    if (target.octets == NULL)
        return RES_OK;
    out->target = is_native ? out->original : name_copy(arena, target);
    if (out->target.octets == NULL)
        return RES_EMEM;
    out->zone = zones_find(zones, target);
    return RES_OK;
}

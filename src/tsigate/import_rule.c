/* tsigate import: what a zone's rules, asked in their order, allow each key. */
#include <string.h>
#include <strings.h>

#include "dns/type.h"
#include "tsigate/import.h"

/* One name, or all below it: what any rule reaches is one or both of these. */
struct piece {
    struct name base;
    bool is_below;
};

struct area {
    struct piece pieces[2];
    size_t count;
};

/* ---- remarks ---- */

static const char *rule_text(struct import *import, const struct namedconf_rule *rule)
{
    uint8_t octets[LIMIT_LINE_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    writer_printf(&w, "%s %s %s", rule->is_grant ? "grant" : "deny", rule->identity,
                  rule->kind);
    if (rule->name != NULL)
        writer_printf(&w, " %s", rule->name);
    for (size_t i = 0; i < rule->type_count; i++)
        writer_printf(&w, " %s", rule->types[i]);
    return arena_string_n(import->arena, (const char *)octets, w.len);
}

/* Once for a rule, however many keys it concerns. */
void import_tell_rule(struct import *import, struct import_rule *rule,
                      enum import_fate fate, const char *message)
{
    for (const struct import_remark *told = rule->remarks; told != NULL;
         told = told->next_of_rule) {
        if (message == NULL || strcmp(told->message, message) == 0)
            return;
    }
    struct import_remark *remark =
        import_tell(import, rule->rule->place, rule_text(import, rule->rule), fate,
                    "%s", message != NULL ? message : "?");
    if (remark == NULL)
        return;
    remark->rule = rule;
    remark->next_of_rule = rule->remarks;
    rule->remarks = remark;
}

/* ---- rules ---- */

static enum import_kind kind_of(const char *text)
{
    static const struct {
        const char *text;
        enum import_kind kind;
    } kinds[] = {
        {"name", IMPORT_NAME},         {"subdomain", IMPORT_SUBDOMAIN},
        {"zonesub", IMPORT_ZONESUB},   {"wildcard", IMPORT_WILDCARD},
        {"self", IMPORT_SELF},         {"selfsub", IMPORT_SELFSUB},
        {"selfwild", IMPORT_SELFWILD},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcasecmp(text, kinds[i].text) == 0)
            return kinds[i].kind;
    }
    if (strncasecmp(text, "ms-", 3) == 0 || strncasecmp(text, "krb5-", 5) == 0)
        return IMPORT_GSS;
    return IMPORT_UNKNOWN;
}

bool import_read_name(struct import *import, const char *text, struct name *out)
{
    struct name_buf buf;
    if (text == NULL || name_from_text(text, strlen(text), &buf) != RES_OK)
        return false;
    *out = name_copy(import->arena, name_of(&buf));
    import->has_no_memory = import->has_no_memory || out->octets == NULL;
    return out->octets != NULL;
}

/* All that a profile may name without `dangerous`. */
static void types_add_plain(struct type_set *types)
{
    for (uint16_t type = 1; type <= TYPE_CAA; type++) {
        if (type_standing_of(type) == TYPE_IS_PLAIN)
            type_set_add(types, type);
    }
}

/* "TXT(1)": BIND's limit on an RRset's size. */
static void read_type(struct import *import, struct import_rule *rule, const char *text)
{
    char word[TYPE_TEXT_OCTETS] = "";
    uint16_t type = 0;
    size_t len = strcspn(text, "(");
    if (len < sizeof word)
        memcpy(word, text, len);
    if (strcasecmp(word, "ANY") == 0) {
        rule->is_any = true;
        types_add_plain(&rule->types);
    } else if (type_from_name(word, &type) == RES_OK &&
               (type_standing_of(type) == TYPE_IS_PLAIN ||
                type_standing_of(type) == TYPE_IS_DANGEROUS)) {
        type_set_add(&rule->types, type);
    } else if (rule->rule->is_grant) {
        import_tell_rule(
            import, rule, IMPORT_NARROWED,
            arena_printf(import->arena, "%s is a type that no profile may name", text));
    }
    if (text[len] == '(' && rule->rule->is_grant)
        import_tell_rule(
            import, rule, IMPORT_NOTE,
            "there is no limit on how many records a name has: BIND drops what is "
            "too much without a word, which no requestor learns of");
}

static void read_types(struct import *import, struct import_rule *rule)
{
    const struct namedconf_rule *written = rule->rule;
    rule->is_default = written->type_count == 0;
    if (rule->is_default)
        types_add_plain(&rule->types);
    for (size_t i = 0; i < written->type_count; i++)
        read_type(import, rule, written->types[i]);
}

static const char *const unsupported[] = {
    [IMPORT_GSS] = "a GSS-TSIG identity: tsigate knows TSIG keys alone",
    [IMPORT_UNKNOWN] = "it asks for something else than the key and the name",
};

void import_read_rule(struct import *import, const struct namedconf_rule *written,
                      struct import_rule *out)
{
    *out = (struct import_rule){.rule = written, .kind = kind_of(written->kind)};
    if (out->kind == IMPORT_GSS || out->kind == IMPORT_UNKNOWN) {
        import_tell_rule(import, out, IMPORT_LEFT_OUT, unsupported[out->kind]);
        read_types(import, out);
        return;
    }
    bool has_name = out->kind == IMPORT_NAME || out->kind == IMPORT_SUBDOMAIN ||
                    out->kind == IMPORT_WILDCARD;
    if (!import_read_name(import, written->identity, &out->identity) ||
        (has_name && !import_read_name(import, written->name, &out->name))) {
        import_tell_rule(import, out, IMPORT_LEFT_OUT,
                         "a name in it cannot be spelt in an ACL");
        out->kind = IMPORT_UNKNOWN;
    }
    read_types(import, out);
}

bool import_is_wild(struct name name)
{
    return name.len > 1 && memcmp(name.octets, "\x01*", 2) == 0;
}

/* An identity with a leading * is all keys below it. */
bool import_is_of_host(const struct import_rule *rule, const struct import_host *host)
{
    if (rule->kind == IMPORT_GSS)
        return false;
    if (rule->kind == IMPORT_UNKNOWN)
        return !rule->rule->is_grant; /* it may deny anybody */
    if (!import_is_wild(rule->identity))
        return name_equal(rule->identity, host->name);
    struct name above = name_parent(rule->identity);
    return name_is_below(host->name, above);
}

/* What BIND takes the rule's types to be, as far as they can be granted. */
static bool has_type(const struct import_rule *rule, uint16_t type)
{
    if (rule->is_any)
        return true;
    if (rule->is_default)
        return type != TYPE_NS;
    return type_set_has(&rule->types, type);
}

/* ---- what a rule reaches ---- */

static bool piece_contains(const struct piece *outer, const struct piece *inner)
{
    if (!outer->is_below)
        return !inner->is_below && name_equal(inner->base, outer->base);
    return name_is_within(inner->base, outer->base) &&
           (inner->is_below || !name_equal(inner->base, outer->base));
}

static void area_add(struct area *area, struct name base, bool is_below)
{
    area->pieces[area->count++] = (struct piece){base, is_below};
}

/* As far as it lies in the zone. */
static struct area area_of(const struct import_rule *rule,
                           const struct import_host *host, struct name zone)
{
    struct area area = {.count = 0};
    struct name base = zone;
    bool has_base = true, has_below = true;
    switch (rule->kind) {
    case IMPORT_NAME:
        base = rule->name;
        has_below = false;
        break;
    case IMPORT_SUBDOMAIN:
        base = rule->name;
        break;
    case IMPORT_WILDCARD:
        base = name_parent(rule->name);
        has_base = false;
        break;
    case IMPORT_SELF:
        base = host->name;
        has_below = false;
        break;
    case IMPORT_SELFSUB:
        base = host->name;
        break;
    case IMPORT_SELFWILD:
        base = host->name;
        has_base = false;
        break;
    case IMPORT_ZONESUB:
    case IMPORT_UNKNOWN: /* a deny: the whole zone, to be safe */
    case IMPORT_GSS:
        break;
    }
    bool is_above = !name_is_within(base, zone);
    if (is_above && !(has_below && name_is_within(zone, base)))
        return area;
    if (is_above)
        base = zone;
    if (has_base || is_above)
        area_add(&area, base, false);
    if (has_below)
        area_add(&area, base, true);
    return area;
}

/* ---- one key in one zone ---- */

struct asking {
    struct import *import;
    const struct import_zone *zone;
    struct import_host *host;
};

enum verdict {
    VERDICT_OPEN,
    VERDICT_DENIED,  /* by a deny before it */
    VERDICT_PIERCED, /* a deny before it takes names out of its midst */
};

/* Whether a rule before this deny has already granted all that the piece is. */
static bool is_granted_before(const struct asking *asking, size_t deny,
                              const struct piece *piece, uint16_t type)
{
    for (size_t i = 0; i < deny; i++) {
        const struct import_rule *rule = asking->host->rules[i];
        struct area area = area_of(rule, asking->host, asking->zone->name);
        for (size_t k = 0; has_type(rule, type) && k < area.count; k++) {
            const struct piece *other = &area.pieces[k];
            if (rule->rule->is_grant && piece_contains(other, piece))
                return true;
            if (!rule->rule->is_grant &&
                (piece_contains(other, piece) || piece_contains(piece, other)))
                return false;
        }
    }
    return false;
}

/* The first rule that fits decides; what stands before rule number `before`. */
static enum verdict judge(const struct asking *asking, size_t before,
                          const struct piece *piece, uint16_t type)
{
    enum verdict verdict = VERDICT_OPEN;
    for (size_t i = 0; i < before; i++) {
        const struct import_rule *rule = asking->host->rules[i];
        if (rule->rule->is_grant || !has_type(rule, type))
            continue;
        struct area area = area_of(rule, asking->host, asking->zone->name);
        for (size_t k = 0; k < area.count; k++) {
            if (piece_contains(&area.pieces[k], piece))
                return VERDICT_DENIED;
            if (piece_contains(piece, &area.pieces[k]) &&
                !is_granted_before(asking, i, &area.pieces[k], type))
                verdict = VERDICT_PIERCED;
        }
    }
    return verdict;
}

/* The shadow that a written name lies in; NULL: none. */
static const struct import_shadow *shadow_at(const struct import *import,
                                             struct name name)
{
    const struct import_shadow *shadow = import->shadows;
    while (shadow != NULL && !name_is_within(name, shadow->at))
        shadow = shadow->next;
    return shadow;
}

/* A pattern stops at no zone's edge. The name of a zone that it would come into and
 * BIND's rule would not; octets NULL: none. */
static struct name zone_entered(const struct asking *asking, struct name base)
{
    const struct import *import = asking->import;
    for (const struct import_shadow *s = import->shadows; s != NULL; s = s->next) {
        if (name_is_below(s->of, base))
            return s->of;
    }
    for (const struct import_zone *zone = import->zones; zone != NULL;
         zone = zone->next) {
        if (zone != asking->zone && name_is_below(zone->name, base) &&
            shadow_at(import, zone->name) == NULL)
            return zone->name;
    }
    return (struct name){NULL, 0};
}

/* From the name that is written to the one that the ACL speaks of. */
static bool find_original(const struct asking *asking, struct piece *piece,
                          struct import_rule *rule)
{
    struct import *import = asking->import;
    const struct import_shadow *shadow = shadow_at(import, piece->base);
    struct name_buf buf;
    if (shadow == NULL)
        return true;
    bool is_edge = !piece->is_below && name_equal(piece->base, shadow->at);
    if (is_edge ||
        name_replace_suffix(piece->base, shadow->at, shadow->of, &buf) != RES_OK) {
        import_tell_rule(import, rule, IMPORT_NARROWED,
                         is_edge ? "the shadow's own name stands in for none"
                                 : "the name that it stands in for would be too long");
        return false;
    }
    piece->base = name_copy(import->arena, name_of(&buf));
    import->has_no_memory = import->has_no_memory || piece->base.octets == NULL;
    return piece->base.octets != NULL;
}

/* Whether the names can be granted at all, as told. */
static bool place_piece(const struct asking *asking, struct piece *piece,
                        struct import_rule *rule)
{
    struct import *import = asking->import;
    for (const struct import_zone *zone = import->zones; zone != NULL;
         zone = zone->next) {
        if (zone != asking->zone && name_is_within(piece->base, zone->name) &&
            name_is_within(zone->name, asking->zone->name)) {
            import_tell_rule(
                import, rule, IMPORT_LEFT_OUT,
                "these names belong to a zone below this one: BIND never asks it");
            return false;
        }
    }
    if (!find_original(asking, piece, rule))
        return false;
    struct name entered =
        piece->is_below ? zone_entered(asking, piece->base) : (struct name){NULL, 0};
    if (entered.octets == NULL)
        return true;
    import_tell_rule(
        import, rule, IMPORT_NARROWED,
        arena_printf(import->arena,
                     "all names below %s would be those of zone %s as well: grant "
                     "by name, or by patterns that stop short of it",
                     tool_name_text(import->tool, piece->base),
                     tool_name_text(import->tool, entered)));
    return false;
}

/* Those types of the rule's that no deny takes away at the piece. */
static struct type_set open_types(const struct asking *asking, size_t number,
                                  const struct piece *piece)
{
    struct import *import = asking->import;
    struct import_rule *rule = asking->host->rules[number];
    struct type_set types = {.count = 0};
    for (size_t i = 0; i < rule->types.count; i++) {
        uint16_t type = rule->types.all[i];
        switch (judge(asking, number, piece, type)) {
        case VERDICT_DENIED:
            import_tell_rule(import, rule, IMPORT_NARROWED,
                             "a deny before it takes some of its names or types away");
            break;
        case VERDICT_PIERCED:
            import_tell_rule(
                import, rule, IMPORT_NARROWED,
                "a deny before it takes names out of its midst, which an ACL "
                "cannot say: grant by name what is left");
            break;
        case VERDICT_OPEN:
            if (type == TYPE_CAA && piece->is_below)
                import_tell_rule(import, rule, IMPORT_NARROWED,
                                 "no pattern reaches CAA: grant it by name");
            else
                type_set_add(&types, type);
            break;
        }
    }
    return types;
}

void import_convert_rule(struct import *import, const struct import_zone *zone,
                         struct import_host *host, size_t number)
{
    const struct asking values = {import, zone, host};
    const struct asking *asking = &values;
    struct import_rule *rule = asking->host->rules[number];
    struct area area = area_of(rule, asking->host, asking->zone->name);
    for (size_t i = 0; rule->rule->is_grant && i < area.count; i++) {
        struct piece piece = area.pieces[i];
        struct type_set types = open_types(asking, number, &piece);
        if (types.count == 0 || !place_piece(asking, &piece, rule))
            continue;
        rule->is_granted = true;
        import_add_grant(asking->import, asking->host, rule, piece.base, piece.is_below,
                         &types);
    }
}

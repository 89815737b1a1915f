/* tsigate import: grants in the words of an ACL. */
#include <ctype.h>
#include <string.h>

#include "dns/type.h"
#include "policy/acl_index.h"
#include "tsigate/import.h"

/* ---- words ---- */

/* Letters, digits, - and _ as they are, all else \DDD: no name of BIND's turns into a
 * star, a hole, a comment or a port. */
const char *import_name_text(struct import *import, struct name name)
{
    uint8_t octets[NAME_TEXT_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    for (; !name_is_root(name); name = name_parent(name)) {
        for (size_t i = 1; i <= name.octets[0]; i++) {
            uint8_t c = name.octets[i];
            if (c < 0x80 && (isalnum(c) || c == '-' || c == '_'))
                writer_u8(&w, c);
            else
                writer_printf(&w, "\\%03u", c);
        }
        if (!name_is_root(name_parent(name)))
            writer_u8(&w, '.');
    }
    return w.failed ? NULL : arena_string_n(import->arena, (char *)octets, w.len);
}

/* The name, or all names below it; the final dot tells a name of one label from an
 * option. NULL: no memory. */
static const char *owner_words(struct import *import, struct name name, bool is_below)
{
    const char *text = import_name_text(import, name);
    return text == NULL ? NULL
                        : arena_printf(import->arena, "%s%s%s", is_below ? "**." : "",
                                       text, name_labels(name) < 2 ? "." : "");
}

/* ---- stock profiles ---- */

static bool is_only(const struct type_set *types, uint16_t type)
{
    return types->count == 1 && types->all[0] == type;
}

static bool is_first_label(struct name name, const char *label)
{
    size_t len = strlen(label);
    return name.octets[0] == len && memcmp(name.octets + 1, label, len) == 0;
}

/* "_25": the port's number in the profile's spelling; -1: none. */
static int port_of(struct name name)
{
    int port = 0;
    size_t len = name.octets[0];
    if (len < 2 || len > 6 || name.octets[1] != '_' ||
        (len > 2 && name.octets[2] == '0'))
        return -1;
    for (size_t i = 2; i <= len; i++) {
        if (!isdigit(name.octets[i]))
            return -1;
        port = 10 * port + (name.octets[i] - '0');
    }
    return port <= UINT16_MAX ? port : -1;
}

static const char *tlsa_words(struct import *import, struct name name)
{
    static const char *const protocols[] = {"_tcp", "_udp", "_sctp"};
    int port = port_of(name);
    struct name proto = name_parent(name);
    for (size_t i = 0; port >= 0 && i < sizeof protocols / sizeof protocols[0]; i++) {
        if (!is_first_label(proto, protocols[i]) || name_is_root(name_parent(proto)))
            continue;
        const char *owner = owner_words(import, name_parent(proto), false);
        return owner == NULL ? NULL
                             : arena_printf(import->arena, "%s %d/%s", owner, port,
                                            protocols[i] + 1);
    }
    return NULL;
}

/* Whether a stock profile's owner is that name; false: none is. */
static bool find_stock(struct import *import, struct name name,
                       const struct type_set *types, struct import_grant *out)
{
    if (is_only(types, TYPE_TXT) && is_first_label(name, "_acme-challenge") &&
        !name_is_root(name_parent(name))) {
        out->profile = "acme";
        out->words = owner_words(import, name_parent(name), false);
    } else if (is_only(types, TYPE_TLSA)) {
        out->profile = "tlsa";
        out->words = tlsa_words(import, name);
    }
    return out->words != NULL;
}

/* ---- site profiles ---- */

#define NAMED_BY_TYPES 3

static const char *profile_name(struct import *import, const struct type_set *types)
{
    uint8_t octets[LIMIT_PROFILE_OCTETS];
    struct writer w = writer_of(octets, sizeof octets);
    unsigned number = 1;
    for (const struct import_profile *p = import->site_profiles; p != NULL; p = p->next)
        number++;
    if (types->count > NAMED_BY_TYPES)
        return arena_printf(import->arena, "bind-%u", number);
    writer_string(&w, "bind");
    for (size_t i = 0; i < types->count; i++)
        writer_printf(&w, "-%s", type_name(types->all[i]));
    char *name = arena_string_n(import->arena, (char *)octets, w.len);
    for (char *c = name; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

/* NULL: no memory. */
static const char *find_profile(struct import *import, const struct type_set *types)
{
    for (const struct import_profile *p = import->site_profiles; p != NULL;
         p = p->next) {
        if (type_set_compare(&p->types, types) == 0)
            return p->name;
    }
    struct import_profile *profile = arena_alloc(import->arena, sizeof *profile);
    if (profile == NULL)
        return NULL;
    profile->types = *types;
    profile->name = profile_name(import, types);
    if (import->last_profile == NULL)
        import->site_profiles = profile;
    else
        import->last_profile->next = profile;
    import->last_profile = profile;
    return profile->name;
}

/* ---- grants ---- */

static bool is_there(const struct import_host *host, const struct import_grant *grant)
{
    const struct import_grant *last = host->last_grant;
    return last != NULL && strcmp(last->profile, grant->profile) == 0 &&
           strcmp(last->words, grant->words) == 0;
}

static void append(struct import *import, struct import_host *host,
                   const struct import_grant *values)
{
    if (is_there(host, values))
        return;
    struct import_grant *grant = arena_copy(import->arena, values, sizeof *values);
    if (grant == NULL) {
        import->has_no_memory = true;
        return;
    }
    if (host->last_grant == NULL)
        host->grants = grant;
    else
        host->last_grant->next = grant;
    host->last_grant = grant;
    import->grant_count++;
}

void import_add_grant(struct import *import, struct import_host *host,
                      const struct import_rule *rule, struct name name, bool is_below,
                      const struct type_set *types)
{
    struct import_grant grant = {.place = rule->rule->place};
    if (is_below && acl_is_closed_to_patterns(name))
        return; /* there is nothing below it that a pattern would match */
    if (!is_below && !import->is_plain && find_stock(import, name, types, &grant)) {
        import->stock_count++;
    } else {
        const char *owner = owner_words(import, name, is_below);
        grant.profile = find_profile(import, types);
        grant.words = owner == NULL || !is_below
                          ? owner
                          : arena_printf(import->arena, "%s broad", owner);
        import->pattern_count += is_below;
    }
    if (grant.profile == NULL || grant.words == NULL)
        import->has_no_memory = true;
    else
        append(import, host, &grant);
}

/*
 * acl_compile: from statements to rights. Each grant is expanded by its hosts, names
 * and ports; what comes out is checked against the zones, then indexed.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/type.h"
#include "policy/acl.h"
#include "policy/acl_index.h"

struct compiler {
    struct acl *acl;
    const struct zones *zones;
    struct diags *diags;
    struct map above_zones; /* the proper ancestors of all zones */
    uint32_t *tails;        /* by the row of the first right of a key: the last one's */
    const struct acl_grant *grant; /* under way */
    unsigned told;                 /* warnings given for it: bits of enum told */
};

/* For every-host one host's warning stands for all: a site has many hosts. */
enum told {
    TOLD_STATIC_OWNER = 1 << 0,
    TOLD_STATIC_WITHOUT_SHADOW = 1 << 1,
    TOLD_GRANT_TWICE = 1 << 2,
    TOLD_DEAD_GRANT = 1 << 3,
    TOLD_BROAD_GRANT = 1 << 4,
};

static bool is_news(struct compiler *c, enum told what)
{
    bool is_new = c->grant->host != NULL || (c->told & what) == 0;

    c->told |= what;
    return is_new;
}

/* One owner that a grant comes to for one host. */
struct expansion {
    struct acl_host *host;
    const struct acl_name_word *word;
    struct acl_owner owner;
    struct name name;   /* the owner's, with '*' for pattern labels */
    struct name anchor; /* of a pattern the tail from its rightmost star on, else name:
                           where all that it matches lies */
};

/* ---- credentials ---- */

/* What claims the key before the credential does; host NULL: nothing. Key lines come
 * into the map in file order. */
static struct acl_credential find_earlier_claim(const struct compiler *c,
                                                struct acl_credential credential)
{
    struct acl_credential other = {0};
    struct name key = acl_credential_name(credential);

    if (credential.line != NULL || c->acl->key_lines.count > 0)
        other = acl_credential_of(c->acl, key);
    if (other.line == NULL && other.host != NULL &&
        other.host->line >= credential.host->line)
        other.host = NULL; /* its own name is claimed where it is declared */
    return other;
}

static enum result add_credential(struct compiler *c, struct acl_credential credential)
{
    char key[NAME_TEXT_OCTETS];
    char host[NAME_TEXT_OCTETS];
    const struct acl_key_line *line = credential.line;
    struct acl_credential other = find_earlier_claim(c, credential);

    if (other.host == NULL)
        return line == NULL ? RES_OK
                            : map_put(&c->acl->key_lines, line->name.octets,
                                      line->name.len, (void *)line);
    name_to_text(acl_credential_name(credential), key);
    if (other.host == credential.host)
        diags_error(c->diags, acl_credential_place(c->acl, credential), "key-twice",
                    "key %s is listed twice for this host", key);
    else
        diags_error(c->diags, acl_credential_place(c->acl, credential), "key-two-hosts",
                    "key %s belongs to host %s already: it can speak for one", key,
                    name_to_text(other.host->name, host));
    return RES_OK;
}

static enum result add_credentials(struct compiler *c, const struct acl_host *host)
{
    struct acl_credential credential = acl_credential_first(host);
    enum result res;

    do
        res = add_credential(c, credential);
    while (res == RES_OK && acl_credential_next(&credential));
    return res;
}

/* ---- what an owner may be ---- */

static struct place place_of(const struct compiler *c, const struct expansion *x)
{
    return acl_word_place(c->acl->source, x->word);
}

static bool is_pattern(const struct expansion *x)
{
    return x->owner.stars != 0;
}

/* Whether some zone lies below the pattern's plain part. */
static bool is_above_zone(const struct compiler *c, const struct expansion *x)
{
    struct name suffix = name_parent(x->anchor);

    return map_get(&c->above_zones, suffix.octets, suffix.len) != NULL;
}

/* Whether the plain labels of a pattern alone keep it from matching anything. */
static bool can_never_match(const struct expansion *x)
{
    struct name_buf room;

    return acl_is_closed_to_patterns(
        acl_pattern_sample(x->name, x->owner.stars, &room));
}

/* The ACL speaks of originals. True: the owner is where one is written; told. */
static bool is_in_shadow(struct compiler *c, const struct expansion *x)
{
    char owner[NAME_TEXT_OCTETS];
    char text[NAME_TEXT_OCTETS];
    struct name_buf room;
    struct name original = {0};
    const struct shadow *shadow = zones_shadow_at(c->zones, x->anchor);
    const struct acl_alias *alias =
        is_pattern(x) ? NULL
                      : map_get(&c->zones->alias_at, x->name.octets, x->name.len);

    if (alias != NULL)
        original = alias->original;
    else if (shadow != NULL &&
             name_replace_suffix(x->name, shadow->at, shadow->of, &room) == RES_OK)
        original = name_of(&room);
    else if (shadow == NULL)
        return false;
    diags_error(c->diags, place_of(c, x), "grant-in-shadow",
                "%s lies in a shadow: grant the original, %s",
                name_to_text(x->name, owner),
                original.octets != NULL ? name_to_text(original, text)
                                        : "which would be too long");
    return true;
}

/* A name in a shadow that has no target of its own: an alias has taken it, or it would
 * be too long. */
static void warn_of_lost_target(struct compiler *c, const struct expansion *x,
                                const struct shadow *shadow)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf target;
    const struct acl_alias *alias = NULL;

    if (!is_news(c, TOLD_DEAD_GRANT))
        return;
    if (name_replace_suffix(x->anchor, shadow->of, shadow->at, &target) == RES_OK)
        alias = map_get(&c->zones->alias_at, target.octets, target.len);
    name_to_text(x->name, text);
    if (alias != NULL)
        diags_warn(c->diags, place_of(c, x), "dead-grant",
                   "%s cannot be written: the alias of %s:%u has taken its target",
                   text, alias->place.file, alias->place.line);
    else
        diags_warn(c->diags, place_of(c, x), "dead-grant",
                   "%s cannot be written: its target would be too long, or lies in a "
                   "static zone",
                   text);
}

static void warn_of_binding(struct compiler *c, const struct expansion *x)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf target;

    if (zones_bind(c->zones, x->anchor, &target) == RES_OK)
        return;
    const struct shadow *shadow = zones_shadow_of(c->zones, x->anchor);
    if (shadow != NULL && !name_equal(shadow->of, x->anchor))
        warn_of_lost_target(c, x, shadow);
    else if (is_news(c, TOLD_STATIC_WITHOUT_SHADOW))
        diags_warn(c->diags, place_of(c, x), "static-without-shadow",
                   "%s lies in a static zone and no shadow stands in for it",
                   name_to_text(x->name, text));
}

/* Whether the owner in a static zone makes a right. */
static bool check_static(struct compiler *c, const struct expansion *x)
{
    char text[NAME_TEXT_OCTETS];

    if (!is_pattern(x) && zones_exact(c->zones, x->name) != NULL) {
        diags_error(c->diags, place_of(c, x), "grant-at-static-apex",
                    "%s is the apex of a static zone, which cannot have the CNAME that "
                    "this would need",
                    name_to_text(x->name, text));
        return false;
    }
    if (c->grant->terms->profile->owner_is_name && is_news(c, TOLD_STATIC_OWNER))
        diags_warn(c->diags, place_of(c, x), "static-owner",
                   "%s lies in a static zone: the CNAME that `%s` needs there excludes "
                   "all other data at the name",
                   name_to_text(x->name, text), c->grant->terms->profile->name);
    warn_of_binding(c, x);
    return true;
}

static bool is_broad_word(const struct compiler *c, const struct expansion *x)
{
    const struct acl_template *template = &x->word->template;

    for (size_t i = 0; c->grant->terms->is_broad && i < template->count; i++) {
        if (template->pieces[i].kind == ACL_PIECE_STAR ||
            template->pieces[i].kind == ACL_PIECE_SUBTREE)
            return true;
    }
    return false;
}

static bool is_alive(struct compiler *c, const struct expansion *x,
                     const struct zone *zone)
{
    char text[NAME_TEXT_OCTETS];

    if (is_pattern(x) && can_never_match(x)) {
        if (is_news(c, TOLD_DEAD_GRANT))
            diags_warn(c->diags, place_of(c, x), "dead-grant",
                       "%s grants nothing: no pattern matches a name with a `*` or "
                       "_validation-persist label",
                       name_to_text(x->name, text));
        return false;
    }
    if (zone != NULL || (is_pattern(x) && is_above_zone(c, x)))
        return true;
    /* every-host is for those whom it fits. */
    if (c->grant->host != NULL)
        diags_warn(c->diags, place_of(c, x), "dead-grant",
                   "%s lies in no configured zone: this grants nothing",
                   name_to_text(x->name, text));
    return false;
}

static bool has_label(struct name name, const char *label)
{
    size_t len = strlen(label);

    for (; !name_is_root(name); name = name_parent(name)) {
        if (name.octets[0] == len && memcmp(name.octets + 1, label, len) == 0)
            return true;
    }
    return false;
}

/* one write of these stands for good, and may stand for all names below. True: a
 * pattern would reach for them, which is told. */
static bool is_reach_too_far(struct compiler *c, const struct expansion *x)
{
    char text[NAME_TEXT_OCTETS];

    name_to_text(x->name, text);
    if (acl_terms_have_type(c->grant->terms, TYPE_CAA))
        diags_error(c->diags, place_of(c, x), "caa-by-pattern",
                    "%s: CAA says who may issue certificates, and is granted name by "
                    "name only",
                    text);
    else if (c->grant->terms->is_broad && has_label(x->name, "_validation-persist"))
        diags_error(c->diags, place_of(c, x), "persist-by-pattern",
                    "%s: _validation-persist authorises an account for good, and is "
                    "granted name by name only",
                    text);
    else
        return false;
    return true;
}

/* Whether the expansion makes a right. Errors and warnings are told. */
static bool check_owner(struct compiler *c, const struct expansion *x)
{
    const struct zone *zone = zones_find(c->zones, x->anchor);

    if (is_pattern(x) && is_reach_too_far(c, x))
        return false;
    if (!is_alive(c, x, zone))
        return false;
    if (zone != NULL && zone->is_dynamic && is_in_shadow(c, x))
        return false;
    if (zone != NULL && !zone->is_dynamic && !check_static(c, x))
        return false;
    if (is_broad_word(c, x) && is_news(c, TOLD_BROAD_GRANT))
        diags_warn(c->diags, place_of(c, x), "broad-grant",
                   "`%s` reaches every name of that form, those to come too",
                   x->word->text);
    return true;
}

/* ---- rights ---- */

static void warn_if_twin(struct compiler *c, const struct expansion *x,
                         const struct acl_right *right, const struct acl_right *other)
{
    char text[NAME_TEXT_OCTETS];

    if (other == NULL || !is_news(c, TOLD_GRANT_TWICE))
        return;
    struct place first = acl_right_place(c->acl, other);
    diags_warn(c->diags, place_of(c, x), "grant-twice",
               "this grants %s what %s:%u grants it already",
               name_to_text(right->host->name, text), first.file, first.line);
}

/* The first before the host's last right that says the same; NULL: none. */
static const struct acl_right *find_twin_scanned(const struct acl *acl,
                                                 const struct acl_right *right)
{
    const struct acl_right *other = acl_host_rights(acl, right->host);

    while (other != right && !acl_is_same_right(other, right))
        other++;
    return other != right ? other : NULL;
}

/* The same among those of its key, from the first one on. Beyond ACL_RIGHTS_MAX nothing
 * counts, and a file that says one thing a million times must not take a million
 * squared. */
static const struct acl_right *find_twin_indexed(const struct acl *acl,
                                                 const struct acl_right *first,
                                                 const struct acl_right *right)
{
    const struct acl_right *other = first;

    for (unsigned i = 0; i < ACL_RIGHTS_MAX && other != NULL; i++) {
        if (acl_is_same_right(other, right))
            return other;
        other = acl_next_of_key(acl, other);
    }
    return NULL;
}

/* Behind the last right of its key. NULL: no right before it says the same. */
static const struct acl_right *index_right(struct compiler *c,
                                           const struct acl_right *right)
{
    struct acl *acl = c->acl;
    struct name key = acl_right_key(right);
    uint32_t row = (uint32_t)(right - acl->rights);
    const struct acl_right *first =
        acl_first_of_key(acl, right->host, key, right->is_pattern);

    acl->has_indexed_patterns |= right->is_pattern;
    if (first == NULL) {
        row_index_add(&acl->index, acl_key_hash(right->host, key, right->is_pattern),
                      row);
        c->tails[row] = row;
        return NULL;
    }
    const struct acl_right *twin = find_twin_indexed(acl, first, right);
    uint32_t *tail = &c->tails[first - acl->rights];
    acl->rights[*tail].has_next = true;
    acl->next[*tail] = row;
    *tail = row;
    return twin;
}

/* The owner's octets and, of a pattern, its stars. NULL: no memory. */
static const uint8_t *keep_owner(struct arena *arena, const struct acl_owner *owner)
{
    uint8_t octets[LIMIT_NAME_OCTETS + sizeof(owner->stars)];
    size_t len = owner->name.len;

    memcpy(octets, owner->name.octets, len);
    memcpy(octets + len, &owner->stars, sizeof(owner->stars));
    return arena_pack(arena, octets,
                      len + (owner->stars != 0 ? sizeof(owner->stars) : 0));
}

static enum result add_right(struct compiler *c, const struct expansion *x)
{
    struct acl *acl = c->acl;
    struct acl_host *host = x->host;
    struct acl_right *right = &acl->rights[host->first_right + host->right_count];
    const uint8_t *octets = keep_owner(acl->arena, &x->owner);

    if (octets == NULL)
        return RES_EMEM;
    *right = (struct acl_right){
        .host = host,
        .terms = c->grant->terms,
        .octets = octets,
        .line = c->grant->line,
        .column = c->grant->column,
        .owner_len = x->name.len,
        .is_pattern = is_pattern(x),
        .is_subtree = x->owner.is_subtree,
        .is_for_all = c->grant->host == NULL,
    };
    host->right_count++;
    acl->right_count++;
    warn_if_twin(c, x, right,
                 host->is_indexed ? index_right(c, right)
                                  : find_twin_scanned(acl, right));
    return RES_OK;
}

static enum result expand_word(struct compiler *c, struct acl_host *host,
                               const struct acl_name_word *word,
                               const struct acl_port_word *port)
{
    char text[NAME_TEXT_OCTETS];
    struct expansion x = {.host = host, .word = word};
    struct acl_fill fill = {.word = &word->template, .host = host->name};
    size_t errors = c->diags->errors;

    if (port != NULL) {
        fill.port = port->port;
        fill.proto = port->proto;
    }
    enum result res =
        acl_template_fill(&c->grant->terms->profile->owner, &fill, &x.owner);
    if (res == RES_ERANGE) {
        diags_error(c->diags, place_of(c, &x), "owner-too-long",
                    "%s makes an owner of over 255 octets for host %s", word->text,
                    name_to_text(host->name, text));
        host->is_incomplete = true; /* it was meant to have a right */
        return RES_OK;
    }
    if (res != RES_OK)
        return res;
    x.name = name_of(&x.owner.name);
    x.anchor = acl_pattern_tail(x.name, x.owner.stars);
    if (check_owner(c, &x))
        return add_right(c, &x);
    if (c->diags->errors > errors)
        host->is_incomplete = true;
    return RES_OK;
}

static enum result expand_for_host(struct compiler *c, struct acl_host *host)
{
    const struct acl_grant *grant = c->grant;
    enum result res = RES_OK;

    for (size_t i = 0; i < grant->name_count && res == RES_OK; i++) {
        if (grant->port_count == 0)
            res = expand_word(c, host, &grant->names[i], NULL);
        for (size_t j = 0; j < grant->port_count && res == RES_OK; j++)
            res = expand_word(c, host, &grant->names[i], &grant->ports[j]);
    }
    return res;
}

static enum result expand_grants(struct compiler *c)
{
    const struct acl_source *source = c->acl->source;
    enum result res = RES_OK;

    for (c->grant = source->grants; c->grant != NULL && res == RES_OK;
         c->grant = c->grant->next) {
        c->told = 0;
        if (c->grant->host != NULL)
            res = expand_for_host(c, c->grant->host);
        for (size_t i = 0;
             c->grant->host == NULL && i < source->hosts.count && res == RES_OK; i++)
            res = expand_for_host(c, acl_source_host(source, i));
    }
    return res;
}

/* ---- the whole ---- */

static enum result note_above_zones(struct compiler *c)
{
    for (size_t i = 0; i < c->zones->count; i++) {
        struct name name = c->zones->all[i].name;
        while (!name_is_root(name)) {
            name = name_parent(name);
            enum result res =
                map_put(&c->above_zones, name.octets, name.len, &c->zones->all[i]);
            if (res == RES_EEXISTS) /* and so are all above it */
                break;
            if (res != RES_OK)
                return res;
        }
    }
    return RES_OK;
}

static void warn_of_idle_hosts(struct compiler *c)
{
    char text[NAME_TEXT_OCTETS];
    const struct acl_source *source = c->acl->source;

    for (size_t i = 0; i < source->hosts.count; i++) {
        const struct acl_host *host = acl_source_host(source, i);
        if (host->right_count == 0 && !host->is_incomplete)
            diags_warn(c->diags, acl_host_place(c->acl, host), "host-without-grant",
                       "host %s may do nothing", name_to_text(host->name, text));
    }
}

static enum result compile(struct compiler *c)
{
    const struct acl_source *source = c->acl->source;
    enum result res = note_above_zones(c);

    if (res == RES_OK)
        res = acl_make_room(c->acl, &c->tails);
    for (size_t i = 0; i < source->hosts.count && res == RES_OK; i++)
        res = add_credentials(c, acl_source_host(source, i));
    if (res == RES_OK)
        res = expand_grants(c);
    if (res != RES_OK)
        return res;
    warn_of_idle_hosts(c);
    res = acl_warn_of_shared_deletes(c->acl, c->diags);
    return res == RES_OK ? acl_keep_names(c->acl) : res;
}

enum result acl_compile(struct acl_source *source, const struct zones *zones,
                        struct arena *arena, struct diags *diags, struct acl *out)
{
    size_t errors = diags->errors;
    struct compiler c = {.acl = out, .zones = zones, .diags = diags};

    *out = (struct acl){.arena = arena, .source = source, .zones = zones};
    enum result res = compile(&c);
    free(c.tails);
    map_fini(&c.above_zones);
    if (res != RES_OK)
        return res;
    return diags->errors == errors ? RES_OK : RES_EFORMAT;
}

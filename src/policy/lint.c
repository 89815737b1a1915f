#include "policy/lint.h"

#include "base/timestamp.h"
#include "policy/acl_index.h"
#include "policy/region.h"
#include "policy/rightset_adds.h"

struct linter {
    const struct acl *acl;
    const struct keyring *keyring;
    int64_t now_s;
    struct diags *diags;
    struct arena
        scratch; /* the right in hand; the patterns while aliases are looked at */
    const struct acl_host *crowd_told; /* the last told to have too many rights */
};

#define SCRATCH_CHUNK_OCTETS 16384

/* ---- grants that never decide ---- */

/* The rights before one that reach all that it reaches, and it itself behind them. */
struct earlier {
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t count; /* without the right itself */
    bool has_right;
    bool has_twin; /* one says the same of the same owner: grant-twice is told */
};

static void find_earlier(const struct acl *acl, const struct acl_right *right,
                         struct earlier *out)
{
    const struct acl_right *found[ACL_RIGHTS_MAX];
    struct name_buf room;
    struct name sample =
        acl_pattern_sample(acl_right_owner(right), acl_right_stars(right), &room);
    size_t count = acl_rights_of(acl, right->host, sample, found);
    const struct region inner = acl_right_region(right);

    out->count = 0;
    out->has_right = false;
    out->has_twin = false;
    for (size_t i = 0; i < count && !out->has_right; i++) {
        const struct region outer = acl_right_region(found[i]);
        out->has_right = found[i] == right;
        if (out->has_right || !right->is_pattern || region_is_within(&inner, &outer)) {
            out->has_twin |= !out->has_right && acl_is_same_right(found[i], right);
            out->rights[out->count++] = found[i];
        }
    }
    if (out->has_right)
        out->count--;
}

static uint8_t ops_for(const struct acl_terms *terms, uint16_t type)
{
    if (acl_terms_have_type(terms, type))
        return terms->ops;
    return terms->ops & 1u << UPDATE_PREREQ_ANY; /* which knows no type */
}

/* Whether those before it permit, with this type, all that the last one does. */
static enum result is_type_covered(struct linter *l, const struct earlier *earlier,
                                   uint16_t type, bool *out)
{
    const struct acl_right *right = earlier->rights[earlier->count];
    struct rightset_adds without, with;
    unsigned ops = 0;

    for (size_t i = 0; i < earlier->count; i++)
        ops |= ops_for(earlier->rights[i]->terms, type);
    *out = (right->terms->ops & ~ops) == 0;
    if (!*out || (right->terms->ops & 1u << UPDATE_ADD) == 0)
        return RES_OK;
    arena_reset(&l->scratch);
    if (rightset_adds_of(earlier->rights, earlier->count, type, &l->scratch,
                         &without) != RES_OK ||
        rightset_adds_of(earlier->rights, earlier->count + 1, type, &l->scratch,
                         &with) != RES_OK)
        return RES_EMEM;
    *out = with.count == without.count;
    return RES_OK;
}

static enum result is_covered(struct linter *l, const struct earlier *earlier,
                              bool *out)
{
    const struct acl_terms *terms = earlier->rights[earlier->count]->terms;
    enum result res = RES_OK;

    *out = earlier->count > 0 && !earlier->has_twin;
    for (size_t i = 0; i < terms->type_count && *out && res == RES_OK; i++)
        res = is_type_covered(l, earlier, terms->types[i], out);
    return res;
}

static void tell_shadowed(struct linter *l, const struct acl_right *right,
                          const struct acl_right *by)
{
    char text[NAME_TEXT_OCTETS];

    struct place first = acl_right_place(l->acl, by);
    diags_warn(l->diags, acl_right_place(l->acl, right), "grant-shadowed",
               "all that this permits at %s is permitted before, by %s:%u: it never "
               "decides",
               name_to_text(acl_right_owner(right), text), first.file, first.line);
}

static void tell_crowd(struct linter *l, const struct acl_right *right)
{
    char host[NAME_TEXT_OCTETS], owner[NAME_TEXT_OCTETS];

    if (l->crowd_told == right->host)
        return;
    l->crowd_told = right->host;
    diags_warn(l->diags, acl_right_place(l->acl, right), "rights-too-many",
               "host %s has over %d rights at %s: this one counts no more",
               name_to_text(right->host->name, host), ACL_RIGHTS_MAX,
               name_to_text(acl_right_owner(right), owner));
}

/* The rights of one grant, which follow each other. One for every host is told where
 * it never decides for any. */
static enum result lint_grant(struct linter *l, const struct acl_right *const *rights,
                              size_t count)
{
    const struct acl_right *by = NULL;
    bool is_for_all = rights[0]->is_for_all;
    size_t covered = 0;

    for (size_t i = 0; i < count; i++) {
        struct earlier earlier;
        bool is_shadowed = false;
        find_earlier(l->acl, rights[i], &earlier);
        if (!earlier.has_right) {
            tell_crowd(l, rights[i]);
            continue;
        }
        enum result res = is_covered(l, &earlier, &is_shadowed);
        if (res != RES_OK)
            return res;
        if (is_shadowed && !is_for_all)
            tell_shadowed(l, rights[i], earlier.rights[0]);
        if (is_shadowed)
            by = earlier.rights[0];
        covered += is_shadowed;
    }
    if (is_for_all && covered == count)
        tell_shadowed(l, rights[0], by);
    return RES_OK;
}

static enum result lint_grants(struct linter *l)
{
    struct arena arena;
    size_t count = l->acl->right_count;
    enum result res = RES_OK;

    arena_init(&arena, SCRATCH_CHUNK_OCTETS, 0);
    const struct acl_right **rights = acl_list_rights(l->acl, &arena);
    if (rights == NULL)
        res = RES_EMEM;
    for (size_t i = 0, end; i < count && res == RES_OK; i = end) {
        for (end = i + 1; end < count && rights[end]->line == rights[i]->line;)
            end++;
        res = lint_grant(l, rights + i, end - i);
    }
    arena_fini(&arena);
    return res;
}

/* ---- aliases ---- */

static void lint_need(struct linter *l, const struct acl_alias *alias)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf bound;
    const struct shadow *shadow = zones_shadow_of(l->acl->zones, alias->original);

    if (shadow != NULL &&
        name_replace_suffix(alias->original, shadow->of, shadow->at, &bound) ==
            RES_OK &&
        name_equal(name_of(&bound), alias->target))
        diags_warn(l->diags, alias->place, "alias-needless",
                   "%s is written there without an alias, by the shadow",
                   name_to_text(alias->original, text));
}

/* The patterns of all hosts; those of every-host, which are alike, once each. */
static enum result index_patterns(const struct acl *acl, struct region_index *out)
{
    const struct acl_right *last = NULL, *right;
    struct acl_walk walk = {0};
    enum result res = RES_OK;

    while (res == RES_OK && (right = acl_walk_next(acl, &walk)) != NULL) {
        const struct region region = acl_right_region(right);
        if (!right->is_pattern || (last != NULL && acl_is_same_right(last, right)))
            continue;
        last = right;
        res = region_index_add(out, &region, (size_t)(right - acl->rights));
    }
    return res;
}

/* NULL: no pattern reaches the name. */
static const struct acl_right *find_pattern(const struct acl *acl,
                                            const struct region_index *patterns,
                                            struct name name)
{
    for (struct name tail = name; !name_is_root(tail);) {
        tail = name_parent(tail);
        const struct region_entry *entry = region_index_at(patterns, tail);
        for (; entry != NULL; entry = entry->next) {
            if (acl_right_matches(acl, &acl->rights[entry->tag], name))
                return &acl->rights[entry->tag];
        }
    }
    return NULL;
}

/* A name whose target an alias has taken, and that a pattern seems to grant. A grant of
 * its own has been told (dead-grant). */
static void lint_target(struct linter *l, const struct region_index *patterns,
                        const struct acl_alias *alias)
{
    char text[NAME_TEXT_OCTETS];
    struct name_buf inverse;
    const struct shadow *shadow = zones_shadow_at(l->acl->zones, alias->target);

    if (shadow == NULL ||
        name_replace_suffix(alias->target, shadow->at, shadow->of, &inverse) !=
            RES_OK ||
        name_equal(name_of(&inverse), alias->original))
        return;
    const struct acl_right *right = find_pattern(l->acl, patterns, name_of(&inverse));
    if (right == NULL)
        return;
    struct place place = acl_right_place(l->acl, right);
    diags_warn(l->diags, alias->target_place, "alias-takes-target",
               "this is where %s would be written, which the pattern of %s:%u "
               "grants: it cannot be written now",
               name_to_text(name_of(&inverse), text), place.file, place.line);
}

static enum result lint_aliases(struct linter *l)
{
    struct region_index patterns;
    const struct acl_alias *alias = l->acl->source->aliases;

    if (alias == NULL)
        return RES_OK;
    arena_reset(&l->scratch);
    region_index_init(&patterns, &l->scratch);
    enum result res = index_patterns(l->acl, &patterns);
    for (; alias != NULL && res == RES_OK; alias = alias->next) {
        lint_need(l, alias);
        lint_target(l, &patterns, alias);
    }
    region_index_fini(&patterns);
    return res;
}

/* ---- keys and time ---- */

/* Whether some other key of the host is valid when this one ends, and for long. */
static bool has_successor(const struct linter *l, const struct acl_host *host,
                          const struct acl_key_line *key)
{
    for (const struct acl_key_line *other = acl_host_keys(host); other != NULL;
         other = other->next) {
        if (other->not_before_s <= key->not_after_s &&
            other->not_after_s > l->now_s + LINT_KEY_SOON_S)
            return true;
    }
    return false;
}

static void lint_key(struct linter *l, const struct acl_host *host,
                     const struct acl_key_line *key)
{
    char text[NAME_TEXT_OCTETS], time[TIMESTAMP_TEXT_OCTETS];

    if (key->not_after_s > l->now_s + LINT_KEY_SOON_S ||
        keyring_find(l->keyring, key->name) == NULL)
        return; /* without a file it is told already (key-without-file) */
    name_to_text(key->name, text);
    timestamp_format(key->not_after_s, time);
    if (key->not_after_s <= l->now_s)
        diags_warn(l->diags, key->place, "key-expired", "key %s has expired, at %s",
                   text, time);
    else if (!has_successor(l, host, key))
        diags_warn(l->diags, key->place, "key-expires-soon",
                   "key %s expires at %s, and no key of the host takes over", text,
                   time);
}

static void lint_keys(struct linter *l, const struct acl_host *host)
{
    char text[NAME_TEXT_OCTETS];
    bool has_expired = false, has_key = false;

    for (const struct acl_key_line *key = acl_host_keys(host); key != NULL;
         key = key->next) {
        lint_key(l, host, key);
        bool has_file = keyring_find(l->keyring, key->name) != NULL;
        bool is_past = key->not_after_s <= l->now_s;
        has_expired = has_expired || (has_file && is_past);
        has_key = has_key || (has_file && !is_past);
    }
    /* That none has a file is told of each. */
    if (has_expired && !has_key)
        diags_warn(l->diags, acl_host_place(l->acl, host), "host-without-key",
                   "host %s has no key left to sign with",
                   name_to_text(host->name, text));
}

enum result lint_acl(const struct acl *acl, const struct keyring *keyring,
                     int64_t now_s, struct diags *diags)
{
    struct linter l = {.acl = acl, .keyring = keyring, .now_s = now_s, .diags = diags};

    arena_init(&l.scratch, SCRATCH_CHUNK_OCTETS, 0);
    for (size_t i = 0; i < acl->source->hosts.count; i++)
        lint_keys(&l, acl_source_host(acl->source, i));
    enum result res = lint_aliases(&l);
    if (res == RES_OK)
        res = lint_grants(&l);
    arena_fini(&l.scratch);
    return res;
}

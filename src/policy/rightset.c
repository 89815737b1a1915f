#include "policy/rightset.h"

#include <stdlib.h>
#include <string.h>

#include "policy/acl_index.h"
#include "policy/rightset_ask.h"

struct comparing {
    struct rightset_asking asking; /* the host in hand */
    struct arena *arena;
    struct arena scratch; /* the host in hand */
    struct rightset_changes *out;
    size_t capacity;
    struct region_index told; /* the host's changes at patterns, by index in out */
};

#define SCRATCH_CHUNK_OCTETS 65536

/* ---- the two ACLs, host by host ---- */

/* The rights of a host, which may be none. */
static size_t rights_of(const struct rightset_asked *asked,
                        const struct acl_right **out)
{
    const struct acl_host *host = asked->host;

    *out = host == NULL ? NULL : acl_host_rights(asked->acl, host);
    return host == NULL ? 0 : host->right_count;
}

static bool is_all_in(const struct acl_from_line *lines,
                      const struct acl_from_line *others)
{
    for (; lines != NULL; lines = lines->next) {
        const struct acl_from_line *other = others;
        while (other != NULL && (other->prefix.bits > lines->prefix.bits ||
                                 !prefix_contains(&other->prefix, &lines->prefix.addr)))
            other = other->next;
        if (other == NULL)
            return false;
    }
    return true;
}

static bool is_from_equal(const struct acl_from_line *a, const struct acl_from_line *b)
{
    return (a == NULL) == (b == NULL) && is_all_in(a, b) && is_all_in(b, a);
}

/* The usual case: nothing is asked of a host whose rights read the same. */
static bool is_host_equal(const struct comparing *c)
{
    const struct acl_right *old, *new;
    size_t count = rights_of(&c->asking.old, &old);

    if (c->asking.is_from_changed || count != rights_of(&c->asking.new, &new))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!acl_is_same_right(&old[i], &new[i]))
            return false;
    }
    return true;
}

/* ---- telling ---- */

static enum result keep_side(struct rightset_side *side, struct arena *arena)
{
    struct rightset_adds *adds = &side->adds;

    if (adds->count == 0)
        return RES_OK;
    adds->all = arena_copy(arena, adds->all, adds->count * sizeof(*adds->all));
    return adds->all != NULL ? RES_OK : RES_EMEM;
}

/* Into the result, with all that it points to. */
static enum result tell(struct comparing *c, const struct rightset_change *change)
{
    struct rightset_changes *out = c->out;

    if (out->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 64 : c->capacity * 2;
        struct rightset_change *all = arena_array(c->arena, capacity, sizeof(*all));
        if (all == NULL)
            return RES_EMEM;
        if (out->count > 0)
            memcpy(all, out->all, out->count * sizeof(*all));
        out->all = all;
        c->capacity = capacity;
    }
    struct rightset_change *kept = &out->all[out->count];
    *kept = *change;
    kept->owner = name_copy(c->arena, change->owner);
    if (kept->owner.octets == NULL || keep_side(&kept->old, c->arena) != RES_OK ||
        keep_side(&kept->new, c->arena) != RES_OK)
        return RES_EMEM;
    out->count++;
    return RES_OK;
}

static bool is_same_told(const struct comparing *c, const struct region_entry *told,
                         const struct rightset_change *change,
                         const struct region *inner)
{
    return region_is_within(inner, &told->region) &&
           rightset_is_same_change(&c->out->all[told->tag], change);
}

/* Whether the same was told of a pattern that holds these names. */
static bool is_told(const struct comparing *c, const struct rightset_change *change)
{
    const struct region inner = {change->owner, change->stars, change->is_subtree};

    for (struct name tail = region_tail(&inner); c->told.by_tail.count > 0;
         tail = name_parent(tail)) {
        const struct region_entry *told = region_index_at(&c->told, tail);
        for (; told != NULL; told = told->next) {
            if (is_same_told(c, told, change, &inner))
                return true;
        }
        if (name_is_root(tail))
            break;
    }
    return false;
}

/* The last change told is one at a pattern, or where two meet. */
static enum result note_told(struct comparing *c)
{
    size_t last = c->out->count - 1;
    const struct rightset_change *change = &c->out->all[last];
    const struct region region = {change->owner, change->stars, change->is_subtree};

    return region_index_add(&c->told, &region, last);
}

/* owner: the region that the changes stand for. */
static enum result tell_finding(struct comparing *c,
                                const struct rightset_finding *finding,
                                const struct region *owner)
{
    enum result res = RES_OK;
    bool is_exact = owner->stars == 0;
    bool is_apart =
        is_exact && (acl_is_beyond_patterns(c->asking.old.acl, owner->name) ||
                     acl_is_beyond_patterns(c->asking.new.acl, owner->name));

    for (size_t i = 0; i < finding->count && res == RES_OK; i++) {
        struct rightset_change change = finding->all[i];
        change.owner = owner->name;
        change.stars = owner->stars;
        change.is_subtree = owner->is_subtree;
        if (!is_apart && is_told(c, &change))
            continue;
        res = tell(c, &change);
        if (res == RES_OK && !is_exact)
            res = note_told(c);
    }
    return res;
}

/* ---- the regions of one host ---- */

struct regions {
    struct region *all;
    size_t count;
    unsigned deepest; /* labels from which on all that is said holds for ever */
};

static int compare_regions(const void *left, const void *right)
{
    return region_compare(left, right);
}

static void drop_doubles(struct regions *regions)
{
    size_t kept = 0;

    qsort(regions->all, regions->count, sizeof(*regions->all), compare_regions);
    for (size_t i = 0; i < regions->count; i++) {
        if (kept == 0 || region_compare(&regions->all[kept - 1], &regions->all[i]) != 0)
            regions->all[kept++] = regions->all[i];
    }
    regions->count = kept;
}

static void add_owners(struct regions *regions, const struct acl_right *rights,
                       size_t count, bool wants_patterns)
{
    for (size_t i = 0; i < count; i++) {
        if (rights[i].is_pattern == wants_patterns)
            regions->all[regions->count++] = acl_right_region(&rights[i]);
    }
}

/* The owners of both, each once. */
static enum result collect(struct comparing *c, bool wants_patterns,
                           struct regions *out)
{
    const struct acl_right *old, *new;
    size_t old_count = rights_of(&c->asking.old, &old);
    size_t new_count = rights_of(&c->asking.new, &new);

    *out = (struct regions){0};
    out->all = arena_array(&c->scratch, old_count + new_count, sizeof(*out->all));
    if (out->all == NULL)
        return RES_EMEM;
    add_owners(out, old, old_count, wants_patterns);
    add_owners(out, new, new_count, wants_patterns);
    drop_doubles(out);
    return RES_OK;
}

/*
 * Beyond the longest labels left of a `**` and the longest right of one, and a label
 * for each, what one pattern has to do with another no longer depends on the length.
 */
static void note_deepest(struct regions *patterns)
{
    unsigned prefix = 0, suffix = 0;

    for (size_t i = 0; i < patterns->count; i++) {
        const struct region *region = &patterns->all[i];
        if (region_prefix(region) > prefix)
            prefix = region_prefix(region);
        if (region_suffix(region) > suffix)
            suffix = region_suffix(region);
    }
    patterns->deepest = prefix + suffix + 2;
}

/* As if the region had so many labels; the deepest stands for all beyond it. */
static enum result stretch(struct comparing *c, const struct regions *patterns,
                           const struct region *region, unsigned labels,
                           struct region *out)
{
    enum result res = region_stretch(region, labels, &c->scratch, out);

    out->is_subtree = res == RES_OK && labels == patterns->deepest;
    return res;
}

/*
 * A `**`, length by length from the deepest up: as long as all is the same it is told
 * once, as `**`; what differs for the shorter ones is told of them. parts gets the
 * region of each length.
 */
static enum result ask_subtree(struct comparing *c, const struct regions *patterns,
                               const struct region *region, struct regions *parts)
{
    struct rightset_finding run = {0}, finding = {0};
    struct region start = {0};
    bool is_run = true;

    for (unsigned labels = patterns->deepest; labels >= name_labels(region->name);
         labels--) {
        struct region part;
        enum result res = stretch(c, patterns, region, labels, &part);
        if (res == RES_ERANGE)
            continue;
        if (res == RES_OK)
            res = rightset_ask(&c->asking, &part, &finding);
        if (res != RES_OK)
            return res;
        parts->all[parts->count++] = part;
        is_run =
            is_run && (start.stars == 0 || rightset_is_same_finding(&run, &finding));
        if (!is_run)
            res = tell_finding(c, &finding, &part);
        else {
            run = finding;
            start = part;
        }
        if (res != RES_OK)
            return res;
    }
    start.is_subtree = true;
    return start.stars != 0 ? tell_finding(c, &run, &start) : RES_OK;
}

static enum result ask_fixed(struct comparing *c, const struct region *region)
{
    struct rightset_finding finding;
    enum result res = rightset_ask(&c->asking, region, &finding);

    return res == RES_OK ? tell_finding(c, &finding, region) : res;
}

/* The two parts are of one form, and meet in something that neither of them is. */
static enum result ask_meeting(struct comparing *c, const struct region *a,
                               const struct region *b)
{
    struct region both;
    enum result res = region_meet(a, b, &c->scratch, &both);

    if (res != RES_OK)
        return res == RES_EMEM ? res : RES_OK;
    if (region_compare(&both, a) == 0 || region_compare(&both, b) == 0)
        return RES_OK;
    size_t count = c->out->count;
    res = ask_fixed(c, &both);
    for (size_t i = count; both.stars == 0 && i < c->out->count && res == RES_OK; i++)
        res = region_index_add(&c->told, &both, i); /* several may meet there */
    return res;
}

/* Each part with those whose tail is its own or stands above it. */
static enum result ask_meetings_of(struct comparing *c,
                                   const struct region_index *index,
                                   const struct region *part, size_t number)
{
    struct name own = region_tail(part);
    unsigned labels = name_labels(part->name);

    for (struct name tail = own;; tail = name_parent(tail)) {
        const struct region_entry *other = region_index_at(index, tail);
        for (; other != NULL; other = other->next) {
            bool is_other_way = tail.len == own.len && other->tag >= number;
            if (is_other_way || other->region.is_subtree != part->is_subtree ||
                name_labels(other->region.name) != labels)
                continue;
            enum result res = ask_meeting(c, part, &other->region);
            if (res != RES_OK)
                return res;
        }
        if (name_is_root(tail))
            return RES_OK;
    }
}

/* Where two meet, the order of the two may be another. */
static enum result ask_meetings(struct comparing *c, const struct regions *parts)
{
    struct region_index index;
    enum result res = RES_OK;

    region_index_init(&index, &c->scratch);
    for (size_t i = 0; i < parts->count && res == RES_OK; i++)
        res = region_index_add(&index, &parts->all[i], i);
    for (size_t i = 0; i < parts->count && res == RES_OK; i++)
        res = ask_meetings_of(c, &index, &parts->all[i], i);
    region_index_fini(&index);
    return res;
}

static enum result ask_patterns(struct comparing *c)
{
    struct regions patterns, parts = {0};
    enum result res = collect(c, true, &patterns);

    if (res != RES_OK || patterns.count == 0)
        return res;
    note_deepest(&patterns);
    parts.all = arena_array(&c->scratch, patterns.count * (patterns.deepest + 1),
                            sizeof(*parts.all));
    if (parts.all == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < patterns.count && res == RES_OK; i++) {
        const struct region *region = &patterns.all[i];
        if (region->is_subtree) {
            res = ask_subtree(c, &patterns, region, &parts);
        } else {
            res = ask_fixed(c, region);
            parts.all[parts.count++] = *region;
        }
    }
    if (res != RES_OK)
        return res;
    drop_doubles(&parts);
    return ask_meetings(c, &parts);
}

static enum result compare_host(struct comparing *c)
{
    struct regions names;
    bool has_both = c->asking.old.host != NULL && c->asking.new.host != NULL;

    c->asking.is_from_changed =
        has_both && !is_from_equal(acl_host_from(c->asking.old.host),
                                   acl_host_from(c->asking.new.host));
    if (is_host_equal(c))
        return RES_OK;
    arena_reset(&c->scratch);
    region_index_init(&c->told, &c->scratch);
    enum result res = ask_patterns(c);
    if (res == RES_OK)
        res = collect(c, false, &names);
    for (size_t i = 0; res == RES_OK && i < names.count; i++)
        res = ask_fixed(c, &names.all[i]);
    region_index_fini(&c->told);
    return res;
}

static enum result compare_hosts(struct comparing *c)
{
    const struct acl_source *old = c->asking.old.acl->source,
                            *new = c->asking.new.acl->source;
    enum result res = RES_OK;

    for (size_t i = 0; i < old->hosts.count && res == RES_OK; i++) {
        c->asking.old.host = acl_source_host(old, i);
        c->asking.new.host =
            acl_host_named(c->asking.new.acl, c->asking.old.host->name);
        res = compare_host(c);
    }
    c->asking.old.host = NULL;
    for (size_t i = 0; i < new->hosts.count &&res == RES_OK; i++) {
        c->asking.new.host = acl_source_host(new, i);
        if (acl_host_named(c->asking.old.acl, c->asking.new.host->name) == NULL)
            res = compare_host(c);
    }
    return res;
}

/* ---- keys ---- */

/* The key's claim, if its host may do anything at all. */
static struct acl_credential claim_of(const struct acl *acl, struct name key_name)
{
    struct acl_credential key = acl_credential_of(acl, key_name);

    if (key.host != NULL && key.host->right_count == 0)
        key.host = NULL;
    return key;
}

static struct rightset_side side_of(const struct acl *acl, struct acl_credential key)
{
    if (key.host == NULL)
        return (struct rightset_side){0};
    return (struct rightset_side){
        .place = acl_credential_place(acl, key), .host = key.host, .key = key};
}

static enum result tell_key(struct comparing *c, enum rightset_sign sign,
                            struct acl_credential old, struct acl_credential new)
{
    struct acl_credential either = new.host != NULL ? new : old;

    return tell(c, &(struct rightset_change){
                       .subject = RIGHTSET_KEY,
                       .sign = sign,
                       .host = either.host->name,
                       .owner = acl_credential_name(either),
                       .old = side_of(c->asking.old.acl, old),
                       .new = side_of(c->asking.new.acl, new),
                   });
}

static bool is_as_long(struct acl_credential a, struct acl_credential b)
{
    return acl_credential_not_before_s(a) == acl_credential_not_before_s(b) &&
           acl_credential_not_after_s(a) == acl_credential_not_after_s(b);
}

static enum result compare_key(struct comparing *c, struct name key_name)
{
    static const struct acl_credential none = {0};
    struct acl_credential old = claim_of(c->asking.old.acl, key_name);
    struct acl_credential new = claim_of(c->asking.new.acl, key_name);
    enum result res = RES_OK;

    if (old.host != NULL && new.host != NULL &&
        name_equal(old.host->name, new.host->name))
        return is_as_long(old, new) ? RES_OK : tell_key(c, RIGHTSET_CHANGED, old, new);
    if (old.host != NULL)
        res = tell_key(c, RIGHTSET_LOST, old, none);
    if (new.host != NULL && res == RES_OK)
        res = tell_key(c, RIGHTSET_GAINED, none, new);
    return res;
}

/* The keys of one of the two that the other one does not have, or all. */
static enum result compare_keys_of(struct comparing *c, const struct acl *acl,
                                   const struct acl *but)
{
    enum result res = RES_OK;

    for (size_t i = 0; i < acl->source->hosts.count; i++) {
        struct acl_credential key =
            acl_credential_first(acl_source_host(acl->source, i));
        do {
            struct name name = acl_credential_name(key);
            if (but == NULL || acl_credential_of(but, name).host == NULL)
                res = compare_key(c, name);
        } while (res == RES_OK && acl_credential_next(&key));
        if (res != RES_OK)
            return res;
    }
    return RES_OK;
}

static enum result compare_keys(struct comparing *c)
{
    enum result res = compare_keys_of(c, c->asking.old.acl, NULL);

    if (res == RES_OK)
        res = compare_keys_of(c, c->asking.new.acl, c->asking.old.acl);
    return res;
}

/* ---- aliases ---- */

static const struct acl_alias *alias_of(const struct acl *acl, struct name original)
{
    return map_get(&acl->zones->alias_of, original.octets, original.len);
}

static enum result compare_alias(struct comparing *c, struct name original)
{
    const struct acl_alias *old = alias_of(c->asking.old.acl, original);
    const struct acl_alias *new = alias_of(c->asking.new.acl, original);
    struct rightset_change change = {
        .subject = RIGHTSET_ALIAS,
        .sign = old == NULL   ? RIGHTSET_GAINED
                : new == NULL ? RIGHTSET_LOST
                              : RIGHTSET_CHANGED,
        .owner = original,
    };

    if (old != NULL && new != NULL && name_equal(old->target, new->target))
        return RES_OK;
    if (old != NULL)
        change.old = (struct rightset_side){.place = old->place, .alias = old};
    if (new != NULL)
        change.new = (struct rightset_side){.place = new->place, .alias = new};
    return tell(c, &change);
}

static enum result compare_aliases(struct comparing *c)
{
    const struct acl_alias *alias = c->asking.old.acl->source->aliases;
    enum result res = RES_OK;

    for (; alias != NULL && res == RES_OK; alias = alias->next)
        res = compare_alias(c, alias->original);
    alias = c->asking.new.acl->source->aliases;
    for (; alias != NULL && res == RES_OK; alias = alias->next) {
        if (alias_of(c->asking.old.acl, alias->original) == NULL)
            res = compare_alias(c, alias->original);
    }
    return res;
}

/* ---- the whole ---- */

enum result rightset_compare(const struct acl *old, const struct acl *new,
                             struct arena *arena, struct rightset_changes *out)
{
    struct comparing c = {.arena = arena, .out = out};

    *out = (struct rightset_changes){0};
    arena_init(&c.scratch, SCRATCH_CHUNK_OCTETS, 0);
    c.asking.old.acl = old;
    c.asking.new.acl = new;
    c.asking.arena = &c.scratch;
    enum result res = compare_aliases(&c);
    if (res == RES_OK)
        res = compare_hosts(&c);
    if (res == RES_OK)
        res = compare_keys(&c);
    arena_fini(&c.scratch);
    return res;
}

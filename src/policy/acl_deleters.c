/*
 * `delete-rrset` on a name that two hosts may write takes away what the other one
 * wrote; lego and acme.sh clean up that way. Nothing is refused for it, but told.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "policy/acl.h"
#include "policy/acl_index.h"

/* A right with delete-rrset. */
struct deleter {
    const struct acl_right *right;
    struct deleter *next;  /* of the same name */
    struct deleter *later; /* to be looked at */
};

/* Of most names only one right speaks. Counts by hash tell so of most of them, in
 * little memory; the others are looked at. */
struct sieve {
    uint8_t *counts; /* none, one, or more */
    uint32_t mask;
};

/*
 * By owner, whoever has them, the exact ones that the sieve leaves; patterns by what
 * stands right of the last star. Those of one name are in no order, as only warnings
 * come of it; for the same reason a look-up walks ACL_RIGHTS_MAX of them and no more.
 */
struct deleters {
    const struct acl *acl;
    struct sieve sieve;
    struct map exact;
    struct map patterns;
    struct map told; /* every-host grants, by line: each is told once */
    bool has_patterns;
    struct deleter *first; /* of those to be looked at */
    struct deleter **end;
    struct arena arena;
};

#define ARENA_CHUNK_OCTETS 16384
#define COUNTS_PER_RIGHT   4

/* ---- the sieve ---- */

static enum result open_sieve(struct sieve *sieve, size_t rights)
{
    uint32_t counts = 1;

    while (counts <= UINT32_MAX / 4 && counts / COUNTS_PER_RIGHT < rights)
        counts *= 2;
    *sieve = (struct sieve){calloc(counts, 1), counts - 1};
    return sieve->counts != NULL ? RES_OK : RES_EMEM;
}

static uint8_t *count_of(const struct sieve *sieve, struct name name)
{
    return &sieve->counts[hash_octets(name.octets, name.len) & sieve->mask];
}

static void note_name(const struct sieve *sieve, struct name name)
{
    uint8_t *count = count_of(sieve, name);

    *count += *count < 2;
}

/* False: it was noted no more than once. */
static bool is_maybe_shared(const struct sieve *sieve, struct name name)
{
    return *count_of(sieve, name) == 2;
}

/* ---- who shares a name ---- */

static bool is_type_shared(const struct acl_terms *a, const struct acl_terms *b)
{
    for (size_t i = 0; i < a->type_count; i++) {
        for (size_t j = 0; j < b->type_count; j++) {
            if (a->types[i] == b->types[j])
                return true;
        }
    }
    return false;
}

/* The first right of the key's that another host has and that reaches sample too. */
static const struct acl_right *find_rival(const struct deleters *deleters,
                                          const struct map *map, struct name key,
                                          const struct acl_right *right,
                                          struct name sample)
{
    const struct deleter *deleter = map_get(map, key.octets, key.len);

    for (unsigned i = 0; i < ACL_RIGHTS_MAX && deleter != NULL; i++) {
        const struct acl_right *other = deleter->right;
        if (other->host != right->host && is_type_shared(other->terms, right->terms) &&
            acl_right_matches(deleters->acl, other, sample))
            return other;
        deleter = deleter->next;
    }
    return NULL;
}

static const struct acl_right *find_any_rival(const struct deleters *deleters,
                                              const struct acl_right *right,
                                              struct name sample)
{
    const struct acl_right *rival = NULL;

    if (is_maybe_shared(&deleters->sieve, sample))
        rival = find_rival(deleters, &deleters->exact, sample, right, sample);
    for (struct name suffix = sample;
         rival == NULL && deleters->patterns.count > 0 && !name_is_root(suffix);) {
        suffix = name_parent(suffix);
        rival = find_rival(deleters, &deleters->patterns, suffix, right, sample);
    }
    return rival;
}

static void tell_shared(const struct acl *acl, struct diags *diags,
                        const struct acl_right *right, const struct acl_right *rival)
{
    struct place place = acl_right_place(acl, rival);
    char owner[NAME_TEXT_OCTETS];
    char host[NAME_TEXT_OCTETS];
    char rival_host[NAME_TEXT_OCTETS];

    diags_warn(diags, acl_right_place(acl, right), "shared-delete",
               "%s and %s (%s:%u) may each delete the whole RRset at %s, the other's "
               "records among it",
               name_to_text(right->host->name, host),
               name_to_text(rival->host->name, rival_host), place.file, place.line,
               name_to_text(acl_right_owner(right), owner));
}

/* ---- all of them ---- */

/* A name that it reaches, a view of room where it is a pattern. */
static struct name sample_of(const struct acl_right *right, struct name_buf *room)
{
    struct name owner = acl_right_owner(right);

    return right->is_pattern ? acl_pattern_sample(owner, acl_right_stars(right), room)
                             : owner;
}

/* The next right with delete-rrset, and a name that it reaches. */
static const struct acl_right *next_deleter(const struct acl *acl,
                                            struct acl_walk *walk,
                                            struct name_buf *room, struct name *out)
{
    const struct acl_right *right = acl_walk_next(acl, walk);

    while (right != NULL && (right->terms->ops & 1u << UPDATE_DELETE_RRSET) == 0)
        right = acl_walk_next(acl, walk);
    if (right != NULL)
        *out = sample_of(right, room);
    return right;
}

static void sift(struct deleters *deleters)
{
    struct acl_walk walk = {0};
    struct name_buf room;
    struct name sample;
    const struct acl_right *right;

    while ((right = next_deleter(deleters->acl, &walk, &room, &sample)) != NULL) {
        note_name(&deleters->sieve, sample);
        deleters->has_patterns |= right->is_pattern;
    }
}

/* Among those of its name, where others may find it. */
static enum result put_deleter(struct deleters *deleters, struct deleter *deleter)
{
    const struct acl_right *right = deleter->right;
    struct map *map = right->is_pattern ? &deleters->patterns : &deleters->exact;
    struct name key = acl_right_key(right);
    enum result res = map_put(map, key.octets, key.len, deleter);

    if (res != RES_EEXISTS)
        return res;
    struct deleter *first = map_get(map, key.octets, key.len);
    deleter->next = first->next;
    first->next = deleter;
    return RES_OK;
}

static enum result add_deleter(struct deleters *deleters, const struct acl_right *right,
                               bool may_be_found)
{
    struct deleter *deleter = arena_alloc(&deleters->arena, sizeof(*deleter));

    if (deleter == NULL)
        return RES_EMEM;
    deleter->right = right;
    *deleters->end = deleter;
    deleters->end = &deleter->later;
    return may_be_found ? put_deleter(deleters, deleter) : RES_OK;
}

/* A pattern may stand behind the names that it reaches: all, before any is told. */
static enum result add_deleters(struct deleters *deleters)
{
    struct acl_walk walk = {0};
    struct name_buf room;
    struct name sample;
    const struct acl_right *right;
    enum result res = RES_OK;

    while (res == RES_OK &&
           (right = next_deleter(deleters->acl, &walk, &room, &sample)) != NULL) {
        bool may_be_found =
            right->is_pattern || is_maybe_shared(&deleters->sieve, sample);
        if (may_be_found || deleters->has_patterns)
            res = add_deleter(deleters, right, may_be_found);
    }
    return res;
}

static enum result warn_of_rival(struct deleters *deleters,
                                 const struct acl_right *right, struct diags *diags)
{
    struct name_buf room;
    const struct acl_right *rival =
        find_any_rival(deleters, right, sample_of(right, &room));
    enum result res = RES_OK;

    if (rival == NULL)
        return RES_OK;
    if (right->is_for_all)
        res = map_put(&deleters->told, &right->line, sizeof(right->line), deleters);
    if (res == RES_OK)
        tell_shared(deleters->acl, diags, right, rival);
    return res == RES_EEXISTS ? RES_OK : res;
}

static enum result look_for_rivals(struct deleters *deleters, struct diags *diags)
{
    enum result res;

    sift(deleters);
    res = add_deleters(deleters);
    for (const struct deleter *deleter = deleters->first;
         deleter != NULL && res == RES_OK; deleter = deleter->later)
        res = warn_of_rival(deleters, deleter->right, diags);
    return res;
}

enum result acl_warn_of_shared_deletes(const struct acl *acl, struct diags *diags)
{
    struct deleters deleters = {.acl = acl};
    enum result res = open_sieve(&deleters.sieve, acl->right_count);

    deleters.end = &deleters.first;
    arena_init(&deleters.arena, ARENA_CHUNK_OCTETS, 0);
    if (res == RES_OK)
        res = look_for_rivals(&deleters, diags);
    free(deleters.sieve.counts);
    map_fini(&deleters.exact);
    map_fini(&deleters.patterns);
    map_fini(&deleters.told);
    arena_fini(&deleters.arena);
    return res;
}

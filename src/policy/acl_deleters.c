/*
 * `delete-rrset` on a name that two hosts may write takes away what the other one
 * wrote; lego and acme.sh clean up that way. Nothing is refused for it, but told.
 */
#include <stdlib.h>

#include "policy/acl.h"
#include "policy/acl_index.h"

/*
 * The rights with delete-rrset, whoever has them, by owner; patterns by what stands
 * right of the last star. Rights of one key are linked by their order, in no order, as
 * only warnings come of it; for the same reason a look-up walks ACL_RIGHTS_MAX of them
 * and no more.
 */
#define ALONE 0u
#define LAST  1u

struct deleters {
    struct map exact;
    struct map patterns;
    uint32_t *next; /* by order: ALONE, LAST, or the order of the next one + 2 */
};

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
static const struct acl_right *find_rival(const struct acl *acl,
                                          const struct deleters *deleters,
                                          const struct map *map, struct name key,
                                          const struct acl_right *right,
                                          struct name sample)
{
    const struct acl_right *other = map_get(map, key.octets, key.len);

    for (unsigned i = 0; i < ACL_RIGHTS_MAX && other != NULL; i++) {
        if (other->host != right->host &&
            is_type_shared(other->grant->terms, right->grant->terms) &&
            acl_right_matches(acl, other, sample))
            return other;
        uint32_t next = deleters->next[other->order];
        other = next > LAST ? acl->rights[next - 2] : NULL;
    }
    return NULL;
}

static const struct acl_right *find_any_rival(const struct acl *acl,
                                              const struct deleters *deleters,
                                              const struct acl_right *right)
{
    struct name_buf room;
    struct name sample = acl_pattern_sample(right->owner, right->stars, &room);
    const struct acl_right *rival =
        find_rival(acl, deleters, &deleters->exact, sample, right, sample);

    for (struct name suffix = sample;
         rival == NULL && deleters->patterns.count > 0 && !name_is_root(suffix);) {
        suffix = name_parent(suffix);
        rival = find_rival(acl, deleters, &deleters->patterns, suffix, right, sample);
    }
    return rival;
}

static void tell_shared(struct diags *diags, const struct acl_right *right,
                        const struct acl_right *rival)
{
    char owner[NAME_TEXT_OCTETS];
    char host[NAME_TEXT_OCTETS];
    char rival_host[NAME_TEXT_OCTETS];

    diags_warn(diags, right->grant->place, "shared-delete",
               "%s and %s (%s:%u) may each delete the whole RRset at %s, the other's "
               "records among it",
               name_to_text(right->host->name, host),
               name_to_text(rival->host->name, rival_host), rival->grant->place.file,
               rival->grant->place.line, name_to_text(right->owner, owner));
}

static bool may_delete_rrset(const struct acl_right *right)
{
    return (right->grant->terms->ops & 1u << UPDATE_DELETE_RRSET) != 0;
}

static enum result add_deleter(struct deleters *deleters, struct acl_right *right)
{
    struct map *map = right->stars == 0 ? &deleters->exact : &deleters->patterns;
    struct name key = right->owner;

    if (right->stars != 0)
        key = name_parent(acl_pattern_tail(right->owner, right->stars));
    enum result res = map_put(map, key.octets, key.len, right);
    if (res != RES_EEXISTS)
        return res;
    const struct acl_right *head = map_get(map, key.octets, key.len);
    uint32_t *next = &deleters->next[head->order];
    deleters->next[right->order] = *next == ALONE ? LAST : *next;
    *next = right->order + 2;
    return RES_OK;
}

/* The usual case, worth a look less: a name that one right names and no pattern. */
static bool has_no_rival(const struct deleters *deleters, const struct acl_right *right)
{
    return deleters->patterns.count == 0 && deleters->next[right->order] == ALONE;
}

static void warn_of_rivals(const struct acl *acl, const struct deleters *deleters,
                           struct diags *diags)
{
    const struct acl_grant *told = NULL; /* an every-host grant is told once */

    for (size_t i = 0; i < acl->right_count; i++) {
        const struct acl_right *right = acl->rights[i];
        if (!may_delete_rrset(right) || right->grant == told ||
            has_no_rival(deleters, right))
            continue;
        const struct acl_right *rival = find_any_rival(acl, deleters, right);
        if (rival == NULL)
            continue;
        tell_shared(diags, right, rival);
        told = right->grant->host == NULL ? right->grant : NULL;
    }
}

/* Twice over the rights: a pattern may stand behind the names that it reaches. */
enum result acl_warn_of_shared_deletes(const struct acl *acl, struct diags *diags)
{
    struct deleters deleters = {
        .next = calloc(acl->right_count + 1, sizeof(*deleters.next))};
    enum result res = RES_EMEM;

    if (deleters.next != NULL)
        res = map_reserve(&deleters.exact, acl->right_count);

    for (size_t i = 0; i < acl->right_count && res == RES_OK; i++) {
        if (may_delete_rrset(acl->rights[i]))
            res = add_deleter(&deleters, acl->rights[i]);
    }
    if (res == RES_OK)
        warn_of_rivals(acl, &deleters, diags);
    map_fini(&deleters.exact);
    map_fini(&deleters.patterns);
    free(deleters.next);
    return res;
}

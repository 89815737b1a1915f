#include "policy/rightset_ask.h"

#include "dns/type.h"
#include "policy/acl_index.h"
#include "policy/rightset_adds.h"

/* ---- one region: what both say ---- */

/* The rights of one side at a name, and what they come to for one type. */
struct reach {
    const struct rightset_asked *asked;
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t count;
};

static void reach(const struct rightset_asked *asked, struct name name,
                  struct reach *out)
{
    out->asked = asked;
    out->count = asked->host == NULL
                     ? 0
                     : acl_rights_of(asked->acl, asked->host, name, out->rights);
}

#define ANY_OPS (1u << UPDATE_PREREQ_ANY)

/* prereq-any knows no type, so it stands under ANY; all else under its own. */
static uint8_t ops_for(const struct acl_terms *terms, uint16_t type)
{
    if (type == TYPE_ANY)
        return terms->ops & ANY_OPS;
    return acl_terms_have_type(terms, type) ? terms->ops & (uint8_t)~ANY_OPS : 0;
}

static uint8_t ops_of(const struct reach *reach, uint16_t type, struct name name)
{
    unsigned ops = 0;

    for (size_t i = 0; i < reach->count; i++)
        ops |= ops_for(reach->rights[i]->terms, type);
    if (type == TYPE_NS && acl_is_apex(reach->asked->acl, name))
        ops &= ~(1u << UPDATE_DELETE_RRSET); /* never granted there */
    return (uint8_t)ops;
}

static enum result fill_side(const struct reach *reach, uint16_t type, uint8_t ops,
                             struct arena *arena, struct rightset_side *out)
{
    out->host = reach->asked->host;
    for (size_t i = 0; i < reach->count && out->place.file == NULL; i++) {
        if ((ops_for(reach->rights[i]->terms, type) & ops) != 0)
            out->place = acl_right_place(reach->asked->acl, reach->rights[i]);
    }
    if ((ops & 1u << UPDATE_ADD) == 0)
        return RES_OK;
    return rightset_adds_of(reach->rights, reach->count, type, arena, &out->adds);
}

/* ---- one region: what tells them apart ---- */

struct asking {
    const struct rightset_asking *asking;
    const struct region *region;
    struct name name; /* of the region's */
    struct reach old;
    struct reach new;
    struct rightset_finding *finding;
};

static enum result find_change(struct asking *a, enum rightset_sign sign, uint16_t type,
                               uint8_t ops)
{
    struct arena *arena = a->asking->arena;
    enum result res = RES_OK;
    struct rightset_change change = {
        .subject = RIGHTSET_RIGHT,
        .sign = sign,
        .host = (a->old.asked->host != NULL ? a->old : a->new).asked->host->name,
        .owner = a->region->name,
        .stars = a->region->stars,
        .is_subtree = a->region->is_subtree,
        .type = type,
        .ops = ops,
    };

    if (ops == 0)
        return RES_OK;
    if (sign != RIGHTSET_GAINED)
        res = fill_side(&a->old, type, ops, arena, &change.old);
    if (res == RES_OK && sign != RIGHTSET_LOST)
        res = fill_side(&a->new, type, ops, arena, &change.new);
    if (res != RES_OK)
        return res;
    if (sign == RIGHTSET_CHANGED && !a->asking->is_from_changed &&
        rightset_adds_equal(&change.old.adds, &change.new.adds))
        return RES_OK;
    a->finding->all[a->finding->count++] = change;
    return RES_OK;
}

/* Operations that both have differ by `from`, and the values and TTLs of adds. */
static enum result compare_type(struct asking *a, uint16_t type)
{
    unsigned old = ops_of(&a->old, type, a->name);
    unsigned new = ops_of(&a->new, type, a->name);
    unsigned both = old & new;

    if (!a->asking->is_from_changed)
        both &= 1u << UPDATE_ADD;
    enum result res = find_change(a, RIGHTSET_LOST, type, (uint8_t)(old & ~new));
    if (res == RES_OK)
        res = find_change(a, RIGHTSET_GAINED, type, (uint8_t)(new & ~old));
    if (res == RES_OK)
        res = find_change(a, RIGHTSET_CHANGED, type, (uint8_t)both);
    return res;
}

/* Every type that a grant can name, and ANY. */
#define TYPES_MAX (ACL_TYPES_MAX + 1)

static size_t add_types(const struct reach *reach, uint16_t *types, size_t count)
{
    for (size_t i = 0; i < reach->count; i++) {
        const struct acl_terms *terms = reach->rights[i]->terms;
        for (size_t k = 0; k < terms->type_count; k++) {
            size_t at = 0;
            while (at < count && types[at] != terms->types[k])
                at++;
            if (at == count && count < TYPES_MAX)
                types[count++] = terms->types[k];
        }
    }
    return count;
}

static bool is_reach_equal(const struct reach *a, const struct reach *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!acl_is_same_terms(a->rights[i]->terms, b->rights[i]->terms))
            return false;
    }
    return true;
}

enum result rightset_ask(const struct rightset_asking *asking,
                         const struct region *region, struct rightset_finding *out)
{
    uint16_t types[TYPES_MAX] = {TYPE_ANY};
    struct name_buf room;
    struct asking a = {.asking = asking, .region = region, .finding = out};

    out->count = 0;
    a.name = acl_pattern_sample(region->name, region->stars, &room);
    reach(&asking->old, a.name, &a.old);
    reach(&asking->new, a.name, &a.new);
    if (!asking->is_from_changed && is_reach_equal(&a.old, &a.new))
        return RES_OK;
    size_t count = add_types(&a.new, types, add_types(&a.old, types, 1));
    out->all = arena_array(asking->arena, 3 * count, sizeof(*out->all));
    enum result res = out->all != NULL ? RES_OK : RES_EMEM;
    for (size_t i = 0; i < count && res == RES_OK; i++)
        res = compare_type(&a, types[i]);
    return res;
}

bool rightset_is_same_change(const struct rightset_change *a,
                             const struct rightset_change *b)
{
    return a->sign == b->sign && a->type == b->type && a->ops == b->ops &&
           rightset_adds_equal(&a->old.adds, &b->old.adds) &&
           rightset_adds_equal(&a->new.adds, &b->new.adds);
}

bool rightset_is_same_finding(const struct rightset_finding *a,
                              const struct rightset_finding *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!rightset_is_same_change(&a->all[i], &b->all[i]))
            return false;
    }
    return true;
}

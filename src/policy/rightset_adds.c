#include "policy/rightset_adds.h"

#include <string.h>
#include <strings.h>

/* ---- the values that a check takes ---- */

/* A check that lists values is as many checks, of which each value passes one. */
static size_t parts_of(const struct acl_check *check)
{
    bool is_list = check->kind == ACL_CHECK_TLSA || check->kind == ACL_CHECK_CAA_VALUE;

    return is_list ? check->count : 1;
}

static bool is_tlsa_equal(const struct acl_tlsa_params *a,
                          const struct acl_tlsa_params *b)
{
    return a->usage == b->usage && a->selector == b->selector &&
           a->matching == b->matching;
}

static bool is_same_values(const struct rightset_add *a, const struct rightset_add *b)
{
    const struct acl_check *x = a->check, *y = b->check;

    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case ACL_CHECK_MISSING:
    case ACL_CHECK_ANY:
    case ACL_CHECK_ACME_TOKEN:
    case ACL_CHECK_SOURCE_ADDRESS:
    case ACL_CHECK_SVCB_SERVICE:
        return true;
    case ACL_CHECK_TLSA:
        return is_tlsa_equal(&x->tlsa[a->part], &y->tlsa[b->part]);
    case ACL_CHECK_CAA_VALUE:
        return strcasecmp(x->caa[a->part].tag, y->caa[b->part].tag) == 0 &&
               strcmp(x->caa[a->part].value, y->caa[b->part].value) == 0;
    case ACL_CHECK_ACME_PERSIST:
        return strcasecmp(x->issuer, y->issuer) == 0 &&
               strcmp(x->account_uri, y->account_uri) == 0;
    case ACL_CHECK_MATCH:
        return strcmp(x->text, y->text) == 0;
    }
    return false;
}

/* Whether no value passes both. That an expression may overlap anything is assumed. */
static bool is_disjoint(const struct rightset_add *a, const struct rightset_add *b)
{
    enum acl_check_kind x = a->check->kind, y = b->check->kind;

    if (x == y)
        return (x == ACL_CHECK_TLSA || x == ACL_CHECK_CAA_VALUE ||
                x == ACL_CHECK_ACME_PERSIST) &&
               !is_same_values(a, b);
    return (x == ACL_CHECK_ACME_TOKEN && y == ACL_CHECK_ACME_PERSIST) ||
           (x == ACL_CHECK_ACME_PERSIST && y == ACL_CHECK_ACME_TOKEN);
}

/* ---- as few as there need be ---- */

static bool takes_all_of(const struct rightset_add *a, const struct rightset_add *b)
{
    if (a->check->kind != ACL_CHECK_ANY && !is_same_values(a, b))
        return false;
    /* One that clamps takes every TTL. */
    return !a->ttl_refuses || (b->ttl_refuses && a->ttl_min_s <= b->ttl_min_s &&
                               b->ttl_max_s <= a->ttl_max_s);
}

static bool is_preceded(const struct rightset_adds *adds,
                        const struct rightset_add *add)
{
    for (size_t i = 0; i < adds->count; i++) {
        if (takes_all_of(&adds->all[i], add))
            return true;
    }
    return false;
}

static bool is_add_of(const struct acl_terms *terms, uint16_t type)
{
    return (terms->ops & 1u << UPDATE_ADD) != 0 && acl_terms_have_type(terms, type);
}

static void put_terms(struct rightset_adds *adds, const struct acl_terms *terms)
{
    for (size_t part = 0; part < parts_of(&terms->check); part++) {
        struct rightset_add add = {
            .check = &terms->check,
            .part = part,
            .ttl_min_s = terms->ttl_min_s,
            .ttl_max_s = terms->ttl_max_s,
            .ttl_refuses = terms->ttl_refuses,
            .max_records = terms->max_records,
        };
        if (!is_preceded(adds, &add))
            adds->all[adds->count++] = add;
    }
}

enum result rightset_adds_of(const struct acl_right *const *rights, size_t count,
                             uint16_t type, struct arena *arena,
                             struct rightset_adds *out)
{
    size_t room = 0;

    for (size_t i = 0; i < count; i++)
        room += parts_of(&rights[i]->terms->check);
    out->all = arena_array(arena, room, sizeof(*out->all));
    out->count = 0;
    if (out->all == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < count; i++) {
        if (is_add_of(rights[i]->terms, type))
            put_terms(out, rights[i]->terms);
    }
    return RES_OK;
}

/* ---- whether two lists decide alike ---- */

/* Values that pass two checks, or one, and of the others only such as pass anything. */
struct values {
    const struct rightset_add *a; /* NULL: those that pass no list's check */
    const struct rightset_add *b;
};

static bool passes(const struct values *values, const struct rightset_add *add)
{
    return add->check->kind == ACL_CHECK_ANY ||
           (values->a != NULL && is_same_values(add, values->a)) ||
           (values->b != NULL && is_same_values(add, values->b));
}

/* What becomes of such a value with that TTL: refused, or the TTL and how many. */
static uint64_t outcome_of_add(const struct rightset_adds *adds,
                               const struct values *values, uint64_t ttl)
{
    for (size_t i = 0; i < adds->count; i++) {
        const struct rightset_add *add = &adds->all[i];
        uint64_t clamped = ttl < add->ttl_min_s   ? add->ttl_min_s
                           : ttl > add->ttl_max_s ? add->ttl_max_s
                                                  : ttl;
        if (passes(values, add) && (clamped == ttl || !add->ttl_refuses))
            return clamped << 16 | add->max_records;
    }
    return UINT64_MAX;
}

/* Between the bounds of all adds and the TTLs beside them, each list's outcome is the
 * TTL itself, or one TTL, or none: two that agree there agree everywhere. */
static bool agrees_at_bounds(const struct rightset_adds *old,
                             const struct rightset_adds *new,
                             const struct values *values,
                             const struct rightset_adds *bounds)
{
    for (size_t i = 0; i < bounds->count; i++) {
        uint64_t min = bounds->all[i].ttl_min_s, max = bounds->all[i].ttl_max_s;
        const uint64_t ttls[] = {min > 0 ? min - 1 : 0, min, max, max + 1};
        if (i > 0 && bounds->all[i - 1].ttl_min_s == min &&
            bounds->all[i - 1].ttl_max_s == max)
            continue;
        for (size_t k = 0; k < sizeof(ttls) / sizeof(*ttls); k++) {
            if (outcome_of_add(old, values, ttls[k]) !=
                outcome_of_add(new, values, ttls[k]))
                return false;
        }
    }
    return true;
}

static bool agrees(const struct rightset_adds *old, const struct rightset_adds *new,
                   const struct values *values)
{
    return agrees_at_bounds(old, new, values, old) &&
           agrees_at_bounds(old, new, values, new);
}

/*
 * If the lists differ on a value, one add decides in each; then they differ on a value
 * that passes those two and as few others as can be. One list may have nothing to
 * decide with.
 */
bool rightset_adds_equal(const struct rightset_adds *old,
                         const struct rightset_adds *new)
{
    for (size_t i = 0; i <= old->count; i++) {
        for (size_t k = 0; k <= new->count; k++) {
            const struct values values = {
                .a = i < old->count ? &old->all[i] : NULL,
                .b = k < new->count ? &new->all[k] : NULL,
            };
            bool is_none =
                values.a != NULL && values.b != NULL && is_disjoint(values.a, values.b);
            if (!is_none && !agrees(old, new, &values))
                return false;
        }
    }
    return true;
}

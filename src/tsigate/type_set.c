#include "tsigate/type_set.h"

bool type_set_has(const struct type_set *set, uint16_t type)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->all[i] == type)
            return true;
    }
    return false;
}

void type_set_add(struct type_set *set, uint16_t type)
{
    if (set->count == ACL_TYPES_MAX || type_set_has(set, type))
        return;
    size_t i = set->count++;
    for (; i > 0 && set->all[i - 1] > type; i--)
        set->all[i] = set->all[i - 1];
    set->all[i] = type;
}

void type_set_add_all(struct type_set *set, const uint16_t *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        type_set_add(set, types[i]);
}

int type_set_compare(const struct type_set *a, const struct type_set *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->all[i] != b->all[i])
            return a->all[i] < b->all[i] ? -1 : 1;
    }
    return (a->count > b->count) - (a->count < b->count);
}

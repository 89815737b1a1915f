/*
 * A set of record types that grants may name, for those who turn policies into others.
 * Floor 5.
 */
#ifndef TSIGATE_TSIGATE_TYPE_SET_H
#define TSIGATE_TSIGATE_TYPE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/aclfile.h"

/* In order of their numbers, so that equal sets have equal octets. */
struct type_set {
    uint16_t all[ACL_TYPES_MAX];
    size_t count;
};

bool type_set_has(const struct type_set *set, uint16_t type) NONNULL;
/* Of types that can be granted, of which there are no more than it holds. */
void type_set_add(struct type_set *set, uint16_t type) NONNULL;
void type_set_add_all(struct type_set *set, const uint16_t *types,
                      size_t count) NONNULL;
/* For sorting. */
int type_set_compare(const struct type_set *a, const struct type_set *b) NONNULL;

#endif

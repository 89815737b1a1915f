/*
 * tsigate export: what the ACL allows, as a primary's own policy says it. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_EXPORT_H
#define TSIGATE_TSIGATE_EXPORT_H

#include "tsigate/tool.h"
#include "tsigate/type_set.h"

/* Which written names of a zone. */
enum export_reach {
    EXPORT_NAME,  /* name itself */
    EXPORT_BELOW, /* all names below it */
    EXPORT_ZONE,  /* name is the zone: all of it */
};

struct export_rule {
    const struct zone *zone;
    struct name key;
    enum export_reach reach;
    struct name name;
    struct type_set types;
    const struct acl_right *right; /* NULL: the gateway's own */
    struct place place;            /* of the right */
    const char *without; /* what the primary does not look at; NULL: nothing */
    size_t order;
};

struct export
{
    struct tool *tool;
    struct arena *arena; /* the tool's */
    bool is_per_right;
    struct export_rule *rules; /* sorted, by zone first */
    size_t count, capacity;
    const char **remarks; /* rights that have no rule, and why */
    size_t remark_count, remark_capacity;
    bool has_no_memory;
};

void export_print_bind(const struct export *export) NONNULL;
void export_print_knot(const struct export *export) NONNULL;

#endif

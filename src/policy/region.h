/*
 * A set of names given by its labels, some of which are stars: an owner of the ACL as
 * such, apart from any right. Floor 2, pure; for rightset.c, which asks two ACLs about
 * each set of names that they tell apart.
 */
#ifndef TSIGATE_POLICY_REGION_H
#define TSIGATE_POLICY_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "dns/name.h"

struct region {
    struct name name; /* pattern labels stand as '*' */
    uint64_t stars;   /* bit i: label i from the left is one; none: one name */
    bool is_subtree;  /* the rightmost star stands for one or more labels */
};

/* Labels left of the rightmost star, and right of it. For regions with a star. */
unsigned region_prefix(const struct region *region) NONNULL;
unsigned region_suffix(const struct region *region) NONNULL;

/* Those names of a subtree's that have so many labels, no fewer than the region's own
 * are. RES_ERANGE: there are none, or a star would stand behind label 63. RES_EMEM. */
enum result region_stretch(const struct region *region, unsigned labels,
                           struct arena *arena, struct region *out) MUST_CHECK NONNULL;
/* The names that both hold; both have as many labels and the same is_subtree, of which
 * the stretched label is the same. RES_ENOTFOUND: none. RES_EMEM. */
enum result region_meet(const struct region *a, const struct region *b,
                        struct arena *arena, struct region *out) MUST_CHECK NONNULL;
/* Whether outer holds all names of inner. */
bool region_is_within(const struct region *inner,
                      const struct region *outer) MUST_CHECK NONNULL;
/* The plain name right of the rightmost star; without a star the name itself. Regions
 * that have names in common have tails of which one lies within the other. */
struct name region_tail(const struct region *region) NONNULL;
/* For sorting: wider regions, those with fewer labels, first. */
int region_compare(const struct region *a, const struct region *b) MUST_CHECK NONNULL;

/* Regions by their tails, so that none is compared with all. */
struct region_entry {
    struct region region;
    size_t tag; /* the caller's */
    struct region_entry *next;
};

struct region_index {
    struct arena *arena;
    struct map by_tail; /* struct region_entry chains, in no order */
};

void region_index_init(struct region_index *index, struct arena *arena) NONNULL;
void region_index_fini(struct region_index *index) NONNULL;
/* The octets of the name stay the caller's. RES_EMEM. */
enum result region_index_add(struct region_index *index, const struct region *region,
                             size_t tag) MUST_CHECK NONNULL;
/* The chain of that tail; NULL: none. */
const struct region_entry *region_index_at(const struct region_index *index,
                                           struct name tail) NONNULL;

#endif

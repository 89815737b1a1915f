/*
 * The zones, the shadows and the aliases: where a name belongs and where it is written.
 * Floor 2, pure. Rules C-1 to C-5, C-14, A-10, D3.
 *
 * Words: the original is the name in the static zone, the target the name that is
 * written; the binding of an original is its one target. A name that shadows nothing is
 * its own target.
 */
#ifndef TSIGATE_POLICY_ZONES_H
#define TSIGATE_POLICY_ZONES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/map.h"
#include "conf/aclfile.h"
#include "dns/name.h"
#include "policy/settings.h"

struct zone {
    struct name name;
    bool is_dynamic;
    size_t index; /* in zones.all */
};

struct shadow {
    struct name of;
    struct name at;
    const struct zone *zone; /* the dynamic zone that `at` lies in */
    struct place place;
};

struct zones {
    struct arena *arena; /* the snapshot's */
    struct zone *all;
    size_t count;
    struct map by_name;   /* struct zone */
    struct map by_of;     /* struct shadow */
    struct map by_at;     /* struct shadow */
    struct map alias_of;  /* struct acl_alias by original */
    struct map alias_at;  /* struct acl_alias by target */
    unsigned most_labels; /* of any zone, `of` or `at`: no ancestor deeper is probed */
};

/*
 * Checks and indexes zones and shadows (`zone-twice`, `shadow-of-twice`,
 * `shadow-of-not-static`, `shadow-at-not-dynamic`, `shadow-at-nested`). The names stay
 * settings'. RES_EFORMAT: errors in diags; RES_EMEM.
 */
enum result zones_build(const struct settings *settings, struct arena *arena,
                        struct diags *diags, struct zones *out) MUST_CHECK NONNULL;
/* Adds the ACL's aliases (`alias-twice`, `alias-target-twice`,
 * `alias-original-not-static`, `alias-target-not-dynamic`). */
enum result zones_add_aliases(struct zones *zones, const struct acl_source *source,
                              struct diags *diags) MUST_CHECK NONNULL;
void zones_fini(struct zones *zones) NONNULL;

/* The longest configured zone that contains name (C-14); NULL: none. */
const struct zone *zones_find(const struct zones *zones, struct name name) NONNULL;
/* The zone of exactly that name; NULL: none. */
const struct zone *zones_exact(const struct zones *zones, struct name name) NONNULL;
/* The shadow of the longest `of` that contains name; NULL: none. */
const struct shadow *zones_shadow_of(const struct zones *zones,
                                     struct name name) NONNULL;
/* The shadow whose `at` is a proper ancestor of name; NULL: name shadows nothing. */
const struct shadow *zones_shadow_at(const struct zones *zones,
                                     struct name name) NONNULL;

/*
 * C-2, C-3: the one target of an original: the alias's, else the template's of the
 * longest `of` that contains it, which an alias may have taken away. RES_ENOTFOUND: it
 * has none (not in a static zone, no shadow, X empty, target taken by an alias, over
 * 255 octets).
 */
enum result zones_bind(const struct zones *zones, struct name original,
                       struct name_buf *out_target) MUST_CHECK NONNULL;

/* A name of a message, brought to its original and its target. */
struct rewrite {
    struct name original;    /* what the ACL is asked about (the arena's) */
    struct name target;      /* what is written; octets NULL: no binding */
    const struct zone *zone; /* the target's; NULL: no binding */
    bool is_native;          /* original = target: no CNAME is involved (C-12) */
};

/*
 * C-5: asked lies in some configured zone. In a static zone it is an original; in a
 * dynamic zone the binding is inverted (an alias's target, else the template), and
 * where that does not lead back to asked there is no binding: original is then the
 * inverse where there is one, else asked. A dynamic name that shadows nothing is
 * native. RES_EMEM.
 */
enum result zones_rewrite(const struct zones *zones, struct name asked,
                          struct arena *arena, struct rewrite *out) MUST_CHECK NONNULL;

#endif

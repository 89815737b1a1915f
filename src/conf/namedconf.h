/*
 * The zones, keys and update-policies of a named.conf: what they are from the one
 * canonical form that `named-checkconf -p` prints, where they stand from the files.
 * Floor 1c. Knows how they are spelt, not what they mean; every other statement is
 * skipped.
 */
#ifndef TSIGATE_CONF_NAMEDCONF_H
#define TSIGATE_CONF_NAMEDCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"

/* ( grant | deny ) IDENTITY KIND [NAME] [TYPE...] */
struct namedconf_rule {
    bool is_grant;
    const char *identity;
    const char *kind;         /* "zonesub", "krb5-self" */
    const char *name;         /* NULL: none, as in zonesub */
    const char *const *types; /* as written: "TXT(1)", "ANY" */
    size_t type_count;
    struct place place;
    struct namedconf_rule *next;
};

struct namedconf_zone {
    const char *name;
    const char *type; /* "primary"; "": none was given */
    bool has_policy;
    bool is_local;      /* update-policy local */
    bool allows_update; /* allow-update, of anything but none */
    struct namedconf_rule *rules, *last_rule;
    struct place place;
    struct namedconf_zone *next;
};

/* The whole statement as it stands in the text, for keyfile_parse: its secret is copied
 * nowhere. */
struct namedconf_key {
    const char *name;
    const char *text;
    size_t len;
    struct place place;
    struct namedconf_key *next;
};

/* Of all views, in the order of the text; class IN alone. */
struct namedconf {
    struct namedconf_zone *zones, *last_zone;
    struct namedconf_key *keys, *last_key;
};

/*
 * text is the caller's and outlives out, whose words are the arena's. RES_EFORMAT: not
 * that form (a comment, an `include`, a block that is not closed), told in diags
 * (`namedconf-syntax`); no message shows a word of the text. RES_EMEM.
 */
enum result namedconf_parse(const char *file, const char *text, size_t len,
                            struct arena *arena, struct diags *diags,
                            struct namedconf *out) MUST_CHECK NONNULL;

/*
 * The same from a named.conf as people write it, its includes followed, for the places:
 * keys have no text. Other results than RES_OK: out has what could be understood before
 * that.
 */
enum result namedconf_scan(const char *path, struct arena *arena,
                           struct namedconf *out) MUST_CHECK NONNULL;
/* Gives zones, rules and keys of conf the places that they have in files; what is not
 * there likewise keeps its own. */
void namedconf_place(struct namedconf *conf, const struct namedconf *files) NONNULL;

#endif

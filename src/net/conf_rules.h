/*
 * A libconfig file read by tables: each setting's name, type and range, and where in a
 * struct it goes. Floor 4; knows no setting of its own.
 *
 * Unknown settings, wrong types and numbers that overflow are errors, all of them in
 * one run.
 */
#ifndef TSIGATE_NET_CONF_RULES_H
#define TSIGATE_NET_CONF_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/conf_source.h"

enum conf_kind {
    CONF_BOOL,    /* bool */
    CONF_NUMBER,  /* uint32_t */
    CONF_PORT,    /* uint16_t */
    CONF_TEXT,    /* const char *, as written */
    CONF_PATH,    /* const char *, from the file's folder */
    CONF_NAME,    /* struct name */
    CONF_ADDRESS, /* struct addr, but for its port */
    CONF_GROUP,   /* members go to the same struct */
    CONF_GROUPS,  /* a list of groups: an array and its size_t count */
    CONF_TEXTS,   /* a list of texts: struct settings_text, likewise */
    CONF_LATER,   /* reserved for what is not built yet */
};

/* One setting: its place in the tree and in the struct that its group is read into. */
struct conf_rule {
    const char *name;
    enum conf_kind kind;
    bool is_required; /* in a group that is there */
    uint32_t min, max;
    size_t offset;       /* of the field, or of the array's pointer */
    size_t count_offset; /* CONF_GROUPS, CONF_TEXTS */
    size_t place_offset; /* of a struct place; 0: none (nothing has its place first) */
    const struct conf_rule *members; /* CONF_GROUP, CONF_GROUPS; ends with name NULL */
    size_t element_octets;           /* CONF_GROUPS */
    const void *element;             /* CONF_GROUPS: its defaults; NULL: zeros */
};

/*
 * Reads sources->main, and what it includes, into the struct at into, whose defaults
 * are in place; all that it then points to lies in the arena of sources. RES_EFORMAT:
 * errors in the sources' diags; RES_EIO, RES_EMISMATCH (see conf_sources_parse),
 * likewise; RES_EMEM. After RES_EFORMAT the struct holds what could be read, so that it
 * can be judged as well; conf_sources_fini after either.
 */
enum result conf_rules_read(struct conf_sources *sources, const struct conf_rule *rules,
                            void *into) MUST_CHECK NONNULL;

#endif

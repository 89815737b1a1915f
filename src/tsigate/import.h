/*
 * tsigate import: from what BIND's update-policy allows to hosts, profiles and grants.
 * Floor 5.
 *
 * BIND asks a zone's rules in their order and takes the first that fits; an ACL only
 * grants. So each key's rules are looked at in order, and a grant goes over as far as
 * no deny stands before it. Where that cannot be said in an ACL, less goes over, never
 * more, and a remark tells.
 */
#ifndef TSIGATE_TSIGATE_IMPORT_H
#define TSIGATE_TSIGATE_IMPORT_H

#include "base/map.h"
#include "conf/namedconf.h"
#include "tsigate/tool.h"
#include "tsigate/type_set.h"

enum import_kind {
    IMPORT_UNKNOWN, /* asks for something else than name and key */
    IMPORT_GSS,     /* ms-*, krb5-*: never a TSIG key */
    IMPORT_NAME,
    IMPORT_SUBDOMAIN,
    IMPORT_ZONESUB,
    IMPORT_WILDCARD,
    IMPORT_SELF,
    IMPORT_SELFSUB,
    IMPORT_SELFWILD,
};

enum import_fate {
    IMPORT_LEFT_OUT, /* nothing of it went over */
    IMPORT_NARROWED, /* less than BIND allows went over */
    IMPORT_NOTE,
};

/* What the operator is told of one rule, zone or key. */
struct import_remark {
    struct place place;
    const char *subject;
    enum import_fate fate;
    const char *message;
    const struct import_rule *rule; /* NULL: of none */
    struct import_remark *next_of_rule;
    size_t number; /* for sorting */
    struct import_remark *next;
};

struct import_rule {
    const struct namedconf_rule *rule;
    enum import_kind kind;
    struct name identity;
    struct name name;      /* of those kinds that have one */
    bool is_default;       /* no types: all but NS and what DNSSEC makes */
    bool is_any;           /* ANY */
    struct type_set types; /* those that can be granted */
    bool is_granted;       /* some key has something of it */
    struct import_remark *remarks;
};

struct import_profile {
    const char *name;
    struct type_set types;
    struct import_profile *next;
};

/* A line of a host's block. */
struct import_grant {
    const char *profile;
    const char *words; /* names, ports, options */
    struct place place;
    struct import_grant *next;
};

/* A key, which is a host here. */
struct import_host {
    struct name name;
    const char *text;
    const struct namedconf_key *key; /* NULL: no key statement */
    struct import_rule **rules;      /* of the zone under way, in order */
    size_t rule_count, rule_capacity;
    struct import_grant *grants, *last_grant;
    const char *file; /* of its key; NULL: none was written */
    struct import_host *next;
};

struct import_zone {
    const struct namedconf_zone *zone;
    struct name name;
    struct import_zone *next;
};

/* --shadow OF=AT */
struct import_shadow {
    struct name of;
    struct name at;
    struct import_shadow *next;
};

struct import {
    struct tool *tool;
    struct arena *arena; /* the tool's */
    const char *source;  /* NAMED.CONF */
    const char *out;     /* --out */
    const char *profiles;
    bool is_plain; /* --plain: no stock profiles */
    struct namedconf conf;
    struct import_shadow *shadows;
    struct import_zone *zones, *last_zone; /* those with an update-policy */
    struct import_host *hosts, *last_host;
    struct map host_by_name;
    struct import_profile *site_profiles, *last_profile;
    struct import_remark *remarks, *last_remark;
    size_t grant_count, pattern_count, stock_count;
    bool has_no_memory; /* something is not there for want of it */
};

/* Tells of a rule, zone or key; NULL: no memory. */
struct import_remark *import_tell(struct import *import, struct place place,
                                  const char *subject, enum import_fate fate,
                                  const char *format, ...) PRINTF(5, 6)
    NONNULL_AT(1, 3, 5);

/* import_rule.c. The arena's copy of a name; false: it cannot be spelt in an ACL. */
bool import_read_name(struct import *import, const char *text, struct name *out)
    NONNULL_AT(1, 3);
/* Tells of a rule, once for each message. */
void import_tell_rule(struct import *import, struct import_rule *rule,
                      enum import_fate fate, const char *message) NONNULL_AT(1, 2);
void import_read_rule(struct import *import, const struct namedconf_rule *written,
                      struct import_rule *out) NONNULL;
/* Whether the identity is a wildcard. */
bool import_is_wild(struct name identity);
bool import_is_of_host(const struct import_rule *rule,
                       const struct import_host *host) NONNULL;
/* Of the host's rules in the zone, that number: its grants and remarks. */
void import_convert_rule(struct import *import, const struct import_zone *zone,
                         struct import_host *host, size_t number) NONNULL;

/* import_zone.c: from conf to zones, hosts, grants and remarks. */
void import_convert(struct import *import) NONNULL;
/* import_grant.c: a grant of these types at a name, or at all names below it. rule is
 * where it comes from. */
void import_add_grant(struct import *import, struct import_host *host,
                      const struct import_rule *rule, struct name name, bool is_below,
                      const struct type_set *types) NONNULL;
/* As an ACL spells it. NULL: no memory. */
const char *import_name_text(struct import *import, struct name name) NONNULL;
/* import_write.c: tsigate.conf, acl/imported.acl and keys/. Gives an exit code, as
 * told. */
int import_write(struct import *import) NONNULL;
/* import_read.c: runs named-checkconf -p, or reads path `-`. The text is to be wiped
 * and freed with import_forget. Gives an exit code, as told. */
int import_read(struct import *import, char **out_text, size_t *out_len) NONNULL;
void import_forget(char *text, size_t len);

#endif

/*
 * ACL files: text to statements. Floor 1c. Knows the grammar; knows no zones and no
 * keys, and decides nothing: policy/acl compiles what comes out. The grammar is in
 * tsigate-acl(5).
 */
#ifndef TSIGATE_CONF_ACLFILE_H
#define TSIGATE_CONF_ACLFILE_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/result.h"
#include "base/row_index.h"
#include "base/rows.h"
#include "dns/name.h"
#include "dns/update.h"

/* ---- owner names with holes ---- */

enum acl_piece_kind {
    ACL_PIECE_LABELS,  /* literal: one or more labels; a '*' in them was written \042 */
    ACL_PIECE_STAR,    /* `*`: exactly one label */
    ACL_PIECE_SUBTREE, /* `**`: one or more labels */
    ACL_PIECE_NAME,    /* {name}: all labels of the grant's word */
    ACL_PIECE_HOST,    /* {host}: all labels of the host's name */
    ACL_PIECE_PORT,    /* prefix{port}, one label: "_25" */
    ACL_PIECE_PROTO,   /* prefix{proto}, one label: "_tcp" */
};

struct acl_piece {
    enum acl_piece_kind kind;
    uint8_t len; /* of octets */
    const uint8_t
        *octets; /* LABELS: in wire form; PORT, PROTO: what stands before the hole */
};

/* An owner template of a profile, or a name word of a grant. From the first label on;
 * the root is implied. */
struct acl_template {
    const struct acl_piece *pieces;
    size_t count;
};

/* A template with all holes filled: an owner name, some labels perhaps patterns. */
struct acl_owner {
    struct name_buf name; /* pattern labels stand as '*' */
    uint64_t stars;       /* bit i: label i (from the left) is a pattern; none: exact */
    bool is_subtree;      /* the rightmost star stands for one or more labels */
};

/* What fills the holes. */
struct acl_fill {
    const struct acl_template *word; /* for {name}; may hold {host} and stars */
    struct name host;                /* for {host}; octets NULL: none */
    uint16_t port;
    const char *proto; /* "tcp", "udp", "sctp"; NULL: none */
};

/* RES_ERANGE: the owner is over 255 octets, or a star stands behind label 63. RES_EBUG:
 * a hole without what fills it. */
enum result acl_template_fill(const struct acl_template *owner,
                              const struct acl_fill *fill,
                              struct acl_owner *out) MUST_CHECK NONNULL;

/* ---- what a grant allows ---- */

enum acl_check_kind {
    ACL_CHECK_MISSING = 0, /* refuses: a profile's `check caa-value` or `check
                              acme-persist` without arguments, which each grant of it
                              has to give with check=, or the load fails */
    ACL_CHECK_ANY,
    ACL_CHECK_ACME_TOKEN,
    ACL_CHECK_TLSA,
    ACL_CHECK_SOURCE_ADDRESS,
    ACL_CHECK_SVCB_SERVICE,
    ACL_CHECK_CAA_VALUE,
    ACL_CHECK_ACME_PERSIST,
    ACL_CHECK_MATCH,
};

struct acl_tlsa_params {
    uint8_t usage, selector, matching;
};

struct acl_caa_pair {
    const char *tag;
    const char *value;
};

struct acl_check {
    enum acl_check_kind kind;
    const char
        *text;    /* as written, for `rights` and `check --effective`: "tlsa 3-1-1" */
    size_t count; /* of tlsa or caa */
    const struct acl_tlsa_params *tlsa;
    const struct acl_caa_pair *caa;
    const char *issuer;      /* acme-persist */
    const char *account_uri; /* acme-persist */
    regex_t *regex;          /* match: compiled; freed with the acl_source */
};

#define ACL_TYPES_MAX 24

struct acl_terms {
    const struct acl_profile *profile; /* whose they are, or were before the options */
    uint16_t types[ACL_TYPES_MAX];
    uint8_t type_count;
    uint8_t ops;      /* bit 1 << enum update_op */
    bool ttl_refuses; /* ttl-mode=refuse */
    bool is_dangerous;
    bool is_broad;
    uint16_t max_records; /* adds per RRset in one message */
    uint32_t ttl_min_s;
    uint32_t ttl_max_s;
    struct acl_check check;
};

bool acl_terms_have_type(const struct acl_terms *terms,
                         uint16_t type) MUST_CHECK NONNULL;
/* Whether both allow the same, by what is written in them. */
bool acl_is_same_terms(const struct acl_terms *a,
                       const struct acl_terms *b) MUST_CHECK NONNULL;

/* ---- statements ---- */

struct acl_profile {
    const char *name;
    struct acl_template owner;
    struct acl_terms terms;
    bool is_stock;
    bool wants_port;    /* the owner has {port} (and then {proto}) */
    bool owner_is_name; /* the owner is {name} itself: for dynamic zones
                           (`static-owner`) */
    struct place place;
};

struct acl_key_line {
    struct name name;
    const struct acl_host *host; /* NULL: its block has an error */
    int64_t not_before_s;        /* INT64_MIN: always was */
    int64_t not_after_s;         /* INT64_MAX: for ever; valid while not_before <= now <
                                    not_after */
    struct place place;
    struct acl_key_line *next;
};

struct acl_from_line {
    struct prefix prefix;
    struct place place;
    struct acl_from_line *next;
};

/* What a host's block says of the host itself, in file order. */
struct acl_host_lines {
    struct acl_key_line *keys, **keys_end;  /* none: the key of its own name */
    struct acl_from_line *from, **from_end; /* none: from anywhere */
};

/* A site may have a million: where it was first declared is line and column. */
struct acl_host {
    struct name name;
    struct acl_host_lines *lines; /* NULL: none */
    uint32_t first_right;         /* these two are acl_compile's */
    uint32_t right_count;
    uint32_t line; /* as in acl_source_place; hosts declared later have larger ones */
    uint16_t column;
    bool is_incomplete; /* a line of it had an error and is not here */
    bool is_indexed;    /* acl_compile's */
};

static inline const struct acl_key_line *acl_host_keys(const struct acl_host *host)
{
    return host->lines != NULL ? host->lines->keys : NULL;
}

static inline const struct acl_from_line *acl_host_from(const struct acl_host *host)
{
    return host->lines != NULL ? host->lines->from : NULL;
}

struct acl_name_word {
    struct acl_template template;
    const char *text; /* as written, for messages */
    uint32_t line;    /* as in acl_source_place */
    uint16_t column;
};

struct acl_port_word {
    uint16_t port;
    const char *proto;
};

struct acl_grant {
    struct acl_host *host;         /* NULL: every host */
    const struct acl_terms *terms; /* the profile's, or with the options applied */
    struct acl_name_word *names;   /* at least one: where the profile has no {name} and
                                      the grant no words, an empty template */
    struct acl_port_word *ports; /* at least one if the profile wants_port, else none */
    uint32_t name_count;
    uint32_t port_count;
    struct acl_grant *next;
    uint32_t line; /* of the profile's word, as in acl_source_place */
    uint16_t column;
};

struct acl_alias {
    struct name original;
    struct name target;
    struct place place;        /* of the original */
    struct place target_place; /* of the target */
    struct acl_alias *next;
};

struct acl_file {
    const char *name;
    uint32_t first_line; /* how many lines the files before it have */
};

/* All statements of all files, in file order. Everything lies in its arenas. */
struct acl_source {
    struct arena arena;
    struct arena lines;  /* what acl_compile turns into rights: the grants, and names */
    struct rows files;   /* struct acl_file */
    uint32_t line_count; /* of all files */
    struct rows hosts;   /* struct acl_host */
    struct row_index host_by_name;
    struct map profile_by_name; /* key: the name's characters */
    struct acl_grant *grants, *last_grant;
    size_t grant_count;
    struct acl_alias *aliases, *last_alias;
    bool has_lost_keys;        /* they may have been in what has an error */
    struct acl_regex *regexes; /* private: what acl_source_fini has to free */
};

void acl_source_init(struct acl_source *source) NONNULL;
void acl_source_fini(struct acl_source *source) NONNULL;

static inline struct acl_host *acl_source_host(const struct acl_source *source,
                                               size_t index)
{
    return rows_at(&source->hosts, index);
}
/* What is left of a place where a million are kept: its line, counted through all
 * files, and its column. */
struct place acl_source_place(const struct acl_source *source, uint32_t line,
                              uint16_t column) NONNULL;
static inline struct place acl_grant_place(const struct acl_source *source,
                                           const struct acl_grant *grant)
{
    return acl_source_place(source, grant->line, grant->column);
}
static inline struct place acl_word_place(const struct acl_source *source,
                                          const struct acl_name_word *word)
{
    return acl_source_place(source, word->line, word->column);
}
/* What acl_compile has made rights of goes: the words of the grants, for who would
 * change them. */
void acl_source_drop_grants(struct acl_source *source) NONNULL;
/* NULL: no host of that name. */
struct acl_host *acl_source_host_named(const struct acl_source *source,
                                       struct name name) NONNULL;

/*
 * Parses one file's text and adds its statements. file must live as long as source.
 * is_stock: this is the file of stock profiles: its profiles are marked, hosts and
 * grants in it are errors, and no later file may define a profile of such a name. Every
 * error of the file goes to diags with line, column and the offending word, under a
 * stable identifier (`acl-syntax`, `acl-word`, `acl-name`, `acl-unknown-statement` with
 * a "did you mean", `acl-option`, `acl-profile`, `acl-check`, `acl-ttl`, `acl-type`,
 * `acl-broad`, ...). RES_EFORMAT when there was any, RES_EMEM. A statement with an
 * error is left out.
 */
enum result aclfile_parse(struct acl_source *source, const char *file, const char *text,
                          size_t len, bool is_stock,
                          struct diags *diags) MUST_CHECK NONNULL;

/* ---- the same words for the tool and the decision tables ---- */

struct acl_word {
    const char *text; /* decoded; the arena's */
    size_t len;
    bool is_quoted;
    struct place place;
    const char *raw; /* where it starts in the line */
};

/*
 * Splits one logical line into words as the ACL grammar has it (quotes, comments); the
 * caller has joined continuation lines. RES_EFORMAT: an open quote or a bad octet, told
 * in diags. Columns count from first_column.
 */
enum result acl_split_line(const char *line, size_t len, struct place place,
                           struct arena *arena, struct diags *diags,
                           struct acl_word **out_words,
                           size_t *out_count) MUST_CHECK NONNULL;

#endif

/*
 * What the parts of the ACL parser share. Floor 1c; private to conf/acl*.c.
 *
 * Every parsing function here tells its errors itself, in diags, and returns RES_OK,
 * RES_EFORMAT (told) or RES_EMEM.
 */
#ifndef TSIGATE_CONF_ACLPARSE_H
#define TSIGATE_CONF_ACLPARSE_H

#include "base/guess.h"
#include "conf/aclfile.h"

/* ---- lines and words: acllex.c ---- */

/* One statement: the words of a line and of those that continue it. */
struct acl_line {
    struct acl_word *words;
    size_t count;
    size_t capacity;
    bool is_broken; /* it has an error, which was told; words stand before it */
};

struct acl_lexer {
    const char *file;
    const char *text;
    size_t len;
    size_t at;     /* where the next line starts */
    unsigned line; /* of the last line read */
    struct arena *arena;
    struct diags *diags;
};

/* The next statement, with at least one word unless it is broken. RES_ENOTFOUND: the
 * end of the file. Its words live until the arena is reset. */
enum result acllex_next(struct acl_lexer *lexer,
                        struct acl_line *out) MUST_CHECK NONNULL;

/* ---- the parser ---- */

enum acl_block {
    ACL_BLOCK_NONE,
    ACL_BLOCK_HOST,
    ACL_BLOCK_EVERY,
    ACL_BLOCK_PROFILE,
    ACL_BLOCK_LOST, /* its first line had an error, so nothing is said about where a
                       statement stands */
};

/* The profile whose block is open. */
struct acl_draft {
    struct acl_profile *profile; /* NULL: its name has an error */
    bool is_broken;
    bool lacks_lines; /* some were not understood: nothing is said of what is missing */
    unsigned seen;    /* bit per statement */
    struct place type_places[ACL_TYPES_MAX];
    struct place check_place;
};

struct acl_parser {
    struct acl_source *source;
    struct diags *diags;
    struct arena scratch; /* the line in hand */
    bool is_stock;
    enum acl_block block;
    struct acl_host *host;  /* of ACL_BLOCK_HOST */
    struct acl_draft draft; /* of ACL_BLOCK_PROFILE */
};

/* Part of a word as a word, at its own column whatever quotes and escapes stand before
 * it; the scratch arena's. RES_EMEM. */
enum result acllex_part(struct acl_parser *parser, const struct acl_word *word,
                        size_t from, size_t len,
                        struct acl_word *out) MUST_CHECK NONNULL;
/* What stands behind the first `from` octets of a word, split at its blanks; words with
 * blanks are quoted once more. */
enum result acllex_split_part(struct acl_parser *parser, const struct acl_word *word,
                              size_t from, struct acl_line *out) MUST_CHECK NONNULL;

bool acl_word_is(const struct acl_word *word, const char *text) MUST_CHECK NONNULL;

/* ---- statements, for who changes a file: acledit.c ---- */

/* Whether it ends the block before it, and `host HOST` with that very host. */
bool acl_line_ends_block(const struct acl_line *line) MUST_CHECK NONNULL;
bool acl_line_opens_host(const struct acl_line *line,
                         struct name host) MUST_CHECK NONNULL;

/* ---- names: acltemplate.c ---- */

enum {
    ACL_HAS_NAME = 1 << ACL_PIECE_NAME,
    ACL_HAS_HOST = 1 << ACL_PIECE_HOST,
    ACL_HAS_PORT = 1 << ACL_PIECE_PORT,
    ACL_HAS_PROTO = 1 << ACL_PIECE_PROTO,
    ACL_HAS_STAR = 1 << ACL_PIECE_STAR,
    ACL_HAS_SUBTREE = 1 << ACL_PIECE_SUBTREE,
};

/* A name in which the holes and stars of allowed may stand. What out points to is
 * arena's. */
enum result acl_name_word_parse(struct acl_parser *parser, const struct acl_word *word,
                                unsigned allowed, struct arena *arena,
                                struct acl_name_word *out) MUST_CHECK NONNULL;
/* A name without any. */
enum result acl_plain_name_parse(struct acl_parser *parser, const struct acl_word *word,
                                 struct name_buf *out) MUST_CHECK NONNULL;
/* The usual name, in which nothing is to fold or to decode, without its final dot.
 * False: it is none; then acl_plain_name_parse tells what it is. */
bool acl_plain_name_read(const char *text, size_t len,
                         struct name_buf *out) MUST_CHECK NONNULL;
/* The kinds of piece that occur, as ACL_HAS_ bits. */
unsigned acl_template_kinds(const struct acl_template *template) MUST_CHECK NONNULL;

/* ---- what a grant allows: aclterms.c, aclcheck.c, aclregex.c ---- */

/* Decimal digits, without a sign or a leading zero, up to max. */
bool acl_number_parse(const char *chars, size_t len, uint32_t max,
                      uint32_t *out) MUST_CHECK NONNULL;
/* value is all of the word, or what an option has behind its '='. */
enum result acl_ttl_parse(struct acl_parser *parser, const struct acl_word *value,
                          struct acl_terms *terms) MUST_CHECK NONNULL;
enum result acl_max_records_parse(struct acl_parser *parser,
                                  const struct acl_word *value,
                                  struct acl_terms *terms) MUST_CHECK NONNULL;
enum result acl_may_parse(struct acl_parser *parser, const struct acl_word *words,
                          size_t count, struct acl_terms *terms) MUST_CHECK NONNULL;

bool acl_word_is_option(const struct acl_word *word) MUST_CHECK NONNULL;
/* The profile's terms with the options of a grant: words that all are options. */
enum result acl_options_parse(struct acl_parser *parser, const struct acl_word *words,
                              size_t count, const struct acl_profile *profile,
                              const struct acl_terms **out) MUST_CHECK NONNULL;

/* words: the check's name and its arguments, at least one. */
enum result acl_check_parse(struct acl_parser *parser, const struct acl_word *words,
                            size_t count, struct acl_check *out) MUST_CHECK NONNULL;
/* Whether the check can judge values of type at all. */
bool acl_check_fits(const struct acl_check *check, uint16_t type) MUST_CHECK NONNULL;
/* "TXT", "A and AAAA": the types that it judges. */
const char *acl_check_types(const struct acl_check *check) NONNULL;

/* A regular expression that is to be freed with the source. */
struct acl_regex {
    const char *text;
    regex_t compiled;
    struct acl_regex *next;
};
enum result acl_regex_parse(struct acl_parser *parser, const struct acl_word *word,
                            regex_t **out) MUST_CHECK NONNULL;
void acl_regexes_free(struct acl_regex *regexes);

/* ---- profiles: aclprofile.c ---- */

/* `profile NAME`: opens the block. */
enum result acl_profile_open(struct acl_parser *parser,
                             const struct acl_line *line) MUST_CHECK NONNULL;
bool acl_profile_has_statement(const struct acl_word *word) MUST_CHECK NONNULL;
void acl_profile_guess(struct guess *guess) NONNULL;
/* A statement of the block, one that acl_profile_has_statement. */
enum result acl_profile_statement(struct acl_parser *parser,
                                  const struct acl_line *line) MUST_CHECK NONNULL;
/* A line in it was not understood. */
void acl_profile_lose_line(struct acl_parser *parser) NONNULL;
/* The end of the block: what only the whole profile tells. */
enum result acl_profile_close(struct acl_parser *parser) MUST_CHECK NONNULL;
/* A profile with an error is known by its name, so that its grants are not errors as
 * well; it grants nothing. */
bool acl_profile_is_broken(const struct acl_profile *profile) MUST_CHECK NONNULL;

/* ---- files, hosts and places: aclsource.c ---- */

/* The next file in hand; len: of its text. RES_EMEM, also for lines over 32 bits. */
enum result acl_source_add_file(struct acl_source *source, const char *name,
                                size_t len) MUST_CHECK NONNULL;
/* One that is not there yet. */
enum result acl_source_add_host(struct acl_source *source, struct name name,
                                struct place place,
                                struct acl_host **out) MUST_CHECK NONNULL;
/* That host will soon be looked up. */
void acl_source_prefetch_host(const struct acl_source *source,
                              struct name name) NONNULL;
/* Of a place in the file in hand: the line as acl_source_place has it. */
uint32_t acl_source_line(const struct acl_source *source,
                         struct place place) MUST_CHECK NONNULL;

/* ---- grants: aclgrant.c ---- */

/* words: the profile's name, then names, ports and options. host NULL: every host, or
 * one that has an error. */
enum result acl_grant_parse(struct acl_parser *parser, struct acl_host *host,
                            const struct acl_profile *profile,
                            const struct acl_word *words, size_t count) MUST_CHECK
    NONNULL_AT(1, 3, 4);

#endif

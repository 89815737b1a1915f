/*
 * What the editing of ACL texts has in common: reading a text statement by statement,
 * and a new one in the making. Floor 1c, for the acledit files alone.
 */
#ifndef TSIGATE_CONF_ACLEDIT_WALK_H
#define TSIGATE_CONF_ACLEDIT_WALK_H

#include "base/arena.h"
#include "base/diag.h"
#include "conf/acledit.h"
#include "conf/aclparse.h"

struct acledit_walk {
    struct acledit_text text;
    struct arena words; /* of the statement in hand */
    struct diags diags; /* stays empty: the text has been parsed before */
    struct acl_lexer lexer;
    struct acl_line line;
};

void acledit_walk_init(struct acledit_walk *walk, struct acledit_text text)
    NONNULL_AT(1);
/* The next statement, in walk->line. As acllex_next. */
enum result acledit_walk_next(struct acledit_walk *walk) MUST_CHECK NONNULL;
void acledit_walk_fini(struct acledit_walk *walk) NONNULL;

/* Where the physical line begins that at stands in. */
size_t acledit_line_start(struct acledit_text text, size_t at);
size_t acledit_offset_of(const struct acledit_walk *walk,
                         const struct acl_word *word) NONNULL;

/* Everything fits: its capacity is counted before. */
struct acledit_draft {
    char *chars;
    size_t len;
};

void acledit_draft_add(struct acledit_draft *draft, const char *chars, size_t len)
    NONNULL_AT(1);
void acledit_draft_string(struct acledit_draft *draft, const char *string) NONNULL;

#endif

/*
 * Changes of one grant or one key in the text of an ACL file; comments, order and
 * layout of all else stay as they are. Floor 1c, pure: text in, text out. The text has
 * passed aclfile_parse.
 */
#ifndef TSIGATE_CONF_ACLEDIT_H
#define TSIGATE_CONF_ACLEDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"
#include "dns/name.h"

struct acledit_text {
    const char *chars;
    size_t len;
};

/* What stands in the new line; words as they mean, not as they are quoted. */
struct acledit_addition {
    struct name host;
    const char *host_text;
    const char *profile;
    const char *const *words;
    size_t word_count;
};

/*
 * One grant more: at the end of the host's last block, indented as the line before it;
 * else as a flat `grant` line at the end of the text. *out_line: where it stands.
 * RES_EFORMAT: a word has an octet that no line can hold; RES_EMEM.
 */
enum result acledit_add(struct acledit_text text,
                        const struct acledit_addition *addition, struct arena *arena,
                        struct acledit_text *out,
                        unsigned *out_line) MUST_CHECK NONNULL;

/* One grant's words by their order in its line: names, and ports for themselves. */
struct acledit_removal {
    struct place place; /* of the grant: its profile's word */
    const bool *drops_name;
    const bool *drops_port;
};

/*
 * The grant without what each dropped name with each dropped port gave (a profile
 * without ports: what each dropped name gave). Where only some of the names lose only
 * some of the ports, these names go into a line of their own behind it. A grant that
 * gives nothing more goes with its line. RES_ENOTFOUND: no grant at that place;
 * RES_EMEM.
 */
enum result acledit_remove(struct acledit_text text,
                           const struct acledit_removal *removal, struct arena *arena,
                           struct acledit_text *out) MUST_CHECK NONNULL;

/* A host's key more. */
struct acledit_key {
    struct name host;
    const char *host_text;
    const char *key_text;
    const char *own_text; /* the key that the host has had without a line and has only
                             with one now; NULL: it has lines */
};

/*
 * A `key` line behind the host's last one in the text; without any, at the head of its
 * first block; without a block, in one of its own at the end. Laid out as what stands
 * there. RES_EMEM.
 */
enum result acledit_add_key(struct acledit_text text, const struct acledit_key *key,
                            struct arena *arena,
                            struct acledit_text *out) MUST_CHECK NONNULL;
/* Without the statement that has a word at that place, whatever lines it takes.
 * RES_ENOTFOUND: there is none; RES_EMEM. */
enum result acledit_remove_statement(struct acledit_text text, struct place place,
                                     struct arena *arena,
                                     struct acledit_text *out) MUST_CHECK NONNULL;

#endif

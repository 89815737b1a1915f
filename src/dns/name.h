/*
 * Domain names as wire octets: uncompressed, lower-cased, with the root label.
 * Floor 1b.
 *
 * Every struct name in the project has that form by construction, so equality is a
 * comparison of octets (W-8) and case or compression can never tell two views of one
 * name apart. A struct name is a view; who owns its octets is said where it is kept.
 */
#ifndef TSIGATE_DNS_NAME_H
#define TSIGATE_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/result.h"

struct name {
    const uint8_t *octets; /* NULL: no name */
    uint8_t len;           /* 1 (root) to 255 */
};

/* Room for one name of any length: name_keep fills it, name_of gives the view. */
struct name_buf {
    uint8_t len;
    uint8_t octets[LIMIT_NAME_OCTETS];
};

/* Every octet as \DDD: 4 * 255, dots, NUL. */
#define NAME_TEXT_OCTETS 1280

struct name name_of(const struct name_buf *buf) NONNULL; /* a view of buf */
void name_keep(struct name name, struct name_buf *out) NONNULL;
extern const struct name name_root;

bool name_equal(struct name a, struct name b) MUST_CHECK;
bool name_is_root(struct name name) MUST_CHECK;
/* Whether name is ancestor, or lies below it. */
bool name_is_within(struct name name, struct name ancestor) MUST_CHECK;
bool name_is_below(struct name name, struct name ancestor) MUST_CHECK;
/* Labels without the root: 0 for the root. */
unsigned name_labels(struct name name) MUST_CHECK;
/* The name without its first label; of the root, the root. A view into name. */
struct name name_parent(struct name name) MUST_CHECK;
/* Octet order of the lower-cased wire forms: -1, 0, 1; for sorting only. */
int name_compare(struct name a, struct name b) MUST_CHECK;

/* name, which lies within from, moved below to: X.from becomes X.to.
 * RES_EMISMATCH: name is not within from. RES_ERANGE: the result is over 255 octets. */
enum result name_replace_suffix(struct name name, struct name from, struct name to,
                                struct name_buf *out) MUST_CHECK NONNULL;
/* The labels of prefix (its root left out) before suffix. RES_ERANGE as above. */
enum result name_join(struct name prefix, struct name suffix,
                      struct name_buf *out) MUST_CHECK NONNULL;
/* A copy in the arena; octets NULL when there is no memory. */
struct name name_copy(struct arena *arena, struct name name) NONNULL;

/*
 * From presentation form, always absolute, final dot optional; len octets of text.
 * "\DDD" is any octet and is decoded before letters are folded; every other backslash
 * is RES_EFORMAT, and so are empty labels, octets outside 0x21-0x7e and an empty text.
 * RES_ERANGE: a label over 63 or a name over 255 octets.
 */
enum result name_from_text(const char *text, size_t len,
                           struct name_buf *out) MUST_CHECK NONNULL;
/* RFC 1035 5.1 form without the final dot ("." for the root): printable ASCII as it is,
 * but for '"' '\\' '.' ';' '(' ')' '@' '$' and the space, which like all other octets
 * are \DDD; a label that is '*' alone stays '*' (L-3).
 * text holds NAME_TEXT_OCTETS. Gives text back. */
const char *name_to_text(struct name name, char *text) NONNULL;

#endif

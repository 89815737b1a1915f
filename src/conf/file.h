/*
 * Reading the operator's files whole, and finding them. Floor 1c.
 */
#ifndef TSIGATE_CONF_FILE_H
#define TSIGATE_CONF_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"

struct file_text {
    const char *path; /* the arena's */
    char *chars;      /* heap; NUL-terminated for convenience, may hold NULs */
    size_t len;
};

/*
 * Reads a regular file. Everything that goes wrong is an error in diags, at place
 * (where the file is named; its file NULL: the path itself). RES_EIO, RES_ERANGE (over
 * limit), RES_EMEM.
 */
enum result file_read(const char *path, size_t limit, struct place place,
                      struct diags *diags, struct file_text *out) MUST_CHECK NONNULL;
/*
 * The same for a file that holds secrets (O-3): O_CLOEXEC, then fstat on what was
 * opened (links are followed): regular, owned by root or owner, not writable by group
 * or world, not readable by the world. RES_EMISMATCH: not so; the error says the chmod
 * or chown.
 */
enum result file_read_secret(const char *path, size_t limit, uid_t owner,
                             struct place place, struct diags *diags,
                             struct file_text *out) MUST_CHECK NONNULL;
/* Likewise for a file that says what is run, which the world may read. */
enum result file_read_obeyed(const char *path, size_t limit, uid_t owner,
                             struct place place, struct diags *diags,
                             struct file_text *out) MUST_CHECK NONNULL;
/* Zeroes and frees the text. */
void file_text_free(struct file_text *text) NONNULL;

struct file_list {
    const char **paths; /* the arena's */
    size_t count;
};

/* A path as it is to be opened: relative ones start at the folder of the file base. */
const char *file_path_from(const char *base, const char *path,
                           struct arena *arena) MUST_CHECK NONNULL;

/*
 * Appends what a pattern of `keys` or `acl` stands for: shell patterns (glob(7)) sorted
 * by octets; a path found before is not taken twice. A plain name that is missing is an
 * error (`file-missing`), a pattern without a match a warning
 * (`pattern-without-match`).
 */
enum result file_list_add(struct file_list *list, const char *pattern,
                          struct place place, struct arena *arena,
                          struct diags *diags) MUST_CHECK NONNULL;

#endif

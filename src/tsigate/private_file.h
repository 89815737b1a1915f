/*
 * Files that hold a secret: mode 0600, whole or not there at all, and never over what
 * is there already. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_PRIVATE_FILE_H
#define TSIGATE_TSIGATE_PRIVATE_FILE_H

#include "base/arena.h"
#include "base/result.h"
#include "base/secret.h"

struct private_file {
    const char *path; /* what it becomes */
    char *temporary;  /* what it is until then: beside path, hidden; the arena's */
    int fd;
};

/* What stands for @word@ in a template. */
struct private_word {
    const char *word;
    const char *text;            /* NULL: the secret */
    const struct secret *secret; /* characters */
};

/* RES_EIO: errno tells. RES_EEXISTS: path is there already. RES_EMEM. */
enum result private_file_open(struct private_file *file, const char *path,
                              struct arena *arena) MUST_CHECK NONNULL;
/* Puts it in its place, on disk. RES_EEXISTS: somebody was faster; RES_EIO: errno
 * tells. The file is closed either way, and gone unless RES_OK. */
enum result private_file_commit(struct private_file *file) MUST_CHECK NONNULL;
void private_file_abort(struct private_file *file) NONNULL;

/*
 * Writes the template with its words; an @ that begins none of them stays. Octets go to
 * fd straight from where they are: a secret comes into no buffer on the way. words ends
 * with a word NULL. RES_EIO.
 */
enum result private_write(int fd, const char *template,
                          const struct private_word *words) MUST_CHECK NONNULL;

#endif

/*
 * A file's lines, one by one, in constant memory. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_LINES_H
#define TSIGATE_TSIGATE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct lines {
    const char *path; /* the caller's; "-": standard input */
    int fd;
    char *octets;
    size_t at, have;
    bool is_at_end;
    bool is_cut;     /* the line given last had no newline */
    uint64_t number; /* of the line given last; 1: the first */
};

/* RES_EIO: errno tells; RES_EMEM. */
enum result lines_open(struct lines *lines, const char *path) MUST_CHECK NONNULL;
/* Of a descriptor, which lines_close closes; name is for messages. */
enum result lines_of(struct lines *lines, int fd, const char *name) MUST_CHECK NONNULL;
/* The next line without its newline; it holds until the next call. RES_ENOTFOUND: there
 * is none; RES_EIO; RES_ERANGE: it is longer than any line of the audit log. */
enum result lines_next(struct lines *lines, const char **out_line,
                       size_t *out_len) MUST_CHECK NONNULL;
void lines_close(struct lines *lines) NONNULL;
/* What went wrong, for people; errno is as the call left it. */
const char *lines_error(enum result result);

#endif

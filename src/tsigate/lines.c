#include "tsigate/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

enum result lines_of(struct lines *lines, int fd, const char *name)
{
    *lines = (struct lines){.path = name, .fd = fd};
    if (fd < 0)
        return RES_EIO;
    lines->octets = malloc(LIMIT_AUDIT_LINE_OCTETS);
    return lines->octets != NULL ? RES_OK : RES_EMEM;
}

enum result lines_open(struct lines *lines, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    return lines_of(lines, is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC),
                    path);
}

void lines_close(struct lines *lines)
{
    if (lines->fd > STDIN_FILENO)
        (void)close(lines->fd);
    free(lines->octets);
    *lines = (struct lines){.fd = -1};
}

/* More octets behind those that are there. */
static enum result fill(struct lines *lines)
{
    lines->have -= lines->at;
    memmove(lines->octets, lines->octets + lines->at, lines->have);
    lines->at = 0;
    if (lines->have == LIMIT_AUDIT_LINE_OCTETS)
        return RES_ERANGE;
    ssize_t n;
    do
        n = read(lines->fd, lines->octets + lines->have,
                 LIMIT_AUDIT_LINE_OCTETS - lines->have);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return RES_EIO;
    lines->have += (size_t)n;
    lines->is_at_end = n == 0;
    return RES_OK;
}

static void give(struct lines *lines, size_t len, bool is_cut, const char **out_line,
                 size_t *out_len)
{
    *out_line = lines->octets + lines->at;
    *out_len = len;
    lines->number++;
    lines->is_cut = is_cut;
    lines->at += len + (is_cut ? 0 : 1);
}

enum result lines_next(struct lines *lines, const char **out_line, size_t *out_len)
{
    size_t seen = 0;
    for (;;) {
        const char *start = lines->octets + lines->at;
        size_t left = lines->have - lines->at;
        const char *newline = memchr(start + seen, '\n', left - seen);
        if (newline == NULL && lines->is_at_end && left == 0)
            return RES_ENOTFOUND;
        if (newline != NULL || lines->is_at_end) {
            size_t len = newline != NULL ? (size_t)(newline - start) : left;
            give(lines, len, newline == NULL, out_line, out_len);
            return RES_OK;
        }
        seen = left;
        enum result result = fill(lines);
        if (result != RES_OK)
            return result;
    }
}

const char *lines_error(enum result result)
{
    if (result == RES_EMEM)
        return "out of memory";
    if (result == RES_ERANGE)
        return "a line is longer than any that tsigated writes: is it an audit log?";
    return result == RES_EIO ? strerror(errno) : "cannot be read";
}

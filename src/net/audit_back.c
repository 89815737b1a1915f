#include "net/audit_back.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/timestamp.h"
#include "txn/log_read.h"

/* How far back the search for the beginning goes first; then twice as far... */
#define FIRST_STEP_OCTETS (1024 * 1024)
#define SLACK_S           60

/* A file's lines, read in pieces. */
struct lines {
    int fd;
    char *octets; /* LIMIT_AUDIT_LINE_OCTETS */
    size_t have;
};

/* ---- where to begin ---- */

/* Up to a buffer full of the file from offset. */
static enum result read_at(struct lines *lines, off_t offset)
{
    lines->have = 0;
    while (lines->have < LIMIT_AUDIT_LINE_OCTETS) {
        ssize_t n =
            pread(lines->fd, lines->octets + lines->have,
                  LIMIT_AUDIT_LINE_OCTETS - lines->have, offset + (off_t)lines->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return RES_EIO;
        if (n == 0)
            break;
        lines->have += (size_t)n;
    }
    return RES_OK;
}

/* A line about a request, and when. Only these can be relied on: while the clock is
 * back by more than max_fudge no update is executed (T-21), but other lines are
 * written. */
static bool read_time(const char *line, size_t len, int64_t *out_us)
{
    struct log_record record;
    char time[TIMESTAMP_TEXT_OCTETS];

    if (log_read(line, len, &record) != RES_OK || record.event > LOG_LATE)
        return false;
    return timestamp_parse_us(log_span_text(record.time, time, sizeof(time)), out_us) ==
           RES_OK;
}

struct moment {
    bool is_found;
    int64_t time_us;
    size_t at; /* of its line, in the buffer */
};

/* The first and the last line about a request in the buffer. Its first octets may be
 * the rest of a line. */
static void find_moments(const struct lines *lines, struct moment *out_first,
                         struct moment *out_last)
{
    const char *end = lines->octets + lines->have;
    const char *at = memchr(lines->octets, '\n', lines->have);

    *out_first = *out_last = (struct moment){.is_found = false};
    while (at != NULL && ++at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct moment moment = {true, 0, (size_t)(at - lines->octets)};
        if (newline != NULL && read_time(at, (size_t)(newline - at), &moment.time_us)) {
            if (!out_first->is_found)
                *out_first = moment;
            *out_last = moment;
        }
        at = newline;
    }
}

/*
 * Where to begin, so that what stands before is of no use: neither could it come again,
 * nor can a crash have left it open. A request that is still believed now was received
 * at most 2 x max_fudge ago, and while updates are executed times in the log go back by
 * one max_fudge at most. What a crash left open is near the end of the log, however
 * long ago that was.
 */
static enum result find_beginning(struct lines *lines, struct audit_back *back,
                                  off_t size, off_t *out_offset)
{
    int64_t since_us = back->now_us;
    int64_t span_us = (3 * (int64_t)back->max_fudge_s + SLACK_S) * 1000000;
    struct moment first, last;

    *out_offset = 0;
    for (off_t step = FIRST_STEP_OCTETS; step < size; step *= 2) {
        enum result res = read_at(lines, size - step);
        if (res != RES_OK)
            return res;
        find_moments(lines, &first, &last);
        if (step == FIRST_STEP_OCTETS) {
            if (last.is_found && last.time_us < since_us)
                since_us = last.time_us;
            since_us -= span_us;
        }
        if (first.is_found && first.time_us < since_us) {
            *out_offset = size - step + (off_t)first.at;
            back->is_tail = true;
            return RES_OK;
        }
    }
    return RES_OK;
}

/* ---- reading ---- */

static enum result scan_piece(struct lines *lines, struct log_scan *scan)
{
    size_t at = 0;

    for (;;) {
        const char *newline = memchr(lines->octets + at, '\n', lines->have - at);
        if (newline == NULL)
            break;
        size_t len = (size_t)(newline - lines->octets) - at;
        enum result res = log_scan_line(scan, lines->octets + at, len);
        if (res != RES_OK)
            return res;
        at += len + 1;
    }
    lines->have -= at;
    memmove(lines->octets, lines->octets + at, lines->have);
    return RES_OK;
}

static enum result scan_lines(struct lines *lines, struct audit_back *back)
{
    lines->have = 0;
    for (;;) {
        if (lines->have == LIMIT_AUDIT_LINE_OCTETS)
            return RES_ERANGE; /* a line that is none of ours */
        ssize_t n = read(lines->fd, lines->octets + lines->have,
                         LIMIT_AUDIT_LINE_OCTETS - lines->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return RES_EIO;
        if (n == 0)
            break;
        lines->have += (size_t)n;
        enum result res = scan_piece(lines, back->scan);
        if (res != RES_OK)
            return res;
    }
    /* Without its newline: torn by a crash, and chained as it is (L-4). */
    back->is_cut = lines->have > 0;
    return back->is_cut ? log_scan_line(back->scan, lines->octets, lines->have)
                        : RES_OK;
}

static enum result read_from_beginning(struct lines *lines, struct audit_back *back)
{
    struct stat status;
    off_t offset = 0;

    if (fstat(lines->fd, &status) != 0)
        return RES_EIO;
    enum result res = find_beginning(lines, back, status.st_size, &offset);
    if (res == RES_OK && lseek(lines->fd, offset, SEEK_SET) < 0)
        res = RES_EIO;
    return res == RES_OK ? scan_lines(lines, back) : res;
}

enum result audit_back_read(struct audit_back *back, const char *path)
{
    struct lines lines = {.octets = malloc(LIMIT_AUDIT_LINE_OCTETS)};

    back->is_cut = back->is_tail = false;
    if (lines.octets == NULL)
        return RES_EMEM;
    lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    enum result res = lines.fd < 0 ? RES_EIO : read_from_beginning(&lines, back);
    int error = errno;
    if (lines.fd >= 0)
        (void)close(lines.fd);
    free(lines.octets);
    errno = error;
    return res;
}

#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"

/* The path stands in the message unless the place is the file itself. */
static void PRINTF(5, 6)
    complain(struct diags *diags, struct place place, const char *path, const char *id,
             const char *format, ...)
{
    char text[LIMIT_LINE_OCTETS];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (place.file != NULL)
        diags_error(diags, place, id, "%s: %s", path, text);
    else
        diags_error(diags, (struct place){.file = path}, id, "%s", text);
}

/* Without O_NONBLOCK a FIFO would hold the program up before fstat can refuse it. */
static enum result open_file(const char *path, struct place place, struct diags *diags,
                             int *out_fd, struct stat *out_stat)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, out_stat) != 0) {
        complain(diags, place, path,
                 errno == ENOENT ? "file-missing" : "file-unreadable", "%s",
                 strerror(errno));
    } else if (!S_ISREG(out_stat->st_mode)) {
        complain(diags, place, path, "file-not-regular", "not a regular file");
    } else {
        *out_fd = fd;
        return RES_OK;
    }
    if (fd >= 0)
        close(fd);
    return RES_EIO;
}

/* What is read in one go. A kernel that does not preempt itself reads on through a
 * large file whoever waits for the CPU: 6 ms for 10 MB. */
#define PIECE_OCTETS (256 * 1024)

/* Up to capacity octets; -1: errno tells. */
static ssize_t read_all(int fd, char *chars, size_t capacity)
{
    size_t len = 0;
    while (len < capacity) {
        size_t left = capacity - len;
        ssize_t n = read(fd, chars + len, left < PIECE_OCTETS ? left : PIECE_OCTETS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* One octet more than there should be tells a file that grows; and there is never a
 * second, smaller copy of a secret that nobody zeroes. */
static enum result read_text(int fd, size_t size, const char *path, struct place place,
                             struct diags *diags, struct file_text *out)
{
    out->path = path;
    out->chars = malloc(size + 1);
    if (out->chars == NULL)
        return RES_EMEM;
    ssize_t len = read_all(fd, out->chars, size + 1);
    if (len >= 0 && (size_t)len <= size) {
        out->len = (size_t)len;
        out->chars[len] = '\0';
        return RES_OK;
    }
    if (len < 0) {
        complain(diags, place, path, "file-unreadable", "%s", strerror(errno));
    } else {
        complain(diags, place, path, "file-unreadable", "it grew while it was read");
    }
    out->len = size + 1;
    file_text_free(out);
    return RES_EIO;
}

enum guard {
    GUARD_NONE = 0,
    GUARD_OBEYED, /* nobody else may write it */
    GUARD_SECRET, /* nor the world read it */
};

struct reading {
    const char *path;
    size_t limit;
    struct place place;
    struct diags *diags;
    enum guard guard;
    uid_t owner;
};

/* O-3: on what was opened, so that nobody can exchange it in between. */
static enum result check_guard(const struct reading *reading, const struct stat *stat)
{
    bool is_secret = reading->guard == GUARD_SECRET;
    mode_t wrong = S_IWGRP | S_IWOTH | (is_secret ? S_IROTH : 0);
    const char *what = is_secret ? "the keys" : "what is run";
    enum result result = RES_OK;
    if (stat->st_uid != 0 && stat->st_uid != reading->owner) {
        char or_owner[32] = "";
        if (reading->owner != 0)
            snprintf(or_owner, sizeof or_owner, " or uid %lu",
                     (unsigned long)reading->owner);
        complain(reading->diags, reading->place, reading->path, "file-owner",
                 "it belongs to uid %lu, who could change %s: chown it to root%s",
                 (unsigned long)stat->st_uid, what, or_owner);
        result = RES_EMISMATCH;
    }
    if ((stat->st_mode & wrong) != 0) {
        bool is_read = is_secret && (stat->st_mode & S_IROTH) != 0;
        complain(reading->diags, reading->place, reading->path, "file-mode",
                 "mode %04o lets others %s%s: chmod %s it",
                 (unsigned)(stat->st_mode & 07777),
                 is_read     ? "read the secrets"
                 : is_secret ? "write "
                             : "say ",
                 is_read ? "" : what, is_secret ? "g-w,o-rwx" : "go-w");
        result = RES_EMISMATCH;
    }
    return result;
}

static enum result read_file(const struct reading *reading, struct file_text *out)
{
    struct place place = reading->place;
    struct stat stat;
    int fd = -1;
    *out = (struct file_text){.path = reading->path};
    enum result result = open_file(reading->path, place, reading->diags, &fd, &stat);
    if (result != RES_OK)
        return result;
    if (reading->guard != GUARD_NONE)
        result = check_guard(reading, &stat);
    if (result == RES_OK && (uintmax_t)stat.st_size > reading->limit) {
        complain(reading->diags, place, reading->path, "file-too-large",
                 "%jd octets; the limit is %zu", (intmax_t)stat.st_size,
                 reading->limit);
        result = RES_ERANGE;
    }
    if (result == RES_OK) {
        result = read_text(fd, (size_t)stat.st_size, reading->path, place,
                           reading->diags, out);
    }
    close(fd);
    return result;
}

enum result file_read(const char *path, size_t limit, struct place place,
                      struct diags *diags, struct file_text *out)
{
    const struct reading reading = {path, limit, place, diags, GUARD_NONE, 0};
    return read_file(&reading, out);
}

enum result file_read_secret(const char *path, size_t limit, uid_t owner,
                             struct place place, struct diags *diags,
                             struct file_text *out)
{
    const struct reading reading = {path, limit, place, diags, GUARD_SECRET, owner};
    return read_file(&reading, out);
}

enum result file_read_obeyed(const char *path, size_t limit, uid_t owner,
                             struct place place, struct diags *diags,
                             struct file_text *out)
{
    const struct reading reading = {path, limit, place, diags, GUARD_OBEYED, owner};
    return read_file(&reading, out);
}

void file_text_free(struct file_text *text)
{
    if (text->chars != NULL) {
        explicit_bzero(text->chars, text->len);
        free(text->chars);
    }
    *text = (struct file_text){0};
}

/* ---- lists of files ---- */

/* "./" and doubled slashes go, so that one file has one spelling. */
static void tidy_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0';) {
        bool at_start = from == path || from[-1] == '/';
        if (at_start && from[0] == '.' && from[1] == '/')
            from += 2;
        else if (*from == '/' && from != path && from[-1] == '/')
            from++;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

const char *file_path_from(const char *base, const char *path, struct arena *arena)
{
    const char *slash = strrchr(base, '/');
    char *joined = NULL;
    if (path[0] == '/' || slash == NULL)
        joined = arena_string(arena, path);
    else
        joined = arena_printf(arena, "%.*s/%s", (int)(slash - base), base, path);
    if (joined != NULL)
        tidy_path(joined);
    return joined;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths that the list does not have yet. */
static enum result append_paths(struct file_list *list, char **paths, size_t count,
                                struct arena *arena)
{
    struct map known;
    enum result result = RES_OK;
    map_init(&known);
    const char **all = arena_array(arena, list->count + count, sizeof(*all));
    if (all == NULL)
        return RES_EMEM;
    size_t n = 0;
    for (size_t i = 0; result == RES_OK && i < list->count + count; i++) {
        const char *path = i < list->count
                               ? list->paths[i]
                               : arena_string(arena, paths[i - list->count]);
        result =
            path == NULL ? RES_EMEM : map_put(&known, path, strlen(path), (void *)path);
        if (result == RES_OK)
            all[n++] = path;
        result = result == RES_EEXISTS ? RES_OK : result;
    }
    map_fini(&known);
    if (result == RES_OK)
        *list = (struct file_list){all, n};
    return result;
}

static enum result add_plain(struct file_list *list, const char *path,
                             struct place place, struct arena *arena,
                             struct diags *diags)
{
    struct stat stat_buf;
    if (stat(path, &stat_buf) != 0) {
        diags_error(diags, place, errno == ENOENT ? "file-missing" : "file-unreadable",
                    "%s: %s", path, strerror(errno));
        return RES_EIO;
    }
    char *paths[] = {(char *)path};
    return append_paths(list, paths, 1, arena);
}

/* A folder that cannot be read must not look like one without files. */
static int is_fatal(const char *folder, int error)
{
    (void)folder;
    return error != ENOENT && error != ENOTDIR;
}

enum result file_list_add(struct file_list *list, const char *pattern,
                          struct place place, struct arena *arena, struct diags *diags)
{
    if (strpbrk(pattern, "*?[") == NULL)
        return add_plain(list, pattern, place, arena, diags);
    glob_t found = {0};
    enum result result = RES_OK;
    switch (glob(pattern, GLOB_NOSORT, is_fatal, &found)) {
    case 0:
        qsort(found.gl_pathv, found.gl_pathc, sizeof(char *), compare_paths);
        result = append_paths(list, found.gl_pathv, found.gl_pathc, arena);
        break;
    case GLOB_NOMATCH:
        diags_warn(diags, place, "pattern-without-match", "%s: no file matches",
                   pattern);
        break;
    case GLOB_NOSPACE:
        result = RES_EMEM;
        break;
    default:
        diags_error(diags, place, "file-unreadable",
                    "%s: a folder of it cannot be read", pattern);
        result = RES_EIO;
    }
    globfree(&found);
    return result;
}

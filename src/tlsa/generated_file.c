#include "tlsa/generated_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/disk.h"

#define NEW_MODE 0644

/* The folder with its slash; "./" for the one where we are. */
static const char *folder_of(struct tool *tool, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL
               ? arena_string_n(&tool->arena, path, (size_t)(slash + 1 - path))
               : "./";
}

static int name_files(struct tool *tool, const char *path, struct generated_file *out)
{
    struct stat found;
    char *real = realpath(path, NULL); /* a link stays one; NULL: it is not there yet */
    if (real == NULL && (errno != ENOENT || lstat(path, &found) == 0))
        return tool_fail_errno(path); /* a link that leads nowhere, among others */
    if (real != NULL && (stat(real, &found) != 0 || !S_ISREG(found.st_mode))) {
        free(real);
        return tool_fail(TOOL_OUTSIDE, "%s: not a regular file", path);
    }
    out->path = arena_string(&tool->arena, real != NULL ? real : path);
    free(real);
    if (out->path == NULL)
        return tool_no_memory();
    const char *slash = strrchr(out->path, '/');
    const char *folder = folder_of(tool, out->path);
    out->pending = folder == NULL ? NULL
                                  : arena_printf(&tool->arena, "%s.%s.pending", folder,
                                                 slash != NULL ? slash + 1 : out->path);
    return out->pending != NULL ? TOOL_DONE : tool_no_memory();
}

/* Whether the file has this text already. */
static bool is_same(const char *path, const char *text, size_t len)
{
    char chunk[4096];
    size_t at = 0;
    size_t got = 0;
    bool is_equal = true;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (is_equal && (got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        is_equal = got <= len - at && memcmp(chunk, text + at, got) == 0;
        at += got;
    }
    is_equal = is_equal && at == len && ferror(file) == 0;
    fclose(file);
    return is_equal;
}

/* Whom the file belongs to and who may read it stay as they were. */
static bool keep_rights(int fd, const char *path)
{
    struct stat old;
    if (stat(path, &old) != 0)
        return errno == ENOENT && fchmod(fd, NEW_MODE) == 0;
    if (geteuid() == 0 && fchown(fd, old.st_uid, old.st_gid) != 0)
        return false;
    return fchmod(fd, old.st_mode & 07777) == 0;
}

/* The mark has to be on disk before the change is. */
static bool set_mark(const char *pending)
{
    int fd = open(pending, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    close(fd);
    return disk_sync_folder_of(pending) == RES_OK;
}

static int exchange(struct tool *tool, const char *text, size_t len, const char *folder,
                    const struct generated_file *file)
{
    char *temporary = arena_printf(&tool->arena, "%s.tsigate-tlsa.XXXXXX", folder);
    if (temporary == NULL)
        return tool_no_memory();
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return tool_fail_errno(file->path);
    bool is_done = disk_write(fd, text, len) == RES_OK && keep_rights(fd, file->path) &&
                   fsync(fd) == 0 && rename(temporary, file->path) == 0;
    int error = errno;
    close(fd);
    if (!is_done) {
        (void)unlink(temporary);
        errno = error;
        return tool_fail_errno(file->path);
    }
    return disk_sync_folder_of(file->path) == RES_OK ? TOOL_DONE
                                                     : tool_fail_errno(folder);
}

int generated_file_write(struct tool *tool, const char *path, const char *text,
                         size_t len, bool marks, struct generated_file *out)
{
    *out = (struct generated_file){.is_changed = false};
    int code = name_files(tool, path, out);
    if (code != TOOL_DONE || is_same(out->path, text, len))
        return code;
    const char *folder = folder_of(tool, out->path);
    if (folder == NULL)
        return tool_no_memory();
    if (marks && !set_mark(out->pending))
        return tool_fail_errno(out->pending);
    code = exchange(tool, text, len, folder, out);
    out->is_changed = code == TOOL_DONE;
    return code;
}

int generated_file_then(struct generated_file *file, const char *command)
{
    if (access(file->pending, F_OK) != 0)
        return TOOL_DONE;
    fflush(stdout);
    int status = system(command);
    if (status != 0)
        return tool_fail(
            TOOL_OUTSIDE,
            "%s: \"%s\" failed (%s %d); the next run tries it "
            "again",
            file->path, command, status != -1 && WIFEXITED(status) ? "exit" : "status",
            status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : status);
    return unlink(file->pending) == 0 ? TOOL_DONE : tool_fail_errno(file->pending);
}

#include "tlsa/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"

/* A deployment that tells a slow service has the lock that long. */
#define PATIENCE_S  30
#define TRIES_PER_S 10
#define STATE_LIST  4096

static const char *path_of(const struct state *state, const char *name)
{
    return arena_printf(&state->tool->arena, "%s/%s", state->folder, name);
}

static int check_folder(const char *folder)
{
    struct stat stat;
    if (lstat(folder, &stat) != 0)
        return tool_fail_errno(folder);
    if (!S_ISDIR(stat.st_mode))
        return tool_fail(TOOL_OUTSIDE, "%s: not a folder", folder);
    if (stat.st_uid != geteuid())
        return tool_fail(TOOL_OUTSIDE,
                         "%s: it belongs to uid %lu: `state` has to be a folder of its "
                         "own, of whom tsigate-tlsa runs as",
                         folder, (unsigned long)stat.st_uid);
    if ((stat.st_mode & 077) != 0)
        return tool_fail(TOOL_OUTSIDE, "%s: mode %04o lets others in: chmod 0700 it",
                         folder, (unsigned)(stat.st_mode & 07777));
    return TOOL_DONE;
}

static int take_lock(struct state *state, unsigned patience_s)
{
    const char *path = path_of(state, "lock");
    if (path == NULL)
        return tool_no_memory();
    state->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (state->lock < 0)
        return tool_fail_errno(path);
    unsigned tries = patience_s * TRIES_PER_S;
    while (flock(state->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return tool_fail_errno(path);
        if (tries-- == 0)
            return tool_fail(TOOL_OUTSIDE, "%s: another run is under way",
                             state->folder);
        (void)poll(NULL, 0, 1000 / TRIES_PER_S);
    }
    return TOOL_DONE;
}

static int open_folder(struct tool *tool, const char *folder, bool locks,
                       unsigned patience_s, struct state *out)
{
    *out = (struct state){.tool = tool, .folder = folder, .lock = -1};
    if (locks && mkdir(folder, 0700) != 0 && errno != EEXIST)
        return tool_fail_errno(folder);
    if (!locks && access(folder, F_OK) != 0 && errno == ENOENT)
        return TOOL_DONE;
    int code = check_folder(folder);
    return code == TOOL_DONE && locks ? take_lock(out, patience_s) : code;
}

int state_open(struct tool *tool, const char *folder, bool locks, struct state *out)
{
    return open_folder(tool, folder, locks, 0, out);
}

int state_open_patiently(struct tool *tool, const char *folder, struct state *out)
{
    return open_folder(tool, folder, true, PATIENCE_S, out);
}

void state_close(struct state *state)
{
    if (state->lock >= 0)
        close(state->lock);
    state->lock = -1;
}

int state_write(struct state *state, const char *name, const char *octets, size_t len)
{
    const char *path = path_of(state, name);
    const char *fresh =
        arena_printf(&state->tool->arena, "%s/.%s.new", state->folder, name);
    if (path == NULL || fresh == NULL)
        return tool_no_memory();
    (void)unlink(fresh); /* of a run that was cut off */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return tool_fail_errno(fresh);
    bool is_done = disk_write(fd, octets, len) == RES_OK && fsync(fd) == 0 &&
                   rename(fresh, path) == 0;
    int error = errno;
    close(fd);
    if (!is_done)
        (void)unlink(fresh);
    errno = error;
    return is_done && disk_sync_folder_of(path) == RES_OK ? TOOL_DONE
                                                          : tool_fail_errno(path);
}

int state_read(struct state *state, const char *name, struct file_text *out)
{
    struct tool *tool = state->tool;
    const char *path = path_of(state, name);
    const struct place place = {.file = NULL};
    *out = (struct file_text){.path = path};
    if (path == NULL)
        return tool_no_memory();
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return TOOL_DONE;
    enum result result =
        file_read_secret(path, STATE_OCTETS, geteuid(), place, &tool->diags, out);
    return result == RES_OK ? TOOL_DONE : tool_fail_diags(tool, TOOL_OUTSIDE);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What begins with a dot is of writing. */
static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > strlen(end) &&
           strcmp(name + len - strlen(end), end) == 0;
}

static int take_names(struct state *state, DIR *folder, const char *end,
                      const char **names, size_t *count)
{
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (!ends_in(entry->d_name, end))
            continue;
        if (*count == STATE_LIST)
            return tool_fail(TOOL_OUTSIDE, "%s: more than %d files", state->folder,
                             STATE_LIST);
        names[*count] = arena_string_n(&state->tool->arena, entry->d_name,
                                       strlen(entry->d_name) - strlen(end));
        if (names[(*count)++] == NULL)
            return tool_no_memory();
    }
    return TOOL_DONE;
}

int state_list(struct state *state, const char *end, const char ***out,
               size_t *out_count)
{
    const char **names = arena_array(&state->tool->arena, STATE_LIST, sizeof *names);
    *out = names;
    *out_count = 0;
    if (names == NULL)
        return tool_no_memory();
    DIR *folder = opendir(state->folder);
    if (folder == NULL)
        return errno == ENOENT ? TOOL_DONE : tool_fail_errno(state->folder);
    int code = take_names(state, folder, end, names, out_count);
    closedir(folder);
    qsort(names, *out_count, sizeof *names, compare_names);
    return code;
}

int state_remove(struct state *state, const char *name)
{
    const char *path = path_of(state, name);
    if (path == NULL)
        return tool_no_memory();
    if (unlink(path) != 0)
        return errno == ENOENT ? TOOL_DONE : tool_fail_errno(path);
    return disk_sync_folder_of(path) == RES_OK ? TOOL_DONE : tool_fail_errno(path);
}

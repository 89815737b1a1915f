#include "tlsa/deploy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/disk.h"

#define PASSWORD_OCTETS 1024

/* Hidden, so that no service that reads a folder of certificates takes it for one. */
static const char *beside(struct tool *tool, const char *path, const char *what)
{
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash + 1 - path) : 0;
    return arena_printf(&tool->arena, "%.*s.%s.tsigate-%s", folder, path, path + folder,
                        what);
}

/* ---- what it should be ---- */

/* Of a file that is not there yet: its folder without links. NULL: errno tells. */
static char *real_place(struct tool *tool, const char *path)
{
    struct stat stat;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *folder =
        slash != NULL ? arena_string_n(&tool->arena, path, (size_t)(name - path)) : ".";
    /* What lstat finds and realpath did not is a link that leads nowhere. */
    char *real = errno == ENOENT && folder != NULL && lstat(path, &stat) != 0
                     ? realpath(folder, NULL)
                     : NULL;
    char *joined =
        real != NULL ? arena_printf(&tool->arena, "%s/%s", real, name) : NULL;
    free(real);
    return joined;
}

/* Where a link stands, what it leads to is exchanged. The path is absolute, since the
 * state remembers it. */
static int resolve(struct tool *tool, struct deploy_file *file)
{
    const char *path = file->file->path;
    char *real = realpath(path, NULL);
    file->is_there = real != NULL;
    file->path =
        real != NULL ? arena_string(&tool->arena, real) : real_place(tool, path);
    free(real);
    if (file->path == NULL)
        return tool_fail_errno(path);
    file->fresh = beside(tool, file->path, "new");
    file->old = beside(tool, file->path, "old");
    return file->fresh != NULL && file->old != NULL ? TOOL_DONE : tool_no_memory();
}

/* What is not said stays; nobody reads a key whom the file did not name. */
static int settle_rights(struct deploy_file *file, const struct stat *found)
{
    const struct deployment_file *said = file->file;
    bool has_key = deployment_format_has_key(said->format);
    mode_t mode = has_key ? 0600 : 0644;
    if (file->is_there)
        mode = found->st_mode & (has_key ? 0770 : 0777);
    file->mode = said->has_mode ? said->mode : mode;
    file->uid = file->is_there ? found->st_uid : geteuid();
    file->gid = file->is_there ? found->st_gid : getegid();
    if (said->uid != (uid_t)-1)
        file->uid = said->uid;
    if (said->gid != (gid_t)-1)
        file->gid = said->gid;
    if (geteuid() != 0 && file->uid != geteuid())
        return tool_fail(TOOL_OUTSIDE, "%s: only root can give it to uid %lu",
                         file->path, (unsigned long)file->uid);
    if (geteuid() != 0 && file->gid != getegid() && group_member(file->gid) == 0)
        return tool_fail(TOOL_OUTSIDE,
                         "%s: only root and its members can give it to gid %lu",
                         file->path, (unsigned long)file->gid);
    return TOOL_DONE;
}

static bool has_octets(const struct material *material,
                       const struct rendering_wish *wish, struct deploy_file *file)
{
    struct file_text text;
    struct diags diags; /* what cannot be read is not the same: nobody is told */
    const struct place place = {.file = NULL};
    diags_init(&diags);
    bool is_same =
        file_read(file->path, CERTFILE_OCTETS, place, &diags, &text) == RES_OK &&
        rendering_equals(material, wish, file->octets, text.chars, text.len);
    file_text_free(&text);
    diags_fini(&diags);
    return is_same;
}

static int compare(const struct material *material, const struct rendering_wish *wish,
                   struct deploy_file *file)
{
    struct stat found = {.st_mode = 0};
    if (file->is_there && stat(file->path, &found) != 0)
        return tool_fail_errno(file->path);
    if (file->is_there && !S_ISREG(found.st_mode))
        return tool_fail(TOOL_OUTSIDE, "%s: not a regular file", file->path);
    int code = settle_rights(file, &found);
    file->is_changed =
        !file->is_there || found.st_uid != file->uid || found.st_gid != file->gid ||
        (found.st_mode & 07777) != file->mode || !has_octets(material, wish, file);
    return code;
}

static int render(const struct material *material, const struct rendering_wish *wish,
                  struct deploy_file *file)
{
    switch (rendering_make(material, wish, &file->octets)) {
    case RES_OK:
        return TOOL_DONE;
    case RES_ENOTFOUND:
        return tool_fail(TOOL_CONFIG,
                         "%s: no chain for %s: the certificate stands there alone",
                         material->certificate.path, file->path);
    default:
        return tool_fail(TOOL_OUTSIDE, "%s: OpenSSL cannot make it (%s)", file->path,
                         deployment_format_name(wish->format));
    }
}

/* The first line. The text is zeroed when it is freed. */
static int read_password(struct tool *tool, const char *path, struct file_text *text)
{
    const struct place place = {.file = NULL};
    if (file_read_secret(path, PASSWORD_OCTETS, geteuid(), place, &tool->diags, text) !=
        RES_OK)
        return tool_fail_diags(tool, TOOL_CONFIG);
    size_t len = strcspn(text->chars, "\r\n");
    if (len == 0 || memchr(text->chars, '\0', text->len) != NULL)
        return tool_fail(TOOL_CONFIG, "%s: expected a password in the first line",
                         path);
    text->chars[len] = '\0';
    return TOOL_DONE;
}

int deploy_file_open(struct tool *tool,
                     const struct deployment_certificate *certificate,
                     const struct material *material,
                     const struct deployment_file *file, struct deploy_file *out)
{
    struct file_text password = {.path = file->password_file};
    *out = (struct deploy_file){.file = file};
    int code = resolve(tool, out);
    if (code == TOOL_DONE && file->password_file != NULL)
        code = read_password(tool, file->password_file, &password);
    const struct rendering_wish wish = {
        .format = file->format,
        .name = certificate->name,
        .password = password.chars,
    };
    if (code == TOOL_DONE)
        code = render(material, &wish, out);
    if (code == TOOL_DONE)
        code = compare(material, &wish, out);
    file_text_free(&password);
    return code;
}

void deploy_file_close(struct deploy_file *file)
{
    BIO_free(file->octets);
    file->octets = NULL;
}

/* ---- the exchange ---- */

/* What the folder does not give by itself: SELinux's label, and an access list by which
 * a service reads the file. Not one that lets everybody read a key. */
static void copy_labels(const struct deploy_file *file, int fd)
{
    static const char *const labels[] = {"security.selinux", "system.posix_acl_access"};
    struct stat old;
    char value[4096];
    if (!file->is_there || stat(file->path, &old) != 0)
        return;
    bool is_open =
        (old.st_mode & S_IROTH) != 0 && deployment_format_has_key(file->file->format);
    for (size_t i = 0; i < (is_open ? 1 : 2); i++) {
        ssize_t len = getxattr(file->path, labels[i], value, sizeof value);
        if (len > 0) /* where the file system has none there is none to lose */
            (void)fsetxattr(fd, labels[i], value, (size_t)len, 0);
    }
}

static bool fill(const struct deploy_file *file, int fd)
{
    char *octets = NULL;
    long len = BIO_get_mem_data(file->octets, &octets);
    copy_labels(file, fd);
    if (geteuid() == 0 ? fchown(fd, file->uid, file->gid) != 0
                       : fchown(fd, (uid_t)-1, file->gid) != 0)
        return false;
    return fchmod(fd, file->mode) == 0 &&
           disk_write(fd, octets, (size_t)len) == RES_OK && fsync(fd) == 0;
}

int deploy_file_stage(const struct deploy_file *file)
{
    (void)unlink(file->fresh);
    int fd =
        open(file->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return tool_fail_errno(file->fresh);
    bool is_done = fill(file, fd);
    int error = errno;
    close(fd);
    if (is_done)
        return TOOL_DONE;
    (void)unlink(file->fresh);
    errno = error;
    return tool_fail_errno(file->path);
}

int deploy_file_keep(const struct deploy_file *file)
{
    struct stat kept;
    if (!file->is_there)
        return TOOL_DONE;
    if (link(file->path, file->old) != 0 && errno != EEXIST)
        return tool_fail_errno(file->old);
    if (lstat(file->old, &kept) != 0 || !S_ISREG(kept.st_mode))
        return tool_fail(TOOL_OUTSIDE, "%s: something else stands there", file->old);
    return disk_sync_folder_of(file->old) == RES_OK ? TOOL_DONE
                                                    : tool_fail_errno(file->old);
}

int deploy_file_exchange(const struct deploy_file *file)
{
    if (rename(file->fresh, file->path) != 0)
        return tool_fail_errno(file->path);
    return disk_sync_folder_of(file->path) == RES_OK ? TOOL_DONE
                                                     : tool_fail_errno(file->path);
}

void deploy_file_tidy(const struct deploy_file *file, bool has_old)
{
    (void)unlink(file->fresh);
    if (!has_old)
        (void)unlink(file->old);
}

int deploy_file_restore(struct tool *tool, const char *path, bool was_there)
{
    const char *old = beside(tool, path, "old");
    if (old == NULL)
        return tool_no_memory();
    int done = was_there ? rename(old, path) : unlink(path);
    if (done != 0 && errno != ENOENT) /* ENOENT: it has been done */
        return tool_fail_errno(path);
    /* rename does nothing where both are one file still, and leaves both names */
    (void)unlink(old);
    return disk_sync_folder_of(path) == RES_OK ? TOOL_DONE : tool_fail_errno(path);
}

void deploy_file_forget(struct tool *tool, const char *path)
{
    const char *old = beside(tool, path, "old");
    if (old != NULL)
        (void)unlink(old);
}

#include "tsigate/install.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/limits.h"
#include "base/timestamp.h"
#include "tsigate/daemon.h"
#include "tsigate/diff.h"

bool install_take_option(struct install *install, int option)
{
    if (option == INSTALL_OPTION_YES)
        install->says_yes = true;
    else if (option == INSTALL_OPTION_NO_RELOAD)
        install->reloads = false;
    else
        return false;
    return true;
}

int install_want_answer(struct install *install)
{
    install->can_ask = isatty(STDIN_FILENO) == 1;
    if (install->can_ask || install->says_yes)
        return TOOL_DONE;
    return tool_usage(install->tool, "there is no terminal to ask at: --yes goes on "
                                     "without a question");
}

/* ---- two loads of the ACL ---- */

static void side_init(struct tool *side, const struct tool *tool)
{
    *side = *tool;
    side->snapshot = NULL;
    arena_init(&side->arena, 65536, 0);
    diags_init(&side->diags);
}

static void side_fini(struct tool *side)
{
    if (side->snapshot != NULL)
        snapshot_release(&side->snapshot);
    diags_fini(&side->diags);
    arena_fini(&side->arena);
}

/* ---- the file and its lock ---- */

void install_list_files(struct tool *tool, struct file_list *out)
{
    struct snapshot *snapshot = tool->snapshot;
    const struct settings *settings = &snapshot->settings;
    *out = (struct file_list){0};
    for (size_t i = 0; i < settings->acl_count; i++) {
        const char *pattern =
            file_path_from(settings->file, settings->acl[i].text, &snapshot->arena);
        if (pattern != NULL && file_list_add(out, pattern, settings->acl[i].place,
                                             &snapshot->arena, &tool->diags) != RES_OK)
            continue; /* told by whoever loads the ACL */
    }
}

/* `site.acl` for /etc/tsigate/acl/site.acl. False: errno is ENOENT still. */
static bool find_by_name(struct install *install)
{
    struct tool side;
    struct file_list files = {0};
    const struct tool_wanted wanted = {0};
    const char *found = NULL;
    errno = ENOENT;
    if (strchr(install->file, '/') != NULL)
        return false;
    side_init(&side, install->tool);
    if (tool_read(&side, &wanted) != RES_EMEM && side.snapshot != NULL)
        install_list_files(&side, &files);
    for (size_t i = 0; i < files.count && found == NULL; i++) {
        const char *slash = strrchr(files.paths[i], '/');
        if (slash != NULL && strcmp(slash + 1, install->file) == 0)
            found = arena_string(&install->tool->arena, files.paths[i]);
    }
    side_fini(&side);
    errno = ENOENT;
    install->file = found != NULL ? found : install->file;
    return found != NULL;
}

/* From the user's name of the file to the one that links lead to. */
static int find_file(struct install *install, bool makes)
{
    struct arena *arena = &install->tool->arena;
    char *real = realpath(install->file, NULL);
    if (real == NULL && errno == ENOENT && find_by_name(install))
        real = realpath(install->file, NULL);
    if (real == NULL && errno == ENOENT && makes) {
        int fd = open(install->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
            return tool_fail_errno(install->file);
        close(fd);
        install->is_made = true;
        real = realpath(install->file, NULL);
    }
    if (real == NULL)
        return tool_fail_errno(install->file);
    install->real = arena_string(arena, real);
    free(real);
    if (install->real == NULL)
        return tool_no_memory();
    const char *slash = strrchr(install->real, '/');
    install->base = slash + 1;
    install->folder =
        slash == install->real
            ? "/"
            : arena_string_n(arena, install->real, (size_t)(slash - install->real));
    install->lock = arena_printf(arena, "%s/.%s.lock", install->folder, install->base);
    return install->folder != NULL && install->lock != NULL ? TOOL_DONE
                                                            : tool_no_memory();
}

/* Who has the lock, as they wrote it there. */
static int tell_holder(const struct install *install, int fd)
{
    char text[256];
    ssize_t len = pread(fd, text, sizeof text, 0);
    len = len > 0 && text[len - 1] == '\n' ? len - 1 : 0;
    for (ssize_t i = 0; i < len; i++)
        text[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
    return tool_fail(TOOL_OUTSIDE, "%s is being changed by %.*s", install->file,
                     len > 0 ? (int)len : (int)sizeof "somebody else" - 1,
                     len > 0 ? text : "somebody else");
}

static void write_holder(const struct install *install)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    const struct passwd *user = getpwuid(getuid());
    if (ftruncate(install->lock_fd, 0) == 0)
        dprintf(install->lock_fd, "%s (process %ld, since %s)\n",
                user != NULL ? user->pw_name : "somebody", (long)getpid(),
                timestamp_format(install->tool->now_s, time));
}

/* Whether the locked file is still that of the path: its last holder takes it away. */
static bool is_lock_there(const struct install *install, int fd)
{
    struct stat locked, there;
    return fstat(fd, &locked) == 0 && stat(install->lock, &there) == 0 &&
           locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
}

static int take_lock(struct install *install)
{
    for (;;) {
        int fd = open(install->lock,
                      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
        if (fd < 0)
            return tool_fail_errno(install->lock);
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int code = errno == EWOULDBLOCK ? tell_holder(install, fd)
                                            : tool_fail_errno(install->lock);
            close(fd);
            return code;
        }
        if (is_lock_there(install, fd)) {
            install->lock_fd = fd;
            write_holder(install);
            return TOOL_DONE;
        }
        close(fd);
    }
}

/* ---- the ACL before and after ---- */

static enum result load_side(struct install *install, struct tool *side,
                             struct acledit_text text, const char **out_listed)
{
    struct snapshot_instead instead = {
        .device = install->stat.st_dev,
        .inode = install->stat.st_ino,
        .chars = text.chars,
        .len = text.len,
    };
    const struct tool_wanted wanted = {.with_keys = install->reloads,
                                       .instead = &instead};
    enum result result = tool_read(side, &wanted);
    *out_listed = instead.path;
    return result;
}

/* What the file holds, and which file that is, so that nobody's change in between is
 * lost. */
static int read_file(struct install *install)
{
    struct diags diags;
    if (stat(install->real, &install->stat) != 0)
        return tool_fail_errno(install->real);
    diags_init(&diags);
    const struct place place = {0};
    enum result result = file_read(install->real, LIMIT_ACL_FILE_OCTETS, place, &diags,
                                   &install->before);
    if (result != RES_OK)
        tool_fail(TOOL_OUTSIDE, "%s",
                  diags.first != NULL ? diags.first->message : "out of memory");
    diags_fini(&diags);
    return result == RES_OK ? TOOL_DONE : TOOL_OUTSIDE;
}

static void print_diag(const struct diag *diag)
{
    char text[LIMIT_LINE_OCTETS + LIMIT_PATH_OCTETS];
    fprintf(stderr, "%s\n", diag_format(diag, text, sizeof text));
}

/* Without a file of the configuration's there is nothing to compare or to reload. */
static int tell_unlisted(const struct install *install)
{
    tool_tell_errors(&install->old);
    return tool_fail(TOOL_CONFIG, "%s is none of the ACL files of %s", install->file,
                     install->tool->conf_file);
}

int install_open(struct install *install, const char *file, bool makes)
{
    install->file = file;
    install->lock_fd = -1;
    side_init(&install->old, install->tool);
    side_init(&install->new, install->tool);
    int code = find_file(install, makes);
    if (code == TOOL_DONE)
        code = take_lock(install);
    if (code == TOOL_DONE)
        code = read_file(install);
    if (code != TOOL_DONE)
        return code;
    enum result result =
        load_side(install, &install->old, (struct acledit_text){0}, &install->listed);
    if (result == RES_EMEM)
        return tool_no_memory();
    if (install->listed == NULL)
        return tell_unlisted(install);
    install->listed = arena_string(&install->tool->arena, install->listed);
    if (install->listed == NULL)
        return tool_no_memory();
    install->has_old = result == RES_OK;
    return TOOL_DONE;
}

int install_open_sound(struct install *install, const char *file, bool makes)
{
    int code = install_open(install, file, makes);
    if (code != TOOL_DONE || install->has_old)
        return code;
    tool_tell_errors(&install->old);
    return tool_fail(TOOL_CONFIG, "%s stays as it was: these errors come first",
                     install->file);
}

void install_close(struct install *install)
{
    if (install->is_made)
        unlink(install->real);
    if (install->lock_fd >= 0) {
        unlink(install->lock); /* before it is free: see is_lock_there */
        close(install->lock_fd);
    }
    file_text_free(&install->before);
    side_fini(&install->old);
    side_fini(&install->new);
}

/* ---- checking and comparing ---- */

/* Whether they say the same, but for the line numbers of FILE:LINE. */
static bool is_same_message(const char *a, const char *b)
{
    for (; *a == *b && *a != '\0'; a++, b++) {
        if (*a == ':') {
            a += strspn(a + 1, "0123456789");
            b += strspn(b + 1, "0123456789");
        }
    }
    return *a == *b;
}

/* How often the same warning stands in the list before end; NULL: in all of it. Lines
 * shift when others come or go, so it is the number that counts. */
static size_t count_same(const struct diags *diags, const struct diag *end,
                         const struct diag *diag)
{
    size_t count = 0;
    for (const struct diag *one = diags->first; one != end; one = one->next)
        count += strcmp(one->id, diag->id) == 0 &&
                 is_same_message(one->message, diag->message);
    return count;
}

/* The warnings that would be new and stay. */
static void tell_warnings(const struct install *install)
{
    const struct diags *before = &install->old.diags, *after = &install->new.diags;
    for (const struct diag *diag = after->first; diag != NULL; diag = diag->next) {
        bool is_expected =
            install->expected != NULL && strcmp(diag->id, install->expected) == 0;
        if (diag->severity == SEVERITY_WARNING && !is_expected &&
            count_same(after, diag, diag) >= count_same(before, NULL, diag))
            print_diag(diag);
    }
}

int install_check(struct install *install, struct acledit_text text)
{
    const char *listed = NULL;
    side_fini(&install->new);
    side_init(&install->new, install->tool);
    enum result result = load_side(install, &install->new, text, &listed);
    fflush(stdout);
    tool_tell_errors(&install->new);
    if (install->new.diags.errors > 0)
        return TOOL_CONFIG;
    if (result != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "%s cannot be checked", install->file);
    return TOOL_DONE;
}

int install_show(struct install *install, size_t *out_count)
{
    *out_count = SIZE_MAX;
    tell_warnings(install);
    if (!install->has_old) {
        puts("the ACL has errors as it is: there is nothing to compare with");
        return TOOL_DONE;
    }
    if (diff_print(install->old.snapshot, install->new.snapshot, stdout, out_count) !=
        RES_OK)
        return tool_no_memory();
    return TOOL_DONE;
}

static void on_interrupt(int number)
{
    (void)number; /* it ends the wait for an answer, and no more */
}

/* Waits until there is something to read. False: somebody interrupted instead, which is
 * an answer: nothing is left lying about. Signals are let in only while it waits, so
 * that none comes between question and wait. */
static bool wait_for_answer(void)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    enum { SIGNALS = sizeof signals / sizeof signals[0] };
    const struct sigaction interrupt = {.sa_handler = on_interrupt};
    struct sigaction old[SIGNALS];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t held, before;
    sigemptyset(&held);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&held, signals[i]);
    sigprocmask(SIG_BLOCK, &held, &before);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &interrupt, &old[i]);
    fflush(stdout); /* the question */
    bool is_there = ppoll(&input, 1, NULL, &before) == 1;
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &old[i], NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return is_there;
}

static void drop_line(void)
{
    for (int c = 0; c != '\n' && c != EOF; c = getchar())
        continue;
}

char install_ask(const char *question, const char *choices)
{
    char line[64];
    char last = choices[strlen(choices) - 1];
    for (;;) {
        fputs(question, stdout);
        if (!wait_for_answer() || fgets(line, sizeof line, stdin) == NULL) {
            putchar('\n');
            return last;
        }
        if (strchr(line, '\n') == NULL)
            drop_line(); /* what stays in stdin's buffer is not waited for */
        if (line[0] != '\0' && line[0] != '\n' && strchr(choices, line[0]) != NULL &&
            (line[1] == '\n' || line[1] == '\0'))
            return line[0];
    }
}

/* ---- the exchange ---- */

static bool is_unchanged(const struct install *install)
{
    struct stat now;
    const struct stat *then = &install->stat;
    return stat(install->real, &now) == 0 && now.st_dev == then->st_dev &&
           now.st_ino == then->st_ino && now.st_size == then->st_size &&
           now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

/* An access list (acl(5)) beyond the mode, where the file has one: without it the
 * daemon might not read the new file. */
static bool copy_access_list(const char *from, int to)
{
    static const char name[] = "system.posix_acl_access";
    char list[4096];
    ssize_t len = getxattr(from, name, list, sizeof list);
    if (len < 0)
        return errno == ENODATA || errno == ENOTSUP;
    return fsetxattr(to, name, list, (size_t)len, 0) == 0;
}

/* A whole file of the same owner and mode at path, on disk. Its owner comes first: a
 * chown may take mode bits away. */
static int fill_new_file(const struct install *install, int fd, const char *path,
                         struct acledit_text text)
{
    const struct stat *stat = &install->stat;
    if (fchown(fd, stat->st_uid, stat->st_gid) != 0)
        return tool_fail(TOOL_OUTSIDE, "%s: its owner cannot be kept: %s",
                         install->file, strerror(errno));
    if (fchmod(fd, stat->st_mode & 07777) != 0 ||
        !copy_access_list(install->real, fd) ||
        disk_write(fd, text.chars, text.len) != RES_OK || fsync(fd) != 0)
        return tool_fail_errno(path);
    return TOOL_DONE;
}

static int exchange_file(struct install *install, struct acledit_text text)
{
    char *path = arena_printf(&install->tool->arena, "%s/.%s.XXXXXX", install->folder,
                              install->base);
    if (path == NULL)
        return tool_no_memory();
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return tool_fail_errno(path);
    int code = fill_new_file(install, fd, path, text);
    close(fd);
    if (code == TOOL_DONE && !is_unchanged(install))
        code = tool_fail(TOOL_OUTSIDE,
                         "%s: somebody else changed it meanwhile: it stays as it is",
                         install->file);
    if (code == TOOL_DONE && rename(path, install->real) != 0)
        code = tool_fail_errno(install->real);
    if (code != TOOL_DONE) {
        unlink(path);
        return code;
    }
    install->is_installed = true;
    return disk_sync_folder_of(install->real) == RES_OK
               ? TOOL_DONE
               : tool_fail_errno(install->folder);
}

/* What is installed is installed; whoever waits for it has to know that it waits. */
static int reload(struct install *install)
{
    if (install->new.snapshot == NULL ||
        install->new.snapshot->settings.control == NULL)
        return tool_fail(TOOL_OUTSIDE,
                         "%s has no `control`: nobody was told to reload (SIGHUP does)",
                         install->tool->conf_file);
    return daemon_reload(&install->new);
}

int install_commit(struct install *install, struct acledit_text text)
{
    int code = exchange_file(install, text);
    if (!install->is_installed)
        return code;
    install->is_made = false;
    printf("%s: installed%s\n", install->file,
           install->reloads ? "" : "; not reloaded");
    fflush(stdout);
    if (code != TOOL_DONE || !install->reloads)
        return code;
    code = reload(install);
    if (code != TOOL_DONE)
        tool_fail(code, "%s stays installed; it is not in force yet", install->file);
    return code;
}

int install_agree(struct install *install)
{
    if (install->says_yes || install_ask("Install it? (y)es or (n)o: ", "yn") == 'y')
        return TOOL_DONE;
    return tool_fail(TOOL_NO, "%s stays as it was", install->file);
}

int install_confirm(struct install *install, struct acledit_text text)
{
    int code = install_agree(install);
    return code == TOOL_DONE ? install_commit(install, text) : code;
}

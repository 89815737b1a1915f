/* tsigate edit: an ACL file in the admin's editor, as visudo(8) does it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "tsigate/install.h"

static const struct option options[] = {INSTALL_OPTIONS};

struct edit {
    struct install install;
    const char *folder; /* the private copy's; NULL: none was made */
    const char *copy;
    struct file_text text; /* of the copy, as the editor left it */
};

/* ---- the private copy ---- */

static int write_copy(struct edit *edit)
{
    const struct file_text *before = &edit->install.before;
    int fd = open(edit->copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool is_whole =
        stream != NULL && fwrite(before->chars, 1, before->len, stream) == before->len;
    if (stream != NULL && fclose(stream) != 0)
        is_whole = false;
    if (is_whole)
        return TOOL_DONE;
    int code = tool_fail_errno(edit->copy);
    edit->copy = NULL; /* half of it is worth nothing */
    return code;
}

/* Under its own name, by which editors choose their modes, in a folder that nobody else
 * can enter. */
static int make_copy(struct edit *edit)
{
    struct arena *arena = &edit->install.tool->arena;
    const char *parent = getenv("TMPDIR");
    parent = parent != NULL && parent[0] == '/' ? parent : "/tmp";
    char *folder = arena_printf(arena, "%s/tsigate-edit-XXXXXX", parent);
    if (folder == NULL)
        return tool_no_memory();
    if (mkdtemp(folder) == NULL)
        return tool_fail_errno(folder);
    edit->folder = folder;
    edit->copy = arena_printf(arena, "%s/%s", folder, edit->install.base);
    return edit->copy != NULL ? write_copy(edit) : tool_no_memory();
}

/* With whatever the editor has left beside it. */
static void remove_copy(struct edit *edit)
{
    DIR *dir = edit->folder != NULL ? opendir(edit->folder) : NULL;
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(edit->folder);
}

static int read_copy(struct edit *edit)
{
    struct diags diags;
    const struct place place = {0};
    file_text_free(&edit->text);
    diags_init(&diags);
    enum result result =
        file_read(edit->copy, LIMIT_ACL_FILE_OCTETS, place, &diags, &edit->text);
    if (result != RES_OK)
        tool_fail(TOOL_OUTSIDE, "%s",
                  diags.first != NULL ? diags.first->message : "out of memory");
    diags_fini(&diags);
    return result == RES_OK ? TOOL_DONE : TOOL_OUTSIDE;
}

static bool is_same(const struct edit *edit)
{
    const struct file_text *before = &edit->install.before;
    return before->len == edit->text.len &&
           memcmp(before->chars, edit->text.chars, before->len) == 0;
}

/* Whether it holds what the admin would miss; what cannot be read may well. */
static bool is_worth_keeping(struct edit *edit)
{
    return edit->copy != NULL && access(edit->copy, F_OK) == 0 &&
           (read_copy(edit) != TOOL_DONE || !is_same(edit));
}

/* Where something went wrong the copy is all that there is of somebody's work. */
static void leave_copy(struct edit *edit, bool is_wanted)
{
    if (is_wanted && is_worth_keeping(edit))
        tool_fail(TOOL_OUTSIDE, "the text is kept in %s", edit->copy);
    else
        remove_copy(edit);
}

/* ---- the editor ---- */

/* vi(1) wants a terminal; an editor that somebody chose may do without. NULL: told. */
static const char *editor_command(const struct edit *edit)
{
    static const char *const variables[] = {"VISUAL", "EDITOR"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *command = getenv(variables[i]);
        if (command != NULL && command[0] != '\0')
            return command;
    }
    if (edit->install.can_ask)
        return "vi";
    tool_usage(edit->install.tool, "neither VISUAL nor EDITOR is set, and there is no "
                                   "terminal for vi");
    return NULL;
}

static _Noreturn void become_editor(const struct edit *edit, const char *command)
{
    char *script = NULL;
    if (asprintf(&script, "%s \"$@\"", command) < 0)
        _exit(127);
    execl("/bin/sh", "sh", "-c", script, command, edit->copy, (char *)NULL);
    _exit(127);
}

/* The terminal's interrupt is the editor's business, as system(3) has it. */
static int wait_for(pid_t pid)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, old_int, old_quit;
    int status = 0;
    sigaction(SIGINT, &ignored, &old_int);
    sigaction(SIGQUIT, &ignored, &old_quit);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGQUIT, &old_quit, NULL);
    return status;
}

static int run_editor(const struct edit *edit)
{
    const char *command = editor_command(edit);
    if (command == NULL)
        return TOOL_USAGE;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return tool_fail_errno(command);
    if (pid == 0)
        become_editor(edit, command);
    int status = wait_for(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TOOL_DONE;
    if (WIFSIGNALED(status))
        return tool_fail(TOOL_OUTSIDE, "%s: ended by signal %d; %s stays as it was",
                         command, WTERMSIG(status), edit->install.file);
    if (WEXITSTATUS(status) == 127)
        return tool_fail(TOOL_OUTSIDE, "%s: no such editor (VISUAL, EDITOR)", command);
    return tool_fail(TOOL_NO, "%s: exit status %d; %s stays as it was", command,
                     WEXITSTATUS(status), edit->install.file);
}

/* ---- from one round to the next ---- */

static struct acledit_text text_of(const struct edit *edit)
{
    return (struct acledit_text){edit->text.chars, edit->text.len};
}

/* What the admin wants after a round: e, x, or to install it (Q, y). */
static char ask_on_errors(const struct edit *edit)
{
    if (!edit->install.can_ask)
        return 'x';
    return install_ask("What now? (e)dit again, e(x)it without a change, (Q)uit and "
                       "install it nevertheless: ",
                       "eQx");
}

static char ask_to_install(const struct edit *edit)
{
    if (edit->install.says_yes)
        return 'y';
    return install_ask("Install it? (y)es, (e)dit again, e(x)it without a change: ",
                       "yex");
}

/* One round. *out_again: another one is wanted. */
static int edit_once(struct edit *edit, bool *out_again)
{
    struct install *install = &edit->install;
    size_t count = 0;
    *out_again = false;
    int code = run_editor(edit);
    if (code == TOOL_DONE)
        code = read_copy(edit);
    if (code != TOOL_DONE)
        return code;
    if (is_same(edit)) {
        printf("%s: nothing was changed\n", install->file);
        return TOOL_DONE;
    }
    code = install_check(install, text_of(edit));
    if (code == TOOL_DONE) {
        int shown = install_show(install, &count);
        if (shown != TOOL_DONE)
            return shown;
        if (count == 0)
            puts("no right changes");
    } else if (code != TOOL_CONFIG) {
        return code;
    }
    char answer = code == TOOL_DONE ? ask_to_install(edit) : ask_on_errors(edit);
    *out_again = answer == 'e';
    if (answer == 'x') {
        code = code == TOOL_DONE ? TOOL_NO : code;
        return tool_fail(code, "%s stays as it was", install->file);
    }
    if (*out_again)
        return TOOL_DONE;
    return install_commit(install, text_of(edit));
}

static int edit_file(struct edit *edit, const char *file)
{
    bool again = true;
    int code = install_open(&edit->install, file, true);
    if (code == TOOL_DONE)
        code = make_copy(edit);
    while (code == TOOL_DONE && again)
        code = edit_once(edit, &again);
    return code;
}

int edit_main(struct tool *tool, int argc, char **argv)
{
    struct edit edit = {.install = {.tool = tool, .reloads = true}};
    int option;
    do
        option = tool_option(tool, argc, argv, options, false);
    while (install_take_option(&edit.install, option));
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind != 1)
        return tool_usage(tool, "one FILE is wanted");
    int code = install_want_answer(&edit.install);
    if (code != TOOL_DONE)
        return code;
    code = edit_file(&edit, argv[optind]);
    leave_copy(&edit, code == TOOL_OUTSIDE && !edit.install.is_installed);
    file_text_free(&edit.text);
    install_close(&edit.install);
    return code;
}

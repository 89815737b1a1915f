/*
 * Changing one ACL file and nothing by halves: a lock, the whole ACL checked with the
 * new text in the file's place, the rights that it would change, a question, an atomic
 * exchange of the file, a reload. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_INSTALL_H
#define TSIGATE_TSIGATE_INSTALL_H

#include <sys/stat.h>

#include "conf/acledit.h"
#include "conf/file.h"
#include "tsigate/tool.h"

/* The options of every subcommand that installs. */
#define INSTALL_OPTIONS                                                                \
    {"yes", no_argument, NULL, INSTALL_OPTION_YES},                                    \
        {"no-reload", no_argument, NULL, INSTALL_OPTION_NO_RELOAD},                    \
        {"help", no_argument, NULL, 'h'},                                              \
    {                                                                                  \
        NULL, 0, NULL, 0                                                               \
    }

enum {
    INSTALL_OPTION_YES = 512,
    INSTALL_OPTION_NO_RELOAD,
};

struct install {
    struct tool *tool;    /* the subcommand's */
    bool says_yes;        /* --yes */
    bool reloads;         /* not --no-reload */
    bool can_ask;         /* there is a terminal */
    const char *expected; /* the warning that is true only until the caller has done its
                             other half: not told; NULL: none */

    const char *file;   /* as the user named it */
    const char *listed; /* as the configuration finds it; of diagnostics' places */
    const char *real;   /* without links: what is replaced */
    const char *folder; /* of real */
    const char *base;   /* of real */
    int lock_fd;        /* -1: not locked */
    const char *lock;   /* its path */
    bool is_made;       /* the file is ours, empty, and goes unless it is installed */
    bool is_installed;  /* the new text is in the file */
    struct stat stat;   /* of the file before it was read */
    struct file_text before;
    struct tool old; /* the ACL as it is; its diagnostics need the snapshot as well */
    bool has_old;    /* it has no errors, so that its snapshot is of use */
    struct tool new; /* of the last install_check */
};

/* One of the two options; false: it is another. */
bool install_take_option(struct install *install, int option) NONNULL;
/* Before anything else is done: TOOL_USAGE, told, where there is neither a terminal to
 * ask at nor --yes. */
int install_want_answer(struct install *install) MUST_CHECK NONNULL;

/* The ACL files that the configuration finds; tool has read it. No memory: fewer. */
void install_list_files(struct tool *tool, struct file_list *out) NONNULL;
/* Locks and reads the file, which has to be one of the configuration's, and the ACL as
 * it is. A name without a folder that is not here means the one of that name there.
 * makes: a file that is not there is made. TOOL_DONE, else as told; then install_close
 * as well. */
int install_open(struct install *install, const char *file,
                 bool makes) MUST_CHECK NONNULL;
/* The same in an ACL without errors: who changes one word cannot mend them. */
int install_open_sound(struct install *install, const char *file,
                       bool makes) MUST_CHECK NONNULL;
/* The whole ACL with text in the file's place: its errors go to stderr. TOOL_DONE;
 * TOOL_CONFIG: there are errors. */
int install_check(struct install *install, struct acledit_text text) MUST_CHECK NONNULL;
/* After install_check: new warnings on stderr, and the rights that change, on stdout,
 * and how many; where the ACL as it is has errors it says so, and there are SIZE_MAX.
 * TOOL_DONE, TOOL_OUTSIDE. */
int install_show(struct install *install, size_t *out_count) MUST_CHECK NONNULL;
/* The letter of choices that is answered to the question; the last one is for no answer
 * at all. */
char install_ask(const char *question, const char *choices) NONNULL;
/* Exchanges the file and reloads. TOOL_DONE, else as told, whether or not the file is
 * installed. */
int install_commit(struct install *install,
                   struct acledit_text text) MUST_CHECK NONNULL;
/* --yes or a question. TOOL_DONE; TOOL_NO: the answer was no, as told. */
int install_agree(struct install *install) MUST_CHECK NONNULL;
/* install_agree, then install_commit. */
int install_confirm(struct install *install,
                    struct acledit_text text) MUST_CHECK NONNULL;
void install_close(struct install *install) NONNULL;

#endif

/*
 * The folder of what is under way (`state` in deploy.conf): small files, each there
 * whole or not at all, also after a power loss. Floor 5.
 *
 * It may hold private keys: 0700, of whom the program runs as. One program at a time
 * has it open.
 */
#ifndef TSIGATE_TLSA_STATE_H
#define TSIGATE_TLSA_STATE_H

#include <stdbool.h>

#include "conf/file.h"
#include "tlsa/tool.h"

#define STATE_OCTETS (4 * 1024 * 1024)

struct state {
    struct tool *tool;
    const char *folder; /* without a final slash */
    int lock;           /* descriptor; -1: open for looking only, or not open */
};

/* All of these: TOOL_DONE, TOOL_OUTSIDE as told. */

/* Makes the folder where it is missing. locks: nobody else may have it open with a
 * lock. Without a lock nothing is made and nothing may be written. state_close after
 * either. */
int state_open(struct tool *tool, const char *folder, bool locks,
               struct state *out) MUST_CHECK NONNULL;
/* The same with a lock, for who can wait: for whoever has it now, but not for long. */
int state_open_patiently(struct tool *tool, const char *folder,
                         struct state *out) MUST_CHECK NONNULL;
void state_close(struct state *state) NONNULL;

/* name: a file in the folder. Is on disk, the name too, when it returns. */
int state_write(struct state *state, const char *name, const char *octets,
                size_t len) MUST_CHECK NONNULL;
/* chars NULL: there is no such file. file_text_free after either. */
int state_read(struct state *state, const char *name,
               struct file_text *out) MUST_CHECK NONNULL;
/* The files that end so, without that end, sorted; the arena's. */
int state_list(struct state *state, const char *end, const char ***out,
               size_t *out_count) MUST_CHECK NONNULL;
/* Fine if it is not there. Is off the disk when it returns. */
int state_remove(struct state *state, const char *name) MUST_CHECK NONNULL;

#endif

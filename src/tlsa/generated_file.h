/*
 * A file that a program writes again and again: exchanged whole and only when it
 * changes, and a command that has to follow a change follows it, also after a crash in
 * between. Floor 5.
 */
#ifndef TSIGATE_TLSA_GENERATED_FILE_H
#define TSIGATE_TLSA_GENERATED_FILE_H

#include <stdbool.h>

#include "tlsa/tool.h"

struct generated_file {
    const char *path;    /* without links, the arena's */
    const char *pending; /* a mark beside it: the command has not succeeded yet */
    bool is_changed;
};

/* Puts the text into the file at path, where it differs; mode and owner stay. marks:
 * there is a command to run. TOOL_DONE, TOOL_OUTSIDE as told. */
int generated_file_write(struct tool *tool, const char *path, const char *text,
                         size_t len, bool marks,
                         struct generated_file *out) MUST_CHECK NONNULL;
/* Runs the command with /bin/sh where the file changed, now or before with a command
 * that failed or was never run. TOOL_DONE, TOOL_OUTSIDE as told. */
int generated_file_then(struct generated_file *file, const char *command) NONNULL;

#endif

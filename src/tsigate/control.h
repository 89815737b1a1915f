/*
 * Asking the running tsigated over its control socket: a line there, JSON lines back.
 * Floor 5, blocking.
 */
#ifndef TSIGATE_TSIGATE_CONTROL_H
#define TSIGATE_TSIGATE_CONTROL_H

#include "tsigate/tool.h"

/*
 * request ends with a newline. The socket is the configuration's: tool->snapshot's, or
 * that of tsigate.conf, which is then read. TOOL_DONE: *out_answer is the whole answer,
 * NUL-terminated, the caller's to free. Else as told on stderr: TOOL_CONFIG, there is
 * no socket to ask at; TOOL_OUTSIDE, nobody answers.
 */
int control_ask(struct tool *tool, const char *request,
                char **out_answer) MUST_CHECK NONNULL;
/* The same, for an answer that has no end: *out_fd is where to read it, for as long as
 * that takes. */
int control_watch(struct tool *tool, const char *request,
                  int *out_fd) MUST_CHECK NONNULL;

#endif

/*
 * What other subcommands want of the running tsigated. Floor 5, blocking.
 */
#ifndef TSIGATE_TSIGATE_DAEMON_H
#define TSIGATE_TSIGATE_DAEMON_H

#include "tsigate/tool.h"

/* Makes it read its files again and tells what came of that. TOOL_DONE; TOOL_CONFIG:
 * refused, or there is no socket to ask at; TOOL_OUTSIDE: nobody answers. */
int daemon_reload(struct tool *tool) MUST_CHECK NONNULL;

#endif

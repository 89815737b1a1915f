/*
 * The CNAME look-up of `tsigate explain --live`: the same question that the daemon asks
 * the primary (C-6), over a TCP connection of its own, signed with the gateway's key.
 * Floor 5, blocking.
 */
#ifndef TSIGATE_TSIGATE_LIVE_H
#define TSIGATE_TSIGATE_LIVE_H

#include "policy/gate.h"
#include "tsigate/tool.h"

/* Answers all look-ups, by the servers of `upstream` in order. TOOL_DONE; TOOL_OUTSIDE
 * as told: no server could be asked. */
int live_lookup(struct tool *tool, struct lookup *lookups, size_t count) NONNULL;

#endif

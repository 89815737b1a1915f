/*
 * Questions to the primary, as the daemon asks them (C-6): over a TCP connection of its
 * own, signed with the gateway's key, and no answer is read that does not verify (F-1).
 * Floor 5, blocking.
 */
#ifndef TSIGATE_TSIGATE_LIVE_H
#define TSIGATE_TSIGATE_LIVE_H

#include "dns/wire.h"
#include "net/dns_client.h"
#include "policy/gate.h"
#include "tsigate/tool.h"

struct live {
    struct tool *tool;
    const struct key *key; /* the gateway's own */
    struct dns_client client;
};

/* Connects to the first server of `upstream` that answers; the tool has its keys. *out
 * is the arena's. TOOL_DONE, else as told. */
int live_open(struct tool *tool, struct live **out) MUST_CHECK NONNULL;
void live_close(struct live *live) NONNULL;
/* One question and its answer, which lies in live until the next call. NULL, or what
 * went wrong. */
const char *live_ask(struct live *live, struct name name, uint16_t type,
                     struct wire_msg *out) MUST_CHECK NONNULL;
/* The next message of an answer that has several (RFC 5936 2.2): each is signed. */
const char *live_more(struct live *live, struct wire_msg *out) MUST_CHECK NONNULL;

/* Answers all look-ups, by the servers of `upstream` in order. TOOL_DONE; TOOL_OUTSIDE
 * as told: no server could be asked. */
int live_lookup(struct tool *tool, struct lookup *lookups, size_t count) NONNULL;

#endif

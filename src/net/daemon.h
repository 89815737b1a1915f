/*
 * The daemon as a whole: one loop, one thread that decides. Floor 4.
 *
 * Knows which part talks to which; every part's own business is its own. The steps of
 * the start are functions of their own because privileges change between them, see
 * net/privs.
 */
#ifndef TSIGATE_NET_DAEMON_H
#define TSIGATE_NET_DAEMON_H

#include "base/result.h"
#include "policy/settings.h"

struct daemon;

/* file stays the caller's. NULL: no memory. */
struct daemon *daemon_new(const char *file) MUST_CHECK NONNULL;
/* Configuration, keys and ACL; opens nothing else. What is wrong is in the log. Any
 * result but RES_OK: the configuration cannot be used. */
enum result daemon_load(struct daemon *daemon) MUST_CHECK NONNULL;
/* In force; only after a successful load. */
const struct settings *daemon_settings(const struct daemon *daemon) NONNULL;
/* The listeners' sockets, which may want root; nothing is read from them. In the log
 * otherwise. */
enum result daemon_bind(struct daemon *daemon) MUST_CHECK NONNULL;
/* Audit log and control socket, as the user that the daemon runs as. In the log
 * otherwise. */
enum result daemon_open(struct daemon *daemon) MUST_CHECK NONNULL;
/* Serves until SIGTERM or SIGINT, and ends in good order. RES_EIO: could not begin. */
enum result daemon_run(struct daemon *daemon) MUST_CHECK NONNULL;
void daemon_free(struct daemon **daemon) NONNULL;

#endif

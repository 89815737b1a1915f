/*
 * tsigate.conf: from libconfig's tree to struct settings. Floor 4, but without sockets
 * and without libuv: the tool reads the same file with it.
 *
 * Knows every setting's name, type and range; nothing of what the other files say,
 * which policy/snapshot judges. Unknown settings, wrong types and numbers that overflow
 * are errors, all of them in one run.
 */
#ifndef TSIGATE_NET_CONF_H
#define TSIGATE_NET_CONF_H

#include "base/diag.h"
#include "base/result.h"
#include "policy/snapshot.h"

/*
 * Reads the file at path into snapshot->settings, whose defaults are in place; all that
 * it keeps lies in the snapshot's arena. Diagnostics refer to that arena: print them
 * before the snapshot goes. What a program needs beyond that (the daemon: `listen`,
 * `upstream`, `audit`) it asks for itself with conf_want_daemon. RES_EFORMAT: errors in
 * diags; RES_EIO: no such file, likewise in diags; RES_EMEM.
 */
enum result conf_read(const char *path, struct snapshot *snapshot,
                      struct diags *diags) MUST_CHECK NONNULL;
/* The settings without which there is no daemon: errors in diags, RES_EFORMAT. */
enum result conf_want_daemon(const struct settings *settings,
                             struct diags *diags) MUST_CHECK NONNULL;

#endif

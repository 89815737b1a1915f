/*
 * The daemon's log: one line per call, to stderr. Floor 4.
 *
 * When stderr is no terminal each line starts with syslog's "<N>", which systemd takes
 * off (sd-daemon(3)). Texts from peers come escaped from the floors below.
 */
#ifndef TSIGATE_NET_LOGGER_H
#define TSIGATE_NET_LOGGER_H

#include <stdarg.h>

#include "base/diag.h"
#include "txn/txn.h"

void logger_write(enum txn_level level, const char *line) NONNULL;
void logger_printf(enum txn_level level, const char *format, ...) PRINTF(2, 3)
    NONNULL_AT(2);
/* Each as an error or a warning, as it is. */
void logger_diags(const struct diags *diags) NONNULL;

#endif

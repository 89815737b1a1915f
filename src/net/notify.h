/*
 * Telling systemd how it stands (sd_notify(3)), without its library. Floor 4.
 */
#ifndef TSIGATE_NET_NOTIFY_H
#define TSIGATE_NET_NOTIFY_H

#include "base/result.h"

/* "READY=1", "STOPPING=1". Does nothing where $NOTIFY_SOCKET is not set. */
void notify_state(const char *state) NONNULL;

#endif

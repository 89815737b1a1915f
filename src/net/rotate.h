/*
 * The audit log goes on in a new file (L-4): for the control socket's `rotate` and for
 * SIGUSR1. Floor 4.
 */
#ifndef TSIGATE_NET_ROTATE_H
#define TSIGATE_NET_ROTATE_H

#include "base/buf.h"
#include "net/audit.h"

/* Tells the log, and whoever asked: one JSON object, without newline. */
void rotate_audit(struct audit *audit, struct txns *txns, struct writer *w) NONNULL;

#endif

/*
 * A program that is run and waited for, but not for ever. Floor 5; prints nothing.
 */
#ifndef TSIGATE_TLSA_CHILD_H
#define TSIGATE_TLSA_CHILD_H

#include <stdint.h>

#include "base/result.h"

/*
 * It gets no input, and our standard error as its output. Gives its exit status, or 128
 * and the number of the signal that ended it; -1: errno tells, ETIMEDOUT that it was
 * ended, with what it had started, because it took longer.
 *
 * It has a process group of its own. A signal that ends us (SIGINT, SIGTERM, SIGHUP)
 * goes to that as well, and ends us.
 */
int child_run(const char *const argv[], uint32_t timeout_s) MUST_CHECK NONNULL;

#endif

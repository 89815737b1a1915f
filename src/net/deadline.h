/*
 * Until when a program that may wait does wait: moments of a clock that nobody sets.
 * Floor 4, without an event loop; for the tools and not for the daemon.
 */
#ifndef TSIGATE_NET_DEADLINE_H
#define TSIGATE_NET_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct deadline {
    int64_t at_ms;
};

/* So far from now. */
struct deadline deadline_in(int64_t wait_ms);
/* 0: it has passed. */
int64_t deadline_left_ms(struct deadline deadline);
/* poll(2) for one descriptor; false: the deadline has passed, or it failed. */
bool deadline_poll(int fd, short events, struct deadline deadline) MUST_CHECK;
/* All of the octets, to a socket that does not block. */
bool deadline_send(int fd, const uint8_t *octets, size_t len,
                   struct deadline deadline) MUST_CHECK NONNULL;

#endif

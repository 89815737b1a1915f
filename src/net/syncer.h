/*
 * A thread that brings files to the disk beside the loop, one at a time. Floor 4.
 *
 * Of its own, and not libuv's pool: there the loop spins while a worker that has just
 * woken it waits for the same CPU, which takes longer than all else that an update
 * costs; and a sync must not wait for a reload.
 */
#ifndef TSIGATE_NET_SYNCER_H
#define TSIGATE_NET_SYNCER_H

#include <uv.h>

#include "base/result.h"

struct syncer;

/* error: an errno, 0: it is on the disk. */
typedef void syncer_done_fn(void *arg, int error);

/* RES_EIO, RES_EMEM. */
enum result syncer_new(uv_loop_t *loop, syncer_done_fn *on_done, void *arg,
                       struct syncer **out) MUST_CHECK NONNULL;
/* fdatasync(fd); on_done follows, later. To be called when none is under way; fd stays
 * open until then. RES_EIO: the thread cannot be reached. */
enum result syncer_sync(struct syncer *syncer, int fd) MUST_CHECK NONNULL;
/* Closes the handle: on_done does not follow any more. Free when the loop has run out;
 * that waits for a sync under way. */
void syncer_close(struct syncer *syncer) NONNULL;
void syncer_free(struct syncer **syncer) NONNULL;

#endif

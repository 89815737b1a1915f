/*
 * Long work beside the loop: in a thread of its own, which gives way to the loop's
 * wherever the two share a CPU. Floor 4. It ends with its work: a thread that has once
 * given way stays behind.
 */
#ifndef TSIGATE_NET_ASIDE_H
#define TSIGATE_NET_ASIDE_H

#include <uv.h>

#include "base/result.h"

struct aside {
    uv_poll_t done;
    int ends[2];      /* of a pipe: the loop's, the thread's */
    uv_work_t pooled; /* where there is no thread or no descriptor */
    void (*work)(void *arg);
    void (*finish)(void *arg);
    void *arg;
};

/* work in the thread, then finish in the loop, which may run or free aside again. The
 * loop does not end before. Without a thread to be had libuv's pool does it. */
void aside_run(struct aside *aside, uv_loop_t *loop, void (*work)(void *arg),
               void (*finish)(void *arg), void *arg) NONNULL;

#endif

/*
 * A thread beside the loop that does what would hold the loop up, one errand after the
 * other. Floor 4.
 *
 * Of its own, and not libuv's pool: there the loop spins while a worker that has just
 * woken it waits for the same CPU, which takes longer than all else that an update
 * costs; and a sync must not wait for a reload.
 */
#ifndef TSIGATE_NET_ASIDE_H
#define TSIGATE_NET_ASIDE_H

#include <uv.h>

#include "base/result.h"

struct aside;

/* The caller's; whole until finish is called, which may free it or have it run again.
 */
struct errand {
    void (*work)(void *arg);   /* in the thread */
    void (*finish)(void *arg); /* then, in the loop */
    void *arg;
};

enum aside_manner {
    ASIDE_PROMPT,  /* the loop's equal */
    ASIDE_PATIENT, /* for what takes long: never has a CPU that the loop wants, but for
                      a tenth of it; the loop's equal where others take that for a
                      second */
};

/* RES_EIO, RES_EMEM. */
enum result aside_new(uv_loop_t *loop, enum aside_manner manner,
                      struct aside **out) MUST_CHECK NONNULL;
/* Where hundreds wait already it is done at once, by who gives it. */
void aside_run(struct aside *aside, struct errand *errand) NONNULL;
/* The thread ends. Errands that were given are still done and finished, and the loop
 * does not end before; those that come now are done at once, by who gives them. */
void aside_close(struct aside *aside) NONNULL;
/* When the loop has run out. */
void aside_free(struct aside **aside) NONNULL;

#endif

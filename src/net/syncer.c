#include "net/syncer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum side { LOOP_SIDE, THREAD_SIDE, SIDES };

/* All that the two sides share is the pair of sockets: a descriptor goes one way, an
 * errno comes back. The thread ends with the loop's end of it. */
struct syncer {
    int ends[SIDES];
    uv_thread_t thread;
    bool has_thread;
    uv_poll_t poll;
    syncer_done_fn *on_done;
    void *arg; /* the caller's */
};

static bool receive(int end, int *out, int flags)
{
    ssize_t n;

    do
        n = recv(end, out, sizeof(*out), flags);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*out);
}

static void run(void *arg)
{
    int end = ((const struct syncer *)arg)->ends[THREAD_SIDE];
    sigset_t all;
    int fd;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL); /* they are the loop's */
    while (receive(end, &fd, 0)) {
        int error = fdatasync(fd) != 0 ? errno : 0;
        (void)send(end, &error, sizeof(error),
                   MSG_NOSIGNAL); /* fails at the end only */
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct syncer *syncer = poll->data;
    int error;

    (void)status;
    (void)events;
    if (receive(syncer->ends[LOOP_SIDE], &error, MSG_DONTWAIT))
        syncer->on_done(syncer->arg, error);
}

/* The handle comes last: it is the loop's, and could not be freed here. */
static enum result start(struct syncer *syncer, uv_loop_t *loop)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, syncer->ends) != 0)
        return RES_EIO;
    if (uv_thread_create(&syncer->thread, run, syncer) != 0)
        return RES_EIO;
    syncer->has_thread = true;
    if (uv_poll_init(loop, &syncer->poll, syncer->ends[LOOP_SIDE]) != 0)
        return RES_EIO;
    syncer->poll.data = syncer;
    (void)uv_poll_start(&syncer->poll, UV_READABLE, on_readable);
    return RES_OK;
}

enum result syncer_new(uv_loop_t *loop, syncer_done_fn *on_done, void *arg,
                       struct syncer **out)
{
    struct syncer *syncer = calloc(1, sizeof(*syncer));

    if (syncer == NULL)
        return RES_EMEM;
    *syncer = (struct syncer){.ends = {-1, -1}, .on_done = on_done, .arg = arg};
    enum result res = start(syncer, loop);
    if (res == RES_OK)
        *out = syncer;
    else
        syncer_free(&syncer);
    return res;
}

enum result syncer_sync(struct syncer *syncer, int fd)
{
    ssize_t n =
        send(syncer->ends[LOOP_SIDE], &fd, sizeof(fd), MSG_DONTWAIT | MSG_NOSIGNAL);

    return n == (ssize_t)sizeof(fd) ? RES_OK : RES_EIO;
}

void syncer_close(struct syncer *syncer)
{
    uv_close((uv_handle_t *)&syncer->poll, NULL);
}

void syncer_free(struct syncer **syncer)
{
    struct syncer *s = *syncer;

    if (s == NULL)
        return;
    if (s->ends[LOOP_SIDE] >= 0)
        (void)close(s->ends[LOOP_SIDE]);
    if (s->has_thread)
        (void)uv_thread_join(&s->thread);
    if (s->ends[THREAD_SIDE] >= 0)
        (void)close(s->ends[THREAD_SIDE]);
    free(s);
    *syncer = NULL;
}

#include "net/aside.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICENESS 19

enum { LOOP_END, THREAD_END };

static void on_closed(uv_handle_t *handle)
{
    struct aside *aside = handle->data;

    (void)close(aside->ends[LOOP_END]);
    aside->finish(aside->arg);
}

static void on_done(uv_poll_t *done, int status, int events)
{
    (void)status, (void)events; /* all there can be is that the work is done */
    uv_close((uv_handle_t *)done, on_closed);
}

/* Only Linux has a niceness for each thread; elsewhere it would be the daemon's. */
static void give_way(void)
{
#ifdef __linux__
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
#endif
}

/*
 * To close its end is the last that this thread does. On a busy CPU it may be long
 * before it runs again, so the loop must not wait for anything that it still has to do:
 * neither join it, nor use uv_async_t, which spins until the sender has left
 * uv_async_send.
 */
static void *run(void *arg)
{
    struct aside *aside = arg;
    int end = aside->ends[THREAD_END];

    give_way();
    aside->work(aside->arg);
    (void)close(end);
    return NULL;
}

static enum result start_thread(struct aside *aside)
{
    pthread_t thread;
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) != 0)
        return RES_EIO;
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attr, run, aside);
    (void)pthread_attr_destroy(&attr);
    return error == 0 ? RES_OK : RES_EIO;
}

static void work_in_pool(uv_work_t *pooled)
{
    struct aside *aside = pooled->data;

    aside->work(aside->arg);
}

static void on_pool_done(uv_work_t *pooled, int status)
{
    struct aside *aside = pooled->data;

    (void)status; /* cancelled by nobody */
    aside->finish(aside->arg);
}

void aside_run(struct aside *aside, uv_loop_t *loop, void (*work)(void *arg),
               void (*finish)(void *arg), void *arg)
{
    *aside = (struct aside){.work = work, .finish = finish, .arg = arg};
    bool has_pipe = pipe2(aside->ends, O_CLOEXEC) == 0;
    if (has_pipe && start_thread(aside) == RES_OK) {
        /* Fails for a descriptor that epoll cannot watch. */
        (void)uv_poll_init(loop, &aside->done, aside->ends[LOOP_END]);
        aside->done.data = aside;
        (void)uv_poll_start(&aside->done, UV_READABLE, on_done);
        return;
    }
    if (has_pipe) {
        (void)close(aside->ends[LOOP_END]);
        (void)close(aside->ends[THREAD_END]);
    }
    aside->pooled.data = aside;
    /* Fails for a missing callback only. */
    (void)uv_queue_work(loop, &aside->pooled, work_in_pool, on_pool_done);
}

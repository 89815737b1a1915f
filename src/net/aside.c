#include "net/aside.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What a patient thread gets at least: so much of each turn. Without it a loop that has
 * no idle moment would leave it 0.3 per cent of a CPU that they share. */
#define TURN_MS  10
#define SHARE_NS (1000 * 1000)
/* After so many turns without half of that somebody else wants the CPU, and would have
 * a reload take minutes. */
#define POOR_TURNS 100

enum side { LOOP_SIDE, THREAD_SIDE, SIDES };

/* All that the two sides share is the pair of sockets: the address of an errand goes
 * one way, and comes back when its work is done. With a lock in its place the loop
 * could wait for a thread that holds it and has no CPU. The thread ends with the loop's
 * end of the pair. */
struct aside {
    int ends[SIDES];
    enum aside_manner manner;
    pthread_t thread;
    bool has_thread, is_closed;
    uv_poll_t done;
    uv_timer_t turn; /* of a patient one */
    unsigned errands;
    int64_t used_ns; /* of the CPU, by the thread, up to the last turn */
    int64_t had_ns;  /* the same, when turns was 0 */
    unsigned turns;  /* up to POOR_TURNS */
};

/* Signals are the loop's. */
static void mask_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/*
 * SCHED_IDLE and not a niceness: a task that wakes up takes the CPU from an idle one at
 * once, whereas Linux from 6.6 on lets any other finish its slice, until the tick after
 * it, 4 to 8 ms later. Before there is work: a thread that becomes so while the loop is
 * kept busy is still owed the share of an equal, and takes it in one piece. Elsewhere
 * there is no such thing for one thread alone.
 */
static void give_way(pthread_t thread)
{
#ifdef __linux__
    (void)pthread_setschedparam(thread, SCHED_IDLE, &(struct sched_param){0});
#endif
}

/* As the loop is. False: the system refuses it (privs_allow_equal_threads). */
static bool be_equal(pthread_t thread)
{
    return pthread_setschedparam(thread, SCHED_OTHER, &(struct sched_param){0}) == 0;
}

/* What recv gives; 0: the other side has ended. */
static ssize_t receive(int end, struct errand **out, int flags)
{
    ssize_t n;

    do
        n = recv(end, out, sizeof(struct errand *), flags);
    while (n < 0 && errno == EINTR);
    return n;
}

/* False: the pair is full, with hundreds of errands, and this end does not wait. */
static bool hand_over(int end, struct errand *errand)
{
    ssize_t n;

    do
        n = send(end, &errand, sizeof(struct errand *), MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(struct errand *);
}

static void *run(void *arg)
{
    const struct aside *aside = arg;
    int end = aside->ends[THREAD_SIDE];
    struct errand *errand;

    mask_signals();
    while (receive(end, &errand, 0) > 0) {
        errand->work(errand->arg);
        bool is_taken = hand_over(end, errand); /* this end waits */
        assert(is_taken);
    }
    (void)shutdown(end, SHUT_WR);
    return NULL;
}

/* ---- the loop's side ---- */

static int64_t cpu_ns(pthread_t thread)
{
    struct timespec used = {0};
    clockid_t clock;

    if (pthread_getcpuclockid(thread, &clock) == 0)
        (void)clock_gettime(clock, &used);
    return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

/* Where the thread has not had its share by itself, the loop sleeps for it; where
 * others take that, too, it is their equal until it has nothing to do. */
static void on_turn(uv_timer_t *turn)
{
    static const struct timespec share = {.tv_nsec = SHARE_NS};
    struct aside *aside = turn->data;

    if (cpu_ns(aside->thread) - aside->used_ns < SHARE_NS)
        (void)nanosleep(&share, NULL);
    aside->used_ns = cpu_ns(aside->thread);
    if (++aside->turns < POOR_TURNS)
        return;
    if (aside->used_ns - aside->had_ns < POOR_TURNS * SHARE_NS / 2 &&
        be_equal(aside->thread))
        (void)uv_timer_stop(turn);
    aside->had_ns = aside->used_ns;
    aside->turns = 0;
}

static void start_turns(struct aside *aside)
{
    aside->had_ns = aside->used_ns = cpu_ns(aside->thread);
    aside->turns = 0;
    (void)uv_timer_start(&aside->turn, on_turn, TURN_MS, TURN_MS);
}

static void end_turns(struct aside *aside)
{
    (void)uv_timer_stop(&aside->turn);
    if (!aside->is_closed)
        give_way(aside->thread);
}

void aside_run(struct aside *aside, struct errand *errand)
{
    if (aside->is_closed || !hand_over(aside->ends[LOOP_SIDE], errand)) {
        errand->work(errand->arg);
        errand->finish(errand->arg);
        return;
    }
    if (aside->errands++ == 0 && aside->manner == ASIDE_PATIENT)
        start_turns(aside);
}

static void on_done(uv_poll_t *done, int status, int events)
{
    struct aside *aside = done->data;
    struct errand *errand;

    (void)status, (void)events; /* all there can be is an errand, or the end */
    ssize_t n = receive(aside->ends[LOOP_SIDE], &errand, MSG_DONTWAIT);
    if (n == 0) {
        uv_close((uv_handle_t *)&aside->done, NULL);
        uv_close((uv_handle_t *)&aside->turn, NULL);
    } else if (n > 0) {
        if (--aside->errands == 0 && aside->manner == ASIDE_PATIENT)
            end_turns(aside);
        errand->finish(errand->arg);
    }
}

/* The handles come last: they are the loop's, and could not be freed here. */
static enum result start(struct aside *aside, uv_loop_t *loop)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, aside->ends) != 0)
        return RES_EIO;
    if (pthread_create(&aside->thread, NULL, run, aside) != 0)
        return RES_EIO;
    aside->has_thread = true;
    if (aside->manner == ASIDE_PATIENT)
        give_way(aside->thread);
    if (uv_poll_init(loop, &aside->done, aside->ends[LOOP_SIDE]) != 0)
        return RES_EIO;
    (void)uv_timer_init(loop, &aside->turn); /* only sets fields */
    aside->done.data = aside->turn.data = aside;
    (void)uv_poll_start(&aside->done, UV_READABLE, on_done);
    return RES_OK;
}

enum result aside_new(uv_loop_t *loop, enum aside_manner manner, struct aside **out)
{
    struct aside *aside = calloc(1, sizeof(*aside));

    if (aside == NULL)
        return RES_EMEM;
    *aside = (struct aside){.ends = {-1, -1}, .manner = manner};
    enum result res = start(aside, loop);
    if (res == RES_OK)
        *out = aside;
    else
        aside_free(&aside);
    return res;
}

void aside_close(struct aside *aside)
{
    aside->is_closed = true;
    if (aside->manner == ASIDE_PATIENT)
        (void)be_equal(aside->thread); /* now the loop waits for it */
    (void)shutdown(aside->ends[LOOP_SIDE], SHUT_WR);
}

void aside_free(struct aside **aside)
{
    struct aside *a = *aside;

    if (a == NULL)
        return;
    if (a->ends[LOOP_SIDE] >= 0)
        (void)close(a->ends[LOOP_SIDE]);
    if (a->has_thread)
        (void)pthread_join(a->thread, NULL);
    if (a->ends[THREAD_SIDE] >= 0)
        (void)close(a->ends[THREAD_SIDE]);
    free(a);
    *aside = NULL;
}

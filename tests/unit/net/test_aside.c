/* Errands beside the loop: their order, the thread's manners, and its end. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/aside.h"
#include "unit.h"

#define ROUNDS 3

static uv_loop_t loop;
static struct aside *aside;

static struct told {
    struct errand errand;
    struct timespec nap;
    unsigned worked, finished, wanted;
    int policy;
    pthread_t thread;
} told;

static void work(void *arg)
{
    struct told *t = arg;
    struct sched_param param;

    (void)nanosleep(&t->nap, NULL);
    t->thread = pthread_self();
    (void)pthread_getschedparam(t->thread, &t->policy, &param);
    t->worked++;
}

static void finish(void *arg)
{
    struct told *t = arg;

    assert_int_equal(t->worked, ++t->finished);
    if (t->finished < t->wanted)
        aside_run(aside, &t->errand);
}

static void begin(enum aside_manner manner, unsigned wanted)
{
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(aside_new(&loop, manner, &aside), RES_OK);
    told = (struct told){.errand = {work, finish, &told}, .wanted = wanted};
}

static void end(void)
{
    aside_close(aside);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    aside_free(&aside);
    assert_null(aside);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void run(enum aside_manner manner)
{
    begin(manner, ROUNDS);
    aside_run(aside, &told.errand);
    assert_int_equal(told.finished, 0); /* the loop's turn, not before */
    while (told.finished < ROUNDS)
        (void)uv_run(&loop, UV_RUN_ONCE);
    end();
    assert_int_equal(told.finished, ROUNDS);
    assert_false(pthread_equal(told.thread, pthread_self()));
}

/* Only the thread, and for good. */
static void test_patience(void **state)
{
    struct sched_param param;
    int policy;

    (void)state;
    run(ASIDE_PATIENT);
#ifdef __linux__
    assert_int_equal(told.policy, SCHED_IDLE);
#endif
    assert_int_equal(pthread_getschedparam(pthread_self(), &policy, &param), 0);
    assert_int_equal(policy, SCHED_OTHER);
    run(ASIDE_PROMPT);
    assert_int_equal(told.policy, SCHED_OTHER);
}

/* What was given is done and finished, in whatever state it is. */
static void test_end_waits_for_errands(void **state)
{
    struct told second;

    (void)state;
    begin(ASIDE_PATIENT, 1);
    told.nap.tv_nsec = 20 * 1000 * 1000;
    second = (struct told){.errand = {work, finish, &second}, .wanted = 1};
    aside_run(aside, &told.errand);
    aside_run(aside, &second.errand);
    end();
    assert_int_equal(told.finished, 1);
    assert_int_equal(second.finished, 1);
}

/* More than the way to the thread holds: snapshots by the thousand, say, that requests
 * in flight have held until now. */
static void test_more_than_can_wait(void **state)
{
    static struct told many[5000];

    (void)state;
    begin(ASIDE_PATIENT, 1);
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = (struct told){.errand = {work, finish, &many[i]}, .wanted = 1};
        many[i].nap.tv_nsec = i == 0 ? 20 * 1000 * 1000 : 0;
        aside_run(aside, &many[i].errand);
    }
    end();
    for (size_t i = 0; i < COUNT_OF(many); i++)
        assert_int_equal(many[i].finished, 1);
}

#ifdef __linux__
static struct {
    cpu_set_t before;
    int niceness; /* before */
    pid_t pid;
} hog;

/* Another process that wants all of the one CPU that we have. Neither is nice: to a
 * nice one an idle thread loses little. */
static int start_hog(void **state)
{
    const char *preload = getenv("LD_PRELOAD");
    struct rlimit nice;
    cpu_set_t one;

    (void)state;
    hog.pid = 0;
    if (preload != NULL && strstr(preload, "vgpreload") != NULL)
        return 0; /* valgrind's threads share a lock: the idle one would hold it */
    if (getrlimit(RLIMIT_NICE, &nice) != 0 || (geteuid() != 0 && nice.rlim_cur < 20))
        return 0; /* nobody may be made an equal */
    hog.niceness = getpriority(PRIO_PROCESS, 0);
    if (setpriority(PRIO_PROCESS, 0, 0) != 0)
        return -1;
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    if (sched_getaffinity(0, sizeof(hog.before), &hog.before) != 0 ||
        sched_setaffinity(0, sizeof(one), &one) != 0)
        return -1;
    hog.pid = fork();
    for (volatile unsigned i = 0; hog.pid == 0; i++)
        ;
    return hog.pid > 0 ? 0 : -1;
}

static int end_hog(void **state)
{
    (void)state;
    if (hog.pid == 0)
        return 0;
    (void)kill(hog.pid, SIGKILL);
    (void)waitpid(hog.pid, NULL, 0);
    (void)setpriority(PRIO_PROCESS, 0, hog.niceness);
    return sched_setaffinity(0, sizeof(hog.before), &hog.before);
}

static int64_t ms_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work_hard(void *arg)
{
    while (ms_of(CLOCK_THREAD_CPUTIME_ID) < 60)
        ;
    work(arg);
}

static int64_t begin_hard_work(void)
{
    if (hog.pid == 0)
        skip();
    begin(ASIDE_PATIENT, 1);
    told.errand.work = work_hard;
    aside_run(aside, &told.errand);
    return ms_of(CLOCK_MONOTONIC);
}

/* Of such a CPU an idle thread has 3 parts in 1,027: 60 ms would take 20 s. */
static void assert_soon(int64_t begin_ms)
{
    assert_int_equal(told.finished, 1);
    assert_true(ms_of(CLOCK_MONOTONIC) - begin_ms < 8000);
}

static void test_others_want_the_cpu(void **state)
{
    int64_t begin_ms = begin_hard_work();

    (void)state;
    while (told.finished == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_soon(begin_ms);
    assert_int_equal(told.policy, SCHED_OTHER);
    told.errand.work = work; /* patient again */
    told.wanted = 2;
    aside_run(aside, &told.errand);
    while (told.finished == 1)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(told.policy, SCHED_IDLE);
    end();
}

static void test_others_want_the_cpu_at_the_end(void **state)
{
    int64_t begin_ms = begin_hard_work();

    (void)state;
    end();
    assert_soon(begin_ms);
}
#endif

static void test_closed(void **state)
{
    (void)state;
    begin(ASIDE_PROMPT, ROUNDS);
    aside_close(aside);
    aside_run(aside, &told.errand);
    assert_int_equal(told.finished, ROUNDS);
    assert_true(pthread_equal(told.thread, pthread_self()));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_end_waits_for_errands),
        cmocka_unit_test(test_more_than_can_wait),
#ifdef __linux__
        cmocka_unit_test_setup_teardown(test_others_want_the_cpu, start_hog, end_hog),
        cmocka_unit_test_setup_teardown(test_others_want_the_cpu_at_the_end, start_hog,
                                        end_hog),
#endif
        cmocka_unit_test(test_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

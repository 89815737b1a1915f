/* Errands beside the loop: their order, the thread's manners, and its end. */
#include <pthread.h>
#include <sched.h>
#include <time.h>

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
        cmocka_unit_test(test_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Work beside the loop: done when finish is called, which may start the next. */
#include <sys/resource.h>

#include "net/aside.h"
#include "unit.h"

#define ROUNDS 3

struct errand {
    struct aside aside;
    uv_loop_t *loop;
    int niceness;
    unsigned worked, finished;
};

static void work(void *arg)
{
    struct errand *errand = arg;

    errand->niceness = getpriority(PRIO_PROCESS, 0);
    errand->worked++;
}

static void finish(void *arg)
{
    struct errand *errand = arg;

    assert_int_equal(errand->worked, ++errand->finished);
    if (errand->finished < ROUNDS)
        aside_run(&errand->aside, errand->loop, work, finish, errand);
}

static void run_errand(struct errand *errand)
{
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    *errand = (struct errand){.loop = &loop};
    aside_run(&errand->aside, &loop, work, finish, errand);
    assert_int_equal(errand->finished, 0); /* the loop's turn, not before */
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(errand->finished, ROUNDS);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_thread_gives_way(void **state)
{
    struct errand errand;
    int usual = getpriority(PRIO_PROCESS, 0);

    (void)state;
    run_errand(&errand);
    assert_int_equal(errand.niceness, 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), usual);
}

/* Without a descriptor the pool does it, and stays as it is. */
static void test_without_descriptor(void **state)
{
    struct rlimit usual, none;
    struct errand errand;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    errand = (struct errand){.loop = &loop};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = (struct rlimit){0, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    aside_run(&errand.aside, &loop, work, finish, &errand);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(errand.finished, ROUNDS);
    assert_int_equal(errand.niceness, getpriority(PRIO_PROCESS, 0));
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_gives_way),
        cmocka_unit_test(test_without_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

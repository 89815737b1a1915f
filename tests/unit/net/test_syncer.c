/* The thread that syncs: what it says, and its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/syncer.h"
#include "unit.h"

static uv_loop_t loop;
static struct syncer *syncer;

static struct {
    int done;
    int error;
} told;

static void on_done(void *arg, int error)
{
    assert_ptr_equal(arg, &told);
    told.done++;
    told.error = error;
}

static int begin(void **state)
{
    (void)state;
    told.done = 0;
    return uv_loop_init(&loop) != 0 ||
           syncer_new(&loop, on_done, &told, &syncer) != RES_OK;
}

static int end(void **state)
{
    (void)state;
    syncer_close(syncer);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    syncer_free(&syncer);
    return syncer != NULL || uv_loop_close(&loop) != 0;
}

static int open_file(void)
{
    char path[] = "/tmp/tsigate-syncer.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "line\n", 5), 5);
    return fd;
}

/* Each is told once, in a turn of the loop, and not before. */
static void test_one_after_the_other(void **state)
{
    int fd = open_file();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(syncer_sync(syncer, fd), RES_OK);
        assert_int_equal(told.done, i);
        while (told.done == i)
            (void)uv_run(&loop, UV_RUN_ONCE);
        assert_int_equal(told.done, i + 1);
        assert_int_equal(told.error, 0);
    }
    (void)close(fd);
}

static void test_errors_come_back(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(syncer_sync(syncer, ends[0]), RES_OK);
    while (told.done == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(told.error, EINVAL);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* The end waits for it, and nobody is told. */
static void test_ends_with_one_under_way(void **state)
{
    int fd = open_file();

    assert_int_equal(syncer_sync(syncer, fd), RES_OK);
    assert_int_equal(end(state), 0);
    assert_int_equal(told.done, 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_after_the_other, begin, end),
        cmocka_unit_test_setup_teardown(test_errors_come_back, begin, end),
        cmocka_unit_test_setup(test_ends_with_one_under_way, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Programs that end well, badly, not at all, and not alone. */
#include "tlsa/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

struct child_case {
    const char *name;
    const char *script; /* of sh */
    uint32_t timeout_s;
    int gives;
    int error; /* with -1 */
};

static const struct child_case cases[] = {
    {"good", "exit 0", 10, 0, 0},
    {"bad", "exit 7", 10, 7, 0},
    {"killed", "kill -KILL $$", 10, 128 + SIGKILL, 0},
    {"no input", "read line && exit 1; exit 0", 10, 0, 0},
    {"does not end", "sleep 100", 1, -1, ETIMEDOUT},
    {"does not want to end", "trap '' TERM; while :; do sleep 0.1; done", 1, -1,
     ETIMEDOUT},
    {"stops itself", "kill -STOP $$", 1, -1, ETIMEDOUT},
    {"ends well when it is told to", "trap 'exit 0' TERM; sleep 100 & wait", 1, -1,
     ETIMEDOUT},
};

static int run(const char *script, uint32_t timeout_s)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return child_run(argv, timeout_s);
}

static void test_how_it_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = run(cases[i].script, cases[i].timeout_s);
        int error = errno;
        if (status != cases[i].gives || (status < 0 && error != cases[i].error))
            fail_msg("%s: %d, %s", cases[i].name, status, strerror(error));
    }
}

static void test_no_such_program(void **state)
{
    (void)state;
    const char *const argv[] = {"/nonexistent/program", NULL};
    int status = child_run(argv, 10);
    /* POSIX lets posix_spawn say it in either way; under valgrind it is the second. */
    if (status == -1)
        assert_int_equal(errno, ENOENT);
    else
        assert_int_equal(status, 127);
}

/* Nobody is left to do later what was given up. */
static void test_what_it_started_is_ended_too(void **state)
{
    char script[128];
    char path[] = "/tmp/test_child.XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)snprintf(script, sizeof script, "(sleep 2; rm %s) & wait", path);
    assert_int_equal(run(script, 1), -1);
    sleep(2);
    assert_int_equal(unlink(path), 0);
    close(fd);
}

/* In a process of its own: what a caller that ignores SIGCHLD (a daemon's child, as a
 * hook may be) or a signal gets. */
static int in_a_child(void (*prepare)(void), const char *script, int *out_status)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prepare();
        _exit(run(script, 20));
    }
    return waitpid(pid, out_status, 0) == pid;
}

static void ignore_children(void)
{
    (void)signal(SIGCHLD, SIG_IGN);
}

static void ignore_hangup(void)
{
    (void)signal(SIGHUP, SIG_IGN);
}

static void change_nothing(void)
{
}

static void test_signals_of_the_caller(void **state)
{
    int status;
    (void)state;
    assert_true(in_a_child(ignore_children, "exit 5", &status));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    /* nohup */
    assert_true(
        in_a_child(ignore_hangup, "kill -HUP $PPID; sleep 0.2; exit 6", &status));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    time_t began = time(NULL);
    assert_true(in_a_child(change_nothing, "kill -TERM $PPID; sleep 100", &status));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_true(time(NULL) - began < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_it_ends),
        cmocka_unit_test(test_no_such_program),
        cmocka_unit_test(test_what_it_started_is_ended_too),
        cmocka_unit_test(test_signals_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

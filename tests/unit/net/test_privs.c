/*
 * Giving up root for good, in a child of its own. Needs root; else only what can be
 * seen without it. Rules O-1, O-4.
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/privs.h"
#include "unit.h"

/* Gives the number of the first step that failed; 0: none. */
static int become_nobody(void)
{
    struct privs privs;
    uid_t real, effective, saved;
    struct rlimit core, nice;
    bool may_raise = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;

    privs_harden();
    privs_allow_equal_threads();
    if (privs_find("nobody", &privs) != RES_OK || !privs.is_switching)
        return 1;
    if (privs_assume(&privs) != RES_OK || geteuid() != privs.uid)
        return 2;
    if (privs_resume(&privs) != RES_OK || geteuid() != 0)
        return 3;
    if (privs_drop(&privs) != RES_OK)
        return 4;
    if (getresuid(&real, &effective, &saved) != 0 || real != privs.uid ||
        effective != privs.uid || saved != privs.uid || getgid() != privs.gid)
        return 5;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
        return 6;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 7;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        return 8;
    if (getrlimit(RLIMIT_NICE, &nice) != 0 ||
        (may_raise && nice.rlim_cur + (rlim_t)getpriority(PRIO_PROCESS, 0) < 20))
        return 9;
    return 0;
}

static void test_root_becomes_nobody(void **state)
{
    int status;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0)
        _exit(become_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_nobody_of_that_name(void **state)
{
    struct privs privs;

    (void)state;
    enum result res = privs_find("no-such-user-here", &privs);
    assert_int_equal(res, geteuid() == 0 ? RES_ENOTFOUND : RES_OK);
}

static void test_without_user_nothing_changes(void **state)
{
    struct privs privs;

    (void)state;
    assert_int_equal(privs_find(NULL, &privs), RES_OK);
    assert_false(privs.is_switching);
    assert_int_equal(privs_assume(&privs), RES_OK);
    assert_int_equal(privs_resume(&privs), RES_OK);
    assert_int_equal(geteuid(), privs.uid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_becomes_nobody),
        cmocka_unit_test(test_nobody_of_that_name),
        cmocka_unit_test(test_without_user_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

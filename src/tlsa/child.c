#include "tlsa/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "net/deadline.h"

/* From SIGTERM to SIGKILL. */
#define GRACE_S 3

extern char **environ;

static int set_streams(posix_spawn_file_actions_t *actions)
{
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    return error == 0 ? posix_spawn_file_actions_adddup2(actions, 2, 1) : error;
}

static int set_attributes(posix_spawnattr_t *attributes, const sigset_t *mask)
{
    (void)posix_spawnattr_setpgroup(attributes, 0);
    (void)posix_spawnattr_setsigmask(attributes, mask);
    return posix_spawnattr_setflags(attributes,
                                    POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
}

/* posix_spawn takes words that can be changed, and changes none. Gives an errno. */
static int start(const char *const argv[], const sigset_t *mask, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_streams(&actions);
        if (error == 0)
            error = set_attributes(&attributes, mask);
        if (error == 0)
            error = posix_spawnp(out, argv[0], &actions, &attributes,
                                 (char *const *)argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Whether it has ended within the time; *out_signal: one of the signals came for us. */
static bool ends_within(pid_t pid, int64_t wait_ms, const sigset_t *signals,
                        int *out_status, int *out_signal)
{
    const struct deadline deadline = deadline_in(wait_ms);
    *out_signal = 0;
    while (waitpid(pid, out_status, WNOHANG) != pid) {
        int64_t left_ms = deadline_left_ms(deadline);
        const struct timespec left = {.tv_sec = left_ms / 1000,
                                      .tv_nsec = left_ms % 1000 * 1000000};
        if (left_ms == 0)
            return false;
        int signal = sigtimedwait(signals, NULL, &left);
        if (signal > 0 && signal != SIGCHLD) {
            *out_signal = signal;
            return false;
        }
    }
    return true;
}

/* Gives the wait status; -1: it had to be ended. */
static int wait_for(pid_t pid, uint32_t timeout_s, const sigset_t *signals)
{
    int status;
    int signal;
    if (ends_within(pid, (int64_t)timeout_s * 1000, signals, &status, &signal))
        return status;
    (void)kill(-pid, signal != 0 ? signal : SIGTERM);
    if (signal != 0) {
        (void)raise(signal); /* when it is let through again */
        return -1;
    }
    bool has_ended = ends_within(pid, GRACE_S * 1000, signals, &status, &signal);
    (void)kill(-pid, SIGKILL); /* who is left of the group, too */
    while (!has_ended && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (signal != 0)
        (void)raise(signal);
    return -1;
}

/* SIGCHLD and what ends us; not what whoever started us has us ignore (nohup). */
static void collect(sigset_t *out)
{
    static const int enders[] = {SIGINT, SIGTERM, SIGHUP};
    (void)sigemptyset(out);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, no child would be waited for */
    (void)sigaddset(out, SIGCHLD);
    for (size_t i = 0; i < sizeof enders / sizeof enders[0]; i++) {
        struct sigaction action;
        if (sigaction(enders[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(out, enders[i]);
    }
}

int child_run(const char *const argv[], uint32_t timeout_s)
{
    sigset_t signals;
    sigset_t before;
    pid_t pid;
    int status = -1;
    fflush(stdout);
    collect(&signals);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    int error = start(argv, &before, &pid);
    if (error == 0) {
        status = wait_for(pid, timeout_s, &signals);
        error = ETIMEDOUT;
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* here a signal that came ends us */
    errno = error;
    if (status == -1)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#include "net/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/logger.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#define HAS_ASAN __has_feature(address_sanitizer)
#else
#define HAS_ASAN 0
#endif

/* To be called after each change of user, which sets the flag anew. LeakSanitizer looks
 * at the process by ptrace(2), which needs it. */
static void forbid_dumps(void)
{
    (void)prctl(PR_SET_DUMPABLE, HAS_ASAN, 0, 0, 0);
}

void privs_raise_descriptors(size_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* works as root */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    limit.rlim_cur = limit.rlim_max = hard;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    logger_printf(
        LEVEL_WARNING,
        "the limits want %zu descriptors, the system allows %llu: connections "
        "beyond that are refused",
        wanted, (unsigned long long)hard);
}

/* setpriority(2): the limit is 20 less the niceness. */
void privs_allow_equal_threads(void)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)(20 - getpriority(PRIO_PROCESS, 0));

    if (getrlimit(RLIMIT_NICE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* works as root */
    (void)setrlimit(RLIMIT_NICE, &limit);
}

void privs_harden(void)
{
    struct rlimit no_core = {0};

    (void)setrlimit(RLIMIT_CORE, &no_core);
    forbid_dumps();
}

enum result privs_find(const char *user, struct privs *out)
{
    *out = (struct privs){.uid = geteuid(), .gid = getegid()};
    if (geteuid() != 0)
        return RES_OK;
    if (user == NULL) {
        logger_write(
            LEVEL_WARNING,
            "running as root: set `user` in the configuration, a gateway needs "
            "no rights once it listens");
        return RES_OK;
    }
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return RES_ENOTFOUND;
    if (strlen(user) >= sizeof(out->user))
        return RES_ENOTFOUND;
    memcpy(out->user, user, strlen(user));
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    out->is_switching = entry->pw_uid != 0;
    return RES_OK;
}

enum result privs_assume(const struct privs *privs)
{
    if (!privs->is_switching)
        return RES_OK;
    if (initgroups(privs->user, privs->gid) != 0 || setegid(privs->gid) != 0 ||
        seteuid(privs->uid) != 0)
        return RES_EIO;
    forbid_dumps();
    return RES_OK;
}

enum result privs_resume(const struct privs *privs)
{
    if (!privs->is_switching)
        return RES_OK;
    if (seteuid(0) != 0 || setegid(0) != 0)
        return RES_EIO;
    forbid_dumps();
    return RES_OK;
}

/* Whoever was given CAP_NET_BIND_SERVICE instead of root needs it no longer. The real
 * root keeps its own: without them it could not read other users' key files. */
static enum result drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (geteuid() == 0)
        return RES_OK;
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) != 0 ? RES_EIO : RES_OK;
}

enum result privs_drop(const struct privs *privs)
{
    if (privs->is_switching) {
        if (initgroups(privs->user, privs->gid) != 0 ||
            setresgid(privs->gid, privs->gid, privs->gid) != 0 ||
            setresuid(privs->uid, privs->uid, privs->uid) != 0)
            return RES_EIO;
        if (setuid(0) == 0 || geteuid() != privs->uid) {
            errno = EPERM;
            return RES_EIO;
        }
    }
    if (drop_capabilities() != RES_OK || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return RES_EIO;
    forbid_dumps();
    return RES_OK;
}

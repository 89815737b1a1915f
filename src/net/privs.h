/*
 * Who the daemon is, and what the system lets it do. Floor 4. Rules O-1, O-4.
 *
 * The order at start, when started as root with `user`: the configuration is read once
 * as root, only to learn the user; then everything is read and judged as that user
 * (privs_assume), so that a reload can never fail where the start did not, and before
 * any socket is open; then root binds (privs_resume), and at last is given up for good
 * (privs_drop).
 */
#ifndef TSIGATE_NET_PRIVS_H
#define TSIGATE_NET_PRIVS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/limits.h"
#include "base/result.h"

struct privs {
    char user[LIMIT_USER_OCTETS]; /* where is_switching */
    uid_t uid;
    gid_t gid;
    bool is_switching; /* started as root, with a user to become */
};

/* No core and no ptrace by others; to be called before there is a secret in memory
 * (O-4). */
void privs_harden(void);
/* As many descriptors as wanted, or as the system lets us have (a warning). */
void privs_raise_descriptors(size_t wanted);
/* A thread that has given way (net/aside) may become what the others are again, where
 * the system lets us; without it a reload takes long where others want the CPU. */
void privs_allow_equal_threads(void);
/* Looks the user up. NULL, or not started as root: nobody to become. RES_ENOTFOUND. */
enum result privs_find(const char *user, struct privs *out) MUST_CHECK NONNULL_AT(2);
/* The effective user, for the files; and back to root, for the sockets. RES_EIO. */
enum result privs_assume(const struct privs *privs) MUST_CHECK NONNULL;
enum result privs_resume(const struct privs *privs) MUST_CHECK NONNULL;
/* For good: user, groups, capabilities, no_new_privs. RES_EIO: do not go on. */
enum result privs_drop(const struct privs *privs) MUST_CHECK NONNULL;

#endif

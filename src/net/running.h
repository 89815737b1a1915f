/*
 * What the daemon took from its configuration at start and cannot change any more:
 * listeners, user, control socket, audit file. Floor 4. A reload keeps these and says
 * so.
 */
#ifndef TSIGATE_NET_RUNNING_H
#define TSIGATE_NET_RUNNING_H

#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/result.h"
#include "policy/settings.h"

enum running_part {
    RUNNING_LISTEN,
    RUNNING_USER,
    RUNNING_CONTROL,
    RUNNING_AUDIT,
    RUNNING_PARTS,
};

/* Of the first error of a refused reload. */
#define RUNNING_REFUSED_OCTETS 1024

struct running {
    struct arena arena;
    struct addr *listen;
    size_t listen_count;
    const char *user;    /* NULL: none */
    const char *control; /* NULL: none */
    const char *audit_file;
    bool differs[RUNNING_PARTS]; /* from the configuration loaded last */
    struct {
        int64_t at_s; /* 0: the last reload was taken */
        uint64_t errors;
        char first[RUNNING_REFUSED_OCTETS];
    } refused;
};

/* RES_EMEM. */
enum result running_init(struct running *running,
                         const struct settings *settings) MUST_CHECK NONNULL;
void running_fini(struct running *running) NONNULL;
/* Notes what differs, with a warning `restart-needed` for each. */
void running_compare(struct running *running, const struct settings *settings,
                     struct diags *diags) NONNULL;
/* Members `reload_refused`, `listen` and `restart_needed` of an open JSON object. */
/* A reload is over: what was wrong is shown until one is taken. */
void running_note_reload(struct running *running, const struct diags *diags,
                         bool is_refused, int64_t now_s) NONNULL;
void running_status(const struct running *running, struct json *json) NONNULL;

#endif

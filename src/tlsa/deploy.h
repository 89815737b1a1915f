/*
 * Handing a certificate out: files rendered, exchanged all or none, consumers told, and
 * their old files back where that fails. Floor 5; prints what went wrong.
 *
 * A consumer whose files changed stands in the state until it was told with success;
 * beside each changed file lies the old one (.NAME.tsigate-old) that long. So a run
 * that was cut off is ended by the next one.
 */
#ifndef TSIGATE_TLSA_DEPLOY_H
#define TSIGATE_TLSA_DEPLOY_H

#include "tlsa/deployment.h"
#include "tlsa/material.h"
#include "tlsa/state.h"

/* How it ends for a consumer. */
enum deploy_fate {
    DEPLOY_UNCHANGED = 0, /* has it already, and was told */
    DEPLOY_DUE,           /* a dry run: files differ, or it was never told */
    DEPLOY_DONE,          /* told, and seen with it where it has a probe */
    DEPLOY_WENT_BACK,     /* failed; has its old files again, and was told */
    DEPLOY_STUCK,         /* failed, and going back failed too: the next run tells it */
};

struct deploy_outcome {
    const struct deployment_consumer *consumer;
    enum deploy_fate fate;
    const char **changed; /* paths, the arena's */
    size_t changed_count;
    const char
        *note; /* of DEPLOY_DONE: what was left out; of a failure: why; or NULL */
};

struct deploy_report {
    struct deploy_outcome *outcomes; /* of each consumer, the arena's */
    size_t count;
};

struct deploy {
    struct tool *tool;
    struct state *state; /* open with a lock, unless dry */
    const struct deployment_certificate *certificate;
    const struct material *material; /* whose files those of certificate need not be */
    const struct tlsa_records *records; /* published for it; NULL: none */
    bool is_dry;                        /* say what would be done */
};

/*
 * TOOL_DONE: every consumer has the certificate and knows it (dry: could get it).
 * TOOL_CONFIG, TOOL_OUTSIDE as told: nothing was touched. TOOL_OUTSIDE with a report
 * that has a failed consumer: the others have theirs.
 */
int deploy_run(const struct deploy *deploy,
               struct deploy_report *out) MUST_CHECK NONNULL;
/* Whether a consumer failed. */
bool deploy_has_failed(const struct deploy_report *report) MUST_CHECK NONNULL;

/* "unchanged", "due", "done", "went-back", "stuck". */
const char *deploy_fate_name(enum deploy_fate fate);

#endif

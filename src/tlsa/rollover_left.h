/*
 * What was published once and belongs to nothing in deploy.conf any more: records at
 * names that were taken out of it, and those of whole certificates. They stay until
 * somebody says that they may go. And what belongs to another certificate at the same
 * name, and stays in any case. Floor 5.
 */
#ifndef TSIGATE_TLSA_ROLLOVER_LEFT_H
#define TSIGATE_TLSA_ROLLOVER_LEFT_H

#include "tlsa/deployment.h"
#include "tlsa/rollover_plan.h"
#include "tlsa/state.h"

struct rollover_remains {
    const char *certificate;     /* the arena's */
    bool is_configured;          /* false: it stands in deploy.conf no more */
    struct rollover_state saved; /* what is left is saved.left */
};

struct rollover_remains_list {
    struct rollover_remains *array; /* the arena's */
    size_t count;
};

/* All of these: TOOL_DONE, else as told. */

/* Of each certificate of deploy.conf that has a state; with_gone: then of those that
 * are not there any more. */
int rollover_remains_load(struct state *state, const struct deployment *deployment,
                          bool with_gone,
                          struct rollover_remains_list *out) MUST_CHECK NONNULL;
/* Whether a certificate of deploy.conf other than this one has the record there. */
bool rollover_is_others(const struct rollover_remains_list *list,
                        const char *certificate, const char *name,
                        const struct rdata *rdata) NONNULL;
/* Says what is left of the certificates of these names (none: of all), and how it
 * goes; as JSON an array `left`. */
void rollover_remains_tell(struct tool *tool, const struct rollover_remains_list *list,
                           char *const *words) NONNULL;
/* Deletes it, and forgets certificates that deploy.conf has no more; as JSON an array
 * `deleted`. */
int rollover_remains_clean(struct state *state,
                           const struct rollover_remains_list *list,
                           char *const *words) MUST_CHECK NONNULL;

#endif

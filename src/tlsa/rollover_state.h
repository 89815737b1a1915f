/*
 * What a roll-over remembers from run to run: a small text per certificate in the
 * folder of what is under way, and copies of what it deploys. Floor 5.
 *
 *     NAME.rollover                          where it stands
 *     NAME.new.certificate, NAME.new.key     what it leads to
 *     NAME.old.certificate, NAME.old.key     what was in use before, to go back to by
 *                                            hand
 *     NAME.failure                           when and why the last run failed
 *
 * A file that is cut off, foreign or of a later version is an error and never a guess.
 * To move NAME.rollover away is always safe: the roll-over begins anew, and nothing
 * that it does not know is ever deleted.
 */
#ifndef TSIGATE_TLSA_ROLLOVER_STATE_H
#define TSIGATE_TLSA_ROLLOVER_STATE_H

#include "base/buf.h"
#include "base/diag.h"
#include "tlsa/material.h"
#include "tlsa/rollover_plan.h"
#include "tlsa/state.h"

/* The text of the file; w->failed tells. Another text than the last release's, be it in
 * a comment, is another version. */
void rollover_state_build(const char *name, const struct rollover_state *saved,
                          struct writer *w) NONNULL;
/* chars: NUL-terminated. All that out points to lies in the arena. RES_EFORMAT, in
 * diags at path: it is not, octet for octet, what is built of what it says. */
enum result rollover_state_parse(const char *path, const char *name, const char *chars,
                                 size_t len, struct arena *arena, struct diags *diags,
                                 struct rollover_state *out) MUST_CHECK NONNULL;

/* All of these: TOOL_DONE; TOOL_OUTSIDE, as told; load: TOOL_CONFIG as well. */

/* out->step 0: there is no such file. */
int rollover_state_load(struct state *state, const char *name,
                        struct rollover_state *out) MUST_CHECK NONNULL;
/* Is on disk when it returns. */
int rollover_state_save(struct state *state, const char *name,
                        const struct rollover_state *saved) MUST_CHECK NONNULL;
/* The copies of what it leads to; before the state that speaks of them. */
int rollover_state_keep(struct state *state, const char *name,
                        const struct material *material) MUST_CHECK NONNULL;
/* What it led to is in use now: the copies are those of what was in use. */
int rollover_state_settle(struct state *state, const char *name) MUST_CHECK NONNULL;
/* The copies again, where they are those of id. TOOL_CONFIG: they are not, or not good.
 * material_close after either. */
int rollover_state_recall(struct state *state, const char *name, const char *id,
                          struct material *out) MUST_CHECK NONNULL;

/* What the last run could not do; text NULL: it did not fail. */
struct rollover_failure {
    const char *time; /* RFC 3339; the arena's, as the text */
    const char *text;
};
int rollover_failure_load(struct state *state, const char *name,
                          struct rollover_failure *out) MUST_CHECK NONNULL;
/* text "": it did not fail. */
int rollover_failure_save(struct state *state, const char *name, const char *text,
                          int64_t now_s) MUST_CHECK NONNULL;
/* Nothing of it is left; the state itself goes last. */
int rollover_state_forget(struct state *state, const char *name) MUST_CHECK NONNULL;

/* SHA-256 over both files, so that a new chain is a new certificate. RES_ECRYPTO. */
enum result rollover_id(const struct material *material,
                        char out[static ROLLOVER_ID_OCTETS]) MUST_CHECK NONNULL;

#endif

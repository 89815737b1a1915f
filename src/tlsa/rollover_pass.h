/*
 * One pass over one certificate's roll-over: what can be done now is done, each step on
 * disk before the next begins, and what it waits for is told. Floor 5.
 */
#ifndef TSIGATE_TLSA_ROLLOVER_PASS_H
#define TSIGATE_TLSA_ROLLOVER_PASS_H

#include "tlsa/deployment.h"
#include "tlsa/rollover_state.h"
#include "tlsa/tool.h"

/* What is the same for all certificates of a run. */
struct rollover_site {
    const struct deployment *deployment; /* its folder of what is under way, too */
    const char *resolver;
    uint16_t ns_port;
    bool is_dry; /* what would be done is told, and nothing is done or written */
};

#define ROLLOVER_WORDS_OCTETS 512
/* A pass says less. */
#define ROLLOVER_SAID 256

struct rollover_report {
    struct rollover_state saved;           /* strings and records: the tool's arena */
    char waits_for[ROLLOVER_WORDS_OCTETS]; /* "": nothing */
    int source; /* TOOL_DONE, or why the copy is used in place of what cannot be read */
    int64_t until_s;                 /* 0: no time is known; else waits_for it */
    const char *said[ROLLOVER_SAID]; /* for JSON: what was or would be done */
    size_t said_count;
    struct rollover_failure failure; /* of this run; of rollover_look: of the last */
};

/* TOOL_DONE: out says how far it is. Else as told, and out as far as known. */
int rollover_pass(struct tool *tool, const struct rollover_site *site,
                  const struct deployment_certificate *certificate,
                  struct rollover_report *out) MUST_CHECK NONNULL;
/* What is on disk and no more. TOOL_DONE with saved.step 0: nothing yet. */
int rollover_look(struct tool *tool, const struct rollover_site *site,
                  const struct deployment_certificate *certificate,
                  struct rollover_report *out) MUST_CHECK NONNULL;

#endif

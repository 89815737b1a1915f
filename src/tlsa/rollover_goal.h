/*
 * What deploy.conf and a certificate's files ask of a roll-over; and, before there was
 * any, what the services have already. Floor 5.
 */
#ifndef TSIGATE_TLSA_ROLLOVER_GOAL_H
#define TSIGATE_TLSA_ROLLOVER_GOAL_H

#include "tlsa/deployment.h"
#include "tlsa/material.h"
#include "tlsa/rollover_plan.h"

/* Both: all that out points to lies in the tool's arena. TOOL_DONE, else as told. */

int rollover_goal_make(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       const struct material *material,
                       struct rollover_goal *out) MUST_CHECK NONNULL;
/* As though a roll-over to what the services have now had ended: its values are the
 * only ones at the names that are known to be ours. */
int rollover_goal_find(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       struct rollover_goal *out) MUST_CHECK NONNULL;

#endif

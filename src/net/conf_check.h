/*
 * What holds between the settings of tsigate.conf. Floor 4, net/conf's own.
 */
#ifndef TSIGATE_NET_CONF_CHECK_H
#define TSIGATE_NET_CONF_CHECK_H

#include "base/diag.h"
#include "base/result.h"
#include "policy/settings.h"

/* Wildcard listeners, an endpoint twice, a primary that is the gateway (U-10). */
void conf_check(const struct settings *settings, struct diags *diags) NONNULL;

#endif

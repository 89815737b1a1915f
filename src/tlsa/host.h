/*
 * Whom this host talks to and as whom: -k and --server, else host.conf. Floor 5.
 *
 *     server = "192.0.2.53:53";
 *     key = "/etc/tsigate/host.key";
 */
#ifndef TSIGATE_TLSA_HOST_H
#define TSIGATE_TLSA_HOST_H

#include "net/dns_client.h"
#include "tlsa/tool.h"

#define HOST_DNS_PORT 53

struct host {
    struct addr server;
    struct dns_client_key key; /* name: the tool's arena; hmac NULL: no key, unsigned */
};

/* TOOL_DONE, else as told; host_close after either. */
int host_open(struct tool *tool, struct host *out) MUST_CHECK NONNULL;
void host_close(struct host *host) NONNULL;

#endif

/*
 * One server, asked over TCP by somebody who waits: blocking, with deadlines. No answer
 * is taken that is not ours and, where there is a key, does not verify (F-1). Floor 4,
 * without an event loop; for the tools and not for the daemon.
 */
#ifndef TSIGATE_NET_DNS_CLIENT_H
#define TSIGATE_NET_DNS_CLIENT_H

#include "base/addr.h"
#include "base/buf.h"
#include "dns/hmac.h"
#include "dns/tsig.h"
#include "dns/wire.h"

/* hmac NULL: nothing is signed, and answers need not be. */
struct dns_client_key {
    struct name name;
    struct hmac *hmac;
};

struct dns_client {
    struct addr server;
    struct dns_client_key key;
    int fd;      /* -1: not connected */
    uint16_t id; /* of the request */
    uint8_t opcode;
    struct tsig_mac mac;                      /* of the request, then of each answer */
    struct writer request;                    /* into octets */
    uint8_t octets[2 + LIMIT_MESSAGE_OCTETS]; /* length, message */
};

/* All of these: NULL, or what went wrong, for people (then only close is of use). */

/* Connects, in 2 s. */
const char *dns_client_open(struct dns_client *client, const struct addr *server,
                            struct dns_client_key key) MUST_CHECK NONNULL;
void dns_client_close(struct dns_client *client) NONNULL;

/* Begins a request with these flags; the caller writes its sections. */
struct writer *dns_client_begin(struct dns_client *client, uint16_t flags) NONNULL;
/* Signs and sends what was begun, and waits 10 s for the answer, which lies in client
 * until the next call. Any RCODE is an answer. */
const char *dns_client_exchange(struct dns_client *client,
                                struct wire_msg *out) MUST_CHECK NONNULL;
/* The next message of an answer that has several (RFC 5936 2.2): each is signed. */
const char *dns_client_more(struct dns_client *client,
                            struct wire_msg *out) MUST_CHECK NONNULL;
/* begin and exchange for one question, with OPT, so that a refusal explains itself. */
const char *dns_client_ask(struct dns_client *client, struct name name, uint16_t type,
                           uint16_t flags, struct wire_msg *out) MUST_CHECK NONNULL;

#endif

/*
 * Connections of clients: messages in, replies out. Floor 4. RFC 7766; rule N-2.
 *
 * A connection has a number that is never used again; whoever answers one that has gone
 * answers nobody. It is closed in one function, with a reason that is counted.
 */
#ifndef TSIGATE_NET_LISTEN_TCP_H
#define TSIGATE_NET_LISTEN_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/json.h"
#include "base/result.h"
#include "policy/settings.h"
#include "txn/txn.h"

struct listen_tcp;

/* limits stay the caller's and may change. NULL: no memory. */
struct listen_tcp *
listen_tcp_new(const struct settings_limits *limits) MUST_CHECK NONNULL;
/* Opens a socket there; nobody can connect yet. RES_EIO with errno, RES_EMEM. */
enum result listen_tcp_bind(struct listen_tcp *tcp,
                            const struct addr *addr) MUST_CHECK NONNULL;
/* Begins to listen. RES_EIO. */
enum result listen_tcp_start(struct listen_tcp *tcp, uv_loop_t *loop,
                             struct txns *txns) MUST_CHECK NONNULL;
/* A reply for client->connection. May be called from within txn_open. */
void listen_tcp_send(struct listen_tcp *tcp, const struct txn_client *client,
                     const uint8_t *octets, size_t len) NONNULL;
/* Takes up connections that waited for a reply to leave. Once per turn of the loop. */
void listen_tcp_resume(struct listen_tcp *tcp) NONNULL;
/* Listens and reads no more; connections close when their last reply has left. */
void listen_tcp_drain(struct listen_tcp *tcp) NONNULL;
size_t listen_tcp_count(const struct listen_tcp *tcp) MUST_CHECK NONNULL;
/* Members of an open JSON object. */
void listen_tcp_status(const struct listen_tcp *tcp, struct json *json) NONNULL;
/* Closes the handles; free when the loop has run out. */
void listen_tcp_close(struct listen_tcp *tcp) NONNULL;
void listen_tcp_free(struct listen_tcp **tcp) NONNULL;

#endif

/*
 * Datagrams from clients, and back. Floor 4. Rule N-1.
 *
 * One socket per address, so that a reply leaves from the address that was asked. Own
 * sockets under uv_poll: libuv's own UDP answers from the wrong address on some, and
 * does not batch.
 */
#ifndef TSIGATE_NET_LISTEN_UDP_H
#define TSIGATE_NET_LISTEN_UDP_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/result.h"
#include "policy/settings.h"
#include "txn/txn.h"

struct listen_udp;

/* limits stay the caller's and may change. NULL: no memory. */
struct listen_udp *
listen_udp_new(const struct settings_limits *limits) MUST_CHECK NONNULL;
/* Opens a socket there; nothing is read yet. RES_EIO with errno, RES_EMEM. */
enum result listen_udp_bind(struct listen_udp *udp,
                            const struct addr *addr) MUST_CHECK NONNULL;
/* Begins to read. RES_EIO. */
enum result listen_udp_start(struct listen_udp *udp, uv_loop_t *loop,
                             struct txns *txns) MUST_CHECK NONNULL;
/* Queues a reply for client->listener; it leaves with the next flush. */
void listen_udp_send(struct listen_udp *udp, const struct txn_client *client,
                     const uint8_t *octets, size_t len) NONNULL;
void listen_udp_flush(struct listen_udp *udp) NONNULL;
/* Reads no more; replies still leave. */
void listen_udp_stop(struct listen_udp *udp) NONNULL;
/* Closes the handles; free when the loop has run out. */
void listen_udp_close(struct listen_udp *udp) NONNULL;
void listen_udp_free(struct listen_udp **udp) NONNULL;

#endif

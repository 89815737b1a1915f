/*
 * Sockets for listeners. Floor 4.
 */
#ifndef TSIGATE_NET_SOCKET_H
#define TSIGATE_NET_SOCKET_H

#include "base/addr.h"
#include "base/result.h"

/* A non-blocking socket of type (SOCK_DGRAM, SOCK_STREAM), bound to addr and its port;
 * IPv6 ones take no IPv4. RES_EIO: errno tells. */
enum result socket_bind(const struct addr *addr, int type,
                        int *out_fd) MUST_CHECK NONNULL;

#endif

/*
 * The connections themselves: frames, limits, deadlines, output. Floor 4, listen_tcp's
 * own; it does not know how they came to be.
 */
#ifndef TSIGATE_NET_TCP_CONN_H
#define TSIGATE_NET_TCP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/addr.h"
#include "base/json.h"
#include "base/map.h"
#include "base/result.h"
#include "policy/settings.h"
#include "txn/txn.h"

/* What a connection waits for: each with its own deadline. */
enum tcp_wait {
    TCP_WAIT_FIRST,    /* its first octet */
    TCP_WAIT_MESSAGE,  /* the rest of a message */
    TCP_WAIT_IDLE,     /* the next message; nothing has verified yet */
    TCP_WAIT_VERIFIED, /* the next message, after one that verified */
    TCP_WAIT_READER,   /* the peer to read its replies */
    TCP_WAIT_US,       /* our answers: the core has the deadline */
    TCP_WAITS,
};

/* Why it ended. Their names are in tsigated's status. */
enum tcp_end {
    TCP_END_PEER,      /* the peer closed, and all replies left */
    TCP_END_RESET,     /* an error of the connection */
    TCP_END_FRAME,     /* a length under 12 or over the limit */
    TCP_END_FIRST,     /* no first octet in time */
    TCP_END_SLOW,      /* a message that took too long */
    TCP_END_IDLE,      /* nothing more came */
    TCP_END_UNREAD,    /* replies were not read */
    TCP_END_ROOM,      /* idle, and others wanted in */
    TCP_END_NO_MEMORY, /* ours */
    TCP_END_SHUTDOWN,  /* the daemon ends */
    TCP_ENDS,
};

struct tcp_conn;

/* Oldest first: within a list all have the same deadline. */
struct tcp_list {
    struct tcp_conn *oldest;
    struct tcp_conn *newest;
};

#define TCP_READ_OCTETS 65536

struct tcp_conns {
    const struct settings_limits *limits; /* the caller's; may change */
    uv_loop_t *loop;
    struct txns *txns;
    struct map by_id;     /* struct tcp_conn */
    struct map by_source; /* struct tcp_source */
    uint64_t last_id;
    size_t count;
    struct tcp_list waiting[TCP_WAITS];
    struct tcp_conn *due; /* a reply was given to them: look again */
    bool is_draining;
    uint64_t ended[TCP_ENDS];
    uint64_t refused_full, refused_source;
    uint8_t octets[TCP_READ_OCTETS]; /* what was read last, of whichever connection */
};

void tcp_conns_init(struct tcp_conns *conns,
                    const struct settings_limits *limits) NONNULL;
void tcp_conns_start(struct tcp_conns *conns, uv_loop_t *loop,
                     struct txns *txns) NONNULL;
/* Takes an accepted descriptor, or closes it. */
void tcp_conns_take(struct tcp_conns *conns, int fd, const struct addr *peer) NONNULL;
/* Ends the connection that has been idle longest and never sent a verified request.
 * False: there is none. */
bool tcp_conns_make_room(struct tcp_conns *conns) NONNULL;
void tcp_conns_send(struct tcp_conns *conns, uint64_t id, const uint8_t *octets,
                    size_t len) NONNULL;
void tcp_conns_resume(struct tcp_conns *conns) NONNULL;
void tcp_conns_expire(struct tcp_conns *conns, int64_t now_us) NONNULL;
void tcp_conns_drain(struct tcp_conns *conns) NONNULL;
void tcp_conns_status(const struct tcp_conns *conns, struct json *json) NONNULL;
void tcp_conns_close(struct tcp_conns *conns) NONNULL;
void tcp_conns_fini(struct tcp_conns *conns) NONNULL;

#endif

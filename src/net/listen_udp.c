#include "net/listen_udp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/clock.h"
#include "net/socket.h"

#define BATCH          32            /* datagrams of one system call */
#define TURN           128           /* of one socket, before others have their turn */
#define RECEIVE_OCTETS (1024 * 1024) /* asked of the kernel's queue, for bursts */

/* Replies of one socket that wait for the end of the turn. */
struct outgoing {
    size_t count;
    struct sockaddr_storage to[BATCH];
    socklen_t to_len[BATCH];
    size_t len[BATCH];
    uint8_t octets[BATCH][LIMIT_UDP_REPLY_OCTETS];
};

/* How long each part of what came, or leaves, as one datagram is: udp(7). */
union control {
    struct cmsghdr aligned;
    char octets[CMSG_SPACE(sizeof(int))];
};

/* What sendmmsg takes. */
struct packing {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    union control controls[BATCH];
};

/* The kernel's UDP_MAX_SEGMENTS, and what one datagram could hold. */
_Static_assert(BATCH <= 64 && BATCH * LIMIT_UDP_REPLY_OCTETS <= 65507,
               "a batch of replies to one peer can leave as one");

struct udp_socket {
    struct listen_udp *udp; /* the owner */
    uint32_t index;
    int fd;
    struct addr addr;
    uv_poll_t poll;
    bool has_poll;    /* the handle belongs to the loop */
    bool sends_apart; /* every reply in a datagram of its own, from the beginning */
    struct outgoing out;
};

struct listen_udp {
    const struct settings_limits *limits; /* the caller's */
    struct txns *txns;                    /* the caller's */
    struct udp_socket **sockets;          /* each on its own: handles do not move */
    size_t count;
    /* One batch for all: a datagram is done with when txn_open returns. */
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    union control controls[BATCH];
    struct sockaddr_storage from[BATCH];
    uint8_t octets[BATCH][LIMIT_MESSAGE_OCTETS];
};

struct listen_udp *listen_udp_new(const struct settings_limits *limits)
{
    struct listen_udp *udp = calloc(1, sizeof(*udp));

    if (udp == NULL)
        return NULL;
    udp->limits = limits;
    for (size_t i = 0; i < BATCH; i++)
        udp->parts[i] = (struct iovec){udp->octets[i], sizeof(udp->octets[i])};
    return udp;
}

enum result listen_udp_bind(struct listen_udp *udp, const struct addr *addr)
{
    struct udp_socket **grown =
        realloc(udp->sockets, (udp->count + 1) * sizeof(struct udp_socket *));
    struct udp_socket *socket = calloc(1, sizeof(*socket));
    int octets = RECEIVE_OCTETS, one = 1;

    if (grown != NULL)
        udp->sockets = grown;
    if (grown == NULL || socket == NULL) {
        free(socket);
        return RES_EMEM;
    }
    enum result res = socket_bind(addr, SOCK_DGRAM, &socket->fd);
    if (res != RES_OK) {
        free(socket);
        return res;
    }
    (void)setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
    (void)setsockopt(socket->fd, SOL_UDP, UDP_GRO, &one, sizeof(one));
    socket->udp = udp;
    socket->addr = *addr;
    socket->index = (uint32_t)udp->count;
    udp->sockets[udp->count++] = socket;
    return RES_OK;
}

/* Whether a datagram claims to come from ourselves: answering would go round. */
static bool is_own(const struct listen_udp *udp, const struct addr *from)
{
    for (size_t i = 0; i < udp->count; i++)
        if (udp->sockets[i]->addr.port == from->port &&
            addr_equal(&udp->sockets[i]->addr, from))
            return true;
    return false;
}

static void take_datagram(struct udp_socket *socket, const struct addr *peer,
                          const uint8_t *octets, size_t len, struct txn_now now)
{
    const struct txn_client client = {
        .peer = *peer,
        .transport = TRANSPORT_UDP,
        .listener = socket->index,
    };

    if (len <= socket->udp->limits->message_octets)
        (void)txn_open(socket->udp->txns, octets, len, &client, now);
}

/* What the kernel has put together, of one peer and of one length but for the last
 * (udp(7), UDP_GRO): who asks much from one socket costs a system call's share less. */
static size_t part_len(const struct mmsghdr *header)
{
    const struct cmsghdr *control = CMSG_FIRSTHDR(&header->msg_hdr);
    int len = 0;

    if (control != NULL && control->cmsg_level == SOL_UDP &&
        control->cmsg_type == UDP_GRO)
        memcpy(&len, CMSG_DATA(control), sizeof(len));
    return len > 0 ? (size_t)len : header->msg_len;
}

/* Gives the number of datagrams in it. */
static size_t take_slot(struct udp_socket *socket, size_t slot, struct txn_now now)
{
    struct listen_udp *udp = socket->udp;
    const struct mmsghdr *header = &udp->headers[slot];
    struct addr peer = addr_from_sockaddr((const struct sockaddr *)&udp->from[slot]);
    size_t len = part_len(header), count = 0, at = 0;

    if (peer.family == 0 || peer.port == 0 || is_own(udp, &peer) ||
        (header->msg_hdr.msg_flags & MSG_TRUNC) != 0)
        return 1;
    do {
        size_t left = header->msg_len - at;
        take_datagram(socket, &peer, udp->octets[slot] + at, left < len ? left : len,
                      now);
        at += len;
        count++;
    } while (at < header->msg_len);
    return count;
}

/* Gives the number of datagrams taken; 0: the queue is empty. */
static size_t take_batch(struct udp_socket *socket)
{
    struct listen_udp *udp = socket->udp;
    size_t count = 0;

    for (size_t i = 0; i < BATCH; i++)
        udp->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &udp->from[i],
            .msg_namelen = sizeof(udp->from[i]),
            .msg_iov = &udp->parts[i],
            .msg_iovlen = 1,
            .msg_control = udp->controls[i].octets,
            .msg_controllen = sizeof(udp->controls[i].octets),
        };
    int got = recvmmsg(socket->fd, udp->headers, BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0)
        return 0;
    struct txn_now now = clock_now();
    for (size_t i = 0; i < (size_t)got; i++)
        count += take_slot(socket, i, now);
    txns_flush(udp->txns, now);
    return got < BATCH ? 0 : count;
}

/* How many of the replies from first on can leave as one: to one peer and as long as
 * each other, but for the last, which may be shorter. */
static size_t count_alike(const struct outgoing *out, size_t first)
{
    size_t end = first + 1;

    while (end < out->count && out->len[end - 1] == out->len[first] &&
           out->len[end] <= out->len[first] && out->to_len[end] == out->to_len[first] &&
           memcmp(&out->to[end], &out->to[first], out->to_len[first]) == 0)
        end++;
    return end - first;
}

/* The kernel cuts them apart again, as late as it can (udp(7), UDP_SEGMENT): routing
 * and queueing are paid for once. Who asks much from one socket, like a proxy or a
 * flood, takes a third less of our time. */
static void want_segments(struct packing *packing, size_t index, size_t len)
{
    struct msghdr *header = &packing->headers[index].msg_hdr;

    memset(&packing->controls[index], 0, sizeof(packing->controls[index]));
    header->msg_control = packing->controls[index].octets;
    header->msg_controllen = sizeof(packing->controls[index].octets);
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    *control = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                                .cmsg_level = SOL_UDP,
                                .cmsg_type = UDP_SEGMENT};
    memcpy(CMSG_DATA(control), &(uint16_t){(uint16_t)len}, sizeof(uint16_t));
}

/* The replies from first on. Gives the number of headers. */
static unsigned pack(struct udp_socket *socket, size_t first, struct packing *packing)
{
    struct outgoing *out = &socket->out;
    unsigned count = 0;

    for (size_t i = first; i < out->count; i++)
        packing->parts[i] = (struct iovec){out->octets[i], out->len[i]};
    for (size_t i = first; i < out->count; count++) {
        size_t alike = socket->sends_apart ? 1 : count_alike(out, i);
        packing->headers[count].msg_hdr = (struct msghdr){.msg_name = &out->to[i],
                                                          .msg_namelen = out->to_len[i],
                                                          .msg_iov = &packing->parts[i],
                                                          .msg_iovlen = alike};
        if (alike > 1)
            want_segments(packing, count, out->len[i]);
        i += alike;
    }
    return count;
}

/* Whether the device, or the way to the peer, is one for single datagrams. */
static bool is_against_segments(int error)
{
    return error == EIO || error == EINVAL || error == EMSGSIZE;
}

/* Gives the first reply that is still to be sent. */
static size_t send_from(struct udp_socket *socket, size_t first)
{
    struct packing packing;
    unsigned count = pack(socket, first, &packing);
    size_t alike = packing.headers[0].msg_hdr.msg_iovlen;
    int n = sendmmsg(socket->fd, packing.headers, count, MSG_DONTWAIT);

    if (n < 0 && errno == EINTR)
        return first;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return socket->out.count; /* the requestor asks again; nothing here may wait */
    if (n < 0 && alike > 1 && is_against_segments(errno)) {
        socket->sends_apart = true;
        return first;
    }
    if (n <= 0)
        return first + alike; /* the first one cannot be sent: the next */
    for (int i = 0; i < n; i++)
        first += packing.headers[i].msg_hdr.msg_iovlen;
    return first;
}

static void flush(struct udp_socket *socket)
{
    for (size_t next = 0; next < socket->out.count;)
        next = send_from(socket, next);
    socket->out.count = 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct udp_socket *socket = poll->data;

    (void)status; /* an error of the socket is read, and so goes away */
    (void)events;
    for (size_t taken = 0, more = 1; taken < TURN && more > 0; taken += more)
        more = take_batch(socket);
    flush(socket);
}

enum result listen_udp_start(struct listen_udp *udp, uv_loop_t *loop, struct txns *txns)
{
    udp->txns = txns;
    for (size_t i = 0; i < udp->count; i++) {
        struct udp_socket *socket = udp->sockets[i];
        if (uv_poll_init(loop, &socket->poll, socket->fd) != 0)
            return RES_EIO;
        socket->has_poll = true;
        socket->poll.data = socket;
        if (uv_poll_start(&socket->poll, UV_READABLE, on_readable) != 0)
            return RES_EIO;
    }
    return RES_OK;
}

void listen_udp_send(struct listen_udp *udp, const struct txn_client *client,
                     const uint8_t *octets, size_t len)
{
    assert(client->listener < udp->count && len <= LIMIT_UDP_REPLY_OCTETS);
    struct udp_socket *socket = udp->sockets[client->listener];
    struct outgoing *out = &socket->out;

    if (len == 0)
        return; /* nobody waits any more, and an empty datagram is no answer */
    if (out->count == BATCH)
        flush(socket);
    out->to_len[out->count] = addr_to_sockaddr(&client->peer, &out->to[out->count]);
    out->len[out->count] = len;
    memcpy(out->octets[out->count], octets, len);
    out->count++;
}

void listen_udp_flush(struct listen_udp *udp)
{
    for (size_t i = 0; i < udp->count; i++)
        if (udp->sockets[i]->out.count > 0)
            flush(udp->sockets[i]);
}

void listen_udp_stop(struct listen_udp *udp)
{
    for (size_t i = 0; i < udp->count; i++)
        if (udp->sockets[i]->has_poll)
            (void)uv_poll_stop(&udp->sockets[i]->poll);
}

void listen_udp_close(struct listen_udp *udp)
{
    listen_udp_flush(udp);
    for (size_t i = 0; i < udp->count; i++)
        if (udp->sockets[i]->has_poll)
            uv_close((uv_handle_t *)&udp->sockets[i]->poll, NULL);
}

void listen_udp_free(struct listen_udp **udp)
{
    for (size_t i = 0; *udp != NULL && i < (*udp)->count; i++) {
        (void)close((*udp)->sockets[i]->fd);
        free((*udp)->sockets[i]);
    }
    if (*udp != NULL)
        free((*udp)->sockets);
    free(*udp);
    *udp = NULL;
}

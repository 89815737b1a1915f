#include "net/listen_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/socket.h"
#include "net/tcp_conn.h"

#define BACKLOG        512
#define ACCEPTS_A_TURN 64
#define TICK_MS        100 /* how late a deadline may be noticed */

struct tcp_listener {
    struct listen_tcp *tcp; /* the owner */
    int fd;
    uv_poll_t poll;
    bool has_poll; /* the handle belongs to the loop, and with it fd */
};

struct listen_tcp {
    struct tcp_listener **listeners; /* each on its own: handles do not move */
    size_t count;
    uv_timer_t tick;
    bool has_tick;
    bool is_paused; /* no descriptor was left: not accepting until the next tick */
    struct tcp_conns conns;
};

struct listen_tcp *listen_tcp_new(const struct settings_limits *limits)
{
    struct listen_tcp *tcp = calloc(1, sizeof(*tcp));

    if (tcp != NULL)
        tcp_conns_init(&tcp->conns, limits);
    return tcp;
}

enum result listen_tcp_bind(struct listen_tcp *tcp, const struct addr *addr)
{
    struct tcp_listener **grown =
        realloc(tcp->listeners, (tcp->count + 1) * sizeof(struct tcp_listener *));
    struct tcp_listener *listener = calloc(1, sizeof(*listener));

    if (grown != NULL)
        tcp->listeners = grown;
    if (grown == NULL || listener == NULL) {
        free(listener);
        return RES_EMEM;
    }
    enum result res = socket_bind(addr, SOCK_STREAM, &listener->fd);
    if (res != RES_OK) {
        free(listener);
        return res;
    }
    listener->tcp = tcp;
    tcp->listeners[tcp->count++] = listener;
    return RES_OK;
}

/* Out of descriptors: an idle connection makes room, else accepting rests for a tick;
 * the poll would wake us at once, again and again. */
static void pause_accepting(struct listen_tcp *tcp)
{
    if (tcp_conns_make_room(&tcp->conns))
        return;
    tcp->is_paused = true;
    for (size_t i = 0; i < tcp->count; i++)
        (void)uv_poll_stop(&tcp->listeners[i]->poll);
}

static void on_acceptable(uv_poll_t *poll, int status, int events);

static int start_accepting(struct listen_tcp *tcp)
{
    for (size_t i = 0; i < tcp->count; i++) {
        int error = uv_poll_start(&tcp->listeners[i]->poll, UV_READABLE, on_acceptable);
        if (error != 0)
            return error;
    }
    tcp->is_paused = false;
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct listen_tcp *tcp = timer->data;

    tcp_conns_expire(&tcp->conns, clock_now().mono_us);
    if (tcp->is_paused && !tcp->conns.is_draining)
        (void)start_accepting(tcp);
    if (tcp->conns.count == 0 && !tcp->is_paused)
        (void)uv_timer_stop(timer);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct tcp_listener *listener = poll->data;
    struct sockaddr_storage from;

    (void)status;
    (void)events;
    if (!uv_is_active((uv_handle_t *)&listener->tcp->tick))
        (void)uv_timer_start(&listener->tcp->tick, on_tick, TICK_MS, TICK_MS);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        socklen_t len = sizeof(from);
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct addr peer = addr_from_sockaddr((struct sockaddr *)&from);
            tcp_conns_take(&listener->tcp->conns, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                   errno == ENOMEM) {
            pause_accepting(listener->tcp);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* else that one connection is gone already: the next */
    }
}

enum result listen_tcp_start(struct listen_tcp *tcp, uv_loop_t *loop, struct txns *txns)
{
    if (uv_timer_init(loop, &tcp->tick) != 0)
        return RES_EIO;
    tcp->has_tick = true;
    tcp->tick.data = tcp;
    tcp_conns_start(&tcp->conns, loop, txns);
    for (size_t i = 0; i < tcp->count; i++) {
        struct tcp_listener *listener = tcp->listeners[i];
        if (uv_poll_init(loop, &listener->poll, listener->fd) != 0)
            return RES_EIO;
        listener->has_poll = true;
        listener->poll.data = listener;
        if (listen(listener->fd, BACKLOG) != 0)
            return RES_EIO;
    }
    return start_accepting(tcp) == 0 ? RES_OK : RES_EIO;
}

void listen_tcp_send(struct listen_tcp *tcp, const struct txn_client *client,
                     const uint8_t *octets, size_t len)
{
    tcp_conns_send(&tcp->conns, client->connection, octets, len);
}

void listen_tcp_resume(struct listen_tcp *tcp)
{
    tcp_conns_resume(&tcp->conns);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct tcp_listener *listener = handle->data;

    (void)close(listener->fd);
    listener->fd = -1;
}

static void stop_listening(struct listen_tcp *tcp)
{
    for (size_t i = 0; i < tcp->count; i++) {
        uv_handle_t *poll = (uv_handle_t *)&tcp->listeners[i]->poll;
        if (tcp->listeners[i]->has_poll && !uv_is_closing(poll))
            uv_close(poll, on_poll_closed);
    }
}

void listen_tcp_drain(struct listen_tcp *tcp)
{
    stop_listening(tcp);
    tcp_conns_drain(&tcp->conns);
}

size_t listen_tcp_count(const struct listen_tcp *tcp)
{
    return tcp->conns.count;
}

void listen_tcp_status(const struct listen_tcp *tcp, struct json *json)
{
    tcp_conns_status(&tcp->conns, json);
}

void listen_tcp_close(struct listen_tcp *tcp)
{
    stop_listening(tcp);
    if (tcp->has_tick)
        uv_close((uv_handle_t *)&tcp->tick, NULL);
    tcp_conns_close(&tcp->conns);
}

void listen_tcp_free(struct listen_tcp **tcp)
{
    for (size_t i = 0; *tcp != NULL && i < (*tcp)->count; i++) {
        if ((*tcp)->listeners[i]->fd >= 0)
            (void)close((*tcp)->listeners[i]->fd);
        free((*tcp)->listeners[i]);
    }
    if (*tcp != NULL) {
        free((*tcp)->listeners);
        tcp_conns_fini(&(*tcp)->conns);
    }
    free(*tcp);
    *tcp = NULL;
}

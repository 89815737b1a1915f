#include "net/tcp_conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/frame.h"
#include "net/clock.h"

/* A /24 or /56, and how many connections come from it. */
struct tcp_source {
    uint8_t key[17]; /* family, network */
    uint32_t count;
};

struct tcp_conn {
    struct tcp_conns *conns; /* the owner */
    uint64_t id;
    struct addr peer;
    struct tcp_source *source;
    uv_tcp_t handle;
    struct frame frame;

    /* Read, but not yet looked at: too many requests are under way. */
    uint8_t *held;
    size_t held_len;
    size_t held_at;

    uint32_t under_way; /* requests that have no answer yet */
    size_t unsent;      /* octets of replies that the kernel did not take yet */
    bool is_reading;
    bool is_verified; /* a request's MAC verified */
    bool has_taken;   /* since the deadline was set: a message came whole */
    bool has_moved;   /* likewise: that, or a reply left */
    bool has_ended;   /* the peer has nothing more to say, but may still listen */
    bool is_closing;

    enum tcp_wait wait;
    int64_t since_us;
    struct tcp_conn *older, *newer; /* in the list of its wait */
    bool is_due;
    struct tcp_conn *next_due;
};

struct tcp_write {
    uv_write_t request;
    struct tcp_conn *conn;
    size_t len;
    uint8_t octets[];
};

void tcp_conns_init(struct tcp_conns *conns, const struct settings_limits *limits)
{
    conns->limits = limits;
    map_init(&conns->by_id);
    map_init(&conns->by_source);
}

void tcp_conns_start(struct tcp_conns *conns, uv_loop_t *loop, struct txns *txns)
{
    conns->loop = loop;
    conns->txns = txns;
}

/* ---- deadlines ---- */

static void leave_wait(struct tcp_conn *conn)
{
    struct tcp_list *list = &conn->conns->waiting[conn->wait];

    *(conn->older == NULL ? &list->oldest : &conn->older->newer) = conn->newer;
    *(conn->newer == NULL ? &list->newest : &conn->newer->older) = conn->older;
    conn->older = conn->newer = NULL;
}

static void enter_wait(struct tcp_conn *conn, enum tcp_wait wait)
{
    struct tcp_list *list = &conn->conns->waiting[wait];

    conn->wait = wait;
    conn->since_us = clock_now().mono_us;
    conn->older = list->newest;
    *(list->newest == NULL ? &list->oldest : &list->newest->newer) = conn;
    list->newest = conn;
}

/* A partial message keeps its deadline whatever happens to earlier replies, so that a
 * connection cannot buy time octet by octet. */
static enum tcp_wait wanted_wait(const struct tcp_conn *conn)
{
    if (conn->is_reading && frame_is_partial(&conn->frame))
        return TCP_WAIT_MESSAGE;
    if (conn->unsent > 0)
        return TCP_WAIT_READER;
    if (conn->under_way > 0 || conn->held != NULL)
        return TCP_WAIT_US;
    if (conn->wait == TCP_WAIT_FIRST && !conn->has_moved)
        return TCP_WAIT_FIRST;
    return conn->is_verified ? TCP_WAIT_VERIFIED : TCP_WAIT_IDLE;
}

/* ---- the end ---- */

static void free_held(struct tcp_conn *conn)
{
    free(conn->held);
    conn->held = NULL;
    conn->held_len = conn->held_at = 0;
}

static void leave_due(struct tcp_conn *conn)
{
    struct tcp_conn **at = &conn->conns->due;

    while (conn->is_due && *at != conn)
        at = &(*at)->next_due;
    if (conn->is_due)
        *at = conn->next_due;
    conn->is_due = false;
}

static void leave_source(struct tcp_conn *conn)
{
    struct tcp_source *source = conn->source;

    if (--source->count > 0)
        return;
    (void)map_remove(&conn->conns->by_source, source->key, sizeof(source->key));
    free(source);
}

static void on_closed(uv_handle_t *handle)
{
    struct tcp_conn *conn = handle->data;

    frame_fini(&conn->frame);
    free_held(conn);
    free(conn);
}

/* The only way out. From here on the connection counts no more and cannot be found;
 * its memory goes when libuv has let go of it. */
static void conn_close(struct tcp_conn *conn, enum tcp_end end)
{
    struct tcp_conns *conns = conn->conns;

    if (conn->is_closing)
        return;
    conn->is_closing = true;
    conns->ended[end]++;
    conns->count--;
    leave_wait(conn);
    leave_due(conn);
    leave_source(conn);
    (void)map_remove(&conns->by_id, &conn->id, sizeof(conn->id));
    uv_close((uv_handle_t *)&conn->handle, on_closed);
}

/* ---- reading ---- */

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct tcp_conn *conn = handle->data;

    (void)suggested;
    *out = uv_buf_init((char *)conn->conns->octets, sizeof(conn->conns->octets));
}

/* N-2: no further message while enough are under way, or replies lie unread. */
static bool may_take(const struct tcp_conn *conn)
{
    return conn->under_way < conn->conns->limits->tcp_pipelined && conn->unsent == 0 &&
           !conn->conns->is_draining && !conn->is_closing;
}

/* What follows from all that happened: read or not, which deadline, or the end. */
static void conn_settle(struct tcp_conn *conn)
{
    bool is_done = conn->under_way == 0 && conn->unsent == 0 && conn->held == NULL;

    if (conn->is_closing)
        return;
    if (is_done && (conn->has_ended || conn->conns->is_draining)) {
        conn_close(conn, conn->has_ended ? TCP_END_PEER : TCP_END_SHUTDOWN);
        return;
    }
    bool wants = may_take(conn) && conn->held == NULL && !conn->has_ended;
    if (wants && !conn->is_reading &&
        uv_read_start((uv_stream_t *)&conn->handle, on_alloc, on_read) != 0) {
        conn_close(conn, TCP_END_RESET);
        return;
    }
    if (!wants && conn->is_reading)
        (void)uv_read_stop((uv_stream_t *)&conn->handle);
    conn->is_reading = wants;
    enum tcp_wait wait = wanted_wait(conn);
    bool is_anew = wait == TCP_WAIT_MESSAGE ? conn->has_taken : conn->has_moved;
    if (wait != conn->wait || is_anew) {
        leave_wait(conn);
        enter_wait(conn, wait);
    }
    conn->has_taken = conn->has_moved = false;
}

static void open_message(struct tcp_conn *conn, const uint8_t *octets, size_t len)
{
    struct txn_client client = {
        .peer = conn->peer, .transport = TRANSPORT_TCP, .connection = conn->id};

    /* Counted first: the answer may come during the call. */
    conn->under_way++;
    conn->has_taken = conn->has_moved = true;
    struct txn_opened opened =
        txn_open(conn->conns->txns, octets, len, &client, clock_now());
    if (opened.fate == TXN_DROPPED)
        conn->under_way--;
    conn->is_verified |= opened.is_verified;
}

/* Gives what is left over. */
static size_t take_messages(struct tcp_conn *conn, const uint8_t *octets, size_t len)
{
    while (len > 0 && may_take(conn)) {
        const uint8_t *message;
        size_t message_len;
        enum result res =
            frame_push(&conn->frame, &octets, &len, &message, &message_len);
        if (res != RES_OK) {
            conn_close(conn, res == RES_EMEM ? TCP_END_NO_MEMORY : TCP_END_FRAME);
            return 0;
        }
        if (message != NULL)
            open_message(conn, message, message_len);
    }
    return len;
}

static size_t take_octets(struct tcp_conn *conn, const uint8_t *octets, size_t len)
{
    size_t left = take_messages(conn, octets, len);

    txns_flush(conn->conns->txns, clock_now());
    return conn->is_closing ? 0 : left;
}

static void hold(struct tcp_conn *conn, const uint8_t *octets, size_t len)
{
    conn->held = malloc(len);
    if (conn->held == NULL) {
        conn_close(conn, TCP_END_NO_MEMORY);
        return;
    }
    memcpy(conn->held, octets, len);
    conn->held_len = len;
    conn->held_at = 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tcp_conn *conn = stream->data;
    const uint8_t *octets = (const uint8_t *)buf->base;

    if (n == 0)
        return;
    if (n == UV_EOF) {
        conn->has_ended = true;
        conn->is_reading = false;
    } else if (n < 0) {
        conn_close(conn, TCP_END_RESET);
        return;
    } else {
        size_t left = take_octets(conn, octets, (size_t)n);
        if (left > 0)
            hold(conn, octets + (size_t)n - left, left);
    }
    conn_settle(conn);
}

/* A reply has left, or a request has its answer: go on where it stopped. */
static void conn_resume(struct tcp_conn *conn)
{
    if (conn->held != NULL && conn->conns->is_draining)
        free_held(conn);
    if (conn->held != NULL) {
        size_t left = take_octets(conn, conn->held + conn->held_at,
                                  conn->held_len - conn->held_at);
        conn->held_at = conn->held_len - left;
        if (left == 0)
            free_held(conn);
    }
    conn_settle(conn);
}

void tcp_conns_resume(struct tcp_conns *conns)
{
    while (conns->due != NULL) {
        struct tcp_conn *conn = conns->due;
        leave_due(conn);
        conn_resume(conn);
    }
}

/* ---- writing ---- */

static void on_written(uv_write_t *request, int status)
{
    struct tcp_write *write = request->data;
    struct tcp_conn *conn = write->conn;

    conn->unsent -= write->len;
    free(write);
    if (conn->is_closing)
        return;
    if (status != 0) {
        conn_close(conn, TCP_END_RESET);
        return;
    }
    conn->has_moved = true;
    conn_resume(conn);
}

/* The rest of a reply that the kernel did not take at once. */
static void write_later(struct tcp_conn *conn, const uint8_t prefix[2],
                        const uint8_t *octets, size_t len, size_t sent)
{
    size_t left = 2 + len - sent;
    size_t of_prefix = sent < 2 ? 2 - sent : 0;

    if (conn->unsent + left > conn->conns->limits->tcp_output_octets) {
        conn_close(conn, TCP_END_UNREAD);
        return;
    }
    struct tcp_write *write = malloc(sizeof(*write) + left);
    if (write == NULL) {
        conn_close(conn, TCP_END_NO_MEMORY);
        return;
    }
    *write = (struct tcp_write){.conn = conn, .len = left};
    write->request.data = write;
    memcpy(write->octets, prefix + 2 - of_prefix, of_prefix);
    memcpy(write->octets + of_prefix, octets + len - (left - of_prefix),
           left - of_prefix);
    uv_buf_t buf = uv_buf_init((char *)write->octets, (unsigned)left);
    if (uv_write(&write->request, (uv_stream_t *)&conn->handle, &buf, 1, on_written) !=
        0) {
        free(write);
        conn_close(conn, TCP_END_RESET);
        return;
    }
    conn->unsent += left;
}

static void conn_write(struct tcp_conn *conn, const uint8_t *octets, size_t len)
{
    uint8_t prefix[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    uv_buf_t bufs[] = {
        uv_buf_init((char *)prefix, 2),
        uv_buf_init((char *)(uintptr_t)octets, (unsigned)len),
    };

    int n = uv_try_write((uv_stream_t *)&conn->handle, bufs, 2);
    if (n < 0 && n != UV_EAGAIN)
        conn_close(conn, TCP_END_RESET);
    else if (n < 0 || (size_t)n < 2 + len)
        write_later(conn, prefix, octets, len, n < 0 ? 0 : (size_t)n);
}

/* Called by the core, often from within txn_open or txns_flush: nothing is read or
 * settled here. */
void tcp_conns_send(struct tcp_conns *conns, uint64_t id, const uint8_t *octets,
                    size_t len)
{
    struct tcp_conn *conn = map_get(&conns->by_id, &id, sizeof(id));

    if (conn == NULL)
        return; /* it left without waiting */
    if (conn->under_way > 0)
        conn->under_way--;
    conn->has_moved = true;
    if (len > 0) /* else there is nothing to say, and a frame of length 0 is none */
        conn_write(conn, octets, len);
    if (conn->is_closing || conn->is_due)
        return;
    conn->is_due = true;
    conn->next_due = conns->due;
    conns->due = conn;
}

/* ---- taking connections ---- */

/* N-2: the source is a /24 of IPv4 and a /56 of IPv6, as for error replies. */
static void source_key(const struct addr *peer, uint8_t key[17])
{
    struct addr network = addr_masked(peer, peer->family == 4 ? 24 : 56);

    key[0] = network.family;
    memcpy(key + 1, network.octets, 16);
}

/* NULL: over the limit, or no memory. */
static struct tcp_source *enter_source(struct tcp_conns *conns, const struct addr *peer)
{
    uint8_t key[17];

    source_key(peer, key);
    struct tcp_source *source = map_get(&conns->by_source, key, sizeof(key));
    if (source != NULL) {
        if (source->count >= conns->limits->tcp_per_source)
            return NULL;
        source->count++;
        return source;
    }
    source = calloc(1, sizeof(*source));
    if (source == NULL)
        return NULL;
    memcpy(source->key, key, sizeof(key));
    source->count = 1;
    if (map_put(&conns->by_source, source->key, sizeof(key), source) != RES_OK) {
        free(source);
        return NULL;
    }
    return source;
}

bool tcp_conns_make_room(struct tcp_conns *conns)
{
    struct tcp_conn *silent = conns->waiting[TCP_WAIT_FIRST].oldest;
    struct tcp_conn *idle = conns->waiting[TCP_WAIT_IDLE].oldest;
    struct tcp_conn *longest = silent;

    if (longest == NULL || (idle != NULL && idle->since_us < longest->since_us))
        longest = idle;
    if (longest == NULL)
        return false;
    conn_close(longest, TCP_END_ROOM);
    return true;
}

/* The connection enters the lists first: from then on conn_close is its way out. */
static void conn_start(struct tcp_conn *conn, int fd)
{
    struct tcp_conns *conns = conn->conns;

    conns->count++;
    enter_wait(conn, TCP_WAIT_FIRST);
    conn->handle.data = conn;
    if (uv_tcp_open(&conn->handle, fd) != 0) {
        (void)close(fd);
        conn_close(conn, TCP_END_RESET);
        return;
    }
    (void)uv_tcp_nodelay(&conn->handle, 1);
    if (map_put(&conns->by_id, &conn->id, sizeof(conn->id), conn) != RES_OK) {
        conn_close(conn, TCP_END_NO_MEMORY);
        return;
    }
    conn_settle(conn);
}

void tcp_conns_take(struct tcp_conns *conns, int fd, const struct addr *peer)
{
    struct tcp_source *source = enter_source(conns, peer);
    struct tcp_conn *conn = source == NULL ? NULL : calloc(1, sizeof(*conn));
    bool has_room = conns->count < conns->limits->tcp_connections;

    if (source == NULL)
        conns->refused_source++;
    else if (!has_room && !(has_room = tcp_conns_make_room(conns)))
        conns->refused_full++;
    if (conn == NULL || !has_room || uv_tcp_init(conns->loop, &conn->handle) != 0) {
        if (source != NULL)
            leave_source(&(struct tcp_conn){.conns = conns, .source = source});
        free(conn);
        (void)close(fd);
        return;
    }
    conn->conns = conns;
    conn->id = ++conns->last_id;
    conn->peer = *peer;
    conn->source = source;
    frame_init(&conn->frame, conns->limits->message_octets);
    conn_start(conn, fd);
}

/* ---- all of them ---- */

static int64_t wait_limit_us(const struct settings_limits *limits, enum tcp_wait wait)
{
    switch (wait) {
    case TCP_WAIT_FIRST:
        return (int64_t)limits->tcp_first_octet_ms * 1000;
    case TCP_WAIT_MESSAGE:
        return (int64_t)limits->tcp_message_ms * 1000;
    case TCP_WAIT_IDLE:
    case TCP_WAIT_READER:
        return (int64_t)limits->tcp_idle_ms * 1000;
    case TCP_WAIT_VERIFIED:
        return (int64_t)limits->tcp_idle_verified_ms * 1000;
    case TCP_WAIT_US:
    case TCP_WAITS:
        break;
    }
    return INT64_MAX;
}

static enum tcp_end wait_end(enum tcp_wait wait)
{
    switch (wait) {
    case TCP_WAIT_FIRST:
        return TCP_END_FIRST;
    case TCP_WAIT_MESSAGE:
        return TCP_END_SLOW;
    case TCP_WAIT_READER:
        return TCP_END_UNREAD;
    case TCP_WAIT_IDLE:
    case TCP_WAIT_VERIFIED:
    case TCP_WAIT_US:
    case TCP_WAITS:
        break;
    }
    return TCP_END_IDLE;
}

void tcp_conns_expire(struct tcp_conns *conns, int64_t now_us)
{
    for (enum tcp_wait wait = 0; wait < TCP_WAITS; wait++) {
        int64_t limit_us = wait_limit_us(conns->limits, wait);
        struct tcp_list *list = &conns->waiting[wait];
        while (list->oldest != NULL && now_us - list->oldest->since_us >= limit_us)
            conn_close(list->oldest, wait_end(wait));
    }
}

void tcp_conns_drain(struct tcp_conns *conns)
{
    conns->is_draining = true;
    for (enum tcp_wait wait = 0; wait < TCP_WAITS; wait++) {
        struct tcp_conn *next = NULL;
        for (struct tcp_conn *conn = conns->waiting[wait].oldest; conn != NULL;
             conn = next) {
            next = conn->newer;
            conn_resume(conn);
        }
    }
}

void tcp_conns_status(const struct tcp_conns *conns, struct json *json)
{
    static const char *const names[TCP_ENDS] = {
        [TCP_END_PEER] = "closed_by_peer", [TCP_END_RESET] = "broken",
        [TCP_END_FRAME] = "bad_frame",     [TCP_END_FIRST] = "no_first_octet",
        [TCP_END_SLOW] = "slow_message",   [TCP_END_IDLE] = "idle",
        [TCP_END_UNREAD] = "unread",       [TCP_END_ROOM] = "made_room",
        [TCP_END_NO_MEMORY] = "no_memory", [TCP_END_SHUTDOWN] = "shutdown",
    };

    json_object_open(json, "tcp");
    json_number(json, "connections", (int64_t)conns->count);
    json_number(json, "refused_full", (int64_t)conns->refused_full);
    json_number(json, "refused_source", (int64_t)conns->refused_source);
    json_object_open(json, "ended");
    for (size_t i = 0; i < TCP_ENDS; i++)
        json_number(json, names[i], (int64_t)conns->ended[i]);
    json_object_close(json);
    json_object_close(json);
}

void tcp_conns_close(struct tcp_conns *conns)
{
    for (enum tcp_wait wait = 0; wait < TCP_WAITS; wait++)
        while (conns->waiting[wait].oldest != NULL)
            conn_close(conns->waiting[wait].oldest, TCP_END_SHUTDOWN);
}

void tcp_conns_fini(struct tcp_conns *conns)
{
    map_fini(&conns->by_id);
    map_fini(&conns->by_source);
}

#include "net/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dns/frame.h"
#include "net/clock.h"
#include "net/logger.h"

#define CONNECT_MS     2000 /* F-5 */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define KEEPALIVE_S    30
#define QUEUE_OCTETS   (4 * 1024 * 1024) /* unsent; 16 zones at 64 KiB, and room */
#define PROVED_US      2000000 /* up this long and never used: no failure either */
#define READ_OCTETS    65536
#define WHY_OCTETS     160

/* One TCP connection, or the attempt at one. The link forgets it in on_closed. */
struct connection {
    struct upstream_link *link;
    uv_tcp_t handle;
    uv_connect_t connecting;
    struct addr server;
    struct frame frame;
    bool is_up;
    bool is_closing;
    bool has_sent;
    bool has_received;
    bool is_replaced; /* by the operator: other servers */
    int64_t up_us;
    char why[WHY_OCTETS]; /* it is closing */
};

struct upstream_link {
    struct upstream *upstream;
    enum txn_link which;
    enum txn_link_state told; /* what txns knows */
    struct connection *connection;
    size_t server;    /* the one in use, or to be tried next */
    uv_timer_t timer; /* of the attempt to connect, or of the back-off */
    bool has_timer;
    unsigned backoff_ms;
    char last_error[WHY_OCTETS];
};

struct upstream {
    struct random_pool *random; /* the caller's */
    uv_loop_t *loop;
    struct txns *txns;
    struct addr *servers;
    size_t server_count;
    struct upstream_link links[LINKS];
    bool is_closing;
    uint8_t octets[READ_OCTETS]; /* what was read last, of either link */
};

struct outgoing {
    uv_write_t request;
    struct connection *connection;
    uint8_t octets[];
};

struct upstream *upstream_new(struct random_pool *random)
{
    struct upstream *upstream = calloc(1, sizeof(*upstream));

    if (upstream == NULL)
        return NULL;
    upstream->random = random;
    for (enum txn_link which = 0; which < LINKS; which++) {
        upstream->links[which].upstream = upstream;
        upstream->links[which].which = which;
        upstream->links[which].backoff_ms = BACKOFF_MIN_MS;
    }
    return upstream;
}

/* ---- states ---- */

/* The only place that tells txns. While a link is down its probes are not told, so that
 * nobody waits for them (F-6). */
static void tell(struct upstream_link *link, enum txn_link_state state, const char *why)
{
    if (link->told == LINK_DOWN && state == LINK_DOWN)
        return;
    link->told = state;
    txn_on_link(link->upstream->txns, link->which, state, why, clock_now());
}

static void link_connect(struct upstream_link *link);

static void on_backoff_over(uv_timer_t *timer)
{
    link_connect(timer->data);
}

/* All servers failed: down, and a probe later. Jitter of a quarter, lest two links, or
 * two gateways, knock in step. */
static void link_rest(struct upstream_link *link, const char *why)
{
    unsigned quarter = link->backoff_ms / 4;
    unsigned jitter = random_pool_u16(link->upstream->random) % (2 * quarter + 1);

    link->server = 0;
    (void)uv_timer_start(&link->timer, on_backoff_over,
                         link->backoff_ms - quarter + jitter, 0);
    link->backoff_ms *= 2;
    if (link->backoff_ms > BACKOFF_MAX_MS)
        link->backoff_ms = BACKOFF_MAX_MS;
    tell(link, LINK_DOWN, why);
}

static void link_failed(struct upstream_link *link, const char *why)
{
    (void)snprintf(link->last_error, sizeof(link->last_error), "%s", why);
    if (++link->server < link->upstream->server_count) {
        if (link->told == LINK_UP)
            tell(link, LINK_CONNECTING, why);
        link_connect(link);
    } else {
        link_rest(link, why);
    }
}

/* ---- the end of a connection ---- */

/* Whether the connection did what it is for, so that its loss is no bad omen: a primary
 * closes connections that are idle. */
static bool has_proved(const struct connection *connection)
{
    int64_t age_us = clock_now().mono_us - connection->up_us;
    bool was_idle = !connection->has_sent && age_us >= PROVED_US;
    bool has_served = connection->has_received && age_us >= BACKOFF_MIN_MS * 1000;

    return connection->is_replaced || (connection->is_up && (has_served || was_idle));
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct upstream_link *link = connection->link;
    bool is_news = !link->upstream->is_closing;

    link->connection = NULL;
    if (is_news && has_proved(connection)) {
        (void)snprintf(link->last_error, sizeof(link->last_error), "%s",
                       connection->why);
        link->backoff_ms = BACKOFF_MIN_MS;
        link->server = 0;
        tell(link, LINK_CONNECTING, connection->why);
        link_connect(link);
    } else if (is_news) {
        link_failed(link, connection->why);
    }
    frame_fini(&connection->frame);
    free(connection);
}

/* The only way out: what follows is on_closed's, in a later turn, as txn.h promises. */
static void connection_close(struct connection *connection, const char *why)
{
    char server[ADDR_TEXT_OCTETS];

    if (connection->is_closing)
        return;
    connection->is_closing = true;
    (void)snprintf(connection->why, sizeof(connection->why), "%s: %s",
                   addr_format_port(&connection->server, server), why);
    (void)uv_timer_stop(&connection->link->timer);
    uv_close((uv_handle_t *)&connection->handle, on_closed);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct connection *connection = handle->data;
    struct upstream *upstream = connection->link->upstream;

    (void)suggested;
    *out = uv_buf_init((char *)upstream->octets, sizeof(upstream->octets));
}

static void take_octets(struct connection *connection, const uint8_t *octets,
                        size_t len)
{
    struct upstream_link *link = connection->link;

    while (len > 0 && !connection->is_closing) {
        const uint8_t *message;
        size_t message_len;
        enum result res =
            frame_push(&connection->frame, &octets, &len, &message, &message_len);
        if (res != RES_OK) {
            connection_close(connection,
                             res == RES_EMEM ? "no memory" : "message too short");
            return;
        }
        if (message == NULL)
            return;
        connection->has_received = true;
        txn_on_primary(link->upstream->txns, link->which, message, message_len,
                       clock_now());
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;

    if (n == UV_EOF)
        connection_close(connection, "closed by the primary");
    else if (n < 0)
        connection_close(connection, uv_strerror((int)n));
    else
        take_octets(connection, (const uint8_t *)buf->base, (size_t)n);
}

/* ---- connecting ---- */

static void on_connect_deadline(uv_timer_t *timer)
{
    struct upstream_link *link = timer->data;

    if (link->connection != NULL)
        connection_close(link->connection, "no connection in time");
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->data;
    struct upstream_link *link = connection->link;
    char server[ADDR_TEXT_OCTETS];

    if (connection->is_closing)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&connection->handle, on_alloc, on_read);
    if (status != 0) {
        connection_close(connection, uv_strerror(status));
        return;
    }
    (void)uv_timer_stop(&link->timer);
    (void)uv_tcp_nodelay(&connection->handle, 1);
    (void)uv_tcp_keepalive(&connection->handle, 1, KEEPALIVE_S);
    connection->is_up = true;
    connection->up_us = clock_now().mono_us;
    tell(link, LINK_UP, addr_format_port(&connection->server, server));
}

/* Tries link->server. What fails at once is closed like what fails later. */
static void link_connect(struct upstream_link *link)
{
    struct upstream *upstream = link->upstream;
    struct connection *connection = calloc(1, sizeof(*connection));
    struct sockaddr_storage to;

    if (connection == NULL || uv_tcp_init(upstream->loop, &connection->handle) != 0) {
        free(connection);
        link_rest(link, "no memory");
        return;
    }
    connection->link = link;
    connection->server = upstream->servers[link->server];
    connection->handle.data = connection;
    connection->connecting.data = connection;
    frame_init(&connection->frame, LIMIT_MESSAGE_OCTETS);
    link->connection = connection;
    (void)addr_to_sockaddr(&connection->server, &to);
    (void)uv_timer_start(&link->timer, on_connect_deadline, CONNECT_MS, 0);
    int error = uv_tcp_connect(&connection->connecting, &connection->handle,
                               (struct sockaddr *)&to, on_connected);
    if (error != 0)
        connection_close(connection, uv_strerror(error));
}

enum result upstream_start(struct upstream *upstream, uv_loop_t *loop,
                           struct txns *txns)
{
    upstream->loop = loop;
    upstream->txns = txns;
    for (enum txn_link which = 0; which < LINKS; which++) {
        struct upstream_link *link = &upstream->links[which];
        if (uv_timer_init(loop, &link->timer) != 0)
            return RES_EIO;
        link->timer.data = link;
        link->has_timer = true;
        tell(link, LINK_CONNECTING, "start");
        link_connect(link);
    }
    return RES_OK;
}

/* ---- for the daemon ---- */

static bool has_servers(const struct upstream *upstream,
                        const struct settings *settings)
{
    if (upstream->server_count != settings->server_count)
        return false;
    for (size_t i = 0; i < settings->server_count; i++) {
        const struct addr *addr = &settings->servers[i].addr;
        if (!addr_equal(&upstream->servers[i], addr) ||
            upstream->servers[i].port != addr->port)
            return false;
    }
    return true;
}

/* A reload is also the operator's word that the primary is well again. */
static void connect_anew(struct upstream_link *link)
{
    link->backoff_ms = BACKOFF_MIN_MS;
    link->server = 0;
    if (link->connection != NULL) {
        link->connection->is_replaced = true;
        connection_close(link->connection, "other servers are configured");
    } else if (uv_is_active((uv_handle_t *)&link->timer)) {
        (void)uv_timer_start(&link->timer, on_backoff_over, 0, 0);
    }
}

enum result upstream_set_servers(struct upstream *upstream,
                                 const struct settings *settings)
{
    if (has_servers(upstream, settings))
        return RES_OK;
    struct addr *servers = calloc(settings->server_count, sizeof(*servers));
    if (servers == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < settings->server_count; i++)
        servers[i] = settings->servers[i].addr;
    free(upstream->servers);
    upstream->servers = servers;
    upstream->server_count = settings->server_count;
    for (enum txn_link which = 0; which < LINKS; which++)
        if (upstream->links[which].has_timer)
            connect_anew(&upstream->links[which]);
    return RES_OK;
}

static void on_written(uv_write_t *request, int status)
{
    struct outgoing *outgoing = request->data;
    struct connection *connection = outgoing->connection;

    free(outgoing);
    if (status != 0)
        connection_close(connection, uv_strerror(status));
}

/* Keeps what the socket does not take now. */
static enum result queue_rest(struct connection *connection, const uv_buf_t parts[2],
                              size_t written)
{
    size_t rest = parts[0].len + parts[1].len - written;
    size_t head = written < parts[0].len ? parts[0].len - written : 0;
    struct outgoing *outgoing = malloc(sizeof(*outgoing) + rest);

    if (outgoing == NULL)
        return RES_EMEM;
    outgoing->request.data = outgoing;
    outgoing->connection = connection;
    memcpy(outgoing->octets, parts[0].base + parts[0].len - head, head);
    memcpy(outgoing->octets + head, parts[1].base + parts[1].len - (rest - head),
           rest - head);
    uv_buf_t buf = uv_buf_init((char *)outgoing->octets, (unsigned)rest);
    if (uv_write(&outgoing->request, (uv_stream_t *)&connection->handle, &buf, 1,
                 on_written) == 0)
        return RES_OK;
    free(outgoing);
    return RES_EIO;
}

/* At once, as far as the socket takes it, which is nearly always the whole. A piece of
 * a message is never executed, so one that cannot be completed was not sent. */
enum result upstream_send(struct upstream *upstream, enum txn_link link,
                          const uint8_t *octets, size_t len)
{
    struct connection *connection = upstream->links[link].connection;
    uint8_t length[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    /* uv_buf_t is for reading, too: nothing writes to the octets. */
    const uv_buf_t parts[2] = {uv_buf_init((char *)length, sizeof(length)),
                               uv_buf_init((char *)octets, (unsigned)len)};

    if (connection == NULL || !connection->is_up || connection->is_closing ||
        len > LIMIT_MESSAGE_OCTETS)
        return RES_EIO;
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    if (uv_stream_get_write_queue_size(stream) > QUEUE_OCTETS)
        return RES_EIO;
    int written = uv_try_write(stream, parts, 2);
    if (written == UV_EAGAIN)
        written = 0; /* full, or others wait already */
    if (written < 0) {
        connection_close(connection, uv_strerror(written));
        return RES_EIO;
    }
    if ((size_t)written < sizeof(length) + len &&
        queue_rest(connection, parts, (size_t)written) != RES_OK) {
        connection_close(connection, "no memory");
        return RES_EIO;
    }
    connection->has_sent = true;
    return RES_OK;
}

void upstream_reconnect(struct upstream *upstream, enum txn_link link, const char *why)
{
    struct connection *connection = upstream->links[link].connection;

    if (connection == NULL || connection->is_closing)
        return;
    logger_printf(LEVEL_WARNING, "upstream link=%s closed: %s", txn_link_name(link),
                  why);
    connection_close(connection, why);
}

void upstream_status(const struct upstream *upstream, struct json *json)
{
    char text[ADDR_TEXT_OCTETS];

    json_array_open(json, "upstream");
    for (enum txn_link which = 0; which < LINKS; which++) {
        const struct upstream_link *link = &upstream->links[which];
        bool is_up = link->connection != NULL && link->connection->is_up;
        json_object_open(json, NULL);
        json_string(json, "link", txn_link_name(which));
        json_string(json, "server",
                    is_up ? addr_format_port(&link->connection->server, text) : NULL);
        json_string(json, "last_error",
                    link->last_error[0] == '\0' ? NULL : link->last_error);
        json_object_close(json);
    }
    json_array_close(json);
}

void upstream_close(struct upstream *upstream)
{
    upstream->is_closing = true;
    for (enum txn_link which = 0; which < LINKS; which++) {
        struct upstream_link *link = &upstream->links[which];
        if (link->connection != NULL)
            connection_close(link->connection, "the daemon ends");
        if (link->has_timer)
            uv_close((uv_handle_t *)&link->timer, NULL);
    }
}

void upstream_free(struct upstream **upstream)
{
    if (*upstream != NULL)
        free((*upstream)->servers);
    free(*upstream);
    *upstream = NULL;
}

#include "net/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/tail.h"
#include "txn/log.h"

#define REQUEST_OCTETS 64
#define REPLY_OCTETS   1024  /* to rotate: an error text of the system at most */
#define REQUEST_MS     10000 /* for the request to come, and for the answer to be read */
/* A status goes out in parts, so that a million keys hold up the loop no more than ten
 * do. The first has the figures, with a line for each zone: as much as it takes. */
#define PART_OCTETS     ((size_t)64 * 1024)
#define PART_MAX_OCTETS ((size_t)128 * 1024 * 1024)

/* Somebody at the socket. One request, one answer. */
struct visitor {
    struct control *control;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned open_handles; /* the memory goes with the last one */
    struct visitor *next;
    char request[REQUEST_OCTETS];
    size_t len;
    uint64_t reload;   /* waits for that one; 0: for none */
    struct tail *tail; /* watches; NULL: does not */
    bool is_closing;
    uv_write_t write;
    char *answer;
    struct writer part; /* of a status; octets NULL: nobody has asked for one */
    struct json json;   /* the document so far */
    struct key_walk keys;
    bool is_last_part;
};

struct control {
    const struct settings_limits *limits; /* the caller's */
    struct control_ports ports;
    uv_loop_t *loop;
    char *path;
    int fd; /* -1: the handle's */
    uv_pipe_t listener;
    bool has_listener;
    struct visitor *visitors;
    size_t count;
    size_t tail_count;
};

struct control *control_new(const struct settings_limits *limits,
                            const struct control_ports *ports)
{
    struct control *control = calloc(1, sizeof(*control));

    if (control == NULL)
        return NULL;
    control->limits = limits;
    control->ports = *ports;
    control->fd = -1;
    return control;
}

/* ---- the socket ---- */

/* Whether somebody listens there. */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return true; /* cannot tell: nothing is removed */
    int error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0
                    ? 0
                    : errno;
    (void)close(fd);
    return error != ECONNREFUSED && error != ENOENT;
}

/* bind(2) gives the file the umask's mode, so that it is never open to others. */
static int bind_private(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)address, sizeof(*address));

    (void)umask(before);
    return failed;
}

enum result control_bind(struct control *control, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return RES_EIO;
    }
    memcpy(address.sun_path, path, strlen(path));
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        if (is_alive(&address))
            return RES_EEXISTS;
        (void)unlink(path);
    }
    control->path = strdup(path);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->path == NULL || control->fd < 0)
        return control->path == NULL ? RES_EMEM : RES_EIO;
    if (bind_private(control->fd, &address) != 0) {
        free(control->path); /* not ours to remove */
        control->path = NULL;
        return RES_EIO;
    }
    return RES_OK;
}

/* ---- visitors ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct visitor *visitor = handle->data;

    if (--visitor->open_handles > 0)
        return;
    free(visitor->answer);
    free(visitor->part.octets);
    key_walk_end(&visitor->keys);
    tail_free(&visitor->tail);
    free(visitor);
}

/* The only way out. */
static void visitor_close(struct visitor *visitor)
{
    struct visitor **at = &visitor->control->visitors;

    if (visitor->is_closing)
        return;
    visitor->is_closing = true;
    while (*at != visitor)
        at = &(*at)->next;
    *at = visitor->next;
    visitor->control->count--;
    visitor->control->tail_count -= visitor->tail != NULL;
    uv_close((uv_handle_t *)&visitor->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&visitor->timer, on_handle_closed);
}

static void on_deadline(uv_timer_t *timer)
{
    visitor_close(timer->data);
}

static void on_answered(uv_write_t *write, int status)
{
    (void)status;
    visitor_close(write->data);
}

/* The answer and its newline; then the connection ends. */
static void answer(struct visitor *visitor, const char *octets, size_t len)
{
    (void)uv_read_stop((uv_stream_t *)&visitor->pipe);
    (void)uv_timer_start(&visitor->timer, on_deadline, REQUEST_MS, 0);
    visitor->answer = malloc(len + 1);
    if (visitor->answer == NULL) {
        visitor_close(visitor);
        return;
    }
    memcpy(visitor->answer, octets, len);
    visitor->answer[len] = '\n';
    uv_buf_t buf = uv_buf_init(visitor->answer, (unsigned)len + 1);
    visitor->write.data = visitor;
    if (uv_write(&visitor->write, (uv_stream_t *)&visitor->pipe, &buf, 1,
                 on_answered) != 0)
        visitor_close(visitor);
}

/* ---- a status ---- */

static void on_part_sent(uv_write_t *write, int status);

static void send_part(struct visitor *visitor)
{
    uv_buf_t buf =
        uv_buf_init((char *)visitor->part.octets, (unsigned)visitor->part.len);

    visitor->write.data = visitor;
    (void)uv_timer_start(&visitor->timer, on_deadline, REQUEST_MS, 0);
    if (visitor->part.failed || uv_write(&visitor->write, (uv_stream_t *)&visitor->pipe,
                                         &buf, 1, on_part_sent) != 0)
        visitor_close(visitor);
}

/* Some keys, and after the last of them the end. */
static void send_keys(struct visitor *visitor)
{
    const struct control_ports *ports = &visitor->control->ports;

    writer_rewind(&visitor->part, 0);
    if (!ports->keys(ports->arg, &visitor->keys, &visitor->json)) {
        json_array_close(&visitor->json);
        json_object_close(&visitor->json);
        writer_string(&visitor->part, "\n");
        visitor->is_last_part = true;
    }
    send_part(visitor);
}

static void on_part_sent(uv_write_t *write, int status)
{
    struct visitor *visitor = write->data;

    if (visitor->is_closing)
        return;
    if (status != 0 || visitor->is_last_part)
        visitor_close(visitor);
    else
        send_keys(visitor);
}

static void send_figures(struct visitor *visitor)
{
    const struct control_ports *ports = &visitor->control->ports;

    (void)uv_read_stop((uv_stream_t *)&visitor->pipe);
    visitor->part.failed = true;
    for (size_t octets = PART_OCTETS; visitor->part.failed && octets <= PART_MAX_OCTETS;
         octets *= 2) {
        free(visitor->part.octets);
        visitor->part = writer_of(malloc(octets), octets);
        if (visitor->part.octets == NULL)
            break;
        visitor->json = json_of(&visitor->part);
        json_object_open(&visitor->json, NULL);
        ports->status(ports->arg, &visitor->json);
        json_array_open(&visitor->json, "keys");
    }
    if (visitor->part.octets == NULL)
        visitor_close(visitor);
    else
        send_part(visitor);
}

/* ---- requests ---- */

static void on_tail_failed(void *arg)
{
    visitor_close(arg);
}

/* Who watches stays; one place is always left for who asks or reloads. */
static void start_tail(struct visitor *visitor)
{
    static const char ready[] = "{\"ok\":true}\n";
    static const char full[] =
        "{\"ok\":false,\"errors\":[\"too many watch already: see "
        "limits.control_connections\"]}";
    struct control *control = visitor->control;

    if (control->tail_count + 1 >= control->limits->control_connections) {
        answer(visitor, full, sizeof(full) - 1);
        return;
    }
    visitor->tail = tail_new((uv_stream_t *)&visitor->pipe, on_tail_failed, visitor);
    if (visitor->tail == NULL) {
        visitor_close(visitor);
        return;
    }
    control->tail_count++;
    (void)uv_timer_stop(&visitor->timer);
    tail_line(visitor->tail, ready, sizeof(ready) - 1);
    tail_flush(visitor->tail);
}

static void tail_one(const struct control *control, const uint8_t *line, size_t len)
{
    for (struct visitor *visitor = control->visitors; visitor != NULL;
         visitor = visitor->next)
        if (visitor->tail != NULL)
            tail_line(visitor->tail, line, len);
}

void control_tail(struct control *control, const uint8_t *lines, size_t len)
{
    const uint8_t *end = lines + len;

    while (control->tail_count > 0 && lines < end) {
        const uint8_t *newline = memchr(lines, '\n', (size_t)(end - lines));
        size_t line_len = (size_t)((newline != NULL ? newline + 1 : end) - lines);
        if (log_is_news(lines, line_len))
            tail_one(control, lines, line_len);
        lines += line_len;
    }
}

void control_flush(struct control *control)
{
    struct visitor *next = NULL;

    if (control->tail_count == 0)
        return;
    for (struct visitor *visitor = control->visitors; visitor != NULL; visitor = next) {
        next = visitor->next;
        if (visitor->tail != NULL)
            tail_flush(visitor->tail);
    }
}

static void answer_rotate(struct visitor *visitor)
{
    const struct control_ports *ports = &visitor->control->ports;
    uint8_t octets[REPLY_OCTETS];
    struct writer w = writer_of(octets, sizeof(octets));

    ports->rotate(ports->arg, &w);
    answer(visitor, (const char *)w.octets, w.len);
}

static void serve(struct visitor *visitor, const char *request)
{
    static const char unknown[] = "{\"ok\":false,\"errors\":[\"unknown request: say "
                                  "status, reload, tail or rotate\"]}";
    const struct control_ports *ports = &visitor->control->ports;

    if (strcmp(request, "status") == 0) {
        send_figures(visitor);
    } else if (strcmp(request, "reload") == 0) {
        /* As long as it takes; the peer may leave meanwhile. */
        (void)uv_timer_stop(&visitor->timer);
        visitor->reload = ports->reload(ports->arg);
    } else if (strcmp(request, "tail") == 0) {
        start_tail(visitor);
    } else if (strcmp(request, "rotate") == 0) {
        answer_rotate(visitor);
    } else {
        answer(visitor, unknown, sizeof(unknown) - 1);
    }
}

void control_reloaded(struct control *control, uint64_t number, const char *octets,
                      size_t len)
{
    struct visitor *next = NULL;

    for (struct visitor *visitor = control->visitors; visitor != NULL; visitor = next) {
        next = visitor->next;
        if (visitor->reload == 0 || visitor->reload > number)
            continue;
        visitor->reload = 0;
        answer(visitor, octets, len);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct visitor *visitor = handle->data;

    (void)suggested;
    *out = uv_buf_init(visitor->request + visitor->len,
                       (unsigned)(sizeof(visitor->request) - visitor->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct visitor *visitor = stream->data;

    (void)buf;
    if (n == 0 || (n == UV_EOF && visitor->reload != 0))
        return; /* it may have closed its half only */
    /* Has left, or talks out of turn. */
    if (n < 0 || visitor->reload != 0 || visitor->tail != NULL) {
        visitor_close(visitor);
        return;
    }
    visitor->len += (size_t)n;
    char *newline = memchr(visitor->request, '\n', visitor->len);
    if (newline != NULL) {
        *newline = '\0';
        visitor->len = 0;
        serve(visitor, visitor->request);
    } else if (visitor->len == sizeof(visitor->request)) {
        visitor_close(visitor);
    }
}

static void on_visit(uv_stream_t *listener, int status)
{
    static const char busy[] =
        "{\"ok\":false,\"errors\":[\"limits.control_connections are here already\"]}";
    struct control *control = listener->data;
    struct visitor *visitor = status == 0 ? calloc(1, sizeof(*visitor)) : NULL;

    if (visitor == NULL)
        return;
    visitor->control = control;
    visitor->pipe.data = visitor->timer.data = visitor;
    (void)uv_pipe_init(control->loop, &visitor->pipe, 0);
    (void)uv_timer_init(control->loop, &visitor->timer);
    visitor->open_handles = 2;
    visitor->next = control->visitors;
    control->visitors = visitor;
    control->count++;
    if (uv_accept(listener, (uv_stream_t *)&visitor->pipe) != 0)
        visitor_close(visitor);
    else if (control->count > control->limits->control_connections)
        answer(visitor, busy, sizeof(busy) - 1);
    else if (uv_read_start((uv_stream_t *)&visitor->pipe, on_alloc, on_read) != 0 ||
             uv_timer_start(&visitor->timer, on_deadline, REQUEST_MS, 0) != 0)
        visitor_close(visitor);
}

enum result control_start(struct control *control, uv_loop_t *loop)
{
    control->loop = loop;
    if (control->fd < 0)
        return RES_OK; /* there is no control socket */
    if (uv_pipe_init(loop, &control->listener, 0) != 0)
        return RES_EIO;
    control->has_listener = true;
    control->listener.data = control;
    if (uv_pipe_open(&control->listener, control->fd) != 0)
        return RES_EIO;
    control->fd = -1;
    return uv_listen((uv_stream_t *)&control->listener, 8, on_visit) == 0 ? RES_OK
                                                                          : RES_EIO;
}

void control_close(struct control *control)
{
    while (control->visitors != NULL)
        visitor_close(control->visitors);
    if (control->has_listener)
        uv_close((uv_handle_t *)&control->listener, NULL);
    if (control->path != NULL)
        (void)unlink(control->path);
}

void control_free(struct control **control)
{
    if (*control == NULL)
        return;
    if ((*control)->fd >= 0)
        (void)close((*control)->fd);
    free((*control)->path);
    free(*control);
    *control = NULL;
}

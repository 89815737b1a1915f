/*
 * generate -p PORT [OPTION ...]: signed requests to a server on the loopback, so many
 * in flight at a time; checks the RCODE and the signature of every answer; prints one
 * line of JSON.
 *
 *   -c CASE     permitted, refused, badsig, badkey, soa or soa-signed (permitted)
 *   -k HOSTS    that take turns (1000)
 *   -n REQUESTS in flight (1)
 *   -d SECONDS  that new requests are sent for (2)
 *   -r RATE     requests a second, whatever comes back, instead of -n
 *   -t          over one TCP connection instead of UDP
 *   -a          apart: each datagram is sent and received for itself
 *   -o FILE     what permitted left in the zone: a line "host token" each; token "?"
 *               where an answer was missing or bad and nobody knows
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "site.h"

#define MESSAGE_OCTETS 512
#define REPLIES_OCTETS 65536 /* of a datagram, or of some that came as one */
#define BATCH          64
#define IDS            65536
#define LATENCIES_MAX  (4 * 1024 * 1024)
#define UNANSWERED_NS  INT64_C(3000000000)
#define STREAM_OCTETS  (256 * 1024)
#define SECOND_NS      INT64_C(1000000000)

/* A request that has no answer yet; its ID is its index. */
struct flight {
    bool is_open;
    int64_t sent_ns;
    struct site_request request;
    struct tsig_mac mac;
};

struct host {
    struct hmac *hmac;
    uint64_t serial; /* of its token that is in the zone; 0: none */
    bool is_unknown;
};

struct options {
    const char *case_name;
    uint16_t port;
    uint32_t hosts;
    unsigned in_flight, rate;
    int64_t duration_ns;
    bool is_tcp, is_apart;
    const char *left;
};

struct generator {
    struct options options;
    enum site_kind kind;
    int fd;
    struct host *hosts;
    struct flight *flights; /* IDS */
    unsigned open;
    size_t segment_len; /* of each request, over UDP */
    uint64_t serial;
    int64_t start_ns, end_ns, swept_ns;
    int64_t cpu_ns; /* what the run took of us */

    uint64_t sent, answers, failures, unanswered, strays;
    uint64_t answers_in_time; /* before end_ns: of these is the rate */
    unsigned rcodes[17];
    uint32_t *latencies_10ns;
    size_t latency_count;

    uint8_t out[BATCH * (2 + MESSAGE_OCTETS)];
    struct mmsghdr in[BATCH];
    struct iovec in_room[BATCH];
    union {
        struct cmsghdr aligned;
        char octets[CMSG_SPACE(sizeof(int))];
    } in_control[BATCH];
    uint8_t in_octets[BATCH][REPLIES_OCTETS];
    uint8_t stream[STREAM_OCTETS];
    size_t stream_len;
};

struct case_name {
    const char *name;
    enum site_kind kind;
};

static const struct case_name cases[] = {
    {"permitted", SITE_ADD}, {"refused", SITE_REFUSED}, {"badsig", SITE_BADSIG},
    {"badkey", SITE_BADKEY}, {"soa", SITE_SOA},         {"soa-signed", SITE_SOA_SIGNED},
};

static int64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

/* ---- sending ---- */

/* In turn. */
static uint32_t next_host(struct generator *g)
{
    uint32_t host = (uint32_t)(g->serial % g->options.hosts);

    /* Its neighbour's name has to be a host's, too, for SITE_REFUSED. */
    if (g->kind == SITE_REFUSED && host == g->options.hosts - 1)
        host = 0;
    return host;
}

/* Adds a token, or takes away the one that is there. */
static void choose_change(struct generator *g, struct site_request *request)
{
    struct host *host = &g->hosts[request->host];

    if (request->kind != SITE_ADD)
        return;
    if (host->serial == 0) {
        host->serial = request->serial;
    } else {
        request->kind = SITE_DELETE;
        request->serial = host->serial;
        host->serial = 0;
    }
}

/* Writes the next request to octets and gives its length; 0: all IDs are in use. */
static size_t write_next(struct generator *g, int64_t real_s, uint8_t *octets)
{
    uint16_t id = (uint16_t)g->serial;
    struct flight *flight = &g->flights[id];

    if (flight->is_open && g->options.rate == 0)
        return 0;
    flight->request = (struct site_request){.kind = g->kind,
                                            .host = next_host(g),
                                            .serial = g->serial,
                                            .id = id,
                                            .now_s = real_s};
    g->serial++;
    struct host *host = &g->hosts[flight->request.host];
    choose_change(g, &flight->request);
    if (host->hmac == NULL)
        host->hmac = site_hmac(flight->request.host);
    struct writer w = writer_of(octets, MESSAGE_OCTETS);
    site_write(&flight->request, host->hmac, &w, &flight->mac);
    g->open += !flight->is_open;
    flight->is_open = true;
    g->sent++;
    return w.len;
}

/* All requests of a run have one length: the kernel cuts them apart again. */
static void want_segments(struct generator *g, size_t len)
{
    int octets = (int)len;

    if (g->segment_len == len)
        return;
    if (g->segment_len != 0 ||
        (!g->options.is_apart &&
         setsockopt(g->fd, SOL_UDP, UDP_SEGMENT, &octets, sizeof(octets)) != 0))
        site_die("cannot send requests of %zu octets together", len);
    g->segment_len = len;
}

static void send_octets(struct generator *g, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(g->fd, g->out + done, len - done);
        if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
            site_die("write: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
}

static void send_apart(struct generator *g, size_t len)
{
    struct mmsghdr out[BATCH];
    struct iovec parts[BATCH];
    unsigned count = 0, done = 0;

    for (size_t at = 0; at < len; at += g->segment_len, count++) {
        parts[count] = (struct iovec){g->out + at, g->segment_len};
        out[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
    }
    while (done < count) {
        int n = sendmmsg(g->fd, out + done, count - done, 0);
        if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
            site_die("sendmmsg: %s", strerror(errno));
        done += n > 0 ? (unsigned)n : 0;
    }
}

/* Sends up to count requests. */
static void send_some(struct generator *g, unsigned count)
{
    size_t head = g->options.is_tcp ? 2 : 0, len = 0;
    int64_t real_s = now_ns(CLOCK_REALTIME) / SECOND_NS;
    uint64_t first = g->serial;

    for (unsigned i = 0; i < count && i < BATCH; i++) {
        uint8_t *octets = g->out + len;
        size_t request_len = write_next(g, real_s, octets + head);
        if (request_len == 0)
            break;
        if (g->options.is_tcp) {
            octets[0] = (uint8_t)(request_len >> 8);
            octets[1] = (uint8_t)request_len;
        } else {
            want_segments(g, request_len);
        }
        len += head + request_len;
    }
    int64_t now = now_ns(CLOCK_MONOTONIC);
    for (uint64_t serial = first; serial < g->serial; serial++)
        g->flights[serial % IDS].sent_ns = now;
    if (g->options.is_apart)
        send_apart(g, len);
    else
        send_octets(g, len);
}

/* ---- receiving ---- */

static void note_failure(struct generator *g, struct flight *flight)
{
    if (flight->request.kind == SITE_ADD || flight->request.kind == SITE_DELETE)
        g->hosts[flight->request.host].is_unknown = true;
}

static void take_answer(struct generator *g, const uint8_t *octets, size_t len,
                        int64_t received_ns)
{
    unsigned rcode = 16;
    struct flight *flight =
        len < 2 ? NULL : &g->flights[(unsigned)octets[0] << 8 | octets[1]];

    if (flight == NULL || !flight->is_open) {
        g->strays++;
        return;
    }
    flight->is_open = false;
    g->open--;
    g->answers++;
    g->answers_in_time += received_ns < g->end_ns;
    struct hmac *hmac = g->hosts[flight->request.host].hmac;
    if (!site_read(&flight->request, hmac, &flight->mac, octets, len, &rcode)) {
        g->failures++;
        note_failure(g, flight);
    }
    g->rcodes[rcode]++;
    if (g->latency_count < LATENCIES_MAX)
        g->latencies_10ns[g->latency_count++] =
            (uint32_t)((received_ns - flight->sent_ns) / 10);
}

/* The length of each of the datagrams that the kernel has put together. */
static size_t segment_len(const struct mmsghdr *in)
{
    const struct cmsghdr *control = CMSG_FIRSTHDR(&in->msg_hdr);
    int len = 0;

    if (control == NULL || control->cmsg_level != SOL_UDP ||
        control->cmsg_type != UDP_GRO)
        return in->msg_len;
    memcpy(&len, CMSG_DATA(control), sizeof(len));
    return (size_t)len;
}

static void receive_datagrams(struct generator *g, int flags)
{
    for (size_t i = 0; i < BATCH; i++)
        g->in[i].msg_hdr =
            (struct msghdr){.msg_iov = &g->in_room[i],
                            .msg_iovlen = 1,
                            .msg_control = g->in_control[i].octets,
                            .msg_controllen = sizeof(g->in_control[i].octets)};
    int n = recvmmsg(g->fd, g->in, BATCH, flags, NULL);
    int64_t received_ns = now_ns(CLOCK_MONOTONIC);

    for (int i = 0; i < n; i++) {
        size_t len = g->in[i].msg_len, each = segment_len(&g->in[i]);
        for (size_t at = 0; at < len; at += each)
            take_answer(g, g->in_octets[i] + at, len - at < each ? len - at : each,
                        received_ns);
    }
}

static void receive_stream(struct generator *g)
{
    ssize_t n = read(g->fd, g->stream + g->stream_len, STREAM_OCTETS - g->stream_len);
    int64_t received_ns = now_ns(CLOCK_MONOTONIC);
    size_t at = 0;

    if (n == 0)
        site_die("the server closed the connection");
    if (n < 0)
        return;
    g->stream_len += (size_t)n;
    while (g->stream_len - at >= 2) {
        size_t len = (size_t)g->stream[at] << 8 | g->stream[at + 1];
        if (g->stream_len - at < 2 + len)
            break;
        take_answer(g, g->stream + at + 2, len, received_ns);
        at += 2 + len;
    }
    g->stream_len -= at;
    memmove(g->stream, g->stream + at, g->stream_len);
}

/* Gives up on what has waited too long; looks from time to time. */
static void sweep(struct generator *g, int64_t now)
{
    if (now < g->swept_ns + SECOND_NS / 10)
        return;
    g->swept_ns = now;
    for (size_t i = 0; i < IDS; i++) {
        struct flight *flight = &g->flights[i];
        if (!flight->is_open || now - flight->sent_ns < UNANSWERED_NS)
            continue;
        flight->is_open = false;
        g->open--;
        g->unanswered++;
        note_failure(g, flight);
    }
}

/* ---- the run ---- */

static void run_closed(struct generator *g)
{
    for (;;) {
        int64_t now = now_ns(CLOCK_MONOTONIC);
        if (now < g->end_ns && g->open < g->options.in_flight)
            send_some(g, g->options.in_flight - g->open);
        if (g->open == 0 && now >= g->end_ns)
            return;
        if (g->options.is_tcp)
            receive_stream(g);
        else
            receive_datagrams(g, MSG_WAITFORONE);
        sweep(g, now);
    }
}

/* So many a second; answers are read and checked, and nobody waits for them. */
static void run_open(struct generator *g)
{
    const struct timespec nap = {.tv_nsec = 200000};

    for (int64_t now; (now = now_ns(CLOCK_MONOTONIC)) < g->end_ns;) {
        uint64_t due =
            (uint64_t)((now - g->start_ns) / 1000) * g->options.rate / 1000000;
        if (due > g->sent)
            send_some(g, due - g->sent < BATCH ? (unsigned)(due - g->sent) : BATCH);
        else
            (void)nanosleep(&nap, NULL);
        receive_datagrams(g, MSG_DONTWAIT);
    }
}

static void connect_to(struct generator *g)
{
    const struct sockaddr_in server = {.sin_family = AF_INET,
                                       .sin_port = htons(g->options.port),
                                       .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_usec = 50000};
    int octets = 4 * 1024 * 1024, one = 1;

    g->fd = socket(AF_INET, g->options.is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (g->fd < 0 ||
        connect(g->fd, (const struct sockaddr *)&server, sizeof(server)) != 0)
        site_die("cannot connect: %s", strerror(errno));
    (void)setsockopt(g->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(g->fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets));
    (void)setsockopt(g->fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
    if (g->options.is_tcp)
        (void)setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    else if (!g->options.is_apart)
        (void)setsockopt(g->fd, SOL_UDP, UDP_GRO, &one, sizeof(one));
    for (size_t i = 0; i < BATCH; i++)
        g->in_room[i] = (struct iovec){g->in_octets[i], REPLIES_OCTETS};
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double percentile_us(const struct generator *g, unsigned percent)
{
    if (g->latency_count == 0)
        return 0;
    return g->latencies_10ns[(g->latency_count - 1) * percent / 100] / 100.0;
}

static void report(struct generator *g)
{
    double seconds = (double)g->options.duration_ns / (double)SECOND_NS;

    qsort(g->latencies_10ns, g->latency_count, sizeof(uint32_t), compare);
    (void)printf("{\"case\":\"%s\",\"sent\":%llu,\"answers\":%llu,\"seconds\":%.4f,"
                 "\"rate\":%.1f,\"own_cpu_us\":%.3f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
                 "\"max_us\":%.2f,"
                 "\"failures\":%llu,"
                 "\"unanswered\":%llu,\"strays\":%llu,\"rcodes\":{",
                 g->options.case_name, (unsigned long long)g->sent,
                 (unsigned long long)g->answers, seconds,
                 (double)g->answers_in_time / seconds,
                 (double)g->cpu_ns / 1000 / (double)(g->answers > 0 ? g->answers : 1),
                 percentile_us(g, 50), percentile_us(g, 99), percentile_us(g, 100),
                 (unsigned long long)g->failures, (unsigned long long)g->unanswered,
                 (unsigned long long)g->strays);
    const char *comma = "";
    for (unsigned i = 0; i < 17; i++) {
        if (g->rcodes[i] > 0) {
            (void)printf("%s\"%u\":%u", comma, i, g->rcodes[i]);
            comma = ",";
        }
    }
    (void)puts("}}");
}

static void write_left(const struct generator *g)
{
    char token[SITE_TOKEN_CHARS + 1];
    FILE *file = fopen(g->options.left, "w");

    if (file == NULL)
        site_die("cannot write %s", g->options.left);
    for (uint32_t i = 0; i < g->options.hosts; i++) {
        if (g->hosts[i].is_unknown)
            (void)fprintf(file, "%u ?\n", i);
        else if (g->hosts[i].serial != 0) {
            site_token(i, g->hosts[i].serial, token);
            (void)fprintf(file, "%u %s\n", i, token);
        }
    }
    if (fclose(file) != 0)
        site_die("cannot write %s", g->options.left);
}

static void read_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.case_name = "permitted",
                          .hosts = 1000,
                          .in_flight = 1,
                          .duration_ns = 2 * SECOND_NS};
    for (int option; (option = getopt(argc, argv, "c:p:k:n:d:r:tao:")) != -1;) {
        switch (option) {
        case 'c':
            o->case_name = optarg;
            break;
        case 'p':
            o->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'k':
            o->hosts = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'n':
            o->in_flight = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            o->duration_ns = (int64_t)(strtod(optarg, NULL) * (double)SECOND_NS);
            break;
        case 'r':
            o->rate = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 't':
            o->is_tcp = true;
            break;
        case 'a':
            o->is_apart = true;
            break;
        case 'o':
            o->left = optarg;
            break;
        default:
            exit(2);
        }
    }
    if (o->port == 0 || o->hosts < 2 || o->hosts > SITE_HOSTS_MAX ||
        o->in_flight == 0 || o->in_flight > 10000 ||
        (o->is_tcp && (o->rate > 0 || o->is_apart)))
        site_die("generate: bad options");
}

static enum site_kind kind_named(const char *name)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, name) == 0)
            return cases[i].kind;
    }
    site_die("no case %s", name);
}

int main(int argc, char **argv)
{
    static struct generator g;

    read_options(argc, argv, &g.options);
    g.kind = kind_named(g.options.case_name);
    g.hosts = calloc(g.options.hosts, sizeof(*g.hosts));
    g.flights = calloc(IDS, sizeof(*g.flights));
    g.latencies_10ns = calloc(LATENCIES_MAX, sizeof(uint32_t));
    if (g.hosts == NULL || g.flights == NULL || g.latencies_10ns == NULL)
        site_die("no memory");
    connect_to(&g);
    /* No token of an earlier run again: that would be a copy of its request. */
    g.serial = (uint64_t)now_ns(CLOCK_REALTIME) / 1000;
    g.start_ns = now_ns(CLOCK_MONOTONIC);
    g.end_ns = g.start_ns + g.options.duration_ns;
    int64_t cpu_before_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (g.options.rate > 0)
        run_open(&g);
    else
        run_closed(&g);
    g.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_before_ns;
    report(&g);
    if (g.options.left != NULL)
        write_left(&g);
    return 0;
}

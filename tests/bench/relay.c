/*
 * relay PORT PRIMARY FILE [sync]: the least that something between requestors and a
 * primary can do. A datagram goes on over one TCP connection, the answer goes back to
 * who asked last, and each way appends a line's worth of octets to FILE; with `sync` it
 * is on the disk before the answer leaves. It reads nothing and knows no key, so it is
 * for one request in flight: the floor of what tsigated costs there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "site.h"

#define MESSAGE_OCTETS 4096
#define LINE_OCTETS    785 /* of the site's audit lines */

struct relay {
    int clients, primary, file, epoll;
    bool is_synced;
    struct sockaddr_in client;
    uint8_t octets[2 + MESSAGE_OCTETS];
};

static void check(bool is_good, const char *what)
{
    if (!is_good)
        site_die("%s: %s", what, strerror(errno));
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void watch(const struct relay *relay, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    check(epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
}

static void start(struct relay *relay, char **argv)
{
    const struct sockaddr_in here = loopback(argv[1]), there = loopback(argv[2]);
    int one = 1;

    relay->clients = socket(AF_INET, SOCK_DGRAM, 0);
    relay->primary = socket(AF_INET, SOCK_STREAM, 0);
    relay->file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
    relay->epoll = epoll_create1(0);
    check(relay->file >= 0, argv[3]);
    check(bind(relay->clients, (const struct sockaddr *)&here, sizeof(here)) == 0,
          "bind");
    check(connect(relay->primary, (const struct sockaddr *)&there, sizeof(there)) == 0,
          "connect");
    (void)setsockopt(relay->primary, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    watch(relay, relay->clients);
    watch(relay, relay->primary);
}

static void append(const struct relay *relay)
{
    static const uint8_t line[LINE_OCTETS];

    check(write(relay->file, line, sizeof(line)) == (ssize_t)sizeof(line), "write");
}

static void forward(struct relay *relay)
{
    socklen_t len = sizeof(relay->client);
    ssize_t n = recvfrom(relay->clients, relay->octets + 2, MESSAGE_OCTETS, 0,
                         (struct sockaddr *)&relay->client, &len);

    if (n <= 0)
        return;
    relay->octets[0] = (uint8_t)((size_t)n >> 8);
    relay->octets[1] = (uint8_t)n;
    append(relay);
    check(send(relay->primary, relay->octets, (size_t)n + 2, 0) == n + 2, "send");
}

/* An answer is small, and comes in one piece. */
static void give_back(struct relay *relay)
{
    ssize_t n = recv(relay->primary, relay->octets, sizeof(relay->octets), 0);

    check(n > 2, "the primary closed the connection");
    append(relay);
    check(!relay->is_synced || fdatasync(relay->file) == 0, "fdatasync");
    (void)sendto(relay->clients, relay->octets + 2, (size_t)n - 2, 0,
                 (const struct sockaddr *)&relay->client, sizeof(relay->client));
}

int main(int argc, char **argv)
{
    static struct relay relay;
    struct epoll_event event;

    if (argc != 4 && argc != 5)
        site_die("relay PORT PRIMARY FILE [sync]");
    relay.is_synced = argc == 5;
    start(&relay, argv);
    for (;;) {
        if (epoll_wait(relay.epoll, &event, 1, -1) != 1)
            continue;
        if (event.data.fd == relay.clients)
            forward(&relay);
        else
            give_back(&relay);
    }
}

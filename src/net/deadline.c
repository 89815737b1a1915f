#include "net/deadline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct deadline deadline_in(int64_t wait_ms)
{
    return (struct deadline){now_ms() + wait_ms};
}

int64_t deadline_left_ms(struct deadline deadline)
{
    int64_t left_ms = deadline.at_ms - now_ms();
    return left_ms > 0 ? left_ms : 0;
}

bool deadline_poll(int fd, short events, struct deadline deadline)
{
    for (;;) {
        int64_t left_ms = deadline_left_ms(deadline);
        struct pollfd ready = {.fd = fd, .events = events};
        int wait_ms = left_ms < INT_MAX ? (int)left_ms : INT_MAX;
        int n = left_ms > 0 ? poll(&ready, 1, wait_ms) : 0;
        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

bool deadline_send(int fd, const uint8_t *octets, size_t len, struct deadline deadline)
{
    while (len > 0) {
        if (!deadline_poll(fd, POLLOUT, deadline))
            return false;
        ssize_t sent = send(fd, octets, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        octets += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

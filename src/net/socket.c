#include "net/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_options(int fd, const struct addr *addr, int type)
{
    int on = 1;
    int pmtu = IP_PMTUDISC_OMIT;

    if (addr->family == 6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return -1;
    /* A restart may bind while connections of the last run are in TIME_WAIT. */
    if (type == SOCK_STREAM &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return -1;
    /* Forged "fragmentation needed" shall not shape our replies; where the kernel
     * cannot, nothing is lost. */
    if (type == SOCK_DGRAM && addr->family == 4)
        (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof(pmtu));
    return 0;
}

enum result socket_bind(const struct addr *addr, int type, int *out_fd)
{
    struct sockaddr_storage to;
    socklen_t len = addr_to_sockaddr(addr, &to);
    int family = addr->family == 6 ? AF_INET6 : AF_INET;

    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return RES_EIO;
    if (set_options(fd, addr, type) != 0 ||
        bind(fd, (struct sockaddr *)&to, len) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return RES_EIO;
    }
    *out_fd = fd;
    return RES_OK;
}

#include "tlsa/route.h"

#include <sys/socket.h>
#include <unistd.h>

/* To connect a socket of datagrams asks the kernel's tables and nobody else. */
bool route_exists(const struct addr *address)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = addr_to_sockaddr(address, &sockaddr);
    int fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_found =
        fd >= 0 && connect(fd, (const struct sockaddr *)&sockaddr, len) == 0;
    if (fd >= 0)
        close(fd);
    return is_found;
}

size_t route_sort(struct addr *addresses, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct addr address = addresses[i];
        if (!route_exists(&address))
            continue;
        for (size_t k = i; k > found; k--)
            addresses[k] = addresses[k - 1];
        addresses[found++] = address;
    }
    return found > 0 ? found : count;
}

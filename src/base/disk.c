#include "base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum result disk_write(int fd, const void *octets, size_t len)
{
    const char *at = octets;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return RES_EIO;
        at += n;
        len -= (size_t)n;
    }
    return RES_OK;
}

enum result disk_sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash != NULL ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");
    if (folder == NULL)
        return RES_EMEM;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum result result = fd >= 0 && fsync(fd) == 0 ? RES_OK : RES_EIO;
    int error = errno;
    if (fd >= 0)
        close(fd);
    free(folder);
    errno = error;
    return result;
}

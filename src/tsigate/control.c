#include "tsigate/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tsigate/json_read.h"

/* The daemon's answer in all: a status has a line for each key that was used, and a
 * million of them fit. Memory is taken as it is filled. */
#define ANSWER_OCTETS ((size_t)128 * 1024 * 1024)
/* A reload of a million grants takes seconds (O-6); all else is answered at once, and
 * nobody should sit before a daemon that hangs. */
#define RELOAD_WAIT_S 120
#define ANSWER_WAIT_S 10

static time_t wait_of(const char *request)
{
    return strncmp(request, "reload", strlen("reload")) == 0 ? RELOAD_WAIT_S
                                                             : ANSWER_WAIT_S;
}

/* NULL: tsigate.conf does not name it, as told. */
static const char *control_path(struct tool *tool)
{
    const struct settings *settings = tool_settings(tool);
    if (settings != NULL && settings->control == NULL)
        tool_tell_lack(tool,
                       "`control`: there is no socket to ask at (SIGHUP reloads)");
    return settings != NULL ? settings->control : NULL;
}

static int connect_to(const char *path, time_t wait_s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct timeval wait = {.tv_sec = wait_s};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int say_why(const char *path)
{
    if (errno == ENOENT || errno == ECONNREFUSED)
        return tool_fail(TOOL_OUTSIDE, "no tsigated is running: %s: %s", path,
                         strerror(errno));
    if (errno == EACCES)
        return tool_fail(TOOL_OUTSIDE, "%s: %s: try as root or as the daemon's user",
                         path, strerror(errno));
    return tool_fail_errno(path);
}

static bool is_answer_whole(const char *answer, size_t len)
{
    if (len == 0 || answer[len - 1] != '\n')
        return false;
    size_t begin = len - 1;
    while (begin > 0 && answer[begin - 1] != '\n')
        begin--;
    return json_has_word(answer + begin, "ok", "true") ||
           json_has_word(answer + begin, "ok", "false");
}

static int send_request(const char *path, const char *request, int *out_fd)
{
    int fd = connect_to(path, wait_of(request));
    if (fd < 0)
        return say_why(path);
    size_t len = strlen(request);
    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        int code = say_why(path);
        close(fd);
        return code;
    }
    *out_fd = fd;
    return TOOL_DONE;
}

/* Sends the request and reads until the last line or the end. answer holds
 * ANSWER_OCTETS. */
static int exchange(const char *path, const char *request, char *answer)
{
    int fd = -1;
    size_t have = 0;
    int code = send_request(path, request, &fd);
    if (code != TOOL_DONE)
        return code;
    bool is_whole = false, is_late = false;
    while (!is_whole && have + 1 < ANSWER_OCTETS) {
        ssize_t got = recv(fd, answer + have, ANSWER_OCTETS - 1 - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        is_late = got < 0 && errno == EAGAIN;
        if (got <= 0)
            break;
        have += (size_t)got;
        answer[have] = '\0';
        is_whole = is_answer_whole(answer, have);
    }
    close(fd);
    if (is_late)
        return tool_fail(TOOL_OUTSIDE, "%s: tsigated has not answered for %lld s", path,
                         (long long)wait_of(request));
    if (!is_whole)
        return tool_fail(TOOL_OUTSIDE, "%s: tsigated gave no whole answer", path);
    return TOOL_DONE;
}

int control_ask(struct tool *tool, const char *request, char **out_answer)
{
    const char *path = control_path(tool);
    if (path == NULL)
        return TOOL_CONFIG;
    char *answer = malloc(ANSWER_OCTETS);
    if (answer == NULL)
        return tool_no_memory();
    int code = exchange(path, request, answer);
    if (code == TOOL_DONE)
        *out_answer = answer;
    else
        free(answer);
    return code;
}

int control_watch(struct tool *tool, const char *request, int *out_fd)
{
    const struct timeval forever = {.tv_sec = 0};
    const char *path = control_path(tool);
    if (path == NULL)
        return TOOL_CONFIG;
    int code = send_request(path, request, out_fd);
    if (code == TOOL_DONE)
        (void)setsockopt(*out_fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
    return code;
}

/* tsigate import: the text of named-checkconf -p, secrets and all. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "tsigate/import.h"

#define FIRST_OCTETS 65536
#define NO_PROGRAM   127 /* as the shell has it */

void import_forget(char *text, size_t len)
{
    if (text != NULL)
        explicit_bzero(text, len);
    free(text);
}

/* realloc would leave secrets where the text was. */
static char *grow(char *text, size_t len, size_t capacity)
{
    char *more = malloc(capacity);
    if (more != NULL && len > 0)
        memcpy(more, text, len);
    import_forget(text, len);
    return more;
}

static int read_all(int fd, char **out_text, size_t *out_len)
{
    size_t capacity = FIRST_OCTETS;
    char *text = malloc(capacity);
    ssize_t n = 1;
    *out_len = 0;
    while (text != NULL && n != 0) {
        n = read(fd, text + *out_len, capacity - *out_len);
        if (n < 0 && errno != EINTR)
            break;
        *out_len += n > 0 ? (size_t)n : 0;
        if (*out_len < capacity)
            continue;
        capacity *= 2;
        text =
            capacity <= LIMIT_NAMEDCONF_OCTETS ? grow(text, *out_len, capacity) : NULL;
    }
    *out_text = text;
    if (text == NULL)
        return tool_fail(TOOL_OUTSIDE, "this is too long to be read");
    return n == 0 ? TOOL_DONE : tool_fail(TOOL_OUTSIDE, "read: %s", strerror(errno));
}

/* In the child. What it says of errors may show a secret: it goes nowhere. */
static void run_checkconf(const char *path, int to)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(to, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        _exit(1);
    execlp("named-checkconf", "named-checkconf", "-p", "--", path, (char *)NULL);
    _exit(errno == ENOENT ? NO_PROGRAM : 1);
}

static int judge_end(const char *path, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return TOOL_DONE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM)
        return tool_fail(TOOL_OUTSIDE,
                         "there is no named-checkconf here (Debian: apt-get "
                         "install bind9-utils)");
    return tool_fail(TOOL_CONFIG,
                     "named-checkconf does not take %s: `named-checkconf %s` says why",
                     path, path);
}

static int read_checkconf(const char *path, char **out_text, size_t *out_len)
{
    int ends[2];
    int status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return tool_fail(TOOL_OUTSIDE, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_checkconf(path, ends[1]);
    close(ends[1]);
    int code = child > 0 ? read_all(ends[0], out_text, out_len)
                         : tool_fail(TOOL_OUTSIDE, "fork: %s", strerror(errno));
    close(ends[0]);
    if (child <= 0)
        return code;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return code != TOOL_DONE ? code : judge_end(path, status);
}

int import_read(struct import *import, char **out_text, size_t *out_len)
{
    *out_text = NULL;
    *out_len = 0;
    if (strcmp(import->source, "-") == 0)
        return read_all(STDIN_FILENO, out_text, out_len);
    return read_checkconf(import->source, out_text, out_len);
}

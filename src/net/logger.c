#include "net/logger.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/limits.h"

#define LINE_OCTETS 2048

/* One writev, so that lines of several processes do not mix. A log that cannot be
 * written is nobody's reason to stop. */
void logger_write(enum txn_level level, const char *line)
{
    char prefix[] = {'<', (char)('0' + level), '>'};
    size_t prefix_len = isatty(STDERR_FILENO) ? 0 : sizeof(prefix);
    char newline = '\n';
    struct iovec parts[] = {
        {.iov_base = prefix, .iov_len = prefix_len},
        {.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
        {.iov_base = &newline, .iov_len = 1},
    };

    if (writev(STDERR_FILENO, parts, 3) < 0)
        return;
}

void logger_printf(enum txn_level level, const char *format, ...)
{
    char line[LINE_OCTETS];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    logger_write(level, line);
}

void logger_diags(const struct diags *diags)
{
    char line[LIMIT_PATH_OCTETS + LINE_OCTETS];

    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next)
        logger_write(diag->severity == SEVERITY_ERROR ? LEVEL_ERROR : LEVEL_WARNING,
                     diag_format(diag, line, sizeof(line)));
    if (diags->errors > LIMIT_DIAGNOSTICS)
        logger_printf(LEVEL_ERROR, "%zu errors in all", diags->errors);
}

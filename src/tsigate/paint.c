#include "tsigate/paint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not kept between calls: that would be a global, and few lines have any. */
static bool has_colour(FILE *stream)
{
    const char *refusal = getenv("NO_COLOR"), *term = getenv("TERM");
    if (refusal != NULL && refusal[0] != '\0')
        return false;
    if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(stream)) == 1;
}

const char *paint_on(FILE *stream, enum paint paint)
{
    static const char *const sequences[] = {
        [PAINT_GOOD] = "\033[32m",
        [PAINT_BAD] = "\033[31m",
        [PAINT_NOTE] = "\033[33m",
        [PAINT_STRONG] = "\033[1m",
    };
    return has_colour(stream) ? sequences[paint] : "";
}

const char *paint_off(FILE *stream)
{
    return has_colour(stream) ? "\033[0m" : "";
}

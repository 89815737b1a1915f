/* What every unit test wants: cmocka behind its prerequisites, files, octets
 * from hex. */
#ifndef TSIGATE_TESTS_UNIT_H
#define TSIGATE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Names the case that fails: a table's row is no line of its own. */
#define assert_case(name, claim)                                                       \
    do {                                                                               \
        if (!(claim))                                                                  \
            fail_msg("case \"%s\": %s", (name), #claim);                               \
    } while (0)

static inline void unit_write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), mode), 0);
    assert_int_equal(fclose(file), 0);
}

/* Hexadecimal digits, blanks between them; gives the number of octets. */
static inline size_t unit_from_hex(const char *hex, uint8_t *octets, size_t capacity)
{
    size_t len = 0;
    unsigned value;

    for (;;) {
        while (*hex == ' ' || *hex == '\n')
            hex++;
        if (*hex == '\0')
            return len;
        if (len == capacity || sscanf(hex, "%2x", &value) != 1)
            fail_msg("bad hex in a test: %s", hex);
        octets[len++] = (uint8_t)value;
        hex += 2;
    }
}

#endif

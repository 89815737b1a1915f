#include "base/buf.h"

#include <stdio.h>

struct reader reader_sub(struct reader *r, size_t n)
{
    const uint8_t *octets = reader_octets(r, n);

    if (octets == NULL)
        return (struct reader){.failed = true};
    return reader_of(octets, n);
}

void writer_u16_at(struct writer *w, size_t at, uint16_t v)
{
    if (w->failed || w->len < 2 || at > w->len - 2) {
        w->failed = true;
        return;
    }
    w->octets[at] = (uint8_t)(v >> 8);
    w->octets[at + 1] = (uint8_t)v;
}

void writer_rewind(struct writer *w, size_t len)
{
    if (len <= w->len)
        w->len = len;
    w->failed = false;
}

void writer_printf(struct writer *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    writer_vprintf(w, format, args);
    va_end(args);
}

/* vsnprintf wants room for its NUL, so one octet of the capacity stays unused here. */
void writer_vprintf(struct writer *w, const char *format, va_list args)
{
    if (w->failed)
        return;
    size_t room = w->capacity - w->len;
    int n = vsnprintf(room > 0 ? (char *)w->octets + w->len : NULL, room, format, args);
    if (n < 0 || (size_t)n >= room)
        w->failed = true;
    else
        w->len += (size_t)n;
}

void writer_decimal(struct writer *w, int64_t v)
{
    char digits[20]; /* of 2^63 */
    size_t at = sizeof(digits);
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (v < 0)
        digits[--at] = '-';
    writer_octets(w, digits + at, sizeof(digits) - at);
}

void writer_hex(struct writer *w, const uint8_t *octets, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *room = writer_room(w, n > SIZE_MAX / 2 ? SIZE_MAX : 2 * n);

    if (room == NULL)
        return;
    for (const uint8_t *end = octets + n; octets < end; octets++) {
        *room++ = (uint8_t)digits[*octets >> 4];
        *room++ = (uint8_t)digits[*octets & 15];
    }
}

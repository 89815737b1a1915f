#include "base/buf.h"

#include <stdio.h>
#include <string.h>

struct reader reader_of(const uint8_t *octets, size_t len)
{
    return (struct reader){.octets = octets, .len = len};
}

size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->len - r->at;
}

const uint8_t *reader_octets(struct reader *r, size_t n)
{
    if (r->failed || n > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *octets = r->octets + r->at;
    r->at += n;
    return octets;
}

static inline uint64_t read_number(struct reader *r, size_t n)
{
    const uint8_t *octets = reader_octets(r, n);
    uint64_t v = 0;

    for (size_t i = 0; octets != NULL && i < n; i++)
        v = v << 8 | octets[i];
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)read_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)read_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)read_number(r, 4);
}

uint64_t reader_u48(struct reader *r)
{
    return read_number(r, 6);
}

void reader_skip(struct reader *r, size_t n)
{
    (void)reader_octets(r, n);
}

struct reader reader_sub(struct reader *r, size_t n)
{
    const uint8_t *octets = reader_octets(r, n);

    if (octets == NULL)
        return (struct reader){.failed = true};
    return reader_of(octets, n);
}

struct writer writer_of(uint8_t *octets, size_t capacity)
{
    return (struct writer){.octets = octets, .capacity = capacity};
}

/* Room for n more octets, or NULL and w has failed. */
static uint8_t *take_room(struct writer *w, size_t n)
{
    if (w->failed || n > w->capacity - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *room = w->octets + w->len;
    w->len += n;
    return room;
}

static inline void write_number(struct writer *w, uint64_t v, size_t n)
{
    uint8_t *room = take_room(w, n);

    for (size_t i = n; room != NULL && i > 0; i--) {
        room[i - 1] = (uint8_t)v;
        v >>= 8;
    }
}

void writer_u8(struct writer *w, uint8_t v)
{
    uint8_t *room = take_room(w, 1);

    if (room != NULL)
        *room = v;
}

void writer_u16(struct writer *w, uint16_t v)
{
    write_number(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
    write_number(w, v, 4);
}

void writer_u48(struct writer *w, uint64_t v)
{
    write_number(w, v, 6);
}

void writer_octets(struct writer *w, const void *octets, size_t n)
{
    uint8_t *room = take_room(w, n);

    if (room != NULL && n > 0)
        memcpy(room, octets, n);
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

void writer_string(struct writer *w, const char *string)
{
    writer_octets(w, string, strlen(string));
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
    uint8_t *room = take_room(w, n > SIZE_MAX / 2 ? SIZE_MAX : 2 * n);

    for (size_t i = 0; room != NULL && i < n; i++) {
        room[2 * i] = (uint8_t)digits[octets[i] >> 4];
        room[2 * i + 1] = (uint8_t)digits[octets[i] & 15];
    }
}

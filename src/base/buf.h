/*
 * Reading and writing octets with a sticky error: the first failure is kept, reads
 * from then on give zeros and writes do nothing, so a parser checks once at its end.
 * Floor 1a. Length arithmetic of the project lives here, in dns/wire.c and dns/frame.c.
 */
#ifndef TSIGATE_BASE_BUF_H
#define TSIGATE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/result.h"

struct reader {
    const uint8_t *octets; /* the caller's */
    size_t len;
    size_t at; /* next octet, <= len */
    bool failed;
};

struct writer {
    uint8_t *octets; /* the caller's */
    size_t capacity;
    size_t len;  /* written so far, <= capacity */
    bool failed; /* something did not fit; len then stands before it */
};

/* Defined here because they are most of what reading and writing a message is. */

static inline struct reader reader_of(const uint8_t *octets, size_t len)
{
    return (struct reader){.octets = octets, .len = len};
}

static inline NONNULL size_t reader_left(const struct reader *r)
{
    return r->failed ? 0 : r->len - r->at;
}

/* n octets in place; NULL when there are fewer (and r has failed). n 0: a pointer. */
static inline NONNULL const uint8_t *reader_octets(struct reader *r, size_t n)
{
    if (r->failed || n > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *octets = r->octets + r->at;
    r->at += n;
    return octets;
}

/* Big-endian, n octets. */
static inline NONNULL uint64_t reader_number(struct reader *r, size_t n)
{
    const uint8_t *octets = reader_octets(r, n);
    uint64_t v = 0;

    for (size_t i = 0; octets != NULL && i < n; i++)
        v = v << 8 | octets[i];
    return v;
}

static inline NONNULL uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_number(r, 1);
}

static inline NONNULL uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_number(r, 2);
}

static inline NONNULL uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_number(r, 4);
}

static inline NONNULL uint64_t reader_u48(struct reader *r)
{
    return reader_number(r, 6);
}

static inline NONNULL void reader_skip(struct reader *r, size_t n)
{
    (void)reader_octets(r, n);
}

/* A reader of the next n octets alone; r goes on behind them. */
struct reader reader_sub(struct reader *r, size_t n) NONNULL;

static inline struct writer writer_of(uint8_t *octets, size_t capacity)
{
    return (struct writer){.octets = octets, .capacity = capacity};
}

/* Room for n more octets, which the caller fills, or NULL and w has failed. */
static inline NONNULL uint8_t *writer_room(struct writer *w, size_t n)
{
    if (w->failed || n > w->capacity - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *room = w->octets + w->len;
    w->len += n;
    return room;
}

static inline NONNULL void writer_number(struct writer *w, uint64_t v, size_t n)
{
    uint8_t *room = writer_room(w, n);

    for (size_t i = 0; room != NULL && i < n; i++)
        room[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static inline NONNULL void writer_u8(struct writer *w, uint8_t v)
{
    writer_number(w, v, 1);
}

static inline NONNULL void writer_u16(struct writer *w, uint16_t v)
{
    writer_number(w, v, 2);
}

static inline NONNULL void writer_u32(struct writer *w, uint32_t v)
{
    writer_number(w, v, 4);
}

static inline NONNULL void writer_u48(struct writer *w, uint64_t v)
{
    writer_number(w, v, 6);
}

static inline NONNULL_AT(1) void writer_octets(struct writer *w, const void *octets,
                                               size_t n)
{
    uint8_t *room = writer_room(w, n);

    if (room != NULL && n > 0)
        memcpy(room, octets, n);
}

/* Overwrites two octets that were written before, at < len - 1 (else w fails). */
void writer_u16_at(struct writer *w, size_t at, uint16_t v) NONNULL;
/* Back to a length noted before: all or nothing for a record. Clears failed. */
void writer_rewind(struct writer *w, size_t len) NONNULL;

/* The writer as text: no NUL is written, all or nothing per call. */
static inline NONNULL void writer_string(struct writer *w, const char *string)
{
    writer_octets(w, string, strlen(string));
}

void writer_printf(struct writer *w, const char *format, ...) PRINTF(2, 3)
    NONNULL_AT(1, 2);
void writer_vprintf(struct writer *w, const char *format, va_list args) PRINTF(2, 0)
    NONNULL_AT(1, 2);
void writer_decimal(struct writer *w, int64_t v) NONNULL;
void writer_hex(struct writer *w, const uint8_t *octets, size_t n) NONNULL_AT(1);

#endif

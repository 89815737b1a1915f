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

struct reader reader_of(const uint8_t *octets, size_t len);
size_t reader_left(const struct reader *r) NONNULL;
uint8_t reader_u8(struct reader *r) NONNULL;
uint16_t reader_u16(struct reader *r) NONNULL; /* big-endian, as all below */
uint32_t reader_u32(struct reader *r) NONNULL;
uint64_t reader_u48(struct reader *r) NONNULL;
/* n octets in place; NULL when there are fewer (and r has failed). n 0: a pointer. */
const uint8_t *reader_octets(struct reader *r, size_t n) NONNULL;
void reader_skip(struct reader *r, size_t n) NONNULL;
/* A reader of the next n octets alone; r goes on behind them. */
struct reader reader_sub(struct reader *r, size_t n) NONNULL;

struct writer writer_of(uint8_t *octets, size_t capacity);
void writer_u8(struct writer *w, uint8_t v) NONNULL;
void writer_u16(struct writer *w, uint16_t v) NONNULL;
void writer_u32(struct writer *w, uint32_t v) NONNULL;
void writer_u48(struct writer *w, uint64_t v) NONNULL;
void writer_octets(struct writer *w, const void *octets, size_t n) NONNULL_AT(1);
/* Overwrites two octets that were written before, at < len - 1 (else w fails). */
void writer_u16_at(struct writer *w, size_t at, uint16_t v) NONNULL;
/* Back to a length noted before: all or nothing for a record. Clears failed. */
void writer_rewind(struct writer *w, size_t len) NONNULL;

/* The writer as text: no NUL is written, all or nothing per call. */
void writer_string(struct writer *w, const char *string) NONNULL;
void writer_printf(struct writer *w, const char *format, ...) PRINTF(2, 3)
    NONNULL_AT(1, 2);
void writer_vprintf(struct writer *w, const char *format, va_list args) PRINTF(2, 0)
    NONNULL_AT(1, 2);
void writer_decimal(struct writer *w, int64_t v) NONNULL;
void writer_hex(struct writer *w, const uint8_t *octets, size_t n) NONNULL_AT(1);

#endif

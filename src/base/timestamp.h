/*
 * RFC 3339 timestamps, UTC only. Floor 1a; nothing here asks a clock.
 */
#ifndef TSIGATE_BASE_TIMESTAMP_H
#define TSIGATE_BASE_TIMESTAMP_H

#include <stdint.h>

#include "base/result.h"

#define TIMESTAMP_TEXT_OCTETS 32

/* "2027-01-01T00:00:00Z" (or +00:00), seconds since 1970. RES_EFORMAT: anything else,
 * another offset, a day that does not exist, a leap second. */
enum result timestamp_parse(const char *text, int64_t *out_time_s) MUST_CHECK NONNULL;
/* What timestamp_format_us writes, microseconds since 1970. RES_EFORMAT. */
enum result timestamp_parse_us(const char *text,
                               int64_t *out_time_us) MUST_CHECK NONNULL;
/* "2027-01-01T00:00:00Z"; text holds TIMESTAMP_TEXT_OCTETS. Gives text back. */
const char *timestamp_format(int64_t time_s, char *text) NONNULL;
/* With microseconds: "2027-01-01T00:00:00.000001Z". */
const char *timestamp_format_us(int64_t time_us, char *text) NONNULL;

#endif

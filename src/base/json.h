/*
 * JSON (RFC 8259) written into a struct writer: commas and escapes come by themselves.
 * Floor 1a. Used by the audit log, the control socket and --json, which are read back
 * by machines: octets outside 0x20-0x7e are written \u00XX, so a terminal is safe too
 * (L-3).
 */
#ifndef TSIGATE_BASE_JSON_H
#define TSIGATE_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
    struct writer *writer;
    bool wants_comma;
};

struct json json_of(struct writer *writer) NONNULL;
void json_object_open(struct json *json, const char *key)
    NONNULL_AT(1); /* key NULL: none; else a word of ours, without quotes */
void json_object_close(struct json *json) NONNULL;
void json_array_open(struct json *json, const char *key) NONNULL_AT(1);
void json_array_close(struct json *json) NONNULL;
void json_string(struct json *json, const char *key, const char *value)
    NONNULL_AT(1); /* NULL: null */
/* A string of ours, in which nothing wants an escape; NULL: null. */
void json_word(struct json *json, const char *key, const char *word) NONNULL_AT(1);
void json_number(struct json *json, const char *key, int64_t value) NONNULL_AT(1);
void json_bool(struct json *json, const char *key, bool value) NONNULL_AT(1);
void json_null(struct json *json, const char *key) NONNULL_AT(1);
void json_hex(struct json *json, const char *key, const uint8_t *octets, size_t len)
    NONNULL_AT(1);

#endif

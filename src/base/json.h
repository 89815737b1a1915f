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

/* What stands before any value. Defined here, and what uses it, because most keys are
 * literals: the compiler knows how long they are. */
static inline NONNULL_AT(1) void json_begin(struct json *json, const char *key)
{
    size_t len = key != NULL ? strlen(key) : 0;
    uint8_t *room =
        writer_room(json->writer, json->wants_comma + (key != NULL ? len + 3 : 0));

    if (room != NULL && json->wants_comma)
        *room++ = ',';
    if (room != NULL && key != NULL) {
        *room = '"';
        memcpy(room + 1, key, len);
        memcpy(room + 1 + len, "\":", 2);
    }
    json->wants_comma = true;
}

/* A value alone. */
void json_write_string(struct json *json, const char *value) NONNULL_AT(1);
void json_write_word(struct json *json, const char *word) NONNULL_AT(1);
void json_write_hex(struct json *json, const uint8_t *octets, size_t len) NONNULL_AT(1);

/* NULL: null. */
static inline NONNULL_AT(1) void json_string(struct json *json, const char *key,
                                             const char *value)
{
    json_begin(json, key);
    json_write_string(json, value);
}

/* A string of ours, in which nothing wants an escape; NULL: null. */
static inline NONNULL_AT(1) void json_word(struct json *json, const char *key,
                                           const char *word)
{
    json_begin(json, key);
    json_write_word(json, word);
}

static inline NONNULL_AT(1) void json_number(struct json *json, const char *key,
                                             int64_t value)
{
    json_begin(json, key);
    writer_decimal(json->writer, value);
}

static inline NONNULL_AT(1) void json_bool(struct json *json, const char *key,
                                           bool value)
{
    json_begin(json, key);
    writer_string(json->writer, value ? "true" : "false");
}

static inline NONNULL_AT(1) void json_null(struct json *json, const char *key)
{
    json_begin(json, key);
    writer_string(json->writer, "null");
}

static inline NONNULL_AT(1) void json_hex(struct json *json, const char *key,
                                          const uint8_t *octets, size_t len)
{
    json_begin(json, key);
    json_write_hex(json, octets, len);
}

#endif

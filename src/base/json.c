#include "base/json.h"

#include <string.h>

struct json json_of(struct writer *writer)
{
    return (struct json){.writer = writer};
}

static void write_quoted(struct writer *w, const char *chars)
{
    writer_u8(w, '"');
    while (*chars != '\0') {
        size_t plain = 0;
        while (chars[plain] >= 0x20 && chars[plain] <= 0x7e && chars[plain] != '"' &&
               chars[plain] != '\\')
            plain++;
        writer_octets(w, chars, plain);
        chars += plain;
        if (*chars == '\0')
            break;
        if (*chars == '"' || *chars == '\\') {
            writer_u8(w, '\\');
            writer_u8(w, (uint8_t)*chars);
        } else {
            writer_printf(w, "\\u%04x", (unsigned)(unsigned char)*chars);
        }
        chars++;
    }
    writer_u8(w, '"');
}

/* What stands before any value. */
static void begin(struct json *json, const char *key)
{
    if (json->wants_comma)
        writer_u8(json->writer, ',');
    if (key != NULL) {
        /* A word of ours: nothing in it wants an escape. */
        writer_u8(json->writer, '"');
        writer_string(json->writer, key);
        writer_string(json->writer, "\":");
    }
    json->wants_comma = true;
}

static void open_with(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    writer_u8(json->writer, (uint8_t)bracket);
    json->wants_comma = false;
}

static void close_with(struct json *json, char bracket)
{
    writer_u8(json->writer, (uint8_t)bracket);
    json->wants_comma = true;
}

void json_object_open(struct json *json, const char *key)
{
    open_with(json, key, '{');
}

void json_object_close(struct json *json)
{
    close_with(json, '}');
}

void json_array_open(struct json *json, const char *key)
{
    open_with(json, key, '[');
}

void json_array_close(struct json *json)
{
    close_with(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(json, key);
        return;
    }
    begin(json, key);
    write_quoted(json->writer, value);
}

void json_number(struct json *json, const char *key, int64_t value)
{
    begin(json, key);
    writer_decimal(json->writer, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin(json, key);
    writer_string(json->writer, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
    begin(json, key);
    writer_string(json->writer, "null");
}

void json_hex(struct json *json, const char *key, const uint8_t *octets, size_t len)
{
    begin(json, key);
    writer_u8(json->writer, '"');
    writer_hex(json->writer, octets, len);
    writer_u8(json->writer, '"');
}

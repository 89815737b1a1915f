#include "base/json.h"

#include <string.h>

struct json json_of(struct writer *writer)
{
    return (struct json){.writer = writer};
}

/* What may stand in a string as it is: not the quote, and not the backslash. */
static const bool is_plain[256] = {
    [0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7e] = true};

static void write_escaped(struct writer *w, char c)
{
    if (c == '"' || c == '\\') {
        const char escape[] = {'\\', c};
        writer_octets(w, escape, sizeof(escape));
    } else {
        const uint8_t octet = (uint8_t)c;
        writer_string(w, "\\u00");
        writer_hex(w, &octet, 1);
    }
}

static void write_quoted(struct writer *w, const char *chars)
{
    writer_u8(w, '"');
    for (;;) {
        size_t plain = 0;
        while (is_plain[(uint8_t)chars[plain]])
            plain++;
        writer_octets(w, chars, plain);
        chars += plain;
        if (*chars == '\0')
            break;
        write_escaped(w, *chars++);
    }
    writer_u8(w, '"');
}

/* What stands before any value. */
static void begin(struct json *json, const char *key)
{
    size_t key_len = key != NULL ? strlen(key) : 0;
    size_t len = json->wants_comma + (key != NULL ? key_len + 3 : 0);
    uint8_t *room = writer_room(json->writer, len);

    if (room != NULL && json->wants_comma)
        *room++ = ',';
    if (room != NULL && key != NULL) {
        /* A word of ours: nothing in it wants an escape. */
        *room = '"';
        memcpy(room + 1, key, key_len);
        memcpy(room + 1 + key_len, "\":", 2);
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

void json_word(struct json *json, const char *key, const char *word)
{
    if (word == NULL) {
        json_null(json, key);
        return;
    }
    size_t len = strlen(word);
    begin(json, key);
    uint8_t *room = writer_room(json->writer, len + 2);
    if (room == NULL)
        return;
    room[0] = room[1 + len] = '"';
    memcpy(room + 1, word, len);
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

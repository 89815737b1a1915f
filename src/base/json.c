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

static void open_with(struct json *json, const char *key, char bracket)
{
    json_begin(json, key);
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

void json_write_string(struct json *json, const char *value)
{
    if (value == NULL)
        writer_string(json->writer, "null");
    else
        write_quoted(json->writer, value);
}

void json_write_word(struct json *json, const char *word)
{
    if (word == NULL) {
        writer_string(json->writer, "null");
        return;
    }
    size_t len = strlen(word);
    uint8_t *room = writer_room(json->writer, len + 2);
    if (room == NULL)
        return;
    room[0] = room[1 + len] = '"';
    memcpy(room + 1, word, len);
}

void json_write_hex(struct json *json, const uint8_t *octets, size_t len)
{
    writer_u8(json->writer, '"');
    writer_hex(json->writer, octets, len);
    writer_u8(json->writer, '"');
}

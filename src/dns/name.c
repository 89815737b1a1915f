#include "dns/name.h"

#include <string.h>

#include "base/buf.h"

const struct name name_root = {.octets = (const uint8_t *)"", .len = 1};

struct name name_of(const struct name_buf *buf)
{
    return (struct name){.octets = buf->octets, .len = buf->len};
}

void name_keep(struct name name, struct name_buf *out)
{
    out->len = name.len;
    memcpy(out->octets, name.octets, name.len);
}

bool name_equal(struct name a, struct name b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.octets, b.octets, a.len) == 0);
}

bool name_is_root(struct name name)
{
    return name.len == 1;
}

struct name name_parent(struct name name)
{
    if (name.len <= 1)
        return name;
    uint8_t skipped = (uint8_t)(1 + name.octets[0]);
    return (struct name){.octets = name.octets + skipped,
                         .len = (uint8_t)(name.len - skipped)};
}

/* Only whole labels count: ample.org is no ancestor of example.org. */
bool name_is_within(struct name name, struct name ancestor)
{
    if (name.octets == NULL || ancestor.octets == NULL)
        return false;
    while (name.len > ancestor.len)
        name = name_parent(name);
    return name_equal(name, ancestor);
}

bool name_is_below(struct name name, struct name ancestor)
{
    return name_is_within(name, ancestor) && !name_equal(name, ancestor);
}

unsigned name_labels(struct name name)
{
    unsigned labels = 0;

    for (; name.len > 1; name = name_parent(name))
        labels++;
    return labels;
}

int name_compare(struct name a, struct name b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.octets, b.octets, len);

    if (order == 0)
        order = (int)a.len - (int)b.len;
    return (order > 0) - (order < 0);
}

/* The first head_len octets of head, whole labels, before tail. */
static enum result put_together(struct name head, size_t head_len, struct name tail,
                                struct name_buf *out)
{
    struct name_buf whole;

    if (head_len + tail.len > LIMIT_NAME_OCTETS)
        return RES_ERANGE;
    memcpy(whole.octets, head.octets, head_len);
    memcpy(whole.octets + head_len, tail.octets, tail.len);
    whole.len = (uint8_t)(head_len + tail.len);
    *out = whole; /* at the end: head or tail may be views of it */
    return RES_OK;
}

enum result name_replace_suffix(struct name name, struct name from, struct name to,
                                struct name_buf *out)
{
    if (!name_is_within(name, from))
        return RES_EMISMATCH;
    return put_together(name, (size_t)name.len - from.len, to, out);
}

enum result name_join(struct name prefix, struct name suffix, struct name_buf *out)
{
    return put_together(prefix, (size_t)prefix.len - 1, suffix, out);
}

struct name name_copy(struct arena *arena, struct name name)
{
    const uint8_t *octets =
        name.octets == NULL ? NULL : arena_copy(arena, name.octets, name.len);

    return (struct name){.octets = octets, .len = octets == NULL ? 0 : name.len};
}

static uint8_t fold(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + ('a' - 'A')) : octet;
}

/* One octet of a label: itself, or "\DDD". at moves on. */
static enum result read_octet(const char *text, size_t len, size_t *at, uint8_t *out)
{
    uint8_t first = (uint8_t)text[*at];
    unsigned value = 0;

    if (first < 0x21 || first > 0x7e)
        return RES_EFORMAT;
    if (first != '\\') {
        (*at)++;
        *out = fold(first);
        return RES_OK;
    }
    if (len - *at < 4)
        return RES_EFORMAT;
    for (size_t i = 1; i < 4; i++) {
        char digit = text[*at + i];
        if (digit < '0' || digit > '9')
            return RES_EFORMAT;
        value = value * 10 + (unsigned)(digit - '0');
    }
    if (value > 255)
        return RES_EFORMAT;
    *at += 4;
    *out = fold((uint8_t)value);
    return RES_OK;
}

/* A label up to its dot or the text's end; at moves behind the dot. */
static enum result read_label(const char *text, size_t len, size_t *at,
                              struct writer *w)
{
    size_t start = w->len;
    size_t label_len = 0;

    writer_u8(w, 0);
    while (*at < len && text[*at] != '.') {
        uint8_t octet;
        enum result res = read_octet(text, len, at, &octet);
        if (res != RES_OK)
            return res;
        writer_u8(w, octet);
        label_len++;
    }
    if (label_len == 0)
        return RES_EFORMAT;
    if (label_len > LIMIT_LABEL_OCTETS || w->failed)
        return RES_ERANGE;
    w->octets[start] = (uint8_t)label_len;
    if (*at < len)
        (*at)++;
    return RES_OK;
}

enum result name_from_text(const char *text, size_t len, struct name_buf *out)
{
    struct name_buf name = {0};
    struct writer w = writer_of(name.octets, sizeof(name.octets));
    size_t at = 0;

    if (len == 0)
        return RES_EFORMAT;
    if (len == 1 && text[0] == '.')
        at = 1;
    while (at < len) {
        enum result res = read_label(text, len, &at, &w);
        if (res != RES_OK)
            return res;
    }
    writer_u8(&w, 0);
    if (w.failed)
        return RES_ERANGE;
    name.len = (uint8_t)w.len;
    *out = name;
    return RES_OK;
}

static const bool needs_escape[256] = {
    [0 ... 0x20] = true, ['"'] = true,           ['$'] = true, ['('] = true,
    [')'] = true,        ['.'] = true,           [';'] = true, ['@'] = true,
    ['\\'] = true,       [0x7f ... 0xff] = true,
};

static char *format_escaped(uint8_t octet, char *text)
{
    *text++ = '\\';
    *text++ = (char)('0' + octet / 100);
    *text++ = (char)('0' + octet / 10 % 10);
    *text++ = (char)('0' + octet % 10);
    return text;
}

static char *format_label(const uint8_t *octets, size_t len, char *text)
{
    for (const uint8_t *end = octets + len; octets < end; octets++) {
        if (needs_escape[*octets])
            text = format_escaped(*octets, text);
        else
            *text++ = (char)*octets;
    }
    return text;
}

const char *name_to_text(struct name name, char *text)
{
    char *end = text;

    if (name.len <= 1)
        *end++ = '.';
    for (; name.len > 1; name = name_parent(name)) {
        if (end != text)
            *end++ = '.';
        end = format_label(name.octets + 1, name.octets[0], end);
    }
    *end = '\0';
    return text;
}

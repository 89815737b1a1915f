#include "dns/text.h"

#include <ctype.h>
#include <string.h>

#include <ldns/ldns.h>

#include "base/buf.h"
#include "base/limits.h"
#include "dns/type.h"
#include "dns/wire.h"

/* A record in wire form: root owner, type, class, TTL, RDLENGTH. */
#define RR_HEAD_OCTETS (1 + 2 + 2 + 4 + 2)
/* Presentation form: at worst four characters an octet, and quotes. */
#define TEXT_OCTETS (4 * LIMIT_MESSAGE_OCTETS + 1024)

static bool is_printable(uint8_t octet)
{
    return octet >= 0x20 && octet <= 0x7e;
}

const char *rdata_to_generic(const struct rdata *rdata, struct arena *arena)
{
    const size_t capacity = sizeof("\\# 65535 ") + 2 * (size_t)rdata->len;
    char *text = arena_alloc(arena, capacity);

    if (text == NULL)
        return NULL;
    struct writer w = writer_of((uint8_t *)text, capacity - 1);
    writer_printf(&w, rdata->len == 0 ? "\\# %u" : "\\# %u ", (unsigned)rdata->len);
    writer_hex(&w, rdata->octets, rdata->len);
    return w.failed ? NULL : text;
}

/*
 * TXT is printed and read here and not by ldns: value checks and audit lines rest on
 * this form, so it must not change with a library, and ldns reads over a missing quote
 * and past ';'.
 */
static void put_quoted(struct writer *w, const uint8_t *octets, size_t len)
{
    writer_u8(w, '"');
    for (size_t i = 0; i < len; i++) {
        if (!is_printable(octets[i])) {
            writer_printf(w, "\\%03u", (unsigned)octets[i]);
            continue;
        }
        if (octets[i] == '"' || octets[i] == '\\')
            writer_u8(w, '\\');
        writer_u8(w, octets[i]);
    }
    writer_u8(w, '"');
}

static const char *txt_to_text(const struct rdata *rdata, struct arena *arena)
{
    /* A string: length octet, then quotes and a blank in its place. */
    const size_t capacity = 4 * (size_t)rdata->len + 4;
    char *text = arena_alloc(arena, capacity);
    struct reader r = reader_of(rdata->octets, rdata->len);

    if (text == NULL)
        return NULL;
    struct writer w = writer_of((uint8_t *)text, capacity - 1);
    while (reader_left(&r) > 0) {
        uint8_t len = reader_u8(&r);
        const uint8_t *octets = reader_octets(&r, len);
        if (octets == NULL)
            return NULL;
        if (w.len > 0)
            writer_u8(&w, ' ');
        put_quoted(&w, octets, len);
    }
    return w.failed ? NULL : text;
}

/*
 * So are the types that are a name behind some numbers: names are written and read by
 * dns/name.c alone, and to ldns an '@' label is the origin.
 */
static bool is_named(uint16_t type, unsigned *out_numbers)
{
    switch (type) {
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
    case TYPE_DNAME:
        *out_numbers = 0;
        return true;
    case TYPE_MX:
        *out_numbers = 1;
        return true;
    case TYPE_SRV:
        *out_numbers = 3;
        return true;
    }
    return false;
}

static const char *named_to_text(const struct rdata *rdata, unsigned numbers,
                                 struct arena *arena)
{
    char name_text[NAME_TEXT_OCTETS];
    char number_text[3 * sizeof("65535 ")];
    struct writer w = writer_of((uint8_t *)number_text, sizeof(number_text));
    struct reader r = reader_of(rdata->octets, rdata->len);

    for (unsigned i = 0; i < numbers; i++)
        writer_printf(&w, "%u ", (unsigned)reader_u16(&r));
    const size_t len = reader_left(&r);
    if (w.failed || len == 0 || len > LIMIT_NAME_OCTETS)
        return NULL;
    const struct name name = {reader_octets(&r, len), (uint8_t)len};
    return arena_printf(arena, "%.*s%s%s", (int)w.len, number_text,
                        name_to_text(name, name_text), name_is_root(name) ? "" : ".");
}

/* The record that ldns reads back, or NULL. */
static ldns_rr *rr_of_wire(uint16_t type, const struct rdata *rdata,
                           struct arena *arena)
{
    const size_t len = RR_HEAD_OCTETS + (size_t)rdata->len;
    uint8_t *octets = arena_alloc(arena, len);
    ldns_rr *rr = NULL;
    size_t at = 0;

    if (octets == NULL)
        return NULL;
    struct writer w = writer_of(octets, len);
    writer_u8(&w, 0);
    writer_u16(&w, type);
    writer_u16(&w, CLASS_IN);
    writer_u32(&w, 0);
    writer_u16(&w, rdata->len);
    writer_octets(&w, rdata->octets, rdata->len);
    if (w.failed ||
        ldns_wire2rr(&rr, octets, len, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return NULL;
    return rr;
}

/* Field by field: ldns_rr2str would add comments to keys. */
static ldns_status print_fields(const ldns_rr *rr, ldns_buffer *buffer)
{
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        if (i > 0)
            ldns_buffer_printf(buffer, " ");
        ldns_status status = ldns_rdf2buffer_str(buffer, ldns_rr_rdf(rr, i));
        if (status != LDNS_STATUS_OK)
            return status;
    }
    return ldns_buffer_status(buffer);
}

/* ldns prints a tab as it is, and a blank behind a bitmap. */
static const char *tidied(const uint8_t *octets, size_t len, struct arena *arena)
{
    while (len > 0 && octets[len - 1] == ' ')
        len--;
    char *text = arena_alloc(arena, 4 * len + 2);
    if (text == NULL)
        return NULL;
    struct writer w = writer_of((uint8_t *)text, 4 * len + 1);
    for (size_t i = 0; i < len; i++) {
        if (is_printable(octets[i]))
            writer_u8(&w, octets[i]);
        else
            writer_printf(&w, "\\%03u", (unsigned)octets[i]);
    }
    return w.failed ? NULL : text;
}

static const char *ldns_to_text(uint16_t type, const struct rdata *rdata,
                                struct arena *arena)
{
    const char *text = NULL;
    ldns_rr *rr = rr_of_wire(type, rdata, arena);
    if (rr == NULL)
        return NULL;
    ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);
    if (buffer != NULL && print_fields(rr, buffer) == LDNS_STATUS_OK)
        text = tidied(ldns_buffer_begin(buffer), ldns_buffer_position(buffer), arena);
    ldns_buffer_free(buffer);
    ldns_rr_free(rr);
    return text;
}

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* An octet of a TXT string; *text moves on. */
static enum result read_char(const char **text, uint8_t *out)
{
    const char *at = *text;

    if (at[0] != '\\') {
        *out = (uint8_t)at[0];
        *text = at + 1;
        return RES_OK;
    }
    if (at[1] == '\0')
        return RES_EFORMAT;
    if (!isdigit((unsigned char)at[1])) {
        *out = (uint8_t)at[1];
        *text = at + 2;
        return RES_OK;
    }
    if (!isdigit((unsigned char)at[2]) || !isdigit((unsigned char)at[3]))
        return RES_EFORMAT;
    unsigned value = (unsigned)(at[1] - '0') * 100 + (unsigned)(at[2] - '0') * 10 +
                     (unsigned)(at[3] - '0');
    *out = (uint8_t)value;
    *text = at + 4;
    return value > 255 ? RES_EFORMAT : RES_OK;
}

/* Whether a string ends here: at its quote, or at a blank where it has none. */
static bool is_string_end(char c, bool is_quoted)
{
    return c == '\0' || (is_quoted ? c == '"' : c == ' ' || c == '\t');
}

/* A character-string; *text moves behind it. A ';' outside quotes would begin a comment
 * in a zone file and is refused rather than cut off. */
static enum result read_string(const char **text, struct writer *w)
{
    bool is_quoted = **text == '"';
    size_t start = w->len;

    if (is_quoted)
        (*text)++;
    writer_u8(w, 0);
    while (!is_string_end(**text, is_quoted)) {
        uint8_t octet;
        if (!is_quoted && strchr("\";()", **text) != NULL)
            return RES_EFORMAT;
        enum result res = read_char(text, &octet);
        if (res != RES_OK)
            return res;
        writer_u8(w, octet);
    }
    if (w->failed || w->len - start - 1 > 255)
        return RES_EFORMAT;
    w->octets[start] = (uint8_t)(w->len - start - 1);
    if (!is_quoted)
        return RES_OK;
    if (**text != '"')
        return RES_EFORMAT;
    (*text)++;
    return is_string_end(**text, false) ? RES_OK : RES_EFORMAT;
}

static enum result txt_from_text(const char *text, struct writer *w)
{
    for (text = skip_blanks(text); *text != '\0'; text = skip_blanks(text)) {
        enum result res = read_string(&text, w);
        if (res != RES_OK)
            return res;
    }
    return RES_OK;
}

/* A decimal number of 16 bits and the blanks behind it. */
static enum result read_u16(const char **text, struct writer *w)
{
    unsigned value = 0;
    const char *at = *text;

    for (; isdigit((unsigned char)*at); at++) {
        value = value * 10 + (unsigned)(*at - '0');
        if (value > UINT16_MAX)
            return RES_EFORMAT;
    }
    if (at == *text || skip_blanks(at) == at)
        return RES_EFORMAT;
    writer_u16(w, (uint16_t)value);
    *text = skip_blanks(at);
    return RES_OK;
}

static enum result named_from_text(const char *text, unsigned numbers, struct writer *w)
{
    struct name_buf name;

    for (unsigned i = 0; i < numbers; i++) {
        enum result res = read_u16(&text, w);
        if (res != RES_OK)
            return res;
    }
    size_t len = strcspn(text, " \t");
    if (*skip_blanks(text + len) != '\0' || name_from_text(text, len, &name) != RES_OK)
        return RES_EFORMAT;
    writer_octets(w, name.octets, name.len);
    return RES_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind "\#": the length, then hexadecimal digits in words of even length (RFC 3597
 * 5). */
static enum result generic_from_text(const char *text, struct writer *w)
{
    size_t want = 0;

    text = skip_blanks(text);
    if (!isdigit((unsigned char)*text))
        return RES_EFORMAT;
    for (; isdigit((unsigned char)*text); text++) {
        want = want * 10 + (size_t)(*text - '0');
        if (want > UINT16_MAX)
            return RES_EFORMAT;
    }
    if (*text != '\0' && skip_blanks(text) == text)
        return RES_EFORMAT;
    for (text = skip_blanks(text); *text != '\0'; text = skip_blanks(text + 2)) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0)
            return RES_EFORMAT;
        writer_u8(w, (uint8_t)(high << 4 | low));
    }
    return w->len == want ? RES_OK : RES_EFORMAT;
}

/* How many words stand before the hexadecimal digits; 0: the type has none. */
static unsigned words_before_hex(uint16_t type)
{
    switch (type) {
    case TYPE_CDS:
    case TYPE_DS:
    case TYPE_SMIMEA:
    case TYPE_TLSA:
    case TYPE_ZONEMD:
        return 3;
    case TYPE_SSHFP:
        return 2;
    }
    return 0;
}

/* ldns reads an odd number of digits as if there were one more. */
static bool has_whole_octets(uint16_t type, const char *text)
{
    unsigned words = words_before_hex(type);
    size_t digits = 0;

    if (words == 0)
        return true;
    for (; words > 0; words--)
        text = skip_blanks(text + strcspn(text, " \t"));
    for (; *text != '\0'; text++)
        digits += hex_value(*text) >= 0 ? 1 : 0;
    return digits % 2 == 0;
}

static enum result ldns_from_text(uint16_t type, const char *text, struct arena *arena,
                                  struct writer *w)
{
    char type_text[TYPE_TEXT_OCTETS];
    char *line =
        arena_printf(arena, ". 0 IN %s %s", type_format(type, type_text), text);
    ldns_rr *rr = NULL;

    if (line == NULL)
        return RES_EMEM;
    if (ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL) != LDNS_STATUS_OK)
        return RES_EFORMAT;
    enum result res = RES_EMEM;
    ldns_buffer *buffer = ldns_buffer_new(LDNS_MAX_PACKETLEN);
    if (buffer != NULL) {
        res = ldns_rr_rdata2buffer_wire(buffer, rr) == LDNS_STATUS_OK ? RES_OK
                                                                      : RES_EFORMAT;
        writer_octets(w, ldns_buffer_begin(buffer), ldns_buffer_position(buffer));
    }
    ldns_buffer_free(buffer);
    ldns_rr_free(rr);
    return res;
}

/* Through the same checks and the same folding as a record from the wire. */
static enum result canonical(uint16_t type, const struct writer *w, struct arena *arena,
                             struct rdata *out)
{
    const struct wire_msg alone = {.octets = w->octets, .len = w->len};
    const struct wire_rr rr = {
        .type = type, .rdata_len = (uint16_t)w->len, .end = w->len};

    return rdata_decode(&alone, &rr, arena, out);
}

enum result rdata_from_text(uint16_t type, const char *text, struct arena *arena,
                            struct rdata *out)
{
    /* No form has fewer characters than half its octets, but names and addresses may
     * grow by a little: "::" is sixteen octets. */
    const size_t capacity = 4 * strlen(text) + 64;
    unsigned numbers;
    enum result res;

    if (strnlen(text, TEXT_OCTETS) == TEXT_OCTETS)
        return RES_EFORMAT;
    uint8_t *octets = arena_alloc(arena, capacity);
    if (octets == NULL)
        return RES_EMEM;
    struct writer w = writer_of(octets, capacity);
    text = skip_blanks(text);
    if (text[0] == '\\' && text[1] == '#')
        res = generic_from_text(text + 2, &w);
    else if (type == TYPE_TXT)
        res = txt_from_text(text, &w);
    else if (is_named(type, &numbers))
        res = named_from_text(text, numbers, &w);
    else if (!has_whole_octets(type, text))
        res = RES_EFORMAT;
    else
        res = ldns_from_text(type, text, arena, &w);
    if (res != RES_OK)
        return res;
    if (w.failed || w.len > UINT16_MAX)
        return RES_EFORMAT;
    return canonical(type, &w, arena, out);
}

/* ldns prints some octets of SVCB values so that they read as something else, and value
 * checks look at the text (`match`): what does not read back as itself has no text. */
static bool reads_back(uint16_t type, const char *text, const struct rdata *rdata,
                       struct arena *arena)
{
    struct rdata back;

    return rdata_from_text(type, text, arena, &back) == RES_OK &&
           back.len == rdata->len && memcmp(back.octets, rdata->octets, back.len) == 0;
}

const char *rdata_to_text(uint16_t type, const struct rdata *rdata, struct arena *arena)
{
    unsigned numbers;

    if (type == TYPE_TXT)
        return txt_to_text(rdata, arena);
    if (is_named(type, &numbers))
        return named_to_text(rdata, numbers, arena);
    const char *text = ldns_to_text(type, rdata, arena);
    return text != NULL && reads_back(type, text, rdata, arena) ? text : NULL;
}

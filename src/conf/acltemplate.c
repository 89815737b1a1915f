#include "conf/aclparse.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

/* ---- filling ---- */

struct filler {
    struct acl_owner *out;
    struct writer writer;
    unsigned label; /* of the next one, from the left */
};

static void put_label(struct filler *filler, const uint8_t *octets, size_t len)
{
    writer_u8(&filler->writer, (uint8_t)len);
    writer_octets(&filler->writer, octets, len);
    filler->label++;
}

static void put_star(struct filler *filler)
{
    if (filler->label >= 64) {
        filler->writer.failed = true; /* no bit for it */
        return;
    }
    filler->out->stars |= (uint64_t)1 << filler->label;
    put_label(filler, (const uint8_t *)"*", 1);
}

/* Labels in wire form, without the root. */
static void put_labels(struct filler *filler, const uint8_t *octets, size_t len)
{
    writer_octets(&filler->writer, octets, len);
    for (size_t at = 0; at < len; at += 1 + (size_t)octets[at])
        filler->label++;
}

/* A label of a prefix and what fills the hole behind it. */
static void put_hole(struct filler *filler, const struct acl_piece *piece,
                     const char *text)
{
    uint8_t label[LIMIT_LABEL_OCTETS];
    struct writer writer = writer_of(label, sizeof(label));
    writer_octets(&writer, piece->octets, piece->len);
    writer_octets(&writer, text, strlen(text));
    put_label(filler, label, writer.len);
    filler->writer.failed |= writer.failed;
}

static void put_port(struct filler *filler, const struct acl_piece *piece,
                     uint16_t port)
{
    uint8_t digits[8];
    struct writer writer = writer_of(digits, sizeof(digits) - 1);
    writer_printf(&writer, "%u", port);
    digits[writer.len] = 0;
    put_hole(filler, piece, (const char *)digits);
}

static void put_pieces(struct filler *filler, const struct acl_template *template,
                       const struct acl_fill *fill)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct acl_piece *piece = &template->pieces[i];
        switch (piece->kind) {
        case ACL_PIECE_LABELS:
            put_labels(filler, piece->octets, piece->len);
            break;
        case ACL_PIECE_STAR:
            put_star(filler);
            break;
        case ACL_PIECE_SUBTREE:
            put_star(filler);
            filler->out->is_subtree = true;
            break;
        case ACL_PIECE_NAME:
            /* A word holds no {name}: that this ends here keeps it one level deep. */
            if (template != fill->word)
                put_pieces(filler, fill->word, fill);
            break;
        case ACL_PIECE_HOST:
            if (fill->host.octets != NULL)
                put_labels(filler, fill->host.octets, fill->host.len - 1);
            break;
        case ACL_PIECE_PORT:
            put_port(filler, piece, fill->port);
            break;
        case ACL_PIECE_PROTO:
            put_hole(filler, piece, fill->proto != NULL ? fill->proto : "");
            break;
        }
    }
}

unsigned acl_template_kinds(const struct acl_template *template)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < template->count; i++)
        kinds |= 1u << template->pieces[i].kind;
    return kinds;
}

enum result acl_template_fill(const struct acl_template *owner,
                              const struct acl_fill *fill, struct acl_owner *out)
{
    unsigned kinds = acl_template_kinds(owner) | acl_template_kinds(fill->word);
    if (((kinds & ACL_HAS_HOST) != 0 && fill->host.octets == NULL) ||
        ((kinds & ACL_HAS_PROTO) != 0 && fill->proto == NULL))
        return RES_EBUG; /* nothing to fill that hole with: never a shorter name */
    out->stars = 0;
    out->is_subtree = false;
    struct filler filler = {
        .out = out,
        .writer = writer_of(out->name.octets, sizeof(out->name.octets)),
    };
    put_pieces(&filler, owner, fill);
    writer_u8(&filler.writer, 0);
    out->name.len = (uint8_t)filler.writer.len;
    return filler.writer.failed ? RES_ERANGE : RES_OK;
}

/* ---- parsing ---- */

/* A name word on its way into pieces. */
struct name_scan {
    struct acl_parser *parser;
    const struct acl_word *word;
    unsigned allowed;
    struct arena *arena; /* of what comes out */
};

static enum result name_error(const struct name_scan *scan, const char *message)
{
    diags_error(scan->parser->diags, scan->word->place, "acl-name", "`%s`: %s",
                scan->word->text, message);
    return RES_EFORMAT;
}

/* letters, digits, hyphen and underscore; all else is escaped. */
static bool is_name_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

/* The octets at the start of chars that stand for themselves: nothing to fold or to
 * decode. Most labels have no others, and a big ACL is mostly labels. */
static size_t plain_len(const char *chars, size_t len)
{
    static const bool plain[256] = {
        ['a' ... 'z'] = true, ['0' ... '9'] = true, ['-'] = true, ['_'] = true};
    size_t n = 0;
    while (n < len && plain[(unsigned char)chars[n]])
        n++;
    return n;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "\DDD" at chars, before end; -1: it is not that. */
static int decode_escape(const char *chars, const char *end)
{
    if (end - chars < 4 || !is_digit(chars[1]) || !is_digit(chars[2]) ||
        !is_digit(chars[3]))
        return -1;
    int octet = (chars[1] - '0') * 100 + (chars[2] - '0') * 10 + (chars[3] - '0');
    return octet <= 255 ? octet : -1;
}

/* What is wrong with a label's text; NULL: nothing. */
static const char *label_complaint(const char *chars, size_t len)
{
    if (len == 0)
        return "an empty label";
    for (const char *c = chars + plain_len(chars, len), *end = chars + len; c < end;) {
        if (*c == '\\') {
            if (decode_escape(c, end) < 0) {
                return "in a name a backslash stands only before three digits, \\DDD "
                       "(000 to 255)";
            }
            c += 4;
        } else if (*c == '*') {
            return "`*` and `**` stand for whole labels, in owner names; a label that "
                   "is meant as `*` is written \\042";
        } else if (*c == '{' || *c == '}') {
            return "no such placeholder here: {name} is a whole label, {port} and "
                   "{proto} end one, in a profile's `owner`; {host} is a whole label, "
                   "there or in a grant";
        } else if (!is_name_octet(*c)) {
            return "a label has letters, digits, `-` and `_` (an A-label, xn--...); "
                   "any other octet is written \\DDD";
        } else {
            c++;
        }
    }
    return NULL;
}

static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet + 32) : octet;
}

/* The label in wire form. */
static enum result decode_label(const struct name_scan *scan, const char *chars,
                                size_t len, struct acl_piece *out)
{
    const char *complaint = label_complaint(chars, len);
    if (complaint != NULL)
        return name_error(scan, complaint);
    uint8_t octets[1 + LIMIT_LABEL_OCTETS];
    struct writer writer = writer_of(octets, sizeof(octets));
    writer_u8(&writer, 0);
    for (size_t i = 0; i < len; i += chars[i] == '\\' ? 4 : 1) {
        bool escapes = chars[i] == '\\';
        writer_u8(&writer,
                  lower(escapes ? (uint8_t)decode_escape(chars + i, chars + len)
                                : (uint8_t)chars[i]));
    }
    if (writer.failed)
        return name_error(scan, "a label of over 63 octets");
    octets[0] = (uint8_t)(writer.len - 1);
    out->kind = ACL_PIECE_LABELS;
    out->len = (uint8_t)writer.len;
    out->octets = arena_pack(scan->arena, octets, writer.len);
    return out->octets != NULL ? RES_OK : RES_EMEM;
}

/* A name's text without its final dot: names are absolute with it or without. */
static size_t undotted_len(const struct acl_word *word)
{
    return word->len > 1 && word->text[word->len - 1] == '.' ? word->len - 1
                                                             : word->len;
}

/* Its wire form is its text with lengths for dots. */
bool acl_plain_name_read(const char *text, size_t len, struct name_buf *out)
{
    if (len > LIMIT_NAME_OCTETS - 2)
        return false;
    memcpy(out->octets + 1, text, len);
    for (size_t at = 0; at <= len;) {
        size_t label_len = plain_len(text + at, len - at);
        size_t end = at + label_len;
        if (label_len == 0 || label_len > LIMIT_LABEL_OCTETS ||
            (end < len && text[end] != '.'))
            return false;
        out->octets[at] = (uint8_t)label_len;
        at = end + 1;
    }
    out->octets[len + 1] = 0;
    out->len = (uint8_t)(len + 2);
    return true;
}

static const struct {
    const char *text;
    enum acl_piece_kind kind;
    bool has_prefix;
} holes[] = {
    {"*", ACL_PIECE_STAR, false},      {"**", ACL_PIECE_SUBTREE, false},
    {"{name}", ACL_PIECE_NAME, false}, {"{host}", ACL_PIECE_HOST, false},
    {"{port}", ACL_PIECE_PORT, true},  {"{proto}", ACL_PIECE_PROTO, true},
};

/* The hole or star that a label is or ends in. */
static enum result parse_piece(const struct name_scan *scan, const char *chars,
                               size_t len, struct acl_piece *out)
{
    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        size_t hole_len = strlen(holes[i].text);
        if ((scan->allowed & (1u << holes[i].kind)) == 0 || len < hole_len ||
            (len > hole_len && !holes[i].has_prefix) ||
            memcmp(chars + len - hole_len, holes[i].text, hole_len) != 0)
            continue;
        *out = (struct acl_piece){0};
        if (len > hole_len) {
            enum result result = decode_label(scan, chars, len - hole_len, out);
            if (result != RES_OK)
                return result;
            out->octets++; /* the prefix, without its length */
            out->len--;
        }
        if (out->len + 5 > LIMIT_LABEL_OCTETS)
            return name_error(scan, "no room for the placeholder in this label");
        out->kind = holes[i].kind;
        return RES_OK;
    }
    return decode_label(scan, chars, len, out); /* which says what is wrong */
}

/* Each hole once, and `**` before all other labels of the word. */
static enum result check_pieces(const struct name_scan *scan,
                                const struct acl_template *template)
{
    size_t octets = 1;
    unsigned seen = 0;
    bool is_run = true; /* of stars, from the first label on */
    for (size_t i = 0; i < template->count; i++) {
        const struct acl_piece *piece = &template->pieces[i];
        unsigned bit = 1u << piece->kind;
        if (piece->kind != ACL_PIECE_LABELS && piece->kind != ACL_PIECE_STAR &&
            (seen & bit) != 0)
            return name_error(scan, "each placeholder and `**` stand once in a name");
        if (piece->kind == ACL_PIECE_SUBTREE && i > 0)
            return name_error(scan, "`**` stands leftmost in a word");
        if (piece->kind == ACL_PIECE_STAR && !is_run && (seen & ACL_HAS_SUBTREE) != 0)
            return name_error(scan, "no `*` stands behind `**` and other labels");
        is_run = is_run &&
                 (piece->kind == ACL_PIECE_SUBTREE || piece->kind == ACL_PIECE_STAR);
        seen |= bit;
        octets += piece->kind == ACL_PIECE_LABELS ? piece->len : 1u + piece->len;
    }
    if (octets > LIMIT_NAME_OCTETS)
        return name_error(scan, "a name of over 255 octets");
    return RES_OK;
}

static enum result parse_pieces(const struct name_scan *scan, struct acl_template *out)
{
    const char *text = scan->word->text;
    size_t len = undotted_len(scan->word);
    size_t labels = 1;
    for (size_t i = 0; i < len; i++)
        labels += text[i] == '.';
    struct acl_piece *pieces = arena_array(scan->arena, labels, sizeof(*pieces));
    if (pieces == NULL)
        return RES_EMEM;
    *out = (struct acl_template){pieces, labels};
    const char *label = text;
    for (size_t i = 0; i < labels; i++) {
        size_t left = len - (size_t)(label - text);
        const char *dot = memchr(label, '.', left);
        size_t label_len = dot != NULL ? (size_t)(dot - label) : left;
        enum result result = parse_piece(scan, label, label_len, &pieces[i]);
        if (result != RES_OK)
            return result;
        label += label_len + 1;
    }
    return check_pieces(scan, out);
}

/* All of the name in one piece. */
static enum result keep_plain_name(struct name name, struct arena *arena,
                                   struct acl_template *out)
{
    struct acl_piece *piece = arena_alloc(arena, sizeof(*piece));
    if (piece == NULL)
        return RES_EMEM;
    piece->kind = ACL_PIECE_LABELS;
    piece->len = name.len - 1;
    piece->octets = arena_pack(arena, name.octets, piece->len);
    *out = (struct acl_template){piece, 1};
    return piece->octets != NULL ? RES_OK : RES_EMEM;
}

enum result acl_name_word_parse(struct acl_parser *parser, const struct acl_word *word,
                                unsigned allowed, struct arena *arena,
                                struct acl_name_word *out)
{
    struct name_buf name;
    const struct name_scan scan = {
        .parser = parser, .word = word, .allowed = allowed, .arena = arena};
    out->text =
        (const char *)arena_pack(arena, (const uint8_t *)word->text, word->len + 1);
    out->line = acl_source_line(parser->source, word->place);
    out->column = (uint16_t)word->place.column;
    if (out->text == NULL)
        return RES_EMEM;
    if (acl_plain_name_read(word->text, undotted_len(word), &name))
        return keep_plain_name(name_of(&name), arena, &out->template);
    return parse_pieces(&scan, &out->template);
}

/* What is wrong with the text of a name; NULL: nothing but, maybe, its lengths. */
static const char *name_complaint(const char *text, size_t len)
{
    for (size_t at = 0; at <= len;) {
        const char *dot = memchr(text + at, '.', len - at);
        size_t end = dot != NULL ? (size_t)(dot - text) : len;
        const char *complaint = label_complaint(text + at, end - at);
        if (complaint != NULL)
            return complaint;
        at = end + 1;
    }
    return NULL;
}

enum result acl_plain_name_parse(struct acl_parser *parser, const struct acl_word *word,
                                 struct name_buf *out)
{
    const struct name_scan scan = {.parser = parser, .word = word};
    size_t len = undotted_len(word);
    if (acl_plain_name_read(word->text, len, out))
        return RES_OK;
    const char *complaint = name_complaint(word->text, len);
    if (complaint == NULL && name_from_text(word->text, len, out) != RES_OK)
        complaint = "a label of over 63 octets, or a name of over 255";
    return complaint == NULL ? RES_OK : name_error(&scan, complaint);
}

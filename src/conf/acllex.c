#include "conf/aclparse.h"

#include <string.h>

#include "base/limits.h"

/* One physical line on its way into words. */
struct scan {
    const char *chars; /* without the newline */
    size_t len;
    char *words; /* a copy of chars, in which a NUL stands behind each word so far */
    size_t at;
    struct place start; /* of chars[0] */
    bool has_comments;
    bool continues; /* it ends in a '\' outside comments */
    struct arena *arena;
    struct diags *diags;
    struct acl_line *line;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct place place_at(const struct scan *scan, size_t at)
{
    struct place place = scan->start;
    place.column += (unsigned)at;
    return place;
}

static enum result bad_octet(const struct scan *scan, size_t at)
{
    unsigned octet = (unsigned char)scan->chars[at];
    struct place place = place_at(scan, at);
    if (octet == '\r') {
        diags_error(scan->diags, place, "acl-syntax",
                    "a carriage return: lines end with a newline alone");
    } else if (octet == '\t') {
        diags_error(scan->diags, place, "acl-syntax", "a tab within quotes");
    } else if (scan->len - at >= 3 &&
               memcmp(scan->chars + at, "\xef\xbb\xbf", 3) == 0) {
        diags_error(scan->diags, place, "acl-syntax",
                    "a byte order mark: the file is to begin without one");
    } else if (octet > 0x7f) {
        diags_error(scan->diags, place, "acl-a-label",
                    "octet 0x%02x: outside comments a file is printable ASCII; a name "
                    "of other letters is written as A-labels (xn--...)",
                    octet);
    } else {
        diags_error(scan->diags, place, "acl-syntax",
                    "octet 0x%02x: outside comments a file is printable ASCII; in a "
                    "name write \\%03u",
                    octet, octet);
    }
    return RES_EFORMAT;
}

static enum result add_word(struct scan *scan, size_t start, const char *text,
                            size_t len, bool is_quoted)
{
    struct acl_line *line = scan->line;
    if (line->count == line->capacity) {
        size_t capacity = line->capacity == 0 ? 16 : line->capacity * 2;
        struct acl_word *words = arena_array(scan->arena, capacity, sizeof(*words));
        if (words == NULL)
            return RES_EMEM;
        if (line->count > 0)
            memcpy(words, line->words, line->count * sizeof(*words));
        line->words = words;
        line->capacity = capacity;
    }
    line->words[line->count++] = (struct acl_word){
        .text = text,
        .len = len,
        .is_quoted = is_quoted,
        .place = place_at(scan, start),
        .raw = scan->chars + start,
    };
    return RES_OK;
}

/* From the opening quote at scan->at to behind the closing one; appends to text. */
static enum result scan_quotes(struct scan *scan, char *text, size_t *len)
{
    size_t open = scan->at++;
    while (scan->at < scan->len) {
        char c = scan->chars[scan->at];
        if (c == '"') {
            scan->at++;
            return RES_OK;
        }
        if (c < ' ' || c > '~')
            return bad_octet(scan, scan->at);
        if (c == '\\') {
            c = scan->at + 1 < scan->len ? scan->chars[scan->at + 1] : '\0';
            if (c != '"' && c != '\\') {
                diags_error(scan->diags, place_at(scan, scan->at), "acl-syntax",
                            "within quotes a backslash is written \\\\, a quote \\\"");
                return RES_EFORMAT;
            }
            scan->at++;
        }
        text[(*len)++] = c;
        scan->at++;
    }
    diags_error(scan->diags, place_at(scan, open), "acl-syntax",
                "this quote is not closed in its line");
    return RES_EFORMAT;
}

/* A word with quotes: all of it, or what stands behind the '=' of an option. */
static enum result scan_quoted_word(struct scan *scan, size_t start)
{
    size_t len = scan->at - start;
    if (len > 0 && scan->chars[scan->at - 1] != '=') {
        diags_error(scan->diags, place_at(scan, scan->at), "acl-syntax",
                    "a quote within a word: quotes stand around a whole word, or "
                    "behind the = of an option");
        return RES_EFORMAT;
    }
    char *text = arena_alloc(scan->arena, scan->len - start + 1);
    if (text == NULL)
        return RES_EMEM;
    memcpy(text, scan->chars + start, len);
    enum result result = scan_quotes(scan, text, &len);
    if (result != RES_OK)
        return result;
    if (scan->at < scan->len && !is_blank(scan->chars[scan->at])) {
        diags_error(scan->diags, place_at(scan, scan->at), "acl-syntax",
                    "no blank behind the closing quote");
        return RES_EFORMAT;
    }
    return add_word(scan, start, text, len, true);
}

/* The octets at the start of chars that have no meaning of their own. */
static size_t plain_len(const char *chars, size_t len)
{
    static const bool plain[256] = {['!'] = true,
                                    ['#' ... '['] = true, /* no quote */
                                    [']' ... '~'] = true /* no backslash */};
    size_t n = 0;
    while (n < len && plain[(unsigned char)chars[n]])
        n++;
    return n;
}

static enum result scan_word(struct scan *scan)
{
    size_t start = scan->at;
    scan->at += plain_len(scan->chars + start, scan->len - start);
    while (scan->at < scan->len && !is_blank(scan->chars[scan->at])) {
        char c = scan->chars[scan->at];
        if (c == '"')
            return scan_quoted_word(scan, start);
        if (c == '\\' && scan->at + 1 == scan->len && scan->has_comments) {
            scan->continues = true;
            break;
        }
        if (c <= ' ' || c > '~')
            return bad_octet(scan, scan->at);
        scan->at++;
    }
    size_t len = scan->at - start;
    if (len == 1 && scan->chars[start] == '\\') {
        diags_error(scan->diags, place_at(scan, start), "acl-syntax",
                    "a \\ that continues a line is its very last octet");
        return RES_EFORMAT;
    }
    if (len == 0)
        return RES_OK;
    scan->words[scan->at] = '\0'; /* in place of a blank, a \ or the end */
    return add_word(scan, start, scan->words + start, len, false);
}

/* What hides a line from a reader has no place in comments either. */
static enum result check_comment(const struct scan *scan)
{
    for (size_t i = scan->at; i < scan->len; i++)
        if (scan->chars[i] == '\0' || scan->chars[i] == '\r')
            return bad_octet(scan, i);
    return RES_OK;
}

static enum result scan_line(struct scan *scan)
{
    scan->words = arena_string_n(scan->arena, scan->chars, scan->len);
    if (scan->words == NULL)
        return RES_EMEM;
    while (scan->at < scan->len && !scan->continues) {
        char c = scan->chars[scan->at];
        enum result result = RES_OK;
        if (is_blank(c))
            scan->at++;
        else if (c == '#' && scan->has_comments)
            return check_comment(scan);
        else
            result = scan_word(scan);
        if (result != RES_OK)
            return result;
    }
    return RES_OK;
}

/* ---- lines of a file ---- */

/* A '\' in the middle of a word: one word or two? Nobody should have to guess. */
static enum result check_joint(const struct acl_lexer *lexer, const struct scan *scan)
{
    bool abuts = scan->at > 0 && !is_blank(scan->chars[scan->at - 1]);
    bool has_next = lexer->at < lexer->len;
    const char *message = NULL;
    if (!has_next)
        message = "this \\ continues the last line of the file";
    else if (abuts && !is_blank(lexer->text[lexer->at]) &&
             lexer->text[lexer->at] != '\n')
        message = "continued in the middle of a word: put a blank before the \\";
    if (message == NULL)
        return RES_OK;
    diags_error(scan->diags, place_at(scan, scan->at), "acl-syntax", "%s", message);
    return RES_EFORMAT;
}

static enum result read_line(struct acl_lexer *lexer, struct acl_line *out,
                             bool *out_continues)
{
    const char *start = lexer->text + lexer->at;
    const char *newline = memchr(start, '\n', lexer->len - lexer->at);
    size_t len = newline != NULL ? (size_t)(newline - start) : lexer->len - lexer->at;
    lexer->at += len + (newline != NULL);
    lexer->line++;
    struct scan scan = {
        .chars = start,
        .len = len,
        .start = {lexer->file, lexer->line, 1},
        .has_comments = true,
        .arena = lexer->arena,
        .diags = lexer->diags,
        .line = out,
    };
    enum result result = RES_OK;
    if (len > LIMIT_LINE_OCTETS) {
        diags_error(lexer->diags, place_at(&scan, LIMIT_LINE_OCTETS), "acl-syntax",
                    "a line of %zu octets; the limit is %d: continue it with a \\", len,
                    LIMIT_LINE_OCTETS);
        result = RES_EFORMAT;
    } else if (!out->is_broken) {
        result = scan_line(&scan);
    }
    if (result == RES_OK && scan.continues)
        result = check_joint(lexer, &scan);
    if (result == RES_EFORMAT)
        out->is_broken = true;
    /* Behind an error the last octet has to tell. */
    *out_continues =
        out->is_broken ? len > 0 && start[len - 1] == '\\' : scan.continues;
    return result == RES_EMEM ? RES_EMEM : RES_OK;
}

enum result acllex_next(struct acl_lexer *lexer, struct acl_line *out)
{
    *out = (struct acl_line){0};
    bool continues = false;
    while (lexer->at < lexer->len) {
        enum result result = read_line(lexer, out, &continues);
        if (result != RES_OK)
            return result;
        if (!continues && (out->count > 0 || out->is_broken))
            return RES_OK;
    }
    return out->count > 0 || out->is_broken ? RES_OK : RES_ENOTFOUND;
}

/* ---- parts of words ---- */

/* Where the octet at of a word's decoded text stands in the file. */
static struct place place_within(const struct acl_word *word, size_t at)
{
    struct place place = word->place;
    size_t raw = 0;
    bool is_open = false;
    for (size_t decoded = 0; word->is_quoted; decoded++) {
        if (!is_open && word->raw[raw] == '"') {
            is_open = true;
            raw++;
        }
        if (decoded == at)
            break;
        raw += is_open && word->raw[raw] == '\\' ? 2 : 1;
    }
    place.column += (unsigned)(word->is_quoted ? raw : at);
    return place;
}

enum result acllex_part(struct acl_parser *parser, const struct acl_word *word,
                        size_t from, size_t len, struct acl_word *out)
{
    const char *text = arena_string_n(&parser->scratch, word->text + from, len);
    if (text == NULL)
        return RES_EMEM;
    *out = (struct acl_word){
        .text = text,
        .len = len,
        .place = place_within(word, from),
        .raw = text,
    };
    return RES_OK;
}

enum result acllex_split_part(struct acl_parser *parser, const struct acl_word *word,
                              size_t from, struct acl_line *out)
{
    *out = (struct acl_line){0};
    struct scan scan = {
        .chars = word->text + from,
        .len = word->len - from,
        .start = place_within(word, from),
        .arena = &parser->scratch,
        .diags = parser->diags,
        .line = out,
    };
    enum result result = scan_line(&scan);
    if (result == RES_OK) {
        for (size_t i = 0; i < out->count; i++) {
            size_t at = (size_t)(out->words[i].raw - word->text);
            out->words[i].place = place_within(word, at);
        }
    }
    return result;
}

/* ---- words ---- */

enum result acl_split_line(const char *line, size_t len, struct place place,
                           struct arena *arena, struct diags *diags,
                           struct acl_word **out_words, size_t *out_count)
{
    struct acl_line words = {0};
    struct scan scan = {
        .chars = line,
        .len = len,
        .start = place,
        .has_comments = true,
        .arena = arena,
        .diags = diags,
        .line = &words,
    };
    enum result result = scan_line(&scan);
    if (result == RES_OK && scan.continues) {
        diags_error(diags, place_at(&scan, scan.at), "acl-syntax",
                    "this \\ continues a line that has no next one");
        result = RES_EFORMAT;
    }
    *out_words = words.words;
    *out_count = words.count;
    return result;
}

bool acl_word_is(const struct acl_word *word, const char *text)
{
    return strcmp(word->text, text) == 0;
}

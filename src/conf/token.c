#include "conf/token.h"

#include <string.h>

struct token_reader token_reader_of(const char *file, const char *text, size_t len,
                                    bool takes_comments)
{
    return (struct token_reader){.text = text,
                                 .len = len,
                                 .place = {.file = file, .line = 1},
                                 .takes_comments = takes_comments};
}

static char peek(const struct token_reader *r, size_t ahead)
{
    return r->at + ahead < r->len ? r->text[r->at + ahead] : '\0';
}

static void advance(struct token_reader *r)
{
    if (r->text[r->at++] == '\n') {
        r->place.line++;
        r->line_start = r->at;
    }
}

static void begin_token(const struct token_reader *r, struct token *out)
{
    *out = (struct token){.place = r->place, .chars = r->text + r->at};
    out->place.column = (unsigned)(r->at - r->line_start) + 1;
}

static void fail(struct token *out, const char *wrong)
{
    out->kind = TOKEN_BAD;
    out->wrong = wrong;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_line_comment(const struct token_reader *r)
{
    return peek(r, 0) == '#' || (peek(r, 0) == '/' && peek(r, 1) == '/');
}

static bool is_long_comment(const struct token_reader *r)
{
    return peek(r, 0) == '/' && peek(r, 1) == '*';
}

static void skip_line(struct token_reader *r)
{
    while (r->at < r->len && r->text[r->at] != '\n')
        r->at++;
}

/* False: it is not closed. */
static bool skip_comment(struct token_reader *r)
{
    for (r->at += 2; r->at < r->len; advance(r)) {
        if (peek(r, 0) == '*' && peek(r, 1) == '/') {
            r->at += 2;
            return true;
        }
    }
    return false;
}

/* Up to the next token, or into a comment that has no end: *out then is that. */
static bool skip_blanks(struct token_reader *r, struct token *out)
{
    for (;;) {
        if (is_blank(peek(r, 0)))
            advance(r);
        else if (r->takes_comments && is_line_comment(r))
            skip_line(r);
        else if (r->takes_comments && is_long_comment(r)) {
            begin_token(r, out);
            if (!skip_comment(r)) {
                fail(out, "a comment that is not closed");
                return false;
            }
        } else
            return true;
    }
}

/* A backslash takes the next octet with it; both stay, for whoever reads names. */
static void scan_quoted(struct token_reader *r, struct token *out)
{
    r->at++;
    out->kind = TOKEN_WORD;
    out->chars = r->text + r->at;
    while (r->at < r->len && peek(r, 0) != '"') {
        if (peek(r, 0) == '\\' && r->at + 1 < r->len)
            advance(r);
        advance(r);
    }
    out->len = (size_t)(r->text + r->at - out->chars);
    if (r->at == r->len)
        fail(out, "a quote that is not closed");
    else if (memchr(out->chars, '\0', out->len) != NULL)
        fail(out, "a NUL");
    r->at += r->at < r->len;
}

static void scan_bare(struct token_reader *r, struct token *out)
{
    bool is_comment = is_line_comment(r) || is_long_comment(r);
    out->kind = TOKEN_WORD;
    while (peek(r, 0) > ' ' && peek(r, 0) <= '~' && strchr("{};\"", peek(r, 0)) == NULL)
        r->at++;
    out->len = (size_t)(r->text + r->at - out->chars);
    if (is_comment)
        fail(out, "a comment");
    else if (out->len == 0) {
        fail(out, "an octet that is not printable ASCII");
        r->at++;
    }
}

void token_next(struct token_reader *r, struct token *out)
{
    if (!skip_blanks(r, out))
        return;
    begin_token(r, out);
    if (r->at == r->len)
        return;
    switch (peek(r, 0)) {
    case '{':
        out->kind = TOKEN_OPEN;
        break;
    case '}':
        out->kind = TOKEN_CLOSE;
        break;
    case ';':
        out->kind = TOKEN_SEMICOLON;
        break;
    case '"':
        scan_quoted(r, out);
        return;
    default:
        scan_bare(r, out);
        return;
    }
    out->len = 1;
    r->at++;
}

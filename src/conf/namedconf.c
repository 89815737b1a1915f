#include "conf/namedconf.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_SEMICOLON,
    TOKEN_BAD, /* told */
};

/* A view into the text. */
struct token {
    enum token_kind kind;
    const char *chars;
    size_t len;
    struct place place;
};

/* What the statements of a block are. */
enum block {
    BLOCK_TOP,
    BLOCK_VIEW,
    BLOCK_ZONE,
    BLOCK_POLICY,
    BLOCK_ALLOW_UPDATE,
    BLOCK_KEY,
    BLOCK_OTHER,
};

struct frame {
    enum block block;
    bool has_block; /* the statement under way had one already */
};

struct parser {
    const char *text;
    size_t len;
    size_t at;
    size_t line_start;
    struct place place; /* file and line of at */
    struct token token; /* the one in hand */
    struct frame frames[LIMIT_NAMEDCONF_DEPTH];
    unsigned depth; /* of the frame under way; 0: BLOCK_TOP */
    struct token words[LIMIT_NAMEDCONF_WORDS];
    size_t count; /* of the statement under way, behind its last block */
    struct arena *arena;
    struct diags *diags;
    struct namedconf *out;
};

static enum result complain(struct parser *parser, struct place place, const char *what)
{
    diags_error(parser->diags, place, "namedconf-syntax",
                "%s: this is not what named-checkconf -p prints", what);
    return RES_EFORMAT;
}

/* ---- tokens ---- */

static char peek(const struct parser *parser, size_t ahead)
{
    return parser->at + ahead < parser->len ? parser->text[parser->at + ahead] : '\0';
}

static void advance(struct parser *parser)
{
    if (parser->text[parser->at++] == '\n') {
        parser->place.line++;
        parser->line_start = parser->at;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* A backslash takes the next octet with it; both stay, for whoever reads names. */
static enum token_kind scan_quoted(struct parser *parser, struct token *token)
{
    parser->at++;
    token->chars = parser->text + parser->at;
    while (parser->at < parser->len && peek(parser, 0) != '"') {
        if (peek(parser, 0) == '\\' && parser->at + 1 < parser->len)
            advance(parser);
        advance(parser);
    }
    token->len = (size_t)(parser->text + parser->at - token->chars);
    bool has_nul = memchr(token->chars, '\0', token->len) != NULL;
    if (parser->at == parser->len || has_nul) {
        (void)complain(parser, token->place,
                       has_nul ? "a NUL" : "a quote that is not closed");
        return TOKEN_BAD;
    }
    parser->at++;
    return TOKEN_WORD;
}

static enum token_kind scan_bare(struct parser *parser, struct token *token)
{
    bool is_comment =
        peek(parser, 0) == '#' ||
        (peek(parser, 0) == '/' && (peek(parser, 1) == '/' || peek(parser, 1) == '*'));
    while (peek(parser, 0) > ' ' && peek(parser, 0) <= '~' &&
           strchr("{};\"", peek(parser, 0)) == NULL)
        parser->at++;
    token->len = (size_t)(parser->text + parser->at - token->chars);
    if (token->len > 0 && !is_comment)
        return TOKEN_WORD;
    (void)complain(parser, token->place,
                   is_comment ? "a comment" : "an octet that is not printable ASCII");
    return TOKEN_BAD;
}

static void next_token(struct parser *parser)
{
    struct token *token = &parser->token;
    while (is_blank(peek(parser, 0)))
        advance(parser);
    *token = (struct token){.place = parser->place, .chars = parser->text + parser->at};
    token->place.column = (unsigned)(parser->at - parser->line_start) + 1;
    if (parser->at == parser->len)
        return;
    switch (peek(parser, 0)) {
    case '{':
        token->kind = TOKEN_OPEN;
        break;
    case '}':
        token->kind = TOKEN_CLOSE;
        break;
    case ';':
        token->kind = TOKEN_SEMICOLON;
        break;
    case '"':
        token->kind = scan_quoted(parser, token);
        return;
    default:
        token->kind = scan_bare(parser, token);
        return;
    }
    parser->at++;
}

/* Words of the language have no case, whether quoted or not. */
static bool is_word(const struct token *token, const char *text)
{
    return token->len == strlen(text) &&
           strncasecmp(token->chars, text, token->len) == 0;
}

static const char *word_text(struct parser *parser, const struct token *token)
{
    return arena_string_n(parser->arena, token->chars, token->len);
}

/* ---- statements ---- */

/* GRANT IDENTITY KIND [NAME] [TYPE...]: zonesub alone has no NAME. */
static enum result add_rule(struct parser *parser)
{
    struct namedconf_zone *zone = parser->out->last_zone;
    const struct token *words = parser->words;
    if (parser->count < 3)
        return complain(parser, words[0].place, "a rule of fewer than three words");
    if (!is_word(&words[0], "grant") && !is_word(&words[0], "deny"))
        return complain(parser, words[0].place,
                        "a rule that is neither grant nor deny");
    bool has_name = !is_word(&words[2], "zonesub");
    size_t first = has_name ? 4 : 3;
    if (parser->count < first)
        return complain(parser, words[0].place, "a rule without a name");
    struct namedconf_rule *rule = arena_alloc(parser->arena, sizeof *rule);
    const char **types =
        arena_array(parser->arena, parser->count - first, sizeof *types);
    if (rule == NULL || types == NULL)
        return RES_EMEM;
    *rule = (struct namedconf_rule){
        .is_grant = is_word(&words[0], "grant"),
        .identity = word_text(parser, &words[1]),
        .kind = word_text(parser, &words[2]),
        .name = has_name ? word_text(parser, &words[3]) : NULL,
        .types = types,
        .type_count = parser->count - first,
        .place = words[0].place,
    };
    bool is_whole = rule->identity != NULL && rule->kind != NULL &&
                    (!has_name || rule->name != NULL);
    for (size_t i = 0; i < rule->type_count; i++) {
        types[i] = word_text(parser, &words[first + i]);
        is_whole = is_whole && types[i] != NULL;
    }
    if (zone->last_rule == NULL)
        zone->rules = rule;
    else
        zone->last_rule->next = rule;
    zone->last_rule = rule;
    return is_whole ? RES_OK : RES_EMEM;
}

static enum result add_zone_setting(struct parser *parser)
{
    struct namedconf_zone *zone = parser->out->last_zone;
    const struct token *words = parser->words;
    if (parser->count != 2)
        return RES_OK;
    if (is_word(&words[0], "update-policy") && is_word(&words[1], "local")) {
        zone->is_local = true;
    } else if (is_word(&words[0], "type")) {
        zone->type = word_text(parser, &words[1]);
        if (zone->type == NULL)
            return RES_EMEM;
    }
    return RES_OK;
}

/* A statement without a block of its own. */
static enum result end_statement(struct parser *parser, enum block block)
{
    switch (block) {
    case BLOCK_POLICY:
        return add_rule(parser);
    case BLOCK_ZONE:
        return add_zone_setting(parser);
    case BLOCK_ALLOW_UPDATE:
        if (!is_word(&parser->words[0], "none"))
            parser->out->last_zone->allows_update = true;
        return RES_OK;
    case BLOCK_TOP:
        if (is_word(&parser->words[0], "include"))
            return complain(parser, parser->words[0].place, "an include");
        return RES_OK;
    case BLOCK_VIEW:
    case BLOCK_KEY:
    case BLOCK_OTHER:
        return RES_OK;
    }
    return RES_EBUG;
}

/* ---- blocks ---- */

static enum result add_zone(struct parser *parser)
{
    struct namedconf_zone *zone = arena_alloc(parser->arena, sizeof *zone);
    if (zone == NULL)
        return RES_EMEM;
    zone->name = word_text(parser, &parser->words[1]);
    zone->type = "";
    zone->place = parser->words[0].place;
    if (parser->out->last_zone == NULL)
        parser->out->zones = zone;
    else
        parser->out->last_zone->next = zone;
    parser->out->last_zone = zone;
    return zone->name != NULL ? RES_OK : RES_EMEM;
}

/* Its length comes with its end. */
static enum result add_key(struct parser *parser)
{
    struct namedconf_key *key = arena_alloc(parser->arena, sizeof *key);
    if (key == NULL)
        return RES_EMEM;
    key->name = word_text(parser, &parser->words[1]);
    key->text = parser->words[0].chars;
    key->place = parser->words[0].place;
    if (parser->out->last_key == NULL)
        parser->out->keys = key;
    else
        parser->out->last_key->next = key;
    parser->out->last_key = key;
    return key->name != NULL ? RES_OK : RES_EMEM;
}

static enum block block_of(const struct parser *parser)
{
    const struct frame *frame = &parser->frames[parser->depth];
    const struct token *words = parser->words;
    bool is_top = frame->block == BLOCK_TOP || frame->block == BLOCK_VIEW;
    bool is_in = parser->count == 2 || (parser->count == 3 && is_word(&words[2], "IN"));
    if (frame->has_block || parser->count == 0)
        return BLOCK_OTHER;
    if (is_top && is_in && is_word(&words[0], "zone"))
        return BLOCK_ZONE;
    if (is_top && parser->count == 2 && is_word(&words[0], "key"))
        return BLOCK_KEY;
    if (frame->block == BLOCK_TOP && is_in && is_word(&words[0], "view"))
        return BLOCK_VIEW;
    if (frame->block == BLOCK_ZONE && is_word(&words[0], "update-policy"))
        return BLOCK_POLICY;
    if (frame->block == BLOCK_ZONE && is_word(&words[0], "allow-update"))
        return BLOCK_ALLOW_UPDATE;
    return BLOCK_OTHER;
}

static enum result open_block(struct parser *parser)
{
    enum block block = block_of(parser);
    enum result result = RES_OK;
    if (parser->depth + 1 == LIMIT_NAMEDCONF_DEPTH)
        return complain(parser, parser->token.place, "a block this deep");
    if (block == BLOCK_ZONE)
        result = add_zone(parser);
    else if (block == BLOCK_KEY)
        result = add_key(parser);
    else if (block == BLOCK_POLICY)
        parser->out->last_zone->has_policy = true;
    parser->count = 0;
    parser->frames[++parser->depth] = (struct frame){.block = block};
    return result;
}

static enum result close_block(struct parser *parser)
{
    if (parser->depth == 0)
        return complain(parser, parser->token.place, "a } without its {");
    if (parser->count > 0 || parser->frames[parser->depth].has_block)
        return complain(parser, parser->token.place, "a statement without its ;");
    if (parser->frames[parser->depth].block == BLOCK_KEY) {
        if (peek(parser, 0) != ';')
            return complain(parser, parser->token.place, "a key without its ;");
        parser->out->last_key->len =
            (size_t)(parser->text + parser->at + 1 - parser->out->last_key->text);
    }
    parser->depth--;
    parser->frames[parser->depth].has_block = true;
    return RES_OK;
}

static enum result end_or_empty(struct parser *parser)
{
    struct frame *frame = &parser->frames[parser->depth];
    enum result result = RES_OK;
    if (!frame->has_block && parser->count == 0)
        return complain(parser, parser->token.place, "an empty statement");
    if (!frame->has_block)
        result = end_statement(parser, frame->block);
    frame->has_block = false;
    parser->count = 0;
    return result;
}

static enum result add_word(struct parser *parser)
{
    if (parser->count == LIMIT_NAMEDCONF_WORDS)
        return complain(parser, parser->token.place, "a statement this long");
    parser->words[parser->count++] = parser->token;
    return RES_OK;
}

static enum result step(struct parser *parser)
{
    switch (parser->token.kind) {
    case TOKEN_WORD:
        return add_word(parser);
    case TOKEN_OPEN:
        return open_block(parser);
    case TOKEN_CLOSE:
        return close_block(parser);
    case TOKEN_SEMICOLON:
        return end_or_empty(parser);
    case TOKEN_END:
        if (parser->depth > 0 || parser->count > 0 || parser->frames[0].has_block)
            return complain(parser, parser->token.place, "an end in a statement");
        return RES_OK;
    case TOKEN_BAD:
        return RES_EFORMAT;
    }
    return RES_EBUG;
}

enum result namedconf_parse(const char *file, const char *text, size_t len,
                            struct arena *arena, struct diags *diags,
                            struct namedconf *out)
{
    struct parser *parser = arena_alloc(arena, sizeof *parser);
    enum result result;
    *out = (struct namedconf){0};
    if (parser == NULL)
        return RES_EMEM;
    *parser = (struct parser){
        .text = text,
        .len = len,
        .place = {.file = file, .line = 1},
        .arena = arena,
        .diags = diags,
        .out = out,
    };
    do {
        next_token(parser);
        result = step(parser);
    } while (result == RES_OK && parser->token.kind != TOKEN_END);
    return result;
}

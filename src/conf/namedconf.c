#include "conf/namedconf.h"

#include <glob.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "conf/file.h"
#include "conf/token.h"

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

/* A text that is being read. */
struct input {
    struct token_reader reader;
    struct file_text file; /* what it reads; chars NULL: the caller's text */
    struct input *outer;   /* it is included by that one */
    struct input *opened_before;
};

struct parser {
    struct input *in;
    struct input *opened;  /* last: words point into the texts, up to the end */
    bool is_canonical;     /* what named-checkconf -p prints; else as people write */
    size_t octets_left;    /* of files, in all */
    const char *directory; /* of `options`: where relative includes are; NULL: here */
    struct token token;    /* the one in hand */
    struct frame frames[LIMIT_NAMEDCONF_DEPTH];
    unsigned depth; /* of the frame under way; 0: BLOCK_TOP */
    struct token words[LIMIT_NAMEDCONF_WORDS];
    size_t count; /* of the statement under way, behind its last block */
    struct namedconf_key *closed_key; /* whose ; comes next; NULL: none's */
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

/* At the end of an included file it goes on where the include stands. */
static void next_token(struct parser *parser)
{
    token_next(&parser->in->reader, &parser->token);
    while (parser->token.kind == TOKEN_END && parser->in->outer != NULL) {
        parser->in = parser->in->outer;
        token_next(&parser->in->reader, &parser->token);
    }
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

/* ---- includes ---- */

static enum result open_input(struct parser *parser, const char *path)
{
    struct input *in = arena_alloc(parser->arena, sizeof *in);
    const char *kept = arena_string(parser->arena, path);
    if (in == NULL || kept == NULL)
        return RES_EMEM;
    *in = (struct input){.outer = parser->in};
    enum result result = file_read(kept, parser->octets_left, (struct place){0},
                                   parser->diags, &in->file);
    if (result != RES_OK)
        return result;
    in->opened_before = parser->opened;
    parser->opened = in;
    in->reader = token_reader_of(kept, in->file.chars, in->file.len, true);
    parser->octets_left -= in->file.len;
    parser->in = in;
    return RES_OK;
}

/* A pattern's files one after the other: they lie on each other, so the last comes
 * first. */
static enum result include(struct parser *parser, const struct token *word)
{
    const char *pattern = word_text(parser, word);
    enum result result = RES_OK;
    glob_t found;
    unsigned depth = 0;
    for (const struct input *in = parser->in; in != NULL; in = in->outer)
        depth++;
    if (pattern != NULL && pattern[0] != '/' && parser->directory != NULL)
        pattern = arena_printf(parser->arena, "%s/%s", parser->directory, pattern);
    if (pattern == NULL)
        return RES_EMEM;
    if (depth == LIMIT_NAMEDCONF_DEPTH)
        return complain(parser, word->place, "an include this deep");
    if (glob(pattern, 0, NULL, &found) != 0)
        return complain(parser, word->place, "an include of nothing");
    for (size_t i = found.gl_pathc; i > 0 && result == RES_OK; i--)
        result = open_input(parser, found.gl_pathv[i - 1]);
    globfree(&found);
    return result;
}

/* A statement without a block of its own, in a file as people write it. False: it is
 * none of those that named-checkconf resolves. */
static bool resolve(struct parser *parser, enum block block, enum result *out_result)
{
    const struct token *words = parser->words;
    *out_result = RES_OK;
    if (parser->is_canonical || parser->count != 2 || block == BLOCK_POLICY)
        return false;
    if (is_word(&words[0], "include")) {
        *out_result = include(parser, &words[1]);
        return true;
    }
    if (is_word(&words[0], "directory")) {
        parser->directory = word_text(parser, &words[1]);
        *out_result = parser->directory != NULL ? RES_OK : RES_EMEM;
        return true;
    }
    return false;
}

/* ---- the ends of statements ---- */

/* A statement without a block of its own. */
static enum result end_statement(struct parser *parser, enum block block)
{
    enum result result;
    if (resolve(parser, block, &result))
        return result;
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
    key->text = parser->is_canonical ? parser->words[0].chars : NULL;
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
    if (parser->is_canonical && parser->frames[parser->depth].block == BLOCK_KEY)
        parser->closed_key = parser->out->last_key;
    parser->depth--;
    parser->frames[parser->depth].has_block = true;
    return RES_OK;
}

/* The text of a key ends with its ; and not before. */
static enum result end_key(struct parser *parser)
{
    struct namedconf_key *key = parser->closed_key;
    parser->closed_key = NULL;
    if (parser->token.kind == TOKEN_SEMICOLON) {
        key->len = (size_t)(parser->token.chars + 1 - key->text);
        return RES_OK;
    }
    return complain(parser, parser->token.place, "a key without its ;");
}

static enum result end_or_empty(struct parser *parser)
{
    struct frame *frame = &parser->frames[parser->depth];
    enum result result = RES_OK;
    if (!frame->has_block && parser->count == 0 && parser->is_canonical)
        return complain(parser, parser->token.place, "an empty statement");
    if (!frame->has_block && parser->count > 0)
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
    if (parser->closed_key != NULL && end_key(parser) != RES_OK)
        return RES_EFORMAT;
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
        return complain(parser, parser->token.place, parser->token.wrong);
    }
    return RES_EBUG;
}

static enum result read_all(struct parser *parser)
{
    enum result result;
    do {
        next_token(parser);
        result = step(parser);
    } while (result == RES_OK && parser->token.kind != TOKEN_END);
    return result;
}

enum result namedconf_parse(const char *file, const char *text, size_t len,
                            struct arena *arena, struct diags *diags,
                            struct namedconf *out)
{
    struct parser *parser = arena_alloc(arena, sizeof *parser);
    *out = (struct namedconf){0};
    if (parser == NULL)
        return RES_EMEM;
    struct input in = {.reader = token_reader_of(file, text, len, false)};
    *parser = (struct parser){
        .in = &in,
        .is_canonical = true,
        .arena = arena,
        .diags = diags,
        .out = out,
    };
    return read_all(parser);
}

enum result namedconf_scan(const char *path, struct arena *arena, struct namedconf *out)
{
    struct parser *parser = arena_alloc(arena, sizeof *parser);
    struct diags diags; /* what is wrong is named-checkconf's to tell */
    *out = (struct namedconf){0};
    if (parser == NULL)
        return RES_EMEM;
    diags_init(&diags);
    *parser = (struct parser){
        .octets_left = LIMIT_NAMEDCONF_OCTETS,
        .arena = arena,
        .diags = &diags,
        .out = out,
    };
    enum result result = open_input(parser, path);
    if (result == RES_OK)
        result = read_all(parser);
    for (struct input *in = parser->opened; in != NULL; in = in->opened_before)
        file_text_free(&in->file);
    diags_fini(&diags);
    return result;
}

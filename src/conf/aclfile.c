/* The statements that open blocks, and those of a host's block. */
#include "conf/aclparse.h"

#include <string.h>

#include "base/limits.h"
#include "base/timestamp.h"

#define SCRATCH_CHUNK_OCTETS (16 * 1024)

static enum result line_error(struct acl_parser *parser, const struct acl_word *word,
                              const char *id, const char *message)
{
    diags_error(parser->diags, word->place, id, "`%s`: %s", word->text, message);
    return RES_EFORMAT;
}

/* ---- hosts ---- */

/* The host called so; `host` and `grant` declare it alike. */
static enum result declare_host(struct acl_parser *parser, const struct acl_word *word,
                                struct acl_host **out)
{
    struct name_buf name;
    enum result result = acl_plain_name_parse(parser, word, &name);
    if (result != RES_OK)
        return result;
    *out = acl_source_host_named(parser->source, name_of(&name));
    if (*out != NULL)
        return RES_OK;
    return acl_source_add_host(parser->source, name_of(&name), word->place, out);
}

/* The lines of the host whose block is open. NULL: no memory. */
static struct acl_host_lines *lines_of(struct acl_parser *parser)
{
    struct acl_host *host = parser->host;
    if (host->lines != NULL)
        return host->lines;
    struct acl_host_lines *lines = arena_alloc(&parser->source->arena, sizeof(*lines));
    if (lines == NULL)
        return NULL;
    lines->keys_end = &lines->keys;
    lines->from_end = &lines->from;
    return host->lines = lines;
}

static enum result parse_host(struct acl_parser *parser, const struct acl_line *line)
{
    parser->block = ACL_BLOCK_LOST;
    if (line->count != 2)
        return line_error(parser, &line->words[0], "acl-syntax", "write host NAME");
    enum result result = declare_host(parser, &line->words[1], &parser->host);
    if (result == RES_OK)
        parser->block = ACL_BLOCK_HOST;
    return result;
}

static enum result parse_every_host(struct acl_parser *parser,
                                    const struct acl_line *line)
{
    parser->block = ACL_BLOCK_EVERY;
    if (line->count != 1) {
        return line_error(parser, &line->words[1], "acl-syntax",
                          "every-host stands alone in its line");
    }
    return RES_OK;
}

/* ---- statements of a host's block ---- */

/* not-before TIME, not-after TIME: the words from the third on. */
static enum result parse_key_times(struct acl_parser *parser,
                                   const struct acl_line *line,
                                   struct acl_key_line *key)
{
    bool has_before = false, has_after = false;
    for (size_t i = 2; i < line->count; i += 2) {
        const struct acl_word *word = &line->words[i];
        bool is_before = acl_word_is(word, "not-before");
        if ((!is_before && !acl_word_is(word, "not-after")) || i + 1 == line->count ||
            (is_before ? has_before : has_after)) {
            return line_error(parser, word, "acl-key",
                              "write key NAME [not-before TIME] [not-after TIME]");
        }
        has_before = has_before || is_before;
        has_after = has_after || !is_before;
        if (timestamp_parse(line->words[i + 1].text,
                            is_before ? &key->not_before_s : &key->not_after_s) !=
            RES_OK) {
            return line_error(parser, &line->words[i + 1], "acl-key",
                              "no time in UTC, as 2027-01-01T00:00:00Z");
        }
    }
    if (key->not_before_s >= key->not_after_s) {
        return line_error(parser, &line->words[1], "acl-key",
                          "it would never be valid: not-before is not before "
                          "not-after");
    }
    return RES_OK;
}

static enum result parse_key(struct acl_parser *parser, const struct acl_line *line)
{
    struct name_buf name;
    if (line->count < 2) {
        return line_error(parser, &line->words[0], "acl-key",
                          "write key NAME [not-before TIME] [not-after TIME]");
    }
    struct acl_key_line *key = arena_alloc(&parser->source->arena, sizeof(*key));
    if (key == NULL)
        return RES_EMEM;
    key->not_before_s = INT64_MIN;
    key->not_after_s = INT64_MAX;
    key->place = line->words[1].place;
    enum result result = acl_plain_name_parse(parser, &line->words[1], &name);
    if (result != RES_OK || (result = parse_key_times(parser, line, key)) != RES_OK)
        return result;
    key->name = name_copy(&parser->source->arena, name_of(&name));
    if (key->name.octets == NULL)
        return RES_EMEM;
    if (parser->block != ACL_BLOCK_HOST)
        return RES_OK;
    struct acl_host_lines *lines = lines_of(parser);
    if (lines == NULL)
        return RES_EMEM;
    key->host = parser->host;
    *lines->keys_end = key;
    lines->keys_end = &key->next;
    return RES_OK;
}

static enum result parse_from_word(struct acl_parser *parser,
                                   const struct acl_word *word)
{
    struct prefix prefix;
    enum result result = prefix_parse(word->text, &prefix);
    if (result == RES_ERANGE) {
        return line_error(parser, word, "acl-from",
                          "host bits are set behind the prefix, it is too long, or it "
                          "is an IPv4-mapped address (write the IPv4 one)");
    }
    if (result != RES_OK) {
        return line_error(parser, word, "acl-from",
                          "no address and no prefix, as 192.0.2.25 or "
                          "2001:db8:25::/48");
    }
    struct acl_from_line *from = arena_alloc(&parser->source->arena, sizeof(*from));
    if (from == NULL)
        return RES_EMEM;
    from->prefix = prefix;
    from->place = word->place;
    if (parser->block != ACL_BLOCK_HOST)
        return RES_OK;
    struct acl_host_lines *lines = lines_of(parser);
    if (lines == NULL)
        return RES_EMEM;
    *lines->from_end = from;
    lines->from_end = &from->next;
    return RES_OK;
}

static enum result parse_from(struct acl_parser *parser, const struct acl_line *line)
{
    if (line->count < 2) {
        return line_error(parser, &line->words[0], "acl-from",
                          "write from ADDRESS... or PREFIX...");
    }
    enum result all = RES_OK;
    for (size_t i = 1; i < line->count; i++) {
        enum result result = parse_from_word(parser, &line->words[i]);
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
    }
    return all;
}

/* ---- grants and aliases ---- */

static enum result unknown_profile(struct acl_parser *parser,
                                   const struct acl_word *word)
{
    struct guess guess = guess_of(word->text);
    const struct acl_profile *profile = NULL;
    size_t cursor = 0;
    while ((profile = map_next(&parser->source->profile_by_name, &cursor)) != NULL)
        guess_add(&guess, profile->name);
    diags_error(parser->diags, word->place, "acl-profile",
                "`%s`: no such profile; one is defined before it is used%s%s",
                word->text, guess_lead(&guess), guess_text(&guess));
    return RES_EFORMAT;
}

/* The flat form: declares its host, opens no block. */
static enum result parse_grant(struct acl_parser *parser, const struct acl_line *line)
{
    parser->block = ACL_BLOCK_NONE;
    if (line->count < 3) {
        return line_error(parser, &line->words[0], "acl-syntax",
                          "write grant HOST PROFILE WORD... [OPTION...]");
    }
    struct acl_host *host = NULL;
    enum result declared = declare_host(parser, &line->words[1], &host);
    if (declared == RES_EMEM)
        return declared;
    const struct acl_word *word = &line->words[2];
    const struct acl_profile *profile =
        map_get(&parser->source->profile_by_name, word->text, word->len);
    enum result result = declared;
    if (profile == NULL)
        result = unknown_profile(parser, word);
    else if (declared == RES_OK)
        result = acl_grant_parse(parser, host, profile, word, line->count - 2);
    if (host != NULL && result != RES_OK)
        host->is_incomplete = true;
    return result;
}

static enum result parse_alias(struct acl_parser *parser, const struct acl_line *line)
{
    struct name_buf names[2];
    struct acl_source *source = parser->source;
    parser->block = ACL_BLOCK_NONE;
    if (line->count != 3) {
        return line_error(parser, &line->words[0], "acl-syntax",
                          "write alias ORIGINAL TARGET");
    }
    enum result original = acl_plain_name_parse(parser, &line->words[1], &names[0]);
    enum result target = acl_plain_name_parse(parser, &line->words[2], &names[1]);
    if (original != RES_OK || target != RES_OK)
        return original != RES_OK ? original : target;
    if (name_equal(name_of(&names[0]), name_of(&names[1]))) {
        return line_error(parser, &line->words[2], "acl-alias",
                          "a name that is its own target needs no alias");
    }
    struct acl_alias *alias = arena_alloc(&source->arena, sizeof(*alias));
    if (alias == NULL)
        return RES_EMEM;
    alias->original = name_copy(&source->arena, name_of(&names[0]));
    alias->target = name_copy(&source->arena, name_of(&names[1]));
    alias->place = line->words[1].place;
    alias->target_place = line->words[2].place;
    if (alias->original.octets == NULL || alias->target.octets == NULL)
        return RES_EMEM;
    if (source->last_alias == NULL)
        source->aliases = alias;
    else
        source->last_alias->next = alias;
    source->last_alias = alias;
    return RES_OK;
}

/* ---- which statement ---- */

struct statement {
    const char *name;
    bool is_opener; /* ends the block before it */
    enum result (*parse)(struct acl_parser *parser, const struct acl_line *line);
};

static const struct statement statements[] = {
    {"host", true, parse_host},          {"every-host", true, parse_every_host},
    {"grant", true, parse_grant},        {"alias", true, parse_alias},
    {"key", false, parse_key},           {"from", false, parse_from},
    {"profile", true, acl_profile_open},
};
enum { STATEMENTS = sizeof(statements) / sizeof(statements[0]) };

static const struct statement *statement_named(const char *name)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (strcmp(statements[i].name, name) == 0)
            return &statements[i];
    return NULL;
}

static enum result close_block(struct acl_parser *parser)
{
    if (parser->block == ACL_BLOCK_PROFILE)
        return acl_profile_close(parser);
    parser->block = ACL_BLOCK_NONE;
    return RES_OK;
}

static enum result open_block(struct acl_parser *parser,
                              const struct statement *statement,
                              const struct acl_line *line)
{
    enum result closed = close_block(parser);
    if (parser->is_stock && statement->parse != acl_profile_open) {
        parser->block = ACL_BLOCK_LOST;
        return line_error(parser, &line->words[0], "acl-stock",
                          "the file of stock profiles has nothing but profiles");
    }
    enum result result = statement->parse(parser, line);
    return result != RES_OK ? result : closed;
}

/* Nothing of that name: what is it like, of what may stand here? A misspelt first line
 * of a block opens it nonetheless, so that the rest of the block is no error. */
static enum result unknown_statement(struct acl_parser *parser,
                                     const struct acl_line *line)
{
    const struct acl_word *word = &line->words[0];
    struct guess guess = guess_of(word->text);
    for (size_t i = 0; i < STATEMENTS; i++)
        guess_add(&guess, statements[i].name);
    if (parser->block == ACL_BLOCK_PROFILE) {
        acl_profile_guess(&guess);
        acl_profile_lose_line(parser);
    } else {
        const struct acl_profile *profile = NULL;
        size_t cursor = 0;
        while ((profile = map_next(&parser->source->profile_by_name, &cursor)) != NULL)
            guess_add(&guess, profile->name);
    }
    diags_error(parser->diags, word->place, "acl-unknown-statement",
                "`%s`: no statement, and no profile that is defined before here%s%s",
                word->text, guess_lead(&guess), guess_text(&guess));
    const struct statement *meant =
        guess.text != NULL ? statement_named(guess.text) : NULL;
    enum result result = RES_OK;
    if (meant != NULL && meant->is_opener)
        result = open_block(parser, meant, line);
    return result == RES_EMEM ? result : RES_EFORMAT;
}

/* key, from, and grants: where may they stand? */
static enum result check_block(struct acl_parser *parser, const struct acl_word *word,
                               bool is_grant)
{
    switch (parser->block) {
    case ACL_BLOCK_HOST:
    case ACL_BLOCK_LOST:
        return RES_OK;
    case ACL_BLOCK_EVERY:
        return is_grant ? RES_OK
                        : line_error(parser, word, "acl-block",
                                     "this is said of one host; every-host has grants "
                                     "only");
    case ACL_BLOCK_NONE:
        return line_error(parser, word, "acl-block",
                          "outside a block: `host NAME` or `every-host` comes first");
    case ACL_BLOCK_PROFILE:
        parser->draft.is_broken = true;
        return line_error(parser, word, "acl-block",
                          "in the block of a profile: `host NAME` comes first");
    }
    return RES_EBUG;
}

static enum result parse_inner(struct acl_parser *parser, const struct acl_line *line,
                               const struct statement *statement,
                               const struct acl_profile *profile)
{
    const struct acl_word *word = &line->words[0];
    enum result placed = check_block(parser, word, profile != NULL);
    if (placed != RES_OK)
        return placed;
    if (statement != NULL)
        return statement->parse(parser, line);
    struct acl_host *host = parser->block == ACL_BLOCK_HOST ? parser->host : NULL;
    return acl_grant_parse(parser, host, profile, word, line->count);
}

static enum result parse_statement(struct acl_parser *parser,
                                   const struct acl_line *line)
{
    const struct acl_word *word = &line->words[0];
    const struct statement *statement = statement_named(word->text);
    if (statement != NULL && statement->is_opener)
        return open_block(parser, statement, line);
    if (parser->block == ACL_BLOCK_PROFILE && acl_profile_has_statement(word))
        return acl_profile_statement(parser, line);
    const struct acl_profile *profile =
        map_get(&parser->source->profile_by_name, word->text, word->len);
    if (statement != NULL || profile != NULL)
        return parse_inner(parser, line, statement, profile);
    if (acl_profile_has_statement(word)) {
        return parser->block == ACL_BLOCK_LOST
                   ? RES_OK
                   : line_error(parser, word, "acl-block",
                                "this is a statement of a profile: `profile NAME` "
                                "comes first");
    }
    return unknown_statement(parser, line);
}

/* A line whose words could not be read: what would have followed from it? */
static enum result skip_statement(struct acl_parser *parser,
                                  const struct acl_line *line)
{
    const struct statement *statement =
        line->count > 0 ? statement_named(line->words[0].text) : NULL;
    bool opens = statement != NULL && statement->is_opener;
    enum result closed = RES_OK;
    if (!opens && parser->block != ACL_BLOCK_NONE) {
        acl_profile_lose_line(parser);
    } else {
        closed = close_block(parser);
        parser->block = ACL_BLOCK_LOST;
    }
    return closed == RES_EMEM ? closed : RES_EFORMAT;
}

/* What a line that is left out may have said: nothing is told for want of it. */
static void note_loss(struct acl_parser *parser, const struct acl_line *line)
{
    const struct acl_word *word = line->count > 0 ? &line->words[0] : NULL;
    bool is_grant =
        word != NULL && !line->is_broken &&
        (acl_word_is(word, "grant") ||
         map_get(&parser->source->profile_by_name, word->text, word->len) != NULL);
    if (parser->block == ACL_BLOCK_HOST)
        parser->host->is_incomplete = true;
    if (!is_grant && !parser->is_stock)
        parser->source->has_lost_keys = true;
}

/* The way to a slot of a large index takes longer than a line does: it begins a line
 * ahead, if that is a grant of the usual form. */
static void look_ahead(const struct acl_parser *parser, const struct acl_lexer *lexer)
{
    static const char grant[] = "grant ";
    const char *line = lexer->text + lexer->at;
    size_t left = lexer->len - lexer->at;
    struct name_buf name;
    if (left <= strlen(grant) || memcmp(line, grant, strlen(grant)) != 0)
        return;
    const char *host = line + strlen(grant);
    left -= strlen(grant);
    const char *blank =
        memchr(host, ' ', left < LIMIT_NAME_OCTETS ? left : LIMIT_NAME_OCTETS);
    if (blank != NULL && acl_plain_name_read(host, (size_t)(blank - host), &name))
        acl_source_prefetch_host(parser->source, name_of(&name));
}

static enum result parse_lines(struct acl_parser *parser, struct acl_lexer *lexer)
{
    enum result all = RES_OK;
    for (;;) {
        struct acl_line line;
        arena_reset(&parser->scratch);
        enum result result = acllex_next(lexer, &line);
        if (result == RES_ENOTFOUND)
            break;
        look_ahead(parser, lexer);
        if (result == RES_OK) {
            result = line.is_broken ? skip_statement(parser, &line)
                                    : parse_statement(parser, &line);
        }
        if (result == RES_EMEM)
            return result;
        if (result != RES_OK) {
            note_loss(parser, &line);
            all = RES_EFORMAT;
        }
    }
    enum result closed = close_block(parser);
    return closed != RES_OK ? closed : all;
}

enum result aclfile_parse(struct acl_source *source, const char *file, const char *text,
                          size_t len, bool is_stock, struct diags *diags)
{
    struct acl_parser parser = {
        .source = source,
        .diags = diags,
        .is_stock = is_stock,
    };
    if (acl_source_add_file(source, file, len) != RES_OK)
        return RES_EMEM;
    arena_init(&parser.scratch, SCRATCH_CHUNK_OCTETS, 0);
    struct acl_lexer lexer = {
        .file = file,
        .text = text,
        .len = len,
        .arena = &parser.scratch,
        .diags = diags,
    };
    enum result result = parse_lines(&parser, &lexer);
    source->line_count += lexer.line;
    arena_fini(&parser.scratch);
    return result;
}

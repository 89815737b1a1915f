#include <string.h>

#include "conf/acledit.h"
#include "conf/aclparse.h"

/* A text statement by statement; it has been parsed before, so diags stays empty. */
struct walk {
    struct acledit_text text;
    struct diags diags;
    struct acl_lexer lexer;
    struct acl_line line;
};

static void walk_init(struct walk *walk, struct acledit_text text, struct arena *arena)
{
    *walk = (struct walk){.text = text};
    diags_init(&walk->diags);
    walk->lexer = (struct acl_lexer){
        .file = "",
        .text = text.chars,
        .len = text.len,
        .arena = arena,
        .diags = &walk->diags,
    };
}

static enum result walk_next(struct walk *walk)
{
    return acllex_next(&walk->lexer, &walk->line);
}

/* Where the physical line begins that the statement's first word stands in. */
static size_t statement_start(const struct walk *walk)
{
    size_t at = (size_t)(walk->line.words[0].raw - walk->text.chars);
    while (at > 0 && walk->text.chars[at - 1] != '\n')
        at--;
    return at;
}

/* ---- one key more ---- */

/* Where the new lines go, and how they look: indentation, `key`, gap, name. */
struct spot {
    size_t at; /* 0: nowhere yet */
    const char *indent;
    size_t indent_len;
    size_t gap; /* blanks between `key` and the name */
    bool has_key;
    bool has_layout;
};

#define KEY_LEN (sizeof("key") - 1)

/* The names stand in the column where the statement in hand has its second word. */
static void note_layout(const struct walk *walk, struct spot *spot)
{
    const struct acl_word *words = walk->line.words;
    size_t start = statement_start(walk);
    spot->has_layout = true;
    spot->indent = walk->text.chars + start;
    spot->indent_len = (size_t)(words[0].raw - spot->indent);
    spot->gap = 1;
    if (walk->line.count < 2 || words[1].place.line != words[0].place.line)
        return;
    size_t column = words[1].place.column - words[0].place.column;
    spot->gap = column > KEY_LEN ? column - KEY_LEN : 1;
}

static enum result find_spot(struct walk *walk, struct name host, struct spot *out)
{
    bool is_ours = false;
    enum result result;
    *out = (struct spot){.indent = "    ", .indent_len = 4, .gap = 1};
    while ((result = walk_next(walk)) == RES_OK && walk->line.count > 0) {
        if (acl_line_ends_block(&walk->line)) {
            is_ours = acl_line_opens_host(&walk->line, host);
            if (is_ours && out->at == 0)
                out->at = walk->lexer.at;
            continue;
        }
        if (!is_ours)
            continue;
        bool is_key = acl_word_is(&walk->line.words[0], "key");
        if (is_key || !out->has_layout)
            note_layout(walk, out);
        if (is_key)
            out->at = walk->lexer.at;
        out->has_key = out->has_key || is_key;
    }
    return result == RES_ENOTFOUND ? RES_OK : result;
}

static void put(struct acledit_text *out, char *chars, const char *from, size_t len)
{
    memcpy(chars + out->len, from, len);
    out->len += len;
}

static void put_string(struct acledit_text *out, char *chars, const char *string)
{
    put(out, chars, string, strlen(string));
}

static void put_key(struct acledit_text *out, char *chars, const struct spot *spot,
                    const char *name)
{
    put(out, chars, spot->indent, spot->indent_len);
    put_string(out, chars, "key");
    for (size_t i = 0; i < spot->gap; i++)
        put_string(out, chars, " ");
    put_string(out, chars, name);
    put_string(out, chars, "\n");
}

enum result acledit_add_key(struct acledit_text text, const struct acledit_key *key,
                            struct arena *arena, struct acledit_text *out)
{
    struct walk walk;
    struct spot spot;
    walk_init(&walk, text, arena);
    enum result result = find_spot(&walk, key->host, &spot);
    diags_fini(&walk.diags);
    if (result != RES_OK)
        return result;
    size_t at = spot.at > 0 ? spot.at : text.len;
    size_t line_len = spot.indent_len + KEY_LEN + spot.gap + 1;
    size_t own_len = key->own_text != NULL ? line_len + strlen(key->own_text) : 0;
    char *chars =
        arena_alloc(arena, text.len + sizeof("\nhost \n") + strlen(key->host_text) +
                               own_len + line_len + strlen(key->key_text));
    if (chars == NULL)
        return RES_EMEM;
    *out = (struct acledit_text){.chars = chars};
    put(out, chars, text.chars, at);
    if (at > 0 && text.chars[at - 1] != '\n')
        put_string(out, chars, "\n"); /* the last line had none */
    if (spot.at == 0) {
        put_string(out, chars, "host ");
        put_string(out, chars, key->host_text);
        put_string(out, chars, "\n");
    }
    if (key->own_text != NULL)
        put_key(out, chars, &spot, key->own_text);
    put_key(out, chars, &spot, key->key_text);
    put(out, chars, text.chars + at, text.len - at);
    return RES_OK;
}

/* ---- one statement less ---- */

static bool has_word_at(const struct acl_line *line, struct place place)
{
    for (size_t i = 0; i < line->count; i++) {
        if (line->words[i].place.line == place.line &&
            line->words[i].place.column == place.column)
            return true;
    }
    return false;
}

enum result acledit_remove_statement(struct acledit_text text, struct place place,
                                     struct arena *arena, struct acledit_text *out)
{
    struct walk walk;
    enum result result;
    walk_init(&walk, text, arena);
    while ((result = walk_next(&walk)) == RES_OK) {
        if (has_word_at(&walk.line, place))
            break;
    }
    diags_fini(&walk.diags);
    if (result != RES_OK)
        return result;
    size_t start = statement_start(&walk), end = walk.lexer.at;
    char *chars = arena_alloc(arena, text.len);
    if (chars == NULL)
        return RES_EMEM;
    *out = (struct acledit_text){.chars = chars};
    put(out, chars, text.chars, start);
    put(out, chars, text.chars + end, text.len - end);
    return RES_OK;
}

#include <string.h>

#include "conf/acledit_walk.h"

/* Where the physical line begins that the statement's first word stands in. */
static size_t statement_start(const struct acledit_walk *walk)
{
    return acledit_line_start(walk->text,
                              acledit_offset_of(walk, &walk->line.words[0]));
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
static void note_layout(const struct acledit_walk *walk, struct spot *spot)
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

static enum result find_spot(struct acledit_walk *walk, struct name host,
                             struct spot *out)
{
    bool is_ours = false;
    enum result result;
    *out = (struct spot){.indent = "    ", .indent_len = 4, .gap = 1};
    while ((result = acledit_walk_next(walk)) == RES_OK && walk->line.count > 0) {
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

static void add_key_line(struct acledit_draft *draft, const struct spot *spot,
                         const char *name)
{
    acledit_draft_add(draft, spot->indent, spot->indent_len);
    acledit_draft_string(draft, "key");
    for (size_t i = 0; i < spot->gap; i++)
        acledit_draft_string(draft, " ");
    acledit_draft_string(draft, name);
    acledit_draft_string(draft, "\n");
}

enum result acledit_add_key(struct acledit_text text, const struct acledit_key *key,
                            struct arena *arena, struct acledit_text *out)
{
    struct acledit_walk walk;
    struct spot spot;
    acledit_walk_init(&walk, text);
    enum result result = find_spot(&walk, key->host, &spot);
    acledit_walk_fini(&walk);
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
    struct acledit_draft draft = {.chars = chars};
    acledit_draft_add(&draft, text.chars, at);
    if (at > 0 && text.chars[at - 1] != '\n')
        acledit_draft_string(&draft, "\n"); /* the last line had none */
    if (spot.at == 0) {
        acledit_draft_string(&draft, "host ");
        acledit_draft_string(&draft, key->host_text);
        acledit_draft_string(&draft, "\n");
    }
    if (key->own_text != NULL)
        add_key_line(&draft, &spot, key->own_text);
    add_key_line(&draft, &spot, key->key_text);
    acledit_draft_add(&draft, text.chars + at, text.len - at);
    *out = (struct acledit_text){chars, draft.len};
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
    struct acledit_walk walk;
    enum result result;
    acledit_walk_init(&walk, text);
    while ((result = acledit_walk_next(&walk)) == RES_OK) {
        if (has_word_at(&walk.line, place))
            break;
    }
    size_t start = result == RES_OK ? statement_start(&walk) : 0;
    size_t end = walk.lexer.at;
    acledit_walk_fini(&walk);
    if (result != RES_OK)
        return result;
    struct acledit_draft draft = {.chars = arena_alloc(arena, text.len)};
    if (draft.chars == NULL)
        return RES_EMEM;
    acledit_draft_add(&draft, text.chars, start);
    acledit_draft_add(&draft, text.chars + end, text.len - end);
    *out = (struct acledit_text){draft.chars, draft.len};
    return RES_OK;
}

#include "conf/acledit_walk.h"

#include <string.h>

#define WORDS_CHUNK_OCTETS 16384

void acledit_walk_init(struct acledit_walk *walk, struct acledit_text text)
{
    *walk = (struct acledit_walk){.text = text};
    arena_init(&walk->words, WORDS_CHUNK_OCTETS, 0);
    diags_init(&walk->diags);
    walk->lexer = (struct acl_lexer){
        .file = "",
        .text = text.chars,
        .len = text.len,
        .arena = &walk->words,
        .diags = &walk->diags,
    };
}

enum result acledit_walk_next(struct acledit_walk *walk)
{
    arena_reset(&walk->words);
    return acllex_next(&walk->lexer, &walk->line);
}

void acledit_walk_fini(struct acledit_walk *walk)
{
    diags_fini(&walk->diags);
    arena_fini(&walk->words);
}

size_t acledit_line_start(struct acledit_text text, size_t at)
{
    while (at > 0 && text.chars[at - 1] != '\n')
        at--;
    return at;
}

size_t acledit_offset_of(const struct acledit_walk *walk, const struct acl_word *word)
{
    return (size_t)(word->raw - walk->text.chars);
}

void acledit_draft_add(struct acledit_draft *draft, const char *chars, size_t len)
{
    if (len > 0)
        memcpy(draft->chars + draft->len, chars, len);
    draft->len += len;
}

void acledit_draft_string(struct acledit_draft *draft, const char *string)
{
    acledit_draft_add(draft, string, strlen(string));
}

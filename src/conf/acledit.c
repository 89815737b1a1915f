#include "conf/acledit.h"

#include <string.h>

#include "conf/acledit_walk.h"

/* ---- statements and where they stand ---- */

/* A word as it is written. */
struct span {
    const char *chars;
    size_t len;
};

/* From the first octet of a word to behind its last, quotes and escapes included. */
static struct span word_span(const struct acl_word *word)
{
    struct span span = {word->raw, word->len};
    if (!word->is_quoted)
        return span;
    const char *end = strchr(word->raw, '"') + 1; /* the word was read: it is closed */
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    span.len = (size_t)(end + 1 - word->raw);
    return span;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind the blanks at at. */
static size_t skip_blanks(struct acledit_text text, size_t at)
{
    while (at < text.len && is_blank(text.chars[at]))
        at++;
    return at;
}

/* ---- one grant more ---- */

static bool needs_quotes(const char *text)
{
    size_t len = strlen(text);
    return len == 0 || text[0] == '#' || text[len - 1] == '\\' ||
           strpbrk(text, " \"") != NULL;
}

/* An option whose value has its quotes already, as an ACL spells it. */
static bool has_its_quotes(const char *text)
{
    const char *value = strchr(text, '=');
    size_t len = strlen(text);
    return value != NULL && value[1] == '"' && text + len > value + 2 &&
           text[len - 1] == '"';
}

/* A word as a line has to spell it; an option's quotes stand behind its '='. */
static void add_word(struct acledit_draft *draft, const char *text)
{
    if (!needs_quotes(text) || has_its_quotes(text)) {
        acledit_draft_string(draft, text);
        return;
    }
    const char *value = strchr(text, '=');
    value = value != NULL ? value + 1 : text;
    acledit_draft_add(draft, text, (size_t)(value - text));
    acledit_draft_string(draft, "\"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            acledit_draft_string(draft, "\\");
        acledit_draft_add(draft, value, 1);
    }
    acledit_draft_string(draft, "\"");
}

static bool is_printable(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* Where the new line goes. */
struct spot {
    bool is_in_block;
    size_t at;          /* where the line begins */
    struct span indent; /* of the statement before it */
    size_t gap_column;  /* where that one's second word begins, from its first octet */
    bool knows_profile; /* the profile is not defined behind it in the same file */
};

bool acl_line_opens_host(const struct acl_line *line, struct name host)
{
    struct name_buf name;
    return line->count == 2 && acl_word_is(&line->words[0], "host") &&
           name_from_text(line->words[1].text, line->words[1].len, &name) == RES_OK &&
           name_equal(name_of(&name), host);
}

bool acl_line_ends_block(const struct acl_line *line)
{
    static const char *const openers[] = {"host", "every-host", "grant", "alias",
                                          "profile"};
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++) {
        if (acl_word_is(&line->words[0], openers[i]))
            return true;
    }
    return false;
}

/* The layout of a statement inside a block is that of the next one. */
static void note_layout(const struct acledit_walk *walk, struct spot *spot)
{
    const struct acl_word *first = &walk->line.words[0];
    size_t at = acledit_offset_of(walk, first);
    size_t start = acledit_line_start(walk->text, at);
    spot->indent = (struct span){walk->text.chars + start, at - start};
    spot->gap_column = 0;
    if (walk->line.count > 1 && walk->line.words[1].place.line == first->place.line)
        spot->gap_column = walk->line.words[1].place.column - first->place.column;
}

static enum result find_spot(struct acledit_walk *walk,
                             const struct acledit_addition *addition, struct spot *out)
{
    bool is_inside = false, is_ours = false;
    enum result result;
    *out = (struct spot){.indent = {"    ", 4}, .knows_profile = true};
    while ((result = acledit_walk_next(walk)) == RES_OK && walk->line.count > 0) {
        const struct acl_line *line = &walk->line;
        bool opens = acl_line_ends_block(line);
        if (opens)
            is_ours = acl_line_opens_host(line, addition->host);
        else if (is_inside && (is_ours || !out->is_in_block))
            note_layout(walk, out);
        is_inside = opens ? acl_word_is(&line->words[0], "host") : is_inside;
        if (is_ours) {
            out->is_in_block = true;
            out->at = walk->lexer.at;
            out->knows_profile = true;
        }
        if (opens && line->count > 1 && acl_word_is(&line->words[0], "profile") &&
            acl_word_is(&line->words[1], addition->profile))
            out->knows_profile = !out->is_in_block;
    }
    if (!out->is_in_block || !out->knows_profile)
        *out = (struct spot){.at = walk->text.len};
    return result == RES_ENOTFOUND ? RES_OK : result;
}

static void add_line(struct acledit_draft *draft,
                     const struct acledit_addition *addition, const struct spot *spot)
{
    size_t profile_len = strlen(addition->profile);
    size_t gap = spot->gap_column > profile_len ? spot->gap_column - profile_len : 1;
    if (spot->is_in_block) {
        acledit_draft_add(draft, spot->indent.chars, spot->indent.len);
    } else {
        acledit_draft_string(draft, "grant ");
        acledit_draft_string(draft, addition->host_text);
        acledit_draft_string(draft, " ");
    }
    acledit_draft_string(draft, addition->profile);
    for (size_t i = 0; i < addition->word_count; i++) {
        for (size_t blanks = i == 0 ? gap : 1; blanks > 0; blanks--)
            acledit_draft_string(draft, " ");
        add_word(draft, addition->words[i]);
    }
    acledit_draft_string(draft, "\n");
}

/* Octets that the new line takes at most. */
static size_t most_of_line(const struct acledit_addition *addition,
                           const struct spot *spot)
{
    size_t most = spot->indent.len + spot->gap_column + strlen("grant ") +
                  strlen(addition->host_text) + strlen(addition->profile) + 16;
    for (size_t i = 0; i < addition->word_count; i++)
        most += 2 * strlen(addition->words[i]) + 3;
    return most;
}

static unsigned line_number(const char *chars, size_t at)
{
    unsigned line = 1;
    for (size_t i = 0; i < at; i++)
        line += chars[i] == '\n';
    return line;
}

static enum result insert_line(struct acledit_text text,
                               const struct acledit_addition *addition,
                               const struct spot *spot, struct arena *arena,
                               struct acledit_text *out, unsigned *out_line)
{
    struct acledit_draft draft = {
        .chars = arena_alloc(arena, text.len + most_of_line(addition, spot)),
    };
    if (draft.chars == NULL)
        return RES_EMEM;
    acledit_draft_add(&draft, text.chars, spot->at);
    if (spot->at > 0 && text.chars[spot->at - 1] != '\n')
        acledit_draft_string(&draft, "\n"); /* the last line had none */
    *out_line = line_number(draft.chars, draft.len);
    add_line(&draft, addition, spot);
    acledit_draft_add(&draft, text.chars + spot->at, text.len - spot->at);
    *out = (struct acledit_text){draft.chars, draft.len};
    return RES_OK;
}

enum result acledit_add(struct acledit_text text,
                        const struct acledit_addition *addition, struct arena *arena,
                        struct acledit_text *out, unsigned *out_line)
{
    for (size_t i = 0; i < addition->word_count; i++) {
        if (!is_printable(addition->words[i]))
            return RES_EFORMAT;
    }
    if (!is_printable(addition->host_text) || strchr(addition->host_text, ' ') != NULL)
        return RES_EFORMAT;
    struct acledit_walk walk;
    struct spot spot;
    acledit_walk_init(&walk, text);
    enum result result = find_spot(&walk, addition, &spot);
    acledit_walk_fini(&walk);
    if (result != RES_OK)
        return result;
    return insert_line(text, addition, &spot, arena, out, out_line);
}

/* ---- one grant less ---- */

/* A grant on its way to a smaller one. */
struct shrinking {
    const struct acledit_walk *walk;
    const struct acledit_removal *removal;
    size_t profile;    /* index of the profile's word */
    size_t options;    /* index of the first option */
    bool drops_names;  /* words are dropped in place: these names */
    bool drops_ports;  /* or these ports */
    bool needs_second; /* the dropped names keep the other ports */
};

static bool is_port(const struct acl_word *word)
{
    return memchr(word->text, '/', word->len) != NULL;
}

/* Whether removal drops the word of that index, of names or ports as it is one. */
static bool is_dropped(const struct shrinking *s, size_t index)
{
    size_t at = 0;
    const struct acl_word *words = s->walk->line.words;
    bool wants_port = is_port(&words[index]);
    for (size_t i = s->profile + 1; i < index; i++)
        at += is_port(&words[i]) == wants_port;
    return wants_port ? s->removal->drops_port[at] : s->removal->drops_name[at];
}

/* Whether the word goes from its own line. */
static bool goes(const struct shrinking *s, size_t index)
{
    if (index <= s->profile || index >= s->options)
        return false;
    bool may_go =
        is_port(&s->walk->line.words[index]) ? s->drops_ports : s->drops_names;
    return may_go && is_dropped(s, index);
}

/* Whether anything is left of the grant at all. */
static bool plan(struct shrinking *s)
{
    size_t kept[2] = {0, 0}, dropped[2] = {0, 0}; /* names, ports */
    for (size_t i = s->profile + 1; i < s->options; i++) {
        bool port = is_port(&s->walk->line.words[i]);
        if (is_dropped(s, i))
            dropped[port]++;
        else
            kept[port]++;
    }
    if (kept[0] == 0 && kept[1] == 0)
        return false;
    s->drops_ports = kept[0] == 0;
    s->drops_names = !s->drops_ports;
    s->needs_second = kept[0] > 0 && dropped[0] > 0 && kept[1] > 0;
    return true;
}

static bool is_at_line_end(struct acledit_text text, size_t at)
{
    return at == text.len || text.chars[at] == '\n' ||
           (text.chars[at] == '\\' &&
            (at + 1 == text.len || text.chars[at + 1] == '\n'));
}

/* One physical line of the statement, without its newline. */
struct physical {
    size_t start;
    size_t end;
    size_t first; /* index of its first word */
    size_t count; /* of words */
    bool stays;   /* it has a word that does, or a comment */
};

static struct physical physical_at(const struct shrinking *s, size_t start,
                                   size_t first)
{
    const struct acl_line *line = &s->walk->line;
    struct acledit_text text = s->walk->text;
    struct physical p = {.start = start, .end = start, .first = first};
    while (p.end < text.len && text.chars[p.end] != '\n')
        p.end++;
    size_t behind = start;
    while (first < line->count &&
           acledit_offset_of(s->walk, &line->words[first]) < p.end) {
        p.stays = p.stays || !goes(s, first);
        behind = acledit_offset_of(s->walk, &line->words[first]) +
                 word_span(&line->words[first]).len;
        p.count++;
        first++;
    }
    behind = skip_blanks(text, behind);
    p.stays = p.stays || !is_at_line_end(text, behind);
    return p;
}

/* The physical line without the words that go: with one word goes the gap behind it,
 * with the last one the gap before it. */
static void add_physical(const struct shrinking *s, const struct physical *p,
                         struct acledit_draft *draft)
{
    struct acledit_text text = s->walk->text;
    size_t at = p->start;
    for (size_t i = p->first; i < p->first + p->count; i++) {
        const struct acl_word *word = &s->walk->line.words[i];
        size_t from = acledit_offset_of(s->walk, word);
        if (!goes(s, i))
            continue;
        acledit_draft_add(draft, text.chars + at, from > at ? from - at : 0);
        size_t behind = skip_blanks(text, from + word_span(word).len);
        bool is_last = i + 1 == p->first + p->count;
        if (is_last) {
            while (draft->len > 0 && is_blank(draft->chars[draft->len - 1]))
                draft->len--;
            behind = from + word_span(word).len;
        }
        at = behind;
    }
    acledit_draft_add(draft, text.chars + at, p->end - at);
}

/* The last line of a statement continues no more. */
static void end_statement(struct acledit_draft *draft)
{
    if (draft->len > 0 && draft->chars[draft->len - 1] == '\\')
        draft->len--;
    while (draft->len > 0 && is_blank(draft->chars[draft->len - 1]))
        draft->len--;
}

static void add_rest_of_grant(const struct shrinking *s, size_t start, size_t end,
                              struct acledit_draft *draft)
{
    size_t first = 0;
    bool is_cut = false, has_line = false;
    for (size_t at = start; at < end;) {
        struct physical p = physical_at(s, at, first);
        first += p.count;
        at = p.end + 1;
        is_cut = !p.stays;
        if (!p.stays)
            continue;
        if (has_line)
            acledit_draft_string(draft, "\n");
        has_line = true;
        add_physical(s, &p, draft);
    }
    if (is_cut)
        end_statement(draft);
    if (s->walk->text.chars[end - 1] == '\n')
        acledit_draft_string(draft, "\n");
}

static void add_written(struct acledit_draft *draft, const struct acl_word *word)
{
    struct span span = word_span(word);
    acledit_draft_add(draft, span.chars, span.len);
}

/* The blanks between a word and the next one. */
static size_t gap_behind(const struct acl_word *word)
{
    if (word[1].place.line != word->place.line)
        return 1;
    return word[1].place.column - word->place.column - word_span(word).len;
}

/* The dropped names with the ports that they keep. */
static void add_second(const struct shrinking *s, struct acledit_draft *draft)
{
    const struct acl_line *line = &s->walk->line;
    size_t at = acledit_offset_of(s->walk, &line->words[0]);
    size_t start = acledit_line_start(s->walk->text, at);
    size_t gap = 0;
    if (draft->chars[draft->len - 1] != '\n')
        acledit_draft_string(draft, "\n");
    acledit_draft_add(draft, s->walk->text.chars + start, at - start);
    for (size_t i = 0; i < line->count; i++) {
        bool is_operand = i > s->profile && i < s->options;
        if (is_operand && is_dropped(s, i) == is_port(&line->words[i]))
            continue;
        for (; gap > 0; gap--)
            acledit_draft_string(draft, " ");
        add_written(draft, &line->words[i]);
        gap = i == s->profile ? gap_behind(&line->words[i]) : 1;
    }
    acledit_draft_string(draft, "\n");
}

/* Where the statement in hand begins: lines that hold nothing but a '\\' may stand
 * before its first word. */
static size_t statement_start(const struct acledit_walk *walk)
{
    struct acledit_text text = walk->text;
    size_t start =
        acledit_line_start(text, acledit_offset_of(walk, &walk->line.words[0]));
    while (start > 0) {
        size_t before = acledit_line_start(text, start - 1);
        size_t at = skip_blanks(text, before);
        if (text.chars[at] != '\\' || at + 2 != start)
            break;
        start = before;
    }
    return start;
}

static enum result shrink(struct shrinking *s, struct arena *arena,
                          struct acledit_text *out)
{
    const struct acledit_walk *walk = s->walk;
    size_t start = statement_start(walk);
    size_t end = walk->lexer.at;
    struct acledit_draft draft = {
        .chars = arena_alloc(arena, walk->text.len + 2 * (end - start) + 2),
    };
    if (draft.chars == NULL)
        return RES_EMEM;
    acledit_draft_add(&draft, walk->text.chars, start);
    if (plan(s)) {
        add_rest_of_grant(s, start, end, &draft);
        if (s->needs_second)
            add_second(s, &draft);
    }
    acledit_draft_add(&draft, walk->text.chars + end, walk->text.len - end);
    *out = (struct acledit_text){draft.chars, draft.len};
    return RES_OK;
}

/* Which word is the profile of the grant at that place; count: there is none. */
static size_t profile_at(const struct acl_line *line, struct place place)
{
    size_t i = 0;
    while (i < line->count && (line->words[i].place.line != place.line ||
                               line->words[i].place.column != place.column))
        i++;
    return i;
}

enum result acledit_remove(struct acledit_text text,
                           const struct acledit_removal *removal, struct arena *arena,
                           struct acledit_text *out)
{
    struct acledit_walk walk;
    struct shrinking s = {.walk = &walk, .removal = removal};
    enum result result;
    acledit_walk_init(&walk, text);
    while ((result = acledit_walk_next(&walk)) == RES_OK) {
        s.profile = profile_at(&walk.line, removal->place);
        if (s.profile < walk.line.count)
            break;
    }
    if (result == RES_OK) {
        s.options = s.profile + 1;
        while (s.options < walk.line.count &&
               !acl_word_is_option(&walk.line.words[s.options]))
            s.options++;
        result = shrink(&s, arena, out);
    }
    acledit_walk_fini(&walk);
    return result;
}

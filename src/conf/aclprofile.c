/* `profile NAME` and the statements of its block. */
#include "conf/aclparse.h"

#include "base/limits.h"
#include "dns/type.h"

#define TTL_DEFAULT_MAX_S 3600 /* of a profile without `ttl` */

enum {
    OPS_DEFAULT = 1 << UPDATE_ADD | 1 << UPDATE_DELETE | 1 << UPDATE_DELETE_RRSET |
                  1 << UPDATE_PREREQ,
};

static const struct acl_terms default_terms = {
    .ops = OPS_DEFAULT,
    .max_records = LIMIT_ADDS_PER_RRSET,
    .ttl_max_s = TTL_DEFAULT_MAX_S,
    .check = {.kind = ACL_CHECK_ANY, .text = "any"},
};

/* Words that mean something else already, or might be taken for an option. */
static const char *const keywords[] = {
    "alias", "broad",      "check",   "dangerous", "every-host",  "from",
    "grant", "host",       "key",     "may",       "max-records", "not-after",
    "owner", "not-before", "profile", "ttl",       "ttl-mode",    "type",
};

bool acl_profile_is_broken(const struct acl_profile *profile)
{
    return profile->terms.type_count == 0;
}

/* ---- statements ---- */

static enum result parse_owner(struct acl_parser *parser, const struct acl_line *line)
{
    struct acl_name_word owner = {0};
    enum result result = acl_name_word_parse(
        parser, &line->words[1],
        ACL_HAS_NAME | ACL_HAS_HOST | ACL_HAS_PORT | ACL_HAS_PROTO | ACL_HAS_STAR,
        &parser->source->arena, &owner);
    if (result != RES_OK)
        return result;
    unsigned kinds = acl_template_kinds(&owner.template);
    const char *complaint = NULL;
    if ((kinds & (ACL_HAS_NAME | ACL_HAS_HOST)) == 0) {
        complaint = "all grants of it would reach the same owner: say where {name} or "
                    "{host} stands";
    } else if (((kinds & ACL_HAS_PORT) != 0) != ((kinds & ACL_HAS_PROTO) != 0)) {
        complaint = "{port} and {proto} come from one word, so an owner has both or "
                    "none";
    }
    if (complaint != NULL) {
        diags_error(parser->diags, line->words[1].place, "acl-profile", "`%s`: %s",
                    owner.text, complaint);
        return RES_EFORMAT;
    }
    struct acl_profile *profile = parser->draft.profile;
    profile->owner = owner.template;
    profile->wants_port = (kinds & ACL_HAS_PORT) != 0;
    profile->owner_is_name = owner.template.count == 1 && (kinds & ACL_HAS_NAME) != 0;
    return RES_OK;
}

/* types are listed one by one, and some never are. */
static enum result parse_type(struct acl_parser *parser, const struct acl_word *word,
                              struct acl_terms *terms)
{
    uint16_t type = 0;
    const char *complaint = NULL;
    if (type_from_name(word->text, &type) != RES_OK ||
        type_standing_of(type) == TYPE_IS_UNKNOWN)
        complaint = "no record type that can be granted";
    else if (type_standing_of(type) == TYPE_IS_NEVER ||
             type_standing_of(type) == TYPE_IS_META)
        complaint = "this type is never granted";
    if (complaint == NULL && acl_terms_have_type(terms, type))
        complaint = "a second time";
    if (complaint == NULL && terms->type_count == ACL_TYPES_MAX)
        complaint = "too many types";
    if (complaint != NULL) {
        diags_error(parser->diags, word->place, "acl-type", "`%s`: %s", word->text,
                    complaint);
        return RES_EFORMAT;
    }
    parser->draft.type_places[terms->type_count] = word->place;
    terms->types[terms->type_count++] = type;
    return RES_OK;
}

static enum result parse_types(struct acl_parser *parser, const struct acl_line *line)
{
    enum result all = RES_OK;
    for (size_t i = 1; i < line->count; i++) {
        enum result result =
            parse_type(parser, &line->words[i], &parser->draft.profile->terms);
        all = result != RES_OK ? result : all;
    }
    return all;
}

static enum result parse_check(struct acl_parser *parser, const struct acl_line *line)
{
    struct acl_check *check = &parser->draft.profile->terms.check;
    parser->draft.check_place = line->words[1].place;
    enum result result =
        acl_check_parse(parser, line->words + 1, line->count - 1, check);
    if (result != RES_OK)
        *check =
            default_terms.check; /* which fits all types: that is no second error */
    return result;
}

static enum result parse_ttl(struct acl_parser *parser, const struct acl_line *line)
{
    return acl_ttl_parse(parser, &line->words[1], &parser->draft.profile->terms);
}

static enum result parse_may(struct acl_parser *parser, const struct acl_line *line)
{
    return acl_may_parse(parser, line->words + 1, line->count - 1,
                         &parser->draft.profile->terms);
}

static enum result parse_max_records(struct acl_parser *parser,
                                     const struct acl_line *line)
{
    return acl_max_records_parse(parser, &line->words[1],
                                 &parser->draft.profile->terms);
}

static enum result parse_dangerous(struct acl_parser *parser,
                                   const struct acl_line *line)
{
    (void)line;
    parser->draft.profile->terms.is_dangerous = true;
    return RES_OK;
}

enum { OWNER, TYPE, CHECK, TTL, MAY, MAX_RECORDS, DANGEROUS, STATEMENTS };

static const struct {
    const char *name;
    const char *usage;
    size_t min_words, max_words; /* with the statement itself; max 0: no limit */
    enum result (*parse)(struct acl_parser *parser, const struct acl_line *line);
} statements[STATEMENTS] = {
    [OWNER] = {"owner", "owner TEMPLATE", 2, 2, parse_owner},
    [TYPE] = {"type", "type TYPE...", 2, 0, parse_types},
    [CHECK] = {"check", "check CHECK ARGUMENT...", 2, 0, parse_check},
    [TTL] = {"ttl", "ttl MIN..MAX", 2, 2, parse_ttl},
    [MAY] = {"may", "may OPERATION...", 2, 0, parse_may},
    [MAX_RECORDS] = {"max-records", "max-records N", 2, 2, parse_max_records},
    [DANGEROUS] = {"dangerous", "dangerous", 1, 1, parse_dangerous},
};

static size_t statement_of(const struct acl_word *word)
{
    size_t i = 0;
    while (i < STATEMENTS && !acl_word_is(word, statements[i].name))
        i++;
    return i;
}

bool acl_profile_has_statement(const struct acl_word *word)
{
    return statement_of(word) < STATEMENTS;
}

void acl_profile_guess(struct guess *guess)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        guess_add(guess, statements[i].name);
}

/* Once in a profile, with the right number of words. */
static enum result check_line(struct acl_parser *parser, const struct acl_line *line,
                              size_t statement)
{
    const struct acl_word *word = &line->words[0];
    size_t max_words = statements[statement].max_words;
    if ((parser->draft.seen & (1u << statement)) != 0) {
        diags_error(parser->diags, word->place, "acl-profile",
                    "`%s`: each statement stands once in a profile", word->text);
        return RES_EFORMAT;
    }
    if (line->count < statements[statement].min_words ||
        (max_words != 0 && line->count > max_words)) {
        diags_error(parser->diags, word->place, "acl-profile", "`%s`: write %s",
                    word->text, statements[statement].usage);
        return RES_EFORMAT;
    }
    return RES_OK;
}

enum result acl_profile_statement(struct acl_parser *parser,
                                  const struct acl_line *line)
{
    struct acl_draft *draft = &parser->draft;
    size_t statement = statement_of(&line->words[0]);
    enum result result = check_line(parser, line, statement);
    if (result == RES_OK)
        result = statements[statement].parse(parser, line);
    draft->seen |= 1u << statement;
    draft->is_broken = draft->is_broken || result != RES_OK;
    return result;
}

/* ---- the block ---- */

static const char *name_complaint(const struct acl_word *word)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
        if (acl_word_is(word, keywords[i]))
            return "this is a word of the language: choose another name";
    for (size_t i = 0; i < word->len; i++) {
        char c = word->text[i];
        bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-'))) {
            return "a profile's name is a lower-case letter, then those, digits and "
                   "`-`";
        }
    }
    return word->len == 0 || word->len > LIMIT_PROFILE_OCTETS
               ? "a profile's name has 1 to 63 octets"
               : NULL;
}

/* The name is free, or whose it is is said. */
static enum result check_name(struct acl_parser *parser, const struct acl_word *word)
{
    const char *complaint = name_complaint(word);
    const struct acl_profile *other =
        map_get(&parser->source->profile_by_name, word->text, word->len);
    if (complaint != NULL) {
        diags_error(parser->diags, word->place, "acl-profile", "`%s`: %s", word->text,
                    complaint);
    } else if (other != NULL && other->is_stock && !parser->is_stock) {
        diags_error(parser->diags, word->place, "acl-profile",
                    "`%s` is a stock profile, which no site redefines: choose another "
                    "name",
                    word->text);
    } else if (other != NULL) {
        diags_error(parser->diags, word->place, "acl-profile",
                    "`%s` is defined already, at %s:%u", word->text, other->place.file,
                    other->place.line);
    } else {
        return RES_OK;
    }
    return RES_EFORMAT;
}

static enum result register_profile(struct acl_parser *parser,
                                    const struct acl_word *word,
                                    struct acl_profile *profile)
{
    struct acl_source *source = parser->source;
    profile->name = arena_string_n(&source->arena, word->text, word->len);
    profile->is_stock = parser->is_stock;
    profile->place = word->place;
    if (profile->name == NULL)
        return RES_EMEM;
    return map_put(&source->profile_by_name, profile->name, word->len, profile);
}

enum result acl_profile_open(struct acl_parser *parser, const struct acl_line *line)
{
    parser->draft = (struct acl_draft){0};
    parser->block = ACL_BLOCK_PROFILE;
    /* Without a name the statements are still looked at. */
    struct acl_profile *profile = arena_alloc(&parser->source->arena, sizeof(*profile));
    if (profile == NULL)
        return RES_EMEM;
    profile->terms = default_terms;
    profile->terms.profile = profile;
    parser->draft.profile = profile;
    enum result result = RES_EFORMAT;
    if (line->count != 2) {
        diags_error(parser->diags, line->words[0].place, "acl-profile",
                    "write profile NAME");
    } else {
        result = check_name(parser, &line->words[1]);
    }
    if (result == RES_OK)
        return register_profile(parser, &line->words[1], profile);
    acl_profile_lose_line(parser);
    return result;
}

void acl_profile_lose_line(struct acl_parser *parser)
{
    parser->draft.is_broken = true;
    parser->draft.lacks_lines = true;
}

static enum result check_types(struct acl_parser *parser)
{
    const struct acl_draft *draft = &parser->draft;
    const struct acl_terms *terms = &draft->profile->terms;
    bool is_tame = !draft->lacks_lines && (draft->seen & (1u << DANGEROUS)) == 0;
    enum result result = RES_OK;
    for (size_t i = 0; i < terms->type_count; i++) {
        uint16_t type = terms->types[i];
        if (type_standing_of(type) == TYPE_IS_DANGEROUS && is_tame) {
            diags_error(parser->diags, draft->type_places[i], "acl-type",
                        "`%s`: who may write this has the zone below it, or all of it: "
                        "only in a profile that says `dangerous`",
                        type_name(type));
            result = RES_EFORMAT;
        }
        if (!acl_check_fits(&terms->check, type)) {
            diags_error(parser->diags, draft->check_place, "acl-check",
                        "`%s` judges %s, not %s", terms->check.text,
                        acl_check_types(&terms->check), type_name(type));
            result = RES_EFORMAT;
        }
    }
    return result;
}

/* What no profile does without. */
static enum result check_missing(struct acl_parser *parser)
{
    static const size_t needed[] = {OWNER, TYPE};
    const struct acl_draft *draft = &parser->draft;
    enum result result = RES_OK;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!draft->lacks_lines && (draft->seen & (1u << needed[i])) == 0) {
            diags_error(parser->diags, draft->profile->place, "acl-profile",
                        "profile `%s` has no `%s`", draft->profile->name,
                        statements[needed[i]].name);
            result = RES_EFORMAT;
        }
    }
    return result;
}

enum result acl_profile_close(struct acl_parser *parser)
{
    struct acl_draft *draft = &parser->draft;
    parser->block = ACL_BLOCK_NONE;
    enum result missing = check_missing(parser);
    enum result types = check_types(parser);
    if (draft->is_broken || missing != RES_OK || types != RES_OK)
        draft->profile->terms.type_count = 0;
    return missing != RES_OK ? missing : types;
}

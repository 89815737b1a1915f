/* TTL bounds, operations, limits, and the options of a grant that override them. */
#include "conf/aclparse.h"

#include <string.h>

#include "base/limits.h"

bool acl_number_parse(const char *chars, size_t len, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    if (len == 0 || len > 10 || (len > 1 && chars[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (chars[i] < '0' || chars[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(chars[i] - '0');
    }
    *out = (uint32_t)value;
    return value <= max;
}

enum result acl_ttl_parse(struct acl_parser *parser, const struct acl_word *value,
                          struct acl_terms *terms)
{
    const char *dots = strstr(value->text, "..");
    uint32_t min = 0, max = 0;
    bool is_pair = dots != NULL &&
                   acl_number_parse(value->text, (size_t)(dots - value->text),
                                    LIMIT_TTL_S, &min) &&
                   acl_number_parse(dots + 2, strlen(dots + 2), LIMIT_TTL_S, &max);
    if (!is_pair || min > max) {
        diags_error(parser->diags, value->place, "acl-ttl",
                    "`%s`: write MIN..MAX in seconds, as 60..300, up to %d",
                    value->text, LIMIT_TTL_S);
        return RES_EFORMAT;
    }
    terms->ttl_min_s = min;
    terms->ttl_max_s = max;
    return RES_OK;
}

enum result acl_max_records_parse(struct acl_parser *parser,
                                  const struct acl_word *value, struct acl_terms *terms)
{
    uint32_t number = 0;
    if (!acl_number_parse(value->text, value->len, UINT16_MAX, &number) ||
        number == 0) {
        diags_error(parser->diags, value->place, "acl-max-records",
                    "`%s`: write a number from 1 to %d", value->text, UINT16_MAX);
        return RES_EFORMAT;
    }
    terms->max_records = (uint16_t)number;
    return RES_OK;
}

/* ---- operations ---- */

static enum result bad_operation(struct acl_parser *parser, const struct acl_word *word)
{
    struct guess guess = guess_of(word->text);
    for (int op = UPDATE_UNDECIDED + 1; op < UPDATE_OPS; op++)
        guess_add(&guess, update_op_name((enum update_op)op));
    diags_error(parser->diags, word->place, "acl-may",
                "`%s`: no operation; there are add, delete, delete-rrset, delete-name, "
                "prereq and prereq-any%s%s",
                word->text, guess_lead(&guess), guess_text(&guess));
    return RES_EFORMAT;
}

enum result acl_may_parse(struct acl_parser *parser, const struct acl_word *words,
                          size_t count, struct acl_terms *terms)
{
    enum result result = RES_OK;
    unsigned ops = 0;
    for (size_t i = 0; i < count; i++) {
        enum update_op op = UPDATE_UNDECIDED;
        if (update_op_named(words[i].text, &op) != RES_OK) {
            result = bad_operation(parser, &words[i]);
        } else if ((ops & (1u << op)) != 0) {
            diags_error(parser->diags, words[i].place, "acl-may", "`%s` a second time",
                        words[i].text);
            result = RES_EFORMAT;
        }
        ops |= 1u << op;
    }
    terms->ops = (uint8_t)ops;
    return result;
}

/* ---- options ---- */

struct option {
    struct acl_parser *parser;
    const struct acl_word *word;
    struct acl_word value; /* what stands behind the '=' */
    struct acl_terms *terms;
};

static enum result apply_ttl(const struct option *option)
{
    return acl_ttl_parse(option->parser, &option->value, option->terms);
}

static enum result apply_ttl_mode(const struct option *option)
{
    bool refuses = acl_word_is(&option->value, "refuse");
    if (!refuses && !acl_word_is(&option->value, "clamp")) {
        diags_error(option->parser->diags, option->value.place, "acl-option",
                    "`%s`: write ttl-mode=clamp or ttl-mode=refuse",
                    option->value.text);
        return RES_EFORMAT;
    }
    option->terms->ttl_refuses = refuses;
    return RES_OK;
}

static enum result apply_may(const struct option *option)
{
    struct acl_word ops[2 * UPDATE_OPS];
    const struct acl_word *word = option->word;
    size_t count = 0;
    size_t at = word->len - option->value.len;
    while (at <= word->len && count < 2 * UPDATE_OPS) {
        size_t len = strcspn(word->text + at, ",");
        if (acllex_part(option->parser, word, at, len, &ops[count++]) != RES_OK)
            return RES_EMEM;
        at += len + 1;
    }
    return acl_may_parse(option->parser, ops, count, option->terms);
}

static enum result apply_max_records(const struct option *option)
{
    return acl_max_records_parse(option->parser, &option->value, option->terms);
}

/* A regular expression is all that stands behind `match`, so that it is quoted once. */
static enum result split_check(const struct option *option, struct acl_line *out)
{
    static const char match[] = "match ";
    const struct acl_word *word = option->word;
    size_t at = word->len - option->value.len;
    if (strncmp(option->value.text, match, strlen(match)) != 0)
        return acllex_split_part(option->parser, word, at, out);
    size_t regex_at = at + strlen(match);
    regex_at += strspn(word->text + regex_at, " ");
    out->count = 2;
    out->words = arena_array(&option->parser->scratch, 2, sizeof(*out->words));
    if (out->words == NULL || acllex_part(option->parser, word, at, strlen("match"),
                                          &out->words[0]) != RES_OK)
        return RES_EMEM;
    return acllex_part(option->parser, word, regex_at, word->len - regex_at,
                       &out->words[1]);
}

static enum result apply_check(const struct option *option)
{
    struct acl_line words = {0};
    enum result result = split_check(option, &words);
    if (result != RES_OK)
        return result;
    if (words.count == 0) {
        diags_error(option->parser->diags, option->value.place, "acl-check",
                    "check= without a check");
        return RES_EFORMAT;
    }
    struct acl_terms *terms = option->terms;
    result = acl_check_parse(option->parser, words.words, words.count, &terms->check);
    for (size_t i = 0; result == RES_OK && i < terms->type_count; i++) {
        if (!acl_check_fits(&terms->check, terms->types[i])) {
            diags_error(option->parser->diags, words.words[0].place, "acl-check",
                        "`%s` judges %s, not the types of this profile",
                        words.words[0].text, acl_check_types(&terms->check));
            result = RES_EFORMAT;
        }
    }
    return result;
}

static enum result apply_broad(const struct option *option)
{
    option->terms->is_broad = true;
    return RES_OK;
}

static const struct {
    const char *name; /* with its '=' where it has a value */
    enum result (*apply)(const struct option *option);
} options[] = {
    {"ttl=", apply_ttl},     {"ttl-mode=", apply_ttl_mode},
    {"may=", apply_may},     {"max-records=", apply_max_records},
    {"check=", apply_check}, {"broad", apply_broad},
};
enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

bool acl_word_is_option(const struct acl_word *word)
{
    return acl_word_is(word, "broad") || memchr(word->text, '=', word->len) != NULL;
}

static enum result unknown_option(struct acl_parser *parser,
                                  const struct acl_word *word)
{
    size_t len = strcspn(word->text, "=");
    struct acl_word name;
    if (acllex_part(parser, word, 0, len + (word->text[len] == '='), &name) != RES_OK)
        return RES_EMEM;
    struct guess guess = guess_of(name.text);
    for (size_t i = 0; i < OPTIONS; i++)
        guess_add(&guess, options[i].name);
    diags_error(parser->diags, word->place, "acl-option", "`%s`: no such option%s%s",
                name.text, guess_lead(&guess), guess_text(&guess));
    return RES_EFORMAT;
}

static enum result apply_option(struct acl_parser *parser, const struct acl_word *word,
                                struct acl_terms *terms, unsigned *seen)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t len = strlen(options[i].name);
        bool has_value = options[i].name[len - 1] == '=';
        if (strncmp(word->text, options[i].name, len) != 0 ||
            (!has_value && word->len != len))
            continue;
        if ((*seen & (1u << i)) != 0) {
            diags_error(parser->diags, word->place, "acl-option",
                        "`%s`: each option stands once", word->text);
            return RES_EFORMAT;
        }
        *seen |= 1u << i;
        struct option option = {.parser = parser, .word = word, .terms = terms};
        if (acllex_part(parser, word, len, word->len - len, &option.value) != RES_OK)
            return RES_EMEM;
        return options[i].apply(&option);
    }
    return unknown_option(parser, word);
}

enum result acl_options_parse(struct acl_parser *parser, const struct acl_word *words,
                              size_t count, const struct acl_profile *profile,
                              const struct acl_terms **out)
{
    *out = &profile->terms;
    if (count == 0)
        return RES_OK;
    struct acl_terms *terms =
        arena_copy(&parser->source->arena, &profile->terms, sizeof(*terms));
    if (terms == NULL)
        return RES_EMEM;
    *out = terms;
    enum result all = RES_OK;
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        enum result result = RES_EFORMAT;
        if (acl_word_is_option(&words[i])) {
            result = apply_option(parser, &words[i], terms, &seen);
        } else {
            diags_error(parser->diags, words[i].place, "acl-option",
                        "`%s` behind an option: options come last", words[i].text);
        }
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
    }
    return all;
}

/* ---- terms ---- */

bool acl_terms_have_type(const struct acl_terms *terms, uint16_t type)
{
    for (size_t i = 0; i < terms->type_count; i++) {
        if (terms->types[i] == type)
            return true;
    }
    return false;
}

bool acl_is_same_terms(const struct acl_terms *a, const struct acl_terms *b)
{
    if (a == b)
        return true;
    return a->type_count == b->type_count &&
           memcmp(a->types, b->types, a->type_count * sizeof(*a->types)) == 0 &&
           a->ops == b->ops && a->ttl_refuses == b->ttl_refuses &&
           a->max_records == b->max_records && a->ttl_min_s == b->ttl_min_s &&
           a->ttl_max_s == b->ttl_max_s && a->check.kind == b->check.kind &&
           (a->check.text == b->check.text ||
            (a->check.text != NULL && b->check.text != NULL &&
             strcmp(a->check.text, b->check.text) == 0));
}

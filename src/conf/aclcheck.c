/*
 * `check CHECK ARGS...` and the option check="...": what values of adds have to be
 * like. Here the arguments are read; policy/check judges values by them.
 */
#include "conf/aclparse.h"

#include <string.h>

#include "dns/type.h"

struct check_row {
    const char *name;
    const char *usage; /* of the arguments; NULL: there are none */
    enum acl_check_kind kind;
    bool may_be_bare;  /* in a profile: each grant then has to say */
    uint16_t types[2]; /* that it can judge; 0: any */
    const char *types_text;
};

static const struct check_row rows[] = {
    {"any", NULL, ACL_CHECK_ANY, false, {0, 0}, "any type"},
    {"acme-token", NULL, ACL_CHECK_ACME_TOKEN, false, {TYPE_TXT, 0}, "TXT"},
    {"tlsa", "U-S-M...", ACL_CHECK_TLSA, false, {TYPE_TLSA, 0}, "TLSA"},
    {"source-address",
     NULL,
     ACL_CHECK_SOURCE_ADDRESS,
     false,
     {TYPE_A, TYPE_AAAA},
     "A and AAAA"},
    {"svcb-service",
     NULL,
     ACL_CHECK_SVCB_SERVICE,
     false,
     {TYPE_SVCB, TYPE_HTTPS},
     "SVCB and HTTPS"},
    {"caa-value", "TAG=VALUE...", ACL_CHECK_CAA_VALUE, true, {TYPE_CAA, 0}, "CAA"},
    {"acme-persist",
     "ISSUER ACCOUNTURI",
     ACL_CHECK_ACME_PERSIST,
     true,
     {TYPE_TXT, 0},
     "TXT"},
    {"match", "REGEX", ACL_CHECK_MATCH, false, {0, 0}, "any type"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct check_row *row_named(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Of a check that was parsed; its text begins with its name. */
static const struct check_row *row_of(const struct acl_check *check)
{
    size_t len = strcspn(check->text, " ");
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == len && strncmp(rows[i].name, check->text, len) == 0)
            return &rows[i];
    return &rows[0];
}

bool acl_check_fits(const struct acl_check *check, uint16_t type)
{
    const uint16_t *types = row_of(check)->types;
    return types[0] == 0 || types[0] == type || types[1] == type;
}

const char *acl_check_types(const struct acl_check *check)
{
    return row_of(check)->types_text;
}

static enum result argument_error(struct acl_parser *parser,
                                  const struct acl_word *word, const char *message)
{
    diags_error(parser->diags, word->place, "acl-check", "`%s`: %s", word->text,
                message);
    return RES_EFORMAT;
}

/* ---- tlsa ---- */

/* matching 0 (the whole certificate) is not offered. */
static bool parse_triple(const struct acl_word *word, struct acl_tlsa_params *out)
{
    const char *c = word->text;
    if (word->len != 5 || c[1] != '-' || c[3] != '-' || c[0] < '0' || c[0] > '3' ||
        c[2] < '0' || c[2] > '1' || c[4] < '1' || c[4] > '2')
        return false;
    *out = (struct acl_tlsa_params){
        .usage = (uint8_t)(c[0] - '0'),
        .selector = (uint8_t)(c[2] - '0'),
        .matching = (uint8_t)(c[4] - '0'),
    };
    return true;
}

static enum result parse_tlsa(struct acl_parser *parser, const struct acl_word *words,
                              size_t count, struct acl_check *out)
{
    struct acl_tlsa_params *params =
        arena_array(&parser->source->arena, count, sizeof(*params));
    if (params == NULL)
        return RES_EMEM;
    enum result result = RES_OK;
    for (size_t i = 0; i < count; i++) {
        if (!parse_triple(&words[i], &params[i])) {
            result = argument_error(parser, &words[i],
                                    "write USAGE-SELECTOR-MATCHING, as 3-1-1: usage 0 "
                                    "to 3, selector 0 or 1, matching 1 or 2");
        }
    }
    out->tlsa = params;
    out->count = count;
    return result;
}

/* ---- caa-value ---- */

/* RFC 8659 4.1: tags are letters and digits. */
static bool is_tag(const char *chars, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = chars[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9')))
            return false;
    }
    return len > 0 && len <= 255;
}

static enum result parse_caa(struct acl_parser *parser, const struct acl_word *words,
                             size_t count, struct acl_check *out)
{
    struct arena *arena = &parser->source->arena;
    struct acl_caa_pair *pairs = arena_array(arena, count, sizeof(*pairs));
    if (pairs == NULL)
        return RES_EMEM;
    enum result result = RES_OK;
    for (size_t i = 0; i < count; i++) {
        size_t tag_len = strcspn(words[i].text, "=");
        if (!is_tag(words[i].text, tag_len) || words[i].len < tag_len + 2) {
            result = argument_error(parser, &words[i],
                                    "write TAG=VALUE, as issue=ca.example");
            continue;
        }
        pairs[i].tag = arena_string_n(arena, words[i].text, tag_len);
        pairs[i].value = arena_string(arena, words[i].text + tag_len + 1);
        if (pairs[i].tag == NULL || pairs[i].value == NULL)
            return RES_EMEM;
    }
    out->caa = pairs;
    out->count = count;
    return result;
}

/* ---- acme-persist and match ---- */

/* Neither may hold what separates the parts of such a record. */
static enum result parse_persist(struct acl_parser *parser,
                                 const struct acl_word *words, struct acl_check *out)
{
    struct name_buf name;
    enum result result = acl_plain_name_parse(parser, &words[0], &name);
    if (result == RES_EMEM)
        return result;
    if (strstr(words[1].text, ":") == NULL || strpbrk(words[1].text, "; \"") != NULL) {
        result = argument_error(parser, &words[1],
                                "this is the account's URI, as "
                                "https://ca.example/acct/42");
    }
    out->issuer = arena_string(&parser->source->arena, words[0].text);
    out->account_uri = arena_string(&parser->source->arena, words[1].text);
    return out->issuer == NULL || out->account_uri == NULL ? RES_EMEM : result;
}

static enum result parse_arguments(struct acl_parser *parser,
                                   const struct check_row *row,
                                   const struct acl_word *words, size_t count,
                                   struct acl_check *out)
{
    switch (row->kind) {
    case ACL_CHECK_TLSA:
        return parse_tlsa(parser, words, count, out);
    case ACL_CHECK_CAA_VALUE:
        return parse_caa(parser, words, count, out);
    case ACL_CHECK_ACME_PERSIST:
        return parse_persist(parser, words, out);
    case ACL_CHECK_MATCH:
        return acl_regex_parse(parser, words, &out->regex);
    case ACL_CHECK_ANY:
    case ACL_CHECK_ACME_TOKEN:
    case ACL_CHECK_SOURCE_ADDRESS:
    case ACL_CHECK_SVCB_SERVICE:
        return RES_OK;
    case ACL_CHECK_MISSING:
        break;
    }
    return RES_EBUG;
}

/* The words as they would stand in a profile. */
static const char *text_of(struct acl_parser *parser, const struct acl_word *words,
                           size_t count)
{
    const char *text = words[0].text;
    for (size_t i = 1; i < count && text != NULL; i++) {
        bool has_blank = strchr(words[i].text, ' ') != NULL;
        text = arena_printf(&parser->scratch, has_blank ? "%s \"%s\"" : "%s %s", text,
                            words[i].text);
    }
    return text == NULL ? NULL : arena_string(&parser->source->arena, text);
}

/* How many arguments a check has, where that is not "one or more". */
static bool is_count_right(const struct check_row *row, size_t count)
{
    if (row->usage == NULL)
        return count == 0;
    if (row->kind == ACL_CHECK_MATCH)
        return count == 1;
    if (row->kind == ACL_CHECK_ACME_PERSIST)
        return count == 2;
    return count > 0;
}

static enum result unknown_check(struct acl_parser *parser, const struct acl_word *word)
{
    struct guess guess = guess_of(word->text);
    for (size_t i = 0; i < ROWS; i++)
        guess_add(&guess, rows[i].name);
    diags_error(parser->diags, word->place, "acl-check", "`%s`: no such check%s%s",
                word->text, guess_lead(&guess), guess_text(&guess));
    return RES_EFORMAT;
}

enum result acl_check_parse(struct acl_parser *parser, const struct acl_word *words,
                            size_t count, struct acl_check *out)
{
    *out = (struct acl_check){0};
    const struct check_row *row = row_named(words[0].text);
    if (row == NULL)
        return unknown_check(parser, &words[0]);
    out->text = text_of(parser, words, count);
    if (out->text == NULL)
        return RES_EMEM;
    if (count == 1 && row->may_be_bare)
        return RES_OK; /* ACL_CHECK_MISSING */
    if (!is_count_right(row, count - 1)) {
        diags_error(parser->diags, words[0].place, "acl-check", "`%s`: write %s %s",
                    words[0].text, row->name,
                    row->usage != NULL ? row->usage : "and no arguments");
        return RES_EFORMAT;
    }
    out->kind = row->kind;
    return parse_arguments(parser, row, words + 1, count - 1, out);
}

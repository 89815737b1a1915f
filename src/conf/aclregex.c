/*
 * The regular expressions of `check match`: POSIX extended, in the C locale, of bounded
 * size. What POSIX leaves undefined is refused, and so is what would cost without
 * bound: back-references, counted repetitions within counted repetitions.
 */
#include "conf/aclparse.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct regex_scan {
    const char *chars; /* NUL-terminated */
    size_t at;
    unsigned depth;   /* of open groups */
    uint32_t counted; /* bit per depth: the group there has a counted repetition */
    unsigned counts;  /* the sum of all upper bounds */
    bool has_atom;    /* something that can be repeated stands before */
    bool is_repeated; /* and is repeated already */
    bool is_counted;  /* it is a group that has a counted repetition */
};

static void set_atom(struct regex_scan *scan, bool is_counted)
{
    scan->has_atom = true;
    scan->is_repeated = false;
    scan->is_counted = is_counted;
}

static const char *scan_escape(struct regex_scan *scan)
{
    char c = scan->chars[scan->at + 1];
    if (c >= '0' && c <= '9')
        return "back-references are not offered";
    if (c == '\0' || strchr(".[]()*+?{}|^$\\/\"-", c) == NULL)
        return "a backslash stands before one of .[]()*+?{}|^$\\ only";
    scan->at += 2;
    set_atom(scan, false);
    return NULL;
}

/* POSIX 9.3.5: a ] at the start is meant as such, and so is every backslash. */
static const char *scan_bracket(struct regex_scan *scan)
{
    const char *c = scan->chars + scan->at + 1;
    c += *c == '^';
    c += *c == ']';
    while (*c != '\0' && *c != ']') {
        if (*c == '[' && (c[1] == ':' || c[1] == '.' || c[1] == '=')) {
            const char close[] = {c[1], ']', '\0'};
            c = strstr(c + 2, close);
            if (c == NULL)
                break;
            c++;
        }
        c++;
    }
    if (c == NULL || *c == '\0')
        return "a [ that is not closed";
    scan->at = (size_t)(c + 1 - scan->chars);
    set_atom(scan, false);
    return NULL;
}

static const char *scan_group(struct regex_scan *scan)
{
    if (scan->chars[scan->at++] == '(') {
        if (++scan->depth > 31)
            return "groups within groups, more than 31 deep";
        scan->counted &= ~((uint32_t)1 << scan->depth);
        scan->has_atom = false;
        return NULL;
    }
    /* It would end the group that the whole is put into, and with it the anchors. */
    if (scan->depth == 0)
        return "a ) that closes nothing";
    bool is_counted = (scan->counted >> scan->depth & 1) != 0;
    scan->depth--;
    scan->counted |= (uint32_t)is_counted << scan->depth;
    set_atom(scan, is_counted);
    return NULL;
}

/* {N}, {N,} or {N,M}. */
static const char *scan_count(struct regex_scan *scan)
{
    char *end = NULL;
    const char *c = scan->chars + scan->at + 1;
    if (*c < '0' || *c > '9')
        return "a { that is no {N}, {N,} or {N,M}";
    unsigned long low = strtoul(c, &end, 10), high = low;
    if (*end == ',') {
        c = end + 1;
        end++;
        if (*c >= '0' && *c <= '9')
            high = strtoul(c, &end, 10);
    }
    if (*end != '}' || high < low)
        return "a { that is no {N}, {N,} or {N,M}";
    if (scan->is_counted)
        return "a counted repetition of a group that has one";
    if (high > LIMIT_REGEX_COUNTS || scan->counts + high > LIMIT_REGEX_COUNTS)
        return "counted repetitions that together exceed the limit";
    scan->counts += (unsigned)high;
    scan->counted |= (uint32_t)1 << scan->depth;
    scan->at = (size_t)(end + 1 - scan->chars);
    return NULL;
}

static const char *scan_repetition(struct regex_scan *scan)
{
    if (!scan->has_atom)
        return "a repetition of nothing";
    if (scan->is_repeated)
        return "two repetitions in a row";
    scan->is_repeated = true;
    if (scan->chars[scan->at] == '{')
        return scan_count(scan);
    scan->at++;
    return NULL;
}

/* What is wrong with the expression; NULL: nothing. */
static const char *regex_complaint(const char *text)
{
    struct regex_scan scan = {.chars = text};
    const char *complaint = NULL;
    while (complaint == NULL && text[scan.at] != '\0') {
        switch (text[scan.at]) {
        case '\\':
            complaint = scan_escape(&scan);
            break;
        case '[':
            complaint = scan_bracket(&scan);
            break;
        case '(':
        case ')':
            complaint = scan_group(&scan);
            break;
        case '*':
        case '+':
        case '?':
        case '{':
            complaint = scan_repetition(&scan);
            break;
        case '|':
        case '^':
        case '$':
            scan.has_atom = false;
            scan.at++;
            break;
        default:
            set_atom(&scan, false);
            scan.at++;
        }
    }
    if (complaint == NULL && scan.depth > 0)
        complaint = "a ( that is not closed";
    return complaint;
}

/* In the C locale, whatever the program runs in: ranges mean octets. */
static int compile(const char *text, regex_t *out)
{
    char anchored[LIMIT_REGEX_OCTETS + sizeof("^()$")];
    size_t len = strlen(text);
    memcpy(anchored, "^(", 2);
    memcpy(anchored + 2, text, len);
    memcpy(anchored + 2 + len, ")$", sizeof(")$"));
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return REG_ESPACE;
    locale_t before = uselocale(plain);
    int code = regcomp(out, anchored, REG_EXTENDED | REG_NOSUB);
    uselocale(before);
    freelocale(plain);
    return code;
}

static enum result regex_error(struct acl_parser *parser, const struct acl_word *word,
                               const char *message)
{
    diags_error(parser->diags, word->place, "acl-check",
                "`%s`: not a regular expression that can be used: %s", word->text,
                message);
    return RES_EFORMAT;
}

enum result acl_regex_parse(struct acl_parser *parser, const struct acl_word *word,
                            regex_t **out)
{
    struct acl_regex **list = &parser->source->regexes;
    /* Generators write the same one line after line. */
    if (*list != NULL && strcmp((*list)->text, word->text) == 0) {
        *out = &(*list)->compiled;
        return RES_OK;
    }
    if (word->len == 0 || word->len > LIMIT_REGEX_OCTETS)
        return regex_error(parser, word, "it has 1 to 256 octets");
    const char *complaint = regex_complaint(word->text);
    if (complaint != NULL)
        return regex_error(parser, word, complaint);
    struct acl_regex *regex = arena_alloc(&parser->source->arena, sizeof(*regex));
    if (regex == NULL)
        return RES_EMEM;
    regex->text = arena_string(&parser->source->arena, word->text);
    if (regex->text == NULL)
        return RES_EMEM;
    int code = compile(word->text, &regex->compiled);
    if (code == REG_ESPACE)
        return RES_EMEM;
    if (code != 0) {
        char message[128];
        regerror(code, &regex->compiled, message, sizeof(message));
        return regex_error(parser, word, message);
    }
    regex->next = *list;
    *list = regex;
    *out = &regex->compiled;
    return RES_OK;
}

void acl_regexes_free(struct acl_regex *regexes)
{
    for (; regexes != NULL; regexes = regexes->next)
        regfree(&regexes->compiled);
}

#include "conf/evalfile.h"

#include <string.h>

#include "base/limits.h"
#include "base/timestamp.h"
#include "dns/type.h"

/* A word, or the value, as it stands in the line. */
struct word {
    char *text; /* the arena's; NULL: there is none */
    size_t len;
    struct place place;
};

/* A line on its way into a row. */
struct row_scan {
    const char *chars;
    size_t len;
    size_t at;
    struct place place; /* of chars[0] */
    struct arena *arena;
    struct diags *diags;
    struct eval_row *row;
    unsigned seen; /* bit per option */
    bool has_verdict;
};

static struct place place_at(const struct row_scan *scan, size_t at)
{
    struct place place = scan->place;
    place.column += (unsigned)at;
    return place;
}

static enum result word_error(const struct row_scan *scan, const struct word *word,
                              const char *id, const char *message)
{
    diags_error(scan->diags, word->place, id, "`%s`: %s", word->text, message);
    return RES_EFORMAT;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct row_scan *scan)
{
    while (scan->at < scan->len && is_blank(scan->chars[scan->at]))
        scan->at++;
}

static bool is_at_end(const struct row_scan *scan)
{
    return scan->at == scan->len || scan->chars[scan->at] == '#';
}

/* Behind the word at scan->at. Within quotes, which zone files have anywhere in a word,
 * blanks do not end it, and a backslash takes the next octet with it. */
static size_t word_end(const struct row_scan *scan)
{
    bool is_quoted = false;
    size_t at = scan->at;
    while (at < scan->len && (is_quoted || !is_blank(scan->chars[at]))) {
        if (scan->chars[at] == '"')
            is_quoted = !is_quoted;
        at += scan->chars[at] == '\\' && at + 1 < scan->len ? 2 : 1;
    }
    return at;
}

static enum result cut_word(struct row_scan *scan, size_t end, struct word *out)
{
    out->place = place_at(scan, scan->at);
    out->len = end - scan->at;
    out->text = arena_string_n(scan->arena, scan->chars + scan->at, out->len);
    scan->at = end;
    return out->text == NULL ? RES_EMEM : RES_OK;
}

/* The next word of the row, which has to be there. */
static enum result take_word(struct row_scan *scan, const char *what, struct word *out)
{
    skip_blanks(scan);
    if (is_at_end(scan)) {
        diags_error(scan->diags, place_at(scan, scan->at), "eval-syntax",
                    "%s is missing: verdict who operation owner type value [options] "
                    "-> target or reason",
                    what);
        return RES_EFORMAT;
    }
    return cut_word(scan, word_end(scan), out);
}

static enum result parse_name(const struct row_scan *scan, const struct word *word,
                              const char *text, struct name *out)
{
    struct name_buf name;
    enum result result = name_from_text(text, strlen(text), &name);
    if (result != RES_OK) {
        return word_error(scan, word, "eval-name",
                          result == RES_ERANGE
                              ? "a label of over 63 octets, or a name of over 255"
                              : "no domain name");
    }
    *out = name_copy(scan->arena, name_of(&name));
    return out->octets == NULL ? RES_EMEM : RES_OK;
}

/* ---- columns ---- */

static enum result parse_verdict(struct row_scan *scan, const struct word *word)
{
    scan->row->place = word->place;
    scan->row->is_permit = strcmp(word->text, "permit") == 0;
    if (!scan->row->is_permit && strcmp(word->text, "refuse") != 0) {
        return word_error(scan, word, "eval-verdict",
                          "a row starts with permit or "
                          "refuse");
    }
    scan->has_verdict = true;
    return RES_OK;
}

static enum result parse_who(struct row_scan *scan, const struct word *word)
{
    scan->row->who_place = word->place;
    return parse_name(scan, word, word->text, &scan->row->who);
}

static enum result parse_op(struct row_scan *scan, const struct word *word)
{
    if (update_op_named(word->text, &scan->row->op) != RES_OK) {
        return word_error(scan, word, "eval-operation",
                          "no operation; there are add, delete, delete-rrset, "
                          "delete-name, prereq and prereq-any");
    }
    return RES_OK;
}

static enum result parse_owner(struct row_scan *scan, const struct word *word)
{
    scan->row->owner_place = word->place;
    scan->row->owner_text = word->text;
    return parse_name(scan, word, word->text, &scan->row->owner);
}

/* RFC 3597 5: a table may well ask about a type that nobody knows. */
static bool parse_generic_type(const char *text, uint16_t *out)
{
    unsigned number = 0;
    if (strncmp(text, "TYPE", 4) != 0 || text[4] == '\0')
        return false;
    for (const char *c = text + 4; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > UINT16_MAX)
            return false;
        number = number * 10 + (unsigned)(*c - '0');
    }
    *out = (uint16_t)number;
    return number <= UINT16_MAX;
}

static enum result parse_type(struct row_scan *scan, const struct word *word)
{
    struct eval_row *row = scan->row;
    if (type_from_name(word->text, &row->type) != RES_OK &&
        !parse_generic_type(word->text, &row->type))
        return word_error(scan, word, "eval-type", "no record type");
    bool wants_any = row->op == UPDATE_DELETE_NAME || row->op == UPDATE_PREREQ_ANY;
    if (wants_any != (row->type == TYPE_ANY)) {
        return word_error(scan, word, "eval-type",
                          "ANY is the type of delete-name and prereq-any, and of those "
                          "alone");
    }
    return RES_OK;
}

/* ---- options ---- */

static enum result apply_from(struct row_scan *scan, const struct word *word,
                              const char *value)
{
    scan->row->has_from = true;
    if (addr_parse(value, &scan->row->from) != RES_OK)
        return word_error(scan, word, "eval-option", "no address");
    return RES_OK;
}

static enum result apply_ttl(struct row_scan *scan, const struct word *word,
                             const char *value)
{
    uint64_t ttl = 0;
    bool is_number = value[0] != '\0';
    for (const char *c = value; *c != '\0' && is_number; c++) {
        is_number = *c >= '0' && *c <= '9' && ttl <= UINT32_MAX;
        ttl = ttl * 10 + (uint64_t)(*c - '0');
    }
    if (!is_number || ttl > UINT32_MAX)
        return word_error(scan, word, "eval-option", "no TTL");
    scan->row->has_ttl = true;
    scan->row->ttl = (uint32_t)ttl;
    return RES_OK;
}

static enum result apply_zone(struct row_scan *scan, const struct word *word,
                              const char *value)
{
    return parse_name(scan, word, value, &scan->row->zone);
}

static enum result apply_at(struct row_scan *scan, const struct word *word,
                            const char *value)
{
    scan->row->has_at = true;
    if (timestamp_parse(value, &scan->row->at_s) != RES_OK) {
        return word_error(scan, word, "eval-option",
                          "no time in UTC, as 2027-01-01T00:00:00Z");
    }
    return RES_OK;
}

static enum result apply_cname(struct row_scan *scan, const struct word *word,
                               const char *value)
{
    if (strcmp(value, "none") == 0) {
        scan->row->cname = EVAL_CNAME_NONE;
    } else if (strcmp(value, "servfail") == 0) {
        scan->row->cname = EVAL_CNAME_SERVFAIL;
    } else {
        scan->row->cname = EVAL_CNAME_NAME;
        return parse_name(scan, word, value, &scan->row->cname_target);
    }
    return RES_OK;
}

static const struct {
    const char *name;
    enum result (*apply)(struct row_scan *scan, const struct word *word,
                         const char *value);
} options[] = {
    {"from=", apply_from}, {"ttl=", apply_ttl},     {"zone=", apply_zone},
    {"at=", apply_at},     {"cname=", apply_cname},
};
enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

/* Which option starts at chars; OPTIONS: none. */
static size_t option_at(const char *chars, size_t len)
{
    size_t i = 0;
    while (i < OPTIONS &&
           (len < strlen(options[i].name) ||
            strncmp(chars, options[i].name, strlen(options[i].name)) != 0))
        i++;
    return i;
}

static bool is_arrow(const char *chars, size_t len)
{
    return len == 2 && memcmp(chars, "->", 2) == 0;
}

static enum result parse_option(struct row_scan *scan, const struct word *word)
{
    size_t i = option_at(word->text, word->len);
    if (i == OPTIONS) {
        return word_error(scan, word, "eval-option",
                          "behind the value come from=, ttl=, zone=, at= and cname=, "
                          "then ->");
    }
    if ((scan->seen & (1u << i)) != 0)
        return word_error(scan, word, "eval-option", "each option stands once");
    scan->seen |= 1u << i;
    return options[i].apply(scan, word, word->text + strlen(options[i].name));
}

/* ---- value, options, expectation ---- */

/* Everything up to the first option or the arrow. */
static enum result parse_value(struct row_scan *scan)
{
    skip_blanks(scan);
    size_t start = scan->at, end = scan->at;
    while (!is_at_end(scan)) {
        size_t word = scan->at, len = word_end(scan) - word;
        if (is_arrow(scan->chars + word, len) ||
            option_at(scan->chars + word, len) < OPTIONS)
            break;
        scan->at = end = word + len;
        skip_blanks(scan);
    }
    struct word value = {0};
    size_t behind = scan->at;
    scan->at = start;
    if (end == start) {
        diags_error(scan->diags, place_at(scan, start), "eval-value",
                    "the value is missing; `-` stands for none");
        scan->at = behind;
        return RES_EFORMAT;
    }
    if (cut_word(scan, end, &value) != RES_OK)
        return RES_EMEM;
    scan->at = behind;
    scan->row->value = strcmp(value.text, "-") == 0 ? NULL : value.text;
    scan->row->value_place = value.place;
    return RES_OK;
}

static enum result parse_expectation(struct row_scan *scan)
{
    struct eval_row *row = scan->row;
    struct word word = {0};
    enum result result = take_word(scan, "what is behind ->", &word);
    if (result != RES_OK)
        return result;
    row->expected = word.text;
    row->expected_place = word.place;
    if (!scan->has_verdict)
        return RES_OK; /* whether it is to be a target or a reason is not known */
    if (row->is_permit)
        return parse_name(scan, &word, word.text, &row->target);
    if (outcome_reason_named(word.text, &row->reason) != RES_OK ||
        row->reason == REASON_PERMITTED)
        return word_error(scan, &word, "eval-reason", "no reason of a refusal");
    return RES_OK;
}

/* What stands behind the value; all its errors are told. */
static enum result parse_rest(struct row_scan *scan)
{
    enum result all = RES_OK;
    bool has_arrow = false;
    for (skip_blanks(scan); !is_at_end(scan); skip_blanks(scan)) {
        struct word word = {0};
        enum result result = cut_word(scan, word_end(scan), &word);
        if (result == RES_OK && has_arrow)
            return word_error(scan, &word, "eval-syntax", "behind -> stands one word");
        if (result == RES_OK && is_arrow(word.text, word.len)) {
            has_arrow = true;
            result = parse_expectation(scan);
        } else if (result == RES_OK) {
            result = parse_option(scan, &word);
        }
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
    }
    return all;
}

/* ---- rows ---- */

static const struct {
    const char *what;
    enum result (*parse)(struct row_scan *scan, const struct word *word);
} columns[] = {
    {"the verdict", parse_verdict}, {"who", parse_who},
    {"the operation", parse_op},    {"the owner", parse_owner},
    {"the type", parse_type},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static enum result parse_row(struct row_scan *scan)
{
    enum result all = RES_OK;
    for (size_t i = 0; i < COLUMNS; i++) {
        struct word word = {0};
        enum result result = take_word(scan, columns[i].what, &word);
        if (result != RES_OK)
            return result;
        /* Which types go with an operation is asked only of one that there is. */
        result =
            i == COLUMNS - 1 && all != RES_OK ? RES_OK : columns[i].parse(scan, &word);
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
    }
    enum result value = parse_value(scan);
    enum result rest = value == RES_EMEM ? RES_EMEM : parse_rest(scan);
    if (value == RES_EMEM || rest == RES_EMEM)
        return RES_EMEM;
    return all == RES_OK && value == RES_OK ? rest : RES_EFORMAT;
}

/* Printable ASCII and blanks, of a length that is allowed. */
static enum result check_line(const struct row_scan *scan)
{
    if (scan->len > LIMIT_LINE_OCTETS) {
        diags_error(scan->diags, place_at(scan, LIMIT_LINE_OCTETS), "eval-syntax",
                    "a line of %zu octets; the limit is %d", scan->len,
                    LIMIT_LINE_OCTETS);
        return RES_EFORMAT;
    }
    for (size_t i = 0; i < scan->len && scan->chars[i] != '#'; i++) {
        char c = scan->chars[i];
        if (c != '\t' && (c < ' ' || c > '~')) {
            diags_error(scan->diags, place_at(scan, i), "eval-syntax",
                        "octet 0x%02x: a table is printable ASCII",
                        (unsigned)(unsigned char)c);
            return RES_EFORMAT;
        }
    }
    return RES_OK;
}

/* A line's row, if it has one, to the list at end. */
static enum result parse_line(struct row_scan *scan, struct eval_row ***end)
{
    enum result result = check_line(scan);
    skip_blanks(scan);
    if (result != RES_OK || is_at_end(scan))
        return result;
    scan->row = arena_alloc(scan->arena, sizeof(*scan->row));
    if (scan->row == NULL)
        return RES_EMEM;
    result = parse_row(scan);
    if (result == RES_OK) {
        **end = scan->row;
        *end = &scan->row->next;
    }
    return result;
}

enum result evalfile_parse(const char *file, const char *text, size_t len,
                           struct arena *arena, struct diags *diags,
                           struct eval_row **out_rows)
{
    struct eval_row **end = out_rows;
    enum result all = RES_OK;
    unsigned line = 0;
    *out_rows = NULL;
    for (size_t at = 0; at < len;) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t line_len = newline != NULL ? (size_t)(newline - text) - at : len - at;
        struct row_scan scan = {
            .chars = text + at,
            .len = line_len,
            .place = {file, ++line, 1},
            .arena = arena,
            .diags = diags,
        };
        enum result result = parse_line(&scan, &end);
        if (result == RES_EMEM)
            return result;
        all = result != RES_OK ? result : all;
        at += line_len + 1;
    }
    return all;
}

/* tsigate diff: which rights two ACLs tell apart. */
#include "tsigate/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "dns/type.h"
#include "policy/rightset.h"
#include "tsigate/paint.h"
#include "tsigate/right_text.h"
#include "tsigate/tool.h"

/* ---- the parts of a change ---- */

/* here: the folder at hand. */
typedef void write_part(struct writer *w, const struct rightset_side *side,
                        const char *here);

static const char *const signs[] = {
    [RIGHTSET_LOST] = "-", [RIGHTSET_GAINED] = "+", [RIGHTSET_CHANGED] = "~"};

static const char *const subjects[] = {
    [RIGHTSET_ALIAS] = "alias", [RIGHTSET_KEY] = "key", [RIGHTSET_RIGHT] = "right"};

static void write_name(struct writer *w, struct name name)
{
    char text[NAME_TEXT_OCTETS];
    writer_string(w, name_to_text(name, text));
}

static void write_type(struct writer *w, const struct rightset_change *change)
{
    char text[TYPE_TEXT_OCTETS];
    if (change->subject == RIGHTSET_RIGHT)
        writer_string(w, type_format(change->type, text));
    else
        writer_string(w, subjects[change->subject]);
}

/* Within quotes, and within a column. */
static void write_escaped(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            writer_u8(w, '\\');
        writer_u8(w, *text == '\t' ? ' ' : (uint8_t)*text);
    }
}

/* A part of a list of values, "3-1-1" or "issue=ca.example". */
static void write_value(struct writer *w, const struct acl_check *check, size_t part)
{
    if (check->kind == ACL_CHECK_TLSA)
        writer_printf(w, " %u-%u-%u", check->tlsa[part].usage,
                      check->tlsa[part].selector, check->tlsa[part].matching);
    else {
        writer_printf(w, " %s=", check->caa[part].tag);
        write_escaped(w, check->caa[part].value);
    }
}

static bool is_list(const struct acl_check *check)
{
    return check->kind == ACL_CHECK_TLSA || check->kind == ACL_CHECK_CAA_VALUE;
}

/* Whether both differ in one value of one list and nothing else. */
static bool is_one_list(const struct rightset_add *a, const struct rightset_add *b)
{
    return is_list(a->check) && a->check->kind == b->check->kind &&
           a->ttl_min_s == b->ttl_min_s && a->ttl_max_s == b->ttl_max_s &&
           a->ttl_refuses == b->ttl_refuses && a->max_records == b->max_records;
}

/* The check of adds[0] to adds[count - 1], which are one list or one add. */
static void write_check(struct writer *w, const struct rightset_add *adds, size_t count)
{
    const struct acl_check *check = adds->check;
    if (check->kind == ACL_CHECK_ANY || check->text == NULL)
        return;
    writer_string(w, " check=\"");
    if (is_list(check)) {
        writer_string(w, check->kind == ACL_CHECK_TLSA ? "tlsa" : "caa-value");
        for (size_t i = 0; i < count; i++)
            write_value(w, adds[i].check, adds[i].part);
    } else {
        write_escaped(w, check->text);
    }
    writer_u8(w, '"');
}

/* As options of a grant; a list of several, of which the first that permits decides. */
static void write_adds(struct writer *w, const struct rightset_side *side)
{
    for (size_t i = 0, count; i < side->adds.count; i += count) {
        const struct rightset_add *add = &side->adds.all[i];
        for (count = 1; i + count < side->adds.count; count++) {
            if (!is_one_list(add, &side->adds.all[i + count]))
                break;
        }
        writer_printf(w, "%sttl=%" PRIu32 "..%" PRIu32 "%s", i > 0 ? " | " : "",
                      add->ttl_min_s, add->ttl_max_s,
                      add->ttl_refuses ? " ttl-mode=refuse" : "");
        if (add->max_records != LIMIT_ADDS_PER_RRSET)
            writer_printf(w, " max-records=%u", add->max_records);
        write_check(w, add, count);
    }
}

static void write_validity(struct writer *w, struct acl_credential key)
{
    char text[TIMESTAMP_TEXT_OCTETS];
    int64_t not_before_s = acl_credential_not_before_s(key);
    int64_t not_after_s = acl_credential_not_after_s(key);
    if (not_before_s != INT64_MIN)
        writer_printf(w, "not-before %s", timestamp_format(not_before_s, text));
    if (not_after_s != INT64_MAX)
        writer_printf(w, "%snot-after %s", not_before_s != INT64_MIN ? " " : "",
                      timestamp_format(not_after_s, text));
}

static void write_conditions(struct writer *w, const struct rightset_side *side,
                             const char *here)
{
    (void)here;
    size_t start = w->len;
    if (side->key.host != NULL)
        write_validity(w, side->key);
    else if (side->alias != NULL)
        write_name(w, side->alias->target);
    else
        write_adds(w, side);
    if (w->len == start)
        writer_u8(w, '-');
}

static void write_from(struct writer *w, const struct rightset_side *side,
                       const char *here)
{
    (void)here;
    if (side->host != NULL && side->key.host == NULL)
        right_text_from(w, side->host);
    else
        writer_u8(w, '-');
}

/* Files as one would name them here: what lies below the folder at hand, from there
 * on. */
static void write_place(struct writer *w, const struct rightset_side *side,
                        const char *here)
{
    const char *file = side->place.file;
    size_t len = strlen(here);
    if (len > 0 && strncmp(file, here, len) == 0 && file[len] == '/')
        file += len + 1;
    writer_printf(w, "%s:%u", file, side->place.line);
}

/* ---- lines ---- */

/* One side's, or both where they differ. */
static void write_sides(struct writer *w, const struct rightset_change *change,
                        write_part *write, const char *here)
{
    if (change->sign != RIGHTSET_CHANGED) {
        write(w, change->sign == RIGHTSET_LOST ? &change->old : &change->new, here);
        return;
    }
    size_t old = w->len;
    write(w, &change->old, here);
    size_t arrow = w->len;
    writer_string(w, " -> ");
    size_t new = w->len;
    write(w, &change->new, here);
    if (w->len - new == arrow - old &&
        memcmp(w->octets + old, w->octets + new, arrow - old) == 0)
        writer_rewind(w, arrow);
}

static void write_line(struct writer *w, const struct rightset_change *change,
                       const char *here)
{
    const struct region owner = {change->owner, change->stars, change->is_subtree};
    writer_printf(w, "%s\t", signs[change->sign]);
    if (change->host.octets != NULL)
        write_name(w, change->host);
    else
        writer_u8(w, '-');
    writer_u8(w, '\t');
    right_text_owner(w, &owner);
    writer_u8(w, '\t');
    write_type(w, change);
    writer_u8(w, '\t');
    right_text_ops(w, change->ops);
    writer_u8(w, '\t');
    write_sides(w, change, write_conditions, here);
    writer_u8(w, '\t');
    write_sides(w, change, write_from, here);
    writer_u8(w, '\t');
    write_sides(w, change, write_place, here);
}

static void json_part(struct json *json, const char *key,
                      const struct rightset_side *side, write_part *write,
                      const char *here)
{
    uint8_t octets[8 * LIMIT_LINE_OCTETS];
    struct writer w = writer_of(octets, sizeof octets - 1);
    write(&w, side, here);
    octets[w.len] = '\0';
    json_string(json, key, strcmp((char *)octets, "-") == 0 ? NULL : (char *)octets);
}

static void json_side(struct json *json, const char *key,
                      const struct rightset_side *side, const char *here)
{
    if (side->place.file == NULL) {
        json_null(json, key);
        return;
    }
    json_object_open(json, key);
    json_part(json, "conditions", side, write_conditions, here);
    json_part(json, "from", side, write_from, here);
    json_part(json, "rule", side, write_place, here);
    json_object_close(json);
}

static void json_ops(struct json *json, uint8_t ops)
{
    json_array_open(json, "operations");
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((ops & 1U << op) != 0)
            json_string(json, NULL, update_op_name(op));
    }
    json_array_close(json);
}

static void write_json(struct writer *w, const struct rightset_change *change,
                       const char *here)
{
    const struct region owner = {change->owner, change->stars, change->is_subtree};
    struct json json = json_of(w);
    uint8_t octets[2 * NAME_TEXT_OCTETS];
    struct writer text = writer_of(octets, sizeof octets - 1);
    char host[NAME_TEXT_OCTETS];
    right_text_owner(&text, &owner);
    octets[text.len] = '\0';
    json_object_open(&json, NULL);
    json_string(&json, "sign", signs[change->sign]);
    json_string(&json, "subject", subjects[change->subject]);
    json_string(&json, "host",
                change->host.octets != NULL ? name_to_text(change->host, host) : NULL);
    json_string(&json, "owner", (char *)octets);
    json_string(&json, "type",
                change->subject == RIGHTSET_RIGHT ? type_format(change->type, host)
                                                  : NULL);
    json_ops(&json, change->ops);
    json_side(&json, "old", &change->old, here);
    json_side(&json, "new", &change->new, here);
    json_object_close(&json);
}

/* ---- all lines, sorted ---- */

struct diff_line {
    const char *text;
    const struct rightset_change *change;
};

struct diff {
    struct arena arena;
    struct rightset_changes changes;
    struct diff_line *lines;
    uint8_t *octets; /* LINE_OCTETS: the line in hand */
    char *here;      /* heap */
};

/* What a line may come to: two lists of values from lines of LIMIT_LINE_OCTETS each,
 * and `from` lines without number. */
#define LINE_OCTETS TOOL_PAGE_OCTETS

/* By octets behind the sign, which comes last. */
static int compare_lines(const void *left, const void *right)
{
    const struct diff_line *a = left, *b = right;
    int order = strcmp(a->text + 1, b->text + 1);
    return order != 0 ? order : strcmp(a->text, b->text);
}

static enum result make_lines(struct diff *diff)
{
    size_t count = diff->changes.count;
    diff->lines = arena_array(&diff->arena, count, sizeof *diff->lines);
    diff->octets = arena_alloc(&diff->arena, LINE_OCTETS);
    diff->here = get_current_dir_name();
    if (diff->lines == NULL || diff->octets == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < count; i++) {
        struct writer w = writer_of(diff->octets, LINE_OCTETS);
        struct diff_line *line = &diff->lines[i];
        line->change = &diff->changes.all[i];
        write_line(&w, line->change, diff->here != NULL ? diff->here : "");
        line->text = arena_string_n(&diff->arena, (char *)w.octets, w.len);
        if (line->text == NULL)
            return RES_EMEM;
    }
    qsort(diff->lines, count, sizeof *diff->lines, compare_lines);
    return RES_OK;
}

static void print_lines(const struct diff *diff, FILE *stream)
{
    static const enum paint paints[] = {[RIGHTSET_LOST] = PAINT_BAD,
                                        [RIGHTSET_GAINED] = PAINT_GOOD,
                                        [RIGHTSET_CHANGED] = PAINT_NOTE};
    const char *on[] = {paint_on(stream, paints[0]), paint_on(stream, paints[1]),
                        paint_on(stream, paints[2])};
    const char *off = paint_off(stream);
    for (size_t i = 0; i < diff->changes.count; i++) {
        const struct diff_line *line = &diff->lines[i];
        fprintf(stream, "%s%s%s\n", on[line->change->sign], line->text, off);
    }
}

static void print_json(const struct diff *diff, FILE *stream)
{
    size_t count = diff->changes.count;
    fputs("[\n", stream);
    for (size_t i = 0; i < count; i++) {
        struct writer w = writer_of(diff->octets, LINE_OCTETS);
        write_json(&w, diff->lines[i].change, diff->here != NULL ? diff->here : "");
        fwrite(w.octets, 1, w.len, stream);
        fputs(i + 1 < count ? ",\n" : "\n", stream);
    }
    fputs("]\n", stream);
}

static enum result print_all(const struct snapshot *old, const struct snapshot *new,
                             bool is_json, FILE *stream, size_t *out_count)
{
    struct diff diff = {0};
    arena_init(&diff.arena, TOOL_PAGE_OCTETS, 0);
    enum result res =
        rightset_compare(&old->acl, &new->acl, &diff.arena, &diff.changes);
    if (res == RES_OK)
        res = make_lines(&diff);
    if (res == RES_OK && is_json)
        print_json(&diff, stream);
    else if (res == RES_OK)
        print_lines(&diff, stream);
    *out_count = diff.changes.count;
    free(diff.here);
    arena_fini(&diff.arena);
    return res;
}

enum result diff_print(const struct snapshot *old, const struct snapshot *new,
                       FILE *stream, size_t *out_count)
{
    return print_all(old, new, false, stream, out_count);
}

/* ---- the two ACLs ---- */

/* What glob(7) would take for a pattern is meant as it stands. */
static char *escaped(struct arena *arena, const char *path, const char *more)
{
    char *text = arena_alloc(arena, 2 * strlen(path) + strlen(more) + 1);
    char *at = text;
    for (; text != NULL && *path != '\0'; path++) {
        if (strchr("*?[\\", *path) != NULL)
            *at++ = '\\';
        *at++ = *path;
    }
    if (text != NULL)
        memcpy(at, more, strlen(more) + 1);
    return text;
}

/* All of it; NULL: told. */
static char *read_stream(struct tool *tool, FILE *stream, const char *name,
                         size_t *out_len)
{
    size_t capacity = 65536;
    char *text = NULL;
    for (*out_len = 0;; capacity *= 2) {
        char *more = arena_alloc(&tool->arena, capacity);
        if (more == NULL || capacity > LIMIT_ACL_FILE_OCTETS) {
            tool_fail(TOOL_CONFIG, "%s is too long", name);
            return NULL;
        }
        if (*out_len > 0)
            memcpy(more, text, *out_len);
        text = more;
        *out_len += fread(text + *out_len, 1, capacity - *out_len, stream);
        if (*out_len < capacity)
            break;
    }
    if (!ferror(stream))
        return text;
    tool_fail(TOOL_OUTSIDE, "%s cannot be read", name);
    return NULL;
}

/* What has no size to rely on: standard input, a shell's <(...), /dev/null, which is an
 * empty ACL. */
static int read_text(struct tool *tool, const char *word, struct snapshot_text *out)
{
    bool is_input = strcmp(word, "-") == 0;
    FILE *stream = is_input ? stdin : fopen(word, "re");
    if (stream == NULL)
        return tool_fail(TOOL_CONFIG, "%s: %s", word, strerror(errno));
    out->name = is_input ? "<stdin>" : word;
    out->chars = read_stream(tool, stream, out->name, &out->len);
    if (!is_input)
        fclose(stream);
    return out->chars != NULL ? TOOL_DONE : TOOL_OUTSIDE;
}

/* The snapshot with the ACL that word names: a file, a folder, a stream. */
static int load(struct tool *tool, const char *word, struct snapshot **out)
{
    struct stat status = {.st_mode = 0};
    struct snapshot_text text = {0};
    struct tool_wanted wanted = {0};
    char *path = NULL;
    int code = TOOL_DONE;
    if (strcmp(word, "-") != 0 && stat(word, &status) != 0)
        return tool_fail(TOOL_CONFIG, "%s: no such file or folder", word);
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        path = escaped(&tool->arena, word, S_ISDIR(status.st_mode) ? "/*.acl" : "");
        wanted.acl = &path;
        wanted.acl_count = 1;
    } else {
        wanted.acl_text = &text;
        code = read_text(tool, word, &text);
    }
    if (code == TOOL_DONE)
        code = tool_load(tool, &wanted);
    *out = tool->snapshot;
    tool->snapshot = NULL;
    return code;
}

static const struct option options[] = {TOOL_COMMON_OPTIONS};

int diff_main(struct tool *tool, int argc, char **argv)
{
    struct snapshot *old = NULL, *new = NULL;
    size_t count = 0;
    int option = tool_option(tool, argc, argv, options, false);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind != 2)
        return tool_usage(tool, "OLD and NEW are wanted");
    if (strcmp(argv[optind], "-") == 0 && strcmp(argv[optind + 1], "-") == 0)
        return tool_usage(tool, "one of OLD and NEW can be standard input");
    int code = load(tool, argv[optind], &old);
    if (code == TOOL_DONE)
        code = load(tool, argv[optind + 1], &new);
    if (code == TOOL_DONE &&
        print_all(old, new, tool->is_json, stdout, &count) != RES_OK)
        code = tool_no_memory();
    if (old != NULL)
        snapshot_release(&old);
    if (new != NULL)
        snapshot_release(&new);
    return code == TOOL_DONE && count > 0 ? TOOL_NO : code;
}

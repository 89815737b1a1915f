#include "tlsa/rollover_state.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/timestamp.h"

#define VERSION 1
/* Every list has up to 32 values of up to 65535 octets, which nobody publishes. */
#define TEXT_OCTETS STATE_OCTETS

/* ---- the text ---- */

static void build_records(struct writer *w, const char *setting,
                          const struct tlsa_records *records)
{
    writer_printf(w, "%s = [", setting);
    for (size_t i = 0; i < records->count; i++) {
        writer_string(w, i > 0 ? ",\n  \"" : "\n  \"");
        writer_hex(w, records->array[i].octets, records->array[i].len);
        writer_string(w, "\"");
    }
    writer_string(w, " ];\n");
}

static void build_left(struct writer *w, const struct rollover_state *saved)
{
    writer_string(w, "left = [");
    for (size_t i = 0; i < saved->left_count; i++) {
        writer_printf(w, "%s\n  \"%s ", i > 0 ? "," : "", saved->left[i].name);
        writer_hex(w, saved->left[i].rdata.octets, saved->left[i].rdata.len);
        writer_string(w, "\"");
    }
    writer_string(w, " ];\n");
}

void rollover_state_build(const char *name, const struct rollover_state *saved,
                          struct writer *w)
{
    writer_printf(w,
                  "# tsigate-tlsa rollover writes this; see tsigate-tlsa(1).\n"
                  "version = %d;\n"
                  "certificate = \"%s\";\n"
                  "step = \"%s\";\n"
                  "since = %" PRId64 "L;\n"
                  "boot_since = %" PRId64 "L;\n"
                  "boot = \"%s\";\n"
                  "ttl = %" PRIu32 "L;\n"
                  "new = \"%s\";\n"
                  "deployed = \"%s\";\n"
                  "names = [",
                  VERSION, name, rollover_step_name(saved->step), saved->since.wall_s,
                  saved->since.boot_s, saved->since.boot, saved->ttl_s, saved->goal.id,
                  saved->deployed);
    for (size_t i = 0; i < saved->goal.name_count; i++)
        writer_printf(w, "%s\n  \"%s\"", i > 0 ? "," : "", saved->goal.names[i]);
    writer_string(w, " ];\n");
    build_records(w, "records", &saved->goal.records);
    build_records(w, "retired", &saved->retired);
    build_left(w, saved);
    writer_string(w, "complete = true;\n");
}

/* ---- reading it ---- */

/* Finds what it looks for, or leaves it empty: whether the file was as we write it
 * shows when it is built anew. */
struct reading {
    const char *chars;
    struct arena *arena;
    struct rollover_state *out;
};

static const char *find(const struct reading *reading, const char *setting)
{
    char start[32];
    snprintf(start, sizeof start, "\n%s = ", setting);
    const char *at = strstr(reading->chars, start);
    return at != NULL ? at + strlen(start) : "";
}

/* The next text at *at, or in the list there; NULL: there is none. */
static const char *next_text(const struct reading *reading, const char **at)
{
    const char *text = *at + strspn(*at, "[, \n");
    const char *end = *text == '"' ? strchr(text + 1, '"') : NULL;
    if (end == NULL)
        return NULL;
    *at = end + 1;
    return arena_string_n(reading->arena, text + 1, (size_t)(end - text) - 1);
}

static const char *find_text(const struct reading *reading, const char *setting)
{
    const char *at = find(reading, setting);
    const char *text = next_text(reading, &at);
    return text != NULL ? text : "";
}

static int64_t find_number(const struct reading *reading, const char *setting,
                           int64_t most)
{
    int64_t number = strtoll(find(reading, setting), NULL, 10);
    return number >= 0 && number <= most ? number : 0;
}

/* An ID or a boot_id: digits, and from least to capacity - 1 of them. */
static void find_digits(const struct reading *reading, const char *setting,
                        size_t least, char *out, size_t capacity)
{
    const char *text = find_text(reading, setting);
    size_t len = strspn(text, "0123456789abcdef-");
    bool is_right = text[len] == '\0' && len >= least && len < capacity;
    snprintf(out, capacity, "%s", is_right ? text : "");
}

static bool read_record(const struct reading *reading, const char *text,
                        struct rdata *out)
{
    size_t len = 0;
    size_t capacity = strlen(text) / 2 + 1;
    uint8_t *octets = arena_alloc(reading->arena, capacity);
    if (octets == NULL ||
        OPENSSL_hexstr2buf_ex(octets, capacity, &len, text, '\0') != 1 || len < 4 ||
        len > UINT16_MAX) {
        ERR_clear_error();
        return false;
    }
    *out = (struct rdata){octets, (uint16_t)len};
    return true;
}

static void find_records(const struct reading *reading, const char *setting,
                         struct tlsa_records *out)
{
    struct rdata rdata;
    const char *at = find(reading, setting);
    const char *text;
    while ((text = next_text(reading, &at)) != NULL &&
           read_record(reading, text, &rdata) &&
           tlsa_records_add(out, &rdata) == RES_OK)
        ;
}

/* "NAME RECORD" */
static void find_left(const struct reading *reading)
{
    struct rdata rdata;
    const char *at = find(reading, "left");
    const char *text;
    while ((text = next_text(reading, &at)) != NULL) {
        size_t len = strcspn(text, " ");
        const char *name = arena_string_n(reading->arena, text, len);
        if (name == NULL || text[len] == '\0' ||
            !read_record(reading, text + len + 1, &rdata) ||
            rollover_leave(reading->out, name, &rdata) != RES_OK)
            return;
    }
}

static void find_names(const struct reading *reading, struct rollover_goal *goal)
{
    const char *at = find(reading, "names");
    const char *text;
    size_t capacity = 0;
    for (const char *each = at; next_text(reading, &each) != NULL;)
        capacity++;
    goal->names = arena_array(reading->arena, capacity, sizeof *goal->names);
    while (goal->names != NULL && goal->name_count < capacity &&
           (text = next_text(reading, &at)) != NULL)
        goal->names[goal->name_count++] = text;
}

static void find_all(const struct reading *reading)
{
    struct rollover_state *out = reading->out;
    out->since.wall_s = find_number(reading, "since", INT64_MAX / 2);
    out->since.boot_s = find_number(reading, "boot_since", INT64_MAX / 2);
    find_digits(reading, "boot", 0, out->since.boot, sizeof out->since.boot);
    out->ttl_s = (uint32_t)find_number(reading, "ttl", LIMIT_TTL_S);
    find_digits(reading, "new", ROLLOVER_ID_OCTETS - 1, out->goal.id,
                sizeof out->goal.id);
    find_digits(reading, "deployed", ROLLOVER_ID_OCTETS - 1, out->deployed,
                sizeof out->deployed);
    find_names(reading, &out->goal);
    find_records(reading, "records", &out->goal.records);
    find_records(reading, "retired", &out->retired);
    find_left(reading);
}

/* Octet for octet: what is cut off, out of range, unknown or there twice is not. */
static bool is_built_of(const char *name, const struct rollover_state *saved,
                        const char *chars, size_t len)
{
    uint8_t *octets = malloc(len + 1);
    struct writer w = writer_of(octets, octets != NULL ? len : 0);
    rollover_state_build(name, saved, &w);
    bool is_same = !w.failed && w.len == len && memcmp(octets, chars, len) == 0;
    free(octets);
    return is_same;
}

/* NULL: it is read. */
static const char *read_text(const char *name, const char *chars, size_t len,
                             struct arena *arena, struct rollover_state *out)
{
    const struct reading reading = {chars, arena, out};
    int64_t version = find_number(&reading, "version", INT64_MAX);
    const char *whose = find_text(&reading, "certificate");
    if (version != 0 && version != VERSION)
        return "written by another version of tsigate-tlsa";
    if (whose[0] != '\0' && strcmp(whose, name) != 0)
        return "of another certificate";
    if (rollover_step_parse(find_text(&reading, "step"), &out->step) == RES_OK) {
        find_all(&reading);
        if (is_built_of(name, out, chars, len))
            return NULL;
    }
    return "cut off, or not written by tsigate-tlsa";
}

enum result rollover_state_parse(const char *path, const char *name, const char *chars,
                                 size_t len, struct arena *arena, struct diags *diags,
                                 struct rollover_state *out)
{
    *out = (struct rollover_state){.step = 0};
    const char *wrong = read_text(name, chars, len, arena, out);
    if (wrong == NULL)
        return RES_OK;
    *out = (struct rollover_state){.step = 0};
    diags_error(diags, (struct place){.file = path}, "",
                "%s: move it away, and the roll-over begins anew", wrong);
    return RES_EFORMAT;
}

/* ---- on disk ---- */

static const char *file_of(struct state *state, const char *name, const char *what)
{
    const char *file = arena_printf(&state->tool->arena, "%s.%s", name, what);
    if (file == NULL)
        (void)tool_no_memory();
    return file;
}

int rollover_state_load(struct state *state, const char *name,
                        struct rollover_state *out)
{
    struct file_text text;
    const char *file = file_of(state, name, "rollover");
    *out = (struct rollover_state){.step = 0};
    if (file == NULL)
        return TOOL_OUTSIDE;
    int code = state_read(state, file, &text);
    if (code == TOOL_DONE && text.chars != NULL &&
        rollover_state_parse(text.path, name, text.chars, text.len, &state->tool->arena,
                             &state->tool->diags, out) != RES_OK)
        code = tool_fail_diags(state->tool, TOOL_CONFIG);
    file_text_free(&text);
    return code;
}

int rollover_state_save(struct state *state, const char *name,
                        const struct rollover_state *saved)
{
    const char *file = file_of(state, name, "rollover");
    uint8_t *octets = malloc(TEXT_OCTETS);
    int code = TOOL_OUTSIDE;
    if (file != NULL && octets != NULL) {
        struct writer w = writer_of(octets, TEXT_OCTETS);
        rollover_state_build(name, saved, &w);
        code = w.failed ? tool_fail(TOOL_OUTSIDE, "%s: too many records", name)
                        : state_write(state, file, (const char *)octets, w.len);
    }
    free(octets);
    return code;
}

static int keep(struct state *state, const char *name, const char *what,
                const struct file_text *text)
{
    const char *file = file_of(state, name, what);
    return file != NULL ? state_write(state, file, text->chars, text->len)
                        : TOOL_OUTSIDE;
}

int rollover_state_keep(struct state *state, const char *name,
                        const struct material *material)
{
    int code = keep(state, name, "new.certificate", &material->certificate_text);
    return code == TOOL_DONE ? keep(state, name, "new.key", &material->key_text) : code;
}

/* What is not there is no copy of anything: fine. */
static int copy(struct state *state, const char *name, const char *from, const char *to)
{
    struct file_text text;
    const char *file = file_of(state, name, from);
    if (file == NULL)
        return TOOL_OUTSIDE;
    int code = state_read(state, file, &text);
    if (code == TOOL_DONE && text.chars != NULL)
        code = keep(state, name, to, &text);
    file_text_free(&text);
    return code;
}

int rollover_state_settle(struct state *state, const char *name)
{
    int code = copy(state, name, "new.certificate", "old.certificate");
    return code == TOOL_DONE ? copy(state, name, "new.key", "old.key") : code;
}

int rollover_state_recall(struct state *state, const char *name, const char *id,
                          struct material *out)
{
    char found[ROLLOVER_ID_OCTETS];
    const char *certificate =
        arena_printf(&state->tool->arena, "%s/%s.new.certificate", state->folder, name);
    const char *key =
        arena_printf(&state->tool->arena, "%s/%s.new.key", state->folder, name);
    *out = (struct material){.key = {.path = NULL}};
    if (certificate == NULL || key == NULL)
        return tool_no_memory();
    int code = material_open(state->tool, certificate, key, out);
    if (code == TOOL_DONE &&
        (rollover_id(out, found) != RES_OK || strcmp(found, id) != 0))
        code = tool_fail(TOOL_CONFIG, "%s: not the copy that the roll-over speaks of",
                         certificate);
    return code;
}

/* "TIME TEXT"; whatever else stands there says nothing. */
int rollover_failure_load(struct state *state, const char *name,
                          struct rollover_failure *out)
{
    struct file_text text;
    const char *file = file_of(state, name, "failure");
    *out = (struct rollover_failure){.text = NULL};
    if (file == NULL)
        return TOOL_OUTSIDE;
    int code = state_read(state, file, &text);
    const char *blank = text.chars != NULL ? strchr(text.chars, ' ') : NULL;
    if (code == TOOL_DONE && blank != NULL) {
        out->time = arena_string_n(&state->tool->arena, text.chars,
                                   (size_t)(blank - text.chars));
        out->text =
            arena_string_n(&state->tool->arena, blank + 1, strcspn(blank + 1, "\n"));
    }
    file_text_free(&text);
    return code;
}

int rollover_failure_save(struct state *state, const char *name, const char *text,
                          int64_t now_s)
{
    char line[1024];
    char time[TIMESTAMP_TEXT_OCTETS];
    const char *file = file_of(state, name, "failure");
    if (file == NULL)
        return TOOL_OUTSIDE;
    if (text[0] == '\0')
        return state_remove(state, file);
    int len =
        snprintf(line, sizeof line, "%s %.900s\n", timestamp_format(now_s, time), text);
    /* It may hold a peer's words, and is shown on a terminal. */
    for (int i = 0; i + 1 < len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    return state_write(state, file, line, (size_t)len);
}

int rollover_state_forget(struct state *state, const char *name)
{
    static const char *const files[] = {"new.certificate", "new.key", "old.certificate",
                                        "old.key",         "failure", "rollover"};
    int code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < sizeof files / sizeof files[0]; i++) {
        const char *file = file_of(state, name, files[i]);
        code = file != NULL ? state_remove(state, file) : TOOL_OUTSIDE;
    }
    return code;
}

enum result rollover_id(const struct material *material,
                        char out[static ROLLOVER_ID_OCTETS])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    /* The length first: so that no octet can move from one file to the other. */
    uint64_t split = material->certificate_text.len;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_made =
        hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(hash, &split, sizeof split) == 1 &&
        EVP_DigestUpdate(hash, material->certificate_text.chars,
                         material->certificate_text.len) == 1 &&
        EVP_DigestUpdate(hash, material->key_text.chars, material->key_text.len) == 1 &&
        EVP_DigestFinal_ex(hash, digest, &len) == 1;
    EVP_MD_CTX_free(hash);
    struct writer w = writer_of((uint8_t *)out, ROLLOVER_ID_OCTETS);
    if (is_made)
        writer_hex(&w, digest, len);
    writer_u8(&w, '\0');
    return is_made && !w.failed ? RES_OK : RES_ECRYPTO;
}

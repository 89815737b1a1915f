#include "tlsa/rollover_state.h"

#include <inttypes.h>
#include <libconfig.h>
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
    char time[TIMESTAMP_TEXT_OCTETS];
    writer_printf(w,
                  "# tsigate-tlsa rollover writes this; see tsigate-tlsa(1).\n"
                  "version = %d;\n"
                  "certificate = \"%s\";\n"
                  "step = \"%s\";\n",
                  VERSION, name, rollover_step_name(saved->step));
    if (saved->step == ROLLOVER_WAIT)
        writer_printf(w, "# until %s\n", timestamp_format(rollover_until(saved), time));
    writer_printf(w,
                  "since = %" PRId64 "L;\n"
                  "boot_since = %" PRId64 "L;\n"
                  "boot = \"%s\";\n"
                  "ttl = %" PRIu32 "L;\n"
                  "new = \"%s\";\n"
                  "deployed = \"%s\";\n"
                  "names = [",
                  saved->since.wall_s, saved->since.boot_s, saved->since.boot,
                  saved->ttl_s, saved->goal.id, saved->deployed);
    for (size_t i = 0; i < saved->goal.name_count; i++)
        writer_printf(w, "%s\n  \"%s\"", i > 0 ? "," : "", saved->goal.names[i]);
    writer_string(w, " ];\n");
    build_records(w, "records", &saved->goal.records);
    build_records(w, "retired", &saved->retired);
    build_left(w, saved);
    writer_string(w, "complete = true;\n"); /* without it the file was cut off */
}

/* ---- reading it ---- */

struct reading {
    const config_setting_t *root;
    struct arena *arena;
    bool failed;
    unsigned taken; /* settings */
};

static const config_setting_t *take(struct reading *reading, const char *name, int type)
{
    const config_setting_t *setting = config_setting_get_member(reading->root, name);
    if (setting == NULL || config_setting_type(setting) != type) {
        reading->failed = true;
        return NULL;
    }
    reading->taken++;
    return setting;
}

/* "" where it is not there: reading has failed then. */
static const char *take_string(struct reading *reading, const char *name)
{
    const config_setting_t *setting = take(reading, name, CONFIG_TYPE_STRING);
    return setting != NULL ? config_setting_get_string(setting) : "";
}

static int64_t take_number(struct reading *reading, const char *name, int64_t most)
{
    const config_setting_t *setting = take(reading, name, CONFIG_TYPE_INT64);
    int64_t number = setting != NULL ? config_setting_get_int64(setting) : 0;
    if (number < 0 || number > most)
        reading->failed = true;
    return number;
}

static void take_id(struct reading *reading, const char *name,
                    char out[static ROLLOVER_ID_OCTETS])
{
    const char *text = take_string(reading, name);
    size_t len = strspn(text, "0123456789abcdef");
    if (text[len] != '\0' || (len != 0 && len != ROLLOVER_ID_OCTETS - 1)) {
        reading->failed = true;
        len = 0;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static void take_boot(struct reading *reading, char out[static ROLLOVER_BOOT_OCTETS])
{
    const char *text = take_string(reading, "boot");
    size_t len = strspn(text, "0123456789abcdef-");
    if (text[len] != '\0' || len >= ROLLOVER_BOOT_OCTETS) {
        reading->failed = true;
        len = 0;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static int nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, digit) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static bool read_record(struct reading *reading, const char *text, struct rdata *out)
{
    size_t len = text != NULL ? strlen(text) : 0;
    if (len % 2 != 0 || len < 8 || len / 2 > UINT16_MAX)
        return false;
    uint8_t *octets = arena_alloc(reading->arena, len / 2);
    *out = (struct rdata){octets, (uint16_t)(len / 2)};
    for (size_t i = 0; octets != NULL && i < len / 2; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        octets[i] = (uint8_t)(high << 4 | low);
    }
    return octets != NULL;
}

static void take_records(struct reading *reading, const char *name,
                         struct tlsa_records *out)
{
    const config_setting_t *list = take(reading, name, CONFIG_TYPE_ARRAY);
    int count = list != NULL ? config_setting_length(list) : 0;
    for (int i = 0; i < count && !reading->failed; i++) {
        struct rdata rdata;
        reading->failed =
            !read_record(reading, config_setting_get_string_elem(list, i), &rdata) ||
            tlsa_records_add(out, &rdata) != RES_OK;
    }
}

/* "NAME RECORD" */
static bool read_left(struct reading *reading, const char *text,
                      struct rollover_state *out)
{
    struct rdata rdata;
    const char *blank = text != NULL ? strchr(text, ' ') : NULL;
    const char *name =
        blank != NULL ? arena_string_n(reading->arena, text, (size_t)(blank - text))
                      : NULL;
    return name != NULL && read_record(reading, blank + 1, &rdata) &&
           rollover_leave(out, name, &rdata) == RES_OK;
}

/* Where it is not there, an earlier version wrote the file, which left none. */
static void take_left(struct reading *reading, struct rollover_state *out)
{
    if (config_setting_get_member(reading->root, "left") == NULL)
        return;
    const config_setting_t *list = take(reading, "left", CONFIG_TYPE_ARRAY);
    int count = list != NULL ? config_setting_length(list) : 0;
    for (int i = 0; i < count && !reading->failed; i++)
        reading->failed =
            !read_left(reading, config_setting_get_string_elem(list, i), out);
}

static void take_names(struct reading *reading, struct rollover_goal *goal)
{
    const config_setting_t *list = take(reading, "names", CONFIG_TYPE_ARRAY);
    int count = list != NULL ? config_setting_length(list) : 0;
    goal->names = arena_array(reading->arena, (size_t)count, sizeof *goal->names);
    if (goal->names == NULL)
        reading->failed = true;
    for (int i = 0; i < count && !reading->failed; i++) {
        const char *text = config_setting_get_string_elem(list, i);
        text = text != NULL ? arena_string(reading->arena, text) : NULL;
        reading->failed = text == NULL;
        goal->names[goal->name_count++] = text;
    }
}

static void take_settings(struct reading *reading, struct rollover_state *out)
{
    if (rollover_step_parse(take_string(reading, "step"), &out->step) != RES_OK)
        reading->failed = true;
    out->since.wall_s = take_number(reading, "since", INT64_MAX / 2);
    out->since.boot_s = take_number(reading, "boot_since", INT64_MAX / 2);
    take_boot(reading, out->since.boot);
    out->ttl_s = (uint32_t)take_number(reading, "ttl", LIMIT_TTL_S);
    take_id(reading, "new", out->goal.id);
    take_id(reading, "deployed", out->deployed);
    take_names(reading, &out->goal);
    take_records(reading, "records", &out->goal.records);
    take_records(reading, "retired", &out->retired);
    take_left(reading, out);
    (void)take(reading, "complete", CONFIG_TYPE_BOOL);
    if (config_setting_length(reading->root) != (int)reading->taken)
        reading->failed = true; /* a setting that we do not know may mean anything */
}

/* NULL: it is read. */
static const char *read_text(const char *name, const char *chars, struct arena *arena,
                             struct rollover_state *out)
{
    int version = 0;
    config_t config;
    config_init(&config);
    const char *wrong = NULL;
    bool is_config = config_read_string(&config, chars) == CONFIG_TRUE;
    struct reading reading = {.root = config_root_setting(&config), .arena = arena};
    if (is_config && config_lookup_int(&config, "version", &version) == CONFIG_TRUE &&
        version != VERSION)
        wrong = "written by another version of tsigate-tlsa";
    if (is_config && wrong == NULL) {
        (void)take(&reading, "version", CONFIG_TYPE_INT);
        const char *whose = take_string(&reading, "certificate");
        if (!reading.failed && strcmp(whose, name) != 0)
            wrong = "of another certificate";
        take_settings(&reading, out);
    }
    config_destroy(&config);
    if (wrong == NULL && (!is_config || reading.failed))
        wrong = "cut off, or not written by tsigate-tlsa";
    return wrong;
}

enum result rollover_state_parse(const char *path, const char *name, const char *chars,
                                 size_t len, struct arena *arena, struct diags *diags,
                                 struct rollover_state *out)
{
    *out = (struct rollover_state){.step = 0};
    const char *wrong =
        strlen(chars) == len ? read_text(name, chars, arena, out) : "not a text";
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
        (void)tool_fail(TOOL_OUTSIDE, "out of memory");
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
        return tool_fail(TOOL_OUTSIDE, "out of memory");
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

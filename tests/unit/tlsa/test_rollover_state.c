#include "tlsa/rollover_state.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define NAME "mx1.example"
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const uint8_t old_value[] = {3, 1, 1, 0x0a, 0xbc};
static const uint8_t new_value[] = {3, 1, 1, 0xff, 0x00};

static const char *names[] = {"_25._tcp.mx1.example.", "_465._tcp.mx1.example."};

static struct rollover_state sample(enum rollover_step step)
{
    return (struct rollover_state){
        .step = step,
        .goal = {.id = ID_B,
                 .records = {{{new_value, sizeof new_value}}, 1},
                 .names = names,
                 .name_count = 2},
        .deployed = ID_A,
        .retired = {{{old_value, sizeof old_value}}, 1},
        .ttl_s = 300,
        .since = {5000000000, 77, "c0ffee-1"},
        .left = {{names[0], {old_value, sizeof old_value}}},
        .left_count = 1,
    };
}

static void assert_same(const struct rollover_state *a, const struct rollover_state *b)
{
    assert_int_equal(a->step, b->step);
    assert_string_equal(a->goal.id, b->goal.id);
    assert_string_equal(a->deployed, b->deployed);
    assert_true(tlsa_records_equal(&a->goal.records, &b->goal.records));
    assert_true(tlsa_records_equal(&a->retired, &b->retired));
    assert_int_equal(a->ttl_s, b->ttl_s);
    assert_int_equal(a->since.wall_s, b->since.wall_s);
    assert_int_equal(a->since.boot_s, b->since.boot_s);
    assert_string_equal(a->since.boot, b->since.boot);
    assert_int_equal(a->goal.name_count, b->goal.name_count);
    for (size_t i = 0; i < a->goal.name_count; i++)
        assert_string_equal(a->goal.names[i], b->goal.names[i]);
    assert_int_equal(a->left_count, b->left_count);
    for (size_t i = 0; i < a->left_count; i++) {
        assert_string_equal(a->left[i].name, b->left[i].name);
        assert_true(tlsa_record_equal(&a->left[i].rdata, &b->left[i].rdata));
    }
}

static size_t build(const struct rollover_state *saved, char *text, size_t capacity)
{
    struct writer w = writer_of((uint8_t *)text, capacity - 1);
    rollover_state_build(NAME, saved, &w);
    assert_false(w.failed);
    text[w.len] = '\0';
    return w.len;
}

/* NULL: it is read. Else the message. */
static const char *parse(struct arena *arena, const char *chars, size_t len,
                         struct rollover_state *out)
{
    struct diags diags;
    diags_init(&diags);
    enum result result =
        rollover_state_parse("x.rollover", NAME, chars, len, arena, &diags, out);
    const char *said =
        diags.first != NULL ? arena_string(arena, diags.first->message) : NULL;
    assert_true((result == RES_OK) == (said == NULL));
    diags_fini(&diags);
    return said;
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    for (int step = ROLLOVER_PUBLISH; step <= ROLLOVER_DONE; step++) {
        char text[4096];
        struct rollover_state saved = sample((enum rollover_step)step);
        struct rollover_state read;
        size_t len = build(&saved, text, sizeof text);
        assert_null(parse(&arena, text, len, &read));
        assert_same(&saved, &read);
    }
    char text[4096];
    struct rollover_state empty = {.step = ROLLOVER_DONE};
    struct rollover_state read;
    size_t len = build(&empty, text, sizeof text);
    assert_null(parse(&arena, text, len, &read));
    assert_same(&empty, &read);
    arena_fini(&arena);
}

static void test_every_prefix(void **state)
{
    (void)state;
    char text[4096];
    struct arena arena;
    struct rollover_state saved = sample(ROLLOVER_WAIT);
    size_t len = build(&saved, text, sizeof text);
    arena_init(&arena, 4096, 0);
    for (size_t cut = 0; cut < len; cut++) {
        char prefix[4096];
        struct rollover_state read;
        memcpy(prefix, text, cut);
        prefix[cut] = '\0';
        const char *said = parse(&arena, prefix, cut, &read);
        assert_non_null(said);
        assert_non_null(strstr(said, "cut off"));
        assert_int_equal(read.step, 0);
    }
    arena_fini(&arena);
}

static void test_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *name, *old, *new, *said;
    } cases[] = {
        {"a later version", "version = 1", "version = 2", "another version"},
        {"of another certificate", "\"mx1.example\"", "\"mx2.example\"",
         "of another certificate"},
        {"a step that is none", "\"wait\"", "\"waits\"", "not written by"},
        {"a setting too many", "ttl = 300L;", "ttl = 300L; more = 1;",
         "not written by"},
        {"a setting too few", "ttl = 300L;", "", "not written by"},
        {"a text for a number", "300L", "\"300\"", "not written by"},
        {"a number below zero", "300L", "-300L", "not written by"},
        {"a number that is no TTL", "300L", "4294967296L", "not written by"},
        {"a number with a zero", "300L", "0300L", "not written by"},
        {"a time below zero", "5000000000L", "-5L", "not written by"},
        {"a time beyond all", "77L", "9223372036854775807L", "not written by"},
        {"another comment", "# tsigate", "# Tsigate", "not written by"},
        {"a setting twice", "ttl = 300L;", "ttl = 300L;\nttl = 300L;",
         "not written by"},
        {"a name too many", "names = [\n", "names = [\n  \"a.\",\n  \"b.\"\n",
         "not written by"},
        {"no boot_id", "\"c0ffee-1\"", "\"coffee\"", "not written by"},
        {"half an octet", "030101ff00", "030101ff0", "not written by"},
        {"a record without data", "030101ff00", "030101", "not written by"},
        {"no hexadecimal", "030101ff00", "030101FF00", "not written by"},
        {"a short digest", "\"" ID_B, "\"b", "not written by"},
        {"no digest", "\"" ID_B, "\"../../etc", "not written by"},
        {"a number among the names",
         "\"_25._tcp.mx1.example.\",\n  "
         "\"_465._tcp.mx1.example.\"",
         "25", "not written by"},
        {"left nowhere", "\"_25._tcp.mx1.example. 0301010abc", "\"0301010abc",
         "not written by"},
        {"nothing left there", "mx1.example. 0301010abc", "mx1.example. ",
         "not written by"},
        {"a number of what is left", "\"_25._tcp.mx1.example. 0301010abc\"", "3",
         "not written by"},
        {"words", "version", "hello version", "not written by"},
    };
    char text[4096];
    struct rollover_state saved = sample(ROLLOVER_WAIT);
    build(&saved, text, sizeof text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char changed[8192];
        struct arena arena;
        struct rollover_state read;
        const char *at = strstr(text, cases[i].old);
        arena_init(&arena, 4096, 0);
        assert_case(cases[i].name, at != NULL);
        int len = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text,
                           cases[i].new, at + strlen(cases[i].old));
        const char *said = parse(&arena, changed, (size_t)len, &read);
        assert_case(cases[i].name, said != NULL && strstr(said, cases[i].said) != NULL);
        arena_fini(&arena);
    }
    struct arena arena;
    struct rollover_state read;
    arena_init(&arena, 4096, 0);
    assert_non_null(parse(&arena, text, strlen(text) + 1, &read)); /* a NUL behind it */
    arena_fini(&arena);
}

/* ---- on disk ---- */

struct stand {
    char folder[32];
    struct tool tool;
    struct state state;
};

static void open_stand(struct stand *stand)
{
    memset(stand, 0, sizeof *stand);
    strcpy(stand->folder, "/tmp/rollover.XXXXXX");
    assert_non_null(mkdtemp(stand->folder));
    arena_init(&stand->tool.arena, 4096, 0);
    diags_init(&stand->tool.diags);
    assert_int_equal(state_open(&stand->tool, stand->folder, true, &stand->state),
                     TOOL_DONE);
}

static void close_stand(struct stand *stand)
{
    char command[64];
    state_close(&stand->state);
    diags_fini(&stand->tool.diags);
    arena_fini(&stand->tool.arena);
    snprintf(command, sizeof command, "rm -r %s", stand->folder);
    assert_int_equal(system(command), 0);
}

static void put(struct stand *stand, const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", stand->folder, file);
    unit_write_file(path, text, 0600);
}

static void test_disk(void **state)
{
    (void)state;
    struct stand stand;
    struct rollover_state read;
    struct rollover_state saved = sample(ROLLOVER_WAIT);
    open_stand(&stand);
    assert_int_equal(rollover_state_load(&stand.state, NAME, &read), TOOL_DONE);
    assert_int_equal(read.step, 0);
    assert_int_equal(rollover_state_save(&stand.state, NAME, &saved), TOOL_DONE);
    assert_int_equal(rollover_state_load(&stand.state, NAME, &read), TOOL_DONE);
    assert_same(&saved, &read);
    /* A power cut while the next one was written: what is there is the one before. */
    put(&stand, "." NAME ".rollover.new", "version = 1;\nstep = \"do");
    assert_int_equal(rollover_state_load(&stand.state, NAME, &read), TOOL_DONE);
    assert_same(&saved, &read);
    saved.step = ROLLOVER_DEPLOY;
    assert_int_equal(rollover_state_save(&stand.state, NAME, &saved), TOOL_DONE);
    assert_int_equal(rollover_state_load(&stand.state, NAME, &read), TOOL_DONE);
    assert_same(&saved, &read);
    put(&stand, NAME ".rollover", "");
    assert_int_equal(rollover_state_load(&stand.state, NAME, &read), TOOL_CONFIG);
    close_stand(&stand);
}

/* A copy that is not the one that the state speaks of is not used: a power cut between
 * the copies of a second renewal and its state. */
static void test_copies(void **state)
{
    (void)state;
    static char certificate[] = "certificate";
    static char key[] = "key";
    struct stand stand;
    char id[ROLLOVER_ID_OCTETS];
    char other[ROLLOVER_ID_OCTETS];
    struct file_text text;
    struct material material = {
        .certificate_text = {.chars = certificate, .len = 11},
        .key_text = {.chars = key, .len = 3},
    };
    assert_int_equal(rollover_id(&material, id), RES_OK);
    assert_int_equal(strlen(id), 64);
    material.certificate_text.len = 10;
    assert_int_equal(rollover_id(&material, other), RES_OK);
    assert_string_not_equal(id, other);
    open_stand(&stand);
    assert_int_equal(rollover_state_settle(&stand.state, NAME), TOOL_DONE);
    assert_int_equal(rollover_state_keep(&stand.state, NAME, &material), TOOL_DONE);
    assert_int_equal(rollover_state_settle(&stand.state, NAME), TOOL_DONE);
    assert_int_equal(state_read(&stand.state, NAME ".old.certificate", &text),
                     TOOL_DONE);
    assert_string_equal(text.chars, "certificat");
    file_text_free(&text);
    assert_int_equal(state_read(&stand.state, NAME ".old.key", &text), TOOL_DONE);
    assert_string_equal(text.chars, "key");
    file_text_free(&text);
    close_stand(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_foreign),        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

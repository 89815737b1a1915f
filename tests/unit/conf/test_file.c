#include "conf/file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct fixture {
    char folder[64];
    struct arena arena;
    struct diags diags;
};

static const struct place nowhere = {0};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return -1;
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/tsigate-test-file.XXXXXX");
    arena_init(&f->arena, 4096, 0);
    diags_init(&f->diags);
    *state = f;
    return mkdtemp(f->folder) == NULL ? -1 : 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a.key", "b.key", "B.key", ".c.key",
                                        "link",  "fifo",  "other"};
    char path[128];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->folder);
    diags_fini(&f->diags);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static const char *path_of(struct fixture *f, const char *name)
{
    const char *path = arena_printf(&f->arena, "%s/%s", f->folder, name);
    assert_non_null(path);
    return path;
}

static const char *make_file(struct fixture *f, const char *name, const char *text,
                             mode_t mode)
{
    const char *path = path_of(f, name);
    unit_write_file(path, text, mode);
    return path;
}

static void files_are_read_whole(void **state)
{
    struct fixture *f = *state;
    struct file_text text;
    const char *path = make_file(f, "other", "hello\n", 0600);

    assert_int_equal(file_read(path, 6, nowhere, &f->diags, &text), RES_OK);
    assert_int_equal(text.len, 6);
    assert_string_equal(text.chars, "hello\n");
    assert_string_equal(text.path, path);
    file_text_free(&text);
    assert_null(text.chars);
    file_text_free(&text);
    assert_int_equal(f->diags.errors, 0);

    assert_int_equal(file_read(path, 5, nowhere, &f->diags, &text), RES_ERANGE);
    assert_string_equal(f->diags.last->id, "file-too-large");
    assert_string_equal(f->diags.last->place.file, path);
    assert_int_equal(
        file_read(make_file(f, "other", "", 0600), 5, nowhere, &f->diags, &text),
        RES_OK);
    assert_int_equal(text.len, 0);
    file_text_free(&text);
}

static void what_is_no_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct file_text text;
    const struct place place = {"tsigate.conf", 3, 7};

    assert_int_equal(file_read(path_of(f, "none"), 9, place, &f->diags, &text),
                     RES_EIO);
    assert_string_equal(f->diags.last->id, "file-missing");
    assert_string_equal(f->diags.last->place.file, "tsigate.conf");
    assert_int_equal(f->diags.last->place.column, 7);
    assert_non_null(strstr(f->diags.last->message, path_of(f, "none")));
    /* The place says it already. */
    assert_int_equal(file_read(path_of(f, "none"), 9, nowhere, &f->diags, &text),
                     RES_EIO);
    assert_string_equal(f->diags.last->place.file, path_of(f, "none"));
    assert_string_equal(f->diags.last->message, "No such file or directory");
    assert_int_equal(file_read(f->folder, 9, place, &f->diags, &text), RES_EIO);
    assert_string_equal(f->diags.last->id, "file-not-regular");
    /* Nobody writes to it: this would wait for ever. */
    assert_int_equal(mkfifo(path_of(f, "fifo"), 0600), 0);
    assert_int_equal(file_read(path_of(f, "fifo"), 9, place, &f->diags, &text),
                     RES_EIO);
    assert_string_equal(f->diags.last->id, "file-not-regular");
}

/* O-3. */
static void secrets_are_kept(void **state)
{
    static const struct {
        mode_t mode;
        enum result result;
    } cases[] = {
        {0600, RES_OK},        {0640, RES_OK},        {0440, RES_OK},
        {0400, RES_OK},        {0644, RES_EMISMATCH}, {0604, RES_EMISMATCH},
        {0660, RES_EMISMATCH}, {0602, RES_EMISMATCH}, {0620, RES_EMISMATCH},
    };
    struct fixture *f = *state;
    struct file_text text;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = make_file(f, "other", "x", cases[i].mode);
        assert_int_equal(
            file_read_secret(path, 9, geteuid(), nowhere, &f->diags, &text),
            cases[i].result);
        if (cases[i].result == RES_OK)
            file_text_free(&text);
        else
            assert_non_null(strstr(f->diags.last->message, "chmod g-w,o-rwx"));
        (void)unlink(path);
    }
    /* A link is judged by what it leads to. */
    const char *open = make_file(f, "other", "x", 0644);
    assert_int_equal(symlink(open, path_of(f, "link")), 0);
    assert_int_equal(
        file_read_secret(path_of(f, "link"), 9, geteuid(), nowhere, &f->diags, &text),
        RES_EMISMATCH);
    assert_int_equal(chmod(open, 0600), 0);
    assert_int_equal(
        file_read_secret(path_of(f, "link"), 9, geteuid(), nowhere, &f->diags, &text),
        RES_OK);
    file_text_free(&text);
}

static void secrets_belong_to_root_or_us(void **state)
{
    struct fixture *f = *state;
    struct file_text text;
    const char *path = make_file(f, "other", "x", 0600);
    bool are_root = geteuid() == 0;

    if (are_root)
        assert_int_equal(chown(path, 4242, (gid_t)-1), 0);
    uid_t owner = are_root ? 4242 : geteuid();
    assert_int_equal(file_read_secret(path, 9, owner, nowhere, &f->diags, &text),
                     RES_OK);
    file_text_free(&text);
    assert_int_equal(file_read_secret(path, 9, owner + 1, nowhere, &f->diags, &text),
                     RES_EMISMATCH);
    assert_string_equal(f->diags.last->id, "file-owner");
}

static void paths_start_at_their_file(void **state)
{
    static const struct {
        const char *base, *path, *joined;
    } cases[] = {
        {"/etc/tsigate/tsigate.conf", "keys/*.key", "/etc/tsigate/keys/*.key"},
        {"/etc/tsigate/tsigate.conf", "/srv/k", "/srv/k"},
        {"tsigate.conf", "keys/a", "keys/a"},
        {"./tsigate.conf", "./keys//a", "keys/a"},
        {"/tsigate.conf", "a", "/a"},
        {"a/b.conf", "../c", "a/../c"},
        {"a/b.conf", "./.hidden/./x", "a/.hidden/x"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(file_path_from(cases[i].base, cases[i].path, &f->arena),
                            cases[i].joined);
}

static void lists_are_sorted_and_have_no_doubles(void **state)
{
    struct fixture *f = *state;
    struct file_list list = {0};

    make_file(f, "b.key", "", 0600);
    make_file(f, "a.key", "", 0600);
    make_file(f, "B.key", "", 0600);
    make_file(f, ".c.key", "", 0600);
    assert_int_equal(
        file_list_add(&list, path_of(f, "a.key"), nowhere, &f->arena, &f->diags),
        RES_OK);
    assert_int_equal(
        file_list_add(&list, path_of(f, "*.key"), nowhere, &f->arena, &f->diags),
        RES_OK);
    assert_int_equal(
        file_list_add(&list, path_of(f, "b.key"), nowhere, &f->arena, &f->diags),
        RES_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.paths[0], path_of(f, "a.key"));
    assert_string_equal(list.paths[1], path_of(f, "B.key"));
    assert_string_equal(list.paths[2], path_of(f, "b.key"));
    assert_null(f->diags.first);
}

static void missing_files_are_told(void **state)
{
    struct fixture *f = *state;
    struct file_list list = {0};
    const struct place place = {"tsigate.conf", 3, 7};

    assert_int_equal(
        file_list_add(&list, path_of(f, "*.acl"), place, &f->arena, &f->diags), RES_OK);
    assert_string_equal(f->diags.last->id, "pattern-without-match");
    assert_int_equal(
        file_list_add(&list, path_of(f, "none/*.acl"), place, &f->arena, &f->diags),
        RES_OK);
    assert_int_equal(f->diags.warnings, 2);
    assert_int_equal(f->diags.errors, 0);
    assert_int_equal(
        file_list_add(&list, path_of(f, "a.acl"), place, &f->arena, &f->diags),
        RES_EIO);
    assert_string_equal(f->diags.last->id, "file-missing");
    assert_int_equal(f->diags.last->place.line, 3);
    assert_int_equal(list.count, 0);
}

/* What is run as root is said by root alone; the world may read it. */
static void what_is_obeyed_is_ours_alone(void **state)
{
    static const struct {
        mode_t mode;
        enum result result;
    } cases[] = {
        {0644, RES_OK},
        {0600, RES_OK},
        {0664, RES_EMISMATCH},
        {0646, RES_EMISMATCH},
    };
    struct fixture *f = *state;
    struct file_text text;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = make_file(f, "other", "x", cases[i].mode);
        assert_int_equal(
            file_read_obeyed(path, 9, geteuid(), nowhere, &f->diags, &text),
            cases[i].result);
        if (cases[i].result == RES_OK)
            file_text_free(&text);
        (void)unlink(path);
    }
    assert_non_null(strstr(f->diags.last->message,
                           "mode 0646 lets others say what is run: chmod go-w it"));
}

#define TEST(function)                                                                 \
    cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_whole),      TEST(what_is_no_file_is_refused),
        TEST(secrets_are_kept),          TEST(secrets_belong_to_root_or_us),
        TEST(paths_start_at_their_file), TEST(lists_are_sorted_and_have_no_doubles),
        TEST(missing_files_are_told),    TEST(what_is_obeyed_is_ours_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

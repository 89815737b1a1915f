#include "tlsa/generated_file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct stand {
    char folder[32];
    char path[64];
    char link[64];
    char mark[64];
    char said[64];
    struct tool tool;
};

static void open_stand(struct stand *stand)
{
    memset(stand, 0, sizeof *stand);
    memcpy(stand->folder, "/tmp/generated.XXXXXX", 22);
    assert_non_null(mkdtemp(stand->folder));
    snprintf(stand->path, sizeof stand->path, "%s/zone", stand->folder);
    snprintf(stand->link, sizeof stand->link, "%s/link", stand->folder);
    snprintf(stand->mark, sizeof stand->mark, "%s/.zone.pending", stand->folder);
    snprintf(stand->said, sizeof stand->said, "%s/said", stand->folder);
    arena_init(&stand->tool.arena, 4096, 0);
    diags_init(&stand->tool.diags);
}

static void close_stand(struct stand *stand)
{
    char command[64];
    diags_fini(&stand->tool.diags);
    arena_fini(&stand->tool.arena);
    snprintf(command, sizeof command, "rm -r %s", stand->folder);
    assert_int_equal(system(command), 0);
}

static void write_text(struct stand *stand, const char *path, const char *text,
                       bool marks, struct generated_file *out)
{
    assert_int_equal(
        generated_file_write(&stand->tool, path, text, strlen(text), marks, out),
        TOOL_DONE);
}

static ino_t inode_of(const char *path)
{
    struct stat stat_of;
    assert_int_equal(stat(path, &stat_of), 0);
    return stat_of.st_ino;
}

static void test_only_on_change(void **state)
{
    (void)state;
    struct stand stand;
    struct generated_file file;
    struct stat stat_of;
    open_stand(&stand);
    write_text(&stand, stand.path, "one\n", false, &file);
    assert_true(file.is_changed);
    assert_int_equal(stat(stand.path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0644);
    assert_int_equal(chmod(stand.path, 0640), 0);
    ino_t first = inode_of(stand.path);
    write_text(&stand, stand.path, "one\n", false, &file);
    assert_false(file.is_changed);
    assert_int_equal(inode_of(stand.path), first);
    static const char *const others[] = {"one", "one\ntwo\n", "oNe\n", ""};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        write_text(&stand, stand.path, others[i], false, &file);
        assert_case(others[i], file.is_changed);
        assert_int_equal(stat(stand.path, &stat_of), 0);
        assert_case(others[i], (stat_of.st_mode & 07777) == 0640);
        assert_case(others[i], stat_of.st_size == (off_t)strlen(others[i]));
    }
    assert_int_not_equal(access(stand.mark, F_OK), 0);
    close_stand(&stand);
}

static void test_a_link_stays_one(void **state)
{
    (void)state;
    struct stand stand;
    struct generated_file file;
    struct stat stat_of;
    open_stand(&stand);
    write_text(&stand, stand.path, "one\n", false, &file);
    assert_int_equal(symlink("zone", stand.link), 0);
    write_text(&stand, stand.link, "two\n", false, &file);
    assert_int_equal(lstat(stand.link, &stat_of), 0);
    assert_true(S_ISLNK(stat_of.st_mode));
    write_text(&stand, stand.path, "two\n", false, &file);
    assert_false(file.is_changed);
    close_stand(&stand);
}

/* The command follows a change also where it failed at first, and only then. */
static void test_the_command(void **state)
{
    (void)state;
    struct stand stand;
    struct generated_file file;
    char command[128];
    open_stand(&stand);
    snprintf(command, sizeof command, "echo x >> %s", stand.said);
    write_text(&stand, stand.path, "one\n", true, &file);
    assert_int_equal(generated_file_then(&file, "exit 3"), TOOL_OUTSIDE);
    assert_int_equal(access(stand.mark, F_OK), 0);
    write_text(&stand, stand.path, "one\n", true, &file); /* the next run */
    assert_false(file.is_changed);
    assert_int_equal(generated_file_then(&file, command), TOOL_DONE);
    assert_int_equal(access(stand.said, F_OK), 0);
    assert_int_not_equal(access(stand.mark, F_OK), 0);
    assert_int_equal(unlink(stand.said), 0);
    assert_int_equal(generated_file_then(&file, command), TOOL_DONE);
    assert_int_not_equal(access(stand.said, F_OK), 0);
    close_stand(&stand);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct stand stand;
    struct generated_file file;
    open_stand(&stand);
    assert_int_equal(
        generated_file_write(&stand.tool, "/nonexistent/zone", "x", 1, true, &file),
        TOOL_OUTSIDE);
    close_stand(&stand);
}

/* Such as /dev/null: it is not replaced, nor waited for, and a link is not lost. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    struct stand stand;
    struct generated_file file;
    struct stat stat_of;
    open_stand(&stand);
    static const char text[] = "a\n";
    assert_int_equal(mkfifo(stand.path, 0600), 0);
    assert_int_equal(symlink("zone", stand.link), 0);
    assert_int_equal(
        generated_file_write(&stand.tool, stand.path, text, 2, true, &file),
        TOOL_OUTSIDE);
    assert_int_equal(
        generated_file_write(&stand.tool, stand.link, text, 2, true, &file),
        TOOL_OUTSIDE);
    assert_int_equal(lstat(stand.path, &stat_of), 0);
    assert_true(S_ISFIFO(stat_of.st_mode));
    assert_int_equal(unlink(stand.path), 0);
    assert_int_equal(
        generated_file_write(&stand.tool, stand.link, text, 2, true, &file),
        TOOL_OUTSIDE);
    assert_int_equal(lstat(stand.link, &stat_of), 0);
    assert_true(S_ISLNK(stat_of.st_mode));
    assert_int_not_equal(access(stand.mark, F_OK), 0);
    close_stand(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_on_change),   cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_a_link_stays_one), cmocka_unit_test(test_the_command),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

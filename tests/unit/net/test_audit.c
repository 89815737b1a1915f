/*
 * The audit file over several runs: what one leaves behind, however it ended, the next
 * takes up. Rules D9, L-2, L-4, R-7, T-20.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "net/audit.h"
#include "txn/log.h"
#include "unit.h"

static char folder[] = "/tmp/test_audit.XXXXXX";
static char path[64];

static const struct txn_now now = {.mono_us = 1, .real_us = 1800000000000000};

static int64_t moment_us = 1800000000000000; /* of the lines */
struct run {
    struct audit *audit;
    struct txn_journal journal;
    struct log_chain chain;
};

static struct run open_run(void)
{
    struct run run = {0};

    assert_int_equal(audit_open(path, 300, now, &run.audit, &run.journal), RES_OK);
    run.chain.next_seq = run.journal.next_seq;
    memcpy(run.chain.prev, run.journal.prev, sizeof(run.chain.prev));
    return run;
}

static size_t build_line(struct run *run, enum log_event event, uint8_t *octets,
                         size_t capacity)
{
    struct tsig_mac mac = {.len = 32};
    const struct log_line line = {
        .event = event,
        .time_us = moment_us,
        .time_signed_s = (uint64_t)moment_us / 1000000,
        .batch = 1,
        .host = "mx1.duckcorp.org",
        .key_name = name_root,
        .full_mac = &mac,
        .from = &(struct addr){.family = 4, .octets = {192, 0, 2, 1}},
        .reason = REASON_PERMITTED,
        .duplicates = 1,
    };
    struct writer w = writer_of(octets, capacity);

    memcpy(mac.octets, &run->chain.next_seq, sizeof(run->chain.next_seq));
    assert_int_equal(log_write_line(&run->chain, &line, &w), RES_OK);
    return w.len;
}

static void write_line(struct run *run, enum log_event event)
{
    uint8_t octets[4096];
    size_t len = build_line(run, event, octets, sizeof(octets));

    assert_int_equal(audit_write(run->audit, octets, len), RES_OK);
}

static char *read_file(size_t *out_len)
{
    static char text[65536];
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    assert_true(len >= 0);
    (void)close(fd);
    text[len] = '\0';
    if (out_len != NULL)
        *out_len = (size_t)len;
    return text;
}

static void append(const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

/* The hash of the last line without its newline. */
static void expect_prev(const struct txn_journal *journal)
{
    uint8_t hash[32];
    size_t len;
    char *text = read_file(&len);

    assert_true(len > 0 && text[len - 1] == '\n');
    text[len - 1] = '\0';
    char *last = strrchr(text, '\n');
    last = last == NULL ? text : last + 1;
    (void)SHA256((const uint8_t *)last, strlen(last), hash);
    assert_memory_equal(hash, journal->prev, sizeof(hash));
}

static void test_first_start(void **state)
{
    static const uint8_t zeros[32];
    struct run run = open_run();
    struct stat status;

    (void)state;
    assert_true(run.journal.is_first_start);
    assert_int_equal(run.journal.next_seq, 1);
    assert_memory_equal(run.journal.prev, zeros, sizeof(zeros));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    audit_close(&run.audit);

    /* T-20: a file without lines is not a first start. */
    run = open_run();
    assert_false(run.journal.is_first_start);
    audit_close(&run.audit);
}

static void test_chain_goes_on(void **state)
{
    struct run run = open_run();

    (void)state;
    write_line(&run, LOG_SUPPRESSED);
    write_line(&run, LOG_SUPPRESSED);
    audit_close(&run.audit);
    run = open_run();
    assert_false(run.journal.is_first_start);
    assert_int_equal(run.journal.next_seq, 3);
    expect_prev(&run.journal);
    audit_close(&run.audit);
}

static void test_torn_line(void **state)
{
    struct run run = open_run();

    (void)state;
    write_line(&run, LOG_SUPPRESSED);
    audit_close(&run.audit);
    append("{\"event\":\"intent\",\"ti");
    run = open_run();
    assert_int_equal(run.journal.next_seq, 2);
    expect_prev(&run.journal);
    write_line(&run, LOG_SUPPRESSED);
    audit_close(&run.audit);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 3);
    audit_close(&run.audit);
}

static void test_intent_without_result(void **state)
{
    struct run run = open_run();

    (void)state;
    write_line(&run, LOG_INTENT);
    write_line(&run, LOG_INTENT);
    audit_close(&run.audit);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 5);
    expect_prev(&run.journal);
    assert_non_null(strstr(read_file(NULL), "outcome-unknown"));
    audit_close(&run.audit);

    /* Once: they have their results now. */
    run = open_run();
    assert_int_equal(run.journal.next_seq, 5);
    audit_close(&run.audit);
}

/* R-7, L-2: whole or not at all, and it goes on when there is room again. */
static void test_full_disk(void **state)
{
    struct run run = open_run();
    struct rlimit before, small;
    uint8_t octets[4096];
    size_t len, len_before;

    (void)state;
    write_line(&run, LOG_SUPPRESSED);
    (void)read_file(&len_before);
    struct log_chain chain = run.chain;
    size_t line_len = build_line(&run, LOG_SUPPRESSED, octets, sizeof(octets));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = len_before + line_len / 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(audit_write(run.audit, octets, line_len), RES_EIO);
    assert_int_equal(audit_write(run.audit, octets, line_len), RES_EIO);
    (void)read_file(&len);
    assert_int_equal(len, len_before);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    run.chain = chain;
    write_line(&run, LOG_SUPPRESSED);
    audit_close(&run.audit);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 3);
    expect_prev(&run.journal);
    audit_close(&run.audit);
}

/* The disk fills in the middle of several lines: none of them is there. */
static void test_full_disk_between_lines(void **state)
{
    struct run run = open_run();
    struct rlimit before, small;
    uint8_t octets[3 * 4096];
    size_t len = 0, len_before, len_after;

    (void)state;
    write_line(&run, LOG_RESULT);
    (void)read_file(&len_before);
    struct log_chain chain = run.chain;
    for (int i = 0; i < 3; i++)
        len += build_line(&run, LOG_RESULT, octets + len, sizeof(octets) - len);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = len_before + len / 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(audit_write(run.audit, octets, len), RES_EIO);
    (void)read_file(&len_after);
    assert_int_equal(len_after, len_before);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(audit_write(run.audit, octets, len), RES_OK);
    audit_close(&run.audit);
    run.audit = NULL;
    assert_int_equal(chain.next_seq, 2);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 5);
    expect_prev(&run.journal);
    audit_close(&run.audit);
}

/* D9: only the end of a big file is read, as far back as it can matter. */
static void test_big_file(void **state)
{
    struct run run = open_run();
    const int64_t minute_us = 60 * INT64_C(1000000);
    struct log_found found;

    (void)state;
    for (int n = 12000; n > 0; n--) {
        moment_us = now.real_us - n * minute_us / 60;
        write_line(&run, LOG_RESULT);
    }
    moment_us = now.real_us;
    uint8_t prev[32];
    memcpy(prev, run.chain.prev, sizeof(prev));
    audit_close(&run.audit);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 12001);
    assert_memory_equal(run.journal.prev, prev, sizeof(prev));
    assert_non_null(run.journal.past);
    log_scan_end(run.journal.past, &found);
    assert_int_equal(found.past, 300 + 60); /* max_fudge and slack, one a second */
    assert_false(found.has_beginning);
    audit_close(&run.audit);
}

/* T-20: what tells that lines may be missing. */
static void test_usable_lines(void **state)
{
    struct run run = open_run();

    (void)state;
    write_line(&run, LOG_RESULT);
    write_line(&run, LOG_RESULT);
    audit_close(&run.audit);
    run = open_run();
    assert_non_null(run.journal.past);
    audit_close(&run.audit);

    append("torn\n");
    run = open_run();
    assert_null(run.journal.past);
    audit_close(&run.audit);

    /* The first line has gone, as when somebody else has cut the file. */
    char *text = strchr(read_file(NULL), '\n') + 1;
    *strstr(text, "torn") = '\0';
    char rest[8192];
    (void)snprintf(rest, sizeof(rest), "%s", text);
    assert_int_equal(truncate(path, 0), 0);
    append(rest);
    run = open_run();
    assert_null(run.journal.past);
    assert_int_equal(run.journal.next_seq, 3);
    audit_close(&run.audit);

    assert_int_equal(truncate(path, 0), 0);
    run = open_run();
    assert_null(run.journal.past);
    audit_close(&run.audit);
}

/* L-4: the file is moved away first, as logrotate does. */
static void test_rotation(void **state)
{
    struct run run = open_run();
    char moved[80];

    (void)state;
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    write_line(&run, LOG_SUPPRESSED);
    assert_non_null(strstr(audit_rotate(run.audit), "move it away first"));
    assert_int_equal(rename(path, moved), 0);
    write_line(&run, LOG_SUPPRESSED); /* still to the old one */
    assert_int_not_equal(access(path, F_OK), 0);
    assert_null(audit_rotate(run.audit));
    write_line(&run, LOG_SUPPRESSED);
    assert_non_null(strstr(read_file(NULL), "\"seq\":3,"));
    struct audit *other = NULL;
    struct txn_journal journal;
    assert_int_equal(audit_open(path, 300, now, &other, &journal), RES_EEXISTS);

    /* logrotate's `create`: an empty file is there already; not so any other. */
    assert_int_equal(rename(path, moved), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0640);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_non_null(strstr(audit_rotate(run.audit), "not empty"));
    assert_int_equal(ftruncate(fd, 0), 0);
    (void)close(fd);
    assert_null(audit_rotate(run.audit));
    write_line(&run, LOG_SUPPRESSED);
    audit_close(&run.audit);
    run = open_run();
    assert_int_equal(run.journal.next_seq, 5);
    assert_null(run.journal.past); /* nothing was carried over (T-20) */
    audit_close(&run.audit);
    assert_int_equal(unlink(moved), 0);
}

/* The folder may have gone, or a device stand there: the old file stays. */
static void test_rotation_fails(void **state)
{
    struct run run = open_run();
    char moved[80];

    (void)state;
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_non_null(audit_rotate(run.audit));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/nonexistent/audit", path), 0);
    assert_non_null(audit_rotate(run.audit));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(moved, path), 0);
    write_line(&run, LOG_SUPPRESSED);
    assert_non_null(strstr(read_file(NULL), "\"seq\":1,"));
    audit_close(&run.audit);
}

static void test_one_writer(void **state)
{
    struct run run = open_run();
    struct txn_journal journal;
    struct audit *other = NULL;

    (void)state;
    assert_int_equal(audit_open(path, 300, now, &other, &journal), RES_EEXISTS);
    assert_null(other);
    audit_close(&run.audit);
}

static void test_not_openable(void **state)
{
    static const char *const paths[] = {"/dev/null", "/tmp", "/nonexistent/audit"};
    struct txn_journal journal;
    struct audit *audit = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (audit_open(paths[i], 300, now, &audit, &journal) != RES_EIO)
            fail_msg("%s", paths[i]);
}

static int new_path(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/audit.jsonl", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_start, new_path),
        cmocka_unit_test_setup(test_chain_goes_on, new_path),
        cmocka_unit_test_setup(test_torn_line, new_path),
        cmocka_unit_test_setup(test_intent_without_result, new_path),
        cmocka_unit_test_setup(test_full_disk, new_path),
        cmocka_unit_test_setup(test_full_disk_between_lines, new_path),
        cmocka_unit_test_setup(test_big_file, new_path),
        cmocka_unit_test_setup(test_usable_lines, new_path),
        cmocka_unit_test_setup(test_rotation, new_path),
        cmocka_unit_test_setup(test_rotation_fails, new_path),
        cmocka_unit_test_setup(test_one_writer, new_path),
        cmocka_unit_test(test_not_openable),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

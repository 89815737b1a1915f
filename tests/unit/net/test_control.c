/*
 * The control socket, with the daemon played by this file. Rule O-10.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/control.h"
#include "unit.h"

static char folder[] = "/tmp/test_control.XXXXXX";
static char path[64];
static uv_loop_t loop;
static struct settings_limits limits;
static struct control *control;
static uint64_t reloads; /* asked for */

static void write_status(void *arg, struct json *json)
{
    (void)arg;
    json_bool(json, "ok", true);
}

static unsigned parts; /* of the keys still to come */

static bool write_keys(void *arg, struct key_walk *walk, struct json *json)
{
    (void)arg;
    (void)walk;
    json_number(json, NULL, parts);
    return --parts > 0;
}

static uint64_t want_reload(void *arg)
{
    (void)arg;
    return ++reloads;
}

static void rotate(void *arg, struct writer *w)
{
    (void)arg;
    writer_string(w, "{\"ok\":true,\"carried\":7}");
}

static const struct control_ports ports = {NULL, write_status, write_keys, want_reload,
                                           rotate};

static void turn(void)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
}

static int visit(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    memcpy(to.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    turn();
    return fd;
}

static void say(int fd, const char *octets, size_t len)
{
    assert_int_equal(send(fd, octets, len, MSG_NOSIGNAL), (ssize_t)len);
    turn();
}

/* NULL: nothing has come; "": it was closed without an answer. */
static const char *hear(int fd)
{
    static char answer[256];

    turn();
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    if (n < 0)
        return errno == EAGAIN ? NULL : "";
    answer[n] = '\0';
    return answer;
}

static int start(void **state)
{
    (void)state;
    limits.control_connections = 2;
    reloads = 0;
    parts = 1;
    control = control_new(&limits, &ports);
    if (control == NULL || uv_loop_init(&loop) != 0)
        return -1;
    return control_bind(control, path) != RES_OK ||
           control_start(control, &loop) != RES_OK;
}

static int end(void **state)
{
    (void)state;
    control_close(control);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    control_free(&control);
    return uv_loop_close(&loop) != 0 || access(path, F_OK) == 0;
}

static const char unknown[] = "{\"ok\":false,\"errors\":[\"unknown request: say "
                              "status, reload, tail or rotate\"]}\n";

#define STATUS "{\"ok\":true,\"keys\":[1]}\n"

static void test_requests(void **state)
{
    static const struct {
        const char *name;
        const char *octets;
        size_t len;
        const char *answer;
    } cases[] = {
        {"status", "status\n", 7, STATUS},
        {"only the first line counts", "status\nreload\n", 14, STATUS},
        {"rotate", "rotate\n", 7, "{\"ok\":true,\"carried\":7}\n"},
        {"half a line", "status", 6, NULL},
        {"another word", "stop\n", 5, unknown},
        {"nothing", "\n", 1, unknown},
        {"a longer word", "statuses\n", 9, unknown},
        {"a NUL", "sta\0tus\n", 8, unknown},
        {"a line without end",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 64, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = visit();
        parts = 1;
        say(fd, cases[i].octets, cases[i].len);
        const char *answer = hear(fd);
        if (cases[i].answer == NULL)
            assert_case(cases[i].name, answer == NULL);
        else
            assert_case(cases[i].name,
                        answer != NULL && strcmp(answer, cases[i].answer) == 0);
        (void)close(fd);
        turn();
    }
    assert_int_equal(reloads, 0);
}

static void test_a_status_comes_in_parts(void **state)
{
    int fd = visit(), gone = visit();

    (void)state;
    parts = 3;
    say(fd, "status\n", 7);
    assert_string_equal(hear(fd), "{\"ok\":true,\"keys\":[3,2,1]}\n");
    parts = 1000000;
    (void)send(gone, "status\n", 7, MSG_NOSIGNAL);
    turn();
    (void)close(gone);
    turn();
    unsigned left = parts;
    turn();
    assert_true(left > 0 && parts == left);
    (void)close(fd);
}

static void test_reload_is_answered_when_it_is_over(void **state)
{
    int first = visit();
    int second = visit();

    (void)state;
    say(first, "reload\n", 7);
    say(second, "reload\n", 7);
    (void)shutdown(first, SHUT_WR); /* it may have nothing more to say */
    assert_null(hear(first));
    control_reloaded(control, 1, "one", 3);
    assert_string_equal(hear(first), "one\n");
    assert_null(hear(second));
    control_reloaded(control, 2, "two", 3);
    assert_string_equal(hear(second), "two\n");
    (void)close(first);
    (void)close(second);
}

static void test_who_left_needs_no_answer(void **state)
{
    int fd = visit();

    (void)state;
    say(fd, "reload\n", 7);
    (void)close(fd);
    turn();
    control_reloaded(control, 1, "one", 3);
    turn();
}

static void test_limit(void **state)
{
    int fds[] = {visit(), visit(), visit()};

    (void)state;
    assert_non_null(strstr(hear(fds[2]), "limits.control_connections"));
    say(fds[0], "status\n", 7);
    assert_string_equal(hear(fds[0]), STATUS);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}

static const char tail_ready[] = "{\"ok\":true}\n";

static int watch(void)
{
    int fd = visit();

    say(fd, "tail\n", 5);
    return fd;
}

static void tell(const char *line)
{
    control_tail(control, (const uint8_t *)line, strlen(line));
    control_flush(control);
}

static void test_tail(void **state)
{
    (void)state;
    limits.control_connections = 3;
    tell("nobody watches\n");
    int fds[] = {watch(), watch()};
    tell("one\n{\"event\":\"intent\"}\ntwo\n"); /* an intent is no news */
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "%sone\ntwo\n", tail_ready);
        assert_string_equal(hear(fds[i]), expected);
    }
    (void)close(fds[0]);
    turn();
    tell("three\n");
    assert_string_equal(hear(fds[1]), "three\n");
    say(fds[1], "status\n", 7); /* out of turn */
    assert_string_equal(hear(fds[1]), "");
    (void)close(fds[1]);
    turn();
    tell("nobody again\n");
}

/* One place is left for who reloads. */
static void test_tails_leave_a_place(void **state)
{
    (void)state;
    int first = watch(), second = watch();
    assert_string_equal(hear(first), tail_ready);
    assert_non_null(strstr(hear(second), "too many watch"));
    (void)close(second);
    turn();
    second = visit();
    say(second, "status\n", 7);
    assert_string_equal(hear(second), STATUS);
    (void)close(second);
    (void)close(first);
    turn();
    first = watch(); /* the place of one that has gone is free */
    assert_string_equal(hear(first), tail_ready);
    (void)close(first);
}

/* Reads all that comes; adds up the lines that came and those that were left out. */
static void count_lines(int fd, uint64_t *out_came, uint64_t *out_left_out)
{
    static char heard[1024 * 1024];
    size_t len = 0;

    for (int idle = 0; idle < 3;) {
        turn();
        ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);
        idle = n > 0 ? 0 : idle + 1;
        len += n > 0 ? (size_t)n : 0;
    }
    heard[len] = '\0';
    assert_int_equal(heard[len - 1], '\n');
    *out_came = *out_left_out = 0;
    for (char *line = heard; *line != '\0'; line = strchr(line, '\n') + 1) {
        static const char notice[] = "{\"event\":\"left-out\",\"lines\":";
        if (strncmp(line, notice, strlen(notice)) == 0)
            *out_left_out += strtoull(line + strlen(notice), NULL, 10);
        else
            (*out_came)++;
    }
}

/* A reader who does not read costs a bounded buffer, and learns what it has missed. */
static void test_tail_that_does_not_read(void **state)
{
    char line[1001];
    uint64_t came = 0, left_out = 0;
    const uint64_t sent = 3000;

    (void)state;
    limits.control_connections = 3;
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "{\"event\":\"result\"", 17);
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\0';
    int slow = watch(), quick = watch();
    assert_string_equal(hear(quick), tail_ready);
    for (uint64_t i = 0; i < sent; i++) {
        tell(line);
        if (i < 1500) {
            char octets[2048];
            turn();
            assert_int_equal(recv(quick, octets, sizeof(octets), 0), 1000);
        }
    }
    count_lines(slow, &came, &left_out);
    assert_true(left_out > 0);
    assert_true(came > 200);
    assert_int_equal(came + left_out, sent + 1); /* and the greeting */
    (void)close(slow);
    (void)close(quick);
}

static void test_socket_is_private(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_a_living_one_stays(void **state)
{
    struct control *other = control_new(&limits, &ports);

    (void)state;
    assert_int_equal(control_bind(other, path), RES_EEXISTS);
    control_close(other);
    control_free(&other);
    int fd = visit();
    say(fd, "status\n", 7);
    assert_string_equal(hear(fd), STATUS);
    (void)close(fd);
}

/* No loop: what a killed daemon leaves behind. */
static void test_a_dead_one_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct control *next = control_new(&limits, &ports);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    assert_int_equal(control_bind(next, path), RES_OK);
    control_close(next);
    control_free(&next);
}

static void test_another_file_stays(void **state)
{
    struct control *next = control_new(&limits, &ports);
    FILE *file = fopen(path, "we");

    (void)state;
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(control_bind(next, path), RES_EIO);
    control_close(next);
    control_free(&next);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/control.sock", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests),
        TEST(test_a_status_comes_in_parts),
        TEST(test_reload_is_answered_when_it_is_over),
        TEST(test_who_left_needs_no_answer),
        TEST(test_limit),
        TEST(test_tail),
        TEST(test_tails_leave_a_place),
        TEST(test_tail_that_does_not_read),
        TEST(test_socket_is_private),
        TEST(test_a_living_one_stays),
        cmocka_unit_test(test_a_dead_one_is_replaced),
        cmocka_unit_test(test_another_file_stays),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

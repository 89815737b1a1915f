/*
 * The links to the primary, against listeners of this file on loopback; the core is
 * played by this file too and writes down what it is told. Rules F-4 to F-6.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/logger.h"
#include "net/upstream.h"
#include "unit.h"

static uv_loop_t loop;
static struct random_pool random_numbers;
static struct upstream *upstream;

/* ---- the core ---- */

static struct {
    char told[64]; /* of the update link: C connecting, U up, D down */
    size_t messages;
    size_t message_len;
    bool closes;           /* tells the link to close when a message comes */
    bool is_in_on_primary; /* nothing may be told meanwhile */
} core;

void txn_on_link(struct txns *txns, enum txn_link link, enum txn_link_state state,
                 const char *why, struct txn_now now)
{
    size_t len = strlen(core.told);

    (void)txns;
    (void)why;
    (void)now;
    assert_false(core.is_in_on_primary);
    if (link == LINK_UPDATE && len + 1 < sizeof(core.told))
        core.told[len] = "DCU"[state];
}

void txn_on_primary(struct txns *txns, enum txn_link link, const uint8_t *octets,
                    size_t len, struct txn_now now)
{
    (void)txns;
    (void)octets;
    (void)now;
    assert_int_equal(link, LINK_UPDATE);
    core.messages++;
    core.message_len = len;
    core.is_in_on_primary = true;
    if (core.closes) {
        upstream_reconnect(upstream, link, "a test");
        assert_int_equal(upstream_send(upstream, link, octets, len), RES_EIO);
    }
    core.is_in_on_primary = false;
}

/* ---- the primary ---- */

struct primary {
    int fd;
    uint16_t port;
};

static struct primary primary_bind(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof(in);
    struct primary primary = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(primary.fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(primary.fd, (struct sockaddr *)&in, &len), 0);
    primary.port = ntohs(in.sin_port);
    return primary;
}

static struct primary primary_listen(void)
{
    struct primary primary = primary_bind();

    assert_int_equal(listen(primary.fd, 8), 0);
    return primary;
}

static void turn_for(int ms)
{
    struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < ms; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)nanosleep(&pause, NULL);
    }
}

static bool becomes(const char *told)
{
    for (int i = 0; i < 400 && strcmp(core.told, told) != 0; i++)
        turn_for(10);
    return strcmp(core.told, told) == 0;
}

/* Both links connect; which is which shows by who sends. */
static void accept_both(const struct primary *primary, int fds[2])
{
    for (int i = 0; i < 2; i++) {
        fds[i] = -1;
        for (int tries = 0; tries < 300 && fds[i] < 0; tries++) {
            turn_for(10);
            fds[i] = accept4(primary->fd, NULL, NULL, SOCK_NONBLOCK);
        }
        assert_true(fds[i] >= 0);
    }
}

/* The descriptor on which the update link's message arrives, framed. */
static int expect_message(const int fds[2], const uint8_t *message, size_t len)
{
    uint8_t octets[512];

    assert_int_equal(upstream_send(upstream, LINK_UPDATE, message, len), RES_OK);
    for (int tries = 0; tries < 600; tries++) {
        int fd = fds[tries % 2];
        turn_for(5);
        ssize_t n = recv(fd, octets, sizeof(octets), 0);
        if (n <= 0)
            continue;
        assert_int_equal(n, (ssize_t)len + 2);
        assert_int_equal(octets[0] << 8 | octets[1], len);
        assert_memory_equal(octets + 2, message, len);
        return fd;
    }
    fail_msg("no message arrived");
    return -1;
}

/* ---- each test ---- */

static void start_with(const struct primary *primaries, size_t count)
{
    struct settings_endpoint servers[4] = {0};
    struct settings settings = {.servers = servers, .server_count = count};

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(addr_parse("127.0.0.1", &servers[i].addr), RES_OK);
        servers[i].addr.port = primaries[i].port;
    }
    assert_int_equal(upstream_set_servers(upstream, &settings), RES_OK);
}

static void start_links(void)
{
    assert_int_equal(upstream_start(upstream, &loop, (struct txns *)&core), RES_OK);
}

static int begin(void **state)
{
    (void)state;
    memset(&core, 0, sizeof(core));
    if (uv_loop_init(&loop) != 0)
        return -1;
    upstream = upstream_new(&random_numbers);
    return upstream == NULL;
}

static int end(void **state)
{
    (void)state;
    upstream_close(upstream);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    upstream_free(&upstream);
    return uv_loop_close(&loop);
}

static void close_all(const struct primary *primary, const int fds[2])
{
    (void)close(primary->fd);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_there_and_back(void **state)
{
    static const uint8_t message[40] = {1, 2, 3};
    static const uint8_t reply[] = {0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    struct primary primary = primary_listen();
    int fds[2];

    (void)state;
    start_with(&primary, 1);
    assert_int_equal(upstream_send(upstream, LINK_UPDATE, message, 40), RES_EIO);
    start_links();
    assert_string_equal(core.told, "C");
    assert_int_equal(upstream_send(upstream, LINK_UPDATE, message, 40), RES_EIO);
    assert_true(becomes("CU"));
    accept_both(&primary, fds);
    int fd = expect_message(fds, message, sizeof(message));
    assert_int_equal(send(fd, reply, 5, 0), 5);
    turn_for(20);
    assert_int_equal(core.messages, 0);
    assert_int_equal(send(fd, reply + 5, sizeof(reply) - 5, 0), 9);
    turn_for(50);
    assert_int_equal(core.messages, 1);
    assert_int_equal(core.message_len, 12);
    close_all(&primary, fds);
}

/* Reads what is there, up to len octets in all, while the loop writes what waits. */
static size_t drain(int fd, uint8_t *octets, size_t len)
{
    size_t have = 0;

    for (int tries = 0; tries < 600 && have < len; tries++) {
        ssize_t n = recv(fd, octets + have, len - have, 0);
        if (n > 0)
            have += (size_t)n;
        else
            turn_for(5);
    }
    return have;
}

/* What the socket does not take at once follows whole and in order; only a queue that
 * grows for ever is refused. */
static void test_full_socket(void **state)
{
    static uint8_t message[60000], octets[2 + sizeof(message)];
    struct primary primary = primary_listen();
    int fds[2];
    size_t sent = 0;

    (void)state;
    start_with(&primary, 1);
    start_links();
    assert_true(becomes("CU"));
    accept_both(&primary, fds);
    int fd = expect_message(fds, (const uint8_t *)"which one?", 10);
    for (message[0] = 0; sent < 2000; message[0] = (uint8_t)++sent)
        if (upstream_send(upstream, LINK_UPDATE, message, sizeof(message)) != RES_OK)
            break;
    assert_in_range(sent, 60, 1999); /* 4 MiB wait, and what the sockets hold */
    assert_string_equal(core.told, "CU");
    for (size_t i = 0; i < sent; i++) {
        assert_int_equal(drain(fd, octets, sizeof(octets)), sizeof(octets));
        assert_int_equal(octets[0] << 8 | octets[1], sizeof(message));
        assert_int_equal(octets[2], (uint8_t)i);
    }
    assert_int_equal(upstream_send(upstream, LINK_UPDATE, message, 20), RES_OK);
    close_all(&primary, fds);
}

/* A connection that is known to be broken has taken nothing. */
static void test_broken_socket(void **state)
{
    static const uint8_t message[20];
    struct primary primary = primary_listen();
    struct linger hard = {.l_onoff = 1};
    int fds[2];

    (void)state;
    start_with(&primary, 1);
    start_links();
    assert_true(becomes("CU"));
    accept_both(&primary, fds);
    int fd = expect_message(fds, message, sizeof(message));
    (void)close(fd == fds[0] ? fds[1] : fds[0]);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    (void)close(fd);
    assert_int_equal(upstream_send(upstream, LINK_UPDATE, message, 20), RES_EIO);
    assert_string_equal(core.told, "CU");
    turn_for(300);
    assert_true(strlen(core.told) > 2);
    (void)close(primary.fd);
}

/* F-6: down once, however often it tries; and up by itself. */
static void test_down_and_up_again(void **state)
{
    struct primary primary = primary_bind();

    (void)state;
    start_with(&primary, 1);
    start_links();
    assert_true(becomes("CD"));
    turn_for(500);
    assert_string_equal(core.told, "CD");
    assert_int_equal(listen(primary.fd, 8), 0);
    assert_true(becomes("CDU"));
    (void)close(primary.fd);
}

static void test_servers_in_order(void **state)
{
    struct primary primaries[] = {primary_bind(), primary_listen()};

    (void)state;
    start_with(primaries, 2);
    start_links();
    assert_true(becomes("CU"));
    (void)close(primaries[0].fd);
    (void)close(primaries[1].fd);
}

/* A primary closes what is idle; that is no reason to be down. */
static void test_used_link_comes_back_at_once(void **state)
{
    static const uint8_t message[20];
    static const uint8_t reply[14] = {0, 12};
    struct primary primary = primary_listen();
    int fds[2];

    (void)state;
    start_with(&primary, 1);
    start_links();
    assert_true(becomes("CU"));
    accept_both(&primary, fds);
    int fd = expect_message(fds, message, sizeof(message));
    assert_int_equal(send(fd, reply, sizeof(reply), 0), 14);
    turn_for(150);
    (void)shutdown(fd, SHUT_RDWR);
    assert_true(becomes("CUCU"));
    close_all(&primary, fds);
}

static void test_unused_link_backs_off(void **state)
{
    struct primary primary = primary_listen();
    int fds[2];

    (void)state;
    start_with(&primary, 1);
    start_links();
    accept_both(&primary, fds);
    assert_true(becomes("CU"));
    (void)shutdown(fds[0], SHUT_RDWR);
    (void)shutdown(fds[1], SHUT_RDWR);
    assert_true(becomes("CUDU"));
    close_all(&primary, fds);
}

/* The port promises: nothing is told before the call has returned. */
static void test_closing_from_within(void **state)
{
    static const uint8_t message[20];
    static const uint8_t replies[28] = {[1] = 12, [15] = 12};
    struct primary primary = primary_listen();
    int fds[2];

    (void)state;
    core.closes = true;
    start_with(&primary, 1);
    start_links();
    assert_true(becomes("CU"));
    accept_both(&primary, fds);
    int fd = expect_message(fds, message, sizeof(message));
    turn_for(150);
    assert_int_equal(send(fd, replies, sizeof(replies), 0), 28);
    assert_true(becomes("CUCU"));
    assert_int_equal(core.messages, 1);
    close_all(&primary, fds);
}

static void test_other_servers(void **state)
{
    struct primary primaries[] = {primary_listen(), primary_listen()};
    int fds[2];

    (void)state;
    start_with(primaries, 1);
    start_links();
    assert_true(becomes("CU"));
    start_with(primaries, 1);
    turn_for(50);
    assert_string_equal(core.told, "CU");
    start_with(primaries + 1, 1);
    assert_true(becomes("CUCU"));
    accept_both(&primaries[1], fds);
    (void)close(primaries[0].fd);
    close_all(&primaries[1], fds);
}

static void test_impossible_frame(void **state)
{
    struct primary primary = primary_listen();
    int fds[2];

    (void)state;
    start_with(&primary, 1);
    start_links();
    accept_both(&primary, fds);
    assert_true(becomes("CU"));
    assert_int_equal(send(fds[0], "\0\13", 2, 0), 2);
    assert_int_equal(send(fds[1], "\0\13", 2, 0), 2);
    assert_true(becomes("CUDU"));
    assert_int_equal(core.messages, 0);
    close_all(&primary, fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),        TEST(test_down_and_up_again),
        TEST(test_servers_in_order),      TEST(test_used_link_comes_back_at_once),
        TEST(test_unused_link_backs_off), TEST(test_closing_from_within),
        TEST(test_other_servers),         TEST(test_impossible_frame),
        TEST(test_full_socket),           TEST(test_broken_socket),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

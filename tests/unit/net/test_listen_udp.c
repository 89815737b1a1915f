/*
 * Datagrams over loopback, with the core played by this file. Rule N-1.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listen_udp.h"
#include "unit.h"

static uv_loop_t loop;
static struct settings_limits limits;
static struct listen_udp *udp;
static struct addr addresses[2]; /* of the listeners */

static struct {
    size_t opened, opened_octets;
    size_t flushed; /* of these */
    size_t len;
    uint32_t listener;
    bool answers;
} core;

struct txn_opened txn_open(struct txns *txns, const uint8_t *octets, size_t len,
                           const struct txn_client *client, struct txn_now now)
{
    (void)txns;
    (void)now;
    assert_int_equal(client->transport, TRANSPORT_UDP);
    core.opened++;
    core.opened_octets += len;
    core.len = len;
    core.listener = client->listener;
    if (core.answers)
        listen_udp_send(udp, client, octets, len);
    return (struct txn_opened){core.answers ? TXN_ANSWERED : TXN_DROPPED, false};
}

void txns_flush(struct txns *txns, struct txn_now now)
{
    (void)txns;
    (void)now;
    core.flushed = core.opened;
}

static void turn(void)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    listen_udp_flush(udp);
}

/* Port 0 to find a free one, which the listener then takes. */
static struct addr free_address(const char *text)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    struct addr addr;

    assert_int_equal(addr_parse(text, &addr), RES_OK);
    addr.port = 0;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t to_len = addr_to_sockaddr(&addr, &name);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, to_len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    (void)close(fd);
    return addr_from_sockaddr((struct sockaddr *)&name);
}

static int start(void **state)
{
    static const char *const texts[] = {"127.0.0.1", "127.0.0.2"};

    (void)state;
    memset(&core, 0, sizeof(core));
    limits.message_octets = 512;
    udp = listen_udp_new(&limits);
    if (udp == NULL || uv_loop_init(&loop) != 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        addresses[i] = free_address(texts[i]);
        if (listen_udp_bind(udp, &addresses[i]) != RES_OK)
            return -1;
    }
    return listen_udp_start(udp, &loop, (struct txns *)&core);
}

static int end(void **state)
{
    (void)state;
    listen_udp_close(udp);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    listen_udp_free(&udp);
    return uv_loop_close(&loop);
}

static int client_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    return fd;
}

static void send_to(int fd, const struct addr *to, const void *octets, size_t len)
{
    struct sockaddr_storage name;
    socklen_t name_len = addr_to_sockaddr(to, &name);

    assert_int_equal(sendto(fd, octets, len, 0, (struct sockaddr *)&name, name_len),
                     (ssize_t)len);
}

/* The number of datagrams waiting, all of them from the listener. */
static size_t count_replies(int fd, const struct addr *listener)
{
    size_t count = 0;
    uint8_t octets[2048];

    for (;; count++) {
        struct sockaddr_storage name;
        socklen_t len = sizeof(name);
        ssize_t n =
            recvfrom(fd, octets, sizeof(octets), 0, (struct sockaddr *)&name, &len);
        if (n < 0)
            return count;
        struct addr from = addr_from_sockaddr((struct sockaddr *)&name);
        assert_true(addr_equal(&from, listener) && from.port == listener->port);
    }
}

static void test_replies_leave_from_the_address_asked(void **state)
{
    (void)state;
    core.answers = true;
    for (uint32_t i = 0; i < COUNT_OF(addresses); i++) {
        int fd = client_socket();
        send_to(fd, &addresses[i], "0123456789ab", 12);
        turn();
        assert_int_equal(core.listener, i);
        assert_int_equal(core.len, 12);
        assert_int_equal(count_replies(fd, &addresses[i]), 1);
        (void)close(fd);
    }
}

/* More than a batch, and more than a turn's batches. */
static void test_many_at_once(void **state)
{
    int fd = client_socket();

    (void)state;
    core.answers = true;
    for (int i = 0; i < 200; i++)
        send_to(fd, &addresses[0], "0123456789ab", 12);
    turn();
    assert_int_equal(core.opened, 200);
    assert_int_equal(core.flushed, core.opened);
    assert_int_equal(count_replies(fd, &addresses[0]), 200);
    (void)close(fd);
}

/* The replies that wait, in order, each as long as it should be. */
static void expect_replies(int fd, const size_t *lens, size_t count)
{
    uint8_t octets[2048];

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(recv(fd, octets, sizeof(octets), 0), (ssize_t)lens[i]);
        assert_int_equal(octets[0], i);
    }
    assert_int_equal(recv(fd, octets, sizeof(octets), 0), -1);
}

/* Of two clients; those of one may leave as one, and arrive apart. */
static void expect_each_apart(void)
{
    static const size_t lens[] = {20, 20, 20, 12, 20, 30, 30, 30, 30, 30, 31, 8, 8, 9};
    const int fds[] = {client_socket(), client_socket()};
    uint8_t octets[64] = {0};

    core.answers = true;
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        octets[0] = (uint8_t)i;
        send_to(fds[0], &addresses[0], octets, lens[i]);
        if (i != 6)
            continue;
        octets[0] = 0;
        send_to(fds[1], &addresses[0], octets, lens[i]);
    }
    turn();
    expect_replies(fds[0], lens, COUNT_OF(lens));
    expect_replies(fds[1], &lens[6], 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_replies_to_one_peer(void **state)
{
    (void)state;
    expect_each_apart();
}

/* 640 requests of one peer, 64 at a time that leave as one, and the last one of each
 * shorter: each is a message for itself, and all of them before the turn ends. */
static void test_requests_that_come_as_one(void **state)
{
    static const size_t len = 64 * 20 - 8;
    uint8_t octets[64 * 20] = {0};
    int fd = client_socket(), segment = 20;

    (void)state;
    assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)),
                     0);
    for (int i = 0; i < 10; i++)
        send_to(fd, &addresses[0], octets, len);
    turn();
    assert_int_equal(core.opened, 640);
    assert_int_equal(core.opened_octets, 10 * len);
    assert_int_equal(core.flushed, core.opened);

    core.answers = true;
    send_to(fd, &addresses[0], octets, 30);
    turn();
    assert_int_equal(core.len, 10);
    assert_int_equal(count_replies(fd, &addresses[0]), 2);
    (void)close(fd);
}

/* The descriptor of a listener. */
static int find_socket(const struct addr *addr)
{
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_storage name;
        socklen_t len = sizeof(name);
        if (getsockname(fd, (struct sockaddr *)&name, &len) != 0)
            continue;
        struct addr own = addr_from_sockaddr((struct sockaddr *)&name);
        if (addr_equal(&own, addr) && own.port == addr->port)
            return fd;
    }
    return -1;
}

/* Without checksums nothing can be cut apart (udp_send_skb in Linux): as with a device
 * that cannot, each leaves for itself, and none is lost. */
static void test_replies_where_none_can_be_cut(void **state)
{
    int fd = find_socket(&addresses[0]), yes = 1;

    (void)state;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof(yes)), 0);
    expect_each_apart();
    expect_each_apart();
}

static void test_size_limit(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        bool is_taken;
    } cases[] = {
        {"nothing", 0, true}, /* P0 is the core's */
        {"at the limit", 512, true},
        {"one over", 513, false},
        {"the largest there is", 65507, false},
    };
    static uint8_t octets[65507];
    int fd = client_socket();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        core.opened = 0;
        send_to(fd, &addresses[0], octets, cases[i].len);
        turn();
        assert_case(cases[i].name, core.opened == cases[i].is_taken);
    }
    (void)close(fd);
}

/* From one listener to the other: answering would never end. */
static void test_our_own_datagrams_are_dropped(void **state)
{
    struct txn_client other = {.peer = addresses[1], .listener = 0};

    (void)state;
    core.answers = true;
    listen_udp_send(udp, &other, (const uint8_t *)"0123456789ab", 12);
    listen_udp_flush(udp);
    turn();
    assert_int_equal(core.opened, 0);
}

static void test_stop_reads_no_more(void **state)
{
    int fd = client_socket();

    (void)state;
    listen_udp_stop(udp);
    send_to(fd, &addresses[0], "0123456789ab", 12);
    turn();
    assert_int_equal(core.opened, 0);
    (void)close(fd);
}

static void test_address_in_use(void **state)
{
    (void)state;
    assert_int_equal(listen_udp_bind(udp, &addresses[0]), RES_EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replies_leave_from_the_address_asked),
        TEST(test_many_at_once),
        TEST(test_requests_that_come_as_one),
        TEST(test_replies_to_one_peer),
        TEST(test_replies_where_none_can_be_cut),
        TEST(test_size_limit),
        TEST(test_our_own_datagrams_are_dropped),
        TEST(test_stop_reads_no_more),
        TEST(test_address_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

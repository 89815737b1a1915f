/*
 * Connections of clients, with the core played by this file and time given, not slept:
 * each limit with the case just inside it. Rule N-2.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/tcp_conn.h"
#include "unit.h"

#define MESSAGE_OCTETS 20

/* ---- the core ---- */

static struct tcp_conns conns;
static uv_loop_t loop;
static struct settings_limits limits;

static struct {
    enum txn_fate fate;
    bool is_verified;
    size_t opened;
    size_t flushed;      /* of these */
    uint64_t connection; /* the last one's */
    uint8_t first;       /* the last message's first octet */
} core;

struct txn_opened txn_open(struct txns *txns, const uint8_t *octets, size_t len,
                           const struct txn_client *client, struct txn_now now)
{
    (void)txns;
    (void)now;
    assert_int_equal(client->transport, TRANSPORT_TCP);
    core.opened++;
    core.connection = client->connection;
    core.first = octets[0];
    if (core.fate == TXN_ANSWERED)
        tcp_conns_send(&conns, client->connection, octets, len);
    return (struct txn_opened){core.fate, core.is_verified};
}

void txns_flush(struct txns *txns, struct txn_now now)
{
    (void)txns;
    (void)now;
    core.flushed = core.opened;
}

/* ---- a client ---- */

static int connect_from(const char *address)
{
    struct addr peer;
    int fds[2];

    assert_int_equal(addr_parse(address, &peer), RES_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    tcp_conns_take(&conns, fds[0], &peer);
    return fds[1];
}

/* Everything that can happen now happens. */
static void turn(void)
{
    for (int i = 0; i < 5; i++) {
        tcp_conns_resume(&conns);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static void send_octets(int fd, const void *octets, size_t len)
{
    assert_int_equal(send(fd, octets, len, MSG_NOSIGNAL), (ssize_t)len);
    turn();
}

static size_t build_frames(uint8_t *octets, size_t count)
{
    memset(octets, 0, count * (MESSAGE_OCTETS + 2));
    for (size_t i = 0; i < count; i++) {
        octets[i * (MESSAGE_OCTETS + 2) + 1] = MESSAGE_OCTETS;
        octets[i * (MESSAGE_OCTETS + 2) + 2] = (uint8_t)(i + 1);
    }
    return count * (MESSAGE_OCTETS + 2);
}

static void send_frames(int fd, size_t count)
{
    uint8_t octets[1024];

    assert_true(count * (MESSAGE_OCTETS + 2) <= sizeof(octets));
    send_octets(fd, octets, build_frames(octets, count));
}

static void answer(uint64_t connection)
{
    uint8_t reply[MESSAGE_OCTETS] = {0};

    tcp_conns_send(&conns, connection, reply, sizeof(reply));
    turn();
}

/* Replies that have arrived, in octets. */
static size_t received(int fd)
{
    static uint8_t octets[65536];
    size_t have = 0;
    ssize_t n;

    turn();
    while ((n = recv(fd, octets, sizeof(octets), 0)) > 0) {
        have += (size_t)n;
        turn();
    }
    return have;
}

static bool is_closed(int fd)
{
    uint8_t octet;

    turn();
    ssize_t n = recv(fd, &octet, 1, MSG_PEEK);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* ---- each test ---- */

static int start(void **state)
{
    (void)state;
#define X(field, default_value, min, max) limits.field = default_value;
    SETTINGS_LIMITS(X)
#undef X
    memset(&conns, 0, sizeof(conns));
    memset(&core, 0, sizeof(core));
    core.fate = TXN_WAITING;
    tcp_conns_init(&conns, &limits);
    if (uv_loop_init(&loop) != 0)
        return -1;
    tcp_conns_start(&conns, &loop, (struct txns *)&core);
    return 0;
}

static int end(void **state)
{
    (void)state;
    tcp_conns_close(&conns);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    tcp_conns_fini(&conns);
    return conns.count != 0 || uv_loop_close(&loop) != 0;
}

static void test_pieces(void **state)
{
    uint8_t octets[128];
    size_t len = build_frames(octets, 3);
    int fd = connect_from("192.0.2.1");

    (void)state;
    core.fate = TXN_ANSWERED;
    for (size_t i = 0; i < len; i++)
        send_octets(fd, octets + i, 1);
    assert_int_equal(core.opened, 3);
    assert_int_equal(core.flushed, core.opened);
    send_octets(fd, octets, len);
    assert_int_equal(core.opened, 6);
    assert_int_equal(received(fd), 2 * len);
    (void)close(fd);
}

static void test_pipelining_stops_at_the_limit(void **state)
{
    int fd = connect_from("192.0.2.1");

    (void)state;
    limits.tcp_pipelined = 8;
    send_frames(fd, 12);
    assert_int_equal(core.opened, 8);
    send_frames(fd, 1);
    assert_int_equal(core.opened, 8);
    answer(core.connection);
    assert_int_equal(core.opened, 9);
    for (int i = 0; i < 12; i++)
        answer(core.connection);
    assert_int_equal(core.opened, 13);
    assert_int_equal(received(fd), 13 * (MESSAGE_OCTETS + 2));
    (void)close(fd);
}

static void test_dropped_requests_do_not_count(void **state)
{
    int fd = connect_from("192.0.2.1");

    (void)state;
    core.fate = TXN_DROPPED;
    send_frames(fd, 20);
    assert_int_equal(core.opened, 20);
    assert_false(is_closed(fd) && errno != EAGAIN);
    (void)close(fd);
}

static void test_half_closed_gets_its_reply(void **state)
{
    int fd = connect_from("192.0.2.1");

    (void)state;
    send_frames(fd, 2);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn();
    assert_int_equal(conns.count, 1);
    answer(core.connection);
    assert_int_equal(conns.count, 1);
    answer(core.connection);
    assert_int_equal(conns.count, 0);
    assert_int_equal(conns.ended[TCP_END_PEER], 1);
    assert_int_equal(received(fd), 2 * (MESSAGE_OCTETS + 2));
    (void)close(fd);
}

static void test_bad_frames(void **state)
{
    static const struct {
        const char *name;
        uint8_t prefix[2];
        bool ends;
    } cases[] = {
        {"length 0", {0, 0}, true},       {"length 11", {0, 11}, true},
        {"length 12", {0, 12}, false},    {"the longest", {0x40, 0x00}, false},
        {"one over", {0x40, 0x01}, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = connect_from("192.0.2.1");
        size_t before = conns.ended[TCP_END_FRAME];
        send_octets(fd, cases[i].prefix, 2);
        bool has_ended = conns.ended[TCP_END_FRAME] > before;
        assert_case(cases[i].name, has_ended == cases[i].ends);
        (void)close(fd);
        turn();
    }
}

static void test_source_limit(void **state)
{
    static const struct {
        const char *address;
        bool is_taken;
    } cases[] = {
        {"192.0.2.1", true},          {"192.0.2.200", true},
        {"192.0.2.3", false},         {"192.0.3.1", true},
        {"2001:db8:1:100::1", true},  {"2001:db8:1:1ff::1", true},
        {"2001:db8:1:180::1", false}, {"2001:db8:1:200::1", true},
    };
    int fds[COUNT_OF(cases)];

    (void)state;
    limits.tcp_per_source = 2;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fds[i] = connect_from(cases[i].address);
        assert_case(cases[i].address, is_closed(fds[i]) != cases[i].is_taken);
    }
    assert_int_equal(conns.refused_source, 2);
    /* Who leaves makes room. */
    (void)close(fds[0]);
    turn();
    fds[0] = connect_from("192.0.2.4");
    assert_false(is_closed(fds[0]));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        (void)close(fds[i]);
}

static void test_room_is_made_of_the_idle(void **state)
{
    int fds[4];

    (void)state;
    limits.tcp_connections = 3;
    fds[0] = connect_from("192.0.2.1");
    core.fate = TXN_ANSWERED;
    core.is_verified = true;
    send_frames(fds[0], 1); /* idle, but has verified */
    fds[1] = connect_from("192.0.2.2");
    core.fate = TXN_WAITING;
    core.is_verified = false;
    send_frames(fds[1], 1); /* waits for us */
    fds[2] = connect_from("192.0.2.3");
    fds[3] = connect_from("192.0.2.4"); /* takes the place of the silent one */
    assert_int_equal(conns.ended[TCP_END_ROOM], 1);
    assert_true(is_closed(fds[2]));
    assert_false(is_closed(fds[3]));
    send_frames(fds[3], 1);
    (void)close(fds[2]);
    fds[2] = connect_from("192.0.2.5"); /* nobody is left to go */
    assert_true(is_closed(fds[2]));
    assert_int_equal(conns.refused_full, 1);
    assert_int_equal(conns.count, 3);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        (void)close(fds[i]);
}

enum act {
    ACT_NOTHING,
    ACT_HALF,       /* half a message */
    ACT_ASKED,      /* a message, no answer yet */
    ACT_ANSWERED,   /* a message, answered at once */
    ACT_VERIFIED,   /* likewise, and its MAC was good */
    ACT_HALF_AGAIN, /* answered, and half of the next */
};

static void perform(int fd, enum act act)
{
    core.fate = act == ACT_ASKED ? TXN_WAITING : TXN_ANSWERED;
    core.is_verified = act == ACT_VERIFIED;
    if (act == ACT_ASKED || act == ACT_ANSWERED || act == ACT_VERIFIED ||
        act == ACT_HALF_AGAIN)
        send_frames(fd, 1);
    if (act == ACT_HALF || act == ACT_HALF_AGAIN)
        send_octets(fd, "\0\24xxxx", 6);
}

static void test_deadlines(void **state)
{
    static const struct {
        const char *name;
        enum act act;
        int64_t after_ms; /* -1: never */
        enum tcp_end end;
    } cases[] = {
        {"first octet", ACT_NOTHING, 5000, TCP_END_FIRST},
        {"whole message", ACT_HALF, 20000, TCP_END_SLOW},
        {"our answer", ACT_ASKED, -1, TCP_END_IDLE},
        {"next message", ACT_ANSWERED, 10000, TCP_END_IDLE},
        {"next message, verified", ACT_VERIFIED, 30000, TCP_END_IDLE},
        {"second message", ACT_HALF_AGAIN, 20000, TCP_END_SLOW},
    };
    const int64_t slack_us = 1000000; /* what this test takes itself */

    (void)state;
    limits.tcp_message_ms = 20000;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t limit_us =
            cases[i].after_ms < 0 ? 3600000000 : cases[i].after_ms * 1000;
        size_t before = conns.ended[cases[i].end];
        int fd = connect_from("192.0.2.1");
        perform(fd, cases[i].act);
        tcp_conns_expire(&conns, clock_now().mono_us + limit_us - slack_us);
        assert_case(cases[i].name, conns.count == 1);
        tcp_conns_expire(&conns, clock_now().mono_us + limit_us + slack_us);
        bool has_ended = conns.ended[cases[i].end] == before + 1;
        assert_case(cases[i].name, has_ended == (cases[i].after_ms >= 0));
        (void)close(fd);
        if (cases[i].act == ACT_ASKED)
            answer(core.connection);
        turn();
        assert_case(cases[i].name, conns.count == 0);
    }
}

/* N-2: the answer to an earlier message buys no time for half a message. */
static void test_an_answer_buys_no_time(void **state)
{
    int fd = connect_from("192.0.2.1");

    (void)state;
    core.fate = TXN_WAITING;
    send_frames(fd, 1);
    send_octets(fd, "\0\24xxxx", 6);
    int64_t half_us = clock_now().mono_us;
    (void)usleep(20000); /* since is of the real clock: an answer that is later */
    answer(core.connection);
    tcp_conns_expire(&conns, half_us + (int64_t)limits.tcp_message_ms * 1000);
    assert_int_equal(conns.ended[TCP_END_SLOW], 1);
    (void)close(fd);
    turn();
}

/* CVE-2024-0760's class: the peer asks and does not read. */
static void test_unread_replies(void **state)
{
    static uint8_t reply[60000];
    int fd = connect_from("192.0.2.1");

    (void)state;
    limits.tcp_pipelined = 1000;
    limits.tcp_output_octets = 262144;
    send_frames(fd, 40);
    assert_int_equal(core.opened, 40);
    for (int i = 0; i < 40 && conns.count == 1; i++) {
        tcp_conns_send(&conns, core.connection, reply, sizeof(reply));
        turn();
        if (i == 4) {
            /* The kernel has its fill: no more is read meanwhile. */
            (void)send(fd, reply, 22, MSG_NOSIGNAL);
            turn();
            assert_int_equal(core.opened, 40);
        }
    }
    assert_int_equal(conns.ended[TCP_END_UNREAD], 1);
    (void)close(fd);
}

/* The same peer, a little slow: nothing is lost. */
static void test_slow_reader(void **state)
{
    static uint8_t reply[60000];
    int fd = connect_from("192.0.2.1");

    (void)state;
    limits.tcp_output_octets = 1 << 20;
    limits.tcp_pipelined = 8;
    send_frames(fd, 8);
    for (int i = 0; i < 8; i++)
        tcp_conns_send(&conns, core.connection, reply, sizeof(reply));
    tcp_conns_expire(&conns, clock_now().mono_us + limits.tcp_idle_ms * 1000 - 1000000);
    assert_int_equal(received(fd), 8 * (sizeof(reply) + 2));
    send_frames(fd, 1);
    assert_int_equal(core.opened, 9);
    (void)close(fd);
}

static void test_drain(void **state)
{
    int idle = connect_from("192.0.2.1");
    int busy = connect_from("192.0.2.1");

    (void)state;
    limits.tcp_pipelined = 1;
    send_frames(busy, 3);
    tcp_conns_drain(&conns);
    assert_true(is_closed(idle));
    assert_int_equal(conns.count, 1);
    answer(core.connection);
    assert_int_equal(core.opened, 1);
    assert_int_equal(received(busy), MESSAGE_OCTETS + 2);
    assert_int_equal(conns.count, 0);
    (void)close(idle);
    (void)close(busy);
}

static void test_answer_to_nobody(void **state)
{
    int fd = connect_from("192.0.2.1");

    (void)state;
    send_frames(fd, 1);
    uint64_t gone = core.connection;
    (void)close(fd);
    turn();
    tcp_conns_send(&conns, gone, (const uint8_t *)"x", 1);
    turn();
    fd = connect_from("192.0.2.1");
    send_frames(fd, 1);
    assert_true(core.connection > gone);
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces),
        TEST(test_pipelining_stops_at_the_limit),
        TEST(test_dropped_requests_do_not_count),
        TEST(test_half_closed_gets_its_reply),
        TEST(test_bad_frames),
        TEST(test_source_limit),
        TEST(test_room_is_made_of_the_idle),
        TEST(test_deadlines),
        TEST(test_unread_replies),
        TEST(test_an_answer_buys_no_time),
        TEST(test_slow_reader),
        TEST(test_drain),
        TEST(test_answer_to_nobody),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

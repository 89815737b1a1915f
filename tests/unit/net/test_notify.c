/*
 * sd_notify's datagram, and random numbers: the two smallest parts of the daemon.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/notify.h"
#include "net/random.h"
#include "unit.h"

static void test_abstract_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char name[64], text[64];

    (void)state;
    int len = snprintf(name, sizeof(name), "@tsigate-test-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
        0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_state("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text), 0), 7);
    assert_memory_equal(text, "READY=1", 7);
    (void)close(fd);
}

static void test_nobody_listens(void **state)
{
    static const char *const names[] = {"", "@", "relative", "/nonexistent/socket"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        notify_state("READY=1");
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    notify_state("READY=1");
}

/* Not a test of randomness: of a pool that forgets to refill, or gives one twice. */
static void test_random_numbers(void **state)
{
    struct random_pool pool = {0};
    static bool seen[65536];
    size_t distinct = 0;

    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        uint16_t number = random_pool_u16(&pool);
        distinct += !seen[number];
        seen[number] = true;
    }
    /* 65536 * (1 - e^(-10000/65536)) = 9274 are expected, and sigma is below 30. */
    assert_true(distinct > 9000 && distinct < 9550);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abstract_socket),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_random_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which resolvers there are, and that the next one is asked where one is gone. */
#include "tlsa/authority.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/type.h"
#include "unit.h"

struct conf_case {
    const char *name;
    const char *text;
    const char *resolvers; /* ADDR:PORT, blanks between them */
};

static const struct conf_case confs[] = {
    {"empty", "", ""},
    {"one", "nameserver 192.0.2.1\n", "192.0.2.1:53"},
    {"no newline", "nameserver 192.0.2.1", "192.0.2.1:53"},
    {"among others", "search example.org\noptions edns0\nnameserver\t192.0.2.1 # x\n",
     "192.0.2.1:53"},
    {"IPv6", "nameserver 2001:db8::1\n", "[2001:db8::1]:53"},
    {"a comment", "#nameserver 192.0.2.1\n;nameserver 192.0.2.1\n", ""},
    {"no address", "nameserver\nnameserver dns.example.org\n", ""},
    {"of a link, which we cannot say", "nameserver fe80::1%eth0\nnameserver ::1\n",
     "[::1]:53"},
    {"more than count",
     "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
     "nameserver 192.0.2.4\n",
     "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53"},
};

static void test_resolv_conf(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(confs); i++) {
        struct addr found[AUTHORITY_RESOLVERS];
        char all[512] = "";
        char text[4096];
        (void)snprintf(text, sizeof text, "%s", confs[i].text);
        /* fmemopen takes no empty buffer everywhere */
        FILE *file = fmemopen(text, strlen(text) + 1, "r");
        assert_non_null(file);
        size_t count = authority_read_resolvers(file, found);
        fclose(file);
        for (size_t k = 0; k < count; k++) {
            char one[ADDR_TEXT_OCTETS];
            size_t len = strlen(all);
            (void)snprintf(all + len, sizeof all - len, "%s%s", k > 0 ? " " : "",
                           addr_format_port(&found[k], one));
        }
        if (strcmp(all, confs[i].resolvers) != 0)
            fail_msg("%s: %s", confs[i].name, all);
    }
}

/* ---- resolvers ---- */

/* A listener at 127.0.0.1. */
static int listen_at(struct addr *out)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *out = addr_from_sockaddr((const struct sockaddr *)&address);
    return fd;
}

/* Says each question back, as an answer with that RCODE. */
static pid_t answer_at(int fd, uint8_t rcode)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        close(fd);
        return pid;
    }
    for (;;) {
        uint8_t octets[600];
        int connection = accept(fd, NULL, NULL);
        ssize_t len = recv(connection, octets, sizeof octets, 0);
        if (len > 5) {
            octets[4] |= 0x80; /* QR */
            octets[5] = rcode;
            (void)send(connection, octets, (size_t)len, MSG_NOSIGNAL);
        }
        close(connection);
    }
}

enum peer { GONE, NO_HELP, GOOD };

struct resolve_case {
    const char *name;
    enum peer peers[2];
    const char *wrong; /* NULL: an answer */
    size_t at;         /* who is asked from then on */
};

static const struct resolve_case resolves[] = {
    {"the first", {GOOD, GOOD}, NULL, 0},
    {"the first is gone", {GONE, GOOD}, NULL, 1},
    {"the first cannot", {NO_HELP, GOOD}, NULL, 1},
    {"none of them", {NO_HELP, GONE}, "SERVFAIL", 0},
    {"all are gone", {GONE, GONE}, "Connection refused", 0},
};

static void test_the_next_resolver(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(resolves); i++) {
        const struct resolve_case *c = &resolves[i];
        struct dns_client *client = malloc(sizeof *client);
        struct authority authority = {.client = client, .resolver_count = 2};
        struct wire_msg msg;
        struct name_buf name;
        pid_t pids[2] = {0, 0};
        for (size_t k = 0; k < 2; k++) {
            int fd = listen_at(&authority.resolvers[k]);
            if (c->peers[k] == GONE)
                close(fd);
            else
                pids[k] =
                    answer_at(fd, c->peers[k] == GOOD ? RCODE_NOERROR : RCODE_SERVFAIL);
        }
        assert_int_equal(name_from_text("example.org", 11, &name), RES_OK);
        const char *wrong =
            authority_resolve(&authority, name_of(&name), TYPE_A, FLAG_RD, &msg);
        if ((wrong == NULL) != (c->wrong == NULL) ||
            (wrong != NULL && strcmp(wrong, c->wrong) != 0))
            fail_msg("%s: %s", c->name, wrong != NULL ? wrong : "an answer");
        assert_case(c->name, authority.resolver_at == c->at);
        for (size_t k = 0; k < 2; k++) {
            if (pids[k] > 0 && kill(pids[k], SIGKILL) == 0)
                (void)waitpid(pids[k], NULL, 0);
        }
        free(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_the_next_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

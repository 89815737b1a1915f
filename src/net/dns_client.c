#include "net/dns_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dns/build.h"
#include "dns/type.h"
#include "net/deadline.h"

#define CONNECT_WAIT_MS 2000
/* F-5: longer than the gateway waits for its primary. */
#define ANSWER_WAIT_MS 10000
#define EDNS_OCTETS    1232

/* ---- octets, within a deadline ---- */

static bool receive_all(int fd, uint8_t *octets, size_t len, struct deadline deadline)
{
    while (len > 0) {
        if (!deadline_poll(fd, POLLIN, deadline))
            return false;
        ssize_t got = recv(fd, octets, len, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        octets += got > 0 ? got : 0;
        len -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* ---- the answer ---- */

/* F-1. is_first: it answers the request; else it goes on where another left off. */
static const char *verify(struct dns_client *client, const struct wire_msg *msg,
                          bool is_first)
{
    struct tsig tsig;
    struct tsig_mac mac;
    struct hmac *hmac = client->key.hmac;
    int64_t now_s = time(NULL);
    if (!msg->has_tsig || tsig_read(msg, false, &tsig) != RES_OK)
        return "an answer without a signature";
    if (tsig.error == TSIG_BADKEY)
        return "it has no such key with this algorithm, or not now (BADKEY)";
    if (tsig.error == TSIG_BADSIG)
        return "it has another secret for our key (BADSIG)";
    struct name algorithm = hmac_algorithm_name(hmac_algorithm_of(hmac));
    if (!name_equal(name_of(&tsig.key_name), client->key.name) ||
        !name_equal(name_of(&tsig.algorithm), algorithm))
        return "an answer under another key";
    enum reason reason = is_first ? tsig_verify(msg, &tsig, hmac, &client->mac, now_s,
                                                TSIG_FUDGE_S, &mac)
                                  : tsig_verify_next(msg, &tsig, hmac, &client->mac,
                                                     now_s, TSIG_FUDGE_S, &mac);
    if (reason == REASON_TIME_SKEW || tsig.error == TSIG_BADTIME)
        return "the clocks differ too much";
    if (reason != REASON_PERMITTED || tsig.error != 0)
        return "an answer whose signature does not verify";
    client->mac = mac;
    return NULL;
}

static const char *judge(struct dns_client *client, const struct wire_msg *msg,
                         bool is_first)
{
    if (msg->header.id != client->id || (msg->header.flags & FLAG_QR) == 0 ||
        msg->header.opcode != client->opcode)
        return "not an answer to what was asked";
    const char *wrong = client->key.hmac != NULL ? verify(client, msg, is_first) : NULL;
    if (wrong == NULL && (msg->header.flags & FLAG_TC) != 0)
        return "an answer that was cut";
    return wrong;
}

static const char *receive(struct dns_client *client, struct deadline deadline,
                           bool is_first, struct wire_msg *out)
{
    if (!receive_all(client->fd, client->octets, 2, deadline))
        return "no answer";
    size_t len = (size_t)client->octets[0] << 8 | client->octets[1];
    if (!receive_all(client->fd, client->octets + 2, len, deadline))
        return "half an answer";
    if (wire_walk(client->octets + 2, len, false, out) != RES_OK)
        return "an answer that is not well formed";
    return judge(client, out, is_first);
}

/* ---- public ---- */

const char *dns_client_open(struct dns_client *client, const struct addr *server,
                            struct dns_client_key key)
{
    struct sockaddr_storage address;
    socklen_t len = addr_to_sockaddr(server, &address);
    client->server = *server;
    client->key = key;
    client->fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        return strerror(errno);
    if (connect(client->fd, (const struct sockaddr *)&address, len) == 0)
        return NULL;
    int error = errno;
    socklen_t error_len = sizeof error;
    if (error == EINPROGRESS) {
        if (!deadline_poll(client->fd, POLLOUT, deadline_in(CONNECT_WAIT_MS)))
            error = ETIMEDOUT;
        else
            (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
    }
    if (error == 0)
        return NULL;
    dns_client_close(client);
    return strerror(error);
}

void dns_client_close(struct dns_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

struct writer *dns_client_begin(struct dns_client *client, uint16_t flags)
{
    client->request = writer_of(client->octets + 2, LIMIT_MESSAGE_OCTETS);
    if (getrandom(&client->id, sizeof client->id, 0) != sizeof client->id)
        client->request.failed = true;
    client->opcode = (uint8_t)(flags >> WIRE_OPCODE_SHIFT & 15);
    build_header(&client->request, client->id, flags);
    return &client->request;
}

static const char *sign(struct dns_client *client)
{
    struct writer *w = &client->request;
    const struct tsig_params params = {
        .key_name = client->key.name,
        .time_signed_s = (uint64_t)time(NULL),
        .fudge_s = TSIG_FUDGE_S,
        .original_id = client->id,
    };
    if (w->failed)
        return "the request does not fit into a message";
    if (client->key.hmac != NULL &&
        tsig_sign(w, client->key.hmac, &params, NULL, &client->mac) != RES_OK)
        return "the request cannot be signed";
    client->octets[0] = (uint8_t)(w->len >> 8);
    client->octets[1] = (uint8_t)w->len;
    return NULL;
}

const char *dns_client_exchange(struct dns_client *client, struct wire_msg *out)
{
    struct deadline deadline = deadline_in(ANSWER_WAIT_MS);
    const char *wrong = sign(client);
    if (wrong != NULL)
        return wrong;
    if (!deadline_send(client->fd, client->octets, client->request.len + 2, deadline))
        return "no answer";
    return receive(client, deadline, true, out);
}

const char *dns_client_more(struct dns_client *client, struct wire_msg *out)
{
    return receive(client, deadline_in(ANSWER_WAIT_MS), false, out);
}

static const char *ask(struct dns_client *client, struct name name, uint16_t type,
                       uint16_t flags, bool has_opt, struct wire_msg *out)
{
    struct writer *w = dns_client_begin(client, flags);
    build_question(w, name, type, CLASS_IN);
    if (has_opt)
        build_opt(w, EDNS_OCTETS, RCODE_NOERROR, -1, NULL);
    const char *wrong = dns_client_exchange(client, out);
    if (wrong == NULL && !wire_asks(out, name, type))
        return "an answer to another question";
    return wrong;
}

/* RFC 6891 7: an old server calls OPT a format error. */
const char *dns_client_ask(struct dns_client *client, struct name name, uint16_t type,
                           uint16_t flags, struct wire_msg *out)
{
    const char *wrong = ask(client, name, type, flags, true, out);
    bool is_old = wrong == NULL && out->header.rcode == RCODE_FORMERR && !out->has_opt;
    return is_old ? ask(client, name, type, flags, false, out) : wrong;
}

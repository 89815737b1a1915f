#include "tsigate/live.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "dns/build.h"
#include "dns/tsig.h"
#include "dns/type.h"
#include "policy/lookup.h"

/* F-5: nobody who waits at a terminal waits longer than the daemon would. */
#define CONNECT_WAIT_S 2
#define ANSWER_WAIT_S  8

/* ---- the connection ---- */

static int connect_to(const struct addr *server)
{
    struct sockaddr_storage address;
    socklen_t len = addr_to_sockaddr(server, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct timeval connect_wait = {.tv_sec = CONNECT_WAIT_S};
    const struct timeval answer_wait = {.tv_sec = ANSWER_WAIT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connect_wait, sizeof connect_wait);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer_wait, sizeof answer_wait);
    if (connect(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first server of `upstream` that takes the connection. */
static int connect_any(struct tool *tool)
{
    const struct settings *settings = &tool->snapshot->settings;
    for (size_t i = 0; i < settings->server_count; i++) {
        char text[ADDR_TEXT_OCTETS];
        int fd = connect_to(&settings->servers[i].addr);
        if (fd >= 0)
            return fd;
        tool_fail(TOOL_OUTSIDE, "primary %s: %s",
                  addr_format_port(&settings->servers[i].addr, text), strerror(errno));
    }
    return -1;
}

static bool send_all(int fd, const uint8_t *octets, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, octets, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        octets += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, uint8_t *octets, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(fd, octets, len, 0);
        if (got <= 0)
            return false;
        octets += got;
        len -= (size_t)got;
    }
    return true;
}

/* ---- the messages ---- */

static bool write_question(struct live *live, struct name name, uint16_t type)
{
    struct writer w = writer_of(live->octets + 2, LIMIT_MESSAGE_OCTETS);
    if (getrandom(&live->id, sizeof live->id, 0) != sizeof live->id)
        return false;
    build_header(&w, live->id, OPCODE_QUERY << WIRE_OPCODE_SHIFT);
    build_question(&w, name, type, CLASS_IN);
    const struct tsig_params params = {
        .key_name = live->key->name,
        .time_signed_s = (uint64_t)live->tool->now_s,
        .fudge_s = TSIG_FUDGE_S,
        .original_id = live->id,
    };
    if (tsig_sign(&w, live->key->hmac, &params, NULL, &live->last_mac) != RES_OK)
        return false;
    live->octets[0] = (uint8_t)(w.len >> 8);
    live->octets[1] = (uint8_t)w.len;
    live->len = w.len;
    return true;
}

static bool is_question_ours(const struct wire_msg *msg, struct name asked,
                             uint16_t type)
{
    if (msg->header.counts[SECTION_ZONE] != 1)
        return false;
    size_t at = msg->section_at[SECTION_ZONE];
    struct wire_rr rr;
    struct name_buf name;
    wire_next(msg, SECTION_ZONE, &at, &rr);
    wire_owner(msg, &rr, &name);
    return rr.type == type && rr.class == CLASS_IN && name_equal(name_of(&name), asked);
}

/* F-1, as the daemon has it. NULL: the answer can be trusted; else what is wrong.
 * is_first: it answers the question; else it goes on where another left off. */
static const char *verify_answer(struct live *live, const struct wire_msg *msg,
                                 bool is_first)
{
    struct tsig tsig;
    struct tsig_mac mac;
    struct hmac *hmac = live->key->hmac;
    if (msg->header.id != live->id || (msg->header.flags & FLAG_QR) == 0 ||
        msg->header.opcode != OPCODE_QUERY)
        return "not an answer to what was asked";
    if (!msg->has_tsig || tsig_read(msg, false, &tsig) != RES_OK)
        return "an answer without a signature";
    if (tsig.error == TSIG_BADKEY)
        return "it does not know the gateway's key (BADKEY)";
    if (tsig.error == TSIG_BADSIG)
        return "it has another secret for the gateway's key (BADSIG)";
    if (!name_equal(name_of(&tsig.key_name), live->key->name) ||
        !name_equal(name_of(&tsig.algorithm),
                    hmac_algorithm_name(hmac_algorithm_of(hmac))))
        return "an answer under another key";
    enum reason reason = is_first
                             ? tsig_verify(msg, &tsig, hmac, &live->last_mac,
                                           live->tool->now_s, TSIG_FUDGE_S, &mac)
                             : tsig_verify_next(msg, &tsig, hmac, &live->last_mac,
                                                live->tool->now_s, TSIG_FUDGE_S, &mac);
    if (reason == REASON_TIME_SKEW || tsig.error == TSIG_BADTIME)
        return "the clocks differ too much";
    if (reason != REASON_PERMITTED || tsig.error != 0)
        return "an answer whose signature does not verify";
    live->last_mac = mac;
    return (msg->header.flags & FLAG_TC) != 0 ? "an answer that was cut" : NULL;
}

static const char *receive(struct live *live, struct wire_msg *out, bool is_first)
{
    if (!receive_all(live->fd, live->octets, 2))
        return "no answer";
    live->len = (size_t)live->octets[0] << 8 | live->octets[1];
    if (!receive_all(live->fd, live->octets + 2, live->len))
        return "half an answer";
    if (wire_walk(live->octets + 2, live->len, false, out) != RES_OK)
        return "an answer that is not well formed";
    return verify_answer(live, out, is_first);
}

/* ---- public ---- */

int live_open(struct tool *tool, struct live **out)
{
    struct live *live = arena_alloc(&tool->arena, sizeof *live);
    *out = live;
    if (live == NULL)
        return tool_fail(TOOL_OUTSIDE, "out of memory");
    live->tool = tool;
    live->key = &tool->snapshot->keyring.gateway;
    live->fd = -1;
    if (live->key->hmac == NULL)
        return tool_fail(TOOL_CONFIG, "the gateway's own key is in no key file");
    live->fd = connect_any(tool);
    return live->fd >= 0 ? TOOL_DONE : TOOL_OUTSIDE;
}

void live_close(struct live *live)
{
    if (live->fd >= 0)
        close(live->fd);
    live->fd = -1;
}

const char *live_ask(struct live *live, struct name name, uint16_t type,
                     struct wire_msg *out)
{
    if (!write_question(live, name, type))
        return "the question cannot be signed";
    if (!send_all(live->fd, live->octets, live->len + 2))
        return "no answer";
    const char *wrong = receive(live, out, true);
    if (wrong == NULL && !is_question_ours(out, name, type))
        return "an answer to another question";
    return wrong;
}

const char *live_more(struct live *live, struct wire_msg *out)
{
    return receive(live, out, false);
}

int live_lookup(struct tool *tool, struct lookup *lookups, size_t count)
{
    struct live *live = NULL;
    int code = live_open(tool, &live);
    if (code != TOOL_DONE)
        return code;
    const char *wrong = NULL;
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        struct wire_msg msg;
        wrong = live_ask(live, lookups[i].original, TYPE_CNAME, &msg);
        if (wrong == NULL)
            lookups[i].answer = lookup_read(&msg, &lookups[i], &tool->arena);
    }
    live_close(live);
    if (wrong != NULL)
        return tool_fail(TOOL_OUTSIDE, "the primary: %s", wrong);
    return TOOL_DONE;
}

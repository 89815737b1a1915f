/*
 * The control socket: one request line, one JSON line back; only who says `tail` stays
 * and gets the lines of the audit as they come. Floor 4. Rule O-10.
 *
 * Knows the socket and its peers; what the requests do is the daemon's.
 */
#ifndef TSIGATE_NET_CONTROL_H
#define TSIGATE_NET_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/result.h"
#include "policy/settings.h"
#include "txn/txn.h"

struct control;

struct control_ports {
    void *arg;
    /* Members of the answer of `status`. */
    void (*status)(void *arg, struct json *json);
    /* Elements of its array `keys`, some at a time: as txns_status_keys. */
    bool (*keys)(void *arg, struct key_walk *walk, struct json *json);
    /* Asks for a reload; control_reloaded follows, later. Gives its number. */
    uint64_t (*reload)(void *arg);
    /* The audit log goes on in a new file; writes the answer, without newline. */
    void (*rotate)(void *arg, struct writer *w);
};

/* limits stay the caller's and may change. NULL: no memory. */
struct control *control_new(const struct settings_limits *limits,
                            const struct control_ports *ports) MUST_CHECK NONNULL;
/* Binds the socket, mode 0600. One that nobody answers is replaced. RES_EEXISTS:
 * somebody does; RES_EIO: errno tells. */
enum result control_bind(struct control *control, const char *path) MUST_CHECK NONNULL;
/* Begins to listen. RES_EIO. */
enum result control_start(struct control *control, uv_loop_t *loop) MUST_CHECK NONNULL;
/* Answers all who wait for the reload of that number or an earlier one. */
void control_reloaded(struct control *control, uint64_t number, const char *answer,
                      size_t len) NONNULL;
/* Lines of the audit, each with its newline; those that are news for all who watch
 * (`tail`). */
void control_tail(struct control *control, const uint8_t *lines, size_t len) NONNULL;
/* Sends them what has gathered: once in a turn of the loop. */
void control_flush(struct control *control) NONNULL;
/* Closes the handles and removes the socket; free when the loop has run out. */
void control_close(struct control *control) NONNULL;
void control_free(struct control **control) NONNULL;

#endif

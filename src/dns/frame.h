/*
 * DNS over TCP: a two-octet length before each message (RFC 1035 4.2.2, RFC 7766 8).
 * Floor 1b. Octets in, whole messages out, whatever the pieces (N-2).
 */
#ifndef TSIGATE_DNS_FRAME_H
#define TSIGATE_DNS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct frame {
    uint8_t *octets; /* the frame's, taken when a message's length is known; NULL when
                        idle */
    size_t capacity;
    size_t have;  /* octets of the current message, the length field included */
    size_t limit; /* longest message taken, octets */
    uint8_t prefix[2];
};

void frame_init(struct frame *frame, size_t limit) NONNULL;
void frame_fini(struct frame *frame) NONNULL;

/*
 * Takes from *octets, *len (both move on) until one message is whole or they are used
 * up. RES_OK with *out_message not NULL: a message of *out_len octets, valid until the
 * next frame call; call again for the rest. RES_OK with NULL: more octets are wanted.
 * RES_ERANGE: a length under 12 or over limit: close the connection. RES_EMEM.
 */
enum result frame_push(struct frame *frame, const uint8_t **octets, size_t *len,
                       const uint8_t **out_message, size_t *out_len) MUST_CHECK NONNULL;
/* Whether a message has begun and is not whole: the deadline for one message runs. */
bool frame_is_partial(const struct frame *frame) MUST_CHECK NONNULL;

#endif

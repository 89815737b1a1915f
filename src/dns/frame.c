#include "dns/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define PREFIX_OCTETS 2

void frame_init(struct frame *frame, size_t limit)
{
    *frame = (struct frame){.limit = limit};
}

static void release(struct frame *frame)
{
    free(frame->octets);
    frame->octets = NULL;
    frame->capacity = 0;
}

void frame_fini(struct frame *frame)
{
    release(frame);
    frame->have = 0;
}

/* Of the current message, once its prefix is there. */
static size_t message_len(const struct frame *frame)
{
    return (size_t)frame->prefix[0] << 8 | frame->prefix[1];
}

/* A length of 0 is no message: after it the frame stays refused. */
static bool is_whole(const struct frame *frame)
{
    return frame->have > PREFIX_OCTETS &&
           frame->have == PREFIX_OCTETS + message_len(frame);
}

bool frame_is_partial(const struct frame *frame)
{
    return frame->have > 0 && !is_whole(frame);
}

static enum result make_room(struct frame *frame, size_t len)
{
    if (len < LIMIT_HEADER_OCTETS || len > frame->limit)
        return RES_ERANGE;
    if (len <= frame->capacity)
        return RES_OK;
    release(frame);
    frame->octets = malloc(len);
    if (frame->octets == NULL)
        return RES_EMEM;
    frame->capacity = len;
    return RES_OK;
}

enum result frame_push(struct frame *frame, const uint8_t **octets, size_t *len,
                       const uint8_t **out_message, size_t *out_len)
{
    *out_message = NULL;
    *out_len = 0;
    if (is_whole(frame)) /* handed out by the call before */
        frame->have = 0;
    while (*len > 0 && frame->have < PREFIX_OCTETS) {
        frame->prefix[frame->have++] = *(*octets)++;
        (*len)--;
    }
    if (frame->have < PREFIX_OCTETS) {
        /* An idle connection holds no memory (I9). */
        release(frame);
        return RES_OK;
    }
    enum result res = make_room(frame, message_len(frame));
    if (res != RES_OK)
        return res;

    size_t have = frame->have - PREFIX_OCTETS;
    size_t taken = message_len(frame) - have;
    if (taken > *len)
        taken = *len;
    if (taken > 0)
        memcpy(frame->octets + have, *octets, taken);
    *octets += taken;
    *len -= taken;
    frame->have += taken;
    if (is_whole(frame)) {
        *out_message = frame->octets;
        *out_len = message_len(frame);
    }
    return RES_OK;
}

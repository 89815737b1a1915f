/* Frames: whatever the pieces, the same messages and the same end (N-2). The input's
 * first octet seeds the pieces, the rest is the stream. */
#include <string.h>

#include "base/limits.h"
#include "dns/frame.h"
#include "fuzz.h"

#define LIMIT 4096

struct seen {
    uint64_t hash; /* of all messages with their lengths */
    size_t messages;
    size_t octets;
    enum result end;
    bool is_partial;
};

static void see(struct seen *seen, const uint8_t *message, size_t len)
{
    FUZZ_CLAIM(len >= LIMIT_HEADER_OCTETS && len <= LIMIT);
    seen->hash = (seen->hash ^ len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < len; i++)
        seen->hash = (seen->hash ^ message[i]) * UINT64_C(0x100000001b3);
    seen->messages++;
    seen->octets += len;
}

static struct seen run(const uint8_t *octets, size_t len, uint32_t seed)
{
    struct frame frame;
    struct seen seen = {.end = RES_OK};

    frame_init(&frame, LIMIT);
    while (len > 0 && seen.end == RES_OK) {
        seed = seed * 1664525 + 1013904223;
        size_t piece = seed >> 31 ? len : 1 + (seed >> 16) % len;
        size_t left = piece;
        const uint8_t *message;
        size_t message_len;
        do {
            seen.end = frame_push(&frame, &octets, &left, &message, &message_len);
            if (seen.end == RES_OK && message != NULL)
                see(&seen, message, message_len);
        } while (seen.end == RES_OK && message != NULL);
        FUZZ_CLAIM(left == 0 || seen.end != RES_OK);
        len -= piece - left;
    }
    seen.is_partial = frame_is_partial(&frame);
    FUZZ_CLAIM(seen.is_partial || frame.octets == NULL);
    frame_fini(&frame);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    if (len == 0)
        return 0;
    struct seen whole = run(octets + 1, len - 1, UINT32_MAX);
    struct seen pieces = run(octets + 1, len - 1, octets[0] * 2654435761u);
    FUZZ_CLAIM(whole.hash == pieces.hash && whole.messages == pieces.messages);
    FUZZ_CLAIM(whole.end == pieces.end && whole.is_partial == pieces.is_partial);
    FUZZ_CLAIM(whole.octets <= len);
    return 0;
}

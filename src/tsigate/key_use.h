/*
 * When keys were last used, as the running tsigated remembers it: since its start.
 * Floor 5.
 */
#ifndef TSIGATE_TSIGATE_KEY_USE_H
#define TSIGATE_TSIGATE_KEY_USE_H

#include "base/map.h"
#include "tsigate/tool.h"

struct key_uses {
    bool is_known;   /* false: nobody could be asked, as told */
    int64_t since_s; /* the gateway's start: before that it knows nothing */
    struct map last; /* int64_t, seconds, by the key's name as text */
};

/* RES_EMEM. What is not known is told on stderr and no failure. */
enum result key_uses_ask(struct tool *tool, struct key_uses *out) MUST_CHECK NONNULL;
void key_uses_fini(struct key_uses *uses) NONNULL;
/* NULL: not used since the gateway's start, or not known. */
const int64_t *key_uses_last(const struct key_uses *uses, const char *key) NONNULL;

#endif

/*
 * An arena: memory of one request or one snapshot, freed whole. Floor 1a.
 * Allocations are zeroed and, but for packed ones, aligned for any type. Nothing is
 * freed alone.
 */
#ifndef TSIGATE_BASE_ARENA_H
#define TSIGATE_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *newest;
    size_t chunk_len; /* of a new chunk, octets */
    size_t used;      /* octets handed out since the last reset */
    size_t limit;     /* arena_alloc gives NULL beyond this; 0: no limit */
};

/* limit bounds what one request may take. No memory is taken yet. */
void arena_init(struct arena *arena, size_t chunk_len, size_t limit) NONNULL;
/* All memory goes but one chunk, so that the next request allocates nothing. */
void arena_reset(struct arena *arena) NONNULL;
void arena_fini(struct arena *arena) NONNULL;

/* NULL: no memory, or over the limit. len 0 gives a pointer that is not NULL. */
void *arena_alloc(struct arena *arena, size_t len) MUST_CHECK NONNULL;
void *arena_array(struct arena *arena, size_t count, size_t each) MUST_CHECK NONNULL;
void *arena_copy(struct arena *arena, const void *octets, size_t len) MUST_CHECK
    NONNULL_AT(1);
/* For octets by the million, as names: aligned for nothing, so one behind the other. */
uint8_t *arena_pack(struct arena *arena, const uint8_t *octets, size_t len) MUST_CHECK
    NONNULL_AT(1);
char *arena_string(struct arena *arena, const char *string) MUST_CHECK NONNULL;
char *arena_string_n(struct arena *arena, const char *chars, size_t len) MUST_CHECK
    NONNULL_AT(1);
char *arena_printf(struct arena *arena, const char *format, ...) MUST_CHECK PRINTF(2, 3)
    NONNULL_AT(1, 2);

#endif

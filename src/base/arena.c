#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
    struct arena_chunk *older;
    size_t capacity;
    size_t used;
    max_align_t octets[];
};

#define GROWTH_SHARE  32 /* a large step is that part of what is there */
#define SMALLEST_STEP (256 * 1024)
#define LARGEST_STEP  (16 * 1024 * 1024)
#define ALIGNMENT     _Alignof(max_align_t)

void arena_init(struct arena *arena, size_t chunk_len, size_t limit)
{
    *arena = (struct arena){.chunk_len = chunk_len, .limit = limit};
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

/* The chunk kept is one of the usual length: a single large request must not hold its
 * memory for ever. */
void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = NULL;

    for (struct arena_chunk **link = &arena->newest; *link != NULL;) {
        struct arena_chunk *chunk = *link;
        if (kept == NULL && chunk->capacity == arena->chunk_len) {
            kept = chunk;
            *link = chunk->older;
        } else {
            link = &chunk->older;
        }
    }
    free_chunks(arena->newest);
    if (kept != NULL) {
        kept->older = NULL;
        kept->used = 0;
    }
    arena->newest = kept;
    arena->used = 0;
}

void arena_fini(struct arena *arena)
{
    free_chunks(arena->newest);
    arena->newest = NULL;
    arena->used = 0;
}

/* An arena that has grown large goes on in large steps: its memory is the system's
 * again when it goes. */
static size_t next_capacity(const struct arena *arena)
{
    size_t share = arena->used / GROWTH_SHARE;

    if (share < SMALLEST_STEP || share < arena->chunk_len)
        return arena->chunk_len;
    return share < LARGEST_STEP ? share : LARGEST_STEP;
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t len)
{
    size_t usual = next_capacity(arena);
    size_t capacity = len > usual ? len : usual;
    if (capacity > SIZE_MAX - sizeof(struct arena_chunk))
        return NULL;
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + capacity);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct arena_chunk){.older = arena->newest, .capacity = capacity};
    arena->newest = chunk;
    return chunk;
}

/* Room for len octets that begin at a multiple of alignment, a power of two. */
static void *take(struct arena *arena, size_t len, size_t alignment)
{
    struct arena_chunk *chunk = arena->newest;
    size_t gap = chunk != NULL ? -chunk->used & (alignment - 1) : 0;

    if (len > SIZE_MAX - gap ||
        (arena->limit != 0 && len + gap > arena->limit - arena->used))
        return NULL;
    if (chunk == NULL || len + gap > chunk->capacity - chunk->used) {
        chunk = add_chunk(arena, len);
        gap = 0;
    }
    if (chunk == NULL)
        return NULL;
    uint8_t *room = (uint8_t *)chunk->octets + chunk->used + gap;
    chunk->used += gap + len;
    arena->used += gap + len;
    assert(arena->limit == 0 || arena->used <= arena->limit);
    return room;
}

void *arena_alloc(struct arena *arena, size_t len)
{
    if (len > SIZE_MAX - ALIGNMENT)
        return NULL;
    /* An empty allocation takes a unit too, so that its pointer is its own. */
    size_t need = len == 0 ? ALIGNMENT : (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *room = take(arena, need, ALIGNMENT);
    return room != NULL ? memset(room, 0, need) : NULL;
}

uint8_t *arena_pack(struct arena *arena, const uint8_t *octets, size_t len)
{
    uint8_t *room = take(arena, len == 0 ? 1 : len, 1);

    return room != NULL && len > 0 ? memcpy(room, octets, len) : room;
}

void *arena_array(struct arena *arena, size_t count, size_t each)
{
    if (each != 0 && count > SIZE_MAX / each)
        return NULL;
    return arena_alloc(arena, count * each);
}

void *arena_copy(struct arena *arena, const void *octets, size_t len)
{
    void *copy = arena_alloc(arena, len);

    if (copy != NULL && len > 0)
        memcpy(copy, octets, len);
    return copy;
}

char *arena_string(struct arena *arena, const char *string)
{
    return arena_copy(arena, string, strlen(string) + 1);
}

char *arena_string_n(struct arena *arena, const char *chars, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *string = arena_alloc(arena, len + 1);
    if (string != NULL && len > 0)
        memcpy(string, chars, len);
    return string;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *string = NULL;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0)
        string = arena_alloc(arena, (size_t)len + 1);
    if (string == NULL)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(string, (size_t)len + 1, format, args);
    va_end(args);
    return string;
}

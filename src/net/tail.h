/*
 * Somebody who watches lines as they come: `tsigate tail`. Floor 4. What is not read
 * gathers up to a bound; beyond it lines are left out, counted and told. Nobody ever
 * waits for a reader.
 */
#ifndef TSIGATE_NET_TAIL_H
#define TSIGATE_NET_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/result.h"

struct tail;

/* on_failed(arg): the stream cannot be written to; close it. stream stays the caller's;
 * free only when it has been closed. NULL: no memory. */
struct tail *tail_new(uv_stream_t *stream, void (*on_failed)(void *arg),
                      void *arg) MUST_CHECK NONNULL_AT(1, 2);
void tail_free(struct tail **tail) NONNULL;
/* Takes the line, with its newline, or counts it. */
void tail_line(struct tail *tail, const void *line, size_t len) NONNULL;
/* Sends what has gathered, as soon as the reader has taken what was sent before. */
void tail_flush(struct tail *tail) NONNULL;

#endif

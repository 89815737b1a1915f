/*
 * The two connections to the primary. Floor 4. Rules F-4 to F-6, U-8.
 *
 * Knows servers, deadlines and frames; what the octets say is txn's. Servers are tried
 * in order; when all have failed the link is down and every further attempt a probe
 * (F-6): while it lasts, requests are refused at once. A link that had served is
 * connected again at once.
 */
#ifndef TSIGATE_NET_UPSTREAM_H
#define TSIGATE_NET_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/json.h"
#include "base/result.h"
#include "net/random.h"
#include "policy/settings.h"
#include "txn/txn.h"

struct upstream;

/* random stays the caller's. NULL: no memory. */
struct upstream *upstream_new(struct random_pool *random) MUST_CHECK NONNULL;
/* Copies the servers. When they differ from those in use, both links connect anew.
 * RES_EMEM: as before. */
enum result upstream_set_servers(struct upstream *upstream,
                                 const struct settings *settings) MUST_CHECK NONNULL;
/* Begins to connect. RES_EIO. */
enum result upstream_start(struct upstream *upstream, uv_loop_t *loop,
                           struct txns *txns) MUST_CHECK NONNULL;
/* The ports of txn.h. */
enum result upstream_send(struct upstream *upstream, enum txn_link link,
                          const uint8_t *octets, size_t len) MUST_CHECK NONNULL;
void upstream_reconnect(struct upstream *upstream, enum txn_link link,
                        const char *why) NONNULL;
/* Members of an open JSON object. */
void upstream_status(const struct upstream *upstream, struct json *json) NONNULL;
/* Closes the handles, and tells txns nothing more; free when the loop has run out. */
void upstream_close(struct upstream *upstream) NONNULL;
void upstream_free(struct upstream **upstream) NONNULL;

#endif

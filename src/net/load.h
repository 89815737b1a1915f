/*
 * From a configuration file to a snapshot, with all that is wrong on the way: at start,
 * and on a reload aside. Floor 4. Touches nothing but its own struct and files.
 */
#ifndef TSIGATE_NET_LOAD_H
#define TSIGATE_NET_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/result.h"
#include "policy/snapshot.h"

struct load {
    const char *file; /* the caller's */
    uint64_t generation;
    bool settings_only; /* tsigate.conf alone: the snapshot is good for its settings */
    struct snapshot *snapshot; /* NULL unless result is RES_OK: take it, or load_fini
                                  does */
    struct diags diags; /* for the load's lifetime: they may name what it holds */
    enum result result;
    struct snapshot *failed; /* what the diagnostics' places point into */
};

void load_run(struct load *load) NONNULL;
void load_fini(struct load *load) NONNULL;
/* What became of it, for whoever asked for the reload: one JSON object in memory that
 * the caller frees (out->octets). generation: of the snapshot in force. RES_EMEM. */
enum result load_answer(const struct load *load, uint64_t generation,
                        struct writer *out) MUST_CHECK NONNULL;

#endif

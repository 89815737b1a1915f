/*
 * Reading the audit file back at start, from as far back as it can matter. Floor 4.
 * Rules D9, T-20, L-4.
 */
#ifndef TSIGATE_NET_AUDIT_BACK_H
#define TSIGATE_NET_AUDIT_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "txn/log.h"

struct audit_back {
    uint32_t max_fudge_s;
    int64_t now_us; /* real */
    struct log_scan *scan;
    bool is_cut;  /* the last line has no newline */
    bool is_tail; /* what stands before the lines that were read is too old to matter */
};

/* Feeds the file's lines to back->scan. RES_EIO: errno tells; RES_ERANGE: a line that
 * is longer than any of ours; RES_EMEM, RES_ECRYPTO. */
enum result audit_back_read(struct audit_back *back,
                            const char *path) MUST_CHECK NONNULL;

#endif

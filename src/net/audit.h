/*
 * The audit file: read back at start, appended to, synced. Floor 4. Rules D9, L-2, L-4,
 * R-7, I8.
 *
 * Knows lines and the disk; what a line says is txn/log's.
 */
#ifndef TSIGATE_NET_AUDIT_H
#define TSIGATE_NET_AUDIT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/result.h"
#include "txn/txn.h"

struct audit;

/*
 * Opens or creates the file (0640), takes it for this process alone, and reads it back:
 * a torn last line gets its newline, an intent without a result its result
 * `outcome-unknown`, and all that is on the disk when this returns. What went wrong is
 * in the log. RES_EIO, RES_EEXISTS (another process has it), RES_EMEM.
 */
enum result audit_open(const char *path, uint32_t max_fudge_s, struct txn_now now,
                       struct audit **out,
                       struct txn_journal *out_journal) MUST_CHECK NONNULL;
/* The journal's past ends here: txns_new has taken what it wants. RES_EIO, RES_EMEM:
 * nothing can be synced. */
enum result audit_start(struct audit *audit, uv_loop_t *loop,
                        struct txns *txns) MUST_CHECK NONNULL;
/* Nobody is told of a sync any more; audit_close when the loop has run out. */
void audit_stop(struct audit *audit) NONNULL;
/* The ports of txn.h. */
enum result audit_write(struct audit *audit, const uint8_t *lines,
                        size_t len) MUST_CHECK NONNULL;
void audit_sync(struct audit *audit, uint64_t token) NONNULL;
/*
 * Goes on in the file that has the path now, which is made where there is none; the old
 * one has been moved away, and all of it is on disk when this returns. NULL: done, and
 * the first lines there are the caller's to write (txns_rotated); else why not, and all
 * is as before.
 */
const char *audit_rotate(struct audit *audit) MUST_CHECK NONNULL;
/* `tsigate status`: a member of an open JSON object. */
void audit_status(const struct audit *audit, struct json *json) NONNULL;
/* To be called when the loop has run out. */
void audit_close(struct audit **audit) NONNULL;

#endif

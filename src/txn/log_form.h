/*
 * What the parts of the audit log share: how a line begins and ends. Floor 3; for
 * log.c, log_read.c and log_scan.c alone.
 */
#ifndef TSIGATE_TXN_LOG_FORM_H
#define TSIGATE_TXN_LOG_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "txn/log.h"

/* Keys, numbers, times, MAC, hash and reason of a line, at most. */
#define LOG_FORM_FIXED_OCTETS 1024

/* "permitted", "refused", "failed". */
const char *log_form_verdict(enum reason reason);
/* Opens the line's object: event, time, seq. */
void log_form_open(struct json *json, const struct log_chain *chain,
                   enum log_event event, int64_t time_us) NONNULL;
/* Ends the line that began at start of the writer (prev, newline) and moves the chain
 * on; where so_far or anything else went wrong, takes it all back and says so. */
enum result log_form_close(struct log_chain *chain, struct json *json, size_t start,
                           enum result so_far) MUST_CHECK NONNULL;

#endif

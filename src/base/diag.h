/*
 * What is wrong in the operator's files: a list of errors and warnings, all of them and
 * not only the first, each with file:line:column. Floor 1a; collected, never printed
 * here.
 */
#ifndef TSIGATE_BASE_DIAG_H
#define TSIGATE_BASE_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/result.h"

/* Where a word stands. Lines and columns count from 1; 0: not known. */
struct place {
    const char *file; /* NUL-terminated, lives as long as the list or the snapshot */
    unsigned line;
    unsigned column;
};

enum severity {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
};

struct diag {
    enum severity severity;
    const char *id; /* stable identifier, "dead-grant"; a string constant; "": none */
    struct place place;
    const char *message; /* in the list's arena: what is wrong, the word, the remedy */
    struct diag *next;
};

struct diags {
    struct arena arena;
    struct diag *first; /* in order of discovery */
    struct diag *last;
    size_t errors;   /* all, also those beyond LIMIT_DIAGNOSTICS */
    size_t warnings; /* likewise */
};

void diags_init(struct diags *diags) NONNULL;
void diags_fini(struct diags *diags) NONNULL;
/* Without memory the message is lost, but the count is right: the load still fails. */
void diags_error(struct diags *diags, struct place place, const char *id,
                 const char *format, ...) PRINTF(4, 5) NONNULL_AT(1, 3, 4);
void diags_verror(struct diags *diags, struct place place, const char *id,
                  const char *format, va_list args) PRINTF(4, 0) NONNULL_AT(1, 3, 4);
void diags_warn(struct diags *diags, struct place place, const char *id,
                const char *format, ...) PRINTF(4, 5) NONNULL_AT(1, 3, 4);
/* Sorts by file, line, column; equal places keep their order. */
void diags_sort(struct diags *diags) NONNULL;
/* "file:line:column: message [id]" with "warning: " before a warning's message;
 * parts that are not known are left out. Cut to capacity, NUL-terminated. */
const char *diag_format(const struct diag *diag, char *text, size_t capacity) NONNULL;

#endif

/*
 * What the subcommands around the audit log share: which lines somebody wants to see,
 * and a line as columns for people. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_AUDIT_H
#define TSIGATE_TSIGATE_AUDIT_H

#include <stdio.h>

#include "dns/name.h"
#include "tsigate/tool.h"
#include "txn/log_read.h"

/* Below `audit`: words and options behind the subcommand's own name. */
tool_command audit_show;
tool_command audit_verify;

/* The log of the configuration. NULL: it cannot be read, as told. */
const char *audit_file(struct tool *tool) NONNULL;

/* A line of an audit log. */
struct audit_line {
    const char *path;
    uint64_t number;
    const char *text; /* without its newline */
    size_t len;
    struct log_record record;
};

typedef void audit_take(void *arg, const struct audit_line *line);

/* Hands over all lines of a log, but for those that are none (torn, say), of which it
 * tells. Gives an exit code, as told; nothing but such lines is TOOL_OUTSIDE. */
int audit_read(const char *path, audit_take *take, void *arg) NONNULL_AT(1, 2);

/* Which lines are wanted; each that is not NULL has to hold. */
struct audit_filter {
    struct name host;    /* octets NULL: any */
    struct name name;    /* original or target of a change, or a name above it */
    const char *verdict; /* or a reason */
    int64_t since_us;    /* INT64_MIN: any */
};

#define AUDIT_FILTER_OPTIONS                                                           \
    {"host", required_argument, NULL, 'H'}, {"name", required_argument, NULL, 'n'},    \
        {"verdict", required_argument, NULL, 'v'},                                     \
    {                                                                                  \
        "since", required_argument, NULL, 's'                                          \
    }

void audit_filter_init(struct audit_filter *filter) NONNULL;
/* Takes one of the options above with its optarg. false: not one of them, or a wrong
 * value, as told. */
bool audit_filter_take(struct audit_filter *filter, struct tool *tool,
                       int option) NONNULL;
bool audit_filter_wants(const struct audit_filter *filter,
                        const struct log_record *record) MUST_CHECK NONNULL;

/* A time for --since: RFC 3339, a day, or so long ago (2h, 30m, 7d). RES_EFORMAT. */
enum result audit_since(const char *text, int64_t now_s,
                        int64_t *out_us) MUST_CHECK NONNULL;

void audit_print_head(void);
/* The line as a row for each change; intents, which say no more than their results, are
 * left to who calls. */
void audit_print_row(const struct log_record *record) NONNULL;

#endif

/*
 * What all subcommands of tsigate-tlsa share: options, messages, output.
 * Floor 5: may print.
 */
#ifndef TSIGATE_TLSA_TOOL_H
#define TSIGATE_TLSA_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/program.h"
#include "dns/name.h"

struct tool {
    const char *usage;     /* of the subcommand */
    const char *conf_file; /* -c; NULL: the default, which need not be there */
    const char *key_file;  /* -k; NULL: host.conf's */
    const char *server;    /* --server; NULL: host.conf's */
    bool is_json;          /* --json */
    struct arena arena;    /* what lives until the end */
    struct diags diags;
    struct writer out; /* what is printed at the end, whole or not at all */
    struct json json;  /* on out */
};

tool_command check_main;
tool_command deploy_main;
tool_command publish_main;
tool_command rollover_main;
tool_command scan_main;
tool_command show_main;

#define TOOL_COMMON_OPTIONS                                                            \
    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},                \
        {"server", required_argument, NULL, 's'},                                      \
    {                                                                                  \
        NULL, 0, NULL, 0                                                               \
    }

/* The next option of the subcommand's own, by its val; optind as getopt(3) has it. */
int tool_option(struct tool *tool, int argc, char **argv,
                const struct option *options) MUST_CHECK NONNULL;
/* "tsigate-tlsa: MESSAGE" and the usage on stderr; gives TOOL_USAGE. */
int tool_usage(const struct tool *tool, const char *format, ...) PRINTF(2, 3)
    NONNULL_AT(1, 2);
/* "tsigate-tlsa: MESSAGE" on stderr; gives code. */
int tool_fail(int code, const char *format, ...) PRINTF(2, 3) NONNULL_AT(2);
/* The same for what the system refused, as errno says, and for want of memory; both
 * give TOOL_OUTSIDE. */
int tool_fail_errno(const char *what) NONNULL;
int tool_no_memory(void);
/* What tool_fail and tool_fail_diags said first since it was forgotten; "": nothing.
 * Kept by the program and not by struct tool, as standard error itself is: whoever
 * fails far below need not know that somebody remembers it. */
const char *tool_first_failure(void);
void tool_forget_failure(void);
void tool_warn(const char *format, ...) PRINTF(1, 2) NONNULL_AT(1);
/* What stands in tool->diags, on stderr; gives code. */
int tool_fail_diags(struct tool *tool, int code) NONNULL;

/* A port of name servers, as --ns-port has it. TOOL_DONE, TOOL_USAGE as told. */
int tool_ns_port(const struct tool *tool, const char *word,
                 uint16_t *out) MUST_CHECK NONNULL;
/* The name that a word spells, in the arena. octets NULL: none, as told on stderr. */
struct name tool_name(struct tool *tool, const char *word) NONNULL;
/* With the final dot; in the arena. */
const char *tool_name_text(struct tool *tool, struct name name) NONNULL;

/* Makes tool->out and tool->json; TOOL_DONE, or TOOL_OUTSIDE as told. */
int tool_output_open(struct tool *tool) MUST_CHECK NONNULL;
/* Prints tool->out. TOOL_DONE; TOOL_OUTSIDE: it did not fit, or stdout failed. */
int tool_output_print(struct tool *tool) NONNULL;

#endif

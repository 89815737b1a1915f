/*
 * What all subcommands of tsigate share: options, reading the site's files.
 * Floor 5: may print. No libuv.
 */
#ifndef TSIGATE_TSIGATE_TOOL_H
#define TSIGATE_TSIGATE_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/program.h"
#include "policy/snapshot.h"

struct tool {
    const char *command;   /* the subcommand */
    const char *usage;     /* of it */
    const char *summary;   /* of it, in a line */
    const char *conf_file; /* -c */
    bool is_json;          /* --json */
    int64_t now_s;
    struct arena arena;        /* what lives until the end */
    struct diags diags;        /* of tool_load */
    struct snapshot *snapshot; /* NULL until tool_load */
};

tool_command audit_main;
tool_command check_main;
tool_command cnames_main;
tool_command complete_main;
tool_command diff_main;
tool_command edit_main;
tool_command explain_main;
tool_command export_main;
tool_command grant_main;
tool_command import_main;
tool_command key_main;
tool_command reload_main;
tool_command replay_main;
tool_command revoke_main;
tool_command rights_main;
tool_command status_main;
tool_command tail_main;
tool_command test_main;
tool_command who_can_main;

/* ---- options ---- */

/* The options that every subcommand has; they are dealt with inside tool_option. */
#define TOOL_COMMON_OPTIONS                                                            \
    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},                \
    {                                                                                  \
        NULL, 0, NULL, 0                                                               \
    }

/* The next option of the subcommand's own, by its val; optind as getopt(3) has it.
 * is_ordered: the first word ends the options. */
int tool_option(struct tool *tool, int argc, char **argv, const struct option *options,
                bool is_ordered) NONNULL;
/* "tsigate: MESSAGE" and the usage on stderr; gives TOOL_USAGE. */
int tool_usage(const struct tool *tool, const char *format, ...) PRINTF(2, 3)
    NONNULL_AT(1, 2);
/* "tsigate: MESSAGE" on stderr; gives code. */
int tool_fail(int code, const char *format, ...) PRINTF(2, 3) NONNULL_AT(2);
/* The same for what the system refused, as errno says, and for want of memory; both
 * give TOOL_OUTSIDE. */
int tool_fail_errno(const char *what) NONNULL;
int tool_no_memory(void);

/* ---- the site's files ---- */

struct tool_wanted {
    bool with_keys;   /* key files as well (check) */
    bool is_daemon;   /* what only the daemon needs has to be there (check) */
    char *const *acl; /* these ACL files instead of the configuration's */
    size_t acl_count; /* 0: the configuration's */
    const struct snapshot_text *acl_text; /* this ACL instead; NULL: files */
    struct snapshot_instead *instead; /* one ACL file's text; NULL: all as they are */
};

/* Reads tsigate.conf and what it names into tool->snapshot; all that is wrong is in
 * tool->diags, sorted, and nothing is printed. RES_OK, or what failed. */
enum result tool_read(struct tool *tool,
                      const struct tool_wanted *wanted) MUST_CHECK NONNULL;
/* tool_read for those that only ask: errors go to stderr, warnings nowhere. TOOL_DONE
 * or TOOL_CONFIG. */
int tool_load(struct tool *tool, const struct tool_wanted *wanted) MUST_CHECK NONNULL;

/* What tsigate.conf alone says, also where it has errors. NULL: no memory, as told. */
const struct settings *tool_settings(struct tool *tool) MUST_CHECK NONNULL;
/* That it lacks a setting: its errors on stderr, or where it has none, that. */
void tool_tell_lack(const struct tool *tool, const char *setting) NONNULL;
/* The errors in tool->diags, on stderr. */
void tool_tell_errors(const struct tool *tool) NONNULL;

/* ---- words and output ---- */

/* "; did you mean NAME", of the hosts of the loaded ACL, for word; "" if none is near.
 * In the tool's arena. */
const char *tool_guess_host(struct tool *tool, const char *word) NONNULL;

/* The name that a word spells. octets NULL: it spells none, as told on stderr. */
struct name tool_name(struct tool *tool, const char *word) NONNULL;
/* In the tool's arena. */
const char *tool_name_text(struct tool *tool, struct name name) NONNULL;
const char *tool_type_text(struct tool *tool, uint16_t type) NONNULL;
/* A right's owner as the ACL would spell it: pattern labels as stars, a '*' that is
 * meant as such \042. */
const char *tool_owner_text(struct tool *tool, const struct acl_right *right) NONNULL;

/* A growing piece of output: text or JSON that is printed whole. */
struct tool_page {
    struct writer writer;
    struct json json;
};

#define TOOL_PAGE_OCTETS (1024 * 1024)

/* A page of TOOL_PAGE_OCTETS in the arena; NULL: no memory, as told. */
struct tool_page *tool_page_new(struct tool *tool) MUST_CHECK NONNULL;
/* Prints what stands on it so far; JSON goes on behind it. For output without a bound.
 * What did not fit is told by the tool_page_print at the end. */
void tool_page_flush(struct tool_page *page) NONNULL;
/* Prints it with a newline and empties it. Gives TOOL_DONE, or TOOL_OUTSIDE where it
 * did not fit or stdout failed. */
int tool_page_print(struct tool_page *page) NONNULL;

#endif

/*
 * What the programs of several subcommands share: exit codes, the way from the first
 * word to its command, help, and output that has to be out at the end. Floor 1a; prints
 * for the floor above all others.
 */
#ifndef TSIGATE_BASE_PROGRAM_H
#define TSIGATE_BASE_PROGRAM_H

#include <stddef.h>

#include "base/result.h"

/* The exit codes of every program here; scripts rely on them. */
enum {
    TOOL_DONE = 0,    /* done, permitted */
    TOOL_NO = 1,      /* the answer is no */
    TOOL_USAGE = 2,   /* called wrongly */
    TOOL_CONFIG = 3,  /* a configuration, ACL, key or map cannot be used */
    TOOL_OUTSIDE = 4, /* something outside failed: network, server, disk, a file */
};

/* What the tool_option of each program gives beside an option's own value. */
enum {
    TOOL_OPTION_END = -1,
    TOOL_OPTION_WRONG = -2, /* told on stderr; end with TOOL_USAGE */
    TOOL_OPTION_HELP = -3,  /* told on stdout; end with TOOL_DONE */
};
/* The exit code where an option loop stopped at WRONG or HELP. */
int tool_option_exit(int option);

/* Each program's own. */
struct tool;

/* A subcommand: options and words without its own name. Gives an exit code. */
typedef int tool_command(struct tool *tool, int argc, char **argv);

struct command {
    const char *name;
    tool_command *run;
    const char *usage;
    const char *summary;
};

struct program {
    const char *name;
    const struct command *commands; /* in the order of the help */
    size_t count;
    const char *foot; /* of the help: lines */
    /* Runs the command; argv[0] is its name. */
    int (*run)(const struct command *command, int argc, char **argv);
    void (*help)(const struct command *command);
    /* "PROGRAM: MESSAGE" on stderr; gives code. */
    int (*fail)(int code, const char *format, ...) PRINTF(2, 3);
};

/* All that main does. */
int program_main(const struct program *program, int argc, char **argv) NONNULL;

#endif

/*
 * What each subcommand takes, as data: from it come `tsigate help`, "did you mean" and
 * the completion of words in shells, so that none of the three lags behind. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_HELP_H
#define TSIGATE_TSIGATE_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"

/* What stands in a place of the command line; of a word with nothing to choose from
 * HELP_TEXT. */
enum help_word {
    HELP_NONE, /* no word at all */
    HELP_TEXT,
    HELP_ALGORITHM,
    HELP_CLIENT, /* of a key */
    HELP_FILE,
    HELP_HOST,
    HELP_KEY,
    HELP_NAME, /* an owner */
    HELP_OPERATION,
    HELP_PROFILE,
    HELP_TARGET, /* of an export */
    HELP_TYPE,
    HELP_VERDICT,
    HELP_WHO, /* a host or a key */
};

struct help_option {
    const char *name;  /* "--from" */
    const char *value; /* as help calls it, "ADDR"; NULL: it takes none */
    enum help_word word;
    const char *meaning;
};

#define HELP_OPTIONS_MAX 9
#define HELP_WORDS_MAX   4

/* A subcommand, or a verb of one ("key new"). */
struct help {
    const char *command;
    enum help_word words[HELP_WORDS_MAX]; /* in order */
    bool repeats;                         /* the last of them */
    struct help_option options[HELP_OPTIONS_MAX];
    const char *example; /* lines, each a command */
    const char *exits;   /* beside 2 (usage) and 3 (configuration), common to all */
};

/* Walks all entries: start with NULL; NULL at the end. */
const struct help *help_next(const struct help *help);
/* "check" gives check, "key" the verb in verb; NULL: none of that name. */
const struct help *help_find(const char *command, const char *verb) NONNULL_AT(1);
/* The whole help of a subcommand with all its verbs, on stdout. */
void help_print(const char *command, const char *usage, const char *summary) NONNULL;

#endif

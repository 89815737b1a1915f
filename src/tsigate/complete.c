/*
 * tsigate complete WORD... CURRENT: for the completion of shells, which hand over the
 * command line behind "tsigate" as far as the cursor. Prints what may stand in
 * CURRENT's place and begins like it, one a line, with its meaning behind a tab; the
 * line ":files" says that names of files may. Wrong words or files give nothing, never
 * a message.
 */
#include <stdio.h>
#include <string.h>

#include "base/outcome.h"
#include "dns/type.h"
#include "tsigate/help.h"
#include "tsigate/key_client.h"
#include "tsigate/tool.h"

struct completion {
    struct tool *tool;
    const char *current;
    const struct help *help;
    enum help_word word; /* what stands in current's place, unless is_option */
    bool is_option;
};

static void offer(const struct completion *c, const char *text, const char *meaning)
{
    if (strncmp(text, c->current, strlen(c->current)) == 0)
        printf("%s%s%s\n", text, meaning != NULL ? "\t" : "",
               meaning != NULL ? meaning : "");
}

/* ---- what is in the files ---- */

static void offer_name(const struct completion *c, struct name name)
{
    char text[NAME_TEXT_OCTETS];
    offer(c, name_to_text(name, text), NULL);
}

static void offer_hosts(const struct completion *c)
{
    const struct acl_source *source = &c->tool->snapshot->source;
    for (size_t i = 0; i < source->hosts.count; i++)
        offer_name(c, acl_source_host(source, i)->name);
}

static void offer_keys(const struct completion *c)
{
    const struct acl_source *source = &c->tool->snapshot->source;
    for (size_t i = 0; i < source->hosts.count; i++) {
        struct acl_credential credential =
            acl_credential_first(acl_source_host(source, i));
        do
            offer_name(c, acl_credential_name(credential));
        while (acl_credential_next(&credential));
    }
}

static void offer_owners(const struct completion *c)
{
    const struct acl *acl = &c->tool->snapshot->acl;
    struct acl_walk walk = {0};
    for (const struct acl_right *right; (right = acl_walk_next(acl, &walk)) != NULL;) {
        if (!right->is_pattern)
            offer_name(c, acl_right_owner(right));
    }
}

static void offer_profiles(const struct completion *c)
{
    const struct acl_profile *profile;
    size_t cursor = 0;
    while ((profile = map_next(&c->tool->snapshot->source.profile_by_name, &cursor)) !=
           NULL)
        offer(c, profile->name, NULL);
}

static void offer_from_files(const struct completion *c)
{
    const struct tool_wanted wanted = {.with_keys = false};
    if (tool_read(c->tool, &wanted) != RES_OK)
        return;
    if (c->word == HELP_PROFILE)
        offer_profiles(c);
    else if (c->word == HELP_NAME)
        offer_owners(c);
    if (c->word == HELP_HOST || c->word == HELP_WHO)
        offer_hosts(c);
    if (c->word == HELP_KEY || c->word == HELP_WHO)
        offer_keys(c);
}

/* ---- what is always the same ---- */

static void offer_algorithms(const struct completion *c)
{
    offer(c, "hmac-sha256", NULL);
    offer(c, "hmac-sha384", NULL);
    offer(c, "hmac-sha512", NULL);
}

static void offer_clients(const struct completion *c)
{
    const char *names = key_client_names();
    while (*names != '\0') {
        char name[64];
        size_t len = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)len, names);
        offer(c, name, NULL);
        names += len + strspn(names + len, ", ");
    }
}

static void offer_operations(const struct completion *c)
{
    for (int op = UPDATE_UNDECIDED + 1; op < UPDATE_OPS; op++)
        offer(c, update_op_name((enum update_op)op), NULL);
}

static void offer_types(const struct completion *c)
{
    offer(c, "ANY", NULL);
    for (unsigned type = 1; type <= TYPE_CAA; type++) {
        enum type_standing standing = type_standing_of((uint16_t)type);
        if (standing == TYPE_IS_PLAIN || standing == TYPE_IS_DANGEROUS)
            offer(c, type_name((uint16_t)type), NULL);
    }
}

static void offer_verdicts(const struct completion *c)
{
    offer(c, "permitted", NULL);
    offer(c, "refused", NULL);
    offer(c, "failed", NULL);
    for (int reason = REASON_UNDECIDED + 1; reason < REASON_COUNT; reason++) {
        if (reason != REASON_PERMITTED)
            offer(c, outcome_of((enum reason)reason)->name, NULL);
    }
}

static void offer_options(const struct completion *c)
{
    for (size_t i = 0; i < HELP_OPTIONS_MAX && c->help->options[i].name != NULL; i++)
        offer(c, c->help->options[i].name, c->help->options[i].meaning);
    offer(c, "--json", "for programs");
    offer(c, "--help", "what it takes");
    offer(c, "-c", "the configuration");
}

static void offer_words(const struct completion *c)
{
    switch (c->word) {
    case HELP_NONE:
    case HELP_TEXT:
        break;
    case HELP_ALGORITHM:
        offer_algorithms(c);
        break;
    case HELP_CLIENT:
        offer_clients(c);
        break;
    case HELP_FILE:
        puts(":files");
        break;
    case HELP_OPERATION:
        offer_operations(c);
        break;
    case HELP_TARGET:
        offer(c, "bind", NULL);
        offer(c, "knot", NULL);
        break;
    case HELP_TYPE:
        offer_types(c);
        break;
    case HELP_VERDICT:
        offer_verdicts(c);
        break;
    case HELP_HOST:
    case HELP_KEY:
    case HELP_NAME:
    case HELP_PROFILE:
    case HELP_WHO:
        offer_from_files(c);
        break;
    }
}

/* ---- the command line ---- */

/* "key " and nothing behind it yet. */
static void offer_verbs(const struct completion *c, const char *command)
{
    size_t len = strlen(command);
    const struct help *help = NULL;
    while ((help = help_next(help)) != NULL) {
        if (strncmp(help->command, command, len) == 0 && help->command[len] == ' ')
            offer(c, help->command + len + 1, NULL);
    }
}

/* The kind of value that the option wants; HELP_NONE: it wants none. */
static enum help_word value_of(const struct help *help, const char *option)
{
    if (strcmp(option, "-c") == 0)
        return HELP_FILE;
    for (size_t i = 0; i < HELP_OPTIONS_MAX && help->options[i].name != NULL; i++) {
        if (strcmp(help->options[i].name, option) == 0)
            return help->options[i].word;
    }
    return HELP_NONE;
}

static enum help_word word_at(const struct help *help, size_t at)
{
    size_t count = 0;
    while (count < HELP_WORDS_MAX && help->words[count] != HELP_NONE)
        count++;
    if (at >= count && help->repeats)
        at = count - 1;
    return at < count ? help->words[at] : HELP_NONE;
}

/* What stands before current decides on its place. */
static void find_place(struct completion *c, int count, char **words)
{
    size_t at = 0;
    enum help_word value = HELP_NONE;
    for (int i = 0; i < count; i++) {
        if (value != HELP_NONE) {
            if (strcmp(words[i - 1], "-c") == 0)
                c->tool->conf_file = words[i];
            value = HELP_NONE;
        } else if (words[i][0] == '-') {
            value = value_of(c->help, words[i]);
        } else {
            at++;
        }
    }
    c->is_option = value == HELP_NONE && c->current[0] == '-';
    c->word = value != HELP_NONE ? value : word_at(c->help, at);
}

int complete_main(struct tool *tool, int argc, char **argv)
{
    if (argc < 3)
        return TOOL_DONE;
    const char *command = argv[1], *verb = argc > 3 ? argv[2] : NULL;
    struct completion c = {.tool = tool, .current = argv[argc - 1]};
    c.help = help_find(command, verb);
    if (c.help == NULL) {
        if (verb == NULL)
            offer_verbs(&c, command);
        return TOOL_DONE;
    }
    int first = strchr(c.help->command, ' ') != NULL ? 3 : 2;
    find_place(&c, argc - 1 - first, argv + first);
    if (c.is_option)
        offer_options(&c);
    else
        offer_words(&c);
    return TOOL_DONE;
}

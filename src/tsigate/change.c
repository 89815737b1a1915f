#include "tsigate/change.h"

#include <string.h>

#include "base/guess.h"

enum {
    OPTION_FILE = 256,
};

static const struct option options[] = {
    {"file", required_argument, NULL, OPTION_FILE},
    INSTALL_OPTIONS,
};

static int read_options(struct install *install, struct change *out, int argc,
                        char **argv)
{
    for (;;) {
        int option = tool_option(install->tool, argc, argv, options, false);
        if (option == OPTION_FILE)
            out->file = optarg;
        else if (!install_take_option(install, option))
            return option;
    }
}

/* Without this a word as `key` or `from` would make a line of another meaning. */
static int check_profile(struct tool *tool, const char *profile)
{
    if (map_get(&tool->snapshot->source.profile_by_name, profile, strlen(profile)) !=
        NULL)
        return TOOL_DONE;
    struct guess guess = guess_of(profile);
    const struct acl_profile *known;
    size_t cursor = 0;
    while ((known = map_next(&tool->snapshot->source.profile_by_name, &cursor)) != NULL)
        guess_add(&guess, known->name);
    return tool_usage(tool, "there is no profile \"%s\"%s%s", profile,
                      guess_lead(&guess), guess_text(&guess));
}

int change_read(struct install *install, struct change *out, int argc, char **argv)
{
    struct tool *tool = install->tool;
    int option = read_options(install, out, argc, argv);
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind < 3)
        return tool_usage(tool, "HOST, PROFILE and NAME are wanted");
    out->host = tool_name(tool, argv[optind]);
    if (out->host.octets == NULL)
        return TOOL_USAGE;
    int code = install_want_answer(install);
    if (code == TOOL_DONE)
        code = tool_load(tool, &(struct tool_wanted){.with_keys = false});
    if (code != TOOL_DONE)
        return code;
    out->host_text = argv[optind];
    out->profile = argv[optind + 1];
    out->words = (const char *const *)argv + optind + 2;
    out->word_count = (size_t)(argc - optind - 2);
    return check_profile(tool, out->profile);
}

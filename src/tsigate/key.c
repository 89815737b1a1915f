/* tsigate key: the verbs and their options. */
#include "tsigate/key.h"

#include <stdlib.h>
#include <string.h>

#include "base/guess.h"

enum verb {
    VERB_NEW = 1,
    VERB_LIST = 2,
    VERB_ROTATE = 4,
    VERB_RETIRE = 8,
};

#define DEFAULT_DAYS 7
#define MOST_DAYS    36500

static const struct {
    const char *name;
    enum verb verb;
    const char *word; /* NULL: none */
} verbs[] = {
    {"new", VERB_NEW, "HOST"},
    {"list", VERB_LIST, NULL},
    {"rotate", VERB_ROTATE, "HOST"},
    {"retire", VERB_RETIRE, "KEY"},
};

#define VERBS (sizeof verbs / sizeof verbs[0])

/* By the val of their struct option: the verbs that take them. */
static const struct {
    int option;
    const char *name;
    unsigned verbs;
} taken_by[] = {
    {'a', "--algorithm", VERB_NEW | VERB_ROTATE},
    {'f', "--for", VERB_NEW | VERB_ROTATE},
    {'n', "--name", VERB_NEW | VERB_ROTATE},
    {'k', "--file", VERB_NEW | VERB_ROTATE},
    {'l', "--client-file", VERB_NEW | VERB_ROTATE},
    {'s', "--server", VERB_NEW | VERB_ROTATE},
    {'S', "--show-secret", VERB_NEW | VERB_ROTATE},
    {'d', "--days", VERB_RETIRE},
    {'F', "--force", VERB_RETIRE},
    {INSTALL_OPTION_YES, "--yes", VERB_ROTATE | VERB_RETIRE},
    {INSTALL_OPTION_NO_RELOAD, "--no-reload", VERB_ROTATE | VERB_RETIRE},
};

#define OPTIONS (sizeof taken_by / sizeof taken_by[0])

static const struct option options[] = {
    {"algorithm", required_argument, NULL, 'a'},
    {"for", required_argument, NULL, 'f'},
    {"name", required_argument, NULL, 'n'},
    {"file", required_argument, NULL, 'k'},
    {"client-file", required_argument, NULL, 'l'},
    {"server", required_argument, NULL, 's'},
    {"show-secret", no_argument, NULL, 'S'},
    {"days", required_argument, NULL, 'd'},
    {"force", no_argument, NULL, 'F'},
    {"yes", no_argument, NULL, INSTALL_OPTION_YES},
    {"no-reload", no_argument, NULL, INSTALL_OPTION_NO_RELOAD},
    TOOL_COMMON_OPTIONS,
};

static bool parse_days(const char *text, uint32_t *out)
{
    char *end;
    unsigned long days = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || days > MOST_DAYS)
        return false;
    *out = (uint32_t)days;
    return true;
}

static int take_option(struct tool *tool, struct key_request *request, int option)
{
    switch (option) {
    case 'a':
        request->algorithm = optarg;
        break;
    case 'f':
        request->client = optarg;
        break;
    case 'n':
        request->name = optarg;
        break;
    case 'k':
        request->file = optarg;
        break;
    case 'l':
        request->client_file = optarg;
        break;
    case 's':
        request->server = optarg;
        break;
    case 'S':
        request->shows_secret = true;
        break;
    case 'F':
        request->is_forced = true;
        break;
    default: /* 'd' */
        if (!parse_days(optarg, &request->days))
            return tool_usage(tool, "--days \"%s\": 0 to %d", optarg, MOST_DAYS);
    }
    return TOOL_DONE;
}

/* The verb's row; VERBS: none, as told. */
static size_t find_verb(const struct tool *tool, int argc, char **argv)
{
    if (argc == 0) {
        tool_usage(tool, "new, list, rotate or retire?");
        return VERBS;
    }
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, argv[0]) != 0)
            continue;
        int wanted = verbs[i].word != NULL ? 2 : 1;
        if (argc == wanted)
            return i;
        if (argc < wanted)
            tool_usage(tool, "%s wants a %s", argv[0], verbs[i].word);
        else
            tool_usage(tool, "\"%s\": one word too many", argv[wanted]);
        return VERBS;
    }
    struct guess guess = guess_of(argv[0]);
    for (size_t i = 0; i < VERBS; i++)
        guess_add(&guess, verbs[i].name);
    tool_usage(tool, "\"%s\": new, list, rotate or retire?%s%s", argv[0],
               guess_lead(&guess), guess_text(&guess));
    return VERBS;
}

/* A verb that changes the ACL. */
static int run_change(struct tool *tool, enum verb verb,
                      const struct key_request *request, struct install *install)
{
    if (tool->is_json)
        return tool_usage(tool, "--json is for new and list");
    int code = install_want_answer(install);
    if (code != TOOL_DONE)
        return code;
    return verb == VERB_ROTATE ? key_rotate(tool, request, install)
                               : key_retire(tool, request, install);
}

static int run(struct tool *tool, enum verb verb, const struct key_request *request,
               struct install *install)
{
    switch (verb) {
    case VERB_NEW:
        return key_new(tool, request);
    case VERB_LIST:
        return key_list(tool);
    case VERB_ROTATE:
    case VERB_RETIRE:
        return run_change(tool, verb, request, install);
    }
    return TOOL_USAGE;
}

/* The first option given that the verb does not take; NULL: it takes them all. */
static const char *find_wrong(unsigned given, enum verb verb)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if ((given >> i & 1) != 0 && (taken_by[i].verbs & verb) == 0)
            return taken_by[i].name;
    }
    return NULL;
}

int key_main(struct tool *tool, int argc, char **argv)
{
    struct key_request request = {.days = DEFAULT_DAYS};
    struct install install = {.tool = tool, .reloads = true};
    unsigned given = 0; /* bits: rows of taken_by */
    int option;
    while ((option = tool_option(tool, argc, argv, options, false)) >= 0) {
        for (size_t i = 0; i < OPTIONS; i++)
            given |= taken_by[i].option == option ? 1U << i : 0;
        if (!install_take_option(&install, option) &&
            take_option(tool, &request, option) != TOOL_DONE)
            return TOOL_USAGE;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    size_t row = find_verb(tool, argc - optind, argv + optind);
    if (row == VERBS)
        return TOOL_USAGE;
    const char *wrong = find_wrong(given, verbs[row].verb);
    if (wrong != NULL)
        return tool_usage(tool, "%s takes no %s", verbs[row].name, wrong);
    request.word = argv[optind + 1]; /* NULL behind the last word */
    return run(tool, verbs[row].verb, &request, &install);
}

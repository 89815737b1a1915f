/* tsigate-tlsa: a host's TLSA records. Dispatch and help; subcommands have files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/streams.h"
#include "config.h"
#include "tlsa/tool.h"

struct command {
    const char *name;
    tool_command *run;
    const char *usage;
    const char *summary;
};

static const struct command commands[] = {
    {"check", check_main,
     "tsigate-tlsa check [--starttls PROTOCOL] [--mx DOMAIN] [--srv NAME]\n"
     "                          [--file TABLE] [--resolver ADDR[:PORT]] "
     "[--ns-port N]\n"
     "                          [--ca-file FILE] [--monitor] [--json] "
     "HOST[:PORT]...",
     "whether DANE holds for live services, and for how long"},
    {"show", show_main,
     "tsigate-tlsa show [--name NAME --port PORT/PROTO...]\n"
     "                         [--usage-selector-matching U-S-M] [--json] "
     "CERT|KEY|CSR...",
     "the TLSA records of certificates, keys and requests"},
    {"scan", scan_main,
     "tsigate-tlsa scan --out FILE [--map MAPFILE] [--then COMMAND]\n"
     "                         [--usage-selector-matching U-S-M] [--json] DIR",
     "a folder of certificates becomes a zone's include"},
    {"publish", publish_main,
     "tsigate-tlsa publish --cert FILE [--wait[=SECONDS]] [--ttl N]\n"
     "                            [--usage-selector-matching U-S-M] [-k KEYFILE]\n"
     "                            [--server ADDR[:PORT]] [--resolver ADDR[:PORT]]\n"
     "                            [--json] [-c FILE] NAME PORT/PROTO...",
     "add the TLSA records of a certificate, through the gateway"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void print_help(FILE *stream)
{
    fputs("usage: tsigate-tlsa COMMAND [OPTION...]\n\n", stream);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\nAll take --json and --help. Exit: 0 done; 1 the answer is no; 2 usage;\n"
          "3 host.conf, a key or a certificate cannot be used; 4 something outside\n"
          "failed. The whole story: man tsigate-tlsa\n",
          stream);
}

static int refuse_command(const char *word)
{
    return tool_fail(TOOL_USAGE, "there is no command \"%s\" (see tsigate-tlsa --help)",
                     word);
}

static int help(const char *word)
{
    const struct command *command = word != NULL ? find_command(word) : NULL;
    if (word != NULL && command == NULL)
        return refuse_command(word);
    if (command != NULL)
        printf("usage: %s\n%s\n", command->usage, command->summary);
    else
        print_help(stdout);
    return TOOL_DONE;
}

static int run(const struct command *command, int argc, char **argv)
{
    char program[] = "tsigate-tlsa"; /* getopt's messages begin with it */
    struct tool tool = {.usage = command->usage};
    arena_init(&tool.arena, 65536, 0);
    diags_init(&tool.diags);
    argv[0] = program;
    int code = command->run(&tool, argc, argv);
    diags_fini(&tool.diags);
    arena_fini(&tool.arena);
    return code;
}

static int dispatch(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL) {
        print_help(stderr);
        return TOOL_USAGE;
    }
    if (strcmp(word, "--version") == 0) {
        puts(PACKAGE_STRING);
        return TOOL_DONE;
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    const struct command *command = find_command(word);
    if (command == NULL)
        return refuse_command(word);
    return run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    streams_begin();
    int code = dispatch(argc, argv);
    if (streams_end())
        return code;
    tool_fail(TOOL_OUTSIDE, "standard output: %s", strerror(errno));
    return code == TOOL_DONE || code == TOOL_NO ? TOOL_OUTSIDE : code;
}

/* tsigate-tlsa: a host's TLSA records. Dispatch and help; subcommands have files. */
#include <stdio.h>

#include "tlsa/tool.h"

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
    {"deploy", deploy_main,
     "tsigate-tlsa deploy [--deploy-conf FILE] [--dry-run] [--json] [NAME...]",
     "certificates to the services that use them, which are told"},
    {"publish", publish_main,
     "tsigate-tlsa publish --cert FILE [--wait[=SECONDS]] [--ttl N]\n"
     "                            [--usage-selector-matching U-S-M] [-k KEYFILE]\n"
     "                            [--server ADDR[:PORT]] [--resolver ADDR[:PORT]]\n"
     "                            [--ns-port N] [--json] [-c FILE] NAME "
     "PORT/PROTO...",
     "add the TLSA records of a certificate, through the gateway"},
    {"rollover", rollover_main,
     "tsigate-tlsa rollover [--wait | --dry-run | --status | --clean]\n"
     "                             [--lineage DIR] [--deploy-conf FILE] [-k KEYFILE]\n"
     "                             [--server ADDR[:PORT]] [--resolver ADDR[:PORT]]\n"
     "                             [--ns-port N] [--json] [-c FILE] [NAME...]",
     "new certificates to their services, and DANE holds all the time"},
};

static void help(const struct command *command)
{
    printf("usage: %s\n%s\n", command->usage, command->summary);
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

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "tsigate-tlsa",
        .commands = commands,
        .count = sizeof commands / sizeof commands[0],
        .foot =
            "All take --json and --help. Exit: 0 done; 1 the answer is no; 2 usage;\n"
            "3 a file of settings, a key or a certificate cannot be used; 4 something\n"
            "outside failed. The whole story: man tsigate-tlsa\n",
        .run = run,
        .help = help,
        .fail = tool_fail,
    };
    return program_main(&program, argc, argv);
}

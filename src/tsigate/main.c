/* tsigate: the admin's tool. Dispatch and help; each subcommand has its file. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "tsigate/help.h"
#include "tsigate/tool.h"

static const struct command commands[] = {
    {"check", check_main,
     "tsigate check [--strict] [--effective] [--without-keys] [--json] [-c FILE]",
     "configuration, keys and ACL: errors and warnings"},
    {"explain", explain_main,
     "tsigate explain [--from ADDR] [--ttl N] [--live] [--json] [-c FILE]\n"
     "                       WHO OP NAME TYPE [VALUE...]",
     "what would become of one change, and why"},
    {"who-can", who_can_main, "tsigate who-can [--json] [-c FILE] NAME [TYPE]",
     "every host, key and grant that reaches a name"},
    {"rights", rights_main, "tsigate rights [--json] [-c FILE] [HOST]",
     "all rights, one a line"},
    {"cnames", cnames_main, "tsigate cnames [--check] [--json] [-c FILE]",
     "the CNAME lines that the static zones need"},
    {"diff", diff_main, "tsigate diff [--json] [-c FILE] OLD NEW",
     "which rights two ACLs tell apart"},
    {"test", test_main, "tsigate test [--acl FILE...] [--json] [-c FILE] FILE.eval...",
     "run decision tables"},
    {"edit", edit_main, "tsigate edit [--yes] [--no-reload] [-c FILE] FILE",
     "change an ACL file: edit, check, compare, install, reload"},
    {"grant", grant_main,
     "tsigate grant [--file FILE] [--yes] [--no-reload] [-c FILE]\n"
     "                     HOST PROFILE NAME... [PORT/PROTO...] [OPTION...]",
     "give a host one right more"},
    {"revoke", revoke_main,
     "tsigate revoke [--file FILE] [--yes] [--no-reload] [-c FILE]\n"
     "                      HOST PROFILE NAME... [PORT/PROTO...]",
     "take a right from a host"},
    {"import", import_main,
     "tsigate import [--plain] [--shadow OF=AT...] [--profiles FILE] [--json]\n"
     "                      [-c FILE] --out DIR NAMED.CONF",
     "from the update-policies of a named.conf to keys and an ACL"},
    {"export", export_main, "tsigate export bind|knot [--per-right] [-c FILE]",
     "the primary's own policy: for the gateway's key, or one grant per right"},
    {"key", key_main,
     "tsigate key new HOST [--for CLIENT] [--client-file FILE] [--show-secret]\n"
     "                       [--algorithm A] [--name KEY] [--file FILE]\n"
     "                       [--server ADDR[:PORT]] [--json] [-c FILE]\n"
     "       tsigate key list [--json] [-c FILE]\n"
     "       tsigate key rotate HOST [--yes] [--no-reload] [what new takes but "
     "--json]\n"
     "       tsigate key retire KEY [--days N] [--force] [--yes] [--no-reload] [-c "
     "FILE]",
     "keys: new, list, rotate, retire"},
    {"audit", audit_main,
     "tsigate audit verify [--anchor SEQ:SHA256] [--json] [-c FILE] [FILE...]\n"
     "       tsigate audit show [--host HOST] [--name NAME] [--since TIME]\n"
     "                          [--verdict VERDICT] [--json] [-c FILE] [FILE...]\n"
     "       tsigate audit rotate [--json] [-c FILE]",
     "the audit log: is its chain whole; its lines; on to a new file"},
    {"replay", replay_main, "tsigate replay [--json] [-c FILE] AUDIT... [--acl ACL...]",
     "which past requests another ACL would judge differently"},
    {"tail", tail_main,
     "tsigate tail [--host HOST] [--name NAME] [--verdict VERDICT] [--json] [-c FILE]",
     "decisions as they happen"},
    {"status", status_main,
     "tsigate status [--host HOST | --verbose] [--json] [-c FILE]",
     "what the running tsigated is doing"},
    {"reload", reload_main, "tsigate reload [--json] [-c FILE]",
     "make the running tsigated read its files again"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void help(const struct command *command)
{
    help_print(command->name, command->usage, command->summary);
}

static int run(const struct command *command, int argc, char **argv)
{
    char program[] = "tsigate"; /* getopt's messages begin with it */
    struct tool tool = {
        .command = command->name,
        .usage = command->usage,
        .summary = command->summary,
        .conf_file = SYSCONFDIR "/tsigate.conf",
        .now_s = time(NULL),
    };
    arena_init(&tool.arena, 65536, 0);
    diags_init(&tool.diags);
    argv[0] = program;
    int code = command->run(&tool, argc, argv);
    if (tool.snapshot != NULL)
        snapshot_release(&tool.snapshot);
    diags_fini(&tool.diags);
    arena_fini(&tool.arena);
    return code;
}

/* For shells; see complete.c, which knows all words but the first. */
static int complete(int argc, char **argv)
{
    static const struct command command = {"complete", complete_main, "", ""};
    const char *current = argv[argc - 1];
    bool is_command = argc == 3 || (argc == 4 && strcmp(argv[2], "help") == 0);
    for (size_t i = 0; is_command && i < COMMANDS; i++) {
        if (strncmp(commands[i].name, current, strlen(current)) == 0)
            printf("%s\t%s\n", commands[i].name, commands[i].summary);
    }
    return is_command ? TOOL_DONE : run(&command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "tsigate",
        .commands = commands,
        .count = COMMANDS,
        .foot =
            "All take -c FILE (default: " SYSCONFDIR
            "/tsigate.conf) and --help; those\n"
            "that print data, --json.\n"
            "Exit: 0 done, permitted; 1 the answer is no; 2 usage; 3 configuration or "
            "ACL\n"
            "cannot be used; 4 something outside failed. The whole story: man "
            "tsigate\n",
        .run = run,
        .help = help,
        .fail = tool_fail,
    };
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return complete(argc, argv);
    return program_main(&program, argc, argv);
}

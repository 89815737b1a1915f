#include "tsigate/help.h"

#include <stdio.h>
#include <string.h>

#define YES                                                                            \
    {                                                                                  \
        "--yes", NULL, HELP_NONE, "do not ask"                                         \
    }
#define NO_RELOAD                                                                      \
    {                                                                                  \
        "--no-reload", NULL, HELP_NONE, "install only; the daemon is not told"         \
    }
#define INSTALL_EXITS                                                                  \
    "0 installed; 1 nothing was changed; 3, 4 nothing could be done, or it\n"          \
    "is installed and the daemon did not take it: it is said which"

#define KEY_OPTIONS                                                                    \
    {"--for", "CLIENT", HELP_CLIENT, "say what this client needs"},                    \
        {"--client-file", "FILE", HELP_FILE, "write the client's file, to be copied"}, \
        {"--show-secret", NULL, HELP_NONE, "print that file instead"},                 \
        {"--algorithm", "A", HELP_ALGORITHM, "default: hmac-sha256"},                  \
        {"--name", "KEY", HELP_TEXT, "the key's name"},                                \
        {"--file", "FILE", HELP_FILE, "the key file"},                                 \
    {                                                                                  \
        "--server", "ADDR[:PORT]", HELP_TEXT, "where the host finds the gateway"       \
    }

#define FILTERS                                                                        \
    {"--host", "HOST", HELP_HOST, "of this host only"},                                \
        {"--name", "NAME", HELP_TEXT, "with a change at or below this name"},          \
    {                                                                                  \
        "--verdict", "VERDICT", HELP_VERDICT, "permitted, refused, failed or a reason" \
    }

static const struct help helps[] = {
    {
        .command = "check",
        .options = {{"--strict", NULL, HELP_NONE, "exit 1 if there is any warning"},
                    {"--effective", NULL, HELP_NONE, "print what is in force"},
                    {"--without-keys", NULL, HELP_NONE,
                     "leave the key files out: where the secrets are not"}},
        .example = "tsigate check --strict",
        .exits = "0 in order; 1 errors, or warnings with --strict",
    },
    {
        .command = "explain",
        .words = {HELP_WHO, HELP_OPERATION, HELP_NAME, HELP_TYPE},
        .options = {{"--from", "ADDR", HELP_TEXT,
                     "the address that the request comes from"},
                    {"--ttl", "N", HELP_TEXT, "the TTL that the client asks for"},
                    {"--live", NULL, HELP_NONE, "ask the primary for the CNAME"}},
        .example = "tsigate explain mx1.duckcorp.org add \\\n"
                   "    _acme-challenge.mx1.duckcorp.org TXT",
        .exits = "0 permitted; 1 refused; 4 with --live: the primary does not answer",
    },
    {
        .command = "who-can",
        .words = {HELP_NAME, HELP_TYPE},
        .example = "tsigate who-can _25._tcp.mx1.duckcorp.org TLSA",
        .exits = "0 somebody; 1 nobody",
    },
    {
        .command = "rights",
        .words = {HELP_HOST},
        .example = "tsigate rights mx1.duckcorp.org",
        .exits = "0 done; 1 there is no such host",
    },
    {
        .command = "cnames",
        .options = {{"--check", NULL, HELP_NONE,
                     "ask the primary, print what differs"}},
        .example = "tsigate cnames --check",
        .exits =
            "0 done, nothing differs; 1 something differs; 4 the primary does not\n"
            "answer",
    },
    {
        .command = "diff",
        .words = {HELP_FILE, HELP_FILE},
        .example = "git show origin/main:acl/site.acl | tsigate diff - acl/site.acl",
        .exits = "0 no difference; 1 they differ",
    },
    {
        .command = "test",
        .words = {HELP_FILE},
        .repeats = true,
        .options = {{"--acl", "FILE...", HELP_FILE,
                     "these ACL files instead of the configuration's"}},
        .example = "tsigate test /etc/tsigate/acl/*.eval",
        .exits = "0 every line comes out as it says; 1 some do not",
    },
    {
        .command = "edit",
        .words = {HELP_FILE},
        .options = {YES, NO_RELOAD},
        .example = "tsigate edit /etc/tsigate/acl/site.acl",
        .exits = INSTALL_EXITS,
    },
    {
        .command = "import",
        .words = {HELP_FILE},
        .options = {{"--out", "DIR", HELP_FILE, "the folder to make"},
                    {"--shadow", "OF=AT", HELP_TEXT,
                     "what is written below AT stands in for names below OF"},
                    {"--plain", NULL, HELP_NONE, "no stock profiles: rights as BIND's"},
                    {"--profiles", "FILE", HELP_FILE,
                     "the stock profiles, where tsigate is not installed"}},
        .example = "tsigate import --shadow duckcorp.org=_kage.duckcorp.org \\\n"
                   "    --out /etc/tsigate.new /etc/bind/named.conf",
        .exits = "0 all rules were carried over; 1 some were not, or in part; 4 no\n"
                 "named-checkconf, or DIR cannot be written",
    },
    {
        .command = "export",
        .words = {HELP_TARGET},
        .options = {{"--per-right", NULL, HELP_NONE,
                     "for the hosts' keys, one grant per right"}},
        .example = "tsigate export bind",
        .exits = "0 done",
    },
    {
        .command = "grant",
        .words = {HELP_HOST, HELP_PROFILE, HELP_HOST},
        .repeats = true,
        .options = {{"--file", "FILE", HELP_FILE, "the ACL file that gets the line"},
                    YES,
                    NO_RELOAD},
        .example =
            "tsigate grant mx1.duckcorp.org acme smtp.duckcorp.org\n"
            "tsigate grant mx1.duckcorp.org tlsa mx1.duckcorp.org 25/tcp ttl=60..300",
        .exits = INSTALL_EXITS,
    },
    {
        .command = "revoke",
        .words = {HELP_HOST, HELP_PROFILE, HELP_HOST},
        .repeats = true,
        .options = {{"--file", "FILE", HELP_FILE, "the ACL file that has the line"},
                    YES,
                    NO_RELOAD},
        .example = "tsigate revoke mx1.duckcorp.org acme smtp.duckcorp.org",
        .exits = INSTALL_EXITS,
    },
    {
        .command = "key new",
        .words = {HELP_HOST},
        .options = {KEY_OPTIONS},
        .example = "tsigate key new mx3.duckcorp.org --for certbot \\\n"
                   "    --client-file /root/mx3.ini",
        .exits = "0 the key file is written; 4 it could not be",
    },
    {
        .command = "key list",
        .example = "tsigate key list",
        .exits = "0 done",
    },
    {
        .command = "key rotate",
        .words = {HELP_HOST},
        .options = {KEY_OPTIONS, YES, NO_RELOAD},
        .example = "tsigate key rotate mx1.duckcorp.org --for nsupdate \\\n"
                   "    --client-file /root/mx1.key",
        .exits = INSTALL_EXITS,
    },
    {
        .command = "key retire",
        .words = {HELP_KEY},
        .options = {{"--days", "N", HELP_TEXT,
                     "refuse if it was used within N (7) days"},
                    {"--force", NULL, HELP_NONE, "even if it is or may be in use"},
                    YES,
                    NO_RELOAD},
        .example = "tsigate key retire mx1.duckcorp.org",
        .exits = "0 it is gone; 1 it may be in use, or nothing was changed",
    },
    {
        .command = "audit verify",
        .words = {HELP_FILE},
        .repeats = true,
        .options = {{"--anchor", "SEQ:SHA256", HELP_TEXT,
                     "the end of the last run's output"}},
        .example = "tsigate audit verify /var/log/tsigate/audit.jsonl",
        .exits = "0 the chain is whole; 1 it is broken; 4 a file cannot be read",
    },
    {
        .command = "audit show",
        .words = {HELP_FILE},
        .repeats = true,
        .options = {FILTERS,
                    {"--since", "TIME", HELP_TEXT,
                     "so long ago (2h, 7d), a day (2026-11-25) or a time, UTC"}},
        .example = "tsigate audit show --since 2h --verdict refused",
        .exits = "0 done; 4 a file cannot be read",
    },
    {
        .command = "audit rotate",
        .example = "tsigate audit rotate",
        .exits = "0 done; 4 no daemon is running, or it could not",
    },
    {
        .command = "replay",
        .words = {HELP_FILE},
        .repeats = true,
        .options = {{"--acl", "ACL...", HELP_FILE,
                     "the other ACL: files or a folder; default: the configuration's"}},
        .example = "tsigate replay /var/log/tsigate/audit.jsonl --acl ~/acl",
        .exits = "0 every request would be judged alike; 1 some would not; 4 a file\n"
                 "cannot be read",
    },
    {
        .command = "tail",
        .options = {FILTERS},
        .example = "tsigate tail --host mx1.duckcorp.org",
        .exits = "0 ended by the reader; 4 no daemon is running, or it went away",
    },
    {
        .command = "status",
        .options = {{"--host", "HOST", HELP_HOST, "the keys of this host alone"},
                    {"--verbose", NULL, HELP_NONE, "all that the daemon counts"}},
        .example = "tsigate status",
        .exits = "0 done; 1 there is no such host; 4 no daemon is running",
    },
    {
        .command = "reload",
        .example = "tsigate reload",
        .exits =
            "0 the files are in force; 3 refused, all stays as it was; 4 no daemon\n"
            "is running",
    },
};

#define HELPS (sizeof helps / sizeof helps[0])

const struct help *help_next(const struct help *help)
{
    if (help == NULL)
        return helps;
    return help + 1 < helps + HELPS ? help + 1 : NULL;
}

/* "key new" is of key. */
static bool is_of(const struct help *help, const char *command)
{
    size_t len = strlen(command);
    return strncmp(help->command, command, len) == 0 &&
           (help->command[len] == '\0' || help->command[len] == ' ');
}

const struct help *help_find(const char *command, const char *verb)
{
    size_t len = strlen(command);
    for (const struct help *help = helps; help < helps + HELPS; help++) {
        if (!is_of(help, command))
            continue;
        if (help->command[len] == '\0' ||
            (verb != NULL && strcmp(help->command + len + 1, verb) == 0))
            return help;
    }
    return NULL;
}

/* ---- help ---- */

/* Lines of text with a label before the first. */
static void print_block(const char *label, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        printf("  %-8s %.*s\n", label, (int)len, text);
        text += len + (text[len] == '\n');
        label = "";
    }
}

static void print_option(const struct help_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", option->name,
             option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    printf("  %-22s %s\n", left, option->meaning);
}

static void print_one(const struct help *help)
{
    printf("\ntsigate %s:\n", help->command);
    for (size_t i = 0; i < HELP_OPTIONS_MAX && help->options[i].name != NULL; i++)
        print_option(&help->options[i]);
    print_block("example", help->example);
    print_block("exit", help->exits);
}

void help_print(const char *command, const char *usage, const char *summary)
{
    printf("usage: %s\n%s\n", usage, summary);
    for (const struct help *help = helps; help < helps + HELPS; help++) {
        if (is_of(help, command))
            print_one(help);
    }
    printf("\nAs ever: --json for programs (where data is printed), -c FILE the\n"
           "configuration (default: " SYSCONFDIR "/tsigate.conf); exit 2 usage,\n"
           "3 configuration or ACL cannot be used. The whole story: man tsigate\n");
}

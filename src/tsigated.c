/*
 * tsigated: the gateway. Floor 5: arguments, and the order of the start.
 *
 * Exit codes: 0 ended as asked; 2 usage; 3 the configuration cannot be used, and no
 * listener was opened; 4 something outside failed.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "net/daemon.h"
#include "net/load.h"
#include "net/logger.h"
#include "net/privs.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_USAGE = 2,
    EXIT_CONFIG = 3,
    EXIT_OUTSIDE = 4,
};

/* Descriptors beside client connections: listeners, links, files, and some air. */
#define SPARE_DESCRIPTORS 128

static void print_usage(FILE *to)
{
    (void)fprintf(
        to,
        "usage: tsigated [-c FILE]\n"
        "The gateway for DNS UPDATE, in the foreground; it logs to stderr.\n\n"
        "  -c FILE      configuration (%s/tsigate.conf)\n"
        "  --help       this text\n"
        "  --version    the version\n\n"
        "SIGHUP reloads, SIGTERM ends. To check a configuration: tsigate "
        "check -c FILE\n",
        SYSCONFDIR);
}

/* True: go on with *out_file. */
static bool read_arguments(int argc, char **argv, const char **out_file,
                           enum exit_code *out_code)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int option;

    *out_code = EXIT_DONE;
    while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            *out_file = optarg;
            break;
        case 'h':
            print_usage(stdout);
            return false;
        case 'V':
            (void)printf("tsigated %s\n", PACKAGE_VERSION);
            return false;
        default:
            *out_code = EXIT_USAGE;
            print_usage(stderr);
            return false;
        }
    }
    if (optind == argc)
        return true;
    (void)fprintf(stderr, "tsigated: '%s' is too much\n", argv[optind]);
    *out_code = EXIT_USAGE;
    return false;
}

/* Only root has somebody to become, and only then is the file read before that. */
static enum exit_code find_user(const char *file, struct privs *privs)
{
    struct load load = {.file = file, .settings_only = true};

    if (geteuid() != 0)
        return privs_find(NULL, privs) == RES_OK ? EXIT_DONE : EXIT_CONFIG;
    load_run(&load);
    if (load.result != RES_OK)
        logger_diags(&load.diags);
    enum exit_code code = load.result == RES_OK ? EXIT_DONE : EXIT_CONFIG;
    const char *user = load.snapshot == NULL ? NULL : load.snapshot->settings.user;
    if (code == EXIT_DONE && privs_find(user, privs) != RES_OK) {
        logger_printf(LEVEL_ERROR, "%s: there is no user '%s'", file, user);
        code = EXIT_CONFIG;
    }
    load_fini(&load);
    return code;
}

static enum exit_code privileges_failed(void)
{
    logger_printf(LEVEL_ERROR, "cannot change privileges: %s", strerror(errno));
    return EXIT_OUTSIDE;
}

static enum exit_code run(struct daemon *daemon, const struct privs *privs)
{
    privs_harden(); /* before there is a secret in memory */
    if (privs_assume(privs) != RES_OK)
        return privileges_failed();
    enum result loaded = daemon_load(daemon);
    if (privs_resume(privs) != RES_OK)
        return privileges_failed();
    if (loaded != RES_OK)
        return EXIT_CONFIG;
    privs_raise_descriptors(daemon_settings(daemon)->limits.tcp_connections +
                            SPARE_DESCRIPTORS);
    privs_allow_equal_threads();
    if (daemon_bind(daemon) != RES_OK)
        return EXIT_OUTSIDE;
    if (privs_drop(privs) != RES_OK)
        return privileges_failed();
    if (daemon_open(daemon) != RES_OK || daemon_run(daemon) != RES_OK)
        return EXIT_OUTSIDE;
    return EXIT_DONE;
}

/* Large pieces go back to the system when a snapshot goes. Left to itself malloc raises
 * the bound with each that is freed, and keeps what a reload has used. */
#define LARGE_OCTETS (256 * 1024)

int main(int argc, char **argv)
{
    const char *file = SYSCONFDIR "/tsigate.conf";
    enum exit_code code;
    struct privs privs;

    if (!read_arguments(argc, argv, &file, &code))
        return (int)code;
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_OCTETS);
    code = find_user(file, &privs);
    if (code != EXIT_DONE)
        return (int)code;
    struct daemon *daemon = daemon_new(file);
    if (daemon == NULL) {
        logger_write(LEVEL_ERROR, "no memory");
        return EXIT_OUTSIDE;
    }
    code = run(daemon, &privs);
    daemon_free(&daemon);
    return (int)code;
}

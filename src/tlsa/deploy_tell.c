#include "tlsa/deploy_tell.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/deadline.h"
#include "tlsa/child.h"
#include "tlsa/probe.h"
#include "tlsa/route.h"

#define PROBE_PAUSE_MS 300
#define ADDRESSES_MAX  64
/* One line, and what some write behind it. */
#define PID_FILE_OCTETS 4096
/* systemctl(1), status: it is known, and not running. Of one that nobody knows
 * is-active says the same, and a mistyped name would count as a service at rest. */
#define SYSTEMCTL_NOT_RUNNING 3

PRINTF(2, 3)
static enum deploy_told say(char why[static DEPLOY_WHY_OCTETS], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, DEPLOY_WHY_OCTETS, format, args);
    va_end(args);
    return DEPLOY_TOLD_FAILED;
}

/* ---- programs ---- */

static enum deploy_told run_and_judge(const char *const argv[], const char *text,
                                      uint32_t timeout_s,
                                      char why[static DEPLOY_WHY_OCTETS])
{
    int status = child_run(argv, timeout_s);
    if (status == 0)
        return DEPLOY_TOLD;
    if (status < 0 && errno == ETIMEDOUT)
        return say(why, "\"%s\" did not end in %u s", text, timeout_s);
    if (status < 0)
        return say(why, "%s: %s", argv[0], strerror(errno));
    if (status > 128 && status < 128 + NSIG)
        return say(why, "\"%s\" was killed by signal %d", text, status - 128);
    return say(why, "\"%s\" failed with exit status %d", text, status);
}

/* How it is, once it is not just starting: it may have read the old files by then, and
 * would not hear of the new ones. systemd lets a reload that comes meanwhile pass as
 * the start that is under way. */
static const char unit_status[] =
    "until systemctl status --lines=0 -- \"$1\" >/dev/null 2>&1; do "
    "status=$?; "
    "case $(systemctl show -p SubState --value -- \"$1\" 2>/dev/null) in "
    "start*) sleep 1 ;; *) exit $status ;; "
    "esac; done";

static enum deploy_told call_systemctl(const struct deployment_tell *tell,
                                       const char *verb, const char *unit,
                                       bool is_lenient,
                                       char why[static DEPLOY_WHY_OCTETS])
{
    const char *const asks[] = {"/bin/sh", "-c", unit_status, "-", unit, NULL};
    const char *const tells[] = {"systemctl", verb, "--", unit, NULL};
    char text[256];
    if (is_lenient && child_run(asks, tell->timeout_s) == SYSTEMCTL_NOT_RUNNING) {
        (void)say(why, "%s is not running", unit);
        return DEPLOY_TOLD_NOBODY;
    }
    snprintf(text, sizeof text, "systemctl %s %s", verb, unit);
    return run_and_judge(tells, text, tell->timeout_s, why);
}

static enum deploy_told run_command(const struct deployment_tell *tell,
                                    char why[static DEPLOY_WHY_OCTETS])
{
    const char *const argv[] = {"/bin/sh", "-c", tell->command, NULL};
    return run_and_judge(argv, tell->command, tell->timeout_s, why);
}

/* ---- signals ---- */

/* 0: there is none; what else stands there is no process of a service's. */
static pid_t parse_pid(const char *text)
{
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    /* Postfix fills its line with blanks to 32 columns. */
    end += strspn(end, " \t\r");
    bool is_pid =
        errno == 0 && (*end == '\0' || *end == '\n') && pid > 1 && pid <= INT32_MAX;
    return is_pid ? (pid_t)pid : 0;
}

/* It is the service's to write: no FIFO may hold us up, no wrong word be told. */
static pid_t read_pid(const char *path)
{
    struct file_text text;
    struct diags diags;
    const struct place place = {.file = NULL};
    diags_init(&diags);
    enum result result = file_read(path, PID_FILE_OCTETS, place, &diags, &text);
    pid_t pid = result == RES_OK ? parse_pid(text.chars) : 0;
    file_text_free(&text);
    diags_fini(&diags);
    return pid;
}

static enum deploy_told send_signal(const struct deployment_tell *tell, bool is_lenient,
                                    char why[static DEPLOY_WHY_OCTETS])
{
    pid_t pid = read_pid(tell->pid_file);
    if (pid > 0 && kill(pid, tell->signal) == 0)
        return DEPLOY_TOLD;
    if (pid > 0 && errno != ESRCH)
        return say(why, "SIG%s to process %ld of %s: %s", tell->signal_word, (long)pid,
                   tell->pid_file, strerror(errno));
    (void)say(why, "%s names no running process", tell->pid_file);
    return is_lenient ? DEPLOY_TOLD_NOBODY : DEPLOY_TOLD_FAILED;
}

enum deploy_told deploy_tell(const struct deployment_tell *tell, bool is_lenient,
                             char why[static DEPLOY_WHY_OCTETS])
{
    switch (tell->how) {
    case DEPLOYMENT_TELL_NOBODY:
        return DEPLOY_TOLD;
    case DEPLOYMENT_TELL_RELOAD:
        return call_systemctl(tell, "reload", tell->reload, is_lenient, why);
    case DEPLOYMENT_TELL_RESTART:
        return call_systemctl(tell, "restart", tell->restart, is_lenient, why);
    case DEPLOYMENT_TELL_SIGNAL:
        return send_signal(tell, is_lenient, why);
    case DEPLOYMENT_TELL_COMMAND:
        return run_command(tell, why);
    }
    return say(why, "an unknown way to tell");
}

const char *deploy_tell_text(const struct deployment_tell *tell, struct arena *arena)
{
    switch (tell->how) {
    case DEPLOYMENT_TELL_NOBODY:
        return "tell nobody";
    case DEPLOYMENT_TELL_RELOAD:
        return arena_printf(arena, "reload %s", tell->reload);
    case DEPLOYMENT_TELL_RESTART:
        return arena_printf(arena, "restart %s", tell->restart);
    case DEPLOYMENT_TELL_SIGNAL:
        return arena_printf(arena, "send SIG%s to the process in %s", tell->signal_word,
                            tell->pid_file);
    case DEPLOYMENT_TELL_COMMAND:
        return arena_printf(arena, "run \"%s\"", tell->command);
    }
    return NULL;
}

/* ---- what is presented afterwards ---- */

/* Which name to ask for at a bare address: the certificate's first that is one. */
static const char *first_name(X509 *certificate, struct arena *arena)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const char *found = NULL;
    for (int i = 0; found == NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        size_t len = (size_t)ASN1_STRING_length(name->d.dNSName);
        if (len > 0 && text[0] != '*' && memchr(text, '\0', len) == NULL)
            found = arena_string_n(arena, text, len);
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* What a consumer's probes share. */
struct watch {
    struct arena *arena;
    X509 *certificate;
    const struct tlsa_records *records;
    struct deadline deadline;
    char *why; /* DEPLOY_WHY_OCTETS */
};

static bool see_address(const struct watch *watch, const struct probe *probe,
                        const char *text)
{
    const struct timespec pause = {.tv_nsec = PROBE_PAUSE_MS * 1000000L};
    struct probe_outcome outcome;
    char address[ADDR_TEXT_OCTETS];
    for (;;) {
        probe_run(probe, watch->arena, &outcome);
        if (outcome.view == PROBE_HOLDS)
            return true;
        if (deadline_left_ms(watch->deadline) == 0)
            break;
        (void)nanosleep(&pause, NULL);
    }
    (void)say(watch->why, "%s at %s: %s", text,
              addr_format_port(&probe->address, address), outcome.why);
    return false;
}

/* How many; *out_error: what getaddrinfo says. */
static size_t find_addresses(const struct deployment_probe *wanted,
                             struct addr out[static ADDRESSES_MAX], int *out_error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    size_t count = 0;
    *out_error = getaddrinfo(wanted->host, NULL, &hints, &all);
    if (*out_error != 0)
        return 0;
    for (const struct addrinfo *at = all; at != NULL && count < ADDRESSES_MAX;
         at = at->ai_next) {
        out[count] = addr_from_sockaddr(at->ai_addr);
        out[count++].port = wanted->port;
    }
    freeaddrinfo(all);
    return route_sort(out, count);
}

/* At every address of its host. */
static bool see_service(const struct watch *watch,
                        const struct deployment_probe *wanted)
{
    struct addr addresses[ADDRESSES_MAX];
    struct probe probe = {
        .host = wanted->host,
        .starttls = wanted->starttls,
        .expected = watch->certificate,
        .records = watch->records->array,
        .count = watch->records->count,
    };
    struct addr literal;
    bool is_seen = true;
    int error;
    if (addr_parse(wanted->host, &literal) == RES_OK)
        probe.host = first_name(watch->certificate, watch->arena);
    size_t count = find_addresses(wanted, addresses, &error);
    if (error != 0) {
        (void)say(watch->why, "%s: %s", wanted->text, gai_strerror(error));
        return false;
    }
    for (size_t i = 0; is_seen && i < count; i++) {
        probe.address = addresses[i];
        is_seen = see_address(watch, &probe, wanted->text);
    }
    return is_seen;
}

bool deploy_probe(const struct deployment_consumer *consumer,
                  const struct material *material, const struct tlsa_records *records,
                  struct arena *arena, char why[static DEPLOY_WHY_OCTETS])
{
    static const struct tlsa_records none = {.count = 0};
    const struct watch watch = {
        .arena = arena,
        .certificate = material->certificate.certificates[0],
        .records = records != NULL ? records : &none,
        .deadline = deadline_in((int64_t)consumer->probe_s * 1000),
        .why = why,
    };
    bool is_seen = true;
    for (size_t i = 0; is_seen && i < consumer->probe_count; i++)
        is_seen = see_service(&watch, &consumer->probes[i]);
    return is_seen;
}

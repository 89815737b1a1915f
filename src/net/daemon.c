#include "net/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/timestamp.h"
#include "config.h"
#include "net/aside.h"
#include "net/audit.h"
#include "net/clock.h"
#include "net/control.h"
#include "net/listen_tcp.h"
#include "net/listen_udp.h"
#include "net/load.h"
#include "net/logger.h"
#include "net/notify.h"
#include "net/random.h"
#include "net/retire.h"
#include "net/rotate.h"
#include "net/running.h"
#include "net/upstream.h"
#include "txn/txn.h"

/* F-5 answers everybody within 2.5 s; then the answers have to leave. */
#define DRAIN_MS 4000
/* How long clients wait at most for the zones' SOA records to come from the primary. */
#define WARM_MS 1000
#define SIGNALS 4

struct reload {
    struct errand errand;
    struct load load; /* the thread's while is_running */
    bool is_running;
    uint64_t number; /* of the one that runs, or ran last */
    uint64_t wanted; /* > number: once more, files may have changed meanwhile */
    bool is_stale;   /* the last one was refused */
};

struct daemon {
    const char *file; /* the caller's */
    struct snapshot *snapshot;
    struct aside *aside;           /* loads snapshots, and frees them */
    struct settings_limits limits; /* in force; the parts look here */
    struct running running;
    struct random_pool random;
    struct txn_journal journal;
    struct reload reload;

    uv_loop_t loop;
    bool has_loop;
    uv_prepare_t prepare;
    uv_timer_t wake;
    int64_t wake_us; /* what wake is set to; 0: to nothing */
    uv_timer_t warm;
    uv_timer_t drain;
    uv_signal_t signals[SIGNALS];
    bool is_listening;
    bool is_draining;
    enum result result; /* of the run */

    struct txns *txns;
    struct listen_udp *udp;
    struct listen_tcp *tcp;
    struct upstream *upstream;
    struct audit *audit;
    struct control *control;
};

/* ---- what txn.h asks of us ---- */

static void send_client(void *arg, const struct txn_client *client,
                        const uint8_t *octets, size_t len)
{
    struct daemon *daemon = arg;

    switch (client->transport) {
    case TRANSPORT_UDP:
        listen_udp_send(daemon->udp, client, octets, len);
        return;
    case TRANSPORT_TCP:
        listen_tcp_send(daemon->tcp, client, octets, len);
        return;
    }
}

static enum result send_primary(void *arg, enum txn_link link, const uint8_t *octets,
                                size_t len)
{
    return upstream_send(((struct daemon *)arg)->upstream, link, octets, len);
}

static void close_primary(void *arg, enum txn_link link, const char *why)
{
    upstream_reconnect(((struct daemon *)arg)->upstream, link, why);
}

static enum result write_audit(void *arg, const uint8_t *lines, size_t len)
{
    struct daemon *daemon = arg;
    enum result res = audit_write(daemon->audit, lines, len);

    if (res == RES_OK)
        control_tail(daemon->control, lines, len);
    return res;
}

static void sync_audit(void *arg, uint64_t token)
{
    audit_sync(((struct daemon *)arg)->audit, token);
}

static uint16_t random_id(void *arg)
{
    return random_pool_u16(&((struct daemon *)arg)->random);
}

static void write_log(void *arg, enum txn_level level, const char *line)
{
    (void)arg;
    logger_write(level, line);
}

/* ---- reload ---- */

static void run_load(void *arg)
{
    load_run(&((struct daemon *)arg)->reload.load);
}

/* O-6: from here on no request is judged by the old snapshot. */
static void adopt(struct daemon *daemon, struct load *load)
{
    struct snapshot *snapshot = load->snapshot;
    const struct settings *settings = &snapshot->settings;

    load->snapshot = NULL;
    retire_beside_loop(daemon->snapshot, daemon->aside);
    txns_set_snapshot(daemon->txns, snapshot, clock_now());
    snapshot_release(&daemon->snapshot);
    daemon->snapshot = snapshot;
    daemon->limits = settings->limits;
    running_compare(&daemon->running, settings, &load->diags);
    if (upstream_set_servers(daemon->upstream, settings) != RES_OK)
        diags_warn(&load->diags, (struct place){.file = settings->file}, "no-memory",
                   "the old upstream servers stay: no memory");
}

static void answer_reload(struct daemon *daemon, const struct load *load)
{
    static const char failed[] = "{\"ok\":false,\"errors\":[\"no memory\"]}";
    struct writer w;

    if (load_answer(load, daemon->snapshot->generation, &w) != RES_OK) {
        control_reloaded(daemon->control, daemon->reload.number, failed,
                         sizeof(failed) - 1);
        return;
    }
    control_reloaded(daemon->control, daemon->reload.number, (const char *)w.octets,
                     w.len);
    free(w.octets);
}

static void start_reload(struct daemon *daemon);

static void on_loaded(void *arg)
{
    struct daemon *daemon = arg;
    struct reload *reload = &daemon->reload;
    struct load *load = &reload->load;

    reload->is_running = false;
    if (daemon->is_draining) {
        load_fini(load);
        return;
    }
    reload->is_stale = load->result != RES_OK;
    if (!reload->is_stale)
        adopt(daemon, load);
    running_note_reload(&daemon->running, &load->diags, reload->is_stale,
                        clock_now().real_us / 1000000);
    logger_diags(&load->diags);
    logger_printf(reload->is_stale ? LEVEL_ERROR : LEVEL_NOTICE,
                  "reload %s generation=%llu errors=%zu warnings=%zu",
                  reload->is_stale ? "refused, the old one stays:" : "done:",
                  (unsigned long long)daemon->snapshot->generation, load->diags.errors,
                  load->diags.warnings);
    answer_reload(daemon, load);
    load_fini(load);
    if (reload->wanted > reload->number)
        start_reload(daemon);
}

static void start_reload(struct daemon *daemon)
{
    struct reload *reload = &daemon->reload;

    reload->number++;
    reload->wanted = reload->number;
    reload->is_running = true;
    reload->load = (struct load){.file = daemon->file,
                                 .generation = daemon->snapshot->generation + 1};
    reload->errand = (struct errand){run_load, on_loaded, daemon};
    aside_run(daemon->aside, &reload->errand);
}

/* One at a time. Who asks while one runs gets the next one: this one may have read the
 * file before it was changed. */
static uint64_t want_reload(struct daemon *daemon)
{
    struct reload *reload = &daemon->reload;

    if (reload->is_running)
        reload->wanted = reload->number + 1;
    else
        start_reload(daemon);
    return reload->wanted;
}

/* ---- the control socket ---- */

static void write_status(void *arg, struct json *json)
{
    const struct daemon *daemon = arg;
    char loaded[TIMESTAMP_TEXT_OCTETS];

    json_bool(json, "ok", true);
    json_string(json, "version", PACKAGE_VERSION);
    json_number(json, "pid", getpid());
    json_number(json, "generation", (int64_t)daemon->snapshot->generation);
    json_string(json, "loaded", timestamp_format(daemon->snapshot->loaded_s, loaded));
    json_string(json, "config", daemon->snapshot->settings.file);
    json_bool(json, "config_stale", daemon->reload.is_stale);
    running_status(&daemon->running, json);
    listen_tcp_status(daemon->tcp, json);
    upstream_status(daemon->upstream, json);
    audit_status(daemon->audit, json);
    txns_status(daemon->txns, json, clock_now());
}

static bool write_keys(void *arg, struct key_walk *walk, struct json *json)
{
    const struct daemon *daemon = arg;

    return txns_status_keys(daemon->txns, walk, json);
}

static uint64_t reload_for_control(void *arg)
{
    return want_reload(arg);
}

static void rotate(void *arg, struct writer *w)
{
    struct daemon *daemon = arg;

    rotate_audit(daemon->audit, daemon->txns, w);
}

/* ---- the start ---- */

struct daemon *daemon_new(const char *file)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));

    if (daemon == NULL)
        return NULL;
    const struct control_ports ports = {daemon, write_status, write_keys,
                                        reload_for_control, rotate};
    daemon->file = file;
    daemon->udp = listen_udp_new(&daemon->limits);
    daemon->tcp = listen_tcp_new(&daemon->limits);
    daemon->upstream = upstream_new(&daemon->random);
    daemon->control = control_new(&daemon->limits, &ports);
    if (daemon->udp == NULL || daemon->tcp == NULL || daemon->upstream == NULL ||
        daemon->control == NULL)
        daemon_free(&daemon);
    return daemon;
}

enum result daemon_load(struct daemon *daemon)
{
    struct load load = {.file = daemon->file, .generation = 1};

    load_run(&load);
    logger_diags(&load.diags);
    enum result res = load.result;
    if (res == RES_OK) {
        daemon->snapshot = load.snapshot;
        load.snapshot = NULL;
        daemon->limits = daemon->snapshot->settings.limits;
        res = running_init(&daemon->running, &daemon->snapshot->settings);
    }
    load_fini(&load);
    if (res != RES_OK)
        logger_printf(LEVEL_ERROR, "%s cannot be used", daemon->file);
    return res;
}

const struct settings *daemon_settings(const struct daemon *daemon)
{
    return &daemon->snapshot->settings;
}

enum result daemon_bind(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->running.listen_count; i++) {
        const struct addr *addr = &daemon->running.listen[i];
        char text[ADDR_TEXT_OCTETS];
        enum result res = listen_udp_bind(daemon->udp, addr);
        if (res == RES_OK)
            res = listen_tcp_bind(daemon->tcp, addr);
        if (res == RES_OK)
            continue;
        logger_printf(LEVEL_ERROR, "cannot listen on %s: %s%s",
                      addr_format_port(addr, text),
                      res == RES_EMEM ? "no memory" : strerror(errno),
                      res == RES_EIO && errno == EACCES
                          ? ": start as root with `user`, or with CAP_NET_BIND_SERVICE"
                          : "");
        return res;
    }
    return RES_OK;
}

enum result daemon_open(struct daemon *daemon)
{
    const char *path = daemon->running.control;
    enum result res =
        audit_open(daemon->running.audit_file, daemon_settings(daemon)->max_fudge_s,
                   clock_now(), &daemon->audit, &daemon->journal);

    if (res != RES_OK || path == NULL)
        return res;
    res = control_bind(daemon->control, path);
    if (res != RES_OK)
        logger_printf(LEVEL_ERROR, "control socket %s: %s", path,
                      res == RES_EEXISTS ? "another tsigated answers there"
                                         : strerror(errno));
    return res;
}

/* ---- the loop ---- */

static void on_wake(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;

    daemon->wake_us = 0;
    txn_on_time(daemon->txns, clock_now());
}

static void set_wake(struct daemon *daemon)
{
    int64_t wake_us = txns_wake_us(daemon->txns);

    if (wake_us == daemon->wake_us)
        return;
    daemon->wake_us = wake_us;
    if (wake_us == INT64_MAX) {
        (void)uv_timer_stop(&daemon->wake);
        return;
    }
    int64_t left_us = wake_us - clock_now().mono_us;
    uint64_t left_ms = left_us <= 0 ? 0 : (uint64_t)(left_us + 999) / 1000;
    (void)uv_timer_start(&daemon->wake, on_wake, left_ms, 0);
}

static void say_ready(const struct daemon *daemon)
{
    char line[2048];
    struct writer w = writer_of((uint8_t *)line, sizeof(line) - 1);
    char text[ADDR_TEXT_OCTETS];

    writer_printf(&w, "ready, version %s, generation %llu, listening on",
                  PACKAGE_VERSION, (unsigned long long)daemon->snapshot->generation);
    for (size_t i = 0; i < daemon->running.listen_count; i++)
        writer_printf(&w, " %s", addr_format_port(&daemon->running.listen[i], text));
    line[w.len] = '\0';
    logger_write(LEVEL_NOTICE, line);
    notify_state("READY=1");
}

/* Once the zones are known, so that nobody who asks right after a restart hears
 * SERVFAIL; or when that takes too long. */
static void start_listening(struct daemon *daemon)
{
    daemon->is_listening = true;
    (void)uv_timer_stop(&daemon->warm);
    daemon->result = listen_udp_start(daemon->udp, &daemon->loop, daemon->txns);
    if (daemon->result == RES_OK)
        daemon->result = listen_tcp_start(daemon->tcp, &daemon->loop, daemon->txns);
    if (daemon->result == RES_OK) {
        say_ready(daemon);
        return;
    }
    logger_printf(LEVEL_ERROR, "cannot listen: %s", strerror(errno));
    uv_stop(&daemon->loop);
}

static void on_warm_over(uv_timer_t *timer)
{
    start_listening(timer->data);
}

/* Before the loop sleeps, whatever has happened: replies leave, connections go on, the
 * one timer is set. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct daemon *daemon = prepare->data;

    listen_tcp_resume(daemon->tcp);
    listen_udp_flush(daemon->udp);
    control_flush(daemon->control);
    set_wake(daemon);
    if (!daemon->is_listening && !daemon->is_draining && txns_is_warm(daemon->txns))
        start_listening(daemon);
    if (daemon->is_draining && txns_is_idle(daemon->txns) &&
        listen_tcp_count(daemon->tcp) == 0)
        uv_stop(&daemon->loop);
}

static void on_drain_over(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;

    logger_write(LEVEL_WARNING, "ending with requests that have no answer yet");
    uv_stop(&daemon->loop);
}

static void start_drain(struct daemon *daemon, int signal)
{
    if (daemon->is_draining) {
        uv_stop(&daemon->loop); /* asked twice: at once */
        return;
    }
    logger_printf(LEVEL_NOTICE, "%s: ending", strsignal(signal));
    notify_state("STOPPING=1");
    daemon->is_draining = true;
    (void)uv_timer_stop(&daemon->warm);
    txns_drain(daemon->txns);
    listen_udp_stop(daemon->udp);
    listen_tcp_drain(daemon->tcp);
    (void)uv_timer_start(&daemon->drain, on_drain_over, DRAIN_MS, 0);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct daemon *daemon = handle->data;

    if (signal == SIGUSR1)
        rotate(daemon, &(struct writer){.failed = true});
    else if (signal != SIGHUP)
        start_drain(daemon, signal);
    else if (!daemon->is_draining)
        (void)want_reload(daemon);
}

static int init_signals(struct daemon *daemon)
{
    static const int numbers[SIGNALS] = {SIGHUP, SIGUSR1, SIGINT, SIGTERM};

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        int error = uv_signal_init(&daemon->loop, &daemon->signals[i]);
        if (error != 0)
            return error;
        daemon->signals[i].data = daemon;
        error = uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
        if (error != 0)
            return error;
    }
    return 0;
}

static enum result init_loop(struct daemon *daemon)
{
    if (uv_loop_init(&daemon->loop) != 0)
        return RES_EIO;
    daemon->has_loop = true;
    (void)uv_timer_init(&daemon->loop, &daemon->wake); /* these only set fields */
    (void)uv_timer_init(&daemon->loop, &daemon->warm);
    (void)uv_timer_init(&daemon->loop, &daemon->drain);
    (void)uv_prepare_init(&daemon->loop, &daemon->prepare);
    daemon->wake.data = daemon->warm.data = daemon->drain.data = daemon;
    daemon->prepare.data = daemon;
    (void)uv_prepare_start(&daemon->prepare, on_prepare);
    (void)uv_timer_start(&daemon->warm, on_warm_over, WARM_MS, 0);
    return init_signals(daemon) == 0 ? RES_OK : RES_EIO;
}

static enum result start_parts(struct daemon *daemon)
{
    enum result res = aside_new(&daemon->loop, ASIDE_PATIENT, &daemon->aside);

    if (res == RES_OK)
        res = upstream_set_servers(daemon->upstream, daemon_settings(daemon));
    if (res == RES_OK)
        res = audit_start(daemon->audit, &daemon->loop, daemon->txns);
    if (res == RES_OK)
        res = upstream_start(daemon->upstream, &daemon->loop, daemon->txns);
    if (res == RES_OK)
        res = control_start(daemon->control, &daemon->loop);
    return res;
}

/* Every handle is closed by whoever owns it, and the loop runs until none is left:
 * then, and not before, the memory may go. */
static void end_loop(struct daemon *daemon)
{
    daemon->is_draining = true;
    if (daemon->aside != NULL)
        aside_close(daemon->aside);
    listen_udp_close(daemon->udp);
    listen_tcp_close(daemon->tcp);
    upstream_close(daemon->upstream);
    control_close(daemon->control);
    audit_stop(daemon->audit);
    for (size_t i = 0; i < SIGNALS; i++)
        if (daemon->signals[i].data != NULL)
            uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    uv_close((uv_handle_t *)&daemon->prepare, NULL);
    uv_close((uv_handle_t *)&daemon->wake, NULL);
    uv_close((uv_handle_t *)&daemon->warm, NULL);
    uv_close((uv_handle_t *)&daemon->drain, NULL);
    (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

/* T-20: what was signed before this start may have been executed by the last run, and
 * times signed are whole seconds. Starting on a whole second makes "before" exact: no
 * request of the last run has the second of this one. */
static void await_whole_second(void)
{
    int64_t left_us = 1000000 - clock_now().real_us % 1000000;
    struct timespec left = {.tv_nsec = left_us >= 1000000 ? 0 : left_us * 1000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

enum result daemon_run(struct daemon *daemon)
{
    const struct txn_ports ports = {
        .arg = daemon,
        .send_client = send_client,
        .send_primary = send_primary,
        .close_primary = close_primary,
        .audit_write = write_audit,
        .audit_sync = sync_audit,
        .random_id = random_id,
        .log = write_log,
    };

    if (!daemon->journal.is_first_start && daemon->journal.past == NULL)
        await_whole_second();
    daemon->txns = txns_new(&ports, daemon->snapshot, &daemon->journal, clock_now());
    if (daemon->txns == NULL) {
        logger_write(LEVEL_ERROR, "no memory for the transaction table");
        return RES_EMEM;
    }
    daemon->result = init_loop(daemon);
    if (daemon->result == RES_OK)
        daemon->result = start_parts(daemon);
    if (daemon->result == RES_OK)
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
    else
        logger_printf(LEVEL_ERROR, "cannot start: %s", strerror(errno));
    if (daemon->has_loop)
        end_loop(daemon);
    if (daemon->result == RES_OK)
        logger_write(LEVEL_NOTICE, "ended");
    return daemon->result;
}

void daemon_free(struct daemon **daemon)
{
    struct daemon *d = *daemon;

    if (d == NULL)
        return;
    if (d->txns != NULL)
        txns_free(&d->txns);
    listen_udp_free(&d->udp);
    listen_tcp_free(&d->tcp);
    upstream_free(&d->upstream);
    audit_close(&d->audit);
    control_free(&d->control);
    if (d->snapshot != NULL)
        snapshot_release(&d->snapshot);
    aside_free(&d->aside);
    running_fini(&d->running);
    if (d->has_loop)
        (void)uv_loop_close(&d->loop);
    free(d);
    *daemon = NULL;
}

#include "tlsa/rollover_pass.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "tlsa/authority.h"
#include "tlsa/deploy.h"
#include "tlsa/deploy_tell.h"
#include "tlsa/publisher.h"
#include "tlsa/rollover_goal.h"
#include "tlsa/rollover_left.h"

/* Each step leads to a later one, but where records were deleted meanwhile. */
#define ACTIONS_MAX 16

struct pass {
    struct tool *tool;
    const struct rollover_site *site;
    const struct deployment_certificate *certificate;
    struct rollover_report *report;
    struct rollover_state *saved; /* the report's */
    struct state state;
    struct rollover_remains_list others; /* once there is something to delete */
    struct material material;
    struct authority authority;
    bool is_published; /* in this pass */
};

/* At once, since --wait lasts long; JSON comes at the end. */
PRINTF(2, 3)
static void say(const struct pass *pass, const char *format, ...)
{
    char text[ROLLOVER_WORDS_OCTETS];
    va_list args;
    struct rollover_report *report = pass->report;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!pass->tool->is_json) {
        printf("%s: %s\n", pass->certificate->name, text);
        fflush(stdout);
    } else if (report->said_count < ROLLOVER_SAID) {
        report->said[report->said_count++] = arena_string(&pass->tool->arena, text);
    }
}

PRINTF(2, 3)
static void wait_for(struct pass *pass, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(pass->report->waits_for, sizeof pass->report->waits_for, format, args);
    va_end(args);
}

static void say_records(const struct pass *pass, const char *verb,
                        const struct tlsa_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        char text[TLSA_BRIEF_OCTETS];
        say(pass, "%s %s at %s%s", verb, tlsa_record_brief(&records->array[i], text),
            pass->saved->goal.names[0],
            pass->saved->goal.name_count > 1 ? " and the others" : "");
    }
}

static int save(struct pass *pass)
{
    return pass->site->is_dry ? TOOL_DONE
                              : rollover_state_save(
                                    &pass->state, pass->certificate->name, pass->saved);
}

/* ---- taking it up ---- */

static int begin(struct pass *pass)
{
    struct rollover_goal goal;
    bool is_new = false;
    size_t left_count = pass->saved->left_count;
    int code =
        rollover_goal_make(pass->tool, pass->certificate, &pass->material, &goal);
    if (code != TOOL_DONE)
        return code;
    if (rollover_begin(pass->saved, &goal, &is_new) != RES_OK)
        return tool_fail(TOOL_OUTSIDE,
                         "%s: too many records wait to be deleted, or are left over "
                         "(rollover --clean)",
                         pass->certificate->name);
    if (!is_new)
        return TOOL_DONE;
    if (pass->saved->step == ROLLOVER_PUBLISH)
        say(pass, "a new certificate, or other names or records");
    else
        say(pass, "a new certificate%s",
            goal.name_count > 0 ? ", and the records stay as they are" : "");
    if (pass->saved->left_count > left_count)
        say(pass,
            "left over at names that deploy.conf has no more: %zu TLSA, which "
            "rollover --status has",
            pass->saved->left_count - left_count);
    if (pass->site->is_dry)
        return TOOL_DONE;
    /* First the copies: the state speaks of them. */
    code = rollover_state_keep(&pass->state, pass->certificate->name, &pass->material);
    return code == TOOL_DONE ? save(pass) : code;
}

/* certbot may be writing, or somebody has broken what lies there: what is under way has
 * its own copy and goes on. */
static int take_up(struct pass *pass)
{
    const struct deployment_certificate *certificate = pass->certificate;
    int code = rollover_state_load(&pass->state, certificate->name, pass->saved);
    if (code == TOOL_DONE && pass->saved->step == 0) {
        pass->saved->step = ROLLOVER_DONE;
        code = rollover_goal_find(pass->tool, certificate, &pass->saved->goal);
    }
    if (code != TOOL_DONE)
        return code;
    code = material_open(pass->tool, certificate->certificate, certificate->key,
                         &pass->material);
    if (code == TOOL_DONE)
        return begin(pass);
    if (pass->saved->step == ROLLOVER_DONE)
        return code;
    pass->report->source = code;
    material_close(&pass->material);
    code = rollover_state_recall(&pass->state, certificate->name, pass->saved->goal.id,
                                 &pass->material);
    if (code == TOOL_DONE)
        tool_warn("%s: goes on with its copy of the certificate", certificate->name);
    return code;
}

/* ---- what the name servers say ---- */

static void note_views(struct pass *pass, struct rollover_seen *seen)
{
    const struct authority *authority = &pass->authority;
    for (size_t i = 0; i < authority->count; i++) {
        const struct authority_server *server = &authority->servers[i];
        bool is_away = server->view == AUTHORITY_AWAY;
        if (server->view == AUTHORITY_SERVES)
            continue;
        if (seen->view == ROLLOVER_SERVES || (seen->view == ROLLOVER_AWAY && !is_away))
            wait_for(pass, "name server %s, which %s %s%s%s",
                     tool_name_text(pass->tool, server->name),
                     is_away ? "cannot be asked for" : "does not serve the records at",
                     tool_name_text(pass->tool, authority->target), is_away ? ": " : "",
                     is_away ? server->why : "");
        if (!is_away)
            seen->view = ROLLOVER_LACKS;
        else if (seen->view == ROLLOVER_SERVES)
            seen->view = ROLLOVER_AWAY;
    }
}

/* Where all servers had the records before we ever looked, nobody knows since when:
 * then the RRset's own TTL counts. */
static void note_ttl(struct pass *pass, struct rollover_seen *seen)
{
    const struct authority *authority = &pass->authority;
    uint32_t ttl_s = authority->lacking_ttl_s;
    if (pass->saved->ttl_s == 0 && authority->serving_ttl_s > ttl_s && ttl_s == 0)
        ttl_s = authority->serving_ttl_s;
    seen->has_ttl = seen->has_ttl || authority->has_ttl;
    if (ttl_s > seen->ttl_s)
        seen->ttl_s = ttl_s;
}

static int look(struct pass *pass, struct rollover_seen *out)
{
    const struct rollover_goal *goal = &pass->saved->goal;
    *out = (struct rollover_seen){.view = ROLLOVER_SERVES,
                                  .is_published = pass->is_published};
    pass->report->waits_for[0] = '\0';
    int code = TOOL_DONE;
    if (goal->name_count > 0 && pass->authority.client == NULL)
        code = authority_open(pass->tool, pass->site->resolver, pass->site->ns_port,
                              &pass->authority);
    for (size_t i = 0; code == TOOL_DONE && i < goal->name_count; i++) {
        struct name owner = tool_name(pass->tool, goal->names[i]);
        if (owner.octets == NULL)
            return TOOL_CONFIG;
        code = authority_find(&pass->authority, owner);
        if (code != TOOL_DONE)
            return code;
        if (!authority_ask(&pass->authority, &goal->records))
            note_views(pass, out);
        note_ttl(pass, out);
    }
    return code;
}

/* ---- publish and retire ---- */

/* Those that no other certificate has at that name: an issuer's, perhaps, or a key that
 * two share. */
static struct tlsa_records without_others(const struct pass *pass, const char *name,
                                          const struct tlsa_records *records)
{
    struct tlsa_records own = {.count = 0};
    for (size_t i = 0; i < records->count; i++) {
        if (!rollover_is_others(&pass->others, pass->certificate->name, name,
                                &records->array[i]))
            own.array[own.count++] = records->array[i];
    }
    return own;
}

static int change_records(struct pass *pass, const struct tlsa_records *unwanted,
                          bool *out_is_changed)
{
    const struct rollover_goal *goal = &pass->saved->goal;
    struct publisher publisher;
    int code = publisher_open(pass->tool, &publisher);
    *out_is_changed = false;
    for (size_t i = 0; code == TOOL_DONE && i < goal->name_count; i++) {
        struct publisher_found found;
        const struct tlsa_records own = without_others(pass, goal->names[i], unwanted);
        const struct publisher_change change = {
            .owner = tool_name(pass->tool, goal->names[i]),
            .wanted = &goal->records,
            .unwanted = &own,
            .ttl_s = PUBLISHER_TTL_S,
        };
        code = change.owner.octets != NULL
                   ? publisher_apply(&publisher, &change, &found)
                   : TOOL_CONFIG;
        *out_is_changed |= code == TOOL_DONE && found.is_changed;
    }
    publisher_close(&publisher);
    return code;
}

static int publish(struct pass *pass)
{
    static const struct tlsa_records none = {.count = 0};
    bool is_changed;
    int code = change_records(pass, &none, &is_changed);
    if (code != TOOL_DONE)
        return code;
    pass->is_published = true;
    if (!is_changed) /* and some name server does not have it yet */
        return TOOL_DONE;
    say_records(pass, "published", &pass->saved->goal.records);
    if (!authority_is_signed(&pass->authority))
        tool_warn("%s: the zone %s is not signed: nobody believes its TLSA",
                  pass->certificate->name,
                  tool_name_text(pass->tool, pass->authority.zone));
    return TOOL_DONE;
}

/* A service that was not running when it was to be told, or that somebody has restored
 * since, may yet present what the old records are for. One without a probe is believed.
 */
static int look_at_services(const struct pass *pass)
{
    const struct deployment_certificate *certificate = pass->certificate;
    for (size_t i = 0; i < certificate->consumer_count; i++) {
        char why[DEPLOY_WHY_OCTETS] = "";
        const struct deployment_consumer *consumer = &certificate->consumers[i];
        if (!deploy_probe(consumer, &pass->material, &pass->saved->goal.records,
                          &pass->tool->arena, why))
            return tool_fail(TOOL_OUTSIDE,
                             "%s: %s: %s: the old records stay until it is seen with "
                             "the new certificate",
                             certificate->name, consumer->name, why);
    }
    return TOOL_DONE;
}

/* The records of the goal are wanted in the same message: nothing is deleted where they
 * have gone in the last moment. */
static int retire(struct pass *pass)
{
    int code = TOOL_DONE;
    if (pass->saved->retired.count > 0 && pass->saved->goal.name_count > 0) {
        bool is_changed = false;
        code = look_at_services(pass);
        if (code == TOOL_DONE)
            code = rollover_remains_load(&pass->state, pass->site->deployment, false,
                                         &pass->others);
        if (code == TOOL_DONE)
            code = change_records(pass, &pass->saved->retired, &is_changed);
        if (code != TOOL_DONE)
            return code;
        if (is_changed)
            say_records(pass, "deleted", &pass->saved->retired);
    }
    code = rollover_state_settle(&pass->state, pass->certificate->name);
    if (code != TOOL_DONE)
        return code;
    rollover_succeed(pass->saved);
    say(pass, "done");
    return save(pass);
}

/* ---- deploy ---- */

static void say_deployed(const struct pass *pass, const struct deploy_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct deploy_outcome *outcome = &report->outcomes[i];
        const char *note = outcome->note;
        if (outcome->fate == DEPLOY_DUE && outcome->consumer->probe_count == 0)
            note = "which is believed: it has no probe";
        if (outcome->fate != DEPLOY_UNCHANGED)
            say(pass, "%s to %s%s%s%s",
                outcome->fate == DEPLOY_DUE    ? "would be deployed"
                : outcome->fate == DEPLOY_DONE ? "deployed"
                                               : "could not be deployed",
                outcome->consumer->name, note != NULL ? " (" : "",
                note != NULL ? note : "", note != NULL ? ")" : "");
    }
}

/* A consumer that fails has gone back to the old certificate; both records stay, and
 * the next run tries it again. */
static int deploy(struct pass *pass)
{
    struct deploy_report report = {.count = 0};
    const struct deploy deploy = {
        .tool = pass->tool,
        .state = &pass->state,
        .certificate = pass->certificate,
        .material = &pass->material,
        .records = &pass->saved->goal.records,
        .is_dry = pass->site->is_dry,
    };
    int code = deploy_run(&deploy, &report);
    say_deployed(pass, &report);
    if (code != TOOL_DONE || pass->site->is_dry || pass->saved->step == ROLLOVER_DONE)
        return code;
    rollover_succeed(pass->saved);
    return save(pass);
}

/* ---- the steps ---- */

static struct rollover_time now(void)
{
    struct timespec since_boot;
    struct rollover_time time_now = {.wall_s = (int64_t)time(NULL)};
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL && clock_gettime(CLOCK_BOOTTIME, &since_boot) == 0 &&
        fgets(time_now.boot, sizeof time_now.boot, file) != NULL) {
        time_now.boot[strspn(time_now.boot, "0123456789abcdef-")] = '\0';
        time_now.boot_s = (int64_t)since_boot.tv_sec;
    }
    if (file != NULL)
        fclose(file);
    return time_now;
}

static bool same_place(const struct rollover_state *a, const struct rollover_state *b)
{
    return a->step == b->step && a->ttl_s == b->ttl_s &&
           a->since.wall_s == b->since.wall_s;
}

static void wait_until(struct pass *pass, int64_t until_s)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    pass->report->until_s = until_s;
    wait_for(pass, "%s: until then caches may be without the new records (twice %u s)",
             timestamp_format(until_s, time), pass->saved->ttl_s);
}

/* The action of the moment; *out_goes_on: there may be another. */
static int act(struct pass *pass, bool *out_goes_on)
{
    struct rollover_seen seen;
    int64_t until_s;
    struct rollover_state before = *pass->saved;
    int code = look(pass, &seen);
    if (code != TOOL_DONE)
        return code;
    /* The clock is read after the last answer: from then on all servers have it. */
    const struct rollover_time moment = now();
    enum rollover_action action = rollover_next(pass->saved, &seen, &moment, &until_s);
    if (!same_place(&before, pass->saved))
        code = save(pass);
    if (code != TOOL_DONE)
        return code;
    *out_goes_on = false;
    switch (action) {
    case ROLLOVER_DO_NOTHING:
        pass->report->waits_for[0] = '\0';
        /* Somebody has changed a file since, or there is a new consumer. */
        return seen.view == ROLLOVER_SERVES ? deploy(pass) : TOOL_DONE;
    case ROLLOVER_DO_ASK_AGAIN:
        return TOOL_DONE;
    case ROLLOVER_DO_SLEEP:
        wait_until(pass, until_s);
        return TOOL_DONE;
    case ROLLOVER_DO_PUBLISH:
        *out_goes_on = true;
        return publish(pass);
    case ROLLOVER_DO_DEPLOY:
        *out_goes_on = true;
        return deploy(pass);
    case ROLLOVER_DO_RETIRE:
        *out_goes_on = true;
        return retire(pass);
    }
    return TOOL_OUTSIDE;
}

/* What would be done from here, and when. */
static int foresee(struct pass *pass)
{
    struct rollover_seen seen;
    int64_t until_s;
    char time_text[TIMESTAMP_TEXT_OCTETS];
    int code = look(pass, &seen);
    if (code != TOOL_DONE)
        return code;
    const struct rollover_time moment = now();
    enum rollover_action action = rollover_next(pass->saved, &seen, &moment, &until_s);
    const struct rollover_state *saved = pass->saved;
    if (action == ROLLOVER_DO_NOTHING) {
        say(pass, "nothing to do");
        return TOOL_DONE;
    }
    if (saved->step == ROLLOVER_PUBLISH) {
        say_records(pass, "would publish", &saved->goal.records);
        say(pass, "would wait until all name servers serve them, and %lld s more",
            (long long)ROLLOVER_TTLS * saved->ttl_s);
    }
    if (saved->step == ROLLOVER_WAIT) {
        pass->report->until_s = rollover_until(saved);
        say(pass, "would wait until %s",
            timestamp_format(pass->report->until_s, time_text));
    }
    if (saved->step <= ROLLOVER_DEPLOY)
        code = deploy(pass);
    if (saved->goal.name_count > 0)
        say_records(pass, "would delete", &saved->retired);
    pass->report->waits_for[0] = '\0';
    return code;
}

static int run(struct pass *pass)
{
    bool goes_on = true;
    int code = take_up(pass);
    if (code == TOOL_DONE && pass->site->is_dry)
        return foresee(pass);
    for (unsigned i = 0; code == TOOL_DONE && goes_on && i < ACTIONS_MAX; i++)
        code = act(pass, &goes_on);
    return code;
}

/* For --status: who looks at it later has not seen standard error. */
static int note_failure(struct pass *pass, int code)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    struct rollover_report *report = pass->report;
    bool has_failed = code != TOOL_DONE || report->source != TOOL_DONE;
    int64_t now_s = now().wall_s;
    if (has_failed) {
        struct arena *arena = &pass->tool->arena;
        report->failure.text = arena_string(arena, tool_first_failure());
        report->failure.time = arena_string(arena, timestamp_format(now_s, time));
    }
    if (pass->site->is_dry)
        return code;
    int noted = rollover_failure_save(&pass->state, pass->certificate->name,
                                      has_failed ? tool_first_failure() : "", now_s);
    return code == TOOL_DONE ? noted : code;
}

int rollover_pass(struct tool *tool, const struct rollover_site *site,
                  const struct deployment_certificate *certificate,
                  struct rollover_report *out)
{
    struct pass pass = {
        .tool = tool,
        .site = site,
        .certificate = certificate,
        .report = out,
        .saved = &out->saved,
    };
    *out = (struct rollover_report){.until_s = 0};
    const char *folder = site->deployment->state;
    tool_forget_failure();
    int code = site->is_dry ? state_open(tool, folder, false, &pass.state)
                            : state_open_patiently(tool, folder, &pass.state);
    if (code == TOOL_DONE)
        code = note_failure(&pass, run(&pass));
    material_close(&pass.material);
    state_close(&pass.state);
    return code;
}

int rollover_look(struct tool *tool, const struct rollover_site *site,
                  const struct deployment_certificate *certificate,
                  struct rollover_report *out)
{
    struct state state;
    char time[TIMESTAMP_TEXT_OCTETS];
    *out = (struct rollover_report){.until_s = 0};
    int code = state_open(tool, site->deployment->state, false, &state);
    if (code == TOOL_DONE)
        code = rollover_failure_load(&state, certificate->name, &out->failure);
    if (code == TOOL_DONE)
        code = rollover_state_load(&state, certificate->name, &out->saved);
    if (code == TOOL_DONE && out->saved.step == ROLLOVER_WAIT) {
        out->until_s = rollover_until(&out->saved);
        snprintf(out->waits_for, sizeof out->waits_for, "%s",
                 timestamp_format(out->until_s, time));
    }
    state_close(&state);
    return code;
}

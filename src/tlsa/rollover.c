/*
 * tsigate-tlsa rollover: new certificates to their services without a moment in which
 * DANE fails. The sequence is in rollover_plan.h; here are the options, the passes over
 * all certificates and what is printed.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "net/deadline.h"
#include "tlsa/host.h"
#include "tlsa/rollover_left.h"
#include "tlsa/rollover_pass.h"

/* While it waits for a time it looks for a second renewal that often, and for name
 * servers that do not serve the records yet this often. */
#define LOOK_INTERVAL_S 60
#define ASK_INTERVAL_S  2

/* A certificate of this run. */
struct task {
    const struct deployment_certificate *certificate;
    bool waits;
    struct deadline next;             /* of the next pass, if it waits */
    char told[ROLLOVER_WORDS_OCTETS]; /* what it waits for, as printed last */
    const char *said[ROLLOVER_SAID];  /* of all passes; the arena's of the program */
    size_t said_count;
};

struct rollover {
    struct tool *tool;
    struct deployment deployment;
    struct rollover_site site;
    const char *conf;
    const char *lineage; /* NULL: any */
    bool stays;          /* --wait */
    bool is_status;
    bool cleans;
    struct task *tasks;
    size_t count;
};

/* ---- which certificates ---- */

static bool same_folder(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool is_same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return is_same;
}

static bool lies_in(struct tool *tool, const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    const char *own =
        slash != NULL ? arena_string_n(&tool->arena, path, (size_t)(slash - path) + 1)
                      : ".";
    return own != NULL && same_folder(own, folder);
}

static bool is_wanted(const struct rollover *rollover,
                      const struct deployment_certificate *certificate, char **words)
{
    if (rollover->lineage != NULL &&
        !lies_in(rollover->tool, certificate->certificate, rollover->lineage))
        return false;
    bool is_named = *words == NULL;
    for (; *words != NULL; words++)
        is_named = is_named || strcmp(*words, certificate->name) == 0;
    return is_named;
}

static int pick(struct rollover *rollover, char **words)
{
    struct tool *tool = rollover->tool;
    const struct deployment *deployment = &rollover->deployment;
    for (char **word = words; *word != NULL; word++) {
        if (deployment_find(deployment, *word) == NULL)
            return tool_usage(tool, "%s has no certificate \"%s\"", rollover->conf,
                              *word);
    }
    rollover->tasks = arena_array(&tool->arena, deployment->certificate_count,
                                  sizeof *rollover->tasks);
    if (rollover->tasks == NULL)
        return tool_no_memory();
    for (size_t i = 0; i < deployment->certificate_count; i++) {
        if (is_wanted(rollover, &deployment->certificates[i], words))
            rollover->tasks[rollover->count++].certificate =
                &deployment->certificates[i];
    }
    if (rollover->count == 0)
        tool_warn("%s has no certificate %s%s", rollover->conf,
                  rollover->lineage != NULL ? "in " : "at all",
                  rollover->lineage != NULL ? rollover->lineage : "");
    return TOOL_DONE;
}

/* ---- output ---- */

static void print_json(struct rollover *rollover, const struct task *task,
                       const struct rollover_report *report, int code)
{
    struct json *json = &rollover->tool->json;
    const struct rollover_state *saved = &report->saved;
    char time[TIMESTAMP_TEXT_OCTETS];
    json_object_open(json, NULL);
    json_string(json, "certificate", task->certificate->name);
    json_string(json, "step",
                saved->step != 0 ? rollover_step_name(saved->step) : NULL);
    json_string(json, "waits_for",
                report->waits_for[0] != '\0' ? report->waits_for : NULL);
    json_string(json, "until",
                report->until_s != 0 ? timestamp_format(report->until_s, time) : NULL);
    json_number(json, "retired", (int64_t)saved->retired.count);
    json_array_open(json, "messages");
    for (size_t i = 0; i < task->said_count; i++)
        json_string(json, NULL, task->said[i]);
    json_array_close(json);
    json_bool(json, "failed", code != TOOL_DONE);
    if (report->failure.text != NULL) {
        json_object_open(json, "failure");
        json_string(json, "time", report->failure.time);
        json_string(json, "text", report->failure.text);
        json_object_close(json);
    } else {
        json_null(json, "failure");
    }
    json_object_close(json);
}

static const char *step_text(enum rollover_step step)
{
    switch (step) {
    case ROLLOVER_PUBLISH:
        return "the new records are being published";
    case ROLLOVER_WAIT:
        return "every name server has the new records";
    case ROLLOVER_DEPLOY:
        return "the new certificate may be deployed";
    case ROLLOVER_RETIRE:
        return "the new certificate is deployed, the old records may go";
    case ROLLOVER_DONE:
        return "nothing is under way";
    }
    return "no roll-over yet";
}

static void print_text(const struct task *task, const struct rollover_report *report)
{
    enum rollover_step step = report->saved.step;
    printf("%s: %s: %s%s%s\n", task->certificate->name,
           step != 0 ? rollover_step_name(step) : "none", step_text(step),
           report->waits_for[0] != '\0' ? "; waits for " : "", report->waits_for);
    if (report->failure.text != NULL)
        printf("%s: failed at %s: %s\n", task->certificate->name, report->failure.time,
               report->failure.text);
    fflush(stdout);
}

/* Of one that is done the pass has said all; each wait is told once. */
static void report_task(struct rollover *rollover, struct task *task,
                        const struct rollover_report *report, int code)
{
    bool is_last = !rollover->stays || !task->waits;
    if (rollover->tool->is_json) {
        if (is_last)
            print_json(rollover, task, report, code);
    } else if (rollover->is_status) {
        print_text(task, report);
    } else if (task->waits && strcmp(task->told, report->waits_for) != 0) {
        print_text(task, report);
        memcpy(task->told, report->waits_for, sizeof task->told);
    }
}

/* ---- passes ---- */

static void keep_said(struct rollover *rollover, struct task *task,
                      const struct rollover_report *report)
{
    for (size_t i = 0; i < report->said_count && task->said_count < ROLLOVER_SAID; i++)
        task->said[task->said_count++] =
            arena_string(&rollover->tool->arena,
                         report->said[i] != NULL ? report->said[i] : "out of memory");
}

/* Seconds until the next pass; what the clock of the wall says may change meanwhile. */
static int64_t wait_of(const struct rollover_report *report)
{
    if (report->until_s == 0)
        return ASK_INTERVAL_S;
    int64_t left_s = report->until_s - (int64_t)time(NULL);
    return left_s < 0 ? 0 : left_s < LOOK_INTERVAL_S ? left_s : LOOK_INTERVAL_S;
}

/* What a pass takes of memory goes with it: --wait may stay for days. */
static int pass_over(struct rollover *rollover, struct task *task)
{
    struct tool tool = *rollover->tool;
    struct rollover_report report;
    arena_init(&tool.arena, 65536, 0);
    diags_init(&tool.diags);
    int code = rollover->is_status
                   ? rollover_look(&tool, &rollover->site, task->certificate, &report)
                   : rollover_pass(&tool, &rollover->site, task->certificate, &report);
    task->waits =
        code == TOOL_DONE && !rollover->is_status && report.waits_for[0] != '\0';
    task->next = deadline_in(wait_of(&report) * 1000);
    /* While it stays, somebody may just be writing. */
    if (code == TOOL_DONE && !(task->waits && rollover->stays))
        code = report.source;
    keep_said(rollover, task, &report);
    report_task(rollover, task, &report, code);
    diags_fini(&tool.diags);
    arena_fini(&tool.arena);
    return code;
}

/* Until one of them has something to do; false: none waits. */
static bool sleep_until_next(const struct rollover *rollover)
{
    int64_t least_ms = INT64_MAX;
    for (size_t i = 0; i < rollover->count; i++) {
        int64_t left_ms = deadline_left_ms(rollover->tasks[i].next);
        if (rollover->tasks[i].waits && left_ms < least_ms)
            least_ms = left_ms;
    }
    if (least_ms == INT64_MAX)
        return false;
    (void)poll(NULL, 0, (int)least_ms);
    return true;
}

/* One that fails keeps no other waiting; of several exit codes the highest is told. */
static int pass_over_all(struct rollover *rollover)
{
    int code = TOOL_DONE;
    bool is_first = true;
    do {
        for (size_t i = 0; i < rollover->count; i++) {
            struct task *task = &rollover->tasks[i];
            bool is_due = task->waits && deadline_left_ms(task->next) == 0;
            int one = is_first || is_due ? pass_over(rollover, task) : TOOL_DONE;
            code = one > code ? one : code;
        }
        is_first = false;
    } while (rollover->stays && sleep_until_next(rollover));
    return code;
}

static int read_conf(struct rollover *rollover)
{
    struct tool *tool = rollover->tool;
    enum result result = deployment_read(rollover->conf, &tool->arena, &tool->diags,
                                         &rollover->deployment);
    rollover->site.deployment = &rollover->deployment;
    diags_sort(&tool->diags);
    if (result == RES_EMEM)
        return tool_no_memory();
    return result == RES_OK ? TOOL_DONE : tool_fail_diags(tool, TOOL_CONFIG);
}

/* A certificate that deploy.conf has no more may be named as well. */
static int check_words(const struct rollover *rollover,
                       const struct rollover_remains_list *list, char **words)
{
    for (; *words != NULL; words++) {
        bool is_known = deployment_find(&rollover->deployment, *words) != NULL;
        for (size_t i = 0; i < list->count; i++)
            is_known = is_known || strcmp(list->array[i].certificate, *words) == 0;
        if (!is_known)
            return tool_usage(rollover->tool,
                              "neither %s nor %s has a certificate "
                              "\"%s\"",
                              rollover->conf, rollover->deployment.state, *words);
    }
    return TOOL_DONE;
}

/* What is left over: told with --status, taken away with --clean. */
static int see_to_remains(struct rollover *rollover, char **words)
{
    struct state state;
    struct rollover_remains_list list;
    struct tool *tool = rollover->tool;
    const char *folder = rollover->deployment.state;
    int code = rollover->cleans ? state_open_patiently(tool, folder, &state)
                                : state_open(tool, folder, false, &state);
    if (code == TOOL_DONE)
        code = rollover_remains_load(&state, &rollover->deployment, true, &list);
    if (code == TOOL_DONE)
        code = check_words(rollover, &list, words);
    if (code == TOOL_DONE && rollover->cleans)
        code = rollover_remains_clean(&state, &list, words);
    else if (code == TOOL_DONE)
        rollover_remains_tell(tool, &list, words);
    state_close(&state);
    return code;
}

static int see_to_certificates(struct rollover *rollover)
{
    struct tool *tool = rollover->tool;
    if (tool->is_json)
        json_array_open(&tool->json, "certificates");
    int code = pass_over_all(rollover);
    if (tool->is_json)
        json_array_close(&tool->json);
    return code;
}

static int roll_over(struct rollover *rollover, char **words)
{
    struct tool *tool = rollover->tool;
    int code = read_conf(rollover);
    if (code == TOOL_DONE && !rollover->cleans)
        code = pick(rollover, words);
    if (code == TOOL_DONE)
        code = tool_output_open(tool);
    if (code != TOOL_DONE)
        return code;
    if (tool->is_json)
        json_object_open(&tool->json, NULL);
    if (!rollover->cleans)
        code = see_to_certificates(rollover);
    if (rollover->cleans || (rollover->is_status && code == TOOL_DONE))
        code = see_to_remains(rollover, words);
    if (tool->is_json) {
        json_object_close(&tool->json);
        writer_string(&tool->out, "\n");
    }
    int printed = tool_output_print(tool);
    return code == TOOL_DONE ? printed : code;
}

/* ---- options ---- */

static int take_option(struct rollover *rollover, int option)
{
    switch (option) {
    case 'd':
        rollover->conf = optarg;
        return TOOL_DONE;
    case 'l':
        rollover->lineage = optarg;
        return TOOL_DONE;
    case 'n':
        rollover->site.is_dry = true;
        return TOOL_DONE;
    case 'w':
        rollover->stays = true;
        return TOOL_DONE;
    case 'S':
        rollover->is_status = true;
        return TOOL_DONE;
    case 'C':
        rollover->cleans = true;
        return TOOL_DONE;
    case 'r':
        rollover->site.resolver = optarg;
        return TOOL_DONE;
    default:
        return tool_ns_port(rollover->tool, optarg, &rollover->site.ns_port);
    }
}

int rollover_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"deploy-conf", required_argument, NULL, 'd'},
        {"lineage", required_argument, NULL, 'l'},
        {"dry-run", no_argument, NULL, 'n'},
        {"wait", no_argument, NULL, 'w'},
        {"status", no_argument, NULL, 'S'},
        {"clean", no_argument, NULL, 'C'},
        {"resolver", required_argument, NULL, 'r'},
        {"ns-port", required_argument, NULL, 'N'},
        TOOL_COMMON_OPTIONS,
    };
    struct rollover rollover = {
        .tool = tool, .conf = DEPLOYMENT_FILE, .site = {.ns_port = HOST_DNS_PORT}};
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        int code = take_option(&rollover, option);
        if (code != TOOL_DONE)
            return code;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (rollover.stays + rollover.site.is_dry + rollover.is_status + rollover.cleans >
        1)
        return tool_usage(tool, "one of --wait, --dry-run, --status and --clean");
    if (rollover.cleans && rollover.lineage != NULL)
        return tool_usage(tool, "--clean takes names and no --lineage");
    return roll_over(&rollover, argv + optind);
}

/* tsigate-tlsa deploy: certificates to the services that use them. */
#include <string.h>

#include "tlsa/deploy.h"
#include "tlsa/deploy_tell.h"
#include "tlsa/tool.h"

struct deploying {
    struct tool *tool;
    struct deployment deployment;
    struct state state;
    const char *conf;
    bool is_dry;
};

/* ---- what is printed ---- */

static void print_json(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       const struct deploy_report *report, int code)
{
    struct json *json = &tool->json;
    json_object_open(json, NULL);
    json_string(json, "certificate", certificate->name);
    json_bool(json, "deployed", code == TOOL_DONE);
    json_array_open(json, "consumers");
    for (size_t i = 0; i < report->count; i++) {
        const struct deploy_outcome *outcome = &report->outcomes[i];
        json_object_open(json, NULL);
        json_string(json, "consumer", outcome->consumer->name);
        json_string(json, "outcome", deploy_fate_name(outcome->fate));
        json_array_open(json, "changed");
        for (size_t j = 0; j < outcome->changed_count; j++)
            json_string(json, NULL, outcome->changed[j]);
        json_array_close(json);
        json_string(json, "note", outcome->note);
        json_object_close(json);
    }
    json_array_close(json);
    json_object_close(json);
}

static const char *fate_text(struct tool *tool, const struct deploy_outcome *outcome)
{
    const char *text;
    switch (outcome->fate) {
    case DEPLOY_UNCHANGED:
        break;
    case DEPLOY_DUE:
        text = deploy_tell_text(&outcome->consumer->tell, &tool->arena);
        return text == NULL || outcome->consumer->probe_count > 0
                   ? text
                   : arena_printf(&tool->arena, "%s (and believe it: it has no probe)",
                                  text);
    case DEPLOY_DONE:
        if (outcome->note != NULL)
            return outcome->note;
        return outcome->consumer->tell.how == DEPLOYMENT_TELL_NOBODY ? "nobody is told"
                                                                     : "told";
    case DEPLOY_WENT_BACK:
        return "it failed, has its old files again and was told";
    case DEPLOY_STUCK:
        return "it failed, and has to be looked at";
    }
    return "has it already";
}

/* Silence where nothing changes: it is run by timers. */
static void print_text(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       const struct deploy_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct deploy_outcome *outcome = &report->outcomes[i];
        const char *text = fate_text(tool, outcome);
        bool is_dry = outcome->fate == DEPLOY_DUE;
        if (outcome->fate == DEPLOY_UNCHANGED)
            continue;
        writer_printf(&tool->out, "%s: %s:%s", certificate->name,
                      outcome->consumer->name, is_dry ? " would" : "");
        for (size_t j = 0; j < outcome->changed_count; j++)
            writer_printf(&tool->out, "%s %s",
                          j > 0    ? ","
                          : is_dry ? " change"
                                   : "",
                          outcome->changed[j]);
        writer_printf(&tool->out, "%s %s\n",
                      outcome->changed_count == 0 ? ""
                      : is_dry                    ? " and"
                                                  : ":",
                      text != NULL ? text : "?");
    }
}

/* ---- what is done ---- */

static int deploy_one(struct deploying *deploying,
                      const struct deployment_certificate *certificate)
{
    struct tool *tool = deploying->tool;
    struct material material;
    struct deploy_report report = {.count = 0};
    const struct deploy deploy = {
        .tool = tool,
        .state = &deploying->state,
        .certificate = certificate,
        .material = &material,
        .is_dry = deploying->is_dry,
    };
    int code =
        material_open(tool, certificate->certificate, certificate->key, &material);
    if (code == TOOL_DONE)
        code = deploy_run(&deploy, &report);
    material_close(&material);
    if (tool->is_json)
        print_json(tool, certificate, &report, code);
    else if (code == TOOL_DONE || deploy_has_failed(&report))
        print_text(tool, certificate, &report);
    return code;
}

/* What has TLSA published is the roll-over's: deployed at once, its clients would fail
 * until their caches know the new record. Named, it is the operator's word. */
static bool is_wanted(const struct deployment_certificate *certificate, char **names,
                      int count)
{
    bool is_named = false;
    for (int i = 0; i < count; i++)
        is_named = is_named || strcmp(names[i], certificate->name) == 0;
    if (certificate->tlsa_count == 0 || (count > 0 && !is_named))
        return is_named || count == 0;
    if (is_named)
        tool_warn("%s has `tlsa`: deployed at once, before caches know its records, it "
                  "fails for their clients",
                  certificate->name);
    else
        tool_warn("%s is left alone: it has `tlsa`, so rollover deploys it",
                  certificate->name);
    return is_named;
}

/* One that fails keeps no other waiting; of several exit codes the highest is told. */
static int deploy_all(struct deploying *deploying, char **names, int count)
{
    const struct deployment *deployment = &deploying->deployment;
    int code = TOOL_DONE;
    for (size_t i = 0; i < deployment->certificate_count; i++) {
        const struct deployment_certificate *certificate = &deployment->certificates[i];
        int one = is_wanted(certificate, names, count)
                      ? deploy_one(deploying, certificate)
                      : TOOL_DONE;
        code = one > code ? one : code;
    }
    return code;
}

static int read_conf(struct deploying *deploying)
{
    struct tool *tool = deploying->tool;
    enum result result = deployment_read(deploying->conf, &tool->arena, &tool->diags,
                                         &deploying->deployment);
    diags_sort(&tool->diags);
    if (result == RES_EMEM)
        return tool_no_memory();
    return result == RES_OK ? TOOL_DONE : tool_fail_diags(tool, TOOL_CONFIG);
}

static int run(struct deploying *deploying, char **names, int count)
{
    struct tool *tool = deploying->tool;
    int code = read_conf(deploying);
    for (int i = 0; code == TOOL_DONE && i < count; i++) {
        if (deployment_find(&deploying->deployment, names[i]) == NULL)
            code = tool_usage(tool, "%s has no certificate \"%s\"", deploying->conf,
                              names[i]);
    }
    if (code == TOOL_DONE)
        code = tool_output_open(tool);
    if (code == TOOL_DONE)
        code = state_open(tool, deploying->deployment.state, !deploying->is_dry,
                          &deploying->state);
    if (code != TOOL_DONE)
        return code;
    if (tool->is_json) {
        json_object_open(&tool->json, NULL);
        json_array_open(&tool->json, "certificates");
    }
    code = deploy_all(deploying, names, count);
    if (tool->is_json) {
        json_array_close(&tool->json);
        json_object_close(&tool->json);
        writer_string(&tool->out, "\n");
    }
    int printed = tool_output_print(tool);
    return code == TOOL_DONE ? printed : code;
}

int deploy_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"deploy-conf", required_argument, NULL, 'd'},
        {"dry-run", no_argument, NULL, 'n'},
        TOOL_COMMON_OPTIONS,
    };
    struct deploying deploying = {
        .tool = tool, .conf = DEPLOYMENT_FILE, .state = {.lock = -1}};
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        if (option == 'd')
            deploying.conf = optarg;
        else
            deploying.is_dry = true;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    int code = run(&deploying, argv + optind, argc - optind);
    state_close(&deploying.state);
    return code;
}

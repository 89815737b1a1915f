/* tsigate key new: a key for a host, and what its client needs. */

#include "tsigate/key.h"

/* What is to be done before the key is of use: lines for a shell. */
static const char *steps_here(struct tool *tool, const struct key_plan *plan)
{
    const struct acl *acl = &tool->snapshot->acl;
    const struct acl_host *host = acl_host_named(acl, plan->host);
    const char *reload = key_command(tool, "reload", "");
    const char *text;
    if (host == NULL) {
        const char *words =
            arena_printf(&tool->arena, "%s acme %s", plan->host_text, plan->host_text);
        text = arena_printf(&tool->arena,
                            "\n# The ACL has no host %s yet. Give it its rights, for "
                            "example:\n%s\n",
                            plan->host_text,
                            key_command(tool, "grant", words != NULL ? words : ""));
    } else if (acl_credential_of(acl, plan->key).host == NULL) {
        const struct place place = acl_host_place(acl, host);
        text = arena_printf(&tool->arena,
                            "\n# The key is of no use before it stands in the block of "
                            "host %s (%s:%u):\n#     key %s\n%s\n",
                            plan->host_text, place.file, place.line, plan->key_text,
                            reload);
    } else {
        text = arena_printf(&tool->arena, "\n%s\n", reload);
    }
    return text != NULL ? text : "";
}

int key_new(struct tool *tool, const struct key_request *request)
{
    static const struct tool_wanted wanted = {.with_keys = true};
    struct key_plan plan;
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;
    code = key_plan_make(tool, request, request->word, &plan);
    if (code == TOOL_DONE)
        code = key_make(tool, &plan);
    if (code == TOOL_DONE)
        code = key_hand_over(tool, &plan, steps_here(tool, &plan));
    key_plan_fini(&plan);
    return code;
}

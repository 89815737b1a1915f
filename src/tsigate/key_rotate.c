/* tsigate key rotate: a second key beside those that a host has. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tsigate/key.h"

/* mx1.duckcorp.org: mx1-20261125.duckcorp.org, which says how old it is. */
static const char *dated_name(struct tool *tool, const char *host)
{
    const time_t now = (time_t)tool->now_s;
    struct tm tm;
    char date[16] = "";
    if (gmtime_r(&now, &tm) != NULL)
        (void)strftime(date, sizeof date, "%Y%m%d", &tm);
    size_t first = strcspn(host, ".");
    const char *name =
        arena_printf(&tool->arena, "%.*s-%s%s", (int)first, host, date, host + first);
    return name != NULL ? name : host;
}

/* The file in which the host's keys are listed, else where it is declared. */
static const char *file_of(const struct acl *acl, const struct acl_host *host)
{
    const char *file = acl_host_place(acl, host).file;
    for (const struct acl_key_line *line = acl_host_keys(host); line != NULL;
         line = line->next)
        file = line->place.file;
    return file;
}

/* The key itself comes after the question: who breaks off there leaves nothing. */
static int make_and_install(struct tool *tool, struct install *install,
                            struct key_plan *plan, struct acledit_text after)
{
    int code = install_agree(install);
    if (code == TOOL_DONE)
        code = key_make(tool, plan);
    if (code != TOOL_DONE)
        return code;
    code = install_commit(install, after);
    if (!install->is_installed)
        key_unmake(plan);
    return code;
}

static int add_key(struct tool *tool, struct install *install,
                   const struct acl_host *host, struct key_plan *plan)
{
    const struct acledit_key key = {
        .host = plan->host,
        .host_text = plan->host_text,
        .key_text = plan->key_text,
        /* With any key line only the listed ones count. */
        .own_text = acl_host_keys(host) == NULL ? plan->host_text : NULL,
    };
    const struct acledit_text before = {install->before.chars, install->before.len};
    struct acledit_text after;
    size_t count = 0;
    if (acledit_add_key(before, &key, &tool->arena, &after) != RES_OK)
        return tool_no_memory();
    install->expected = "key-without-file";
    int code = install_check(install, after);
    if (code != TOOL_DONE)
        return tool_fail(code, "%s stays as it was", install->file);
    code = install_show(install, &count);
    return code == TOOL_DONE ? make_and_install(tool, install, plan, after) : code;
}

/* How it goes on: the old keys by name. One that is valid later only is no old one. */
static void tell_end(struct tool *tool, const struct acl_host *host,
                     const struct key_plan *plan)
{
    printf("\n# When the host signs with the new key, see that it no longer signs with "
           "an old one:\n%s\n# Then, after some days of that:\n",
           key_command(tool, "key list", ""));
    if (acl_host_keys(host) == NULL)
        puts(key_command(tool, "key retire", plan->host_text));
    for (const struct acl_key_line *line = acl_host_keys(host); line != NULL;
         line = line->next) {
        if (line->not_before_s <= tool->now_s)
            puts(key_command(tool, "key retire", tool_name_text(tool, line->name)));
    }
}

static int rotate(struct tool *tool, const struct acl_host *host,
                  struct install *install, struct key_plan *plan)
{
    int code = install_open_sound(install, file_of(&tool->snapshot->acl, host), false);
    if (code == TOOL_DONE)
        code = add_key(tool, install, host, plan);
    install_close(install);
    if (!install->is_installed)
        return code;
    const char *reload =
        code == TOOL_DONE && install->reloads
            ? ""
            : arena_printf(&tool->arena, "\n%s\n", key_command(tool, "reload", ""));
    int told = key_hand_over(tool, plan, reload != NULL ? reload : "");
    tell_end(tool, host, plan);
    return code != TOOL_DONE ? code : told;
}

int key_rotate(struct tool *tool, const struct key_request *request,
               struct install *install)
{
    static const struct tool_wanted wanted = {.with_keys = true};
    struct key_plan plan;
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;
    struct name name = tool_name(tool, request->word);
    if (name.octets == NULL)
        return TOOL_USAGE;
    const struct acl_host *host = acl_host_named(&tool->snapshot->acl, name);
    if (host == NULL)
        return tool_fail(
            TOOL_NO, "the ACL has no host %s%s (of a new host: tsigate key new %s)",
            request->word, tool_guess_host(tool, request->word), request->word);
    code = key_plan_make(tool, request, dated_name(tool, tool_name_text(tool, name)),
                         &plan);
    if (code == TOOL_DONE)
        code = rotate(tool, host, install, &plan);
    key_plan_fini(&plan);
    return code;
}

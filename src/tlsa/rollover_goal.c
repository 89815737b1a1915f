#include "tlsa/rollover_goal.h"

#include <string.h>

#include "tlsa/rollover_state.h"

/* ---- names ---- */

/* Case does not matter in a name, and would make two of one. */
static const char *lower_text(struct tool *tool, struct name name)
{
    char *text = arena_string(&tool->arena, tool_name_text(tool, name));
    for (char *at = text; at != NULL && *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    return text;
}

/* Sorted, and each once: the order in deploy.conf means nothing, nor does a service
 * that stands there twice. */
static void insert(struct rollover_goal *goal, const char *name)
{
    size_t at = 0;
    while (at < goal->name_count && strcmp(goal->names[at], name) < 0)
        at++;
    if (at < goal->name_count && strcmp(goal->names[at], name) == 0)
        return;
    memmove(&goal->names[at + 1], &goal->names[at],
            (goal->name_count - at) * sizeof *goal->names);
    goal->names[at] = name;
    goal->name_count++;
}

static int add_name(struct tool *tool, const char *certificate, struct name name,
                    const struct service *service, struct rollover_goal *goal)
{
    struct name_buf owner;
    if (service_owner(service, name, &owner) != RES_OK)
        return tool_fail(TOOL_CONFIG, "%s: %s is too long for a service below it",
                         certificate, tool_name_text(tool, name));
    const char *text = lower_text(tool, name_of(&owner));
    if (text == NULL)
        return tool_no_memory();
    if (strpbrk(text, "\"\\") != NULL)
        return tool_fail(TOOL_CONFIG, "%s: %s is no host's name", certificate, text);
    insert(goal, text);
    return TOOL_DONE;
}

static int make_names(struct tool *tool,
                      const struct deployment_certificate *certificate,
                      struct rollover_goal *goal)
{
    size_t count = 0;
    int code = TOOL_DONE;
    for (size_t i = 0; i < certificate->tlsa_count; i++)
        count += certificate->tlsa[i].service_count;
    goal->names = arena_array(&tool->arena, count, sizeof *goal->names);
    if (goal->names == NULL)
        return tool_no_memory();
    for (size_t i = 0; i < certificate->tlsa_count; i++) {
        const struct deployment_tlsa *tlsa = &certificate->tlsa[i];
        for (size_t k = 0; code == TOOL_DONE && k < tlsa->service_count; k++)
            code =
                add_name(tool, certificate->name, tlsa->name, &tlsa->services[k], goal);
    }
    return code;
}

/* ---- what lies at the services' places ---- */

static bool has_certificate(enum deployment_format format)
{
    switch (format) {
    case DEPLOYMENT_CERTIFICATE:
    case DEPLOYMENT_FULLCHAIN:
    case DEPLOYMENT_COMBINED:
    case DEPLOYMENT_CERTIFICATE_DER:
        return true;
    case DEPLOYMENT_CHAIN:
    case DEPLOYMENT_KEY:
    case DEPLOYMENT_PKCS12: /* the consumer has no other file? then its records stay */
    case DEPLOYMENT_KEY_DER:
        return false;
    }
    return false;
}

/* What lies there may be anything; what is no certificate has no records. */
static void add_deployed(struct tool *tool, struct tlsa_form form, const char *path,
                         struct tlsa_records *out)
{
    struct certfile file;
    struct diags diags;
    diags_init(&diags);
    if (certfile_open(&file, path, &diags) == RES_OK &&
        tlsa_records_make(&file, form, &tool->arena, out) != RES_OK)
        tool_warn("%s: no TLSA can be made of it: what was published for it stays",
                  path);
    certfile_close(&file);
    diags_fini(&diags);
}

static void add_consumer(struct tool *tool, struct tlsa_form form,
                         const struct deployment_consumer *consumer,
                         struct tlsa_records *out)
{
    for (size_t i = 0; i < consumer->file_count; i++) {
        if (has_certificate(consumer->files[i].format))
            add_deployed(tool, form, consumer->files[i].path, out);
    }
}

/* ---- public ---- */

int rollover_goal_make(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       const struct material *material, struct rollover_goal *out)
{
    *out = (struct rollover_goal){.name_count = 0};
    int code = make_names(tool, certificate, out);
    if (code != TOOL_DONE)
        return code;
    enum result result = rollover_id(material, out->id);
    if (result == RES_OK && out->name_count > 0)
        result = tlsa_records_make(&material->certificate, certificate->form,
                                   &tool->arena, &out->records);
    return result == RES_OK ? TOOL_DONE
                            : tool_fail(TOOL_CONFIG, "%s: no TLSA can be made of it",
                                        certificate->certificate);
}

int rollover_goal_find(struct tool *tool,
                       const struct deployment_certificate *certificate,
                       struct rollover_goal *out)
{
    *out = (struct rollover_goal){.name_count = 0};
    int code = make_names(tool, certificate, out);
    if (code != TOOL_DONE || out->name_count == 0)
        return code;
    for (size_t i = 0; i < certificate->consumer_count; i++)
        add_consumer(tool, certificate->form, &certificate->consumers[i],
                     &out->records);
    return TOOL_DONE;
}

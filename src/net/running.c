#include "net/running.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/timestamp.h"

static const char *const part_names[RUNNING_PARTS] = {
    [RUNNING_LISTEN] = "listen",
    [RUNNING_USER] = "user",
    [RUNNING_CONTROL] = "control",
    [RUNNING_AUDIT] = "audit.file",
};

/* NULL stays NULL. */
static enum result copy_text(struct running *running, const char *text,
                             const char **out)
{
    *out = text == NULL ? NULL : arena_string(&running->arena, text);
    return text != NULL && *out == NULL ? RES_EMEM : RES_OK;
}

enum result running_init(struct running *running, const struct settings *settings)
{
    *running = (struct running){.listen_count = settings->listen_count};
    arena_init(&running->arena, 1024, 0);
    running->listen =
        arena_array(&running->arena, settings->listen_count, sizeof(struct addr));
    if (running->listen == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < settings->listen_count; i++)
        running->listen[i] = settings->listen[i].addr;
    enum result res = copy_text(running, settings->user, &running->user);
    if (res == RES_OK)
        res = copy_text(running, settings->control, &running->control);
    if (res == RES_OK)
        res = copy_text(running, settings->audit_file, &running->audit_file);
    return res;
}

void running_fini(struct running *running)
{
    arena_fini(&running->arena);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The order of the list means nothing. */
static bool is_same_listen(const struct running *running,
                           const struct settings *settings)
{
    if (running->listen_count != settings->listen_count)
        return false;
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct addr *addr = &settings->listen[i].addr;
        size_t j = 0;
        while (j < running->listen_count && !(addr_equal(addr, &running->listen[j]) &&
                                              addr->port == running->listen[j].port))
            j++;
        if (j == running->listen_count)
            return false;
    }
    return true;
}

void running_compare(struct running *running, const struct settings *settings,
                     struct diags *diags)
{
    struct place place = {.file = settings->file};
    const bool differs[RUNNING_PARTS] = {
        [RUNNING_LISTEN] = !is_same_listen(running, settings),
        [RUNNING_USER] = !is_same_text(running->user, settings->user),
        [RUNNING_CONTROL] = !is_same_text(running->control, settings->control),
        [RUNNING_AUDIT] = !is_same_text(running->audit_file, settings->audit_file),
    };

    memcpy(running->differs, differs, sizeof(running->differs));
    for (size_t i = 0; i < RUNNING_PARTS; i++)
        if (differs[i])
            diags_warn(diags, place, "restart-needed",
                       "'%s' has changed: the running value stays until a restart",
                       part_names[i]);
}

void running_note_reload(struct running *running, const struct diags *diags,
                         bool is_refused, int64_t now_s)
{
    char text[LIMIT_PATH_OCTETS + LIMIT_LINE_OCTETS];
    const struct diag *diag = diags->first;

    memset(&running->refused, 0, sizeof(running->refused));
    if (!is_refused)
        return;
    running->refused.at_s = now_s;
    running->refused.errors = diags->errors;
    while (diag != NULL && diag->severity != SEVERITY_ERROR)
        diag = diag->next;
    if (diag != NULL)
        (void)snprintf(running->refused.first, sizeof(running->refused.first), "%s",
                       diag_format(diag, text, sizeof(text)));
}

static void show_refused(const struct running *running, struct json *json)
{
    char time[TIMESTAMP_TEXT_OCTETS];

    if (running->refused.at_s == 0) {
        json_null(json, "reload_refused");
        return;
    }
    json_object_open(json, "reload_refused");
    json_string(json, "time", timestamp_format(running->refused.at_s, time));
    json_number(json, "errors", (int64_t)running->refused.errors);
    json_string(json, "first", running->refused.first);
    json_object_close(json);
}

void running_status(const struct running *running, struct json *json)
{
    char text[ADDR_TEXT_OCTETS];

    show_refused(running, json);
    json_array_open(json, "listen");
    for (size_t i = 0; i < running->listen_count; i++)
        json_string(json, NULL, addr_format_port(&running->listen[i], text));
    json_array_close(json);
    json_array_open(json, "restart_needed");
    for (size_t i = 0; i < RUNNING_PARTS; i++)
        if (running->differs[i])
            json_string(json, NULL, part_names[i]);
    json_array_close(json);
}

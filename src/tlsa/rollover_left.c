#include "tlsa/rollover_left.h"

#include <stdio.h>
#include <string.h>

#include "tlsa/publisher.h"
#include "tlsa/rollover_state.h"

/* ---- what there is ---- */

static int load_one(struct state *state, const char *name, bool is_configured,
                    struct rollover_remains_list *list)
{
    struct rollover_remains *remains = &list->array[list->count];
    *remains =
        (struct rollover_remains){.certificate = name, .is_configured = is_configured};
    int code = rollover_state_load(state, name, &remains->saved);
    if (code != TOOL_DONE || remains->saved.step == 0)
        return code;
    /* A certificate that is gone has given up all its names. */
    static const struct rollover_goal nothing = {.name_count = 0};
    bool is_new;
    if (!is_configured && rollover_begin(&remains->saved, &nothing, &is_new) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "%s: too many records are left", name);
    list->count++;
    return TOOL_DONE;
}

int rollover_remains_load(struct state *state, const struct deployment *deployment,
                          bool with_gone, struct rollover_remains_list *out)
{
    const char **names;
    size_t count;
    *out = (struct rollover_remains_list){.count = 0};
    int code = state_list(state, ".rollover", &names, &count);
    if (code != TOOL_DONE)
        return code;
    out->array = arena_array(&state->tool->arena, deployment->certificate_count + count,
                             sizeof *out->array);
    if (out->array == NULL)
        return tool_no_memory();
    for (size_t i = 0; code == TOOL_DONE && i < deployment->certificate_count; i++)
        code = load_one(state, deployment->certificates[i].name, true, out);
    for (size_t i = 0; code == TOOL_DONE && with_gone && i < count; i++) {
        if (deployment_find(deployment, names[i]) == NULL)
            code = load_one(state, names[i], false, out);
    }
    return code;
}

/* What the other one is to delete it may yet present. */
bool rollover_is_others(const struct rollover_remains_list *list,
                        const char *certificate, const char *name,
                        const struct rdata *rdata)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct rollover_state *saved = &list->array[i].saved;
        if (list->array[i].is_configured &&
            strcmp(list->array[i].certificate, certificate) != 0 &&
            rollover_has_name(&saved->goal, name) &&
            (tlsa_records_have(&saved->goal.records, rdata) ||
             tlsa_records_have(&saved->retired, rdata)))
            return true;
    }
    return false;
}

static bool is_wanted(const struct rollover_remains *remains, char *const *words)
{
    bool is_named = *words == NULL;
    for (; *words != NULL; words++)
        is_named = is_named || strcmp(*words, remains->certificate) == 0;
    return is_named;
}

/* ---- what is printed ---- */

static void print(struct tool *tool, const char *certificate, const char *verb,
                  const struct rollover_left *left)
{
    char text[TLSA_BRIEF_OCTETS];
    if (!tool->is_json) {
        printf("%s: %s %s at %s\n", certificate, verb,
               tlsa_record_brief(&left->rdata, text), left->name);
        return;
    }
    json_object_open(&tool->json, NULL);
    json_string(&tool->json, "certificate", certificate);
    json_string(&tool->json, "owner", left->name);
    tlsa_record_json(&tool->json, &left->rdata);
    json_object_close(&tool->json);
}

void rollover_remains_tell(struct tool *tool, const struct rollover_remains_list *list,
                           char *const *words)
{
    if (tool->is_json)
        json_array_open(&tool->json, "left");
    for (size_t i = 0; i < list->count; i++) {
        const struct rollover_remains *remains = &list->array[i];
        const char *certificate = remains->certificate;
        if (!is_wanted(remains, words))
            continue;
        if (!remains->is_configured && !tool->is_json)
            printf("%s: stands in deploy.conf no more\n", certificate);
        for (size_t k = 0; k < remains->saved.left_count; k++)
            print(tool, certificate, "left over", &remains->saved.left[k]);
        if (!tool->is_json &&
            (remains->saved.left_count > 0 || !remains->is_configured))
            printf("%s: \"tsigate-tlsa rollover --clean %s\" takes away what is left "
                   "over\n",
                   certificate, certificate);
    }
    if (tool->is_json)
        json_array_close(&tool->json);
    fflush(stdout);
}

/* ---- what is deleted ---- */

static int delete_one(struct publisher *publisher, const struct rollover_left *left)
{
    static const struct tlsa_records none = {.count = 0};
    const struct tlsa_records unwanted = {.array = {left->rdata}, .count = 1};
    struct publisher_found found;
    const struct publisher_change change = {
        .owner = tool_name(publisher->tool, left->name),
        .wanted = &none,
        .unwanted = &unwanted,
    };
    return change.owner.octets != NULL ? publisher_apply(publisher, &change, &found)
                                       : TOOL_CONFIG;
}

/* One that is refused keeps no other from going; who does not answer is asked once. */
static int delete_left(struct publisher *publisher,
                       const struct rollover_remains_list *list,
                       struct rollover_remains *remains)
{
    int code = TOOL_DONE;
    size_t kept = 0;
    struct rollover_state *saved = &remains->saved;
    for (size_t i = 0; i < saved->left_count; i++) {
        const struct rollover_left left = saved->left[i];
        bool is_others =
            rollover_is_others(list, remains->certificate, left.name, &left.rdata);
        int one = is_others ? TOOL_DONE : code;
        if (!is_others && code != TOOL_OUTSIDE)
            one = delete_one(publisher, &left);
        if (one != TOOL_DONE)
            saved->left[kept++] = left;
        else if (!is_others)
            print(publisher->tool, remains->certificate, "deleted", &left);
        code = one > code ? one : code;
    }
    saved->left_count = kept;
    return code;
}

static int clean_one(struct state *state, const struct rollover_remains_list *list,
                     struct rollover_remains *remains)
{
    struct publisher publisher = {.tool = state->tool};
    const size_t before = remains->saved.left_count;
    int code = before > 0 ? publisher_open(state->tool, &publisher) : TOOL_DONE;
    if (code == TOOL_DONE)
        code = delete_left(&publisher, list, remains);
    publisher_close(&publisher);
    int saved = TOOL_DONE;
    if (!remains->is_configured && code == TOOL_DONE)
        saved = rollover_state_forget(state, remains->certificate);
    else if (remains->is_configured && remains->saved.left_count < before)
        saved = rollover_state_save(state, remains->certificate, &remains->saved);
    return code == TOOL_DONE ? saved : code;
}

int rollover_remains_clean(struct state *state,
                           const struct rollover_remains_list *list, char *const *words)
{
    struct tool *tool = state->tool;
    int code = TOOL_DONE;
    if (tool->is_json)
        json_array_open(&tool->json, "deleted");
    for (size_t i = 0; i < list->count; i++) {
        if (!is_wanted(&list->array[i], words))
            continue;
        int one = clean_one(state, list, &list->array[i]);
        code = one > code ? one : code;
    }
    if (tool->is_json)
        json_array_close(&tool->json);
    fflush(stdout);
    return code;
}

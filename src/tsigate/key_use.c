#include "tsigate/key_use.h"

#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "tsigate/control.h"
#include "tsigate/json_read.h"

/* Longer strings than names and times are in a status only where nobody looks here. */
#define JSON_TEXT_OCTETS 16384

/* A place in the status document. */
struct walk {
    struct tool *tool;
    struct key_uses *uses;
    int depth;
    bool is_in_keys;  /* within the array "keys" of the document itself */
    char member[32];  /* the last member's name; "" where it is longer */
    const char *name; /* of the key whose object is open; NULL: not seen yet */
};

static enum result note_use(struct walk *w, const char *time)
{
    int64_t *last = arena_alloc(&w->tool->arena, sizeof *last);
    if (last == NULL)
        return RES_EMEM;
    if (w->name == NULL || timestamp_parse(time, last) != RES_OK)
        return RES_OK;
    enum result result = map_put(&w->uses->last, w->name, strlen(w->name), last);
    return result == RES_EEXISTS ? RES_OK : result;
}

static enum result take_value(struct walk *w, const char *text)
{
    if (w->depth == 1 && strcmp(w->member, "uptime_s") == 0)
        w->uses->since_s = w->tool->now_s - strtoll(text, NULL, 10);
    if (!w->is_in_keys || w->depth != 3)
        return RES_OK;
    if (strcmp(w->member, "last_use") == 0)
        return note_use(w, text);
    if (strcmp(w->member, "name") == 0) {
        w->name = arena_string(&w->tool->arena, text);
        return w->name != NULL ? RES_OK : RES_EMEM;
    }
    return RES_OK;
}

static void take_member(struct walk *w, const char *text)
{
    size_t len = strlen(text);
    w->member[0] = '\0';
    if (len < sizeof w->member)
        memcpy(w->member, text, len + 1);
    if (w->depth == 1)
        w->is_in_keys = strcmp(text, "keys") == 0;
}

static enum result read_status(struct walk *w, const char *document)
{
    char text[JSON_TEXT_OCTETS];
    struct json_reader reader = {document, text, sizeof text};
    enum result result = RES_OK;
    while (result == RES_OK) {
        switch (json_next(&reader)) {
        case JSON_WRONG:
        case JSON_END:
            return RES_OK;
        case JSON_OBJECT_OPEN:
            w->name = NULL;
            w->depth++;
            break;
        case JSON_ARRAY_OPEN:
            w->depth++;
            break;
        case JSON_OBJECT_CLOSE:
        case JSON_ARRAY_CLOSE:
            w->depth--;
            break;
        case JSON_KEY:
            take_member(w, text);
            break;
        case JSON_STRING:
        case JSON_WORD:
            result = take_value(w, text);
            break;
        }
    }
    return result;
}

enum result key_uses_ask(struct tool *tool, struct key_uses *out)
{
    char *answer = NULL;
    *out = (struct key_uses){.since_s = tool->now_s};
    if (control_ask(tool, "status\n", &answer) != TOOL_DONE) {
        tool_fail(TOOL_OUTSIDE, "when keys were last used is not known");
        return RES_OK;
    }
    struct walk walk = {.tool = tool, .uses = out};
    out->is_known = true;
    enum result result = read_status(&walk, answer);
    free(answer);
    return result;
}

void key_uses_fini(struct key_uses *uses)
{
    map_fini(&uses->last);
}

const int64_t *key_uses_last(const struct key_uses *uses, const char *key)
{
    return map_get(&uses->last, key, strlen(key));
}

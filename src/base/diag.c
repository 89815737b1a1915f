#include "base/diag.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

#define CHUNK_OCTETS 4096

void diags_init(struct diags *diags)
{
    *diags = (struct diags){0};
    arena_init(&diags->arena, CHUNK_OCTETS, 0);
}

void diags_fini(struct diags *diags)
{
    arena_fini(&diags->arena);
    *diags = (struct diags){0};
}

/* A file's word may hold anything; a terminal must not be steered by it (L-3). */
static void blank_controls(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

static char *message_of(struct arena *arena, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *message = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (message != NULL) {
        (void)vsnprintf(message, (size_t)len + 1, format, args);
        blank_controls(message);
    }
    return message;
}

static void add(struct diags *diags, const struct diag *values, const char *format,
                va_list args)
{
    size_t count = values->severity == SEVERITY_ERROR ? diags->errors : diags->warnings;

    if (count > LIMIT_DIAGNOSTICS) /* of each: warnings must not hide an error */
        return;
    struct diag *diag = arena_copy(&diags->arena, values, sizeof(*values));
    if (diag == NULL)
        return;
    diag->message = message_of(&diags->arena, format, args);
    if (diag->message == NULL)
        return;
    if (diags->last == NULL)
        diags->first = diag;
    else
        diags->last->next = diag;
    diags->last = diag;
}

void diags_verror(struct diags *diags, struct place place, const char *id,
                  const char *format, va_list args)
{
    const struct diag values = {.severity = SEVERITY_ERROR, .id = id, .place = place};

    diags->errors++;
    add(diags, &values, format, args);
}

void diags_error(struct diags *diags, struct place place, const char *id,
                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    diags_verror(diags, place, id, format, args);
    va_end(args);
}

void diags_warn(struct diags *diags, struct place place, const char *id,
                const char *format, ...)
{
    const struct diag values = {.severity = SEVERITY_WARNING, .id = id, .place = place};
    va_list args;

    diags->warnings++;
    va_start(args, format);
    add(diags, &values, format, args);
    va_end(args);
}

static bool comes_after(const struct place *a, const struct place *b)
{
    int order = strcmp(a->file != NULL ? a->file : "", b->file != NULL ? b->file : "");

    if (order != 0)
        return order > 0;
    if (a->line != b->line)
        return a->line > b->line;
    return a->column > b->column;
}

/* Insertion, stable; files are read in order, so most go straight to the end. */
void diags_sort(struct diags *diags)
{
    struct diag *rest = diags->first;

    diags->first = NULL;
    diags->last = NULL;
    while (rest != NULL) {
        struct diag *diag = rest;
        rest = rest->next;
        struct diag **link = &diags->first;
        if (diags->last != NULL && !comes_after(&diags->last->place, &diag->place))
            link = &diags->last->next;
        while (*link != NULL && !comes_after(&(*link)->place, &diag->place))
            link = &(*link)->next;
        diag->next = *link;
        *link = diag;
        if (diag->next == NULL)
            diags->last = diag;
    }
}

const char *diag_format(const struct diag *diag, char *text, size_t capacity)
{
    const struct place *place = &diag->place;
    char line[16] = "";
    char column[16] = "";

    if (place->file != NULL && place->line != 0)
        (void)snprintf(line, sizeof(line), ":%u", place->line);
    if (line[0] != '\0' && place->column != 0)
        (void)snprintf(column, sizeof(column), ":%u", place->column);
    bool has_id = diag->id[0] != '\0';
    (void)snprintf(text, capacity, "%s%s%s%s%s%s%s%s%s",
                   place->file != NULL ? place->file : "", line, column,
                   place->file != NULL ? ": " : "",
                   diag->severity == SEVERITY_WARNING ? "warning: " : "", diag->message,
                   has_id ? " [" : "", diag->id, has_id ? "]" : "");
    return text;
}

#include "tlsa/deploy.h"

#include <string.h>

#include "base/map.h"
#include "tlsa/deploy_file.h"
#include "tlsa/deploy_tell.h"

#define MARK_OCTETS (256 * 1024)

/* A file of the mark: which there is to go back to. */
struct kept {
    const char *path;
    bool was_there;
    struct kept *next;
};

/* The mark stands in the state from before a file is exchanged until the consumer was
 * told; an empty one says that it has to be told, and no more. */
struct due {
    struct deploy_outcome *outcome;
    const struct deployment_consumer *consumer;
    struct deploy_file *files; /* as many as the consumer's */
    const char *mark;          /* its name in the state */
    bool was_marked;           /* by a run before */
    bool is_marked;
    struct kept *kept;
};

struct run {
    const struct deploy *deploy;
    struct tool *tool;
    struct state *state;
    struct due *dues;
    size_t count;
};

/* ---- marks ---- */

static int add_kept(struct run *run, struct due *due, const char *path, bool was_there)
{
    for (const struct kept *kept = due->kept; kept != NULL; kept = kept->next) {
        if (strcmp(kept->path, path) == 0)
            return TOOL_DONE;
    }
    struct kept *kept = arena_alloc(&run->tool->arena, sizeof *kept);
    if (kept == NULL)
        return tool_no_memory();
    *kept = (struct kept){.path = path, .was_there = was_there, .next = due->kept};
    due->kept = kept;
    return TOOL_DONE;
}

/* Lines "old PATH" and "new PATH". */
static int parse_mark(struct run *run, struct due *due, char *chars)
{
    int code = TOOL_DONE;
    for (char *line = chars; code == TOOL_DONE && *line != '\0';) {
        char *end = line + strcspn(line, "\n");
        bool was_there = strncmp(line, "old ", 4) == 0;
        if (*end != '\n' || (!was_there && strncmp(line, "new ", 4) != 0))
            return tool_fail(TOOL_OUTSIDE, "%s/%s: damaged", run->state->folder,
                             due->mark);
        const char *path =
            arena_string_n(&run->tool->arena, line + 4, (size_t)(end - line) - 4);
        code = path != NULL ? add_kept(run, due, path, was_there) : tool_no_memory();
        line = end + 1;
    }
    return code;
}

static int read_mark(struct run *run, struct due *due)
{
    struct file_text text;
    /* '+' is in no name: "a.b" and "c" are not "a" and "b.c" */
    due->mark = arena_printf(&run->tool->arena, "%s+%s.pending",
                             run->deploy->certificate->name, due->consumer->name);
    if (due->mark == NULL)
        return tool_no_memory();
    int code = state_read(run->state, due->mark, &text);
    if (code == TOOL_DONE && text.chars != NULL) {
        due->was_marked = due->is_marked = true;
        code = parse_mark(run, due, text.chars);
    }
    file_text_free(&text);
    return code;
}

static int write_mark(struct run *run, struct due *due)
{
    uint8_t *octets = arena_alloc(&run->tool->arena, MARK_OCTETS);
    if (octets == NULL)
        return tool_no_memory();
    struct writer w = writer_of(octets, MARK_OCTETS);
    for (const struct kept *kept = due->kept; kept != NULL; kept = kept->next)
        writer_printf(&w, "%s %s\n", kept->was_there ? "old" : "new", kept->path);
    if (w.failed)
        return tool_no_memory();
    int code = state_write(run->state, due->mark, (const char *)octets, w.len);
    due->is_marked = due->is_marked || code == TOOL_DONE;
    return code;
}

/* First the mark: without it an old file is only a leftover, but with it and without
 * the old file there is nothing to go back to. */
static int remove_mark(struct run *run, struct due *due)
{
    int code = state_remove(run->state, due->mark);
    for (struct kept *kept = due->kept; code == TOOL_DONE && kept != NULL;
         kept = kept->next)
        deploy_file_forget(run->tool, kept->path);
    if (code == TOOL_DONE)
        due->kept = NULL;
    due->is_marked = code != TOOL_DONE;
    return code;
}

/* ---- what there is to do ---- */

static int open_due(struct run *run, struct due *due)
{
    const struct deploy *deploy = run->deploy;
    size_t count = due->consumer->file_count;
    struct deploy_outcome *outcome = due->outcome;
    due->files = arena_array(&run->tool->arena, count, sizeof *due->files);
    outcome->changed = arena_array(&run->tool->arena, count, sizeof *outcome->changed);
    if (due->files == NULL || outcome->changed == NULL)
        return tool_no_memory();
    int code = read_mark(run, due);
    for (size_t i = 0; code == TOOL_DONE && i < count; i++) {
        code = deploy_file_open(run->tool, deploy->certificate, deploy->material,
                                &due->consumer->files[i], &due->files[i]);
        if (code == TOOL_DONE && due->files[i].is_changed)
            outcome->changed[outcome->changed_count++] = due->files[i].path;
    }
    if (outcome->changed_count > 0 || due->is_marked)
        outcome->fate = DEPLOY_DUE;
    return code;
}

/* The configuration's paths differ; links may still lead two of them to one file. */
static int check_paths(const struct run *run)
{
    struct map paths;
    int code = TOOL_DONE;
    map_init(&paths);
    for (size_t i = 0; code == TOOL_DONE && i < run->count; i++) {
        const struct due *due = &run->dues[i];
        for (size_t j = 0; code == TOOL_DONE && j < due->consumer->file_count; j++) {
            struct deploy_file *file = &due->files[j];
            enum result result = map_put(&paths, file->path, strlen(file->path), file);
            if (result == RES_EEXISTS)
                code = tool_fail(TOOL_CONFIG, "%s: it leads to %s, as another does",
                                 file->file->path, file->path);
            else if (result != RES_OK)
                code = tool_no_memory();
        }
    }
    map_fini(&paths);
    return code;
}

static int open_dues(struct run *run, struct deploy_report *report)
{
    const struct deployment_certificate *certificate = run->deploy->certificate;
    struct arena *arena = &run->tool->arena;
    size_t count = certificate->consumer_count;
    run->dues = arena_array(arena, count, sizeof *run->dues);
    report->outcomes = arena_array(arena, count, sizeof *report->outcomes);
    if (run->dues == NULL || report->outcomes == NULL)
        return tool_no_memory();
    run->count = report->count = count;
    int code = TOOL_DONE;
    for (size_t i = 0; i < count; i++) {
        report->outcomes[i].consumer = &certificate->consumers[i];
        run->dues[i].outcome = &report->outcomes[i];
        run->dues[i].consumer = &certificate->consumers[i];
    }
    for (size_t i = 0; code == TOOL_DONE && i < count; i++)
        code = open_due(run, &run->dues[i]);
    return code == TOOL_DONE ? check_paths(run) : code;
}

static void close_dues(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct due *due = &run->dues[i];
        for (size_t j = 0; due->files != NULL && j < due->consumer->file_count; j++)
            deploy_file_close(&due->files[j]);
    }
}

/* ---- the exchange, all or none ---- */

typedef int file_step(const struct deploy_file *file);

static int each_changed(struct run *run, file_step *step)
{
    int code = TOOL_DONE;
    for (size_t i = 0; i < run->count; i++) {
        const struct due *due = &run->dues[i];
        for (size_t j = 0; code == TOOL_DONE && j < due->consumer->file_count; j++) {
            if (due->files[j].is_changed)
                code = step(&due->files[j]);
        }
    }
    return code;
}

static void tidy(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct due *due = &run->dues[i];
        for (size_t j = 0; j < due->consumer->file_count; j++)
            deploy_file_tidy(&due->files[j], due->is_marked);
    }
}

static int mark_all(struct run *run)
{
    int code = TOOL_DONE;
    for (size_t i = 0; i < run->count; i++) {
        struct due *due = &run->dues[i];
        for (size_t j = 0; code == TOOL_DONE && j < due->consumer->file_count; j++) {
            const struct deploy_file *file = &due->files[j];
            if (file->is_changed)
                code = add_kept(run, due, file->path, file->is_there);
        }
        if (code == TOOL_DONE && due->outcome->changed_count > 0)
            code = write_mark(run, due);
    }
    return code;
}

/* To what the consumer was last told of. */
static int go_back(struct run *run, struct due *due)
{
    int code = TOOL_DONE;
    for (const struct kept *kept = due->kept; kept != NULL; kept = kept->next) {
        int one = deploy_file_restore(run->tool, kept->path, kept->was_there);
        code = code == TOOL_DONE ? one : code;
    }
    if (code == TOOL_DONE)
        due->kept = NULL;
    return code;
}

/* Nothing was told in this run: who had been told all has nothing to hear of now. */
static void take_back_all(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct due *due = &run->dues[i];
        if (due->is_marked && go_back(run, due) == TOOL_DONE)
            (void)(due->was_marked ? write_mark(run, due) : remove_mark(run, due));
    }
    tidy(run);
}

static int exchange_all(struct run *run)
{
    int code = each_changed(run, deploy_file_stage);
    if (code == TOOL_DONE)
        code = each_changed(run, deploy_file_keep);
    if (code == TOOL_DONE)
        code = mark_all(run);
    if (code == TOOL_DONE)
        code = each_changed(run, deploy_file_exchange);
    if (code != TOOL_DONE)
        take_back_all(run);
    return code;
}

/* ---- telling ---- */

static enum deploy_told tell_and_look(struct run *run, const struct due *due,
                                      char why[static DEPLOY_WHY_OCTETS])
{
    enum deploy_told told = deploy_tell(&due->consumer->tell, !due->was_marked, why);
    if (told == DEPLOY_TOLD &&
        !deploy_probe(due->consumer, run->deploy->material, run->deploy->records,
                      &run->tool->arena, why))
        return DEPLOY_TOLD_FAILED;
    return told;
}

static void set_note(struct run *run, struct due *due, const char *why)
{
    due->outcome->note = arena_string(&run->tool->arena, why);
}

static void fail_due(struct run *run, struct due *due, const char *why)
{
    char second[DEPLOY_WHY_OCTETS];
    const char *certificate = run->deploy->certificate->name;
    const char *consumer = due->consumer->name;
    due->outcome->fate = DEPLOY_STUCK;
    set_note(run, due, why);
    (void)tool_fail(TOOL_OUTSIDE, "%s: %s: %s", certificate, consumer, why);
    if (go_back(run, due) != TOOL_DONE)
        return;
    if (deploy_tell(&due->consumer->tell, false, second) == DEPLOY_TOLD_FAILED) {
        (void)tool_fail(TOOL_OUTSIDE,
                        "%s: %s: it has its old files again, but: %s; the next run "
                        "tells it",
                        certificate, consumer, second);
        (void)write_mark(run, due);
        return;
    }
    if (remove_mark(run, due) == TOOL_DONE)
        due->outcome->fate = DEPLOY_WENT_BACK;
}

static void tell_due(struct run *run, struct due *due)
{
    char why[DEPLOY_WHY_OCTETS] = "";
    switch (tell_and_look(run, due, why)) {
    case DEPLOY_TOLD_FAILED:
        fail_due(run, due, why);
        return;
    case DEPLOY_TOLD_NOBODY:
        set_note(run, due, why);
        break;
    case DEPLOY_TOLD:
        break;
    }
    due->outcome->fate =
        remove_mark(run, due) == TOOL_DONE ? DEPLOY_DONE : DEPLOY_STUCK;
}

static int carry_out(struct run *run, const struct deploy_report *report)
{
    tidy(run);
    int code = exchange_all(run);
    if (code != TOOL_DONE)
        return tool_fail(code, "%s: nothing is deployed",
                         run->deploy->certificate->name);
    for (size_t i = 0; i < run->count; i++) {
        if (run->dues[i].is_marked)
            tell_due(run, &run->dues[i]);
    }
    return deploy_has_failed(report) ? TOOL_OUTSIDE : TOOL_DONE;
}

/* ---- public ---- */

int deploy_run(const struct deploy *deploy, struct deploy_report *out)
{
    struct run run = {.deploy = deploy, .tool = deploy->tool, .state = deploy->state};
    *out = (struct deploy_report){.count = 0};
    int code = open_dues(&run, out);
    if (code == TOOL_DONE && !deploy->is_dry)
        code = carry_out(&run, out);
    close_dues(&run);
    return code;
}

bool deploy_has_failed(const struct deploy_report *report)
{
    bool has_failed = false;
    for (size_t i = 0; i < report->count; i++) {
        enum deploy_fate fate = report->outcomes[i].fate;
        has_failed = has_failed || fate == DEPLOY_WENT_BACK || fate == DEPLOY_STUCK;
    }
    return has_failed;
}

const char *deploy_fate_name(enum deploy_fate fate)
{
    switch (fate) {
    case DEPLOY_UNCHANGED:
        return "unchanged";
    case DEPLOY_DUE:
        return "due";
    case DEPLOY_DONE:
        return "done";
    case DEPLOY_WENT_BACK:
        return "went-back";
    case DEPLOY_STUCK:
        return "stuck";
    }
    return "?";
}

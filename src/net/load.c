#include "net/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "net/clock.h"
#include "net/conf.h"

static enum result fill(struct load *load, struct snapshot *snapshot)
{
    struct snapshot_wanted wanted = {
        .with_keys = true,
        .key_owner = geteuid(),
        .generation = load->generation,
        .now_s = clock_now().real_us / 1000000,
    };

    enum result res = conf_read(load->file, snapshot, &load->diags);
    if (res != RES_OK)
        return res;
    res = conf_want_daemon(&snapshot->settings, &load->diags);
    if (res != RES_OK || load->settings_only)
        return res;
    return snapshot_load(snapshot, &wanted, &load->diags);
}

void load_run(struct load *load)
{
    struct snapshot *snapshot = snapshot_new(load->file);

    diags_init(&load->diags);
    load->result = snapshot == NULL ? RES_EMEM : fill(load, snapshot);
    if (load->result == RES_OK)
        load->snapshot = snapshot;
    else
        load->failed = snapshot;
    if (load->result != RES_OK && load->diags.errors == 0)
        diags_error(&load->diags, (struct place){.file = load->file}, "load-failed",
                    "cannot be loaded: %s",
                    load->result == RES_EMEM ? "no memory" : "internal error");
    diags_sort(&load->diags);
}

void load_fini(struct load *load)
{
    diags_fini(&load->diags);
    if (load->snapshot != NULL)
        snapshot_release(&load->snapshot);
    if (load->failed != NULL)
        snapshot_release(&load->failed);
}

/* ---- telling ---- */

static void write_diags(const struct diags *diags, enum severity severity,
                        const char *key, struct json *json)
{
    char text[LIMIT_PATH_OCTETS + LIMIT_LINE_OCTETS];

    json_array_open(json, key);
    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next)
        if (diag->severity == severity)
            json_string(json, NULL, diag_format(diag, text, sizeof(text)));
    json_array_close(json);
}

/* Every octet may become \u00XX. */
static size_t answer_octets(const struct diags *diags)
{
    char text[LIMIT_PATH_OCTETS + LIMIT_LINE_OCTETS];
    size_t octets = 256;

    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next)
        octets += 6 * strlen(diag_format(diag, text, sizeof(text))) + 8;
    return octets;
}

enum result load_answer(const struct load *load, uint64_t generation,
                        struct writer *out)
{
    size_t capacity = answer_octets(&load->diags);
    uint8_t *octets = malloc(capacity);

    if (octets == NULL)
        return RES_EMEM;
    *out = writer_of(octets, capacity);
    struct json json = json_of(out);
    json_object_open(&json, NULL);
    json_bool(&json, "ok", load->result == RES_OK);
    json_number(&json, "generation", (int64_t)generation);
    write_diags(&load->diags, SEVERITY_ERROR, "errors", &json);
    write_diags(&load->diags, SEVERITY_WARNING, "warnings", &json);
    json_object_close(&json);
    return RES_OK;
}

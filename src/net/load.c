#include "net/load.h"

#include <unistd.h>

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

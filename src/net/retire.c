#include "net/retire.h"

#include <stdlib.h>

struct burial {
    struct errand errand;
    struct snapshot *snapshot;
};

static void bury(void *arg)
{
    struct burial *burial = arg;

    snapshot_free(&burial->snapshot);
}

static void on_released(void *arg, struct snapshot *snapshot)
{
    struct burial *burial = calloc(1, sizeof(*burial));

    if (burial == NULL) {
        snapshot_free(&snapshot);
        return;
    }
    burial->snapshot = snapshot;
    burial->errand = (struct errand){bury, free, burial};
    aside_run(arg, &burial->errand);
}

void retire_beside_loop(struct snapshot *snapshot, struct aside *aside)
{
    snapshot->on_released = on_released;
    snapshot->on_released_arg = aside;
}

#include "net/retire.h"

#include <stdlib.h>

#include "net/aside.h"

struct burial {
    struct aside aside;
    struct snapshot *snapshot;
};

static void bury(void *arg)
{
    struct burial *burial = arg;

    snapshot_free(&burial->snapshot);
}

static void on_released(void *arg, struct snapshot *snapshot)
{
    const struct retire *retire = arg;
    struct burial *burial = retire->loop != NULL ? calloc(1, sizeof(*burial)) : NULL;

    if (burial == NULL) {
        snapshot_free(&snapshot);
        return;
    }
    burial->snapshot = snapshot;
    aside_run(&burial->aside, retire->loop, bury, free, burial);
}

void retire_beside_loop(struct retire *retire, struct snapshot *snapshot)
{
    snapshot->on_released = on_released;
    snapshot->on_released_arg = retire;
}

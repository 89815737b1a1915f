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
    const struct retire *retire = arg;
    struct burial *burial = retire->aside != NULL ? calloc(1, sizeof(*burial)) : NULL;

    if (burial == NULL) {
        snapshot_free(&snapshot);
        return;
    }
    burial->snapshot = snapshot;
    burial->errand = (struct errand){.work = bury, .finish = free, .arg = burial};
    aside_run(retire->aside, &burial->errand);
}

void retire_beside_loop(struct retire *retire, struct snapshot *snapshot)
{
    snapshot->on_released = on_released;
    snapshot->on_released_arg = retire;
}

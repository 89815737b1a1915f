#include "net/retire.h"

#include <stdlib.h>

struct burial {
    uv_work_t work;
    struct snapshot *snapshot;
};

static void free_in_pool(uv_work_t *work)
{
    struct burial *burial = work->data;

    snapshot_free(&burial->snapshot);
}

static void on_freed(uv_work_t *work, int status)
{
    (void)status; /* cancelled by nobody */
    free(work->data);
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
    burial->work.data = burial;
    /* Fails for a missing callback only. */
    (void)uv_queue_work(retire->loop, &burial->work, free_in_pool, on_freed);
}

void retire_beside_loop(struct retire *retire, struct snapshot *snapshot)
{
    snapshot->on_released = on_released;
    snapshot->on_released_arg = retire;
}

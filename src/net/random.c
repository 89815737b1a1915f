#include "net/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* getrandom gives up to 256 octets uninterrupted once the kernel's pool is ready; it
 * fails only before that, or where a sandbox forbids it. Predictable IDs are no way to
 * go on (F-1). */
static void refill(struct random_pool *pool)
{
    for (size_t have = 0; have < sizeof(pool->numbers);) {
        ssize_t got =
            getrandom((char *)pool->numbers + have, sizeof(pool->numbers) - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            abort();
        have += (size_t)got;
    }
    pool->left = sizeof(pool->numbers) / sizeof(pool->numbers[0]);
}

uint16_t random_pool_u16(struct random_pool *pool)
{
    if (pool->left == 0)
        refill(pool);
    uint16_t number = pool->numbers[--pool->left];
    pool->numbers[pool->left] = 0;
    return number;
}

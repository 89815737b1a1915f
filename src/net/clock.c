#include "net/clock.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec time = {0};

    (void)clock_gettime(id, &time); /* fails for unknown clocks only */
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

struct txn_now clock_now(void)
{
    return (struct txn_now){.mono_us = clock_us(CLOCK_MONOTONIC),
                            .real_us = clock_us(CLOCK_REALTIME)};
}

int64_t clock_booted_us(void)
{
    /* Since the start, sleep included: the real clock is read last. */
    int64_t up_us = clock_us(CLOCK_BOOTTIME);

    return clock_us(CLOCK_REALTIME) - up_us;
}

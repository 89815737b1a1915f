/*
 * The two clocks, for the floors below, which never ask one. Floor 4.
 */
#ifndef TSIGATE_NET_CLOCK_H
#define TSIGATE_NET_CLOCK_H

#include "txn/txn.h"

struct txn_now clock_now(void);
/* When the machine started, by the real clock; never a moment too early. */
int64_t clock_booted_us(void);

#endif

/*
 * The two clocks, for the floors below, which never ask one. Floor 4.
 */
#ifndef TSIGATE_NET_CLOCK_H
#define TSIGATE_NET_CLOCK_H

#include "txn/txn.h"

struct txn_now clock_now(void);

#endif

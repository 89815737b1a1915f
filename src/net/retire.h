/*
 * The end of a replaced snapshot: freeing a million keys takes the better part of a
 * second, in which the loop would answer nobody. So it is done aside. Floor 4.
 */
#ifndef TSIGATE_NET_RETIRE_H
#define TSIGATE_NET_RETIRE_H

#include "net/aside.h"
#include "policy/snapshot.h"

/* When the last reference of the snapshot goes, from now on, it is freed beside the
 * loop. aside outlives it. */
void retire_beside_loop(struct snapshot *snapshot, struct aside *aside) NONNULL;

#endif

/*
 * Whether this host has a way to an address at all: one without IPv6 has none to any
 * address of IPv6, and learns nothing of whoever listens there. Floor 5; sends nothing.
 */
#ifndef TSIGATE_TLSA_ROUTE_H
#define TSIGATE_TLSA_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/result.h"

bool route_exists(const struct addr *address) MUST_CHECK NONNULL;
/* Those that there is a way to come first, each in the order that they had; how many.
 * Where it is none, all are worth a try, and it is all: the error tells. */
size_t route_sort(struct addr *addresses, size_t count) MUST_CHECK NONNULL;

#endif

/*
 * Large tables in large pages. Floor 1a.
 *
 * What is looked up at random in hundreds of megabytes costs more for the way to the
 * page than for the memory itself, most of all in a virtual machine.
 */
#ifndef TSIGATE_BASE_PAGES_H
#define TSIGATE_BASE_PAGES_H

#include <stddef.h>

#include "base/result.h"

/* Asks the kernel for large pages behind octets, where there are enough of them; call
 * it before they are written. A wish: nothing fails. */
void pages_want_large(void *octets, size_t len) NONNULL;

#endif

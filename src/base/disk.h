/*
 * What it takes for octets and names to be on disk. Floor 1a.
 */
#ifndef TSIGATE_BASE_DISK_H
#define TSIGATE_BASE_DISK_H

#include <stddef.h>

#include "base/result.h"

/* All octets, whatever write(2) takes at once. RES_EIO: errno tells. */
enum result disk_write(int fd, const void *octets, size_t len) MUST_CHECK NONNULL;
/* The folder in which path lies: a name given or taken there is on disk afterwards.
 * RES_EIO: errno tells; RES_EMEM. */
enum result disk_sync_folder_of(const char *path) MUST_CHECK NONNULL;

#endif

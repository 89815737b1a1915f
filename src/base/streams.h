/*
 * The standard streams of a tool, as a shell or cron may leave them. Floor 1a.
 */
#ifndef TSIGATE_BASE_STREAMS_H
#define TSIGATE_BASE_STREAMS_H

#include <stdbool.h>

/* First of all in main. A descriptor that is closed would go to the next file that is
 * opened, and what is printed into that file; from now on writing to it fails. */
void streams_begin(void);
/* Last of all: whether all that was printed is out. false: errno tells. */
bool streams_end(void);

#endif

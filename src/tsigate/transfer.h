/*
 * What a zone of the primary holds, by zone transfer (RFC 5936) under the gateway's
 * key. Floor 5, blocking.
 */
#ifndef TSIGATE_TSIGATE_TRANSFER_H
#define TSIGATE_TSIGATE_TRANSFER_H

#include "tsigate/tool.h"

/* Anything but RES_OK ends the transfer as "out of memory". The names live for the
 * call. */
typedef enum result transfer_on_cname(void *arg, struct name owner, struct name target);

/*
 * Gives each CNAME of the zone to on_cname. TOOL_DONE with *out_why NULL: that was all
 * of them; else why the zone could not be had, in the tool's arena. TOOL_OUTSIDE,
 * TOOL_CONFIG: as told, the primary cannot be asked at all.
 */
int transfer_cnames(struct tool *tool, struct name zone, transfer_on_cname *on_cname,
                    void *arg, const char **out_why) MUST_CHECK NONNULL;

#endif

/*
 * What `tsigate grant` and `tsigate revoke` share: the words of one right. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_CHANGE_H
#define TSIGATE_TSIGATE_CHANGE_H

#include "tsigate/install.h"

struct change {
    const char *file; /* --file; NULL: where the right is or belongs */
    const char *host_text;
    struct name host;
    const char *profile;
    const char *const *words; /* names, ports, options */
    size_t word_count;
};

/* The command line, and the ACL as it is, which is in order, in the install's tool.
 * TOOL_DONE with host_text NULL: it was --help. */
int change_read(struct install *install, struct change *out, int argc,
                char **argv) MUST_CHECK NONNULL;

#endif

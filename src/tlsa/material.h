/*
 * A certificate with its chain and its key, read once and found good: what is copied,
 * published and deployed is what was checked. Floor 5.
 */
#ifndef TSIGATE_TLSA_MATERIAL_H
#define TSIGATE_TLSA_MATERIAL_H

#include "conf/file.h"
#include "tlsa/certfile.h"
#include "tlsa/tool.h"

struct material {
    struct certfile certificate; /* the service's own first, then its issuers */
    struct certfile key;
    struct file_text certificate_text; /* their files' octets, zeroed at the end */
    struct file_text key_text;
};

/*
 * Reads both files. Wrong, as told: either cannot be read or is no such thing; the key
 * is not the certificate's; the certificate is not valid yet, or no longer. TOOL_DONE,
 * TOOL_CONFIG; material_close after either.
 */
int material_open(struct tool *tool, const char *certificate, const char *key,
                  struct material *out) MUST_CHECK NONNULL;
void material_close(struct material *material) NONNULL;

#endif

/*
 * Which names have which services: from a map file, or from a certificate's file name.
 * Floor 5; pure.
 *
 *     # the host, and its services
 *     mx1.duckcorp.org  25/tcp 465/tcp
 */
#ifndef TSIGATE_TLSA_SCAN_MAP_H
#define TSIGATE_TLSA_SCAN_MAP_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"
#include "tlsa/record.h"

#define SCAN_SERVICES 32 /* of one name */

struct scan_host {
    struct name name; /* the arena's */
    struct service services[SCAN_SERVICES];
    size_t count;   /* at least one */
    bool is_served; /* a certificate was found; the caller's */
    struct scan_host *next;
};

/* Appends to *hosts (a list in file order; start with NULL). All errors, with their
 * lines, go to diags. RES_EFORMAT, RES_EMEM. */
enum result scan_map_parse(const char *file, const char *text, size_t len,
                           struct arena *arena, struct diags *diags,
                           struct scan_host **hosts) MUST_CHECK NONNULL;
/* NAME_25-tcp.pem, NAME_25-tcp_465-tcp.crt. RES_ENOTFOUND: it speaks of no service. */
enum result scan_map_of_file(const char *path, struct arena *arena,
                             struct scan_host *out) MUST_CHECK NONNULL;
/* Whether a file's name is that of a certificate: .pem .crt .cer .der, not hidden. */
bool scan_is_certificate(const char *path) MUST_CHECK NONNULL;

#endif

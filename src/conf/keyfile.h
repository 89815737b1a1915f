/*
 * BIND key files, as tsig-keygen writes them and nsupdate -k reads them. Floor 1c.
 *
 *     key "mx1.duckcorp.org" {
 *             algorithm hmac-sha256;
 *             secret "...";
 *     };
 *
 * Several per file; comments as in named.conf. Nothing else is allowed in the file.
 */
#ifndef TSIGATE_CONF_KEYFILE_H
#define TSIGATE_CONF_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"
#include "base/secret.h"
#include "dns/hmac.h"
#include "dns/name.h"

struct keyfile_key {
    struct name name; /* the arena's */
    enum hmac_algorithm algorithm;
    struct secret secret; /* owned by whoever walks the list last: keyfile_keys_free */
    struct place place;   /* of the name */
    struct keyfile_key *next;
};

/*
 * Parses text and appends to *keys (a list in file order; start with NULL). Errors, all
 * of them, go to diags (`key-syntax`, `key-algorithm`, `key-weak-algorithm`,
 * `key-secret`, `key-short-secret` under LIMIT_SECRET_MIN_OCTETS); a secret shorter
 * than the digest is the warning `short-secret`. No message shows any part of a secret.
 * A key with an error is left out. Names that repeat are the caller's to find, over all
 * files. RES_EFORMAT when there was an error, RES_EMEM.
 */
enum result keyfile_parse(const char *file, const char *text, size_t len,
                          bool weak_algorithms, struct arena *arena,
                          struct diags *diags,
                          struct keyfile_key **keys) MUST_CHECK NONNULL;
void keyfile_keys_free(struct keyfile_key **keys) NONNULL;

#endif

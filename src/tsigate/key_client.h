/*
 * What each kind of client needs to sign with a key: a file that holds the secret, and
 * what to do with it on the host. Plain tables of templates; @words@ are filled in by
 * whoever writes them. Floor 5.
 */
#ifndef TSIGATE_TSIGATE_KEY_CLIENT_H
#define TSIGATE_TSIGATE_KEY_CLIENT_H

#include <stdbool.h>

#include "dns/hmac.h"

/* The clients' own name of an algorithm. */
enum key_spelling {
    KEY_SPELLING_LOWER,   /* hmac-sha256 */
    KEY_SPELLING_UPPER,   /* HMAC-SHA256 */
    KEY_SPELLING_COMPACT, /* HMACSHA256 */
};

struct key_client {
    const char *name; /* of --for */
    /* The file with the secret; NULL: the key file itself serves. */
    const char *file;
    const char *place; /* where the host looks for it */
    bool is_local;     /* it goes to no host: it is used where it is made */
    /* What to do there, for a shell. Never holds a secret. */
    const char *script;
    enum key_spelling spelling; /* of @algorithm@ */
    unsigned algorithms; /* that it knows: bits 1 << enum hmac_algorithm; 0: all */
};

/* The key file as tsigated, named and nsupdate read it. */
extern const char key_file_template[];

/* NULL: none of that name. */
const struct key_client *key_client_find(const char *name) NONNULL;
/* All names with commas, for messages; "nsupdate, certbot, ...". */
const char *key_client_names(void);
bool key_client_takes(const struct key_client *client,
                      enum hmac_algorithm algorithm) NONNULL;

#endif

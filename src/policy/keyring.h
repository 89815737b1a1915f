/*
 * The keys that clients may sign with: secrets joined with the hosts that the ACL gives
 * them. Floor 2. Part of a snapshot and, but for OpenSSL's working state, immutable.
 */
#ifndef TSIGATE_POLICY_KEYRING_H
#define TSIGATE_POLICY_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/row_index.h"
#include "base/rows.h"
#include "conf/keyfile.h"
#include "dns/hmac.h"
#include "policy/acl.h"

struct key {
    struct name name;
    struct hmac
        *hmac; /* the ring's; with the algorithm, which is part of the key (T-5) */
    struct acl_credential credential; /* without a host: key-without-host */
    struct place place;
};

struct keyring {
    struct rows keys;               /* struct key, without the gateway's own */
    struct row_index by_name;       /* of them */
    struct key gateway;             /* hmac NULL: not found */
    struct hmac_contexts *contexts; /* of keys */
    struct arena *arena;
};

/* What the key files came to. */
struct keyring_parts {
    struct keyfile_key *keys;
    bool has_lost_keys;      /* some files had errors: a missing key may be in them */
    struct name gateway;     /* octets NULL: the configuration names none */
    struct place gateway_at; /* where it does */
};

/*
 * Joins the keys read with the ACL. Errors: `key-twice`, `secret-two-hosts`,
 * `gateway-key-missing`, `gateway-key-claimed` (U-10); warnings `secret-twice`,
 * `key-without-host`, `key-without-file`. Takes the secrets out of the list of keys.
 * RES_EFORMAT, RES_EMEM, RES_ECRYPTO.
 */
enum result keyring_build(const struct keyring_parts *parts, const struct acl *acl,
                          struct arena *arena, struct diags *diags,
                          struct keyring *out) MUST_CHECK NONNULL;
void keyring_fini(struct keyring *keyring) NONNULL;

static inline const struct key *keyring_key(const struct keyring *keyring, size_t index)
{
    return rows_at(&keyring->keys, index);
}
/* NULL: unknown. The gateway's own key is unknown to clients (BADKEY). */
const struct key *keyring_find(const struct keyring *keyring, struct name name) NONNULL;

#endif

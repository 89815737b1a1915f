/*
 * What is wrong in an ACL that can be used all the same, as far as it takes the
 * compiled ACL to see it: `tsigate check` asks, the daemon does not. Floor 2, pure.
 * What the compiler and the keyring meet on their way they tell themselves.
 */
#ifndef TSIGATE_POLICY_LINT_H
#define TSIGATE_POLICY_LINT_H

#include <stdint.h>

#include "base/diag.h"
#include "policy/acl.h"
#include "policy/keyring.h"

/* A key that ends within that time is told, unless another one takes over. */
#define LINT_KEY_SOON_S (INT64_C(30) * 24 * 60 * 60)

/*
 * Warnings `grant-shadowed`, `rights-too-many`, `alias-needless`,
 * `alias-takes-target`, `key-expired`, `key-expires-soon`, `host-without-key`.
 * RES_EMEM.
 */
enum result lint_acl(const struct acl *acl, const struct keyring *keyring,
                     int64_t now_s, struct diags *diags) MUST_CHECK NONNULL;

#endif

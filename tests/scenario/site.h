/*
 * The site that the scenarios play at: zones, an ACL, keys, read by snapshot_load as
 * the daemon would; and, apart from that code, a list of who may write what, against
 * which everything that reaches the primary is held (I1).
 */
#ifndef TESTS_SCENARIO_SITE_H
#define TESTS_SCENARIO_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/hmac.h"
#include "policy/snapshot.h"

#define SITE_START_S INT64_C(1795564800) /* 2026-11-25 */

struct site {
    char folder[64];
    uint64_t generation; /* of the last snapshot */
};

void site_open(struct site *site);
void site_close(struct site *site);
/* Another ACL, for the next site_load. */
void site_write_acl(const struct site *site, const char *text);
/* The ACL that a site starts with. */
extern const char site_acl[];
/* tune may be NULL; it changes settings before they are used. */
struct snapshot *site_load(struct site *site, void (*tune)(struct settings *settings));
/* A key's own context, as its host or the primary has it. */
struct hmac *site_hmac(const char *key_name);

/* One thing that a host may write, as this file says and no code of tsigate's. */
struct site_right {
    const char *key;
    const char *original;
    const char *target;
    const char *type;
    uint32_t ttl_max;
};

/* By the original or the target; NULL: the host may not. */
const struct site_right *site_right_of(const char *key, const char *owner,
                                       const char *type);

#endif

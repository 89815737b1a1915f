/*
 * The compiled ACL: rights keyed by host and owner name, and the judgement of one
 * change. Floor 2, pure: nothing is parsed, logged or sent. Rules
 * to A-16.
 */
#ifndef TSIGATE_POLICY_ACL_H
#define TSIGATE_POLICY_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/outcome.h"
#include "base/row_index.h"
#include "conf/aclfile.h"
#include "dns/rdata.h"
#include "dns/update.h"
#include "policy/zones.h"

/* One owner of one grant of one host. A site may have a million: what is not asked for
 * with each request is packed. */
struct acl_right {
    const struct acl_host *host;
    const struct acl_terms *terms; /* and the profile */
    const uint8_t *octets; /* the owner's; of a pattern its stars stand behind them */
    uint32_t line;         /* of the grant, as in acl_source_place */
    uint16_t column;
    uint8_t owner_len;
    bool is_pattern : 1;
    bool is_subtree : 1;
    bool is_for_all : 1; /* of every-host */
    bool has_next : 1;   /* acl.next has one for it */
};
_Static_assert(sizeof(struct acl_right) == 32, "a right grew");

/* A key's claim to speak for a host. A host without a `key` line has the key of its own
 * name, for ever. */
struct acl_credential {
    const struct acl_host *host;     /* NULL: no host claims the key */
    const struct acl_key_line *line; /* NULL: the key of the host's own name */
};

struct acl {
    struct arena *arena;             /* the snapshot's */
    const struct acl_source *source; /* the snapshot's */
    const struct zones *zones;       /* the snapshot's */
    struct map key_lines;            /* struct acl_key_line by key name */
    struct acl_right *rights; /* each host's side by side, in file order, from its
                                 first_right on; between two hosts' may be gaps */
    size_t right_count;
    struct row_index index; /* of hosts that have many: the first right of each key */
    uint32_t *next;         /* by row: the next one of its key */
    bool has_indexed_patterns;
};

/*
 * Expands profiles, every-host and holes into rights, and checks what needs the zones:
 * errors `grant-in-shadow` (names the original), `grant-at-static-apex`,
 * `caa-by-pattern`, `persist-by-pattern`, `key-two-hosts`, `owner-too-long`, ...;
 * warnings `dead-grant`, `static-owner`, `host-without-grant`, `shared-delete`,
 * `grant-twice`, `static-without-shadow`. Hosts get their rights, and names in the
 * arena for those in the source's lines. RES_EFORMAT: errors; RES_EMEM, and then the
 * source is of no use either.
 */
enum result acl_compile(struct acl_source *source, const struct zones *zones,
                        struct arena *arena, struct diags *diags,
                        struct acl *out) MUST_CHECK NONNULL;
void acl_fini(struct acl *acl) NONNULL;

/* NULL: no host of that name. */
const struct acl_host *acl_host_named(const struct acl *acl, struct name name) NONNULL;
struct acl_credential acl_credential_of(const struct acl *acl,
                                        struct name key_name) NONNULL;
/* The host's credentials in file order: the first, then the next one in its place.
 * False: there is none. */
struct acl_credential acl_credential_first(const struct acl_host *host) NONNULL;
bool acl_credential_next(struct acl_credential *credential) NONNULL;
/* What a claim says: the key's name, when it is valid (INT64_MIN: always was,
 * INT64_MAX: for ever; not_before <= now < not_after), and where. */
struct name acl_credential_name(struct acl_credential credential);
int64_t acl_credential_not_before_s(struct acl_credential credential);
int64_t acl_credential_not_after_s(struct acl_credential credential);
bool acl_credential_is_valid(struct acl_credential credential, int64_t now_s);
struct place acl_credential_place(const struct acl *acl,
                                  struct acl_credential credential) NONNULL;
/* Where it was first declared. */
struct place acl_host_place(const struct acl *acl, const struct acl_host *host) NONNULL;
/* `from`: whether the host may come from there. */
bool acl_source_is_allowed(const struct acl_host *host,
                           const struct addr *from) NONNULL;
/* The original; pattern labels stand as '*'. */
static inline struct name acl_right_owner(const struct acl_right *right)
{
    return (struct name){right->octets, right->owner_len};
}
/* As in struct acl_owner. */
uint64_t acl_right_stars(const struct acl_right *right) NONNULL;
/* Of its grant. */
struct place acl_right_place(const struct acl *acl,
                             const struct acl_right *right) NONNULL;
/* In file order, those of one grant by hosts; the first that permits decides. */
int acl_right_compare(const struct acl_right *a, const struct acl_right *b) NONNULL;
/* All rights in file order. NULL: no memory. */
const struct acl_right **acl_list_rights(const struct acl *acl,
                                         struct arena *arena) MUST_CHECK NONNULL;
/* All rights host by host: begins with zeros. NULL: that was the last one. */
struct acl_walk {
    size_t host;
    uint32_t right;
};
const struct acl_right *acl_walk_next(const struct acl *acl,
                                      struct acl_walk *walk) NONNULL;
/* The host's own, in file order. */
static inline const struct acl_right *acl_host_rights(const struct acl *acl,
                                                      const struct acl_host *host)
{
    return acl->rights + host->first_right;
}
/* Whether the right's owner matches the original (A-6, A-7 for patterns). */
bool acl_right_matches(const struct acl *acl, const struct acl_right *right,
                       struct name original) NONNULL;

#define ACL_RIGHTS_MAX 64

/* All rights of host that reach original, in file order; out holds ACL_RIGHTS_MAX.
 * Gives their number (those beyond ACL_RIGHTS_MAX grant nothing). */
size_t acl_rights_of(const struct acl *acl, const struct acl_host *host,
                     struct name original, const struct acl_right **out) NONNULL;

/* One change to judge. */
struct acl_question {
    const struct acl_host *host;
    enum update_op op;
    uint16_t type;
    uint32_t ttl; /* of an add */
    struct name original;
    const struct rdata *rdata; /* of an add */
    const struct addr *from;   /* for source-address; NULL: not known */
    bool is_udp;
    int64_t now_s;
    struct arena *arena;
};

struct acl_answer {
    enum reason reason; /* REASON_PERMITTED or why not (A-9: the furthest stage) */
    const struct acl_right *right; /* that decided; NULL: none reaches the name */
    uint32_t ttl;                  /* of an add: clamped */
    const char *expected; /* value-not-allowed: what the check wants; else NULL */
};

/*
 * A-9 and the ACL's order: of the rights that reach the name, the first that permits
 * gives rule and TTL; else the reason is that of the right that came furthest through
 * name, type, operation, value, TTL. No right at all: name-not-granted, for
 * prerequisites prerequisite-not-granted. Type ANY (delete-name, prereq-any) skips the
 * type.
 */
void acl_judge(const struct acl *acl, const struct acl_question *question,
               struct acl_answer *out) NONNULL;

#endif

/*
 * Whether the whole world sees a record: the name servers of the zone that it really
 * lives in, found by a resolver, each asked itself. Floor 5; asks, prints nothing but
 * what went wrong.
 */
#ifndef TSIGATE_TLSA_AUTHORITY_H
#define TSIGATE_TLSA_AUTHORITY_H

#include <stdio.h>

#include "tlsa/host.h"
#include "tlsa/record.h"
#include "tlsa/tool.h"

#define AUTHORITY_SERVERS   32
#define AUTHORITY_ADDRESSES 64
/* As many as resolv.conf(5) may name. */
#define AUTHORITY_RESOLVERS 3
/* RFC 8767 4: what caches make of a greater TTL. */
#define AUTHORITY_TTL_MAX_S 604800

/* What an address says; of a server's addresses the worst that answers decides. One
 * that is lame is away: resolvers go on to another server, and keep nothing of it. */
enum authority_view {
    AUTHORITY_AWAY = 0, /* none of its addresses answers: cannot tell */
    AUTHORITY_LACKS,
    AUTHORITY_SERVES,
};

struct authority_server {
    struct name name; /* the arena's */
    struct addr addresses[AUTHORITY_ADDRESSES];
    size_t count;
    enum authority_view view;
    const char *why; /* of AUTHORITY_AWAY: "Connection refused", "SERVFAIL" */
};

struct authority {
    struct tool *tool;
    struct dns_client *client;
    struct addr resolvers[AUTHORITY_RESOLVERS];
    size_t resolver_count;
    size_t resolver_at; /* the one that is asked */
    uint16_t port;      /* of the name servers */
    struct name target; /* where the CNAMEs of the name end */
    struct name zone;   /* of target */
    struct authority_server *servers;
    size_t count;
    /* For how long caches keep what the answers said, the greatest of all. Of one that
     * lacks a record: the RRset or its absence (RFC 2308 5). */
    bool has_ttl; /* either: */
    uint32_t lacking_ttl_s;
    uint32_t serving_ttl_s;
};

/* resolver: ADDR[:PORT]; NULL: those of /etc/resolv.conf. TOOL_DONE, or told. */
int authority_open(struct tool *tool, const char *resolver, uint16_t port,
                   struct authority *out) MUST_CHECK NONNULL_AT(1, 4);
/* The name servers of a resolv.conf(5); how many. */
size_t authority_read_resolvers(FILE *file, struct addr out[static AUTHORITY_RESOLVERS])
    MUST_CHECK NONNULL;
/* Asks a resolver; one that does not answer, or only that it cannot, is left for the
 * next one for good. NULL, or what was wrong with the first, for people. */
const char *authority_resolve(struct authority *authority, struct name name,
                              uint16_t type, uint16_t flags,
                              struct wire_msg *out) MUST_CHECK NONNULL;
/* The name servers of the zone where owner leads. TOOL_DONE, TOOL_OUTSIDE as told. */
int authority_find(struct authority *authority, struct name owner) MUST_CHECK NONNULL;
/* Asks each that has not served them yet; whether all serve all the records. */
bool authority_ask(struct authority *authority,
                   const struct tlsa_records *records) MUST_CHECK NONNULL;
/* Whether the zone is signed, as far as its first name server that answers says. */
bool authority_is_signed(struct authority *authority) MUST_CHECK NONNULL;

#endif

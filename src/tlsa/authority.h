/*
 * Whether the whole world sees a record: the name servers of the zone that it really
 * lives in, found by a resolver, each asked itself. Floor 5; asks, prints nothing but
 * what went wrong.
 */
#ifndef TSIGATE_TLSA_AUTHORITY_H
#define TSIGATE_TLSA_AUTHORITY_H

#include "tlsa/host.h"
#include "tlsa/record.h"
#include "tlsa/tool.h"

#define AUTHORITY_SERVERS   32
#define AUTHORITY_ADDRESSES 64

/* What an address says; of a server's addresses the worst that answers decides. */
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
};

struct authority {
    struct tool *tool;
    struct dns_client *client;
    struct addr resolver;
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

/* resolver: ADDR[:PORT]; NULL: the first of /etc/resolv.conf. TOOL_DONE, or told. */
int authority_open(struct tool *tool, const char *resolver, uint16_t port,
                   struct authority *out) MUST_CHECK NONNULL_AT(1, 4);
/* The name servers of the zone where owner leads. TOOL_DONE, TOOL_OUTSIDE as told. */
int authority_find(struct authority *authority, struct name owner) MUST_CHECK NONNULL;
/* Asks each that has not served them yet; whether all serve all the records. */
bool authority_ask(struct authority *authority,
                   const struct tlsa_records *records) MUST_CHECK NONNULL;
/* Whether the zone is signed, as far as its first name server that answers says. */
bool authority_is_signed(struct authority *authority) MUST_CHECK NONNULL;

#endif

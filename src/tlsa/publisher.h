/*
 * The TLSA of one name, changed at the server that this host talks to: a plain RFC 2136
 * UPDATE in the zone that the server claims for the name. Floor 5; prints what went
 * wrong and nothing else.
 */
#ifndef TSIGATE_TLSA_PUBLISHER_H
#define TSIGATE_TLSA_PUBLISHER_H

#include "tlsa/host.h"
#include "tlsa/record.h"

/* A short TTL keeps a roll-over short: the new record has to outlive the old ones in
 * caches. */
#define PUBLISHER_TTL_S 300

struct publisher {
    struct tool *tool;
    struct host host;
    struct dns_client *client;
};

/* What is to be true of a name. Records of neither list are others' and stay. */
struct publisher_change {
    struct name owner;
    const struct tlsa_records *wanted;
    const struct tlsa_records *unwanted;
    uint32_t ttl_s;
    bool has_ttl; /* ttl_s is the operator's word; else records that are there decide */
};

/* What was true before. */
struct publisher_found {
    struct name_buf zone;
    bool has_wanted[TLSA_RECORDS];
    bool has_unwanted[TLSA_RECORDS];
    bool is_changed; /* it was not as asked */
};

/* Both: TOOL_DONE, else as told. */

/* Reads host.conf and key; publisher_close after either. */
int publisher_open(struct tool *tool, struct publisher *out) MUST_CHECK NONNULL;
/* Makes it true, in one UPDATE where it is not, and reads back that it is. TOOL_NO: the
 * server refuses; TOOL_OUTSIDE: it cannot. */
int publisher_apply(struct publisher *publisher, const struct publisher_change *change,
                    struct publisher_found *out_found) MUST_CHECK NONNULL;
void publisher_close(struct publisher *publisher) NONNULL;

#endif

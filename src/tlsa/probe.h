/*
 * One look at a live service: connect, STARTTLS, handshake, and OpenSSL's own DANE
 * (RFC 7671) on what it presents. Floor 5; blocks, within deadlines; prints nothing.
 */
#ifndef TSIGATE_TLSA_PROBE_H
#define TSIGATE_TLSA_PROBE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/arena.h"
#include "dns/rdata.h"
#include "tlsa/starttls.h"

/* A zone with more TLSA at one name has been forgotten, not rolled over. */
#define PROBE_RECORDS 32

struct probe {
    struct addr address;
    const char *host;   /* whose name the TLSA stand below, and SNI; no final dot */
    const char *domain; /* that it is asked for in XMPP, which knows no hosts; NULL: the
                           host's name */
    const X509 *expected; /* this one has to be presented, and match one of the records
                             where there are any (host NULL: no SNI); NULL: the records
                             decide */
    const struct starttls *starttls; /* NULL: TLS at once */
    const char *ca_file;             /* for usages 0 and 1; NULL: the system's */
    const struct rdata *records;
    size_t count;
};

enum probe_view {
    PROBE_AWAY = 0, /* no connection, no TLS: cannot tell */
    PROBE_FAILS,    /* TLS, and what it presents does not verify */
    PROBE_HOLDS,
};

struct probe_outcome {
    enum probe_view view;
    char why[256];               /* of anything but PROBE_HOLDS */
    bool has_certificate;        /* then: */
    int64_t seconds_left;        /* until it expires; negative: it has */
    bool matches[PROBE_RECORDS]; /* which records some certificate of its fits */
};

void probe_run(const struct probe *probe, struct arena *arena,
               struct probe_outcome *out) NONNULL;

#endif

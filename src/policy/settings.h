/*
 * What tsigate.conf says, as plain values. Floor 2. net/conf reads libconfig into it
 * and judges types and ranges; policy/snapshot judges what needs the other files. Every
 * default and range of a limit is here, and the manual tsigate.conf(5) repeats it.
 */
#ifndef TSIGATE_POLICY_SETTINGS_H
#define TSIGATE_POLICY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/map.h"
#include "dns/name.h"

struct settings_endpoint {
    struct addr addr; /* with its port */
    struct place place;
};

struct settings_text {
    const char *text;
    struct place place;
};

struct settings_zone {
    struct name name;
    bool is_dynamic;
    struct place place;
};

struct settings_shadow {
    struct name of;
    struct name at;
    struct place place;
};

/* clang-format off */
/*    field                 default     min       max    unit and meaning */
#define SETTINGS_LIMITS(X)                                                               \
    X(host_rate,                 20,      0,   1000000) /* UPDATEs/s of a host; 0: no limit */ \
    X(host_burst,               500,      1,   1000000) /* UPDATEs at once above that */       \
    X(host_waiting,              64,      1,     10000) /* requests of a host that wait (R-5) */ \
    X(error_rate,                20,      0,   1000000) /* error replies/s per /24, /56; 0: no limit */ \
    X(transactions,         1000000,   1000, 100000000) /* entries of the table (T-22) */      \
    X(requests,                4096,     16,   1000000) /* requests under way in all */        \
    X(message_octets,         16384,    512,     65535) /* longest request taken (W-5) */      \
    X(tcp_connections,         1000,      1,   1000000) /* client connections in all */        \
    X(tcp_per_source,            50,      1,   1000000) /* of one /24 or /56 */                \
    X(tcp_pipelined,              8,      1,      1000) /* requests under way on a connection */ \
    X(tcp_first_octet_ms,      5000,    100,    600000) /* until the first octet (N-2) */      \
    X(tcp_message_ms,         10000,    100,    600000) /* for one whole message */            \
    X(tcp_idle_ms,            10000,    100,    600000) /* between messages */                 \
    X(tcp_idle_verified_ms,   30000,    100,    600000) /* the same after a verified request */ \
    X(tcp_output_octets,     262144,  65536,  16777216) /* unread replies of a connection */   \
    X(control_connections,        8,      1,      1000) /* on the control socket */
/* clang-format on */

struct settings_limits {
#define X(field, default_value, min, max) uint32_t field;
    SETTINGS_LIMITS(X)
#undef X
};

struct settings {
    const char *file;    /* tsigate.conf's path */
    struct arena *arena; /* where all of this lies */

    struct settings_endpoint *listen;
    size_t listen_count;
    struct settings_endpoint *servers; /* of the primary, in order */
    size_t server_count;
    struct name upstream_key;
    struct place upstream_key_place;

    struct settings_text *keys; /* patterns, as written */
    size_t key_count;
    struct settings_text *acl; /* patterns, as written */
    size_t acl_count;
    struct settings_text profiles; /* text NULL: PKGDATADIR "/profiles.acl" */

    struct settings_zone *zones;
    size_t zone_count;
    struct settings_shadow *shadows;
    size_t shadow_count;

    bool require_cname;     /* true */
    uint32_t cache_s;       /* 10; 0..3600 */
    const char *audit_file; /* NULL: none (the daemon refuses that) */
    struct place audit_place;
    bool audit_sync;     /* true */
    const char *control; /* NULL: none */
    struct place control_place;
    const char *user;      /* NULL: stay who we are */
    bool weak_algorithms;  /* false */
    bool explain_refusals; /* true */
    uint32_t max_fudge_s;  /* 300; 1..3600 */
    struct settings_limits limits;
};

/* All defaults, everything else empty. */
void settings_init(struct settings *settings, const char *file,
                   struct arena *arena) NONNULL;

#endif

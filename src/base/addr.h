/*
 * Addresses of peers and prefixes of the ACL. Floor 1a: values and text, no sockets.
 * An IPv4-mapped IPv6 address is its IPv4 address, always.
 */
#ifndef TSIGATE_BASE_ADDR_H
#define TSIGATE_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/result.h"

struct addr {
    uint8_t family;     /* 4, 6; 0: none */
    uint8_t octets[16]; /* network order; IPv4 uses the first four, the rest is zero */
    uint16_t port;      /* host order; 0 where it does not matter */
};

struct prefix {
    struct addr addr; /* without host bits */
    uint8_t bits;     /* 0..32 or 0..128 */
};

#define ADDR_TEXT_OCTETS 64 /* "[2001:db8::1]:65535" and a NUL */

/* "192.0.2.1" or "2001:db8::1" (RFC 5952 on output). RES_EFORMAT: no address;
 * RES_ERANGE: an IPv4-mapped one, which no file may name. */
enum result addr_parse(const char *text, struct addr *out) MUST_CHECK NONNULL;
/* "ADDR", "ADDR:PORT", "[ADDR]:PORT"; without a port: port. RES_EFORMAT, RES_ERANGE as
 * above; RES_EFORMAT: a port that is none of 1..65535. */
enum result addr_parse_port(const char *text, uint16_t port,
                            struct addr *out) MUST_CHECK NONNULL;
/* Without the port; text holds ADDR_TEXT_OCTETS. Gives text back. */
const char *addr_format(const struct addr *addr, char *text) NONNULL;
/* "192.0.2.1:53", "[2001:db8::1]:53". */
const char *addr_format_port(const struct addr *addr, char *text) NONNULL;
/* Same address; the port does not count. */
bool addr_equal(const struct addr *a, const struct addr *b) MUST_CHECK NONNULL;
/* The address with all bits behind bits zeroed and no port: a key for limits per
 * prefix. */
struct addr addr_masked(const struct addr *addr, uint8_t bits) NONNULL;
/* Loopback, or unspecified (0.0.0.0, ::). */
bool addr_is_loopback(const struct addr *addr) MUST_CHECK NONNULL;
bool addr_is_unspecified(const struct addr *addr) MUST_CHECK NONNULL;

/* "192.0.2.0/24", "2001:db8::/32", or an address alone (all bits).
 * RES_EFORMAT: no prefix; RES_ERANGE: host bits set, too many bits, IPv4-mapped. */
enum result prefix_parse(const char *text, struct prefix *out) MUST_CHECK NONNULL;
bool prefix_contains(const struct prefix *prefix,
                     const struct addr *addr) MUST_CHECK NONNULL;
const char *prefix_format(const struct prefix *prefix, char *text) NONNULL;

/* Between struct addr and the system's form. Other families: family 0. */
struct addr addr_from_sockaddr(const struct sockaddr *sockaddr) NONNULL;
socklen_t addr_to_sockaddr(const struct addr *addr,
                           struct sockaddr_storage *out) NONNULL;

#endif

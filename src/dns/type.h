/*
 * The record types that tsigate knows, and what may be done with them. Floor 1b.
 * Source: IANA's DNS parameters; A-4, W-6, W-7 and the type lists of the ACL manual.
 */
#ifndef TSIGATE_DNS_TYPE_H
#define TSIGATE_DNS_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"

enum {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_SIG = 24,
    TYPE_KEY = 25,
    TYPE_AAAA = 28,
    TYPE_NXT = 30,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_OPT = 41,
    TYPE_DS = 43,
    TYPE_SSHFP = 44,
    TYPE_RRSIG = 46,
    TYPE_NSEC = 47,
    TYPE_DNSKEY = 48,
    TYPE_DHCID = 49,
    TYPE_NSEC3 = 50,
    TYPE_NSEC3PARAM = 51,
    TYPE_TLSA = 52,
    TYPE_SMIMEA = 53,
    TYPE_CDS = 59,
    TYPE_CDNSKEY = 60,
    TYPE_OPENPGPKEY = 61,
    TYPE_CSYNC = 62,
    TYPE_ZONEMD = 63,
    TYPE_SVCB = 64,
    TYPE_HTTPS = 65,
    TYPE_TKEY = 249,
    TYPE_TSIG = 250,
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_MAILB = 253,
    TYPE_MAILA = 254,
    TYPE_ANY = 255,
    TYPE_URI = 256,
    TYPE_CAA = 257,
};

enum {
    CLASS_IN = 1,
    CLASS_NONE = 254,
    CLASS_ANY = 255,
};

enum type_standing {
    TYPE_IS_UNKNOWN = 0, /* never granted; REFUSED type-not-granted (W-6) */
    /* No grant can name it, and in a section it is FORMERR (W-7): 0, the query types,
     * the pseudo-types, SIG and NXT. ANY is looked at by its class. */
    TYPE_IS_META,
    TYPE_IS_NEVER,     /* SOA, CNAME, DNAME, RRSIG ...: no grant can name it */
    TYPE_IS_DANGEROUS, /* only in a profile that says `dangerous` */
    TYPE_IS_PLAIN,
};

enum type_standing type_standing_of(uint16_t type);
/* "TLSA", or NULL for a type that is not in the table. A constant. */
const char *type_name(uint16_t type);
/* "TLSA" or "TYPE52" (RFC 3597 5), any case; text holds TYPE_TEXT_OCTETS. Gives text
 * back. */
#define TYPE_TEXT_OCTETS 16
const char *type_format(uint16_t type, char *text) NONNULL;
/* The type called name (a mnemonic of the table, any case). RES_ENOTFOUND. */
enum result type_from_name(const char *name, uint16_t *out) MUST_CHECK NONNULL;

#endif

/*
 * Every number that bounds input, with its source (O-11). Floor 1a.
 * A limit that an operator may set has its default and range in policy/settings.h.
 */
#ifndef TSIGATE_BASE_LIMITS_H
#define TSIGATE_BASE_LIMITS_H

#include <assert.h>

/* RFC 1035 2.3.4 and 4.1.1. */
#define LIMIT_NAME_OCTETS    255
#define LIMIT_LABEL_OCTETS   63
#define LIMIT_NAME_LABELS    127 /* 255 octets of one-octet labels, and the root */
#define LIMIT_MESSAGE_OCTETS 65535
#define LIMIT_HEADER_OCTETS  12

/* W-3: a name of 255 octets has at most 127 labels, so no more hops than 126 are of
 * use. */
#define LIMIT_POINTER_HOPS 126
/* RFC 1035 4.1.4: a pointer has 14 bits. */
#define LIMIT_POINTER_TARGET 0x3fff

/* RFC 1035 4.2.1 and RFC 6891 6.2.3: what a requestor without OPT takes over UDP. */
#define LIMIT_UDP_PLAIN_OCTETS 512
/* N-1: replies never want fragments (the DNS flag day 2020's figure). */
#define LIMIT_UDP_REPLY_OCTETS 1232

/* W-5. Prerequisites and updates are judged after authentication, the rest before. */
#define LIMIT_PREREQUISITES     64
#define LIMIT_UPDATES           256
#define LIMIT_ADDITIONALS       4
#define LIMIT_NAMES_PER_MESSAGE 32  /* */
#define LIMIT_ADDS_PER_RRSET    100 /* certbot re-adds each value of a zone */

/* D4: a merged message. Octets: 65,535 less header, zone section and TSIG. Records:
 * beyond this BIND gains nothing more. */
#define LIMIT_BATCH_OCTETS  64000
#define LIMIT_BATCH_RECORDS 2000

/* RFC 8945: the longest digest offered is SHA-512's; 6 octets of time (5.2.3). */
#define LIMIT_MAC_OCTETS        64
#define LIMIT_MAC_MIN_OCTETS    10 /* 5.2.2.1: and never less than half the digest */
#define LIMIT_TSIG_OTHER_OCTETS 6
/* Owner 255, fixed fields 10, algorithm 13 (hmac-sha512), RDATA 16, MAC, other data. */
#define LIMIT_TSIG_RR_OCTETS                                                           \
    (255 + 10 + 13 + 16 + LIMIT_MAC_OCTETS + LIMIT_TSIG_OTHER_OCTETS)
/* T-14: the barest signed reply fits every requestor: TC never has to hide an RCODE. */
_Static_assert(LIMIT_HEADER_OCTETS + LIMIT_TSIG_RR_OCTETS + 11 <=
                   LIMIT_UDP_PLAIN_OCTETS,
               "header, TSIG and OPT must fit a plain datagram");

_Static_assert(LIMIT_HEADER_OCTETS + LIMIT_NAME_OCTETS + 4 + LIMIT_BATCH_OCTETS +
                       LIMIT_TSIG_RR_OCTETS <=
                   LIMIT_MESSAGE_OCTETS,
               "a merged message, its zone section and TSIG must fit a TCP frame");

/* RFC 2181 8: a TTL has 31 bits. */
#define LIMIT_TTL_S 2147483647

/* Keys: RFC 2104 3 wants at least the digest's length; 16 is where we refuse. */
#define LIMIT_SECRET_MIN_OCTETS 16
#define LIMIT_SECRET_OCTETS     512

/* Text files. */
#define LIMIT_LINE_OCTETS        4096
#define LIMIT_CONF_FILE_OCTETS   (1024 * 1024)
#define LIMIT_KEY_FILE_OCTETS    (64 * 1024 * 1024)
#define LIMIT_ACL_FILE_OCTETS    (512 * 1024 * 1024)
#define LIMIT_MATCH_VALUE_OCTETS 512 /* what `check match` looks at */
#define LIMIT_REGEX_OCTETS       256 /* of `check match`, as written */
#define LIMIT_REGEX_COUNTS       512 /* sum of its {N,M} bounds: memory of regcomp(3) */
#define LIMIT_PROFILE_OCTETS     63  /* a profile's name */
#define LIMIT_DIAGNOSTICS        1000 /* errors listed, and warnings; the rest are counted */
#define LIMIT_USER_OCTETS        256 /* LOGIN_NAME_MAX and a NUL */
#define LIMIT_PATH_OCTETS        4096
/* named.conf, as named-checkconf -p prints it: BIND's own blocks nest to 6; a rule may
 * list each of the 90 or so types that there are. */
#define LIMIT_NAMEDCONF_OCTETS (256 * 1024 * 1024)
#define LIMIT_NAMEDCONF_DEPTH  16
#define LIMIT_NAMEDCONF_WORDS  512

/* Audit: RDATA up to here is written out, beyond it is hashed (L-3). */
#define LIMIT_AUDIT_RDATA_OCTETS 512
/* Longest line read back at start: 256 changes, each with two names of NAME_TEXT_OCTETS
 * and RDATA in hexadecimal, make 1 MiB. */
#define LIMIT_AUDIT_LINE_OCTETS (4 * 1024 * 1024)

/* A reason's text in a reply: one character-string (RFC 1035 3.3). */
#define LIMIT_REASON_OCTETS 255

#endif

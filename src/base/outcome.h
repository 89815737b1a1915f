/*
 * Every way in which a request can end, in one table: the reason's name, the RCODE,
 * the TSIG error and the Extended DNS Error that go with it. Floor 1a.
 *
 * No other place chooses an RCODE or a TSIG error. The names are a public interface:
 * replies, audit log, counters, `tsigate explain` and *.eval files show the same ones.
 */
#ifndef TSIGATE_BASE_OUTCOME_H
#define TSIGATE_BASE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"

/* RFC 1035 4.1.1, RFC 2136 2.2, RFC 6891 9 (BADVERS). */
enum rcode {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6,
    RCODE_YXRRSET = 7,
    RCODE_NXRRSET = 8,
    RCODE_NOTAUTH = 9,
    RCODE_NOTZONE = 10,
    RCODE_BADVERS = 16,
};

/* RFC 8945 3. */
enum tsig_error {
    TSIG_NOERROR = 0,
    TSIG_BADSIG = 16,
    TSIG_BADKEY = 17,
    TSIG_BADTIME = 18,
    TSIG_BADTRUNC = 22,
};

/* The zero value refuses, so that a forgotten assignment does (I10). */
enum reason {
    REASON_UNDECIDED = 0, /* never shown: ends as SERVFAIL */
    REASON_PERMITTED,
    REASON_REPEATED,
    REASON_MESSAGE_MALFORMED,
    REASON_OPCODE_NOT_SERVED,
    REASON_EDNS_VERSION,
    REASON_UPDATE_UNSIGNED,
    REASON_KEY_UNKNOWN,
    REASON_KEY_ALGORITHM,
    REASON_KEY_EXPIRED,
    REASON_MAC_BAD,
    REASON_TIME_SKEW,
    REASON_MAC_TRUNCATED,
    REASON_KEY_WITHOUT_HOST,
    REASON_SOURCE_NOT_ALLOWED,
    REASON_RATE_LIMITED,
    REASON_TOO_MANY_RECORDS,
    REASON_NAME_NOT_GRANTED,
    REASON_TYPE_NOT_GRANTED,
    REASON_OPERATION_NOT_GRANTED,
    REASON_VALUE_NOT_ALLOWED,
    REASON_TTL_NOT_ALLOWED,
    REASON_PREREQUISITE_NOT_GRANTED,
    REASON_CNAME_MISSING,
    REASON_CNAME_UNEXPECTED,
    REASON_TARGET_IS_CNAME,
    REASON_TARGETS_IN_TWO_ZONES,
    REASON_QUERY_NOT_ALLOWED,
    REASON_ZONE_UNKNOWN,
    REASON_CLASS_NOT_IN,
    REASON_NAME_OUTSIDE_ZONE,
    REASON_PREREQUISITE_FAILED, /* the RCODE is the primary's */
    REASON_LOOKUP_FAILED,
    REASON_PRIMARY_UNREACHABLE,
    REASON_PRIMARY_REFUSED,
    REASON_PRIMARY_FAILED,
    REASON_OUTCOME_UNKNOWN,
    REASON_AUDIT_UNAVAILABLE,
    REASON_TABLE_FULL,
    REASON_CLOCK_SUSPECT,
    REASON_COUNT, /* not a reason: their number */
};

struct outcome {
    const char *name;           /* "name-not-granted" */
    enum rcode rcode;           /* where the primary's is passed on: SERVFAIL */
    enum tsig_error tsig_error; /* of the reply's TSIG */
    int ede;                    /* RFC 8914 INFO-CODE, -1: none */
};

/* The row of a reason; of an unknown one, that of REASON_UNDECIDED. */
const struct outcome *outcome_of(enum reason reason);

/* The reason called name (NUL-terminated). RES_ENOTFOUND: there is none. */
enum result outcome_reason_named(const char *name, enum reason *out) MUST_CHECK NONNULL;

/* "NOERROR" ... as the IANA registry spells it; "UNKNOWN" for one that it has not. */
const char *rcode_name(enum rcode rcode);

#endif

#include "base/outcome.h"

#include <string.h>

/* RFC 8914 4; protocol rule U-15. */
enum {
    EDE_NONE = -1,
    EDE_OTHER = 0,
    EDE_NOT_READY = 14,
    EDE_PROHIBITED = 18,
    EDE_NOT_AUTHORITATIVE = 20,
    EDE_NO_REACHABLE_AUTHORITY = 22,
    EDE_NETWORK_ERROR = 23,
};

#define ROW(reason, name, rcode, tsig, ede)                                            \
    [REASON_##reason] = {name, RCODE_##rcode, TSIG_##tsig, EDE_##ede}

static const struct outcome outcomes[REASON_COUNT] = {
    ROW(UNDECIDED, "undecided", SERVFAIL, NOERROR, OTHER),
    ROW(PERMITTED, "permitted", NOERROR, NOERROR, NONE),
    ROW(REPEATED, "repeated", SERVFAIL, NOERROR, NONE),
    ROW(MESSAGE_MALFORMED, "message-malformed", FORMERR, NOERROR, OTHER),
    ROW(OPCODE_NOT_SERVED, "opcode-not-served", NOTIMP, NOERROR, NONE),
    ROW(EDNS_VERSION, "edns-version", BADVERS, NOERROR, NONE),
    ROW(UPDATE_UNSIGNED, "update-unsigned", REFUSED, NOERROR, NONE),
    ROW(KEY_UNKNOWN, "key-unknown", NOTAUTH, BADKEY, NONE),
    ROW(KEY_ALGORITHM, "key-algorithm", NOTAUTH, BADKEY, NONE),
    ROW(KEY_EXPIRED, "key-expired", NOTAUTH, BADKEY, NONE),
    ROW(MAC_BAD, "mac-bad", NOTAUTH, BADSIG, NONE),
    ROW(TIME_SKEW, "time-skew", NOTAUTH, BADTIME, OTHER),
    ROW(MAC_TRUNCATED, "mac-truncated", NOTAUTH, BADTRUNC, OTHER),
    ROW(KEY_WITHOUT_HOST, "key-without-host", REFUSED, NOERROR, PROHIBITED),
    ROW(SOURCE_NOT_ALLOWED, "source-not-allowed", REFUSED, NOERROR, PROHIBITED),
    ROW(RATE_LIMITED, "rate-limited", REFUSED, NOERROR, OTHER),
    ROW(TOO_MANY_RECORDS, "too-many-records", REFUSED, NOERROR, OTHER),
    ROW(NAME_NOT_GRANTED, "name-not-granted", REFUSED, NOERROR, PROHIBITED),
    ROW(TYPE_NOT_GRANTED, "type-not-granted", REFUSED, NOERROR, PROHIBITED),
    ROW(OPERATION_NOT_GRANTED, "operation-not-granted", REFUSED, NOERROR, PROHIBITED),
    ROW(VALUE_NOT_ALLOWED, "value-not-allowed", REFUSED, NOERROR, PROHIBITED),
    ROW(TTL_NOT_ALLOWED, "ttl-not-allowed", REFUSED, NOERROR, PROHIBITED),
    ROW(PREREQUISITE_NOT_GRANTED, "prerequisite-not-granted", REFUSED, NOERROR,
        PROHIBITED),
    ROW(CNAME_MISSING, "cname-missing", REFUSED, NOERROR, PROHIBITED),
    ROW(CNAME_UNEXPECTED, "cname-unexpected", REFUSED, NOERROR, PROHIBITED),
    ROW(TARGET_IS_CNAME, "target-is-cname", REFUSED, NOERROR, PROHIBITED),
    ROW(TARGETS_IN_TWO_ZONES, "targets-in-two-zones", REFUSED, NOERROR, PROHIBITED),
    ROW(QUERY_NOT_ALLOWED, "query-not-allowed", REFUSED, NOERROR, PROHIBITED),
    ROW(ZONE_UNKNOWN, "zone-unknown", NOTAUTH, NOERROR, NOT_AUTHORITATIVE),
    ROW(CLASS_NOT_IN, "class-not-in", NOTIMP, NOERROR, NOT_AUTHORITATIVE),
    ROW(NAME_OUTSIDE_ZONE, "name-outside-zone", NOTZONE, NOERROR, NOT_AUTHORITATIVE),
    ROW(PREREQUISITE_FAILED, "prerequisite-failed", SERVFAIL, NOERROR, NONE),
    ROW(LOOKUP_FAILED, "lookup-failed", SERVFAIL, NOERROR, NETWORK_ERROR),
    ROW(PRIMARY_UNREACHABLE, "primary-unreachable", SERVFAIL, NOERROR,
        NO_REACHABLE_AUTHORITY),
    ROW(PRIMARY_REFUSED, "primary-refused", SERVFAIL, NOERROR, OTHER),
    ROW(PRIMARY_FAILED, "primary-failed", SERVFAIL, NOERROR, OTHER),
    ROW(OUTCOME_UNKNOWN, "outcome-unknown", SERVFAIL, NOERROR, NETWORK_ERROR),
    ROW(AUDIT_UNAVAILABLE, "audit-unavailable", SERVFAIL, NOERROR, OTHER),
    ROW(TABLE_FULL, "table-full", SERVFAIL, NOERROR, OTHER),
    ROW(CLOCK_SUSPECT, "clock-suspect", SERVFAIL, NOERROR, OTHER),
};

const struct outcome *outcome_of(enum reason reason)
{
    if ((unsigned)reason >= REASON_COUNT)
        return &outcomes[REASON_UNDECIDED];
    return &outcomes[reason];
}

enum result outcome_reason_named(const char *name, enum reason *out)
{
    for (unsigned i = REASON_PERMITTED; i < REASON_COUNT; i++) {
        if (strcmp(outcomes[i].name, name) == 0) {
            *out = (enum reason)i;
            return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

const char *rcode_name(enum rcode rcode)
{
    switch (rcode) {
    case RCODE_NOERROR:
        return "NOERROR";
    case RCODE_FORMERR:
        return "FORMERR";
    case RCODE_SERVFAIL:
        return "SERVFAIL";
    case RCODE_NXDOMAIN:
        return "NXDOMAIN";
    case RCODE_NOTIMP:
        return "NOTIMP";
    case RCODE_REFUSED:
        return "REFUSED";
    case RCODE_YXDOMAIN:
        return "YXDOMAIN";
    case RCODE_YXRRSET:
        return "YXRRSET";
    case RCODE_NXRRSET:
        return "NXRRSET";
    case RCODE_NOTAUTH:
        return "NOTAUTH";
    case RCODE_NOTZONE:
        return "NOTZONE";
    case RCODE_BADVERS:
        return "BADVERS";
    }
    return "UNKNOWN";
}

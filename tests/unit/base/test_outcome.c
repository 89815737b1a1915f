#include "base/outcome.h"

#include "unit.h"

/* What readers of tsigated(8) rely on: the name, and the RCODE in brackets. */
static const struct {
    const char *name;
    enum rcode rcode;
    enum tsig_error tsig_error;
    enum reason reason;
} rows[] = {
    {"undecided", RCODE_SERVFAIL, TSIG_NOERROR, REASON_UNDECIDED},
    {"permitted", RCODE_NOERROR, TSIG_NOERROR, REASON_PERMITTED},
    {"repeated", RCODE_SERVFAIL, TSIG_NOERROR, REASON_REPEATED},
    {"message-malformed", RCODE_FORMERR, TSIG_NOERROR, REASON_MESSAGE_MALFORMED},
    {"opcode-not-served", RCODE_NOTIMP, TSIG_NOERROR, REASON_OPCODE_NOT_SERVED},
    {"edns-version", RCODE_BADVERS, TSIG_NOERROR, REASON_EDNS_VERSION},
    {"update-unsigned", RCODE_REFUSED, TSIG_NOERROR, REASON_UPDATE_UNSIGNED},
    {"key-unknown", RCODE_NOTAUTH, TSIG_BADKEY, REASON_KEY_UNKNOWN},
    {"key-algorithm", RCODE_NOTAUTH, TSIG_BADKEY, REASON_KEY_ALGORITHM},
    {"key-expired", RCODE_NOTAUTH, TSIG_BADKEY, REASON_KEY_EXPIRED},
    {"mac-bad", RCODE_NOTAUTH, TSIG_BADSIG, REASON_MAC_BAD},
    {"time-skew", RCODE_NOTAUTH, TSIG_BADTIME, REASON_TIME_SKEW},
    {"mac-truncated", RCODE_NOTAUTH, TSIG_BADTRUNC, REASON_MAC_TRUNCATED},
    {"key-without-host", RCODE_REFUSED, TSIG_NOERROR, REASON_KEY_WITHOUT_HOST},
    {"source-not-allowed", RCODE_REFUSED, TSIG_NOERROR, REASON_SOURCE_NOT_ALLOWED},
    {"rate-limited", RCODE_REFUSED, TSIG_NOERROR, REASON_RATE_LIMITED},
    {"too-many-records", RCODE_REFUSED, TSIG_NOERROR, REASON_TOO_MANY_RECORDS},
    {"name-not-granted", RCODE_REFUSED, TSIG_NOERROR, REASON_NAME_NOT_GRANTED},
    {"type-not-granted", RCODE_REFUSED, TSIG_NOERROR, REASON_TYPE_NOT_GRANTED},
    {"operation-not-granted", RCODE_REFUSED, TSIG_NOERROR,
     REASON_OPERATION_NOT_GRANTED},
    {"value-not-allowed", RCODE_REFUSED, TSIG_NOERROR, REASON_VALUE_NOT_ALLOWED},
    {"ttl-not-allowed", RCODE_REFUSED, TSIG_NOERROR, REASON_TTL_NOT_ALLOWED},
    {"prerequisite-not-granted", RCODE_REFUSED, TSIG_NOERROR,
     REASON_PREREQUISITE_NOT_GRANTED},
    {"cname-missing", RCODE_REFUSED, TSIG_NOERROR, REASON_CNAME_MISSING},
    {"cname-unexpected", RCODE_REFUSED, TSIG_NOERROR, REASON_CNAME_UNEXPECTED},
    {"target-is-cname", RCODE_REFUSED, TSIG_NOERROR, REASON_TARGET_IS_CNAME},
    {"targets-in-two-zones", RCODE_REFUSED, TSIG_NOERROR, REASON_TARGETS_IN_TWO_ZONES},
    {"query-not-allowed", RCODE_REFUSED, TSIG_NOERROR, REASON_QUERY_NOT_ALLOWED},
    {"zone-unknown", RCODE_NOTAUTH, TSIG_NOERROR, REASON_ZONE_UNKNOWN},
    {"class-not-in", RCODE_NOTIMP, TSIG_NOERROR, REASON_CLASS_NOT_IN},
    {"name-outside-zone", RCODE_NOTZONE, TSIG_NOERROR, REASON_NAME_OUTSIDE_ZONE},
    {"prerequisite-failed", RCODE_SERVFAIL, TSIG_NOERROR, REASON_PREREQUISITE_FAILED},
    {"lookup-failed", RCODE_SERVFAIL, TSIG_NOERROR, REASON_LOOKUP_FAILED},
    {"primary-unreachable", RCODE_SERVFAIL, TSIG_NOERROR, REASON_PRIMARY_UNREACHABLE},
    {"primary-refused", RCODE_SERVFAIL, TSIG_NOERROR, REASON_PRIMARY_REFUSED},
    {"primary-failed", RCODE_SERVFAIL, TSIG_NOERROR, REASON_PRIMARY_FAILED},
    {"outcome-unknown", RCODE_SERVFAIL, TSIG_NOERROR, REASON_OUTCOME_UNKNOWN},
    {"audit-unavailable", RCODE_SERVFAIL, TSIG_NOERROR, REASON_AUDIT_UNAVAILABLE},
    {"table-full", RCODE_SERVFAIL, TSIG_NOERROR, REASON_TABLE_FULL},
    {"clock-suspect", RCODE_SERVFAIL, TSIG_NOERROR, REASON_CLOCK_SUSPECT},
};

static void every_reason_has_its_row(void **state)
{
    (void)state;
    assert_int_equal(COUNT_OF(rows), REASON_COUNT);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct outcome *outcome = outcome_of(rows[i].reason);
        assert_string_equal(outcome->name, rows[i].name);
        assert_case(rows[i].name, outcome->rcode == rows[i].rcode);
        assert_case(rows[i].name, outcome->tsig_error == rows[i].tsig_error);
    }
}

static void a_name_leads_back_to_its_reason(void **state)
{
    enum reason reason;

    (void)state;
    for (size_t i = 1; i < COUNT_OF(rows); i++) {
        assert_int_equal(outcome_reason_named(rows[i].name, &reason), RES_OK);
        assert_int_equal(reason, rows[i].reason);
    }
    assert_int_equal(outcome_reason_named("undecided", &reason), RES_ENOTFOUND);
    assert_int_equal(outcome_reason_named("Permitted", &reason), RES_ENOTFOUND);
}

static void the_unknown_refuses(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(REASON_COUNT)->rcode, RCODE_SERVFAIL);
    assert_int_equal(outcome_of((enum reason) - 1)->rcode, RCODE_SERVFAIL);
    assert_string_equal(rcode_name((enum rcode)11), "UNKNOWN");
}

static void rcodes_have_names(void **state)
{
    static const char *const names[] = {
        "NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED",
        "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE",
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(rcode_name((enum rcode)i), names[i]);
    assert_string_equal(rcode_name(RCODE_BADVERS), "BADVERS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_its_row),
        cmocka_unit_test(a_name_leads_back_to_its_reason),
        cmocka_unit_test(the_unknown_refuses),
        cmocka_unit_test(rcodes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

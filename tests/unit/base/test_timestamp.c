#include "base/timestamp.h"

#include "unit.h"

static void parses_utc_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        enum result result;
        int64_t time_s;
    } cases[] = {
        {"1970-01-01T00:00:00Z", RES_OK, 0},
        {"2027-01-01T00:00:00Z", RES_OK, 1798761600},
        {"2027-01-01T00:00:00+00:00", RES_OK, 1798761600},
        {"2000-02-29T23:59:59Z", RES_OK, 951868799},
        {"1969-12-31T23:59:59Z", RES_OK, -1},
        {"0000-01-01T00:00:00Z", RES_OK, -62167219200},
        {"9999-12-31T23:59:59Z", RES_OK, 253402300799},
        {"2027-02-29T00:00:00Z", RES_EFORMAT, 0},
        {"1900-02-29T00:00:00Z", RES_EFORMAT, 0},
        {"2027-04-31T00:00:00Z", RES_EFORMAT, 0},
        {"2027-13-01T00:00:00Z", RES_EFORMAT, 0},
        {"2027-00-01T00:00:00Z", RES_EFORMAT, 0},
        {"2027-01-00T00:00:00Z", RES_EFORMAT, 0},
        {"2027-01-01T24:00:00Z", RES_EFORMAT, 0},
        {"2027-01-01T00:60:00Z", RES_EFORMAT, 0},
        {"2016-12-31T23:59:60Z", RES_EFORMAT, 0},
        {"2027-01-01T00:00:00", RES_EFORMAT, 0},
        {"2027-01-01T00:00:00+01:00", RES_EFORMAT, 0},
        {"2027-01-01T00:00:00-00:00", RES_EFORMAT, 0},
        {"2027-01-01T00:00:00.0Z", RES_EFORMAT, 0},
        {"2027-01-01 00:00:00Z", RES_EFORMAT, 0},
        {"2027-1-01T00:00:00Z", RES_EFORMAT, 0},
        {"2027-01-01", RES_EFORMAT, 0},
        {"2027-01-01T00:00:00Zx", RES_EFORMAT, 0},
        {"2O27-01-01T00:00:00Z", RES_EFORMAT, 0}, /* a letter */
        {"", RES_EFORMAT, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t time_s = 0;
        assert_case(cases[i].text,
                    timestamp_parse(cases[i].text, &time_s) == cases[i].result);
        assert_case(cases[i].text, time_s == cases[i].time_s);
    }
}

static void what_is_formatted_is_parsed_back(void **state)
{
    char text[TIMESTAMP_TEXT_OCTETS];

    (void)state;
    /* A step of 11 days and some: every month, leap and common years, eras. */
    for (int64_t time_s = -62167219200; time_s < 253402300799; time_s += 987654) {
        int64_t back = 0;
        timestamp_format(time_s, text);
        assert_case(text, timestamp_parse(text, &back) == RES_OK);
        assert_case(text, back == time_s);
    }
}

static void microseconds_are_parsed_back(void **state)
{
    static const char *const bad[] = {
        "2027-01-01T00:00:00Z",         "2027-01-01T00:00:00.00001Z",
        "2027-01-01T00:00:00.0000001Z", "2027-01-01T00:00:00,000001Z",
        "2027-02-30T00:00:00.000001Z",  "2027-01-01T00:00:00.00000xZ",
        "2027-01-01T00:00:00.000001+",  "",
    };
    int64_t time_us = 0;

    (void)state;
    assert_int_equal(timestamp_parse_us("2027-01-01T00:00:00.000001Z", &time_us),
                     RES_OK);
    assert_int_equal(time_us, 1798761600000001);
    assert_int_equal(timestamp_parse_us("1969-12-31T23:59:59.999999Z", &time_us),
                     RES_OK);
    assert_int_equal(time_us, -1);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_case(bad[i], timestamp_parse_us(bad[i], &time_us) == RES_EFORMAT);
}

static void extremes_fit_their_room(void **state)
{
    char text[TIMESTAMP_TEXT_OCTETS];

    (void)state;
    assert_string_equal(timestamp_format_us(1798761600000001, text),
                        "2027-01-01T00:00:00.000001Z");
    assert_string_equal(timestamp_format_us(-1, text), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(timestamp_format(253402300800, text), "10000-01-01T00:00:00Z");
    assert_string_equal(timestamp_format(-62167219200, text), "0000-01-01T00:00:00Z");
    /* The latest TSIG time, and what lies beyond. */
    assert_string_equal(timestamp_format((INT64_C(1) << 48) - 1, text),
                        "8921556-12-07T10:44:15Z");
    assert_string_equal(timestamp_format(INT64_MAX, text), "8921556-12-07T10:44:15Z");
    assert_string_equal(timestamp_format(INT64_MIN, text), "0000-01-01T00:00:00Z");
    timestamp_format_us(INT64_MAX, text);
    timestamp_format_us(INT64_MIN, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_utc_and_nothing_else),
        cmocka_unit_test(what_is_formatted_is_parsed_back),
        cmocka_unit_test(microseconds_are_parsed_back),
        cmocka_unit_test(extremes_fit_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

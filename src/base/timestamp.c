#include "base/timestamp.h"

#include <stdbool.h>
#include <string.h>

/*
 * Own arithmetic and not gmtime_r: the C library may open the zone files on its first
 * call, which no list of system calls (O-1) should have to allow. Days are counted in
 * years that begin in March, so that the leap day is a year's last.
 */
#define DAY_S         86400
#define ERA_DAYS      146097 /* 400 years */
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

/* RFC 3339 has four digits for the year; a 48-bit TSIG time (RFC 8945 4.2) goes far
 * beyond and is printed with more. */
#define EARLIEST_S (-62167219200) /* 0000-01-01 */
#define LATEST_S   ((INT64_C(1) << 48) - 1)

struct civil {
    int64_t year;
    unsigned month; /* 1..12 */
    unsigned day;   /* 1..31 */
};

static int64_t days_from_civil(struct civil date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * ERA_DAYS + day_of_era - DAYS_TO_EPOCH;
}

static struct civil civil_from_days(int64_t days)
{
    int64_t shifted = days + DAYS_TO_EPOCH;
    int64_t era = (shifted >= 0 ? shifted : shifted - ERA_DAYS + 1) / ERA_DAYS;
    int64_t day_of_era = shifted - era * ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / (ERA_DAYS - 1)) /
                          365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */

    return (struct civil){
        .year = era * 400 + year_of_era + (month >= 10 ? 1 : 0),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

/* Reads digits at text, which has them all; -1: one of them is none. */
static int read_digits(const char *text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* "0000-00-00T00:00:00" and its six numbers. */
static bool has_shape(const char *text, int fields[6])
{
    static const char shape[] = "0000-00-00T00:00:00";
    static const unsigned char at[6] = {0, 5, 8, 11, 14, 17};

    if (strnlen(text, sizeof(shape)) < sizeof(shape) - 1)
        return false;
    for (size_t i = 0; shape[i] != '\0'; i++) {
        if (shape[i] != '0' && shape[i] != text[i])
            return false;
    }
    for (int i = 0; i < 6; i++) {
        fields[i] = read_digits(text + at[i], i == 0 ? 4 : 2);
        if (fields[i] < 0)
            return false;
    }
    return strcmp(text + sizeof(shape) - 1, "Z") == 0 ||
           strcmp(text + sizeof(shape) - 1, "+00:00") == 0;
}

enum result timestamp_parse(const char *text, int64_t *out_time_s)
{
    int fields[6];

    if (!has_shape(text, fields))
        return RES_EFORMAT;
    if (fields[1] < 1 || fields[1] > 12 || fields[2] < 1 || fields[3] > 23 ||
        fields[4] > 59 || fields[5] > 59)
        return RES_EFORMAT;
    struct civil date = {fields[0], (unsigned)fields[1], (unsigned)fields[2]};
    int64_t days = days_from_civil(date);
    /* The 31st of April is the 1st of May on the way back. */
    if (civil_from_days(days).day != date.day)
        return RES_EFORMAT;
    *out_time_s = days * DAY_S + fields[3] * 3600 + fields[4] * 60 + fields[5];
    return RES_OK;
}

enum result timestamp_parse_us(const char *text, int64_t *out_time_us)
{
    static const char shape[] = "0000-00-00T00:00:00.000000Z";
    char seconds[] = "0000-00-00T00:00:00Z";
    int64_t time_s;

    if (strlen(text) != sizeof(shape) - 1 || text[19] != '.' ||
        text[sizeof(shape) - 2] != 'Z')
        return RES_EFORMAT;
    int fraction = read_digits(text + 20, 6);
    memcpy(seconds, text, 19);
    if (fraction < 0 || timestamp_parse(seconds, &time_s) != RES_OK)
        return RES_EFORMAT;
    *out_time_us = time_s * 1000000 + fraction;
    return RES_OK;
}

/* number, which is not negative, in that many digits. Gives the end. */
static char *write_digits(char *text, int64_t number, size_t digits)
{
    for (size_t i = digits; i > 0; number /= 10)
        text[--i] = (char)('0' + number % 10);
    return text + digits;
}

/* Four digits, but for a year that has more. */
static char *write_year(char *text, int64_t year)
{
    size_t digits = 4;

    for (int64_t rest = year / 10000; rest > 0; rest /= 10)
        digits++;
    return write_digits(text, year, digits);
}

static char *write_next(char *text, char before, int64_t number)
{
    *text = before;
    return write_digits(text + 1, number, 2);
}

/* Up to the seconds, without the "Z". Gives the end. Without printf, which would be a
 * tenth of what a line of the audit log takes. */
static char *write_seconds(int64_t time_s, char *text)
{
    if (time_s < EARLIEST_S)
        time_s = EARLIEST_S;
    if (time_s > LATEST_S)
        time_s = LATEST_S;
    int64_t days = time_s / DAY_S;
    int64_t second = time_s % DAY_S;
    if (second < 0) {
        second += DAY_S;
        days--;
    }
    struct civil date = civil_from_days(days);
    text = write_year(text, date.year);
    text = write_next(text, '-', date.month);
    text = write_next(text, '-', date.day);
    text = write_next(text, 'T', second / 3600);
    text = write_next(text, ':', second / 60 % 60);
    return write_next(text, ':', second % 60);
}

const char *timestamp_format(int64_t time_s, char *text)
{
    memcpy(write_seconds(time_s, text), "Z", 2);
    return text;
}

const char *timestamp_format_us(int64_t time_us, char *text)
{
    int64_t second = time_us / 1000000;
    int64_t rest = time_us % 1000000;
    if (rest < 0) {
        rest += 1000000;
        second--;
    }
    char *end = write_seconds(second, text);
    *end = '.';
    memcpy(write_digits(end + 1, rest, 6), "Z", 2);
    return text;
}

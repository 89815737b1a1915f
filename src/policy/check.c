#include "policy/check.h"

#include <regex.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "dns/text.h"
#include "dns/type.h"

/* RDATA has been decoded (rdata_decode), yet nothing here relies on it: a short read
 * gives zeros and r.failed, and then the value does not pass. */

/* ---- ACME tokens ---- */

#define ACME_TOKEN_CHARS 43 /* base64url of a SHA-256 digest without padding */

static const char expected_acme_token[] =
    "a dns-01 token: one string of 43 base64url characters";

static bool is_base64url(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

/* The whole RDATA is judged: a CA joins the strings, so a good first one must not
 * carry a second. 43 characters hold 258 bits, of which the last two are zero. */
static bool is_acme_token(const struct rdata *rdata)
{
    if (rdata->len != 1 + ACME_TOKEN_CHARS || rdata->octets[0] != ACME_TOKEN_CHARS)
        return false;
    for (size_t i = 1; i <= ACME_TOKEN_CHARS; i++) {
        if (!is_base64url(rdata->octets[i]))
            return false;
    }
    return memchr("AEIMQUYcgkosw048", rdata->octets[ACME_TOKEN_CHARS], 16) != NULL;
}

/* ---- TLSA ---- */

/* RFC 6698 7.4: what a digest of each matching type measures. Type 0 is the whole
 * certificate or key and never passes. */
static size_t tlsa_digest_len(uint8_t matching)
{
    switch (matching) {
    case 1:
        return 32;
    case 2:
        return 64;
    default:
        return 0;
    }
}

static const char *check_tlsa(const struct acl_check *check, const struct rdata *rdata)
{
    struct reader r = reader_of(rdata->octets, rdata->len);
    uint8_t usage = reader_u8(&r);
    uint8_t selector = reader_u8(&r);
    uint8_t matching = reader_u8(&r);
    size_t digest_len = tlsa_digest_len(matching);

    if (r.failed || digest_len == 0)
        return "a TLSA record of a digest: matching type 1 or 2";
    if (reader_left(&r) != digest_len)
        return "a TLSA record as long as its digest: 32 octets of SHA-256, 64 of "
               "SHA-512";
    for (size_t i = 0; i < check->count; i++) {
        const struct acl_tlsa_params *allowed = &check->tlsa[i];
        if (allowed->usage == usage && allowed->selector == selector &&
            allowed->matching == matching)
            return NULL;
    }
    return "TLSA usage, selector and matching type that the grant lists";
}

/* ---- addresses, service bindings, CAA ---- */

/* over UDP a source address is no evidence. */
static const char *check_source_address(uint16_t type, const struct rdata *rdata,
                                        const struct addr *from, bool is_udp)
{
    size_t len = type == TYPE_A ? 4 : 16;
    uint8_t family = type == TYPE_A ? 4 : 6;

    if (from == NULL)
        return "the requestor's own address, which is not known here";
    if (is_udp)
        return "a request over TCP: over UDP the requestor's address proves nothing";
    if ((type != TYPE_A && type != TYPE_AAAA) || from->family != family ||
        rdata->len != len || memcmp(from->octets, rdata->octets, len) != 0)
        return "the address that the request came from";
    return NULL;
}

/* RFC 9460 2.4.2: SvcPriority 0 is the alias form. */
static bool is_svcb_service(const struct rdata *rdata)
{
    struct reader r = reader_of(rdata->octets, rdata->len);
    uint16_t priority = reader_u16(&r);

    return !r.failed && priority > 0;
}

static uint8_t folded(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_same(const uint8_t *octets, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(octets, text, len) == 0;
}

static bool is_same_folded(const uint8_t *octets, size_t len, const char *text)
{
    if (strlen(text) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (folded(octets[i]) != folded((uint8_t)text[i]))
            return false;
    }
    return true;
}

#define CAA_CRITICAL 0x80

/* RFC 8659 4.1: tags match without case, values as they are. The other flag bits are
 * reserved, and a CA of the future may refuse to issue because of one. */
static bool is_caa_value(const struct acl_check *check, const struct rdata *rdata)
{
    struct reader r = reader_of(rdata->octets, rdata->len);
    uint8_t flags = reader_u8(&r);
    uint8_t tag_len = reader_u8(&r);
    const uint8_t *tag = reader_octets(&r, tag_len);
    size_t value_len = reader_left(&r);
    const uint8_t *value = reader_octets(&r, value_len);

    if (r.failed || (flags & ~CAA_CRITICAL) != 0)
        return false;
    for (size_t i = 0; i < check->count; i++) {
        if (is_same_folded(tag, tag_len, check->caa[i].tag) &&
            is_same(value, value_len, check->caa[i].value))
            return true;
    }
    return false;
}

/* ---- texts ---- */

/* The octets of all strings of a TXT as one NUL-terminated text. NULL: over
 * LIMIT_MATCH_VALUE_OCTETS, an octet outside 0x20-0x7e (a NUL would hide what stands
 * behind it), or no memory. */
static const char *joined_txt(const struct rdata *rdata, struct arena *arena)
{
    struct reader r = reader_of(rdata->octets, rdata->len);
    char *text = arena_alloc(arena, LIMIT_MATCH_VALUE_OCTETS + 1);
    size_t len = 0;

    while (text != NULL && reader_left(&r) > 0) {
        uint8_t string_len = reader_u8(&r);
        const uint8_t *string = reader_octets(&r, string_len);
        if (r.failed || string_len > LIMIT_MATCH_VALUE_OCTETS - len)
            return NULL;
        memcpy(text + len, string, string_len);
        len += string_len;
    }
    for (size_t i = 0; text != NULL && i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return NULL;
    }
    return text;
}

/* What a regular expression looks at; NULL as above. */
static const char *presentation(uint16_t type, const struct rdata *rdata,
                                struct arena *arena)
{
    if (type == TYPE_TXT)
        return joined_txt(rdata, arena);

    const char *text = rdata_to_text(type, rdata, arena);
    if (text == NULL || strlen(text) > LIMIT_MATCH_VALUE_OCTETS)
        return NULL;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return NULL;
    }
    return text;
}

/* ---- acme-persist ---- */

/* A part of a text, without the blanks around it. */
struct span {
    const char *chars;
    size_t len;
};

static struct span trimmed(const char *begin, const char *end)
{
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && end[-1] == ' ')
        end--;
    return (struct span){begin, (size_t)(end - begin)};
}

/* Cuts what stands before the first separator off *rest, which then starts behind it;
 * *rest becomes NULL with the last part. */
static struct span cut(const char **rest, char separator)
{
    const char *begin = *rest;
    const char *end = strchr(begin, separator);

    *rest = end != NULL ? end + 1 : NULL;
    return trimmed(begin, end != NULL ? end : begin + strlen(begin));
}

static bool span_is(struct span span, const char *text)
{
    return is_same((const uint8_t *)span.chars, span.len, text);
}

#define UNIX_TIME_DIGITS 12 /* to the year 33658 */

/* Seconds since 1970, still to come: a record that has lapsed is a mistake. */
static bool is_future(struct span span, int64_t now_s)
{
    int64_t time_s = 0;

    if (span.len == 0 || span.len > UNIX_TIME_DIGITS)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        if (span.chars[i] < '0' || span.chars[i] > '9')
            return false;
        time_s = time_s * 10 + (span.chars[i] - '0');
    }
    return time_s > now_s;
}

/*
 * A-5, draft-ietf-acme-dns-persist: "ISSUER; accounturi=URI[; persistUntil=TIME]" in
 * the form of a CAA issue-value (RFC 8659 4.2), on the joined strings. policy=wildcard
 * would authorise every name below, and a parameter that we do not know might do worse:
 * neither passes.
 */
static bool is_acme_persist(const struct acl_check *check, const char *text,
                            int64_t now_s)
{
    const char *rest = text;
    struct span issuer = cut(&rest, ';');
    bool has_account = false;
    bool has_until = false;

    if (!is_same_folded((const uint8_t *)issuer.chars, issuer.len, check->issuer))
        return false;
    while (rest != NULL) {
        struct span parameter = cut(&rest, ';');
        const char *equals = memchr(parameter.chars, '=', parameter.len);
        if (equals == NULL)
            return false;
        struct span tag = trimmed(parameter.chars, equals);
        struct span value = trimmed(equals + 1, parameter.chars + parameter.len);
        if (span_is(tag, "accounturi") && !has_account &&
            span_is(value, check->account_uri))
            has_account = true;
        else if (span_is(tag, "persistUntil") && !has_until && is_future(value, now_s))
            has_until = true;
        else
            return false;
    }
    return has_account;
}

/* ---- the door ---- */

const char *check_value(const struct acl_check *check, uint16_t type,
                        const struct rdata *rdata, const struct addr *from, bool is_udp,
                        int64_t now_s, struct arena *arena)
{
    const char *text = NULL;

    switch (check->kind) {
    case ACL_CHECK_MISSING:
        return "a grant that says with check= which values it means";
    case ACL_CHECK_ANY:
        return NULL;
    case ACL_CHECK_ACME_TOKEN:
        return is_acme_token(rdata) ? NULL : expected_acme_token;
    case ACL_CHECK_TLSA:
        return check_tlsa(check, rdata);
    case ACL_CHECK_SOURCE_ADDRESS:
        return check_source_address(type, rdata, from, is_udp);
    case ACL_CHECK_SVCB_SERVICE:
        return is_svcb_service(rdata) ? NULL : "the service form: SvcPriority above 0";
    case ACL_CHECK_CAA_VALUE:
        return is_caa_value(check, rdata)
                   ? NULL
                   : "one of the CAA values that the grant lists";
    case ACL_CHECK_ACME_PERSIST:
        text = joined_txt(rdata, arena);
        return text != NULL && is_acme_persist(check, text, now_s)
                   ? NULL
                   : "the issuer and the accounturi that the grant names, no policy, "
                     "and "
                     "no persistUntil that is past";
    case ACL_CHECK_MATCH:
        text = presentation(type, rdata, arena);
        return text != NULL && regexec(check->regex, text, 0, NULL, 0) == 0
                   ? NULL
                   : "a value of the form that the grant describes";
    }
    return "a check that exists"; /* an invariant of ours is broken: refuse */
}

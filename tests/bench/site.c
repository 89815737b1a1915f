#include "site.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "dns/build.h"
#include "dns/type.h"
#include "dns/wire.h"

#define HOST_CHARS   8 /* h0000000 */
#define SECRET_CHARS 32
#define FUDGE_S      300

static const uint8_t zone[] = "\003dyn\007example";
static const uint8_t challenge[] = "\017_acme-challenge";

void site_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

static struct name zone_name(void)
{
    return (struct name){.octets = zone, .len = sizeof(zone)};
}

/* number in decimal with leading zeros. */
static void write_digits(uint64_t number, uint8_t *digits, size_t count)
{
    while (count > 0) {
        digits[--count] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
}

void site_host_name(uint32_t host, struct name_buf *out)
{
    out->octets[0] = HOST_CHARS;
    out->octets[1] = 'h';
    write_digits(host, out->octets + 2, HOST_CHARS - 1);
    memcpy(out->octets + 1 + HOST_CHARS, zone, sizeof(zone));
    out->len = 1 + HOST_CHARS + sizeof(zone);
}

static void owner_name(uint32_t host, struct name_buf *out)
{
    struct name_buf host_name;
    struct name prefix = {.octets = challenge, .len = sizeof(challenge)};

    site_host_name(host, &host_name);
    if (name_join(prefix, name_of(&host_name), out) != RES_OK)
        site_die("no room for a name");
}

/* ---- keys ---- */

static void secret_octets(uint32_t host, uint8_t octets[SECRET_CHARS])
{
    write_digits(host, octets, SECRET_CHARS);
}

void site_secret_text(uint32_t host, char text[SITE_SECRET_CHARS])
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t octets[SECRET_CHARS + 1] = {0};
    size_t at = 0;

    secret_octets(host, octets);
    for (size_t i = 0; i < SECRET_CHARS; i += 3) {
        uint32_t bits = (uint32_t)octets[i] << 16 | (uint32_t)octets[i + 1] << 8;
        if (i + 2 < SECRET_CHARS)
            bits |= octets[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            text[at++] = digits[bits >> shift & 63];
    }
    text[at - 1] = '=';
    text[at] = '\0';
}

struct hmac *site_hmac(uint32_t host)
{
    uint8_t octets[SECRET_CHARS];
    struct secret secret;
    struct hmac *hmac = NULL;

    secret_octets(host, octets);
    if (secret_from_octets(octets, sizeof(octets), &secret) != RES_OK ||
        hmac_new(HMAC_SHA256, &secret, &hmac) != RES_OK)
        site_die("no memory for a key");
    secret_free(&secret);
    return hmac;
}

/* The gateway has the secret of a host that is beyond all others. */
struct hmac *site_gateway_hmac(void)
{
    return site_hmac(SITE_HOSTS_MAX);
}

/* ---- messages ---- */

/* Digits but for the last character, whose low bits base64url wants to be zero. */
void site_token(uint32_t host, uint64_t serial, char text[SITE_TOKEN_CHARS + 1])
{
    write_digits(serial, (uint8_t *)text, SITE_TOKEN_CHARS - 12);
    write_digits(host, (uint8_t *)text + SITE_TOKEN_CHARS - 12, 11);
    memcpy(text + SITE_TOKEN_CHARS - 1, "A", 2);
}

static bool is_query(enum site_kind kind)
{
    return kind == SITE_SOA || kind == SITE_SOA_SIGNED;
}

static void write_change(const struct site_request *request, struct writer *w)
{
    char token[SITE_TOKEN_CHARS + 1];
    uint8_t octets[1 + SITE_TOKEN_CHARS] = {SITE_TOKEN_CHARS};
    const struct rdata rdata = {.octets = octets, .len = sizeof(octets)};
    uint32_t target = request->host + (request->kind == SITE_REFUSED);
    bool is_delete = request->kind == SITE_DELETE;
    struct name_buf owner;

    owner_name(target, &owner);
    site_token(request->host, request->serial, token);
    memcpy(octets + 1, token, SITE_TOKEN_CHARS);
    build_rr(w, SECTION_UPDATE, name_of(&owner), TYPE_TXT,
             is_delete ? CLASS_NONE : CLASS_IN, is_delete ? 0 : 60, &rdata);
}

static void sign(const struct site_request *request, struct hmac *hmac,
                 struct writer *w, struct tsig_mac *out_mac)
{
    struct name_buf key_name;

    site_host_name(request->host, &key_name);
    if (request->kind == SITE_BADKEY)
        key_name.octets[1] = 'x';
    const struct tsig_params params = {.key_name = name_of(&key_name),
                                       .time_signed_s = (uint64_t)request->now_s,
                                       .fudge_s = FUDGE_S,
                                       .original_id = request->id};
    if (tsig_sign(w, hmac, &params, NULL, out_mac) != RES_OK)
        site_die("cannot sign");
    if (request->kind == SITE_BADSIG)
        w->octets[w->len - 7] ^= 1; /* before original ID, error, other length */
}

void site_write(const struct site_request *request, struct hmac *hmac, struct writer *w,
                struct tsig_mac *out_mac)
{
    if (is_query(request->kind)) {
        build_header(w, request->id, OPCODE_QUERY << 11);
        build_question(w, zone_name(), TYPE_SOA, CLASS_IN);
    } else {
        build_header(w, request->id, OPCODE_UPDATE << 11);
        build_question(w, zone_name(), TYPE_SOA, CLASS_IN);
        write_change(request, w);
    }
    if (w->failed)
        site_die("no room for a message");
    out_mac->len = 0;
    if (request->kind != SITE_SOA)
        sign(request, hmac, w, out_mac);
}

static enum rcode expected_rcode(enum site_kind kind)
{
    switch (kind) {
    case SITE_ADD:
    case SITE_DELETE:
    case SITE_SOA:
    case SITE_SOA_SIGNED:
        return RCODE_NOERROR;
    case SITE_REFUSED:
        return RCODE_REFUSED;
    case SITE_BADSIG:
    case SITE_BADKEY:
        return RCODE_NOTAUTH;
    }
    return RCODE_SERVFAIL;
}

static bool is_signed_well(const struct site_request *request, struct hmac *hmac,
                           const struct tsig_mac *mac, const struct wire_msg *msg)
{
    struct tsig tsig;
    struct tsig_mac full;

    if (request->kind == SITE_SOA)
        return !msg->has_tsig;
    if (!msg->has_tsig || tsig_read(msg, false, &tsig) != RES_OK)
        return false;
    if (request->kind == SITE_BADKEY)
        return tsig.error == TSIG_BADKEY && tsig.mac_len == 0;
    if (request->kind == SITE_BADSIG)
        return tsig.error == TSIG_BADSIG && tsig.mac_len == 0;
    return tsig_verify(msg, &tsig, hmac, mac, request->now_s, FUDGE_S, &full) ==
           REASON_PERMITTED;
}

bool site_read(const struct site_request *request, struct hmac *hmac,
               const struct tsig_mac *mac, const uint8_t *octets, size_t len,
               unsigned *out_rcode)
{
    struct wire_msg msg;

    *out_rcode = 16;
    if (wire_walk(octets, len, false, &msg) != RES_OK ||
        (msg.header.flags & FLAG_QR) == 0 || msg.header.id != request->id)
        return false;
    *out_rcode = msg.header.rcode;
    return msg.header.rcode == expected_rcode(request->kind) &&
           is_signed_well(request, hmac, mac, &msg);
}

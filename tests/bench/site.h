/*
 * The site that the benchmarks have: hosts h0000000, h0000001, ... of the zone
 * dyn.example, each with a key of its own name that may write the token of its own ACME
 * challenge. Keys follow from the host's number, so that whoever needs one makes it.
 */
#ifndef TESTS_BENCH_SITE_H
#define TESTS_BENCH_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"
#include "dns/hmac.h"
#include "dns/name.h"
#include "dns/tsig.h"

#define SITE_ZONE        "dyn.example"
#define SITE_GATEWAY_KEY "gateway.example"
#define SITE_HOSTS_MAX   10000000
#define SITE_TOKEN_CHARS 43

/* Base64 of the host's 32 octets of secret, and NUL. */
#define SITE_SECRET_CHARS 45

enum site_kind {
    SITE_ADD,     /* of a token that the host may write */
    SITE_DELETE,  /* of that token */
    SITE_REFUSED, /* a token of the next host */
    SITE_BADSIG,  /* as SITE_ADD, and one bit of the MAC is wrong */
    SITE_BADKEY,  /* as SITE_ADD, by a host that does not exist */
    SITE_SOA,     /* a query without a signature */
    SITE_SOA_SIGNED,
};

struct site_request {
    enum site_kind kind;
    uint32_t host;
    uint64_t serial; /* of the token */
    uint16_t id;
    int64_t now_s;
};

/* Of what these call, nothing fails but for lack of memory: then the program ends. */
void site_host_name(uint32_t host, struct name_buf *out);
void site_secret_text(uint32_t host, char text[SITE_SECRET_CHARS]);
struct hmac *site_hmac(uint32_t host);
struct hmac *site_gateway_hmac(void);
/* The text of the host's token of that number. */
void site_token(uint32_t host, uint64_t serial, char text[SITE_TOKEN_CHARS + 1]);

/* Writes the message and signs it with hmac; out_mac is for site_read. hmac may be NULL
 * for SITE_SOA. */
void site_write(const struct site_request *request, struct hmac *hmac, struct writer *w,
                struct tsig_mac *out_mac);
/* Whether octets are the answer to the request as its kind has it: the RCODE, and the
 * signature where one is due. out_rcode is what the header says. */
bool site_read(const struct site_request *request, struct hmac *hmac,
               const struct tsig_mac *mac, const uint8_t *octets, size_t len,
               unsigned *out_rcode);

/* Ends the program. */
void site_die(const char *format, ...) PRINTF(1, 2) __attribute__((noreturn));

#endif

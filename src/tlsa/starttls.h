/*
 * How plain services are asked to begin TLS (STARTTLS), one dialogue for each protocol,
 * as data. Floor 5; pure: octets in, octets or a verdict out. RFC 3207, 2595, 5804,
 * 4217, 4642, 4511 4.14, 6120 5; IRCv3's "tls".
 */
#ifndef TSIGATE_TLSA_STARTTLS_H
#define TSIGATE_TLSA_STARTTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* What a service may say before TLS; greetings are shorter by far. */
#define STARTTLS_OCTETS 8192
#define STARTTLS_STEPS  4
#define STARTTLS_BAD    2

enum starttls_form {
    STARTTLS_LINES = 0, /* an answer is lines; each is judged by its beginning */
    STARTTLS_WORDS,     /* a stream, judged by the words in it */
    STARTTLS_LDAP,
    STARTTLS_POSTGRES,
};

struct starttls_step {
    const char *send;    /* NULL: it speaks first; %s: whom it is asked for */
    const char *good;    /* what ends the answer and lets us go on */
    const char *goes_on; /* lines: what more lines begin with; NULL: none */
    bool is_loose;       /* ... and from the second on with anything (RFC 959 4.2) */
    const char *bad[STARTTLS_BAD]; /* words: what ends the answer as a refusal */
    const char *offer;             /* what the answer has to contain; NULL: nothing */
};

struct starttls {
    const char *name; /* "smtp" */
    uint16_t port;    /* where it usually is */
    enum starttls_form form;
    struct starttls_step steps[STARTTLS_STEPS]; /* good NULL: the end */
};

enum starttls_verdict {
    STARTTLS_REFUSED = 0, /* talk->why says how */
    STARTTLS_MORE,        /* feed it more octets */
    STARTTLS_SEND,        /* send talk->send, then go on */
    STARTTLS_READY,       /* TLS begins */
};

struct starttls_talk {
    const struct starttls *protocol;
    const char *host; /* the caller's */
    size_t step;
    bool is_asked; /* this step's words are sent */
    uint8_t got[STARTTLS_OCTETS];
    size_t got_len;
    uint8_t send[512];
    size_t send_len;
    char why[160];
};

/* NULL: no such protocol. */
const struct starttls *starttls_find(const char *name) NONNULL;
/* All names, for messages. */
extern const char starttls_names[];

void starttls_begin(struct starttls_talk *talk, const struct starttls *protocol,
                    const char *host) NONNULL;
/* Takes octets of the service; STARTTLS_REFUSED: too many. */
enum starttls_verdict starttls_feed(struct starttls_talk *talk, const uint8_t *octets,
                                    size_t len) MUST_CHECK NONNULL;
/* What comes next with the octets in hand. */
enum starttls_verdict starttls_step(struct starttls_talk *talk) MUST_CHECK NONNULL;

#endif

/*
 * The scripted primary: an authoritative server in memory behind the gateway's TSIG. It
 * is honest unless it is told to play a trick on its next message of a kind. What it
 * gets it verifies, decodes and applies as RFC 2136 has it.
 */
#ifndef TESTS_SCENARIO_PRIMARY_H
#define TESTS_SCENARIO_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/outcome.h"
#include "dns/hmac.h"
#include "dns/tsig.h"
#include "dns/update.h"
#include "txn/txn.h"

/* What a message to it is. */
enum kind {
    KIND_UPDATE,
    KIND_CNAME, /* a query for CNAME: the gateway's look-ups */
    KIND_SOA,
    KIND_READ, /* any other query */
};

enum trick {
    TRICK_NONE = 0,
    TRICK_DEAF,     /* neither applied nor answered */
    TRICK_SILENT,   /* applied, not answered */
    TRICK_SLOW,     /* applied at once, answered after delay_us */
    TRICK_RCODE,    /* not applied, answered with rcode */
    TRICK_BAD_MAC,  /* from here on applied, but the answer is not right */
    TRICK_WRONG_ID, /* an ID that nobody asked with */
    TRICK_WRONG_ZONE,
    TRICK_WRONG_TYPE,
    TRICK_WRONG_CLASS,
    TRICK_WRONG_OPCODE,
    TRICK_NOT_REPLY, /* QR=0 */
    TRICK_TRUNCATED,
    TRICK_UNSIGNED,
    TRICK_OTHER_KEY, /* another name, the same secret */
    TRICK_BADKEY,
    TRICK_BADTIME, /* signed with the error */
    TRICK_BADTRUNC,
    TRICK_OLD_TIME,
    TRICK_JUNK,
    TRICK_NOISE, /* some octets changed on the way */
    TRICK_NOT_AA,
    TRICK_DNAME,
    TRICK_TWO_CNAMES,
};

struct order {
    enum kind kind;
    enum trick trick;
    enum rcode rcode;
    int64_t delay_us;
};

/* A reply under way to the gateway. */
struct letter {
    enum txn_link link;
    int64_t due_us; /* monotonic */
    size_t len;
    uint8_t octets[4096];
};

struct primary_rr {
    struct name_buf owner;
    uint16_t type;
    uint32_t ttl;
    uint16_t len;
    uint8_t rdata[600];
};

#define PRIMARY_RRS     1024
#define PRIMARY_ORDERS  64
#define PRIMARY_LETTERS 64

struct primary {
    struct hmac *hmac;
    struct arena arena;
    struct primary_rr rrs[PRIMARY_RRS];
    size_t rr_count;
    uint32_t serial;
    uint32_t dice;                       /* of the noise */
    struct order orders[PRIMARY_ORDERS]; /* to come, first first */
    size_t order_count;
    struct letter letters[PRIMARY_LETTERS];
    size_t letter_count;
    unsigned received[4]; /* messages of a kind */
    size_t longest;       /* octets of one */
    int64_t pace_us;      /* for an update that has no order of its own */
    const char *broken;   /* an update that adds there fails with SERVFAIL; or NULL */
    /* Told of each update, before it is applied. */
    void (*on_update)(void *arg, const struct update *update, bool is_applied);
    void *arg;
};

void primary_open(struct primary *primary);
void primary_close(struct primary *primary);
/* A record from text; value in zone-file form. */
void primary_add(struct primary *primary, const char *owner, const char *type,
                 const char *value);
void primary_remove(struct primary *primary, const char *owner, const char *type);
/* How many records there are of that name and type; value NULL: any. */
unsigned primary_has(struct primary *primary, const char *owner, const char *type,
                     const char *value);
/* The TTL of the RRset. */
uint32_t primary_ttl(struct primary *primary, const char *owner, const char *type);
/* What to do with the next message of the kind that has no order yet. */
void primary_expect(struct primary *primary, struct order order);
void primary_receive(struct primary *primary, enum txn_link link, const uint8_t *octets,
                     size_t len, struct txn_now now);
/* The connection is gone, and with it what was under way on it. */
void primary_forget(struct primary *primary, enum txn_link link);

#endif

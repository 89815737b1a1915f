/*
 * Requests from the first octet to the answer: what is under way, in which state, and
 * what is owed to whom. Floor 3: no sockets, no clock, no files. Everything that
 * happens comes in as an event with the time; everything that is to be done goes out
 * through the ports.
 *
 * One struct per request, one enum of states, written by one function. P9, P10, P15 to
 * P17.
 */
#ifndef TSIGATE_TXN_TXN_H
#define TSIGATE_TXN_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/result.h"
#include "policy/gate.h"
#include "policy/snapshot.h"

/* Both clocks, read once per event by who calls. */
struct txn_now {
    int64_t mono_us; /* monotonic: deadlines */
    int64_t real_us; /* since 1970: TSIG, audit */
};

/* Where an answer goes. The numbers are the network's: a connection that has gone
 * meanwhile simply swallows its answer, so nothing here can dangle. */
struct txn_client {
    struct addr peer;
    enum transport transport;
    uint32_t listener;   /* UDP: which socket received */
    uint64_t connection; /* TCP: never used twice; UDP: 0, which none has */
};

/* The two connections to the primary (F-4); each fails alone. */
enum txn_link {
    LINK_UPDATE,
    LINK_QUERY,
    LINKS,
};

enum txn_link_state {
    LINK_DOWN = 0,   /* the last attempt failed, the next waits: refuse at once (F-6) */
    LINK_CONNECTING, /* requests may wait, up to their deadline */
    LINK_UP,
};

/* syslog's numbers. */
enum txn_level {
    LEVEL_ERROR = 3,
    LEVEL_WARNING = 4,
    LEVEL_NOTICE = 5,
    LEVEL_INFO = 6,
};

/* What the core asks of the floor above. None of them calls back into the core. */
struct txn_ports {
    void *arg;
    /* One message to a client; octets are valid during the call. len 0: nothing can be
     * said, but the request is over. */
    void (*send_client)(void *arg, const struct txn_client *client,
                        const uint8_t *octets, size_t len);
    /* One message, without the length field, queued whole on a link that is LINK_UP.
     * RES_EIO: nothing of it was or will be sent. */
    enum result (*send_primary)(void *arg, enum txn_link link, const uint8_t *octets,
                                size_t len);
    /* The link is bad: close it and connect anew. txn_on_link follows, later. */
    void (*close_primary)(void *arg, enum txn_link link, const char *why);
    /* Appends lines (each with its newline) to the audit file, all of them whole or
     * nothing. RES_EIO. */
    enum result (*audit_write)(void *arg, const uint8_t *lines, size_t len);
    /* All lines written so far have to reach the disk; txn_on_synced(token) follows,
     * later. Tokens grow. */
    void (*audit_sync)(void *arg, uint64_t token);
    /* An unpredictable message ID (F-1). */
    uint16_t (*random_id)(void *arg);
    /* One line without newline. */
    void (*log)(void *arg, enum txn_level level, const char *line);
};

/* "update", "query"; "down", "connecting", "up": as log and status have them. */
const char *txn_link_name(enum txn_link link);
const char *txn_link_state_name(enum txn_link_state state);

struct txns; /* all requests, the table, the queues, the caches, the counters */

struct log_scan;

/* How the audit log was found at start. */
struct txn_journal {
    uint64_t next_seq;   /* 1 in a new file */
    uint8_t prev[32];    /* SHA-256 of the last line; zeros in a new file */
    bool is_first_start; /* there was no file: T-20's rule does not hold */
    /*
     * The lines that a retransmission could still name, for the length of txns_new
     * (D9). NULL: they are not all there, and T-20's rule holds for all that was signed
     * before this start. With them it holds for what was signed before the machine's:
     * intents are not synced, so a power failure may have taken some.
     */
    const struct log_scan *past;
    int64_t booted_us; /* when the machine started, by the real clock */
};

/* Holds a reference of snapshot. Writes the start's audit line. NULL: no memory. */
struct txns *txns_new(const struct txn_ports *ports, struct snapshot *snapshot,
                      const struct txn_journal *journal,
                      struct txn_now now) MUST_CHECK NONNULL;
/* Nobody is answered; every request's memory goes. */
void txns_free(struct txns **txns) NONNULL;

enum txn_fate {
    TXN_DROPPED,  /* there will be no answer */
    TXN_ANSWERED, /* send_client has been called */
    TXN_WAITING,  /* send_client will be called, exactly once */
};

struct txn_opened {
    enum txn_fate fate;
    bool is_verified; /* the MAC verified: the connection may idle longer (N-2) */
};

/* A message from a client. octets stay the caller's and may change afterwards. Whoever
 * calls it calls txns_flush after the last of the messages that came together. */
struct txn_opened txn_open(struct txns *txns, const uint8_t *octets, size_t len,
                           const struct txn_client *client, struct txn_now now) NONNULL;
/* Writes the audit lines of what was opened, all at once, and then sends the answers
 * that they are about (L-2). All other functions do so before they return. */
void txns_flush(struct txns *txns, struct txn_now now) NONNULL;
/* A whole message from the primary on a link. */
void txn_on_primary(struct txns *txns, enum txn_link link, const uint8_t *octets,
                    size_t len, struct txn_now now) NONNULL;
/* A link's state has changed; why is for the log. From LINK_UP to another: all that was
 * sent on it and not answered has an unknown outcome (U-12). */
void txn_on_link(struct txns *txns, enum txn_link link, enum txn_link_state state,
                 const char *why, struct txn_now now) NONNULL;
/* The sync with that token is over, and with it all before it. */
void txn_on_synced(struct txns *txns, uint64_t token, enum result result,
                   struct txn_now now) NONNULL;
/* Deadlines. To be called when txns_wake_us says, or later. */
void txn_on_time(struct txns *txns, struct txn_now now) NONNULL;
/* When txn_on_time is wanted, monotonic microseconds; INT64_MAX: nothing waits. */
int64_t txns_wake_us(const struct txns *txns) NONNULL;

/* The new snapshot judges all that comes from now on (O-6); caches are emptied. */
void txns_set_snapshot(struct txns *txns, struct snapshot *snapshot,
                       struct txn_now now) NONNULL;
/* Whether the SOA of every zone is known: until then queries for one get SERVFAIL. */
bool txns_is_warm(const struct txns *txns) NONNULL;
/* The audit goes on in a new file (L-4): writes its first lines, which are what a
 * restart needs of the old one. RES_EIO, RES_EMEM: not all of them. */
enum result txns_rotated(struct txns *txns, struct txn_now now,
                         uint64_t *out_carried) MUST_CHECK NONNULL;
/* Nothing new is taken: for SIGTERM. */
void txns_drain(struct txns *txns) NONNULL;
/* Whether nobody waits for an answer any more. */
bool txns_is_idle(const struct txns *txns) NONNULL;

/* `tsigate status`: members of an open JSON object. */
void txns_status(const struct txns *txns, struct json *json,
                 struct txn_now now) NONNULL;

/* A walk over all keys of a policy, which stays the one that it began with. */
struct key_walk {
    struct snapshot *snapshot; /* a reference; NULL: not begun, or ended */
    size_t host;
    const struct acl_key_line *line; /* the next of that host; NULL: its first */
    size_t hostless;                 /* how many keys of the keyring were looked at */
};

/* `tsigate status`: elements of an open JSON array, of each key its host and last use.
 * Returns when the writer is half full or it took long enough for one turn of the
 * loop; false: those were all. */
bool txns_status_keys(const struct txns *txns, struct key_walk *walk,
                      struct json *json) MUST_CHECK NONNULL;
/* For one that is given up. An ended one is fine. */
void key_walk_end(struct key_walk *walk) NONNULL;

#endif

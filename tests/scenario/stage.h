/*
 * The stage: the core (txn.h) between scripted clients and a scripted primary, with a
 * clock that only the scenario moves. No sockets, no sleeping. While a scenario plays,
 * the stage watches what must always hold and fails at once where it does not:
 *
 *   I1, I2  each update at the primary is whole requests of hosts that may write it
 *   I3, I8  a NOERROR was applied, and its audit line was on disk before
 *   I4      no signed request is applied twice
 *   I5      only who signed gets a signature, and it verifies
 *   I7      to who did not sign: not more octets than came; never two replies
 *   U-11    on one connection the order is the client's
 *   L-4     every audit line is whole and chained
 *   one counter for every request
 *
 * With TSIGATE_TRACE set in the environment, all that happens is printed.
 */
#ifndef TESTS_SCENARIO_STAGE_H
#define TESTS_SCENARIO_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/tsig.h"
#include "primary.h"
#include "site.h"
#include "txn/log.h"
#include "txn/txn.h"

#define SECOND INT64_C(1000000)

/* ---- what clients send ---- */

/* One record; value NULL: none. */
struct item {
    enum update_op op;
    const char *owner, *type, *value;
    uint32_t ttl;
    uint16_t class; /* 0: what the operation has */
};

#define WISH_ITEMS 8

/* A message to be written. What is not given is what a good client would do. */
struct wish {
    const char *key;  /* NULL: unsigned */
    const char *zone; /* UPDATE: NULL: _kage.duckcorp.org */
    struct item items[WISH_ITEMS];
    const char *query, *query_type; /* a QUERY instead */
    const char *from;               /* NULL: 192.0.2.25 */
    bool is_tcp;
    unsigned connection; /* of TCP: shared by all who name it; 0: one of its own */
    uint16_t edns;
    int64_t signed_ago_s;
    uint16_t fudge_s; /* 0: 300 */
    bool has_bad_mac;
    bool has_unknown_key; /* signed, under a name that nobody knows */
    uint32_t noise;       /* seed of what is changed on the way; 0: nothing */
};

#define ASK_OCTETS  4096
#define ASK_EFFECTS 16

/* What an item should become at the primary. */
struct effect {
    enum update_op op;
    struct name_buf target;
    uint16_t type;
    uint32_t ttl_max;
    uint16_t rdata_len;
    uint8_t rdata[256];
};

/* A message that was sent, and what came back. */
struct ask {
    uint8_t octets[ASK_OCTETS];
    size_t len;
    uint16_t id;
    struct txn_client client;
    const char *key;   /* NULL: unsigned */
    struct hmac *hmac; /* NULL: unsigned; its owner is the first of the copies */
    struct tsig_mac mac;
    bool is_genuine; /* signed with a key of the site */
    bool is_update;
    bool is_authorised;   /* the site's rights hold all effects */
    bool is_repeated;     /* there are copies */
    struct ask *original; /* of a copy: the message that it repeats; else itself */
    struct effect effects[ASK_EFFECTS];
    size_t effect_count;
    unsigned applied;      /* how often, at the primary; of the original */
    unsigned applied_at;   /* the how manieth application of all; 0: none yet */
    unsigned forwarded_at; /* the how manieth to reach the primary; 0: not yet */

    struct txn_opened opened;
    unsigned replies;
    bool is_dismissed;  /* told that nothing comes */
    int64_t replied_us; /* monotonic */
    uint8_t reply[LIMIT_MESSAGE_OCTETS];
    struct wire_msg msg; /* of reply */
    bool is_signed;
    uint16_t tsig_error;
    char reason[64];  /* of the reason TXT, or "" */
    char text[256];   /* its second string */
    int ede;          /* -1: none */
    enum rcode rcode; /* extended */
};

/* ---- the stage ---- */

#define STAGE_ASKS     256
#define STAGE_SYNCS    64
#define STAGE_MESSAGES 1024

/* The file that the audit goes to. */
struct paper {
    char *chars;
    size_t len;
    size_t synced_len;
    bool write_fails, sync_fails;
    unsigned fails_at; /* the how manieth write from now, and no other; 0: none */
    unsigned writes;
    unsigned syncs_asked;
    int64_t sync_delay_us;
    struct {
        uint64_t token;
        int64_t due_us;
        size_t len;
    } syncs[STAGE_SYNCS]; /* under way */
    size_t sync_count;
    uint8_t prev[32]; /* SHA-256 of the last line */
    struct log_scan *scan;
    bool is_unusable; /* for the next start (T-20) */
};

struct wire {
    enum txn_link_state state;
    bool send_fails;
    bool stays_down;        /* after it was closed */
    unsigned closes;        /* by the core, as bad */
    int64_t reconnected_us; /* when it will be up again; 0: nothing is planned */
};

struct stage {
    struct site site;
    struct snapshot *snapshot;
    struct txns *txns;
    struct txn_now now;
    int64_t booted_us; /* when the machine started */
    struct primary primary;
    struct paper paper;
    struct wire wires[LINKS];
    struct ask *asks[STAGE_ASKS];
    size_t ask_count;
    struct ask *asking; /* within txn_open */
    uint16_t random;
    unsigned stuck_ids;     /* so many more times the same "random" ID comes */
    bool has_no_audit_rule; /* audit.sync is off */
    bool is_burst;          /* what is sent comes together, until stage_flush */
    bool is_traced;         /* TSIGATE_TRACE is set in the environment */
    unsigned sent;
    unsigned requests[STAGE_MESSAGES]; /* in each update that the primary was sent */
    size_t message_count;
    unsigned applications;
    unsigned forwarded;
    void (*on_core)(bool is_inside); /* told when the core begins and ends to run */
    void (*on_applied)(const struct ask *ask); /* NULL: nobody is told */
    char log[2048];                            /* the last line */
};

/* A site whose primary is there, with the CNAMEs of mx1, www, mx2 and far in place, and
 * that of bent leading elsewhere. tune may be NULL. */
void stage_open(struct stage *stage, void (*tune)(struct settings *settings));
/* Waits for all that is under way, checks the sums, frees. */
void stage_close(struct stage *stage);
/* The gateway ends and starts anew with the same audit file. */
void stage_restart(struct stage *stage);
/* The ACL is acl, and reloaded. */
void stage_reload(struct stage *stage, const char *acl,
                  void (*tune)(struct settings *settings));

/* Lets us microseconds pass; all that falls due happens in its order. 0: what is due
 * now. */
void stage_advance(struct stage *stage, int64_t us);
/* Sends a message and lets happen what is due now. */
struct ask *stage_ask(struct stage *stage, const struct wish *wish);
/* The end of a burst. */
void stage_flush(struct stage *stage);
/* Octets that no honest client writes, over UDP and unsigned. */
struct ask *stage_send(struct stage *stage, const uint8_t *octets, size_t len);
/* The same octets again, under another header ID and, unless the copy comes on the
 * same connection, from another port (T-4). */
struct ask *stage_repeat(struct stage *stage, const struct ask *ask, bool same_client);
/* The octets of a datagram again, on a connection of their own. */
struct ask *stage_repeat_over_tcp(struct stage *stage, const struct ask *ask);
void stage_link(struct stage *stage, enum txn_link link, enum txn_link_state state);
/* The primary closes the connection; it is there again after us. */
void stage_cut(struct stage *stage, enum txn_link link, int64_t us);

/* What txns_status says, until the next call. */
const char *stage_status(struct stage *stage);
/* The value of a member of it; -1: it is not there. */
int64_t stage_counter(struct stage *stage, const char *name);
/* The last audit line about the message, of that event; "" when there is none. */
const char *stage_line(struct stage *stage, const struct ask *ask, const char *event);

/* How many requests shared the message to the primary, as its result line says. */
uint32_t stage_batch(struct stage *stage, const struct ask *ask);

/* A different dns-01 token for each number, quoted. */
const char *token(unsigned n);

/* Exactly one reply came: that RCODE and, in the TXT of the reason, that name (NULL:
 * none is looked for). */
#define expect_reply(ask, rcode, reason)                                               \
    stage_expect_reply(ask, rcode, reason, __FILE__, __LINE__)
void stage_expect_reply(const struct ask *ask, enum rcode rcode, const char *reason,
                        const char *file, int line);
/* The audit's last word about the message. */
#define expect_audit(stage, ask, event, verdict, reason)                               \
    stage_expect_audit(stage, ask, event, verdict, reason, __FILE__, __LINE__)
void stage_expect_audit(struct stage *stage, const struct ask *ask, const char *event,
                        const char *verdict, const char *reason, const char *file,
                        int line);

#endif

/*
 * What the files of txn/ share: the structs behind txn.h. Private to floor 3.
 *
 * Who holds a request, state by state, is said at enum txn_state; txn_set_state is its
 * one writer. Every list here is intrusive: nothing is allocated to remember something.
 */
#ifndef TSIGATE_TXN_TXNS_H
#define TSIGATE_TXN_TXNS_H

#include <sys/queue.h>

#include "base/arena.h"
#include "base/map.h"
#include "txn/log.h"
#include "txn/rate.h"
#include "txn/reply.h"
#include "txn/txn.h"
#include "txn/txn_table.h"

/* F-5: an answer leaves this long after its request was received whole; the primary may
 * answer for so much longer, for the audit and for retransmissions. */
#define TXN_ANSWER_US 2500000
#define TXN_LATE_US   8000000
/* F-4: zones with a message in flight; BIND's update-quota is 100 in all. */
#define TXN_ZONES_IN_FLIGHT 16
/* BIND closes a connection that was idle for 30 s, and an update sent into that moment
 * would have an unknown outcome: so it never is idle that long. */
#define TXN_PING_US 10000000
/* T-19: senders of copies over UDP that are answered besides the first. */
#define TXN_UDP_COPIES 3
/* T-19: entries outlive their window by this much, for rounding in both clocks. */
#define TXN_TABLE_SLACK_S 5
/* T-21: a step back of the real-time clock that is no longer just an adjustment. */
#define TXN_CLOCK_STEP_US 5000000
#define TXN_SECOND_US     1000000
/* Requests kept for reuse with their arena's first chunk. */
#define TXN_SPARES 256
/* of audit lines, before they are written although more messages are there. */
#define TXN_LINES_OCTETS (256 * 1024)
/* what one request may take besides its struct: 16 KiB decoded, records as
 * structs. */
#define TXN_ARENA_CHUNK (8 * 1024)
#define TXN_ARENA_LIMIT (1024 * 1024)

enum txn_state {
    TXN_SPARE = 0,  /* held by txns.spares */
    TXN_OPEN,       /* held by txn_open, within one event */
    TXN_LOOKING_UP, /* held by txns.open; its look-ups by exchanges */
    TXN_HELD,       /* held by txns.open and txns.held: an earlier one goes first */
    TXN_QUEUED,     /* held by txns.open and its zone's queue */
    TXN_SENT,       /* held by txns.open and its batch */
    TXN_SYNCING,    /* held by txns.open and txns.syncing: applied, not yet on disk */
    TXN_READING,    /* held by txns.open; its query by an exchange */
    TXN_WRITING,    /* held by txns.open and txns.writing or .written: its last line is
                       built (I8) */
    TXN_LATE,       /* answered outcome-unknown; held by its batch alone (F-5) */
    TXN_SYNCING_LATE, /* answered audit-unavailable; held by txns.syncing alone */
    TXN_STATES,
};

/* Somebody who waits for the answer: the first sender, or one of a copy. */
struct txn_waiter {
    struct txn_client client;
    uint16_t id; /* of that copy: the header ID is not covered by the MAC (T-4) */
    struct txn_waiter *next;
};

struct exchange;
struct batch;
struct principal;

struct txn {
    TAILQ_ENTRY(txn) open; /* in order of deadline */
    TAILQ_ENTRY(txn)
    queue; /* of a zone's queue, a batch, txns.held, .writing,
              .written or .syncing */
    TAILQ_ENTRY(txn)
    of_host; /* with host: while it is more than the end of an event
                that it waits for */
    enum txn_state state;
    struct arena arena;
    struct snapshot *snapshot; /* one reference, from key look-up to the end (O-5) */
    struct gate_verified verified;
    struct reply_form form;
    struct txn_waiter first;
    unsigned udp_copies;
    struct plan plan;
    struct principal *host; /* whose place it takes; NULL: none, or none any more */
    struct txn_now received;
    size_t request_len;
    struct exchange **lookups; /* one per plan.lookups; NULL: not sent, or answered */
    struct exchange *read;     /* TXN_READING; NULL: not sent yet */
    struct batch *batch;       /* TXN_SENT, TXN_LATE */
    uint64_t sync_token;       /* TXN_SYNCING... */
    bool is_in_table;
    enum rcode rcode; /* of the answer; the reason is plan.reason */
    bool has_primary_rcode;
    enum rcode primary_rcode;
    uint32_t batch_size;  /* requests in its message to the primary; 0: none was sent */
    uint32_t merge_limit; /* requests that may share its next one (D4) */
    bool has_intent;      /* its intent line is in the audit */
};

TAILQ_HEAD(txn_list, txn);

/* ---- the primary ---- */

enum exchange_kind {
    EXCHANGE_UPDATE,
    EXCHANGE_LOOKUP,
    EXCHANGE_SOA,
    EXCHANGE_READ,
    EXCHANGE_PING,
};

struct soa;

/* One message to the primary and the answer that is due. It lives until that has come
 * or the connection has gone; who waits for it may have gone long before (then owner
 * NULL). */
struct exchange {
    TAILQ_ENTRY(exchange) link_entry; /* in order of sending */
    enum exchange_kind kind;
    enum txn_link link;
    uint16_t id;
    int64_t sent_us;
    struct snapshot *snapshot; /* whose gateway key signed it */
    struct tsig_mac request_mac;
    uint16_t type; /* of the question */
    struct name_buf name;
    union {
        struct batch *batch;
        struct txn *txn;
        struct soa *soa;
    } owner;
    size_t lookup; /* EXCHANGE_LOOKUP: index */
};

TAILQ_HEAD(exchange_list, exchange);

struct link {
    enum txn_link_state state;
    struct exchange_list exchanges;
    struct map by_id;  /* struct exchange; key: its id's two octets */
    int64_t sent_us;   /* last message */
    const char *wrong; /* with the last reply; NULL: nothing, it verified */
};

/* What a batch, or a request, puts into a message. */
struct batch_load {
    size_t records;
    size_t octets;
};

/* The message to one zone that is in flight, and the requests that share it (D4). */
struct batch {
    struct zone_queue *queue;
    struct txn_list txns;
    uint32_t count; /* of those who shared it when it left */
    struct batch_load load;
};

struct zone_queue {
    TAILQ_ENTRY(zone_queue) entry;
    struct name_buf name;
    struct txn_list waiting; /* in order of arrival (U-11) */
    size_t waiting_count;
    struct batch *in_flight; /* NULL: none */
    bool is_refused;         /* the gateway was, with its last message */
    enum rcode refused_with;
};

TAILQ_HEAD(zone_queue_list, zone_queue);

/* ---- what is remembered ---- */

/* A host as far as requests go; outlives reloads. What each request looks at stands
 * beside the beginning of the name: of many hosts none is in the cache. */
struct principal {
    struct bucket bucket;
    struct txn_list open;  /* its requests that wait for an answer, by arrival */
    uint32_t waiting;      /* how many these are; of queries those that the
                              primary has to answer */
    uint32_t transactions; /* entries in the table (T-22) */
    uint64_t duplicates;   /* not yet told in the audit (L-1) */
    uint64_t rate_limited; /* likewise */
    TAILQ_ENTRY(principal) untold; /* while one of these is not 0 */
    struct name name; /* lies behind the struct; len 0: all keys without a host
                         together */
};

/* How far the dropping of those that a reload took away has come. A table that grows
 * meanwhile may hide some until the next reload. */
struct purge {
    bool is_under_way;
    size_t at_principal, at_key; /* of map_next */
};

/* When a key was last used: `tsigate status`. */
struct key_use {
    int64_t last_us; /* real */
    uint64_t count;
    struct name name; /* lies behind the struct */
};

/* A zone's SOA as the primary gave it last. */
struct soa {
    TAILQ_ENTRY(soa) entry;
    struct name_buf zone;
    bool is_known;
    bool is_withheld; /* the last answer did not have it */
    uint32_t ttl;
    uint32_t minimum;
    uint16_t rdata_len;
    uint8_t rdata[2 * LIMIT_NAME_OCTETS + 20];
    struct exchange *exchange; /* asked and not answered */
    int64_t asked_us;          /* last */
    int64_t due_us;
};

TAILQ_HEAD(soa_list, soa);

/* A look-up that equalled the binding (D7). */
struct cname_entry {
    TAILQ_ENTRY(cname_entry) entry; /* in order of expiry */
    int64_t until_us;
    struct name original; /* lie behind the struct */
    struct name target;
};

TAILQ_HEAD(cname_list, cname_entry);

struct txns {
    struct txn_ports ports;
    struct snapshot *snapshot;
    struct log_chain chain;         /* with the lines that are built */
    struct log_chain written_chain; /* with those that are in the file */
    struct writer lines;            /* those that are built and not in the file */
    struct txn_table *table;
    struct prefix_buckets *errors; /* */

    struct txn_list open; /* those who wait for an answer, by deadline */
    size_t open_count;
    const struct txn *opening; /* of txn_open; NULL once nobody waits for it */
    struct txn_list held;      /* in order of arrival (U-11) */
    struct txn_list writing;   /* whose line waits for journal_commit */
    struct txn_list written;   /* whose line is in the file, or has failed */
    struct txn_list syncing;   /* by token */
    uint64_t last_token;
    bool wants_sync; /* lines were written in this event that have to reach the disk */
    struct txn_list spares;
    size_t spare_count;

    struct link links[LINKS];
    struct map queue_by_zone;
    struct zone_queue_list queues; /* whose last message is longest ago comes first */
    size_t zones_in_flight;

    struct map principals;
    struct purge purge;
    /* A key without a host may do nothing, so all of them share one; under its own name
     * such a key could use up what belongs to a host of that name. */
    struct principal hostless;
    TAILQ_HEAD(, principal) untold; /* who has numbers for a `suppressed` line */
    struct map keys;
    struct map soa_by_zone;
    struct soa_list soas;
    struct map cname_by_original;
    struct cname_list cnames;

    int64_t start_real_us;
    int64_t forgotten_us; /* T-20: requests signed up to here may have been executed and
                             are not in the table; INT64_MIN: none was */
    int64_t highest_real_us; /* T-21: of all messages */
    int64_t horizon_us; /* what was signed before may be forgotten: a larger max_fudge
                           came later (I4) */
    bool is_clock_told;
    int64_t suppressed_us;    /* monotonic: when the next `suppressed` lines are due */
    struct bucket log_bucket; /* lines that peers cause */
    uint64_t log_suppressed;
    bool is_draining;

    uint64_t by_reason[REASON_COUNT];
    uint64_t received;
    uint64_t dropped;
    uint64_t late;
    uint64_t bad_replies; /* from the primary */

    uint8_t out[LIMIT_MESSAGE_OCTETS]; /* the message being built */
};

/* ---- txns.c ---- */

/* The real time by which the table forgets: never later than what judge_time knows of,
 * so that what is forgotten is refused wherever the system's clock goes (T-21). */
int64_t txns_forget_by_s(const struct txns *txns, struct txn_now now) NONNULL;

/* ---- txn.c ---- */

void txn_set_state(struct txn *txn, enum txn_state state) NONNULL;
/* The request has its end: writes the result line, records it in the table, answers;
 * waits for the disk before a NOERROR (I8). */
void txn_settle(struct txns *txns, struct txn *txn, enum reason reason,
                enum rcode rcode, struct txn_now now) NONNULL;
/* The same with the reason's own RCODE. */
void txn_refuse(struct txns *txns, struct txn *txn, enum reason reason,
                struct txn_now now) NONNULL;
/* Answers a query with records and ends it. */
void txn_answer_query(struct txns *txns, struct txn *txn, const struct reply *reply,
                      struct txn_now now) NONNULL;
/* All look-ups are answered. */
void txn_looked_up(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* A new request of which everything is reset. NULL: no memory. */
struct txn *txn_begin(struct txns *txns, const struct gate_inquiry *inquiry, size_t len,
                      const struct txn_client *client,
                      struct txn_now now) MUST_CHECK NONNULL;
/* Answers and ends a request that leaves no audit line (P9, P10). */
void txn_answer_unaudited(struct txns *txns, struct txn *txn, enum reason reason,
                          enum rcode rcode, struct txn_now now) NONNULL;
/* Ends it without an answer of its own: another one's answer goes to its sender. */
void txn_leave(struct txns *txns, struct txn *txn) NONNULL;
/* A copy of it got into the table while this one was looked up: it gets that one's
 * answer and is not executed (T-19, I4). */
void txn_repeat(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* Its time is up (F-5). */
void txn_expire(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* Its line could not be written: nothing else may be said (I8, L-2). */
void txn_deny_unwritten(struct txn *txn) NONNULL;
/* Gives everything back. The request is in no list but, maybe, its batch's: not any
 * more. */
void txn_close(struct txns *txns, struct txn *txn) NONNULL;
int64_t txn_deadline_us(const struct txn *txn) NONNULL;

/* ---- journal.c: audit and log ---- */

/* Builds one audit line about a request; journal_commit writes it. RES_EMEM,
 * RES_ECRYPTO: there is none. */
enum result journal_write(struct txns *txns, const struct txn *txn,
                          enum log_event event, struct txn_now now) MUST_CHECK NONNULL;
/* Writes all lines that were built, or none of them: RES_EIO, and whoever is in
 * txns.writing has been denied. All of these are in txns.written then. */
enum result journal_commit(struct txns *txns) NONNULL;
/* The line of this start. */
void journal_write_started(struct txns *txns, uint64_t transactions,
                           struct txn_now now) NONNULL;
/* `suppressed` lines of those principals that have something to tell, some at a time.
 * Whether there are more that can be written now. */
bool journal_write_suppressed(struct txns *txns, struct txn_now now) NONNULL;
void journal_log(struct txns *txns, enum txn_level level, const char *format, ...)
    PRINTF(3, 4) NONNULL_AT(1, 3);
/* For lines that peers cause: some a second, the rest counted. */
bool journal_may_log(struct txns *txns, struct txn_now now) MUST_CHECK NONNULL;
/* The line of a finished UPDATE. */
void journal_log_txn(struct txns *txns, const struct txn *txn,
                     struct txn_now now) NONNULL;
/* The line of a request that did not verify, or failed at P7 or P8. */
void journal_log_refused(struct txns *txns, const struct gate_inquiry *inquiry,
                         const struct txn_client *client, struct txn_now now) NONNULL;

/* ---- principal.c ---- */

/* host NULL: that of keys without one. NULL: no memory. */
struct principal *principal_of(struct txns *txns,
                               const struct acl_host *host) MUST_CHECK NONNULL_AT(1);
/* That of a host's name, configured or not. NULL: no memory. */
struct principal *principal_named(struct txns *txns,
                                  struct name name) MUST_CHECK NONNULL;
/* A request of the host that leaves no line: count is its duplicates or rate_limited.
 */
void principal_suppress(struct txns *txns, struct principal *principal,
                        uint64_t *count) NONNULL;
void principal_note_key(struct txns *txns, struct name key_name,
                        struct txn_now now) NONNULL;
/* After a reload: drops hosts and keys that are configured no more and owe nothing. */
void principals_purge(struct txns *txns) NONNULL;
/* Goes on with that: a site may have a million of them, and nobody is answered
 * meanwhile. */
void principals_on_time(struct txns *txns) NONNULL;
void principals_fini(struct txns *txns) NONNULL;

/* ---- exchange.c ---- */

/* A writer over txns.out for a message to the primary, its header written. */
struct writer exchange_begin(struct txns *txns, enum opcode opcode) NONNULL;
/*
 * Gives the message in w an ID, signs it with snapshot's gateway key and sends it. name
 * and type are its question. RES_EIO: nothing was sent; RES_EMEM, RES_ECRYPTO likewise.
 */
enum result exchange_send(struct txns *txns, enum txn_link link,
                          enum exchange_kind kind, struct snapshot *snapshot,
                          struct name name, uint16_t type, struct writer *w,
                          struct txn_now now, struct exchange **out) MUST_CHECK NONNULL;
/* A signed query without recursion: the whole of the two above. */
enum result exchange_ask(struct txns *txns, enum txn_link link, enum exchange_kind kind,
                         struct snapshot *snapshot, struct name name, uint16_t type,
                         struct txn_now now, struct exchange **out) MUST_CHECK NONNULL;
/* Nobody waits for it any more; the answer is still due. */
void exchange_disown(struct exchange **exchange) NONNULL;
void exchange_on_time(struct txns *txns, struct txn_now now) NONNULL;
int64_t exchange_wake_us(const struct txns *txns) NONNULL;
void exchanges_fini(struct txns *txns) NONNULL;

/* Each kind's end; msg NULL: the outcome is unknown. */
void batch_on_answer(struct txns *txns, struct batch *batch, const struct wire_msg *msg,
                     struct txn_now now) NONNULL_AT(1, 2);
void lookup_on_answer(struct txns *txns, struct txn *txn, size_t index,
                      const struct wire_msg *msg, struct txn_now now) NONNULL_AT(1, 2);
void soa_on_answer(struct txns *txns, struct soa *soa, const struct wire_msg *msg,
                   struct txn_now now) NONNULL_AT(1, 2);
void read_on_answer(struct txns *txns, struct txn *txn, const struct wire_msg *msg,
                    struct txn_now now) NONNULL_AT(1, 2);

/* ---- order.c ---- */

/* An update is ready to be forwarded: into its zone's queue, or held until those before
 * it are on their way (U-11). */
void order_forward(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* Takes a TXN_HELD request out of those that are held. */
void order_withdraw(struct txns *txns, struct txn *txn) NONNULL;
/* At the end of an event: those who need not be held any more go on. */
void order_release(struct txns *txns, struct txn_now now) NONNULL;

/* ---- batch.c ---- */

/* Into the table and the queue of its zone (T-22); may send at once. */
void batch_enqueue(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* Takes a TXN_QUEUED request out of its queue. */
void batch_withdraw(struct txns *txns, struct txn *txn) NONNULL;
/* Sends what may be sent; while the link is down, refuses what waits. */
void batch_pump(struct txns *txns, struct txn_now now) NONNULL;
void batch_fini(struct txns *txns) NONNULL;

/* ---- lookup.c ---- */

/* Asks for what the cache does not know; may settle at once. */
void lookup_start(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;
/* The query link is up or down: asks, or refuses, for who waits. */
void lookup_on_link(struct txns *txns, struct txn_now now) NONNULL;
void lookup_cancel(struct txn *txn) NONNULL;
void lookup_forget(struct txns *txns) NONNULL; /* empties the cache */

/* ---- soa.c, read.c ---- */

/* Brings the list of zones in line with the snapshot's. */
void soa_set_zones(struct txns *txns, struct txn_now now) NONNULL;
/* Asks for what is due; pings the update link. */
void soa_on_time(struct txns *txns, struct txn_now now) NONNULL;
int64_t soa_wake_us(const struct txns *txns) NONNULL;
/* The zone may have changed: ask again now. */
void soa_expire(struct txns *txns, struct name zone, struct txn_now now) NONNULL;
/* Whether the primary gave the zone's SOA when it was asked last. */
bool soa_is_served(const struct txns *txns, struct name zone);
/* The SOA record of a zone for a reply; false: not known. */
bool soa_record(const struct txns *txns, struct name zone, enum wire_section section,
                struct reply_rr *out) MUST_CHECK NONNULL;
void soa_fini(struct txns *txns) NONNULL;

void read_start(struct txns *txns, struct txn *txn, struct txn_now now) NONNULL;

#endif

/*
 * The roll-over of one certificate as a machine (RFC 7671 8.1): what is next, given
 * what is saved, what is seen and what time it is. Floor 5; pure.
 *
 * The invariant that it keeps: at no moment does a service present a certificate that
 * no TLSA matches, as seen by any cache that honours TTLs. For that
 *
 *  - nothing is deployed before every name server has served the new records for twice
 *    as long as a cache may keep what was there before. The wait begins with the last
 *    server: a resolver may have asked that one a moment before;
 *  - what was there before is the RRset, for the greatest TTL that was seen on it, or
 *    its absence, for the negative TTL (RFC 2308 5);
 *  - the old records stay until the new certificate is in place at every service, and
 *    only values that this host once published are ever deleted.
 *
 * "Cannot tell" is never "yes": a name server that is away holds each step up, but for
 * those that it has held up already.
 */
#ifndef TSIGATE_TLSA_ROLLOVER_PLAN_H
#define TSIGATE_TLSA_ROLLOVER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "tlsa/record.h"

/* RFC 7671 8.1: "two or more TTLs". */
#define ROLLOVER_TTLS 2

/* What is to be done next; each is left for the next one after it has succeeded. */
enum rollover_step {
    ROLLOVER_PUBLISH = 1, /* until every name server serves the new records */
    ROLLOVER_WAIT,        /* until no cache is without them */
    ROLLOVER_DEPLOY,      /* until every service has the new certificate */
    ROLLOVER_RETIRE,      /* until the old records are deleted */
    ROLLOVER_DONE,
};

/* SHA-256 of a certificate with its chain and key, hexadecimal; "": none. */
#define ROLLOVER_ID_OCTETS (2 * 32 + 1)

/* What a roll-over leads to. */
struct rollover_goal {
    char id[ROLLOVER_ID_OCTETS];
    struct tlsa_records records;
    const char **names; /* where the records stand, sorted; the arena's */
    size_t name_count;
};

/* A moment by both clocks of the host. The one of the wall may leap ahead, when a host
 * without a battery hears the time; the one since boot does not, but ends with it. */
#define ROLLOVER_BOOT_OCTETS 40
struct rollover_time {
    int64_t wall_s;
    int64_t boot_s;                  /* in that boot: */
    char boot[ROLLOVER_BOOT_OCTETS]; /* the kernel's boot_id; "": not known */
};

/* More records of names that were given up are no oversight. */
#define ROLLOVER_LEFT 128

/* A record at a name that the goal had once and has no more. It stays until somebody
 * says that it may go: who uses the name now is not known. */
struct rollover_left {
    const char *name; /* the arena's, as the record's octets */
    struct rdata rdata;
};

/* What is on disk between two runs. */
struct rollover_state {
    enum rollover_step step;
    struct rollover_goal goal;
    char deployed[ROLLOVER_ID_OCTETS]; /* what the services had last, as far as known */
    struct tlsa_records retired;       /* published once, not in goal: to be deleted */
    uint32_t ttl_s;                    /* how long a cache may be without the records */
    struct rollover_time since;        /* of ROLLOVER_WAIT: when all servers had them */
    struct rollover_left left[ROLLOVER_LEFT];
    size_t left_count;
};

enum rollover_view {
    ROLLOVER_AWAY = 0, /* a name server cannot be asked, and no other lacks them */
    ROLLOVER_LACKS,    /* a name server is without a record of the goal */
    ROLLOVER_SERVES,   /* all have all; also where there is nothing to be published */
};

/* What was seen just now. */
struct rollover_seen {
    enum rollover_view view;
    bool has_ttl;      /* some name server has told how long caches may yet keep: */
    uint32_t ttl_s;    /* an answer without the records, the greatest of all */
    bool is_published; /* this run has published the records already */
};

enum rollover_action {
    ROLLOVER_DO_NOTHING = 1, /* it is done */
    ROLLOVER_DO_ASK_AGAIN,   /* the name servers, a little later */
    ROLLOVER_DO_SLEEP,       /* until the time that comes with it */
    ROLLOVER_DO_PUBLISH,
    ROLLOVER_DO_DEPLOY,
    ROLLOVER_DO_RETIRE,
};

/*
 * Takes up a goal. The same: nothing happens. Other records or names: they are
 * published; what the one before had is to be deleted in the end. The same records for
 * another certificate, whose key is reused: they are where they were, and it is
 * deployed. At any step: a second renewal supersedes the first. What was published at
 * names that it no longer has is left; of names that come back it is to be deleted.
 * RES_EMEM: more values to be deleted, or left, than fit.
 */
enum result rollover_begin(struct rollover_state *state,
                           const struct rollover_goal *goal,
                           bool *out_is_new) MUST_CHECK NONNULL;
/* What is next. out_until_s: of ROLLOVER_DO_SLEEP, else 0. state has changed where the
 * action is of another step; it has to be on disk before the action is begun. */
enum rollover_action rollover_next(struct rollover_state *state,
                                   const struct rollover_seen *seen,
                                   const struct rollover_time *now,
                                   int64_t *out_until_s) MUST_CHECK NONNULL;
/* Whether its records stand, or will, at that name. */
bool rollover_has_name(const struct rollover_goal *goal,
                       const char *name) MUST_CHECK NONNULL;
/* Where it is not there yet. RES_EMEM: no more fit. */
enum result rollover_leave(struct rollover_state *state, const char *name,
                           const struct rdata *rdata) MUST_CHECK NONNULL;
/* DEPLOY or RETIRE has succeeded. */
void rollover_succeed(struct rollover_state *state) NONNULL;

/* When the wait is over, as the clock went when it began. */
int64_t rollover_until(const struct rollover_state *state) NONNULL;
/* "publish", "wait", "deploy", "retire", "done". */
const char *rollover_step_name(enum rollover_step step);
/* RES_ENOTFOUND. */
enum result rollover_step_parse(const char *name,
                                enum rollover_step *out) MUST_CHECK NONNULL;

#endif

/* What the scenarios say often. */
#ifndef TESTS_SCENARIO_WORDS_H
#define TESTS_SCENARIO_WORDS_H

#include "../unit/unit.h"
#include "stage.h"

#define MX1       "mx1.duckcorp.org"
#define MX2       "mx2.duckcorp.org"
#define FAR       "far.duckcorp.org"
#define ORIGINAL  "_acme-challenge.mx1.duckcorp.org"
#define TARGET    "_acme-challenge.mx1._kage.duckcorp.org"
#define ORIGINAL2 "_acme-challenge.mx2.duckcorp.org"
#define TARGET2   "_acme-challenge.mx2._kage.duckcorp.org"
#define NATIVE    "h1.dyn.duckcorp.org"
#define NATIVE2   "h2.dyn.duckcorp.org"
#define SHARED    "shared.dyn.duckcorp.org" /* mx1's and mx2's */
#define DYN       "dyn.duckcorp.org"
#define STATIC    "duckcorp.org"

/* A case has a stage of its own. */
static struct stage stage;

static inline int setup(void **state)
{
    (void)state;
    stage_open(&stage, NULL);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* One item: an add of the token of that number. */
#define ADD(name, n)                                                                   \
    {                                                                                  \
        .op = UPDATE_ADD, .owner = (name), .type = "TXT", .value = token(n), .ttl = 60 \
    }

/* mx1 adds a token at its challenge name, as certbot would. */
static inline struct ask *add_token(unsigned n)
{
    return stage_ask(
        &stage,
        &(struct wish){.key = MX1, .zone = STATIC, .items = {ADD(ORIGINAL, n)}});
}

/* The same in the other dynamic zone, without a look-up. */
static inline struct ask *add_native(unsigned n)
{
    return stage_ask(
        &stage, &(struct wish){.key = MX1, .zone = DYN, .items = {ADD(NATIVE, n)}});
}

static inline struct ask *add_at(const char *key, const char *name, unsigned n)
{
    return stage_ask(&stage,
                     &(struct wish){.key = key, .zone = DYN, .items = {ADD(name, n)}});
}

/* The primary answers its next update after us; it is applied unless rcode says
 * otherwise. */
static inline void expect_slow(int64_t us, enum rcode rcode)
{
    primary_expect(
        &stage.primary,
        (struct order){.kind = KIND_UPDATE,
                       .trick = rcode == RCODE_NOERROR ? TRICK_SLOW : TRICK_RCODE,
                       .rcode = rcode,
                       .delay_us = us});
}

/* The primary is busy with one request in DYN: what comes for that zone waits. */
static inline struct ask *occupy(int64_t us)
{
    expect_slow(us, RCODE_NOERROR);
    return add_at(MX1, NATIVE, 999);
}

#endif

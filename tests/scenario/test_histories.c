/*
 * Random histories against a model: hosts that add, delete and ask for conditions at a
 * few names, so fast that their requests share messages, over a primary, links, a disk
 * and a gateway that fail. In the end the zone is what the answers say: what was
 * answered NOERROR is in it, in the order of arrival, what was refused is not (I2, I3,
 * I4, U-6, U-11, D4). Where nothing fails each answer is known beforehand.
 *
 * A failure names its history: TSIGATE_HISTORY=n plays that one alone.
 */
#include "words.h"

#include <stdlib.h>

#define HISTORIES 40
#define STEPS     150
#define TOKENS    12
#define ACTS      3
#define MS        (SECOND / 1000)

/* ---- the model ---- */

struct spot {
    const char *name, *zone;
    const char *keys[2]; /* who may write there */
};

enum { BLOCKED = 1, SHADOW = 3 };

static const struct spot spots[] = {
    {NATIVE, DYN, {MX1, MX1}},
    {NATIVE2, DYN, {MX2, MX2}}, /* a CNAME, in some histories */
    {SHARED, DYN, {MX1, MX2}},
    {TARGET, NULL, {MX1, MX1}}, /* a look-up comes first */
};

enum condition {
    CONDITION_NONE,
    CONDITION_EMPTY,  /* no TXT record there, or YXRRSET */
    CONDITION_FILLED, /* some, or NXRRSET */
};

struct act {
    enum update_op op;
    unsigned token;
};

/* What a message wants. */
struct deed {
    unsigned spot;
    enum condition condition;
    struct act acts[ACTS];
    size_t count;
    size_t arrival; /* the how manieth message of all; of a copy, where that ran */
    bool is_revived;
};

static struct deed deeds[STAGE_ASKS];  /* of stage.asks */
static unsigned held[COUNT_OF(spots)]; /* a bit for each token that is there */
static size_t last_arrival;            /* of what was applied in DYN */
static bool is_calm, is_blocked;
static unsigned history, step;
static uint64_t dice;
static unsigned most_requests; /* in one message of all histories */

static unsigned any(unsigned below)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % below;
}

static bool sometimes(unsigned percent)
{
    return any(100) < percent;
}

static bool has_add(const struct deed *deed)
{
    for (size_t i = 0; i < deed->count; i++) {
        if (deed->acts[i].op == UPDATE_ADD)
            return true;
    }
    return false;
}

/* What the primary says to it, alone. */
static enum rcode judge(const struct deed *deed)
{
    if (is_blocked && deed->spot == BLOCKED && has_add(deed))
        return deed->condition == CONDITION_NONE ? RCODE_REFUSED : RCODE_YXRRSET;
    if (deed->condition == CONDITION_EMPTY && held[deed->spot] != 0)
        return RCODE_YXRRSET;
    if (deed->condition == CONDITION_FILLED && held[deed->spot] == 0)
        return RCODE_NXRRSET;
    return RCODE_NOERROR;
}

static void perform(const struct deed *deed)
{
    unsigned *bits = &held[deed->spot];

    for (size_t i = 0; i < deed->count; i++) {
        unsigned bit = 1u << deed->acts[i].token;
        if (deed->acts[i].op == UPDATE_ADD)
            *bits |= bit;
        else if (deed->acts[i].op == UPDATE_DELETE)
            *bits &= ~bit;
        else
            *bits = 0;
    }
}

static struct deed *deed_of(const struct ask *ask)
{
    for (size_t i = 0; i < stage.ask_count; i++) {
        if (stage.asks[i] == ask)
            return &deeds[i];
    }
    fail_msg("whose deed is that?");
    return NULL;
}

/* The primary has applied it. A look-up may let others pass; else order is kept. */
static void on_applied(const struct ask *ask)
{
    const struct deed *deed = deed_of(ask);

    if (judge(deed) != RCODE_NOERROR)
        fail_msg("%04x was applied against its condition, or a guard", ask->id);
    perform(deed);
    if (deed->spot == SHADOW)
        return;
    if (deed->arrival < last_arrival)
        fail_msg("U-11: %04x was applied after one that came later", ask->id);
    last_arrival = deed->arrival;
}

/* ---- steps ---- */

/* The first change deletes what is nowhere: it tells the primary's scribe whose request
 * that is. */
static void ask_something(void)
{
    struct deed *deed = &deeds[stage.ask_count];
    /* token() has 16 places: this one is nobody else's. */
    unsigned mark = 16 * ((unsigned)stage.ask_count + 1) + 15;
    size_t count = 0;

    *deed = (struct deed){.spot = any(COUNT_OF(spots)), .arrival = stage.ask_count};
    const struct spot *spot = &spots[deed->spot];
    struct wish wish = {
        .key = spot->keys[any(2)], .zone = spot->zone, .is_tcp = sometimes(50)};
    if (sometimes(15)) {
        deed->condition = sometimes(50) ? CONDITION_EMPTY : CONDITION_FILLED;
        wish.items[count++] =
            (struct item){.op = UPDATE_PREREQ,
                          .owner = spot->name,
                          .type = "TXT",
                          .class = deed->condition == CONDITION_EMPTY ? 254 : 255};
    }
    wish.items[count++] = (struct item){
        .op = UPDATE_DELETE, .owner = spot->name, .type = "TXT", .value = token(mark)};
    deed->count = 1 + any(ACTS);
    for (size_t i = 0; i < deed->count; i++) {
        struct act *act = &deed->acts[i];
        act->op = sometimes(60)   ? UPDATE_ADD
                  : sometimes(70) ? UPDATE_DELETE
                                  : UPDATE_DELETE_RRSET;
        act->token = any(TOKENS);
        bool has_value = act->op != UPDATE_DELETE_RRSET;
        wish.items[count++] =
            (struct item){.op = act->op,
                          .owner = spot->name,
                          .type = "TXT",
                          .value = has_value ? token(act->token) : NULL};
    }
    stage_ask(&stage, &wish);
}

/* What the primary never saw may run now, in the copy's place (T-19). */
static void repeat_something(void)
{
    if (stage.ask_count == 0)
        return;
    const struct ask *ask = stage.asks[any((unsigned)stage.ask_count)]->original;
    struct deed *deed = deed_of(ask);
    bool is_over = ask->replies == 1 || ask->is_dismissed;
    if (is_over && ask->applied == 0) {
        if (deed->is_revived)
            return;
        deed->is_revived = true;
        deed->arrival = stage.ask_count;
    }
    stage_repeat(&stage, ask, sometimes(30));
}

static void play_trick(void)
{
    static const enum trick tricks[] = {TRICK_SLOW,   TRICK_SLOW, TRICK_RCODE,
                                        TRICK_RCODE,  TRICK_DEAF, TRICK_SILENT,
                                        TRICK_BAD_MAC};
    static const enum rcode rcodes[] = {RCODE_SERVFAIL, RCODE_SERVFAIL, RCODE_SERVFAIL,
                                        RCODE_REFUSED};

    primary_expect(&stage.primary,
                   (struct order){.kind = sometimes(90) ? KIND_UPDATE : KIND_CNAME,
                                  .trick = tricks[any(COUNT_OF(tricks))],
                                  .rcode = rcodes[any(COUNT_OF(rcodes))],
                                  .delay_us = (int64_t)any(5000) * any(1000)});
}

static void move_link(void)
{
    enum txn_link link = sometimes(80) ? LINK_UPDATE : LINK_QUERY;
    int64_t us = 1 + (int64_t)any(3000) * any(1000);

    stage_cut(&stage, link, us);
    if (sometimes(40))
        stage_link(&stage, link, LINK_DOWN);
    stage.wires[link].reconnected_us = stage.now.mono_us + us;
}

/* T-20: what was signed in the second of the start is too old. */
static void restart(void)
{
    stage_restart(&stage);
    stage_advance(&stage, SECOND);
}

static void break_something(void)
{
    unsigned roll = any(100);

    if (roll < 60)
        play_trick();
    else if (roll < 80)
        move_link();
    else if (roll < 88)
        stage.paper.fails_at = 1 + any(20);
    else if (roll < 94)
        stage.paper.sync_fails = !stage.paper.sync_fails;
    else
        restart();
}

/* What comes together ends where one comes alone, or anything else happens. */
static void end_burst(void)
{
    stage.is_burst = false;
    stage_flush(&stage);
}

static void take_step(void)
{
    unsigned roll = any(1000);

    if (roll < 760)
        stage.is_burst = sometimes(40);
    else
        end_burst();
    if (roll < 700)
        ask_something();
    else if (roll < 760)
        repeat_something();
    else if (roll < 900)
        stage_advance(&stage, (int64_t)any(8000));
    else if (roll < 910)
        stage_advance(&stage, (int64_t)any(4000) * 1000);
    else if (roll < 920)
        stage_reload(&stage, site_acl, NULL);
    else if (!is_calm)
        break_something();
}

/* ---- what the answers say ---- */

/* Those after which nobody knows whether it was applied. */
static bool is_unknown(const struct ask *ask)
{
    return strcmp(ask->reason, "outcome-unknown") == 0 ||
           strcmp(ask->reason, "audit-unavailable") == 0;
}

static void check_answer(const struct ask *ask, const struct deed *deed)
{
    if (ask->replies == 0 || is_unknown(ask))
        return;
    if (ask->rcode != RCODE_NOERROR && !deed->is_revived && ask->applied != 0)
        fail_msg("%04x was answered %s, and applied", ask->id, ask->reason);
    bool is_guarded = is_blocked && deed->spot == BLOCKED && has_add(deed);
    if (strcmp(ask->reason, "target-is-cname") == 0 && !is_guarded)
        fail_msg("%04x suffers for another one's CNAME", ask->id);
    if (strcmp(ask->reason, "prerequisite-failed") == 0 &&
        deed->condition == CONDITION_NONE)
        fail_msg("%04x suffers for another one's prerequisite", ask->id);
}

/* Nothing has failed: each answer is what the requests, one by one, in order, get. */
static void check_calm(void)
{
    memset(held, 0, sizeof(held));
    for (size_t i = 0; i < stage.ask_count; i++) {
        const struct ask *ask = stage.asks[i];
        if (ask->original != ask)
            continue;
        enum rcode rcode = judge(&deeds[i]);
        expect_reply(ask, rcode, NULL);
        if (rcode == RCODE_NOERROR)
            perform(&deeds[i]);
    }
}

static void check_zone(void)
{
    for (size_t i = 0; i < COUNT_OF(spots); i++) {
        for (unsigned n = 0; n < TOKENS; n++) {
            unsigned there =
                primary_has(&stage.primary, spots[i].name, "TXT", token(n));
            if (there != (held[i] >> n & 1))
                fail_msg("%s holds token %u %u times", spots[i].name, n, there);
        }
    }
}

static void play(void)
{
    dice = history * UINT64_C(0x9e3779b97f4a7c15) + 7;
    is_calm = history % 4 == 0;
    is_blocked = sometimes(60);
    last_arrival = 0;
    memset(held, 0, sizeof(held));
    stage_open(&stage, NULL);
    stage.on_applied = on_applied;
    stage.primary.pace_us = 5 * MS;
    if (is_blocked)
        primary_add(&stage.primary, NATIVE2, "CNAME", "elsewhere.example.");
    for (step = 0; step < STEPS; step++)
        take_step();
    end_burst();
    stage.paper.fails_at = 0;
    stage.paper.sync_fails = false;
    stage.primary.order_count = 0;
    stage_advance(&stage, 10 * SECOND);

    for (size_t i = 0; i < stage.ask_count; i++) {
        if (stage.asks[i]->original == stage.asks[i])
            check_answer(stage.asks[i], &deeds[i]);
    }
    check_zone();
    if (is_calm) {
        check_calm();
        check_zone();
    }
    for (size_t i = 0; i < stage.message_count; i++) {
        if (stage.requests[i] > most_requests)
            most_requests = stage.requests[i];
    }
    stage_close(&stage);
}

static void test_histories(void **state)
{
    const char *only = getenv("TSIGATE_HISTORY");
    unsigned end = HISTORIES;

    (void)state;
    if (only != NULL) {
        history = (unsigned)strtoul(only, NULL, 10);
        end = history + 1;
    }
    for (; history < end; history++)
        play();
    assert_true(most_requests >= 8 || only != NULL); /* else nothing was seen here */
    history = 0;
    step = 0;
}

/* Behind a failure: where it was. */
static int tell_history(void **state)
{
    (void)state;
    if (history + step > 0)
        print_error("TSIGATE_HISTORY=%u, step %u\n", history, step);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_histories, tell_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Random steps: clients that ask, repeat and forge, a primary that plays its tricks,
 * links that break, disks that fill, clocks that jump, reloads and restarts. Nothing is
 * expected but what the stage watches always (I1 to I8). A failure names its episode:
 * TSIGATE_EPISODE=n plays that one alone.
 */
#include "words.h"

#include <stdlib.h>

#define EPISODES 150
#define STEPS    100

static uint64_t dice;
static unsigned episode, step;

static unsigned any(unsigned below)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % below;
}

static bool sometimes(unsigned percent)
{
    return any(100) < percent;
}

/* ---- clients ---- */

struct spot {
    const char *key, *zone, *owner, *type;
};

/* The last four may not be written by who asks. */
static const struct spot spots[] = {
    {MX1, STATIC, ORIGINAL, "TXT"},
    {MX1, NULL, TARGET, "TXT"},
    {MX1, STATIC, "_acme-challenge.www.duckcorp.org", "TXT"},
    {MX1, DYN, NATIVE, "TXT"},
    {MX2, STATIC, ORIGINAL2, "TXT"},
    {MX2, DYN, "h2.dyn.duckcorp.org", "TXT"},
    {MX1, STATIC, "_acme-challenge.bare.duckcorp.org", "TXT"},
    {MX1, STATIC, "_acme-challenge.bent.duckcorp.org", "TXT"},
    {MX2, STATIC, ORIGINAL, "TXT"},
    {MX2, NULL, TARGET, "TXT"},
    {MX1, DYN, "h2.dyn.duckcorp.org", "TXT"},
    {"orphan", NULL, TARGET, "TXT"},
};

/* A token of its own for each message: what arrives at the primary has one author. */
static void ask_something(void)
{
    const struct spot *spot = &spots[any(COUNT_OF(spots))];
    struct wish wish = {.key = sometimes(95) ? spot->key : NULL,
                        .zone = spot->zone,
                        .is_tcp = sometimes(40),
                        .connection = any(4),
                        .edns = sometimes(50) ? 1232 : 0,
                        .noise = sometimes(5) ? any(1u << 30) : 0,
                        .has_bad_mac = sometimes(3),
                        .has_unknown_key = sometimes(3),
                        .signed_ago_s = sometimes(10) ? (int64_t)any(700) - 350 : 0};
    size_t count = 0;

    if (wish.key == NULL || wish.has_unknown_key)
        wish.has_bad_mac = false;
    wish.has_unknown_key &= wish.key != NULL;
    if (sometimes(20))
        wish.items[count++] = (struct item){UPDATE_PREREQ, spot->owner, spot->type,
                                            .class = sometimes(50) ? 254 : 255};
    for (unsigned i = 0, adds = 1 + any(3); i < adds; i++)
        wish.items[count++] =
            (struct item){sometimes(80) ? UPDATE_ADD : UPDATE_DELETE, spot->owner,
                          spot->type, token(step * 8 + i), .ttl = 0};
    if (sometimes(5))
        wish.items[count++] =
            (struct item)ADD(spots[any(COUNT_OF(spots))].owner, step * 8 + 7);
    stage_ask(&stage, &wish);
}

static void repeat_something(void)
{
    if (stage.ask_count > 0)
        stage_repeat(&stage, stage.asks[any((unsigned)stage.ask_count)], sometimes(20));
}

static void query_something(void)
{
    const struct spot *spot = &spots[any(COUNT_OF(spots))];

    stage_ask(&stage, &(struct wish){.key = sometimes(70) ? spot->key : NULL,
                                     .query = spot->owner,
                                     .query_type = sometimes(50) ? "SOA" : "TXT",
                                     .is_tcp = sometimes(50)});
}

/* ---- the world ---- */

static void play_trick(void)
{
    static const enum rcode rcodes[] = {RCODE_SERVFAIL, RCODE_REFUSED, RCODE_NXRRSET,
                                        RCODE_YXRRSET,  RCODE_NOTAUTH, RCODE_NXDOMAIN};
    enum trick trick = (enum trick)any(TRICK_TWO_CNAMES + 1);
    enum kind kind = (enum kind)any(4);

    if (stage.primary.order_count + 2 > PRIMARY_ORDERS)
        return;
    if (sometimes(40))
        trick = TRICK_SLOW;
    /* A look-up's lies are no answers to an update. */
    if (kind != KIND_CNAME && trick >= TRICK_NOT_AA)
        trick = TRICK_SILENT;
    primary_expect(&stage.primary,
                   (struct order){kind, trick, rcodes[any(COUNT_OF(rcodes))],
                                  (int64_t)any(9000) * 1000});
}

static void move_link(void)
{
    enum txn_link link = (enum txn_link)any(LINKS);
    struct wire *wire = &stage.wires[link];

    switch (any(3)) {
    case 0:
        stage_cut(&stage, link, (int64_t)any(4000) * 1000 + 1);
        return;
    case 1:
        stage_link(&stage, link, LINK_DOWN);
        wire->reconnected_us = stage.now.mono_us + (int64_t)any(5000) * 1000 + 1;
        return;
    default:
        wire->send_fails = sometimes(30);
    }
}

static void move_disk(void)
{
    stage.paper.write_fails = sometimes(20);
    stage.paper.sync_fails = sometimes(20);
    stage.paper.sync_delay_us = sometimes(50) ? (int64_t)any(4000) * 1000 : 0;
}

static void move_clock(void)
{
    stage.now.real_us += ((int64_t)any(1000) - 500) * SECOND;
}

static void change_cname(void)
{
    if (primary_has(&stage.primary, ORIGINAL, "CNAME", NULL) > 0)
        primary_remove(&stage.primary, ORIGINAL, "CNAME");
    else
        primary_add(&stage.primary, ORIGINAL, "CNAME", TARGET ".");
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

    if (roll < 650)
        stage.is_burst = sometimes(40);
    else
        end_burst();
    if (roll < 450)
        ask_something();
    else if (roll < 600)
        repeat_something();
    else if (roll < 650)
        query_something();
    else if (roll < 720)
        play_trick();
    else if (roll < 930)
        stage_advance(&stage, (int64_t)any(1u << any(23)));
    else if (roll < 955)
        move_link();
    else if (roll < 975)
        move_disk();
    else if (roll < 985)
        change_cname();
    else if (roll < 990)
        stage_reload(&stage, site_acl, NULL);
    else if (roll < 994)
        move_clock();
    else if (roll < 998)
        stage_restart(&stage);
    else
        stage_advance(&stage, (int64_t)any(700) * SECOND);
}

static void few(struct settings *settings)
{
    settings->limits.transactions = 80;
    settings->limits.host_burst = 40;
    settings->limits.host_waiting = 8;
}

static void play(void)
{
    dice = episode * UINT64_C(0x9e3779b97f4a7c15) + 1;
    stage_open(&stage, sometimes(30) ? few : NULL);
    for (step = 0; step < STEPS; step++)
        take_step();
    end_burst();
    stage.paper.write_fails = false;
    stage.paper.sync_fails = false;
    stage_close(&stage);
}

static void test_episodes(void **state)
{
    const char *only = getenv("TSIGATE_EPISODE");
    unsigned end = EPISODES;

    (void)state;
    if (only != NULL) {
        episode = (unsigned)strtoul(only, NULL, 10);
        end = episode + 1;
    }
    for (; episode < end; episode++)
        play();
    episode = 0;
    step = 0;
}

/* Behind a failure: where it was. */
static int tell_episode(void **state)
{
    (void)state;
    if (episode + step > 0)
        print_error("TSIGATE_EPISODE=%u, step %u\n", episode, step);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_episodes, tell_episode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

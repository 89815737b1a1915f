#include "stage.h"

#include "../unit/unit.h"

#include <stdlib.h>

#include "ask.h"
#include "watch.h"

#define STEPS_MAX 100000 /* of one stage_advance: more is a busy loop */

/* ---- ports ---- */

static void enter(const struct stage *stage)
{
    if (stage->on_core != NULL)
        stage->on_core(true);
}

static void leave(const struct stage *stage)
{
    if (stage->on_core != NULL)
        stage->on_core(false);
}

/* Who is told that nothing comes: the oldest copy that waits, else whoever waits. */
static struct ask *longest_waiting(const struct stage *stage,
                                   const struct txn_client *client)
{
    struct ask *found = NULL;

    for (size_t i = stage->ask_count; i-- > 0;) {
        struct ask *ask = stage->asks[i];
        bool is_copy = ask->original != ask;
        if (ask->replies + ask->is_dismissed == 0 &&
            watch_is_same_client(&ask->client, client) && (is_copy || found == NULL))
            found = ask;
    }
    return found;
}

/* Whose answer that is: of one client's messages, by ID. */
static struct ask *addressee(const struct stage *stage, const struct txn_client *client,
                             const uint8_t *octets, size_t len)
{
    struct ask *found = len == 0 ? longest_waiting(stage, client) : NULL;

    for (size_t i = stage->ask_count; len > 0 && i-- > 0;) {
        struct ask *ask = stage->asks[i];
        if ((octets[0] << 8 | octets[1]) == ask->id &&
            watch_is_same_client(&ask->client, client))
            found = ask;
    }
    if (found == NULL)
        fail_msg("a reply to nobody");
    return found;
}

static void send_client(void *arg, const struct txn_client *client,
                        const uint8_t *octets, size_t len)
{
    struct stage *stage = arg;
    struct ask *ask = addressee(stage, client, octets, len);

    if (len == 0) {
        ask->is_dismissed = true;
        trace(stage, "%04x is dismissed", ask->id);
        return;
    }
    ask->replies++;
    ask->replied_us = stage->now.mono_us;
    ask_read_reply(ask, octets, len, stage->now.real_us / SECOND);
    trace(stage, "%04x gets %s %s", ask->id, rcode_name(ask->rcode), ask->reason);
    watch_reply(stage, ask, len);
}

static enum result send_primary(void *arg, enum txn_link link, const uint8_t *octets,
                                size_t len)
{
    struct stage *stage = arg;

    assert_int_equal(stage->wires[link].state, LINK_UP);
    if (stage->wires[link].send_fails)
        return RES_EIO;
    primary_receive(&stage->primary, link, octets, len, stage->now);
    return RES_OK;
}

static void close_primary(void *arg, enum txn_link link, const char *why)
{
    struct stage *stage = arg;
    struct wire *wire = &stage->wires[link];

    assert_non_null(why);
    wire->closes++;
    wire->state = LINK_CONNECTING;
    wire->reconnected_us = stage->now.mono_us + 1;
    primary_forget(&stage->primary, link);
}

static void audit_sync(void *arg, uint64_t token)
{
    struct stage *stage = arg;
    struct paper *paper = &stage->paper;

    paper->syncs_asked++;
    assert_true(paper->sync_count < STAGE_SYNCS);
    if (paper->sync_count > 0)
        assert_true(token > paper->syncs[paper->sync_count - 1].token);
    paper->syncs[paper->sync_count].token = token;
    paper->syncs[paper->sync_count].due_us = stage->now.mono_us + paper->sync_delay_us;
    paper->syncs[paper->sync_count].len = paper->len;
    paper->sync_count++;
}

static uint16_t random_id(void *arg)
{
    struct stage *stage = arg;

    if (stage->stuck_ids > 0) {
        stage->stuck_ids--;
        return stage->random;
    }
    stage->random = (uint16_t)(stage->random * 40503u + 12345u);
    return stage->random;
}

static void take_log(void *arg, enum txn_level level, const char *line)
{
    struct stage *stage = arg;

    assert_in_range(level, LEVEL_ERROR, LEVEL_INFO);
    trace(stage, "  %s", line);
    for (const char *c = line; *c != '\0'; c++) {
        assert_in_range(*c, 0x20, 0x7e);
        /* A quote begins a value or ends it: words within have none. */
        if (*c == '"' && (c == line || c[-1] != '=') && c[1] != ' ' && c[1] != '\0')
            fail_msg("quotes within quotes: %s", line);
    }
    snprintf(stage->log, sizeof(stage->log), "%s", line);
}

/* ---- time ---- */

static int64_t next_letter_us(const struct stage *stage, size_t *out_index)
{
    int64_t due_us = INT64_MAX;

    for (size_t i = 0; i < stage->primary.letter_count; i++) {
        if (stage->primary.letters[i].due_us < due_us) {
            due_us = stage->primary.letters[i].due_us;
            *out_index = i;
        }
    }
    return due_us;
}

static void deliver_letter(struct stage *stage, size_t index)
{
    struct primary *primary = &stage->primary;
    struct letter letter = primary->letters[index];

    primary->letter_count--;
    memmove(&primary->letters[index], &primary->letters[index + 1],
            (primary->letter_count - index) * sizeof(letter));
    enter(stage);
    txn_on_primary(stage->txns, letter.link, letter.octets, letter.len, stage->now);
    leave(stage);
}

static int64_t next_sync_us(const struct stage *stage)
{
    return stage->paper.sync_count > 0 ? stage->paper.syncs[0].due_us : INT64_MAX;
}

static void finish_sync(struct stage *stage)
{
    struct paper *paper = &stage->paper;
    uint64_t token = paper->syncs[0].token;

    if (!paper->sync_fails)
        paper->synced_len = paper->syncs[0].len;
    paper->sync_count--;
    memmove(&paper->syncs[0], &paper->syncs[1],
            paper->sync_count * sizeof(paper->syncs[0]));
    trace(stage, "synced up to %llu%s", (unsigned long long)token,
          paper->sync_fails ? ": failed" : "");
    enter(stage);
    txn_on_synced(stage->txns, token, paper->sync_fails ? RES_EIO : RES_OK, stage->now);
    leave(stage);
}

static int64_t next_link_us(const struct stage *stage, enum txn_link *out_link)
{
    int64_t due_us = INT64_MAX;

    for (unsigned i = 0; i < LINKS; i++) {
        const struct wire *wire = &stage->wires[i];
        if (wire->reconnected_us != 0 && wire->reconnected_us < due_us) {
            due_us = wire->reconnected_us;
            *out_link = (enum txn_link)i;
        }
    }
    return due_us;
}

static void reconnect(struct stage *stage, enum txn_link link)
{
    struct wire *wire = &stage->wires[link];

    wire->reconnected_us = 0;
    stage_link(stage, link, wire->stays_down ? LINK_DOWN : LINK_UP);
}

static void tell_time(struct stage *stage)
{
    enter(stage);
    txn_on_time(stage->txns, stage->now);
    leave(stage);
    if (txns_wake_us(stage->txns) <= stage->now.mono_us)
        fail_msg("the core wants to be woken without end");
}

static void set_clock(struct stage *stage, int64_t mono_us)
{
    if (mono_us <= stage->now.mono_us)
        return;
    stage->now.real_us += mono_us - stage->now.mono_us;
    stage->now.mono_us = mono_us;
}

/* The next thing that falls due by end_us; false: nothing does. */
static bool step(struct stage *stage, int64_t end_us)
{
    size_t letter = 0;
    enum txn_link link = LINK_UPDATE;
    int64_t letter_us = next_letter_us(stage, &letter);
    int64_t sync_us = next_sync_us(stage);
    int64_t link_us = next_link_us(stage, &link);
    int64_t wake_us = txns_wake_us(stage->txns);
    int64_t first_us = letter_us < sync_us ? letter_us : sync_us;

    first_us = link_us < first_us ? link_us : first_us;
    first_us = wake_us < first_us ? wake_us : first_us;
    if (first_us > end_us)
        return false;
    set_clock(stage, first_us);
    if (letter_us == first_us)
        deliver_letter(stage, letter);
    else if (sync_us == first_us)
        finish_sync(stage);
    else if (link_us == first_us)
        reconnect(stage, link);
    else
        tell_time(stage);
    return true;
}

void stage_advance(struct stage *stage, int64_t us)
{
    int64_t end_us = stage->now.mono_us + us;
    unsigned steps = 0;

    while (step(stage, end_us)) {
        if (++steps > STEPS_MAX)
            fail_msg("no end of events");
    }
    set_clock(stage, end_us);
}

void stage_link(struct stage *stage, enum txn_link link, enum txn_link_state state)
{
    stage->wires[link].state = state;
    if (state != LINK_UP)
        primary_forget(&stage->primary, link);
    enter(stage);
    txn_on_link(stage->txns, link, state, "a test", stage->now);
    leave(stage);
}

void stage_cut(struct stage *stage, enum txn_link link, int64_t us)
{
    stage_link(stage, link, LINK_CONNECTING);
    stage->wires[link].reconnected_us = stage->now.mono_us + us;
}

/* ---- messages ---- */

static struct ask *deliver(struct stage *stage, struct ask *ask)
{
    assert_true(stage->ask_count < STAGE_ASKS);
    stage->asks[stage->ask_count++] = ask;
    stage->sent++;
    trace(stage, "%04x is sent, of %04x, for %zu effects%s", ask->id, ask->original->id,
          ask->original->effect_count, ask->is_genuine ? "" : ", not genuine");
    enter(stage);
    ask->opened =
        txn_open(stage->txns, ask->octets, ask->len, &ask->client, stage->now);
    leave(stage);
    assert_int_equal(ask->opened.fate == TXN_ANSWERED,
                     ask->replies + ask->is_dismissed == 1);
    if (!stage->is_burst)
        stage_flush(stage);
    return ask;
}

void stage_flush(struct stage *stage)
{
    enter(stage);
    txns_flush(stage->txns, stage->now);
    leave(stage);
    stage_advance(stage, 0);
}

struct ask *stage_ask(struct stage *stage, const struct wish *wish)
{
    return deliver(
        stage, ask_new(wish, (unsigned)stage->ask_count, stage->now.real_us / SECOND));
}

struct ask *stage_send(struct stage *stage, const uint8_t *octets, size_t len)
{
    return deliver(stage, ask_of_octets(octets, len, (unsigned)stage->ask_count));
}

struct ask *stage_repeat(struct stage *stage, const struct ask *ask, bool same_client)
{
    ask->original->is_repeated = true;
    return deliver(stage, ask_copy(ask, (unsigned)stage->ask_count, same_client));
}

struct ask *stage_repeat_over_tcp(struct stage *stage, const struct ask *ask)
{
    unsigned n = (unsigned)stage->ask_count;
    struct ask *copy = ask_copy(ask, n, false);

    ask->original->is_repeated = true;
    copy->client.transport = TRANSPORT_TCP;
    copy->client.connection = n + 1;
    return deliver(stage, copy);
}

/* ---- what came of it ---- */

const char *stage_status(struct stage *stage)
{
    static char text[65536];
    struct writer w = writer_of((uint8_t *)text, sizeof(text) - 1);
    struct json json = json_of(&w);

    json_object_open(&json, NULL);
    txns_status(stage->txns, &json, stage->now);
    json_object_close(&json);
    assert_false(w.failed);
    text[w.len] = '\0';
    return text;
}

static int64_t number_after(const char *text, const char *name)
{
    char key[64];

    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(text, key);
    return at == NULL ? -1 : strtoll(at + strlen(key), NULL, 10);
}

uint32_t stage_batch(struct stage *stage, const struct ask *ask)
{
    return (uint32_t)number_after(stage_line(stage, ask, "result"), "batch");
}

int64_t stage_counter(struct stage *stage, const char *name)
{
    return number_after(stage_status(stage), name);
}

const char *stage_line(struct stage *stage, const struct ask *ask, const char *event)
{
    char mac[2 * LIMIT_MAC_OCTETS + 1], head[32];
    const char *const words[] = {head, mac};

    snprintf(head, sizeof(head), "{\"event\":\"%s\"", event);
    watch_hex(&ask->mac, mac);
    const char *line = watch_find_line(&stage->paper, stage->paper.len, words, 2);
    return line == NULL ? "" : line;
}

void stage_expect_reply(const struct ask *ask, enum rcode rcode, const char *reason,
                        const char *file, int line)
{
    if (ask->replies != 1) {
        print_error("%s:%d: %u replies\n", file, line, ask->replies);
        fail();
    }
    if (ask->rcode == rcode && (reason == NULL || strcmp(ask->reason, reason) == 0))
        return;
    print_error("%s:%d: %s \"%s\" (%s), not %s \"%s\"\n", file, line,
                rcode_name(ask->rcode), ask->reason, ask->text, rcode_name(rcode),
                reason != NULL ? reason : "");
    fail();
}

void stage_expect_audit(struct stage *stage, const struct ask *ask, const char *event,
                        const char *verdict, const char *reason, const char *file,
                        int line)
{
    char words[128];
    const char *found = stage_line(stage, ask, event);

    snprintf(words, sizeof(words), "\"verdict\":\"%s\",\"reason\":\"%s\"", verdict,
             reason);
    if (strstr(found, words) != NULL)
        return;
    print_error("%s:%d: not %s in: %s\n", file, line, words, found);
    fail();
}

/* ---- opening and closing ---- */

/* The core calls: what the ports do is the stage's business again. */
static void port_send_client(void *arg, const struct txn_client *client,
                             const uint8_t *octets, size_t len)
{
    leave(arg);
    send_client(arg, client, octets, len);
    enter(arg);
}

static enum result port_send_primary(void *arg, enum txn_link link,
                                     const uint8_t *octets, size_t len)
{
    leave(arg);
    enum result result = send_primary(arg, link, octets, len);
    enter(arg);
    return result;
}

static void port_close_primary(void *arg, enum txn_link link, const char *why)
{
    leave(arg);
    close_primary(arg, link, why);
    enter(arg);
}

static enum result port_audit_write(void *arg, const uint8_t *lines, size_t len)
{
    leave(arg);
    enum result result = watch_paper_write(&((struct stage *)arg)->paper, lines, len);
    enter(arg);
    return result;
}

static void start(struct stage *stage, const struct txn_journal *journal)
{
    const struct txn_ports ports = {
        .arg = stage,
        .send_client = port_send_client,
        .send_primary = port_send_primary,
        .close_primary = port_close_primary,
        .audit_write = port_audit_write,
        .audit_sync = audit_sync,
        .random_id = random_id,
        .log = take_log,
    };

    stage->txns = txns_new(&ports, stage->snapshot, journal, stage->now);
    assert_non_null(stage->txns);
    for (unsigned i = 0; i < LINKS; i++)
        stage_link(stage, (enum txn_link)i, LINK_UP);
    stage_advance(stage, 0);
}

static void add_cname(struct stage *stage, const char *name)
{
    char owner[128], target[128];

    snprintf(owner, sizeof(owner), "_acme-challenge.%s.duckcorp.org", name);
    snprintf(target, sizeof(target), "_acme-challenge.%s._kage.duckcorp.org.", name);
    primary_add(&stage->primary, owner, "CNAME", target);
}

void stage_open(struct stage *stage, void (*tune)(struct settings *settings))
{
    static const struct txn_journal first = {.next_seq = 1, .is_first_start = true};

    *stage = (struct stage){
        .now = {.mono_us = START_MONO, .real_us = SITE_START_S * SECOND},
        .is_traced = getenv("TSIGATE_TRACE") != NULL,
    };
    site_open(&stage->site);
    stage->snapshot = site_load(&stage->site, tune);
    primary_open(&stage->primary);
    stage->primary.on_update = watch_update;
    stage->primary.arg = stage;
    add_cname(stage, "mx1");
    add_cname(stage, "www");
    add_cname(stage, "mx2");
    add_cname(stage, "far");
    primary_add(&stage->primary, "_acme-challenge.bent.duckcorp.org", "CNAME",
                "_acme-challenge.mx2._kage.duckcorp.org.");
    stage->paper.chars = malloc(PAPER_OCTETS);
    stage->paper.scan = log_scan_new(0);
    assert_non_null(stage->paper.chars);
    assert_non_null(stage->paper.scan);
    start(stage, &first);
}

/* Every request counts in exactly one counter. */
static void check_sums(struct stage *stage)
{
    const char *status = stage_status(stage);
    int64_t sum = number_after(status, "dropped");
    const char *at = strstr(status, "\"outcomes\":{");

    assert_non_null(at);
    for (at = strchr(at, '{'); *at != '}' && at[1] != '}';) {
        at = strchr(at, ':') + 1;
        char *end;
        sum += strtoll(at, &end, 10);
        at = end;
    }
    if (sum != number_after(status, "received"))
        fail_msg("the counters do not add up: %s", status);
    assert_int_equal(number_after(status, "received"), stage->sent);
    assert_int_equal(number_after(status, "under_way"), 0);
}

static void stop(struct stage *stage)
{
    stage_advance(stage, 10 * SECOND);
    assert_true(txns_is_idle(stage->txns));
    check_sums(stage);
    watch_answers(stage);
    txns_free(&stage->txns);
}

void stage_close(struct stage *stage)
{
    stop(stage);
    for (size_t i = stage->ask_count; i-- > 0;)
        ask_free(stage->asks[i]);
    primary_close(&stage->primary);
    snapshot_release(&stage->snapshot);
    site_close(&stage->site);
    log_scan_free(&stage->paper.scan);
    free(stage->paper.chars);
}

void stage_restart(struct stage *stage)
{
    struct log_found found;

    for (size_t i = 0; i < stage->ask_count; i++) {
        struct ask *ask = stage->asks[i];
        if (ask->replies == 0 &&
            ask->opened.fate == TXN_WAITING) /* whoever waited waits in vain */
            ask->is_dismissed = true;
    }
    trace(stage, "restart");
    txns_free(&stage->txns);
    stage->sent = 0;
    stage->paper.sync_count = 0;
    stage->paper.synced_len = stage->paper.len; /* a start begins with a sync */
    stage->primary.letter_count = 0;
    log_scan_end(stage->paper.scan, &found);
    struct txn_journal journal = {
        .next_seq = found.chain.next_seq,
        .past = stage->paper.is_unusable ? NULL : stage->paper.scan,
        .booted_us = stage->booted_us,
    };
    memcpy(journal.prev, found.chain.prev, sizeof(journal.prev));
    start(stage, &journal);
}

void stage_reload(struct stage *stage, const char *acl,
                  void (*tune)(struct settings *settings))
{
    site_write_acl(&stage->site, acl);
    snapshot_release(&stage->snapshot);
    stage->snapshot = site_load(&stage->site, tune);
    enter(stage);
    txns_set_snapshot(stage->txns, stage->snapshot, stage->now);
    leave(stage);
    stage_advance(stage, 0);
}

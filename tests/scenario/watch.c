#include "watch.h"

#include "../unit/unit.h"

#include <openssl/evp.h>

#include "dns/type.h"

void trace(const struct stage *stage, const char *format, ...)
{
    va_list args;

    if (!stage->is_traced)
        return;
    printf("%10.6f ", (double)(stage->now.mono_us - START_MONO) / (double)SECOND);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

static bool is_effect(const struct effect *effect, const struct update_item *item)
{
    return effect->op == item->op && effect->type == item->type &&
           name_equal(name_of(&effect->target), item->owner) &&
           effect->rdata_len == item->rdata.len &&
           (item->rdata.len == 0 ||
            memcmp(effect->rdata, item->rdata.octets, item->rdata.len) == 0) &&
           item->ttl <= effect->ttl_max;
}

/* Whether the items start with all that the message asked for (I2). */
static bool is_whole(const struct ask *ask, const struct update_item *items,
                     size_t count)
{
    if (ask->original != ask || !ask->is_authorised || ask->effect_count == 0 ||
        ask->effect_count > count)
        return false;
    for (size_t i = 0; i < ask->effect_count; i++) {
        if (!is_effect(&ask->effects[i], &items[i]))
            return false;
    }
    return true;
}

/* The message whose items these are; the earliest that was not applied yet. */
static struct ask *author_of(const struct stage *stage, const struct update_item *items,
                             size_t count)
{
    struct ask *applied = NULL;

    for (size_t i = 0; i < stage->ask_count; i++) {
        struct ask *ask = stage->asks[i];
        if (!is_whole(ask, items, count))
            continue;
        if (ask->applied == 0)
            return ask;
        applied = ask;
    }
    return applied;
}

static void describe(const struct update_item *item, char *text, size_t capacity)
{
    char owner[NAME_TEXT_OCTETS], type[TYPE_TEXT_OCTETS];

    snprintf(text, capacity, "%s %s %s ttl %u", update_op_name(item->op),
             name_to_text(item->owner, owner), type_format(item->type, type),
             item->ttl);
}

static void note_applied(struct stage *stage, struct ask *ask)
{
    ask->applied_at = ++stage->applications;
    if (stage->on_applied != NULL)
        stage->on_applied(ask);
}

/* Whether its end is in the audit: then its answer follows within the event. */
static bool is_decided(const struct stage *stage, const struct ask *ask)
{
    char mac[2 * LIMIT_MAC_OCTETS + 1];
    const char *const words[] = {"{\"event\":\"result\"", mac};

    watch_hex(&ask->mac, mac);
    return watch_find_line(&stage->paper, stage->paper.len, words, 2) != NULL;
}

/* U-11: nobody who came before on the connection waits still. What came by another way
 * too may go that way. */
static void watch_order(const struct stage *stage, const struct ask *ask)
{
    if (ask->is_repeated)
        return;
    for (size_t i = 0; i < stage->ask_count && stage->asks[i] != ask; i++) {
        const struct ask *earlier = stage->asks[i];
        if (earlier->client.connection != 0 &&
            earlier->client.connection == ask->client.connection &&
            earlier->key == ask->key && earlier->original == earlier &&
            !earlier->is_repeated && earlier->effect_count > 0 &&
            earlier->is_authorised && earlier->opened.fate == TXN_WAITING &&
            earlier->forwarded_at == 0 &&
            earlier->replies + earlier->is_dismissed == 0 &&
            !is_decided(stage, earlier))
            fail_msg("U-11: %04x overtook %04x", ask->id, earlier->id);
    }
}

/* I8, P15. */
static void watch_intent(const struct stage *stage, const struct ask *ask)
{
    char mac[2 * LIMIT_MAC_OCTETS + 1];
    const char *const words[] = {"{\"event\":\"intent\"", mac};

    watch_hex(&ask->mac, mac);
    if (watch_find_line(&stage->paper, stage->paper.len, words, 2) == NULL)
        fail_msg("I8: %04x is forwarded and no intent is written", ask->id);
}

static void note_forwarded(struct stage *stage, struct ask *ask)
{
    if (ask->forwarded_at != 0)
        return;
    watch_order(stage, ask);
    watch_intent(stage, ask);
    ask->forwarded_at = ++stage->forwarded;
}

void watch_update(void *arg, const struct update *update, bool is_applied)
{
    struct stage *stage = arg;
    size_t at = update->prereqs;
    unsigned requests = 0;

    while (at < update->count) {
        struct ask *ask = author_of(stage, &update->items[at], update->count - at);
        char text[NAME_TEXT_OCTETS + 64];
        if (ask == NULL) {
            describe(&update->items[at], text, sizeof(text));
            fail_msg("I1: the primary was sent what nobody may write: %s", text);
        }
        if (is_applied && ask->applied++ > 0)
            fail_msg("I4: message %04x was executed twice", ask->id);
        note_forwarded(stage, ask);
        if (is_applied)
            note_applied(stage, ask);
        trace(stage, "primary %s %04x", is_applied ? "applies" : "gets", ask->id);
        at += ask->effect_count;
        requests++;
    }
    assert_true(stage->message_count < STAGE_MESSAGES);
    stage->requests[stage->message_count++] = requests;
}

void watch_hex(const struct tsig_mac *mac, char *text)
{
    for (unsigned i = 0; i < mac->len; i++)
        snprintf(text + 2 * i, 3, "%02x", mac->octets[i]);
}

const char *watch_find_line(const struct paper *paper, size_t len,
                            const char *const *words, size_t count)
{
    static char line[65536];
    const char *found = NULL;

    for (size_t at = 0; at < len;) {
        const char *end = memchr(paper->chars + at, '\n', len - at);
        size_t line_len = (size_t)(end - (paper->chars + at));
        bool has_all = true;
        assert_non_null(end);
        assert_true(line_len < sizeof(line));
        for (size_t i = 0; i < count && has_all; i++)
            has_all =
                memmem(paper->chars + at, line_len, words[i], strlen(words[i])) != NULL;
        if (has_all) {
            memcpy(line, paper->chars + at, line_len);
            line[line_len] = '\0';
            found = line;
        }
        at += line_len + 1;
    }
    return found;
}

/* I3, I8. */
static void watch_noerror(struct stage *stage, const struct ask *ask)
{
    char mac[2 * LIMIT_MAC_OCTETS + 1];
    const struct paper *paper = &stage->paper;
    const char *const words[] = {mac, "\"rcode\":\"NOERROR\"",
                                 "\"verdict\":\"permitted\""};

    watch_hex(&ask->mac, mac);
    if (watch_find_line(paper,
                        stage->has_no_audit_rule ? paper->len : paper->synced_len,
                        words, COUNT_OF(words)) == NULL)
        fail_msg("I8: NOERROR to %04x and no line of it on disk", ask->id);
    if (ask->original->effect_count > 0 && ask->original->applied != 1)
        fail_msg("I3: NOERROR to %04x, applied %u times", ask->id,
                 ask->original->applied);
}

void watch_reply(struct stage *stage, const struct ask *ask, size_t len)
{
    if (ask->replies > 1)
        fail_msg("I7: a second reply to %04x", ask->id);
    if (ask->client.transport == TRANSPORT_UDP) {
        size_t limit =
            ask->msg.has_opt ? LIMIT_UDP_REPLY_OCTETS : LIMIT_UDP_PLAIN_OCTETS;
        assert_true(len <= limit);
        if (!ask->is_signed && len > ask->len)
            fail_msg("I7: %zu octets to who sent %zu", len, ask->len);
    }
    if (ask->is_update && ask->rcode == RCODE_NOERROR)
        watch_noerror(stage, ask);
}

bool watch_is_same_client(const struct txn_client *a, const struct txn_client *b)
{
    return a->transport == b->transport && a->connection == b->connection &&
           addr_equal(&a->peer, &b->peer) && a->peer.port == b->peer.port;
}

void watch_answers(const struct stage *stage)
{
    for (size_t i = 0; i < stage->ask_count; i++) {
        const struct ask *ask = stage->asks[i];
        unsigned wanted = 0, had = 0;
        for (size_t j = 0; j < stage->ask_count; j++) {
            const struct ask *other = stage->asks[j];
            if (!watch_is_same_client(&other->client, &ask->client))
                continue;
            wanted += other->opened.fate != TXN_DROPPED;
            had += other->replies + other->is_dismissed;
        }
        if (wanted != had)
            fail_msg("the client of %04x got %u answers of %u", ask->id, had, wanted);
    }
}

/* ---- the audit file ---- */

static void append_line(struct paper *paper, const uint8_t *line, size_t len)
{
    char prev[2 * 32 + 1];
    struct log_found found;

    for (int i = 0; i < 32; i++)
        snprintf(prev + 2 * i, 3, "%02x", paper->prev[i]);
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    assert_memory_equal(line + len - 3 - 64, prev, 64);
    assert_int_equal(EVP_Digest(line, len - 1, paper->prev, NULL, EVP_sha256(), NULL),
                     1);
    assert_int_equal(log_scan_line(paper->scan, (const char *)line, len - 1), RES_OK);
    log_scan_end(paper->scan, &found);
    assert_int_equal(found.torn, 0);
    assert_false(found.is_strange);
    assert_true(paper->len + len <= PAPER_OCTETS);
    memcpy(paper->chars + paper->len, line, len);
    paper->len += len;
}

enum result watch_paper_write(struct paper *paper, const uint8_t *lines, size_t len)
{
    const uint8_t *end = lines + len;

    if (paper->write_fails || (paper->fails_at > 0 && --paper->fails_at == 0))
        return RES_EIO;
    paper->writes++;
    while (lines < end) {
        const uint8_t *newline = memchr(lines, '\n', (size_t)(end - lines));
        assert_non_null(newline);
        append_line(paper, lines, (size_t)(newline + 1 - lines));
        lines = newline + 1;
    }
    return RES_OK;
}

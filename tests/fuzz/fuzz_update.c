/* The prescan: its items, encoded again, are the same items (I6). */
#include <string.h>

#include "base/buf.h"
#include "dns/build.h"
#include "dns/type.h"
#include "dns/update.h"
#include "fuzz.h"

const char fuzz_corpus[] = "message";

static bool is_outside(struct name owner, const void *arg)
{
    const struct update *update = arg;

    return !name_is_within(owner, update->zone);
}

static enum reason read_message(const uint8_t *octets, size_t len, struct arena *arena,
                                struct update *update)
{
    struct wire_msg msg;
    size_t index = 0;

    if (wire_walk(octets, len, true, &msg) != RES_OK ||
        update_read_zone(&msg, arena, update) != RES_OK)
        return REASON_MESSAGE_MALFORMED;
    enum reason reason =
        update_read_items(&msg, arena, is_outside, update, update, &index);
    FUZZ_CLAIM(index <= update->count);
    return reason;
}

/* U-2, U-3. */
static void check_item(const struct update *update, size_t i)
{
    const struct update_item *item = &update->items[i];

    FUZZ_CLAIM(update_op_is_prereq(item->op) == (i < update->prereqs));
    FUZZ_CLAIM(name_is_within(item->owner, update->zone));
    FUZZ_CLAIM(type_standing_of(item->type) != TYPE_IS_META || item->type == TYPE_ANY);
    FUZZ_CLAIM(item->ttl <= LIMIT_TTL_S);
    FUZZ_CLAIM(item->ttl == 0 || item->op == UPDATE_ADD);
    bool has_value = item->op == UPDATE_ADD || item->op == UPDATE_DELETE ||
                     (item->op == UPDATE_PREREQ && item->class == CLASS_IN);
    if (has_value)
        FUZZ_CLAIM(rdata_check(item->type, item->rdata.octets, item->rdata.len) ==
                   RES_OK);
    else
        FUZZ_CLAIM(item->rdata.len == 0);
}

static void encode(const struct update *update, struct writer *w)
{
    build_header(w, 1, OPCODE_UPDATE << 11);
    build_question(w, update->zone, TYPE_SOA, update->zone_class);
    for (size_t i = 0; i < update->count; i++) {
        const struct update_item *item = &update->items[i];
        build_rr(w, i < update->prereqs ? SECTION_PREREQUISITE : SECTION_UPDATE,
                 item->owner, item->type, item->class, item->ttl, &item->rdata);
    }
}

static void compare(const struct update *a, const struct update *b)
{
    FUZZ_CLAIM(name_equal(a->zone, b->zone));
    FUZZ_CLAIM(a->count == b->count && a->prereqs == b->prereqs);
    for (size_t i = 0; i < a->count; i++) {
        const struct update_item *x = &a->items[i];
        const struct update_item *y = &b->items[i];
        FUZZ_CLAIM(x->op == y->op && x->type == y->type && x->class == y->class &&
                   x->ttl == y->ttl && x->rdata.len == y->rdata.len);
        FUZZ_CLAIM(name_equal(x->owner, y->owner));
        FUZZ_CLAIM(x->rdata.len == 0 ||
                   memcmp(x->rdata.octets, y->rdata.octets, x->rdata.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    static uint8_t again[LIMIT_MESSAGE_OCTETS];
    struct arena arena;
    struct update update = {0}, second = {0};

    arena_init(&arena, 16384, 0);
    if (read_message(octets, len, &arena, &update) == REASON_PERMITTED) {
        FUZZ_CLAIM(update.prereqs <= LIMIT_PREREQUISITES);
        FUZZ_CLAIM(update.count - update.prereqs <= LIMIT_UPDATES);
        for (size_t i = 0; i < update.count; i++)
            check_item(&update, i);
        struct writer w = writer_of(again, sizeof(again));
        encode(&update, &w);
        if (!w.failed) {
            FUZZ_CLAIM(read_message(w.octets, w.len, &arena, &second) ==
                       REASON_PERMITTED);
            compare(&update, &second);
        }
    }
    arena_fini(&arena);
    return 0;
}

/*
 * no memory is an answer, not a crash. malloc, calloc and mmap are the linker's
 * wrappers below; each case runs again and again, failing one allocation later each
 * time, until it goes through. The sanitizer looks for leaks.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/diag.h"
#include "base/map.h"
#include "dns/build.h"
#include "dns/frame.h"
#include "dns/text.h"
#include "dns/type.h"
#include "dns/update.h"
#include "message.h"
#include "unit.h"

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t each);
void *__real_mmap(void *at, size_t len, int protection, int flags, int fd,
                  off_t offset);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd,
                  off_t offset);

static unsigned calls;
static unsigned failing; /* this call and all behind it; 0: none */

static bool must_fail(void)
{
    calls++;
    return failing != 0 && calls >= failing;
}

void *__wrap_malloc(size_t len)
{
    return must_fail() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t each)
{
    return must_fail() ? NULL : __real_calloc(count, each);
}

void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (must_fail()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(at, len, protection, flags, fd, offset);
}

static enum result put_into_map(void)
{
    static const char keys[40] = "0123456789abcdefghijklmnopqrstuvwxyzABC";
    struct map map;
    enum result res = RES_OK;
    size_t put = 0;

    map_init(&map);
    for (size_t i = 0; res == RES_OK && i < sizeof(keys); i++) {
        res = map_put(&map, &keys[i], 1, (void *)(uintptr_t)&keys[i]);
        put += res == RES_OK ? 1 : 0;
    }
    /* What was in before stays in. */
    for (size_t i = 0; i < put; i++)
        assert_ptr_equal(map_get(&map, &keys[i], 1), &keys[i]);
    map_fini(&map);
    return res;
}

/* The count is right even where the message is lost: a load still fails. */
static enum result collect_diagnostics(void)
{
    struct diags diags;

    diags_init(&diags);
    diags_error(&diags, (struct place){"f", 1, 1}, "id", "word %s", "x");
    diags_warn(&diags, (struct place){"f", 1, 1}, "id", "%01000d", 7);
    diags_warn(&diags, (struct place){"f", 1, 1}, "id", "%05000d", 7);
    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.warnings, 2);
    size_t listed = 0;
    for (const struct diag *diag = diags.first; diag != NULL; diag = diag->next)
        listed++;
    diags_fini(&diags);
    return listed == 3 ? RES_OK : RES_EMEM;
}

static enum result push_frames(void)
{
    static const uint8_t stream[2 + 12 + 2 + 20] = {[1] = 12, [2 + 12 + 1] = 20};
    const uint8_t *octets = stream;
    const uint8_t *message = NULL;
    size_t len = sizeof(stream);
    size_t message_len;
    struct frame frame;

    frame_init(&frame, 100);
    enum result res = frame_push(&frame, &octets, &len, &message, &message_len);
    if (res == RES_OK)
        res = frame_push(&frame, &octets, &len, &message, &message_len);
    frame_fini(&frame);
    return res;
}

static enum result make_hmac(void)
{
    static uint8_t octets[LIMIT_SECRET_OCTETS];
    struct secret secrets[200] = {0};
    struct hmac *hmac = NULL;
    enum result res = RES_OK;

    for (size_t i = 0; res == RES_OK && i < COUNT_OF(secrets); i++)
        res = secret_from_octets(octets, sizeof(octets), &secrets[i]);
    if (res == RES_OK)
        res = hmac_new(HMAC_SHA256, &secrets[0], &hmac);
    hmac_free(&hmac);
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        secret_free(&secrets[i]);
    return res;
}

static bool is_outside(struct name owner, const void *arg)
{
    (void)owner;
    (void)arg;
    return false;
}

static enum result read_update(void)
{
    static uint8_t octets[8192];
    struct writer w = writer_of(octets, sizeof(octets));
    const struct rdata rdata = {(const uint8_t *)"\0011", 2};
    struct wire_msg msg;
    struct update update;
    struct arena arena;
    size_t index;

    build_header(&w, 1, OPCODE_UPDATE << 11);
    build_question(&w, name_root, TYPE_SOA, CLASS_IN);
    for (int i = 0; i < 20; i++)
        build_rr(&w, SECTION_UPDATE, name_root, TYPE_TXT, CLASS_IN, 0, &rdata);
    assert_int_equal(wire_walk(octets, w.len, true, &msg), RES_OK);
    arena_init(&arena, 64, 0);
    enum result res = update_read_zone(&msg, &arena, &update);
    if (res == RES_OK) {
        enum reason reason =
            update_read_items(&msg, &arena, is_outside, NULL, &update, &index);
        assert_true(reason == REASON_PERMITTED || reason == REASON_UNDECIDED);
        res = reason == REASON_PERMITTED ? RES_OK : RES_EMEM;
    }
    arena_fini(&arena);
    return res;
}

static enum result print_and_read(void)
{
    static const char *const texts[] = {"192.0.2.1", "\\# 4 c0000201"};
    struct arena arena;
    struct rdata rdata;
    enum result res = RES_OK;

    arena_init(&arena, 16, 0);
    for (size_t i = 0; res == RES_OK && i < COUNT_OF(texts); i++) {
        res = rdata_from_text(TYPE_A, texts[i], &arena, &rdata);
        if (res == RES_OK && (rdata_to_text(TYPE_A, &rdata, &arena) == NULL ||
                              rdata_to_generic(&rdata, &arena) == NULL))
            res = RES_EMEM;
    }
    if (res == RES_OK)
        res = rdata_from_text(TYPE_TXT, "\"a\"", &arena, &rdata);
    if (res == RES_OK && rdata_to_text(TYPE_TXT, &rdata, &arena) == NULL)
        res = RES_EMEM;
    arena_fini(&arena);
    return res;
}

static void each_allocation_may_fail(void **state)
{
    static const struct {
        const char *name;
        enum result (*run)(void);
        unsigned least; /* allocations that it has */
    } cases[] = {
        {"map", put_into_map, 3},      {"diagnostics", collect_diagnostics, 2},
        {"frames", push_frames, 2},    {"secrets and MACs", make_hmac, 2},
        {"an update", read_update, 8}, {"text", print_and_read, 10},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum result res = RES_EMEM;
        for (failing = 1; failing < 1000 && res != RES_OK; failing++) {
            calls = 0;
            res = cases[i].run();
            assert_case(cases[i].name, res == RES_OK || res == RES_EMEM);
        }
        unsigned allocations = failing - 2;
        failing = 0;
        assert_case(cases[i].name, res == RES_OK);
        assert_case(cases[i].name, allocations >= cases[i].least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

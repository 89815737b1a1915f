#include "base/arena.h"

#include <stdalign.h>

#include "unit.h"

static void memory_is_aligned_zeroed_and_apart(void **state)
{
    struct arena arena;
    uint8_t *last = NULL;

    (void)state;
    arena_init(&arena, 256, 0);
    for (size_t len = 0; len < 300; len++) {
        uint8_t *room = arena_alloc(&arena, len);
        assert_non_null(room);
        assert_int_equal((uintptr_t)room % alignof(max_align_t), 0);
        assert_ptr_not_equal(room, last);
        for (size_t i = 0; i < len; i++)
            assert_int_equal(room[i], 0);
        memset(room, 0xff, len);
        last = room;
    }
    arena_fini(&arena);
}

static void a_reset_keeps_one_chunk_and_zeroes_again(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64, 0);
    uint8_t *first = arena_alloc(&arena, 48);
    assert_non_null(first);
    memset(first, 0xff, 48);
    assert_non_null(arena_alloc(&arena, 1000)); /* larger than a chunk: not kept */
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    uint8_t *again = arena_alloc(&arena, 48);
    assert_ptr_equal(again, first);
    assert_int_equal(again[47], 0);
    arena_fini(&arena);
    arena_fini(&arena);
}

static void the_limit_holds(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64, 100);
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 48));
    assert_non_null(arena_alloc(&arena, 32));
    assert_null(arena_alloc(&arena, 16));
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 64));
    arena_fini(&arena);
}

static void sizes_cannot_wrap(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64, 0);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 16));
    assert_null(arena_array(&arena, SIZE_MAX / 8, 16));
    assert_null(arena_string_n(&arena, "", SIZE_MAX));
    assert_non_null(arena_array(&arena, 0, 16));
    arena_fini(&arena);
}

static void copies_and_strings(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64, 0);
    assert_memory_equal(arena_copy(&arena, "abc", 3), "abc", 3);
    assert_non_null(arena_copy(&arena, NULL, 0));
    assert_string_equal(arena_string(&arena, "abc"), "abc");
    assert_string_equal(arena_string_n(&arena, "abcdef", 2), "ab");
    assert_string_equal(arena_string_n(&arena, NULL, 0), "");
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    arena_fini(&arena);
}

static void packed_octets_lie_side_by_side(void **state)
{
    struct arena arena;
    const uint8_t octets[] = {1, 2, 3};

    (void)state;
    arena_init(&arena, 256, 32);
    const uint8_t *first = arena_pack(&arena, octets, 3);
    assert_memory_equal(first, octets, 3);
    assert_ptr_equal(arena_pack(&arena, octets, 3), first + 3);
    assert_ptr_equal(arena_pack(&arena, NULL, 0), first + 6); /* an octet of its own */
    uint8_t *behind = arena_alloc(&arena, 1);
    assert_non_null(behind);
    assert_int_equal((uintptr_t)behind % alignof(max_align_t), 0);
    assert_memory_equal(first, "\1\2\3\1\2\3", 6);
    assert_null(arena_pack(&arena, octets, 1)); /* the gap counts */
    assert_null(arena_pack(&arena, octets, SIZE_MAX));
    arena_fini(&arena);
}

/* The step never hurts the bound, and all of it can be written. */
static void a_large_arena_goes_on_in_large_steps(void **state)
{
    const size_t piece = 1000, limit = 8 * 1024 * 1024;
    struct arena arena;
    size_t pieces = 0;

    (void)state;
    arena_init(&arena, 4096, limit);
    for (uint8_t *octets; (octets = arena_alloc(&arena, piece)) != NULL; pieces++) {
        assert_int_equal(octets[0], 0);
        assert_int_equal(octets[piece - 1], 0);
        memset(octets, 7, piece);
    }
    assert_int_equal(pieces, limit / 1008);
    arena_reset(&arena); /* but for one chunk of the usual length */
    assert_non_null(arena_alloc(&arena, piece));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(a_reset_keeps_one_chunk_and_zeroes_again),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(sizes_cannot_wrap),
        cmocka_unit_test(copies_and_strings),
        cmocka_unit_test(packed_octets_lie_side_by_side),
        cmocka_unit_test(a_large_arena_goes_on_in_large_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rows.h"

#include "unit.h"

#define ROWS 10000

static void rows_stay_where_they_are(void **state)
{
    static uint32_t *where[ROWS];
    struct arena arena;
    struct rows rows;

    (void)state;
    arena_init(&arena, 4096, 0);
    rows_init(&rows, sizeof(uint32_t) * 3, &arena);
    for (uint32_t i = 0; i < ROWS; i++) {
        where[i] = rows_add(&rows);
        assert_non_null(where[i]);
        assert_int_equal(where[i][0] | where[i][1] | where[i][2], 0);
        where[i][0] = where[i][2] = i;
        assert_int_equal(rows.count, i + 1);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_ptr_equal(rows_at(&rows, i), where[i]);
        assert_int_equal(where[i][0], i);
        assert_int_equal(where[i][2], i);
    }
    arena_fini(&arena);
}

/* Nothing that was there is lost, and it goes on when there is memory again. */
static void without_memory_nothing_changes(void **state)
{
    struct arena arena;
    struct rows rows;

    (void)state;
    arena_init(&arena, 4096, 0);
    rows_init(&rows, sizeof(size_t), &arena);
    for (size_t i = 0; i < ROWS; i++) {
        size_t *row = NULL;
        for (size_t room = 1; row == NULL; room *= 2) {
            arena.limit = arena.used + room;
            row = rows_add(&rows);
            assert_int_equal(rows.count, row != NULL ? i + 1 : i);
        }
        *row = i;
    }
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(*(size_t *)rows_at(&rows, i), i);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_stay_where_they_are),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

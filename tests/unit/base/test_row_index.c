#include "base/row_index.h"

#include "unit.h"

static void empty_and_full(void **state)
{
    struct row_index index = {0};
    struct row_probe probe = row_probe_of(7);

    (void)state;
    assert_int_equal(row_index_next(&index, &probe), ROW_NONE);
    assert_true(row_index_is_full(&index));
    assert_int_equal(row_index_open(&index, 100, 100), RES_OK);
    assert_int_equal(row_index_next(&index, &probe), ROW_NONE);
    for (uint32_t i = 0; i < 100; i++) {
        assert_false(row_index_is_full(&index));
        row_index_add(&index, i, i);
    }
    row_index_close(&index);
    assert_int_equal(row_index_next(&index, &probe), ROW_NONE);
    assert_int_equal(row_index_open(&index, SIZE_MAX, SIZE_MAX), RES_EMEM);
    row_index_close(&index);
}

/* All of one hash, in the order in which they came, and others only where the bits that
 * a slot has no room for tell them apart. */
static void agrees_with_a_model(void **state)
{
    enum { ROWS = 5000 };
    static uint32_t hashes[ROWS];
    struct row_index index;
    uint32_t random = 1;

    (void)state;
    assert_int_equal(row_index_open(&index, ROWS, ROWS), RES_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        random = random * 1664525 + 1013904223;
        hashes[i] = (random >> 8) % 1000 * 0x00801001u; /* five of each */
        row_index_add(&index, hashes[i], i);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        struct row_probe probe = row_probe_of(hashes[i]);
        uint32_t from = 0;
        for (uint32_t row; (row = row_index_next(&index, &probe)) != ROW_NONE;) {
            assert_true(row < ROWS);
            assert_int_equal((hashes[row] ^ hashes[i]) & ~index.row_mask, 0);
            if (hashes[row] != hashes[i])
                continue;
            for (; from < row; from++)
                assert_int_not_equal(hashes[from], hashes[i]);
            assert_int_equal(from++, row);
        }
        for (; from < ROWS; from++)
            assert_int_not_equal(hashes[from], hashes[i]);
    }
    row_index_close(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_and_full),
        cmocka_unit_test(agrees_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

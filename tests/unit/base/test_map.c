#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>

#include "unit.h"

#define KEYS 2000

static char keys[KEYS][8];

static void name_keys(void)
{
    for (unsigned i = 0; i < KEYS; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "k%u", i);
}

static void puts_gets_and_refuses_twice(void **state)
{
    struct map map;
    int first, second;

    (void)state;
    map_init(&map);
    assert_null(map_get(&map, "a", 1));
    assert_null(map_remove(&map, "a", 1));
    assert_int_equal(map_put(&map, "a", 1, &first), RES_OK);
    assert_int_equal(map_put(&map, "a", 1, &second), RES_EEXISTS);
    assert_ptr_equal(map_get(&map, "a", 1), &first);
    assert_null(map_get(&map, "ab", 2)); /* near-misses: a prefix, another length */
    assert_null(map_get(&map, "a", 0));
    assert_int_equal(map_put(&map, "a\0", 2, &second), RES_OK);
    assert_ptr_equal(map_get(&map, "a\0", 2), &second);
    assert_int_equal(map_put(&map, "", 0, &second), RES_OK);
    assert_int_equal(map.count, 3);
    map_fini(&map);
}

/* Against the obvious model, through many growths and holes. */
static void agrees_with_a_model(void **state)
{
    static bool is_in[KEYS];
    struct map map;
    uint32_t random = 1;
    size_t count = 0;

    (void)state;
    map_init(&map);
    for (unsigned step = 0; step < 50000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % KEYS;
        size_t len = strlen(keys[i]);
        if (random >> 31) {
            enum result res = map_put(&map, keys[i], len, keys[i]);
            assert_int_equal(res, is_in[i] ? RES_EEXISTS : RES_OK);
            count += is_in[i] ? 0 : 1;
            is_in[i] = true;
        } else {
            assert_ptr_equal(map_remove(&map, keys[i], len), is_in[i] ? keys[i] : NULL);
            count -= is_in[i] ? 1 : 0;
            is_in[i] = false;
        }
        assert_int_equal(map.count, count);
    }
    for (unsigned i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(&map, keys[i], strlen(keys[i])),
                         is_in[i] ? keys[i] : NULL);
    map_fini(&map);
}

static void a_walk_meets_each_once(void **state)
{
    static unsigned met[KEYS];
    struct map map;
    size_t cursor = 0;
    char(*key)[8];

    (void)state;
    map_init(&map);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(map_put(&map, keys[i], strlen(keys[i]), keys[i]), RES_OK);
    while ((key = map_next(&map, &cursor)) != NULL)
        met[key - keys]++;
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(met[i], 1);
    map_fini(&map);
    cursor = 0;
    assert_null(map_next(&map, &cursor));
}

/* Whatever has moved already: each value is found, met once, and not put twice. What
 * was removed and freed on the way is not looked at again. */
static void is_whole_at_each_moment_of_a_growth(void **state)
{
    struct map map;
    char *own[KEYS] = {NULL};

    (void)state;
    map_init(&map);
    for (unsigned n = 0; n < 200; n++) {
        own[n] = strdup(keys[n]);
        assert_non_null(own[n]);
        assert_int_equal(map_put(&map, own[n], strlen(own[n]), own[n]), RES_OK);
        if (n % 3 == 2) {
            assert_ptr_equal(map_remove(&map, own[n / 2], strlen(own[n / 2])),
                             own[n / 2]);
            free(own[n / 2]);
            own[n / 2] = NULL;
        }
        size_t cursor = 0, met = 0, held = 0;
        while (map_next(&map, &cursor) != NULL)
            met++;
        for (unsigned i = 0; i <= n; i++) {
            held += own[i] != NULL;
            assert_ptr_equal(map_get(&map, keys[i], strlen(keys[i])), own[i]);
            if (own[i] != NULL)
                assert_int_equal(map_put(&map, keys[i], strlen(keys[i]), &map),
                                 RES_EEXISTS);
        }
        assert_int_equal(met, held);
        assert_int_equal(map.count, held);
    }
    for (unsigned i = 0; i < KEYS; i++)
        free(own[i]);
    map_fini(&map);
}

/* A table that is outgrown is left behind by few at a time, and not kept for long. */
static void grows_in_steps(void **state)
{
    struct map map;
    size_t most_moved = 0, before = 0;

    (void)state;
    map_init(&map);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(map_put(&map, keys[i], strlen(keys[i]), keys[i]), RES_OK);
        bool has_begun = map.outgrown.capacity > 0 && map.moved > before;
        if (has_begun && map.moved - before > most_moved)
            most_moved = map.moved - before;
        before = map.outgrown.capacity > 0 ? map.moved : 0;
    }
    assert_in_range(most_moved, 1, 8);
    assert_int_equal(map.table.capacity, 4096);
    assert_int_equal(map.outgrown.capacity, 0);
    map_fini(&map);
}

int main(void)
{
    name_keys();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_gets_and_refuses_twice),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(a_walk_meets_each_once),
        cmocka_unit_test(is_whole_at_each_moment_of_a_growth),
        cmocka_unit_test(grows_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

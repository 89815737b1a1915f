#include "base/pages.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* A wish changes nothing of what stands there, whatever its place and length. */
static void octets_stay(void **state)
{
    static const size_t lens[] = {1, 4096, 2 * 1024 * 1024, 8 * 1024 * 1024 + 123};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        uint8_t *octets = calloc(lens[i] + 1, 1);
        assert_non_null(octets);
        octets[1] = 7;
        octets[lens[i]] = 8;
        pages_want_large(octets + 1, lens[i]);
        assert_int_equal(octets[1], lens[i] == 1 ? 8 : 7);
        assert_int_equal(octets[lens[i]], 8);
        free(octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

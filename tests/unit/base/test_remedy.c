#include "base/remedy.h"

#include "unit.h"

/* Near the ends and in the middle: the table is searched by halves. */
static void test_known(void **state)
{
    static const char *const ids[] = {"acl-a-label",   "acl-alias",  "grant-twice",
                                      "key-two-hosts", "wrong-type", "zone-twice"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_case(ids[i], remedy_of(ids[i]) != NULL);
    assert_null(remedy_of(""));
    assert_null(remedy_of("grant-thrice"));
    assert_null(remedy_of("zzz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

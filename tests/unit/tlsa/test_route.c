/* 255.255.255.255 stands for what this host has no way to: no socket is connected to
 * it. */
#include "tlsa/route.h"

#include "unit.h"

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *addresses[4];
        const char *sorted[4]; /* up to the count that is told */
    } cases[] = {
        {"none", {NULL}, {NULL}},
        {"one", {"127.0.0.1"}, {"127.0.0.1"}},
        {"all", {"127.0.0.2", "127.0.0.1"}, {"127.0.0.2", "127.0.0.1"}},
        {"the first not", {"255.255.255.255", "127.0.0.1"}, {"127.0.0.1"}},
        {"one between",
         {"127.0.0.3", "255.255.255.255", "127.0.0.1"},
         {"127.0.0.3", "127.0.0.1"}},
        {"none of them", {"255.255.255.255"}, {"255.255.255.255"}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct addr addresses[4];
        size_t count = 0;
        for (; count < 4 && cases[i].addresses[count] != NULL; count++)
            assert_int_equal(addr_parse(cases[i].addresses[count], &addresses[count]),
                             RES_OK);
        count = route_sort(addresses, count);
        for (size_t k = 0; k < count; k++) {
            char text[ADDR_TEXT_OCTETS];
            addr_format(&addresses[k], text);
            assert_case(cases[i].name, cases[i].sorted[k] != NULL &&
                                           strcmp(text, cases[i].sorted[k]) == 0);
        }
        assert_case(cases[i].name, count == 4 || cases[i].sorted[count] == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "policy/settings.h"

#include "unit.h"

static void test_defaults(void **state)
{
    struct arena arena;
    struct settings settings;

    (void)state;
    arena_init(&arena, 1024, 0);
    settings_init(&settings, "tsigate.conf", &arena);
    assert_string_equal(settings.file, "tsigate.conf");
    assert_true(settings.require_cname);
    assert_true(settings.audit_sync);
    assert_true(settings.explain_refusals);
    assert_false(settings.weak_algorithms);
    assert_int_equal(settings.cache_s, 10);
    assert_int_equal(settings.max_fudge_s, 300);
    assert_int_equal(settings.limits.host_rate, 20);
    assert_int_equal(settings.limits.host_burst, 500);
    assert_int_equal(settings.limits.message_octets, 16384);
    assert_null(settings.upstream_key.octets);
    arena_fini(&arena);
}

static void test_defaults_lie_in_range(void **state)
{
    (void)state;
#define X(field, default_value, min, max)                                              \
    assert_in_range(default_value, min, max);                                          \
    assert_true((min) <= (max));
    SETTINGS_LIMITS(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_defaults_lie_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

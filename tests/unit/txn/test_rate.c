/* Token buckets. */
#include "txn/rate.h"
#include "unit.h"

#define SECOND INT64_C(1000000)
#define START  (1000 * SECOND)

static unsigned take_many(struct bucket *bucket, uint32_t rate, uint32_t burst,
                          int64_t now_us, unsigned tries)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < tries; i++)
        taken += bucket_take(bucket, rate, burst, now_us);
    return taken;
}

struct bucket_case {
    const char *name;
    uint32_t rate, burst;
    int64_t wait_us;   /* after the bucket was emptied */
    unsigned expected; /* tokens that there are then */
};

static const struct bucket_case bucket_cases[] = {
    {"nothing comes in no time", 20, 500, 0, 0},
    {"a token of 20/s takes 50 ms", 20, 500, 50000, 1},
    {"and not a microsecond less", 20, 500, 49999, 0},
    {"a second brings the rate", 20, 500, SECOND, 20},
    {"never over the burst", 20, 500, 26 * SECOND, 500},
    {"a year later it is the burst", 20, 500, 365 * 86400 * SECOND, 500},
    {"a clock that stands back brings nothing", 20, 500, -SECOND, 0},
    {"the fastest rate", 1000000, 1000000, 10, 10},
    {"the slowest rate", 1, 1, SECOND - 1, 0},
    {"the slowest rate, in time", 1, 1, SECOND, 1},
};

static void test_bucket_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bucket_cases); i++) {
        const struct bucket_case *c = &bucket_cases[i];
        struct bucket bucket = {.filled_us = 0};

        assert_int_equal(take_many(&bucket, c->rate, c->burst, START, c->burst),
                         c->burst);
        assert_false(bucket_take(&bucket, c->rate, c->burst, START));
        unsigned taken =
            take_many(&bucket, c->rate, c->burst, START + c->wait_us, c->burst + 1);
        if (taken != c->expected)
            fail_msg("%s: %u tokens, not %u", c->name, taken, c->expected);
    }
}

static void test_rate_zero_is_no_limit(void **state)
{
    struct bucket bucket = {.filled_us = 0};

    (void)state;
    assert_int_equal(take_many(&bucket, 0, 1, START, 100000), 100000);
}

/* Asking often neither starves a bucket nor fills it sooner. */
static void test_impatience_changes_nothing(void **state)
{
    struct bucket bucket = {.filled_us = 0};
    unsigned taken = 0;

    (void)state;
    assert_int_equal(take_many(&bucket, 7, 10, START, 10), 10);
    for (int64_t us = 1; us <= 10 * SECOND; us += 333)
        taken += bucket_take(&bucket, 7, 10, START + us);
    assert_in_range(taken, 69, 70);
}

static void test_reload_with_a_lower_burst(void **state)
{
    struct bucket bucket = {.filled_us = 0};

    (void)state;
    assert_true(bucket_take(&bucket, 20, 500, START));
    assert_int_equal(take_many(&bucket, 20, 5, START, 500), 5);
}

static struct addr address(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(text, &addr), RES_OK);
    return addr;
}

struct prefix_case {
    const char *a, *b;
    bool shares;
};

static const struct prefix_case prefix_cases[] = {
    {"192.0.2.1", "192.0.2.255", true},
    {"192.0.2.1", "192.0.3.1", false},
    {"192.0.2.1", "193.0.2.1", false},
    {"2001:db8:0:1ff::1", "2001:db8:0:100::2", true},
    {"2001:db8:0:1ff::1", "3001:db8:0:1ff::1", false},
    {"2001:db8:0:1ff::1", "2001:db8:0:200::1", false},
    {"0.0.0.1", "::1", false},
};

static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(prefix_cases); i++) {
        const struct prefix_case *c = &prefix_cases[i];
        struct prefix_buckets *buckets = prefix_buckets_new(7);
        struct addr a = address(c->a), b = address(c->b);

        assert_non_null(buckets);
        for (int n = 0; n < 3; n++)
            assert_true(prefix_buckets_take(buckets, &a, 3, START));
        assert_false(prefix_buckets_take(buckets, &a, 3, START));
        if (prefix_buckets_take(buckets, &b, 3, START) == c->shares)
            fail_msg("%s and %s", c->a, c->b);
        prefix_buckets_free(&buckets);
        assert_null(buckets);
    }
}

/* A flood from everywhere: each prefix has its reply, memory is what it was. */
static void test_flood_of_prefixes(void **state)
{
    struct prefix_buckets *buckets = prefix_buckets_new(12345);
    struct addr addr = {.family = 4};

    (void)state;
    assert_non_null(buckets);
    for (uint32_t i = 0; i < 100000; i++) {
        addr.octets[0] = (uint8_t)(i >> 16);
        addr.octets[1] = (uint8_t)(i >> 8);
        addr.octets[2] = (uint8_t)i;
        assert_true(prefix_buckets_take(buckets, &addr, 1, START));
    }
    prefix_buckets_free(&buckets);
}

static struct addr prefix_of(uint32_t n)
{
    return (struct addr){.family = 4,
                         .octets = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

/* Whether the second prefix takes the first one's slot, and with it its empty bucket.
 */
static bool is_displaced(uint64_t seed, uint32_t first, uint32_t second)
{
    struct prefix_buckets *buckets = prefix_buckets_new(seed);
    struct addr a = prefix_of(first), b = prefix_of(second);

    assert_non_null(buckets);
    assert_true(prefix_buckets_take(buckets, &a, 1, START));
    assert_true(prefix_buckets_take(buckets, &b, 1, START));
    bool is_full_again = prefix_buckets_take(buckets, &a, 1, START);
    prefix_buckets_free(&buckets);
    return is_full_again;
}

/* who displaces whom is another matter with each start: nobody can choose a
 * second prefix that empties the first one's account. */
static void test_seed_parts_prefixes(void **state)
{
    uint32_t other = 2;

    (void)state;
    while (other < 100000 && !is_displaced(7, 1, other))
        other++;
    assert_true(is_displaced(7, 1, other));
    assert_false(is_displaced(8, 1, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_table),
        cmocka_unit_test(test_rate_zero_is_no_limit),
        cmocka_unit_test(test_impatience_changes_nothing),
        cmocka_unit_test(test_reload_with_a_lower_burst),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_flood_of_prefixes),
        cmocka_unit_test(test_seed_parts_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

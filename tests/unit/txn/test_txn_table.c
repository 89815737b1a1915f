/* The transaction table (T-19, T-22), against a model that is an array. */
#include "txn/txn_table.h"
#include "unit.h"

#define NOW_REAL INT64_C(1795564800)
#define NOW_MONO INT64_C(5000)
#define UNTIL    (NOW_REAL + 305)

struct txn {
    int unused;
};

static struct txn a_txn;

/* A MAC whose home is chosen by its first octet, so that clusters can be made. */
static struct tsig_mac mac_of(uint8_t home, uint32_t n)
{
    struct tsig_mac mac = {.len = 32};

    mac.octets[3] = home; /* the hash is read in the machine's order */
    mac.octets[0] = home;
    memcpy(mac.octets + 8, &n, sizeof(n));
    return mac;
}

static enum result insert(struct txn_table *table, struct tsig_mac mac, uint32_t *host)
{
    return txn_table_insert(table, &mac, host, &a_txn, UNTIL, NOW_REAL, NOW_MONO);
}

static void finish(struct txn_table *table, struct tsig_mac mac)
{
    struct txn_entry *entry = txn_table_find(table, &mac);

    assert_non_null(entry);
    entry->txn = NULL;
    entry->reason = REASON_PERMITTED;
    entry->rcode = RCODE_NOERROR;
}

static void test_insert_find_remove(void **state)
{
    struct txn_table *table = txn_table_new(100);
    struct tsig_mac mac = mac_of(1, 1), other = mac_of(1, 2);
    uint32_t host = 0;

    (void)state;
    assert_non_null(table);
    assert_null(txn_table_find(table, &mac));
    assert_int_equal(insert(table, mac, &host), RES_OK);
    assert_int_equal(insert(table, mac, &host), RES_EEXISTS);
    assert_int_equal(host, 1);
    assert_ptr_equal(txn_table_find(table, &mac)->txn, &a_txn);
    assert_null(txn_table_find(table, &other));
    txn_table_remove(table, &other);
    assert_int_equal(txn_table_count(table), 1);
    txn_table_remove(table, &mac);
    assert_null(txn_table_find(table, &mac));
    assert_int_equal(host, 0);
    txn_table_free(&table);
    assert_null(table);
}

static void test_a_host_has_an_eighth(void **state)
{
    struct txn_table *table = txn_table_new(80);
    uint32_t greedy = 0, modest = 0;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(insert(table, mac_of(3, i), &greedy), RES_OK);
    assert_int_equal(insert(table, mac_of(3, 10), &greedy), RES_ERANGE);
    assert_int_equal(insert(table, mac_of(3, 10), &modest), RES_OK);
    txn_table_free(&table);
}

static void test_full_is_refused_not_evicted(void **state)
{
    struct txn_table *table = txn_table_new(80);
    uint32_t hosts[9] = {0};

    (void)state;
    for (uint32_t i = 0; i < 80; i++)
        assert_int_equal(insert(table, mac_of((uint8_t)i, i), &hosts[i / 10]), RES_OK);
    assert_int_equal(insert(table, mac_of(1, 1000), &hosts[8]), RES_ERANGE);
    for (uint32_t i = 0; i < 80; i++) {
        struct tsig_mac mac = mac_of((uint8_t)i, i);
        assert_non_null(txn_table_find(table, &mac));
    }
    txn_table_free(&table);
}

/* A reload makes it larger or smaller; whatever is remembered stays (I4). */
static void test_resize_keeps_all(void **state)
{
    static const size_t sizes[] = {800, 8, 80, 1000};
    struct txn_table *table = txn_table_new(80);
    uint32_t hosts[9] = {0};

    (void)state;
    for (uint32_t i = 0; i < 80; i++)
        assert_int_equal(insert(table, mac_of((uint8_t)(i / 3), i), &hosts[i / 10]),
                         RES_OK);
    for (size_t n = 0; n < COUNT_OF(sizes); n++) {
        assert_int_equal(txn_table_resize(table, sizes[n]), RES_OK);
        assert_int_equal(txn_table_count(table), 80);
        for (uint32_t i = 0; i < 80; i++) {
            struct tsig_mac mac = mac_of((uint8_t)(i / 3), i);
            assert_non_null(txn_table_find(table, &mac));
        }
        enum result expected = sizes[n] > 80 ? RES_OK : RES_ERANGE;
        struct tsig_mac another = mac_of(7, 1000);
        assert_int_equal(insert(table, another, &hosts[8]), expected);
        txn_table_remove(table, &another);
    }
    for (uint32_t i = 0; i < 80; i++)
        finish(table, mac_of((uint8_t)(i / 3), i));
    txn_table_expire(table, 10000, UNTIL + 1, NOW_MONO + 306);
    assert_int_equal(txn_table_count(table), 0);
    assert_int_equal(hosts[0], 0);
    txn_table_free(&table);
}

struct expiry_case {
    const char *name;
    int64_t real_s, mono_s;
    bool is_done;
    bool goes;
};

static const struct expiry_case expiry_cases[] = {
    {"both clocks passed", UNTIL + 1, NOW_MONO + 306, true, true},
    {"still in progress", UNTIL + 1, NOW_MONO + 306, false, false},
    {"the last second counts", UNTIL, NOW_MONO + 305, true, false},
    {"the real clock jumped ahead", UNTIL + 86400, NOW_MONO + 10, true, false},
    {"the real clock stepped back", NOW_REAL - 86400, NOW_MONO + 999, true, false},
};

static void test_expiry_needs_both_clocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(expiry_cases); i++) {
        const struct expiry_case *c = &expiry_cases[i];
        struct txn_table *table = txn_table_new(8);
        struct tsig_mac mac = mac_of(200, 1);
        uint32_t host = 0;

        assert_int_equal(insert(table, mac, &host), RES_OK);
        if (c->is_done)
            finish(table, mac);
        txn_table_expire(table, 100, c->real_s, c->mono_s);
        if ((txn_table_find(table, &mac) == NULL) != c->goes)
            fail_msg("%s", c->name);
        assert_int_equal(host, c->goes ? 0 : 1);
        txn_table_free(&table);
    }
}

/* A full table with entries that are over takes the next request at once. */
static void test_inserting_expires(void **state)
{
    struct txn_table *table = txn_table_new(80);
    uint32_t hosts[8] = {0};
    struct tsig_mac next = mac_of(9, 9999);

    (void)state;
    for (uint32_t i = 0; i < 80; i++) {
        assert_int_equal(insert(table, mac_of((uint8_t)i, i), &hosts[i / 10]), RES_OK);
        finish(table, mac_of((uint8_t)i, i));
    }
    assert_int_equal(txn_table_insert(table, &next, &hosts[0], &a_txn, UNTIL + 600,
                                      UNTIL + 1, NOW_MONO + 306),
                     RES_OK);
    txn_table_free(&table);
}

/* The nasty times of T-8, as far as they get here. */
static void test_extreme_times(void **state)
{
    static const uint64_t untils[] = {0, 1, UINT32_MAX, (UINT64_C(1) << 48) + 300,
                                      UINT64_MAX};
    struct txn_table *table = txn_table_new(80);
    uint32_t host = 0;

    (void)state;
    for (uint32_t i = 0; i < COUNT_OF(untils); i++) {
        struct tsig_mac mac = mac_of(0, i);
        assert_int_equal(
            txn_table_insert(table, &mac, &host, &a_txn, untils[i], NOW_REAL, NOW_MONO),
            RES_OK);
        finish(table, mac);
    }
    txn_table_expire(table, 1000, UNTIL, NOW_MONO + 1);
    assert_int_equal(txn_table_count(table), 3); /* 0 and 1 are over */
    txn_table_free(&table);
}

/* ---- random steps beside a model ---- */

#define MODEL_SIZE  48
#define MODEL_HOSTS 8
#define MODEL_STEPS 200000

struct model_entry {
    bool is_used, is_done;
    struct tsig_mac mac;
    size_t host;
    int64_t until_real, until_mono;
};

struct model {
    struct model_entry entries[MODEL_SIZE];
    uint32_t counts[MODEL_HOSTS]; /* what the table keeps */
    uint64_t random;
    int64_t real_s, mono_s;
};

static uint32_t any(struct model *model, uint32_t below)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(model->random >> 33) % below;
}

static struct model_entry *model_find(struct model *model, const struct tsig_mac *mac)
{
    for (size_t i = 0; i < MODEL_SIZE; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->is_used && memcmp(entry->mac.octets, mac->octets, 24) == 0)
            return entry;
    }
    return NULL;
}

/* What is over may or may not be in the table still; all else has to agree. */
static bool model_is_over(const struct model *model, const struct model_entry *entry)
{
    return entry->is_done && entry->until_real < model->real_s &&
           entry->until_mono < model->mono_s;
}

static void model_forget_over(struct model *model, struct txn_table *table)
{
    txn_table_expire(table, 2 * MODEL_SIZE * 8, model->real_s, model->mono_s);
    for (size_t i = 0; i < MODEL_SIZE; i++) {
        if (model->entries[i].is_used && model_is_over(model, &model->entries[i]))
            model->entries[i].is_used = false;
    }
}

static void model_insert(struct model *model, struct txn_table *table,
                         struct tsig_mac mac)
{
    struct model_entry *known = model_find(model, &mac), *free_entry = NULL;
    size_t host = any(model, MODEL_HOSTS), total = 0;

    for (size_t i = 0; i < MODEL_SIZE; i++) {
        if (!model->entries[i].is_used)
            free_entry = &model->entries[i];
        else
            total++;
    }
    enum result expected = known != NULL                           ? RES_EEXISTS
                           : total == MODEL_SIZE                   ? RES_ERANGE
                           : model->counts[host] >= MODEL_SIZE / 8 ? RES_ERANGE
                                                                   : RES_OK;
    int64_t life_s = any(model, 30);
    assert_int_equal(txn_table_insert(table, &mac, &model->counts[host], &a_txn,
                                      (uint64_t)(model->real_s + life_s), model->real_s,
                                      model->mono_s),
                     expected);
    if (expected != RES_OK)
        return;
    *free_entry = (struct model_entry){.is_used = true,
                                       .mac = mac,
                                       .host = host,
                                       .until_real = model->real_s + life_s,
                                       .until_mono = model->mono_s + life_s};
}

static void model_compare(struct model *model, struct txn_table *table)
{
    size_t total = 0;
    uint32_t counts[MODEL_HOSTS] = {0};

    for (size_t i = 0; i < MODEL_SIZE; i++) {
        const struct model_entry *entry = &model->entries[i];
        if (!entry->is_used)
            continue;
        total++;
        counts[entry->host]++;
        const struct txn_entry *found = txn_table_find(table, &entry->mac);
        assert_non_null(found);
        assert_int_equal(found->txn == NULL, entry->is_done);
        assert_ptr_equal(found->host_count, &model->counts[entry->host]);
    }
    assert_int_equal(txn_table_count(table), total);
    assert_memory_equal(counts, model->counts, sizeof(counts));
}

static void model_step(struct model *model, struct txn_table *table)
{
    struct tsig_mac mac = mac_of((uint8_t)(any(model, 5) * 63), any(model, 60));
    struct model_entry *known = model_find(model, &mac);

    switch (any(model, 8)) {
    case 0:
        txn_table_remove(table, &mac);
        if (known != NULL)
            known->is_used = false;
        break;
    case 1:
        model->mono_s += any(model, 4);
        model->real_s += (int64_t)any(model, 9) - 2;
        model_forget_over(model, table);
        break;
    case 2:
    case 3:
        if (known != NULL) {
            finish(table, mac);
            known->is_done = true;
            model_forget_over(model, table);
        }
        break;
    default:
        model_insert(model, table, mac);
    }
}

static void test_like_the_model(void **state)
{
    struct txn_table *table = txn_table_new(MODEL_SIZE);
    struct model model = {.random = 42, .real_s = NOW_REAL, .mono_s = NOW_MONO};

    (void)state;
    for (unsigned i = 0; i < MODEL_STEPS; i++) {
        model_step(&model, table);
        if (i % 16 == 0)
            model_compare(&model, table);
    }
    txn_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_find_remove),
        cmocka_unit_test(test_a_host_has_an_eighth),
        cmocka_unit_test(test_full_is_refused_not_evicted),
        cmocka_unit_test(test_resize_keeps_all),
        cmocka_unit_test(test_expiry_needs_both_clocks),
        cmocka_unit_test(test_inserting_expires),
        cmocka_unit_test(test_extreme_times),
        cmocka_unit_test(test_like_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

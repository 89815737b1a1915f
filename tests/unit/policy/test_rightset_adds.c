/* Random lists of adds at one name, and every question that there is about them. */
#include "policy/pair.h"

#define LISTS  3000
#define TTLS   8
#define VALUES 4
#define ROWS   4

struct row {
    unsigned min, max, check, records;
    bool refuses;
};

static struct row make_row(void)
{
    struct row row = {.min = roll(TTLS), .check = roll(5), .records = 1 + roll(8) / 7};

    row.max = row.min + roll(TTLS - row.min);
    row.refuses = roll(2) == 0;
    return row;
}

static void write_rows(const struct row *rows, unsigned count, char *text,
                       size_t capacity)
{
    static const char *const checks[] = {"any", "tlsa 3-1-1", "tlsa 3-1-2",
                                         "tlsa 3-1-1 3-1-2 2-1-1", "tlsa 2-1-1 3-1-2"};
    struct writer w = writer_of((uint8_t *)text, capacity - 1);

    writer_string(&w, "host h\n");
    for (unsigned i = 0; i < count; i++)
        writer_printf(
            &w, " tlsa b.dyn 1/tcp ttl=%u..%u%s check=\"%s\" max-records=%u\n",
            rows[i].min, rows[i].max, rows[i].refuses ? " ttl-mode=refuse" : "",
            checks[rows[i].check], rows[i].records);
    assert_false(w.failed);
    text[w.len] = '\0';
}

/* The rows in another order, some of them moved, changed or left out. */
static unsigned vary_rows(struct row *rows, unsigned count)
{
    for (unsigned left = 1 + roll(3); left > 0; left--) {
        unsigned at = roll(count), other = roll(count);
        struct row kept = rows[at];
        rows[at] = rows[other];
        rows[other] = kept;
        if (roll(3) == 0)
            rows[at] = make_row();
    }
    return count > 1 && roll(3) == 0 ? count - 1 : count;
}

/* -1: refused; else TTL and max-records. */
static int answer_to(struct site *site, unsigned value, uint32_t ttl)
{
    static const uint8_t params[VALUES][3] = {
        {3, 1, 1}, {3, 1, 2}, {2, 1, 1}, {1, 0, 1}};
    uint8_t octets[3 + 64] = {0};
    struct rdata rdata = {octets, params[value][2] == 1 ? 35 : 67};
    struct acl_answer answer;
    struct acl_question question = {
        .host = acl_source_host(&site->source, 0),
        .op = UPDATE_ADD,
        .type = TYPE_TLSA,
        .ttl = ttl,
        .original = name_in(&site->arena, "_1._tcp.b.dyn"),
        .rdata = &rdata,
        .arena = &site->arena,
    };

    memcpy(octets, params[value], 3);
    acl_judge(&site->acl, &question, &answer);
    if (answer.reason != REASON_PERMITTED)
        return -1;
    return (int)(answer.ttl * 1000 + answer.right->terms->max_records);
}

static bool is_alike_in_all(struct pair *pair)
{
    for (unsigned value = 0; value < VALUES; value++) {
        for (uint32_t ttl = 0; ttl < TTLS + 2; ttl++) {
            if (answer_to(&pair->old, value, ttl) != answer_to(&pair->new, value, ttl))
                return false;
        }
    }
    return true;
}

static void test_random_lists(void **state)
{
    static char old[4096], new[4096];
    char text[LINES_OCTETS];
    unsigned silent = 0;

    (void)state;
    for (unsigned round = 0; round < LISTS; round++) {
        struct pair pair;
        struct row rows[ROWS];
        unsigned count;
        seed = round + 1;
        count = 1 + roll(ROWS);
        for (unsigned i = 0; i < count; i++)
            rows[i] = make_row();
        write_rows(rows, count, old, sizeof(old));
        count = vary_rows(rows, count);
        write_rows(rows, count, new, sizeof(new));
        pair_open(&pair, old, new);
        bool is_alike = is_alike_in_all(&pair);
        silent += is_alike;
        if (is_alike != (pair.changes.count == 0))
            fail_msg("round %u\n%s----\n%s%s, but this was told:\n%s", round, old, new,
                     is_alike ? "they are alike" : "they differ",
                     changes_text(&pair.changes, text));
        pair_close(&pair);
    }
    assert_in_range(silent, LISTS / 10, LISTS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

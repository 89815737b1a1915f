/* What a roll-over takes up: goals, and names that come and go. */
#include "tlsa/rollover_plan.h"

#include "unit.h"

static const uint8_t values[4][4] = {
    {3, 1, 1, 0}, {3, 1, 1, 1}, {3, 1, 1, 2}, {3, 1, 1, 3}};

/* "12": the second and the third value. */
static struct tlsa_records records_of(const char *digits)
{
    struct tlsa_records records = {.count = 0};
    for (; *digits != '\0'; digits++) {
        const struct rdata rdata = {values[*digits - '0'], 4};
        assert_int_equal(tlsa_records_add(&records, &rdata), RES_OK);
    }
    return records;
}

static struct rollover_goal goal_of(const char *id, const char *digits,
                                    const char **names, size_t count)
{
    struct rollover_goal goal = {
        .records = records_of(digits), .names = names, .name_count = count};
    snprintf(goal.id, sizeof goal.id, "%s", id);
    return goal;
}

static void test_goals(void **state)
{
    (void)state;
    static const char *names[] = {"_25._tcp.a.", "_465._tcp.a."};
    static const struct {
        const char *name;
        enum rollover_step step;
        const char *had, *had_records, *retired;
        size_t had_names;
        const char *gets, *gets_records;
        size_t gets_names;
        enum rollover_step then;
        const char *then_retired;
        uint32_t then_ttl_s;
    } goals[] = {
        {"the same", ROLLOVER_WAIT, "a", "1", "0", 1, "a", "1", 1, ROLLOVER_WAIT, "0",
         60},
        {"first time ever", ROLLOVER_DONE, "", "", "", 0, "a", "0", 1, ROLLOVER_PUBLISH,
         "", 0},
        {"first run, beside what is deployed", ROLLOVER_DONE, "", "0", "", 1, "b", "1",
         1, ROLLOVER_PUBLISH, "0", 0},
        {"first run, the key is reused", ROLLOVER_DONE, "", "0", "", 1, "b", "0", 1,
         ROLLOVER_DEPLOY, "", 0},
        {"a renewal", ROLLOVER_DONE, "a", "0", "", 1, "b", "1", 1, ROLLOVER_PUBLISH,
         "0", 0},
        {"a renewal with the same key", ROLLOVER_DONE, "a", "0", "", 1, "b", "0", 1,
         ROLLOVER_DEPLOY, "", 0},
        {"nothing is published at all", ROLLOVER_DONE, "a", "", "", 0, "b", "", 0,
         ROLLOVER_DEPLOY, "", 0},
        {"a port more", ROLLOVER_DONE, "a", "0", "", 1, "a", "0", 2, ROLLOVER_PUBLISH,
         "", 0},
        {"another form", ROLLOVER_DONE, "a", "0", "", 1, "a", "1", 1, ROLLOVER_PUBLISH,
         "0", 0},
        {"a second renewal while it waits", ROLLOVER_WAIT, "b", "1", "0", 1, "c", "2",
         1, ROLLOVER_PUBLISH, "01", 60},
        {"a second renewal while it is deployed", ROLLOVER_DEPLOY, "b", "1", "0", 1,
         "c", "2", 1, ROLLOVER_PUBLISH, "01", 60},
        {"a second renewal before deletion", ROLLOVER_RETIRE, "b", "1", "0", 1, "c",
         "2", 1, ROLLOVER_PUBLISH, "01", 60},
        {"a second one, with the key of the first", ROLLOVER_WAIT, "b", "1", "0", 1,
         "c", "1", 1, ROLLOVER_WAIT, "0", 60},
        {"the same, before it is published", ROLLOVER_PUBLISH, "b", "1", "0", 1, "c",
         "1", 1, ROLLOVER_PUBLISH, "0", 60},
        {"the same, before deletion", ROLLOVER_RETIRE, "b", "1", "0", 1, "c", "1", 1,
         ROLLOVER_DEPLOY, "0", 60},
        {"back to the old key", ROLLOVER_WAIT, "b", "1", "0", 1, "a", "0", 1,
         ROLLOVER_PUBLISH, "1", 60},
        {"issuers that it shares stay", ROLLOVER_DONE, "a", "03", "", 1, "b", "13", 1,
         ROLLOVER_PUBLISH, "0", 0},
    };
    for (size_t i = 0; i < COUNT_OF(goals); i++) {
        const char *name = goals[i].name;
        struct rollover_state saved = {
            .step = goals[i].step,
            .goal =
                goal_of(goals[i].had, goals[i].had_records, names, goals[i].had_names),
            .retired = records_of(goals[i].retired),
            .ttl_s = 60,
        };
        const struct rollover_goal goal =
            goal_of(goals[i].gets, goals[i].gets_records, names, goals[i].gets_names);
        bool is_new = false;
        const struct tlsa_records retired = records_of(goals[i].then_retired);
        assert_case(name, rollover_begin(&saved, &goal, &is_new) == RES_OK);
        assert_case(name, is_new == (strcmp(name, "the same") != 0));
        assert_case(name, strcmp(saved.goal.id, goal.id) == 0);
        assert_case(name, tlsa_records_equal(&saved.goal.records, &goal.records));
        assert_case(name, saved.step == goals[i].then);
        assert_case(name, tlsa_records_equal(&saved.retired, &retired));
        assert_case(name, saved.ttl_s == goals[i].then_ttl_s);
    }
}

/* "a0 b1": the first value at the name a. */
static const char *left_text(const struct rollover_state *saved)
{
    static char text[256];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < saved->left_count; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s%s%d", i > 0 ? " " : "",
                             saved->left[i].name, saved->left[i].rdata.octets[3]);
    return text;
}

/* Names come and go; what was published there is not forgotten, and nothing is deleted
 * at a name that was given up. */
static void test_names_that_go(void **state)
{
    (void)state;
    static const char *a[] = {"a"};
    static const char *both[] = {"a", "b"};
    static const struct {
        const char *name;
        const char **names;
        size_t count;
        const char *records;
        const char *left, *retired;
    } steps[] = {
        {"first", both, 2, "0", "", ""},
        {"a renewal", both, 2, "1", "", "0"},
        {"a name goes in the midst of it", a, 1, "1", "b1 b0", "0"},
        {"another renewal", a, 1, "2", "b1 b0", "01"},
        {"all go", NULL, 0, "", "b1 b0 a2 a0 a1", "012"},
        {"one comes back, with a value that is there", a, 1, "1", "b1 b0", "02"},
        {"the other too", both, 2, "1", "", "02"},
    };
    struct rollover_state saved = {.step = ROLLOVER_DONE};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool is_new;
        const char *name = steps[i].name;
        const struct rollover_goal goal =
            goal_of("x", steps[i].records, steps[i].names, steps[i].count);
        const struct tlsa_records retired = records_of(steps[i].retired);
        assert_case(name, rollover_begin(&saved, &goal, &is_new) == RES_OK);
        if (strcmp(left_text(&saved), steps[i].left) != 0)
            fail_msg("%s: %s", name, left_text(&saved));
        assert_case(name, tlsa_records_equal(&saved.retired, &retired));
        assert_case(name, is_new && saved.step == ROLLOVER_PUBLISH);
    }
}

/* What cannot be remembered must not be forgotten. */
static void test_too_many_values(void **state)
{
    (void)state;
    static const uint8_t octets[TLSA_RECORDS] = {3, 1, 1};
    struct rollover_state saved = {.step = ROLLOVER_WAIT};
    for (size_t i = 0; i < TLSA_RECORDS; i++)
        saved.retired.array[saved.retired.count++] =
            (struct rdata){octets, (uint16_t)i};
    saved.goal.records = records_of("1");
    bool is_new = false;
    const struct rollover_goal goal = goal_of("c", "2", NULL, 0);
    assert_int_equal(rollover_begin(&saved, &goal, &is_new), RES_EMEM);
    assert_string_equal(saved.goal.id, "");
    assert_int_equal(saved.retired.count, TLSA_RECORDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goals),
        cmocka_unit_test(test_names_that_go),
        cmocka_unit_test(test_too_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

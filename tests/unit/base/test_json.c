#include "base/json.h"

#include "unit.h"

static void commas_come_by_themselves(void **state)
{
    uint8_t room[256];
    struct writer w = writer_of(room, sizeof(room));
    struct json json = json_of(&w);
    static const char expected[] =
        "{\"s\":\"x\",\"n\":-5,\"a\":[{},{\"b\":true},null,false,\"y\"],\"e\":[],"
        "\"h\":\"00ff\",\"z\":null}";

    (void)state;
    json_object_open(&json, NULL);
    json_string(&json, "s", "x");
    json_number(&json, "n", -5);
    json_array_open(&json, "a");
    json_object_open(&json, NULL);
    json_object_close(&json);
    json_object_open(&json, NULL);
    json_bool(&json, "b", true);
    json_object_close(&json);
    json_null(&json, NULL);
    json_bool(&json, NULL, false);
    json_string(&json, NULL, "y");
    json_array_close(&json);
    json_array_open(&json, "e");
    json_array_close(&json);
    json_hex(&json, "h", (const uint8_t *)"\0\xff", 2);
    json_string(&json, "z", NULL);
    json_object_close(&json);
    assert_false(w.failed);
    assert_int_equal(w.len, sizeof(expected) - 1);
    assert_memory_equal(room, expected, w.len);
}

static void nothing_leaves_the_string(void **state)
{
    static const struct {
        const char *value;
        const char *written;
    } cases[] = {
        {"", "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\033[2J\177", "\"\\u000a\\u001b[2J\\u007f\""},
        {"\xc3\xa9", "\"\\u00c3\\u00a9\""}, /* UTF-8 is octets to us */
        {"\\\\", "\"\\\\\\\\\""},
    };
    uint8_t room[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct writer w = writer_of(room, sizeof(room));
        struct json json = json_of(&w);
        json_string(&json, NULL, cases[i].value);
        assert_int_equal(w.len, strlen(cases[i].written));
        assert_memory_equal(room, cases[i].written, w.len);
    }
}

static void what_does_not_fit_fails(void **state)
{
    uint8_t room[6];
    struct writer w = writer_of(room, sizeof(room));
    struct json json = json_of(&w);

    (void)state;
    json_string(&json, "key", "value");
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(nothing_leaves_the_string),
        cmocka_unit_test(what_does_not_fit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What a reload cannot change: each part alone, and what only looks like a change.
 */
#include "net/running.h"
#include "unit.h"

#include "base/buf.h"

static struct settings_endpoint endpoints[] = {
    {.addr = {.family = 4, .octets = {127, 0, 0, 1}, .port = 53}},
    {.addr = {.family = 4, .octets = {127, 0, 0, 2}, .port = 53}},
};
static struct settings_endpoint swapped[2];
static struct settings_endpoint other_port[2];

static struct settings base_settings(void)
{
    return (struct settings){.file = "tsigate.conf",
                             .listen = endpoints,
                             .listen_count = 2,
                             .audit_file = "audit",
                             .control = "control"};
}

static void expect_parts(const char *name, const struct settings *settings,
                         const char *expected)
{
    struct settings first = base_settings();
    struct running running;
    struct diags diags;
    char text[512];
    struct writer w = writer_of((uint8_t *)text, sizeof(text) - 1);
    struct json json = json_of(&w);

    diags_init(&diags);
    assert_int_equal(running_init(&running, &first), RES_OK);
    running_compare(&running, settings, &diags);
    json_object_open(&json, NULL);
    running_status(&running, &json);
    json_object_close(&json);
    text[w.len] = '\0';
    assert_case(name, strstr(text, expected) != NULL);
    assert_case(name, (diags.warnings > 0) == (strchr(expected, '[')[1] != ']'));
    diags_fini(&diags);
    running_fini(&running);
}

static void test_each_part(void **state)
{
    struct settings settings = base_settings();

    (void)state;
    swapped[0] = other_port[0] = endpoints[1];
    swapped[1] = other_port[1] = endpoints[0];
    other_port[1].addr.port = 54;
    expect_parts("the same", &settings, "\"restart_needed\":[]");
    settings.listen = swapped;
    settings.cache_s = 5;
    expect_parts("another order", &settings, "\"restart_needed\":[]");
    settings.listen = other_port;
    expect_parts("another port", &settings, "\"restart_needed\":[\"listen\"]");
    settings.listen = endpoints;
    settings.listen_count = 1;
    expect_parts("one less", &settings, "\"restart_needed\":[\"listen\"]");
    settings = base_settings();
    settings.user = "tsigate";
    settings.control = NULL;
    settings.audit_file = "other";
    expect_parts("the others", &settings,
                 "\"restart_needed\":[\"user\",\"control\",\"audit.file\"]");
}

static void expect_status(const struct running *running, const char *expected)
{
    static char text[8192];
    struct writer w = writer_of((uint8_t *)text, sizeof(text) - 1);
    struct json json = json_of(&w);

    json_object_open(&json, NULL);
    running_status(running, &json);
    json_object_close(&json);
    assert_false(w.failed);
    text[w.len] = '\0';
    if (strstr(text, expected) == NULL)
        fail_msg("%s", text);
}

/* A refused reload is shown, by its first error, until one is taken. */
static void test_refused_reload(void **state)
{
    struct settings settings = base_settings();
    struct running running;
    struct diags diags;
    const struct place place = {.file = "a.acl", .line = 3, .column = 1};

    (void)state;
    assert_int_equal(running_init(&running, &settings), RES_OK);
    diags_init(&diags);
    expect_status(&running, "\"reload_refused\":null,");
    diags_warn(&diags, place, "hm", "only a warning");
    diags_error(&diags, place, "no", "that is wrong");
    diags_error(&diags, place, "no", "and that");
    running_note_reload(&running, &diags, true, 1795564800);
    expect_status(&running,
                  "\"reload_refused\":{\"time\":\"2026-11-25T00:00:00Z\",\"errors\":2,"
                  "\"first\":\"a.acl:3:1: that is wrong");
    running_note_reload(&running, &diags, false, 1795564801);
    expect_status(&running, "\"reload_refused\":null,");
    diags_fini(&diags);
    running_fini(&running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_part),
                                       cmocka_unit_test(test_refused_reload)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

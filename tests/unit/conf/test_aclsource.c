#include "conf/aclfile.h"

#include "acltest.h"

/* Lines are counted through all files; a last one without its newline is one, too. */
static void places_name_their_files(void **state)
{
    static const char *const files[][2] = {
        {"empty", ""},
        {"a", "host a\n\n acme x.example \\\n y.example"},
        {"nothing but lines", "\n\n\n"},
        {"b", "host b\ngrant c acme x.example"},
    };
    static const struct {
        const char *file;
        unsigned line, column;
    } places[] = {{"a", 1, 6}, {"a", 3, 2}, {"a", 4, 2}, {"b", 1, 6}, {"b", 2, 9}};
    struct acltest test;
    struct place got[COUNT_OF(places)];

    (void)state;
    acltest_open(&test);
    acltest_add(&test, "profile acme\n owner _acme-challenge.{name}\n type TXT\n",
                true);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_int_equal(aclfile_parse(&test.source, files[i][0], files[i][1],
                                       strlen(files[i][1]), false, &test.diags),
                         RES_OK);
    const struct acl_source *source = &test.source;
    const struct acl_host *a = acl_source_host(source, 0),
                          *b = acl_source_host(source, 1);
    got[0] = acl_source_place(source, a->line, a->column);
    got[1] = acl_grant_place(source, source->grants);
    got[2] = acl_word_place(source, &source->grants->names[1]);
    got[3] = acl_source_place(source, b->line, b->column);
    got[4] = acl_grant_place(source, source->last_grant);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        assert_string_equal(got[i].file, places[i].file);
        assert_int_equal(got[i].line, places[i].line);
        assert_int_equal(got[i].column, places[i].column);
    }
    acltest_close(&test);
}

/* Through all growths of their index. */
static void many_hosts_are_found(void **state)
{
    enum { HOSTS = 3000 };
    static char text[HOSTS * 32];
    struct acltest test;
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * HOSTS; i++) /* each a second time */
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "host h%u\n", i % HOSTS);
    acltest_open(&test);
    acltest_add(&test, text, false);
    assert_int_equal(test.source.hosts.count, HOSTS);
    for (size_t i = 0; i < HOSTS; i++) {
        const struct acl_host *host = acl_source_host(&test.source, i);
        assert_int_equal(host->line, i + 1);
        assert_ptr_equal(acl_source_host_named(&test.source, host->name), host);
    }
    assert_null(
        acl_source_host_named(&test.source, (struct name){(const uint8_t *)"\1h", 3}));
    acltest_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_name_their_files),
        cmocka_unit_test(many_hosts_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

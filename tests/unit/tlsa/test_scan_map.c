#include "tlsa/scan_map.h"

#include "unit.h"

struct fixture {
    struct arena arena;
    struct diags diags;
};

static struct scan_host *parse(struct fixture *f, const char *text, enum result wanted)
{
    struct scan_host *hosts = NULL;
    arena_init(&f->arena, 4096, 0);
    diags_init(&f->diags);
    assert_int_equal(
        scan_map_parse("services", text, strlen(text), &f->arena, &f->diags, &hosts),
        wanted);
    return hosts;
}

static void end(struct fixture *f)
{
    diags_fini(&f->diags);
    arena_fini(&f->arena);
}

static void test_a_map(void **state)
{
    (void)state;
    struct fixture f;
    char text[NAME_TEXT_OCTETS];
    struct scan_host *host = parse(&f,
                                   "# hosts\n\n"
                                   "MX1.example.org. 25/tcp\t465/tcp # mail\r\n"
                                   "www.example.org 443/tcp",
                                   RES_OK);
    assert_non_null(host);
    assert_string_equal(name_to_text(host->name, text), "mx1.example.org");
    assert_int_equal(host->count, 2);
    assert_int_equal(host->services[1].port, 465);
    assert_non_null(host->next);
    assert_int_equal(host->next->services[0].port, 443);
    assert_null(host->next->next);
    end(&f);
}

/* Every line that is wrong is told, with its number. */
static void test_a_bad_map(void **state)
{
    (void)state;
    struct fixture f;
    (void)parse(&f, "a..b 25/tcp\nmx.example\nok.example 1/tcp\nmx.example 25\n",
                RES_EFORMAT);
    assert_int_equal(f.diags.errors, 3);
    assert_int_equal(f.diags.first->place.line, 1);
    assert_int_equal(f.diags.first->next->place.line, 2);
    assert_int_equal(f.diags.last->place.line, 4);
    end(&f);
}

static void test_file_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *path;
        size_t count;
        const char *host;
    } cases[] = {
        {"one", "/ca/mx1.example.org_25-tcp.pem", 1, "mx1.example.org"},
        {"two", "mx1.example.org_25-tcp_465-tcp.crt", 2, "mx1.example.org"},
        {"a name with a mark", "a_b.example_853-udp.der", 1, "a_b.example"},
        {"no service", "mx1.example.org.pem", 0, ""},
        {"no protocol", "mx1.example.org_25.pem", 0, ""},
        {"no name", "_25-tcp.pem", 0, ""},
        {"bad name", "a..b_25-tcp.pem", 0, ""},
        {"a folder's mark", "/ca_25-tcp/mx1.pem", 0, ""},
        {"a key", "mx1.example.org_25-tcp.key", 0, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct scan_host host;
        char text[NAME_TEXT_OCTETS];
        arena_init(&arena, 4096, 0);
        enum result result = scan_map_of_file(cases[i].path, &arena, &host);
        bool is_one = cases[i].count > 0;
        assert_case(cases[i].name, result == (is_one ? RES_OK : RES_ENOTFOUND));
        assert_case(cases[i].name, !is_one || host.count == cases[i].count);
        if (is_one)
            assert_string_equal(name_to_text(host.name, text), cases[i].host);
        arena_fini(&arena);
    }
}

static void test_extensions(void **state)
{
    (void)state;
    assert_true(scan_is_certificate("a/b.pem"));
    assert_true(scan_is_certificate("b.crt"));
    assert_false(scan_is_certificate("b.key"));
    assert_false(scan_is_certificate("a.pem/b"));
    assert_false(scan_is_certificate("a/.b.pem"));
    assert_false(scan_is_certificate("pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_map),
        cmocka_unit_test(test_a_bad_map),
        cmocka_unit_test(test_file_names),
        cmocka_unit_test(test_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

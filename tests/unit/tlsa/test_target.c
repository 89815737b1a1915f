#include "tlsa/target.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

static void open_tool(struct tool *tool)
{
    *tool = (struct tool){.usage = "tsigate-tlsa check ..."};
    arena_init(&tool->arena, 4096, 0);
    diags_init(&tool->diags);
}

static void close_tool(struct tool *tool)
{
    diags_fini(&tool->diags);
    arena_fini(&tool->arena);
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *protocol, *host; /* host NULL: refused */
        uint16_t port;
    } cases[] = {
        {"mx1.example:25", NULL, "mx1.example", 25},
        {"mx1.example", NULL, "mx1.example", 443},
        {"mx1.example", "smtp", "mx1.example", 25},
        {"mx1.example:587", "smtp", "mx1.example", 587},
        {"mx1.example:65535", NULL, "mx1.example", 65535},
        {"mx1.example:65536", NULL, NULL, 0},
        {"mx1.example:0", NULL, NULL, 0},
        {"mx1.example:", NULL, NULL, 0},
        {"mx1.example:2 5", NULL, NULL, 0},
        {"mx1.example:000025", NULL, NULL, 0},
        {":25", NULL, NULL, 0},
        {"", NULL, NULL, 0},
        {"2001:db8::1:25", NULL, NULL, 0},
        {"_25._tcp.mx1.example", NULL, "mx1.example", 25},
        {"_25._tcp.mx1.example", "imap", "mx1.example", 25},
        {"_25._udp.mx1.example", NULL, NULL, 0},
        {"_25._tcp.mx1.example:26", NULL, NULL, 0},
        {"_x._tcp.mx1.example", NULL, NULL, 0},
        {"_._tcp.mx1.example", NULL, NULL, 0},
        {"_25._tcp.", NULL, NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char host[LIMIT_LINE_OCTETS];
        uint16_t port;
        const struct starttls *starttls =
            cases[i].protocol != NULL ? starttls_find(cases[i].protocol) : NULL;
        enum result result = target_split(cases[i].word, starttls, host, &port);
        assert_case(cases[i].word, (result == RES_OK) == (cases[i].host != NULL));
        if (result != RES_OK)
            continue;
        assert_case(cases[i].word, strcmp(host, cases[i].host) == 0);
        assert_case(cases[i].word, port == cases[i].port);
    }
}

static int add_text(struct targets *targets, const char *text)
{
    char path[] = "/tmp/targets.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int code = targets_add_file(targets, path);
    unlink(path);
    return code;
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int code;
        size_t count;
    } cases[] = {
        {"empty", "", TOOL_DONE, 0},
        {"comments and blank lines", "# all of them\n\n  \t\n", TOOL_DONE, 0},
        {"a service", "mx1.example:25 smtp\n", TOOL_DONE, 1},
        {"without the last newline", "www.example:443", TOOL_DONE, 1},
        {"a comment behind it", "www.example:443 # the site\n", TOOL_DONE, 1},
        {"three words", "mx1.example:25 smtp now\n", TOOL_CONFIG, 0},
        {"no protocol of ours", "mx1.example:25 gopher\n", TOOL_CONFIG, 0},
        {"no port", "mx1.example:x\n", TOOL_CONFIG, 0},
        {"wrong after right", "www.example\n:1\n", TOOL_CONFIG, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tool tool;
        struct targets targets;
        open_tool(&tool);
        assert_int_equal(targets_open(&tool, &targets), TOOL_DONE);
        assert_case(cases[i].name, add_text(&targets, cases[i].text) == cases[i].code);
        assert_case(cases[i].name, targets.count == cases[i].count);
        close_tool(&tool);
    }
}

static void test_too_many(void **state)
{
    (void)state;
    struct tool tool;
    struct targets targets;
    open_tool(&tool);
    assert_int_equal(targets_open(&tool, &targets), TOOL_DONE);
    for (size_t i = 0; i < TARGETS_MAX; i++)
        assert_int_equal(targets_add_word(&targets, "a.example"), TOOL_DONE);
    assert_int_equal(targets_add_word(&targets, "a.example"), TOOL_USAGE);
    close_tool(&tool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

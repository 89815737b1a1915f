#include "tlsa/host.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define KEY                                                                            \
    "key \"host.example\" { algorithm hmac-sha256; secret "                            \
    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"; };\n"

struct stand {
    char folder[32];
    char conf[64];
    char key[64];
    struct tool tool;
};

static void open_stand(struct stand *stand, const char *conf)
{
    memset(stand, 0, sizeof *stand);
    memcpy(stand->folder, "/tmp/host.XXXXXX", 17);
    assert_non_null(mkdtemp(stand->folder));
    snprintf(stand->conf, sizeof stand->conf, "%s/host.conf", stand->folder);
    snprintf(stand->key, sizeof stand->key, "%s/host.key", stand->folder);
    unit_write_file(stand->conf, conf, 0644);
    stand->tool.usage = "tsigate-tlsa ...";
    stand->tool.conf_file = stand->conf;
    arena_init(&stand->tool.arena, 4096, 0);
    diags_init(&stand->tool.diags);
}

static void close_stand(struct stand *stand)
{
    diags_fini(&stand->tool.diags);
    arena_fini(&stand->tool.arena);
    unlink(stand->conf);
    unlink(stand->key);
    assert_int_equal(rmdir(stand->folder), 0);
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *conf, *key;
        mode_t mode;
        int code;
        bool has_key;
    } cases[] = {
        {"no key: unsigned", "server = \"192.0.2.1\";", KEY, 0600, TOOL_DONE, false},
        {"both", "server = \"[2001:db8::1]:5353\"; key = \"host.key\";", KEY, 0600,
         TOOL_DONE, true},
        {"no server", "key = \"host.key\";", KEY, 0600, TOOL_USAGE, false},
        {"no address", "server = \"ns.example\";", KEY, 0600, TOOL_CONFIG, false},
        {"a key that all can read", "server = \"192.0.2.1\"; key = \"host.key\";", KEY,
         0644, TOOL_CONFIG, false},
        {"no key in the file", "server = \"192.0.2.1\"; key = \"host.key\";", "", 0600,
         TOOL_CONFIG, false},
        {"two keys", "server = \"192.0.2.1\"; key = \"host.key\";",
         KEY "key \"b.example\" { algorithm hmac-sha256; secret "
             "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"; };\n",
         0600, TOOL_CONFIG, false},
        {"a setting that there is not", "servers = \"192.0.2.1\";", KEY, 0600,
         TOOL_CONFIG, false},
        {"a number", "server = 5;", KEY, 0600, TOOL_CONFIG, false},
        {"no configuration", "server", KEY, 0600, TOOL_CONFIG, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stand stand;
        struct host host;
        open_stand(&stand, cases[i].conf);
        unit_write_file(stand.key, cases[i].key, cases[i].mode);
        assert_case(cases[i].name, host_open(&stand.tool, &host) == cases[i].code);
        assert_case(cases[i].name, (host.key.hmac != NULL) == cases[i].has_key);
        host_close(&host);
        close_stand(&stand);
    }
}

/* The command line's word goes before the file's, also where that one's is wrong. */
static void test_the_command_line_wins(void **state)
{
    (void)state;
    struct stand stand;
    struct host host;
    open_stand(&stand, "server = \"192.0.2.1\"; key = \"missing.key\";");
    unit_write_file(stand.key, KEY, 0600);
    stand.tool.server = "198.51.100.7:5300";
    stand.tool.key_file = stand.key;
    assert_int_equal(host_open(&stand.tool, &host), TOOL_DONE);
    assert_int_equal(host.server.port, 5300);
    assert_int_equal(host.server.octets[0], 198);
    assert_non_null(host.key.hmac);
    host_close(&host);
    close_stand(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_the_command_line_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

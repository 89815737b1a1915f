/*
 * tsigate.conf: each case is a file and all that is wrong with it; `good` and its
 * changed copies show that nothing else is.
 */
#include <stdlib.h>
#include <unistd.h>

#include "net/conf.h"
#include "unit.h"

static char folder[] = "/tmp/test_conf.XXXXXX";

static const char good[] =
    "listen = ( { address = \"127.0.0.1\"; port = 5300; }, { address = \"::1\"; } );\n"
    "upstream = { servers = ( { address = \"192.0.2.1\"; port = 5353; } );\n"
    "             key = \"TSIGATE.duckcorp.org.\"; };\n"
    "keys = [ \"keys/*.key\", \"more.key\" ];\n"
    "acl = [ \"acl/*.acl\" ];\n"
    "zones = ( { name = \"duckcorp.org\"; },\n"
    "          { name = \"_kage.duckcorp.org\"; dynamic = true; } );\n"
    "shadows = ( { of = \"duckcorp.org\"; at = \"_kage.duckcorp.org\"; } );\n"
    "follow = { require_cname = false; cache_s = 0; };\n"
    "audit = { file = \"log/audit.jsonl\"; sync = false; };\n"
    "control = \"/run/tsigate/control.sock\";\n"
    "user = \"tsigate\";\n"
    "limits = { host_rate = 0; tcp_output_octets = 16777216; };\n"
    "profiles = \"profiles.acl\"; weak_algorithms = true;\n"
    "explain_refusals = false; max_fudge = 3600;\n";

#define ERRORS 4

struct conf_case {
    const char *name;
    const char *text;
    /* "line:column id: a part of the message", in order; none: it is read */
    const char *errors[ERRORS];
};

/* clang-format off */
static const struct conf_case cases[] = {
    {"empty is fine to the tool", "", {0}},
    {"unknown, far from all", "colour = 1;", {"1:1 unknown-setting: 'colour'"}},
    {"unknown, near to one", "\n  lisen = ();\n",
     {"2:3 unknown-setting: 'lisen'; did you mean listen"}},
    {"unknown in a group", "follow = { cache = 10; };",
     {"1:12 unknown-setting: 'follow.cache'; did you mean cache_s"}},
    {"unknown in a list's group",
     "listen = ( { address = \"127.0.0.1\"; },\n { adress = \"::1\"; } );",
     {"2:2 setting-missing: 'listen[1]' lacks 'address'",
      "2:4 unknown-setting: 'listen[1].adress'; did you mean address"}},
    {"nothing is like a reserved one", "metric = 1;",
     {"1:1 unknown-setting: unknown setting 'metric'"}},
    {"duplicate", "max_fudge = 1;\nmax_fudge = 2;\n",
     {"2:0 syntax: duplicate setting name, at or before 'max_fudge = 2;'"}},
    {"syntax", "max_fudge = 1;\nkeys = ;\n",
     {"2:0 syntax: syntax error, at or before 'keys = ;'"}},
    {"a text for a number", "max_fudge = \"5\";",
     {"1:1 wrong-type: 'max_fudge' wants a number, not a text"}},
    {"a fraction", "max_fudge = 5.5;",
     {"1:1 wrong-type: 'max_fudge' wants a number, not a number with a fraction"}},
    {"a number for a boolean", "weak_algorithms = 1;",
     {"1:1 wrong-type: 'weak_algorithms' wants true or false, not a number"}},
    {"a group for a list", "listen = { address = \"127.0.0.1\"; };",
     {"1:1 wrong-type: 'listen' wants a list of groups, ( { ... } ), not a group"}},
    {"a text for a list", "keys = \"keys/*.key\";",
     {"1:1 wrong-type: 'keys' wants a list of texts, [ \"...\" ], not a text"}},
    {"a number in a list of texts", "acl = ( \"a\", 5 );",
     {"1:0 wrong-type: 'acl[1]' wants a text in double quotes, not a number"}},
    {"a text in a list of groups", "zones = (\n \"duckcorp.org\" );",
     {"2:3 wrong-type: 'zones[0]' wants a group, { ... }, not a text"}},
    {"below the range", "max_fudge = 0;",
     {"1:1 out-of-range: 'max_fudge' is 0, and has to be from 1 to 3600"}},
    {"above the range", "max_fudge = 3601;", {"1:1 out-of-range: 3601"}},
    {"negative", "limits = { host_rate = -1; };",
     {"1:12 out-of-range: 'limits.host_rate' is -1, and has to be from 0 to 1000000"}},
    {"port 0", "listen = ( { address = \"127.0.0.1\"; port = 0; } );",
     {"1:37 out-of-range: 'listen[0].port' is 0, and has to be from 1 to 65535"}},
    {"port 65536", "listen = ( { address = \"127.0.0.1\"; port = 65536; } );",
     {"1:37 out-of-range: 65536"}},
    /* libconfig reads it as 705032704. */
    {"overflow", "max_fudge = 5000000000;",
     {"1:13 integer-overflow: the number 5000000000 is too large"}},
    /* libconfig reads it as 53, which would be in range. */
    {"overflow back into the range",
     "listen = ( { address = \"127.0.0.1\"; port = 4294967349; } );",
     {"1:44 integer-overflow: 4294967349"}},
    {"hexadecimal overflow", "max_fudge = 0x100000005;",
     {"1:13 integer-overflow: 0x100000005"}},
    {"long integer in range", "max_fudge = 5L;", {0}},
    {"leading zeros are no overflow", "max_fudge = 0000000000005;", {0}},
    {"digits in texts and comments are no numbers",
     "// 5000000000\n# 5000000000\n/* 5000000000 */ user = \"x\\\" 5000000000\";", {0}},
    {"no address", "listen = ( { address = \"mx1.duckcorp.org\"; } );",
     {"1:14 bad-address: 'mx1.duckcorp.org' is no IPv4 or IPv6 address"}},
    {"mapped address", "listen = ( { address = \"::ffff:192.0.2.1\"; } );",
     {"1:14 bad-address: IPv4-mapped"}},
    {"wildcard, IPv4", "listen = ( { address = \"0.0.0.0\"; } );",
     {"1:12 wildcard-listen: this machine has: 127.0.0.1"}},
    {"wildcard, IPv6", "listen = ( { address = \"::\"; } );",
     {"1:12 wildcard-listen: '::'"}},
    {"listener twice",
     "listen = ( { address = \"::1\"; },\n { address = \"0::1\"; port = 53; } );",
     {"2:2 listen-twice: [::1]:53"}},
    {"one address, two ports",
     "listen = ( { address = \"::1\"; }, { address = \"::1\"; port = 54; } );", {0}},
    {"U-10: the primary is ourselves",
     "listen = ( { address = \"127.0.0.1\"; } );\n"
     "upstream = { key = \"k\";\n servers = ( { address = \"127.0.0.1\"; } ); };",
     {"3:14 upstream-is-listener: 127.0.0.1:53"}},
    {"bad name", "zones = ( { name = \"duck..org\"; } );",
     {"1:13 bad-name: 'zones[0].name': 'duck..org' is no domain name"}},
    {"empty text", "user = \"\";", {"1:1 empty-text: 'user' is empty"}},
    {"incomplete groups",
     "upstream = { };\nshadows = ( { of = \"a.org\"; } );\naudit = { sync = true; };",
     {"1:1 setting-missing: 'upstream' lacks 'servers'",
      "1:1 setting-missing: 'upstream' lacks 'key'",
      "2:13 setting-missing: 'shadows[0]' lacks 'at'",
      "3:1 setting-missing: 'audit' lacks 'file'"}},
    {"not built yet", "tls = { };\nmetrics = { port = 1; };",
     {"1:1 not-built: 'tls' is reserved", "2:1 not-built: 'metrics' is reserved"}},
    {"not built yet, of a listener",
     "listen = ( { address = \"127.0.0.1\"; tls = true; } );",
     {"1:37 not-built: 'listen[0].tls'"}},
    {"all errors in one run",
     "max_fudge = 9999;\nzone = ();\nfollow = { cache_s = 4000; };\nuser = 5;",
     {"1:1 out-of-range: max_fudge", "2:1 unknown-setting: 'zone'; did you mean zones",
      "3:12 out-of-range: follow.cache_s", "4:1 wrong-type: user"}},
    {"socket path too long",
     "control = "
     "\"/123456789012345678901234567890123456789012345678901234567890123456789012345678"
     "9012345678901234567890123456789012345678901234567890\";",
     {"1:1 out-of-range: longer than the 107 octets"}},
    {"an include", "@include \"more.conf\"\n", {"1:1 out-of-range: max_fudge"}},
    {"an include that is not there", "@include \"less.conf\"\n",
     {"1:0 syntax: cannot open include file"}},
};
/* clang-format on */

static const char *write_file(const char *name, const char *text)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    unit_write_file(path, text, 0600);
    return path;
}

static void expect_diag(const struct conf_case *c, const struct diag *diag,
                        const char *expected)
{
    char start[128];
    const char *part = strstr(expected, ": ") + 2;

    int len = snprintf(start, sizeof(start), "%u:%u %s: ", diag->place.line,
                       diag->place.column, diag->id);
    if (strncmp(start, expected, (size_t)len) != 0 ||
        strstr(diag->message, part) == NULL)
        fail_msg("%s: got %s%s\nexpected %s", c->name, start, diag->message, expected);
}

static void check_case(const struct conf_case *c)
{
    const char *path = write_file("tsigate.conf", c->text);
    struct snapshot *snapshot = snapshot_new(path);
    struct diags diags;
    size_t count = 0;

    assert_non_null(snapshot);
    diags_init(&diags);
    enum result res = conf_read(path, snapshot, &diags);
    diags_sort(&diags);
    const struct diag *diag = diags.first;
    for (; diag != NULL; diag = diag->next, count++) {
        if (count == ERRORS || c->errors[count] == NULL)
            fail_msg("%s: unexpected %s: %s", c->name, diag->id, diag->message);
        expect_diag(c, diag, c->errors[count]);
    }
    if (count < ERRORS && c->errors[count] != NULL)
        fail_msg("%s: missing %s", c->name, c->errors[count]);
    if (res != (count == 0 ? RES_OK : RES_EFORMAT))
        fail_msg("%s: result %d", c->name, (int)res);
    diags_fini(&diags);
    snapshot_release(&snapshot);
}

static void test_each_error(void **state)
{
    (void)state;
    (void)write_file("more.conf", "max_fudge = 4000;\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(&cases[i]);
}

static void expect_name(struct name name, const char *expected)
{
    char text[NAME_TEXT_OCTETS];

    assert_string_equal(name_to_text(name, text), expected);
}

static void test_all_settings(void **state)
{
    const char *path = write_file("tsigate.conf", good);
    struct snapshot *snapshot = snapshot_new(path);
    struct diags diags;
    char text[ADDR_TEXT_OCTETS];

    (void)state;
    assert_non_null(snapshot);
    diags_init(&diags);
    assert_int_equal(conf_read(path, snapshot, &diags), RES_OK);
    assert_int_equal(conf_want_daemon(&snapshot->settings, &diags), RES_OK);
    const struct settings *s = &snapshot->settings;
    assert_int_equal(s->listen_count, 2);
    assert_string_equal(addr_format_port(&s->listen[0].addr, text), "127.0.0.1:5300");
    assert_string_equal(addr_format_port(&s->listen[1].addr, text), "[::1]:53");
    assert_int_equal(s->server_count, 1);
    assert_string_equal(addr_format_port(&s->servers[0].addr, text), "192.0.2.1:5353");
    expect_name(s->upstream_key, "tsigate.duckcorp.org");
    assert_int_equal(s->upstream_key_place.line, 3);
    assert_int_equal(s->key_count, 2);
    assert_string_equal(s->keys[1].text, "more.key");
    assert_int_equal(s->acl_count, 1);
    assert_int_equal(s->zone_count, 2);
    assert_false(s->zones[0].is_dynamic);
    assert_true(s->zones[1].is_dynamic);
    assert_int_equal(s->shadow_count, 1);
    expect_name(s->shadows[0].at, "_kage.duckcorp.org");
    assert_false(s->require_cname);
    assert_int_equal(s->cache_s, 0);
    assert_string_equal(s->audit_file + strlen(folder), "/log/audit.jsonl");
    assert_false(s->audit_sync);
    assert_string_equal(s->control, "/run/tsigate/control.sock");
    assert_string_equal(s->user, "tsigate");
    assert_int_equal(s->limits.host_rate, 0);
    assert_int_equal(s->limits.host_burst, 500);
    assert_int_equal(s->limits.tcp_output_octets, 16777216);
    assert_string_equal(s->profiles.text, "profiles.acl");
    assert_int_equal(s->profiles.place.line, 14);
    assert_true(s->weak_algorithms);
    assert_false(s->explain_refusals);
    assert_int_equal(s->max_fudge_s, 3600);
    diags_fini(&diags);
    snapshot_release(&snapshot);
}

static void test_daemon_wants_more(void **state)
{
    const char *path = write_file("tsigate.conf", "");
    struct snapshot *snapshot = snapshot_new(path);
    struct diags diags;

    (void)state;
    assert_non_null(snapshot);
    diags_init(&diags);
    assert_int_equal(conf_read(path, snapshot, &diags), RES_OK);
    assert_int_equal(conf_want_daemon(&snapshot->settings, &diags), RES_EFORMAT);
    assert_int_equal(diags.errors, 7);
    diags_fini(&diags);
    snapshot_release(&snapshot);
}

static void test_no_file(void **state)
{
    struct snapshot *snapshot = snapshot_new("/nonexistent/tsigate.conf");
    struct diags diags;

    (void)state;
    assert_non_null(snapshot);
    diags_init(&diags);
    assert_int_equal(conf_read("/nonexistent/tsigate.conf", snapshot, &diags), RES_EIO);
    assert_int_equal(diags.errors, 1);
    diags_fini(&diags);
    snapshot_release(&snapshot);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"tsigate.conf", "more.conf"};
    char path[256];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_error),
        cmocka_unit_test(test_all_settings),
        cmocka_unit_test(test_daemon_wants_more),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

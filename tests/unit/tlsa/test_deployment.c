/*
 * deploy.conf: `good` has every setting; each case is one change of it, and all that is
 * then wrong.
 */
#include "tlsa/deployment.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char folder[] = "/tmp/test_deployment.XXXXXX";

static const char good[] =
    "state = \"state\";\n"
    "certificates = (\n"
    "  { name = \"mx1.example.org\";\n"
    "    certificate = \"live/fullchain.pem\"; key = \"/k/privkey.pem\";\n"
    "    tlsa = ( { name = \"mx1.example.org\"; ports = [ \"25/tcp\", \"465/tcp\" ]; } "
    ");\n"
    "    form = \"3-0-1\";\n"
    "    consumers = (\n"
    "      { name = \"postfix\";\n"
    "        files = ( { format = \"fullchain\"; path = \"tls/cert.pem\"; mode = "
    "\"0644\"; },\n"
    "          { format = \"key\"; path = \"tls/key.pem\"; owner = \"root\"; group = "
    "\"7\"; mode = \"640\"; } );\n"
    "        tell = { reload = \"postfix.service\"; };\n"
    "        probe = [ \"mx1.example.org:25/smtp\", \"[::1]:465\" ]; },\n"
    "      { name = \"java\";\n"
    "        files = ( { format = \"pkcs12\"; path = \"j.p12\"; password_file = "
    "\"pw\"; } );\n"
    "        tell = { signal = \"HUP\"; pid_file = \"/run/j.pid\"; }; },\n"
    "      { name = \"others\";\n"
    "        files = ( { format = \"certificate-der\"; path = \"c.der\"; } ); }\n"
    "    ); } );\n";

struct deployment_case {
    const char *name;
    const char *from; /* of good */
    const char *to;
    const char *error; /* "line: a part of the message"; NULL: none */
};

/* clang-format off */
static const struct deployment_case cases[] = {
    {"as it is", "", "", NULL},
    {"unknown setting", "state =", "stat =", "1: did you mean state"},
    {"unknown in a file", "format = \"key\"", "form = \"key\"", "10: lacks 'format'"},
    {"wrong type", "\"3-0-1\"", "301", "6: wants a text"},
    {"no name", "name = \"postfix\";", "", "8: lacks 'name'"},
    {"a name with a slash", "\"postfix\"", "\"../postfix\"", "8: '../postfix'"},
    {"a hidden name", "\"postfix\"", "\".postfix\"", "8: '.postfix'"},
    {"a wildcard's name", "name = \"mx1.example.org\";\n", "name = \"*.example.org\";\n", NULL},
    {"two consumers of a name", "\"java\"", "\"postfix\"", "13: 'postfix'"},
    {"no such format", "\"key\"", "\"kye\"", "10: did you mean key"},
    {"no such user", "\"root\"", "\"nobody-of-that-name\"", "10: 'nobody-of-that-name'"},
    {"a uid", "\"root\"", "\"4242\"", NULL},
    {"the uid that means none", "\"root\"", "\"4294967295\"", "10: '4294967295'"},
    {"a negative uid", "\"root\"", "\"-1\"", "10: '-1'"},
    {"no such group", "\"7\"", "\"no-such-group\"", "10: 'no-such-group'"},
    {"a mode in words", "\"640\"", "\"u=rw\"", "10: 'u=rw'"},
    {"a mode with setuid", "\"640\"", "\"4640\"", "10: '4640'"},
    {"a mode that all write", "\"0644\"", "\"0666\"", "9: '0666'"},
    {"a mode that runs", "\"0644\"", "\"0755\"", "9: '0755'"},
    {"a key for all", "\"640\"", "\"644\"", "10: tls/key.pem"},
    {"a key for the group", "\"640\"", "\"440\"", NULL},
    {"a path twice", "tls/cert.pem", "j.p12", "14: by line 9"},
    {"a path twice, spelled otherwise", "tls/cert.pem", ".//j.p12", "14: by line 9"},
    {"a path that it comes from", "tls/cert.pem", "live/fullchain.pem", "9: comes from"},
    {"a path that the key comes from", "tls/key.pem", "/k/privkey.pem", "10: comes from"},
    {"a folder", "tls/cert.pem", "tls/", "9: no file's path"},
    {"the folder above", "tls/cert.pem", "tls/..", "9: no file's path"},
    {"a path of two lines", "tls/cert.pem", "tls\\ncert.pem", "9: control"},
    {"pkcs12 without a password", "password_file = \"pw\";", "", "14: both or neither"},
    {"a password for another", "mode = \"0644\"", "password_file = \"pw\"", "9: both or neither"},
    {"no such signal", "\"HUP\"", "\"KILL\"", "15: no signal 'KILL'"},
    {"a signal for nobody", "pid_file = \"/run/j.pid\";", "", "15: 'pid_file'"},
    {"told in two ways", "reload =", "command = \"true\"; reload =", "11: one of"},
    {"told in no way", "reload = \"postfix.service\";", "", "11: one of"},
    {"a pid file alone", "reload =", "pid_file = \"/x\"; reload =", "11: goes with 'signal'"},
    {"a unit that is an option", "\"postfix.service\"", "\"--force\"", "11: '--force'"},
    {"a unit that is a command", "\"postfix.service\"", "\"a;b\"", "11: 'a;b'"},
    {"an instance of a unit", "\"postfix.service\"", "\"postfix@-.service\"", NULL},
    {"no time to tell", "reload =", "timeout_s = 0; reload =", "11: 1 to 3600"},
    {"time for nobody", "reload = \"postfix.service\"", "timeout_s = 9", "11: one of"},
    {"a probe without a port", ":25/smtp", "", "12: expected HOST:PORT"},
    {"a probe of nothing known", "/smtp", "/smpt", "12: smtp"},
    {"a probe of port 0", ":25/smtp", ":0", "12: expected"},
    {"a probe of a port too large", ":25/smtp", ":65536", "12: expected"},
    {"an IPv6 address without brackets", "[::1]:465", "::1:465", "12: expected"},
    {"no ports", "\"25/tcp\", \"465/tcp\"", "", "5: is empty"},
    {"a port alone", "\"25/tcp\"", "\"25\"", "5: PORT/PROTO"},
    {"a bad form", "3-0-1", "3-0", "3: '3-0'"},
};
/* clang-format on */

static const char *write_conf(const char *text, mode_t mode)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/deploy.conf", folder);
    (void)unlink(path);
    unit_write_file(path, text, mode);
    return path;
}

static const char *changed(const struct deployment_case *c)
{
    static char text[4096];
    const char *at = strstr(good, c->from);
    assert_non_null(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, c->to,
                   at + strlen(c->from));
    return text;
}

static void expect_error(const struct deployment_case *c, const struct diags *diags)
{
    const struct diag *diag = diags->first;
    char place[64];
    const char *colon = strchr(c->error, ':');
    if (diag == NULL)
        fail_msg("%s: no error", c->name);
    (void)snprintf(place, sizeof place, "%u", diag->place.line);
    if (strstr(diag->message, colon + 2) == NULL ||
        strlen(place) != (size_t)(colon - c->error) ||
        strncmp(place, c->error, strlen(place)) != 0)
        fail_msg("%s: %s: %s", c->name, place, diag->message);
}

static void test_each_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct diags diags;
        struct deployment deployment;
        arena_init(&arena, 4096, 0);
        diags_init(&diags);
        enum result result = deployment_read(write_conf(changed(&cases[i]), 0644),
                                             &arena, &diags, &deployment);
        diags_sort(&diags);
        if (cases[i].error != NULL)
            expect_error(&cases[i], &diags);
        else if (diags.first != NULL)
            fail_msg("%s: %s", cases[i].name, diags.first->message);
        assert_int_equal(result, cases[i].error != NULL ? RES_EFORMAT : RES_OK);
        diags_fini(&diags);
        arena_fini(&arena);
    }
}

static void test_all_settings(void **state)
{
    (void)state;
    struct arena arena;
    struct diags diags;
    struct deployment deployment;
    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    assert_int_equal(
        deployment_read(write_conf(good, 0600), &arena, &diags, &deployment), RES_OK);
    assert_string_equal(deployment.state + strlen(folder), "/state");
    const struct deployment_certificate *c =
        deployment_find(&deployment, "mx1.example.org");
    assert_non_null(c);
    assert_null(deployment_find(&deployment, "mx2.example.org"));
    assert_string_equal(c->certificate + strlen(folder), "/live/fullchain.pem");
    assert_string_equal(c->key, "/k/privkey.pem");
    assert_int_equal(c->tlsa_count, 1);
    assert_int_equal(c->tlsa[0].service_count, 2);
    assert_int_equal(c->tlsa[0].services[1].port, 465);
    assert_int_equal(c->form.selector, 0);
    assert_int_equal(c->consumer_count, 3);
    const struct deployment_consumer *postfix = &c->consumers[0];
    assert_int_equal(postfix->file_count, 2);
    assert_int_equal(postfix->files[0].format, DEPLOYMENT_FULLCHAIN);
    assert_true(postfix->files[0].uid == (uid_t)-1);
    assert_int_equal(postfix->files[1].uid, 0);
    assert_int_equal(postfix->files[1].gid, 7);
    assert_true(postfix->files[1].has_mode);
    assert_int_equal(postfix->files[1].mode, 0640);
    assert_int_equal(postfix->tell.how, DEPLOYMENT_TELL_RELOAD);
    assert_int_equal(postfix->tell.timeout_s, 120);
    assert_int_equal(postfix->probe_s, 30);
    assert_int_equal(postfix->probe_count, 2);
    assert_string_equal(postfix->probes[0].host, "mx1.example.org");
    assert_string_equal(postfix->probes[0].starttls->name, "smtp");
    assert_string_equal(postfix->probes[1].host, "::1");
    assert_int_equal(postfix->probes[1].port, 465);
    assert_null(postfix->probes[1].starttls);
    assert_int_equal(c->consumers[1].tell.signal, SIGHUP);
    assert_false(c->consumers[1].files[0].has_mode);
    assert_int_equal(c->consumers[2].tell.how, DEPLOYMENT_TELL_NOBODY);
    diags_fini(&diags);
    arena_fini(&arena);
}

/* It names commands that root runs. */
static void test_others_cannot_write_it(void **state)
{
    (void)state;
    static const mode_t modes[] = {0664, 0646};
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct arena arena;
        struct diags diags;
        struct deployment deployment;
        arena_init(&arena, 4096, 0);
        diags_init(&diags);
        assert_int_equal(
            deployment_read(write_conf(good, modes[i]), &arena, &diags, &deployment),
            RES_EMISMATCH);
        assert_string_equal(diags.first->id, "file-mode");
        diags_fini(&diags);
        arena_fini(&arena);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char path[256];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/deploy.conf", folder);
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_error),
        cmocka_unit_test(test_all_settings),
        cmocka_unit_test(test_others_cannot_write_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#include "conf/namedconf.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "unit.h"

struct fixture {
    char *text;
    struct arena arena;
    struct diags diags;
    struct namedconf conf;
    enum result result;
    char told[256];   /* "line:column id\n" */
    char zones[1024]; /* zone and rules, one a line */
};

static void describe(struct fixture *f)
{
    struct writer w = writer_of((uint8_t *)f->zones, sizeof(f->zones) - 1);

    for (struct namedconf_zone *zone = f->conf.zones; zone != NULL; zone = zone->next) {
        writer_printf(&w, "%s %s%s%s%s\n", zone->name, zone->type,
                      zone->has_policy ? " policy" : "", zone->is_local ? " local" : "",
                      zone->allows_update ? " allow" : "");
        for (struct namedconf_rule *rule = zone->rules; rule != NULL;
             rule = rule->next) {
            writer_printf(&w, "%u %s %s %s %s", rule->place.line,
                          rule->is_grant ? "grant" : "deny", rule->identity, rule->kind,
                          rule->name != NULL ? rule->name : "-");
            for (size_t i = 0; i < rule->type_count; i++)
                writer_printf(&w, " %s", rule->types[i]);
            writer_string(&w, "\n");
        }
    }
    for (struct diag *diag = f->diags.first; diag != NULL; diag = diag->next)
        (void)snprintf(f->told, sizeof(f->told), "%u:%u %s\n", diag->place.line,
                       diag->place.column, diag->id);
}

static void parse(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    f->text = malloc(strlen(text) + 1);
    assert_non_null(f->text);
    memcpy(f->text, text, strlen(text));
    arena_init(&f->arena, 4096, 0);
    diags_init(&f->diags);
    f->result =
        namedconf_parse("n", f->text, strlen(text), &f->arena, &f->diags, &f->conf);
    describe(f);
}

static void done(struct fixture *f)
{
    diags_fini(&f->diags);
    arena_fini(&f->arena);
    free(f->text);
}

static void zones_and_rules_are_read(void **state)
{
    static const struct {
        const char *name, *text, *zones;
    } cases[] = {
        {"nothing", "", ""},
        {"no policy", "zone \"a.org\" {\n\ttype primary;\n};\n", "a.org primary\n"},
        {"class IN", "zone \"a.org\" IN { type master; };", "a.org master\n"},
        {"another class", "zone \"a.org\" CH { type master; };", ""},
        {"a rule",
         "zone \"a\" {\n\tupdate-policy {\n\t\tgrant \"k\" name \"x.a\" "
         "\"TXT\";\n\t};\n};",
         "a  policy\n3 grant k name x.a TXT\n"},
        {"no types, and a blank before the semicolon",
         "zone \"a\" { update-policy { deny \"k\" zonesub ; }; };",
         "a  policy\n1 deny k zonesub -\n"},
        {"zonesub has no name",
         "zone \"a\" { update-policy { grant \"k\" zonesub \"A\" \"TXT(1)\"; }; };",
         "a  policy\n1 grant k zonesub - A TXT(1)\n"},
        {"local", "zone \"a\" { update-policy local; };", "a  local\n"},
        {"allow-update", "zone \"a\" { allow-update { key \"k\"; }; };", "a  allow\n"},
        {"allow-update of nobody", "zone \"a\" { allow-update { \"none\"; }; };",
         "a \n"},
        {"in a view", "view \"v\" IN { zone \"a\" { type primary; }; };",
         "a primary\n"},
        {"in what is no view",
         "options { zone \"a\" { update-policy { grant \"k\" zonesub; }; }; };", ""},
        {"a zone's name elsewhere", "server 1.2.3.4 { keys { \"k\"; }; };", ""},
        {"a rule elsewhere", "options { grant \"k\" zonesub; };", ""},
        {"words behind a block",
         "controls { inet 127.0.0.1 port 953 allow { \"x\"; } keys { \"k\"; }; };", ""},
        {"an escape in quotes",
         "zone \"a\" { update-policy { grant \"k\" name \"x\\\"y\\032z.a\"; }; };",
         "a  policy\n1 grant k name x\\\"y\\032z.a\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].text);
        if (f.result != RES_OK || strcmp(f.zones, cases[i].zones) != 0)
            fail_msg("case \"%s\": %s%s", cases[i].name, f.zones, f.told);
        done(&f);
    }
}

static void other_text_is_an_error(void **state)
{
    static const struct {
        const char *name, *text, *told;
    } cases[] = {
        {"#", "# x\n", "1:1 namedconf-syntax\n"},
        {"//", "zone \"a\" {\n // x\n};", "2:2 namedconf-syntax\n"},
        {"/*", "/* x */", "1:1 namedconf-syntax\n"},
        {"an include", "include \"x\";", "1:1 namedconf-syntax\n"},
        {"an open quote", "zone \"a", "1:6 namedconf-syntax\n"},
        {"an open block", "zone \"a\" {", "1:11 namedconf-syntax\n"},
        {"an open statement", "zone \"a\" { }", "1:13 namedconf-syntax\n"},
        {"a } too many", "zone \"a\" { }; };", "1:15 namedconf-syntax\n"},
        {"an empty statement", "zone \"a\" { ; };", "1:12 namedconf-syntax\n"},
        {"a block's statement without ;", "zone \"a\" { type primary };",
         "1:25 namedconf-syntax\n"},
        {"a key without ;", "key \"k\" { } x;", "1:13 namedconf-syntax\n"},
        {"a short rule", "zone \"a\" { update-policy { grant \"k\"; }; };",
         "1:28 namedconf-syntax\n"},
        {"a rule without a name",
         "zone \"a\" { update-policy { grant \"k\" name; }; };",
         "1:28 namedconf-syntax\n"},
        {"no rule", "zone \"a\" { update-policy { permit \"k\" zonesub; }; };",
         "1:28 namedconf-syntax\n"},
        {"a control octet", "zone \x01;", "1:6 namedconf-syntax\n"},
        {"too deep", "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{", "1:32 namedconf-syntax\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].text);
        if (f.result != RES_EFORMAT || strcmp(f.told, cases[i].told) != 0)
            fail_msg("case \"%s\": %s", cases[i].name, f.told);
        done(&f);
    }
}

static void a_long_statement_is_an_error(void **state)
{
    char text[2 * LIMIT_NAMEDCONF_WORDS + 8] = "";
    struct fixture f;
    (void)state;
    for (size_t i = 0; i <= LIMIT_NAMEDCONF_WORDS; i++)
        memcpy(text + 2 * i, "a ", 3);
    parse(&f, text);
    assert_int_equal(f.result, RES_EFORMAT);
    done(&f);
}

static void a_key_is_its_whole_statement(void **state)
{
    static const char key[] = "key \"k\" {\n\talgorithm \"hmac-sha256\";\n};";
    char text[128];
    struct fixture f;
    (void)state;
    (void)snprintf(text, sizeof(text), "options { };\n%s\nzone \"a\" { };\n", key);
    parse(&f, text);
    assert_int_equal(f.result, RES_OK);
    assert_non_null(f.conf.keys);
    assert_null(f.conf.keys->next);
    assert_string_equal(f.conf.keys->name, "k");
    assert_int_equal(f.conf.keys->place.line, 2);
    assert_int_equal(f.conf.keys->len, strlen(key));
    assert_memory_equal(f.conf.keys->text, key, strlen(key));
    done(&f);
}

/* ---- where things stand in the files ---- */

static char folder[] = "/tmp/test_namedconf.XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    unit_write_file(path, text, 0600);
}

static void remove_file(const char *name)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
}

/* "FILE:LINE" of each zone, its rules and each key. */
static const char *scan(const char *text, const char *more, const char *most,
                        enum result *out_result)
{
    static char places[512];
    char path[96];
    struct arena arena;
    struct namedconf conf;
    struct writer w = writer_of((uint8_t *)places, sizeof(places) - 1);
    write_file("named.conf", text);
    write_file("a.conf", more);
    write_file("b.conf", most);
    (void)snprintf(path, sizeof(path), "%s/named.conf", folder);
    arena_init(&arena, 4096, 0);
    *out_result = namedconf_scan(path, &arena, &conf);
    for (struct namedconf_zone *zone = conf.zones; zone != NULL; zone = zone->next) {
        writer_printf(&w, "%s %s:%u", zone->name, strrchr(zone->place.file, '/') + 1,
                      zone->place.line);
        for (struct namedconf_rule *rule = zone->rules; rule != NULL; rule = rule->next)
            writer_printf(&w, ",%u", rule->place.line);
        writer_string(&w, ";");
    }
    for (struct namedconf_key *key = conf.keys; key != NULL; key = key->next) {
        assert_null(key->text);
        writer_printf(&w, "key %s %s:%u;", key->name, strrchr(key->place.file, '/') + 1,
                      key->place.line);
    }
    places[w.len] = '\0';
    arena_fini(&arena);
    return places;
}

#define POLICY "{ update-policy {\ngrant k name a A;\n\ndeny k name a B; }; };\n"

static void places_are_those_of_the_files(void **state)
{
    static const struct {
        const char *name, *text, *more, *most, *places;
        enum result result;
    } cases[] = {
        {"comments", "# a\n// b }\n/* c\n{ */ /**/ zone a " POLICY, "", "",
         "a named.conf:4,5,7;", RES_OK},
        {"an include", "\ninclude \"%s/a.conf\";\nzone c { };", "zone a " POLICY, "",
         "a a.conf:1,2,4;c named.conf:3;", RES_OK},
        {"an include in an include", "include \"%s/a.conf\"; key k { };",
         "\ninclude \"%s/b.conf\";", "\n\nzone b { };",
         "b b.conf:3;key k named.conf:1;", RES_OK},
        {"a pattern", "include \"%s/[ab].conf\";", "zone a { };", "zone b { };",
         "a a.conf:1;b b.conf:1;", RES_OK},
        {"in a view, and relative",
         "options { directory \"%s\"; };\nview v {\n"
         "include \"a.conf\"; };",
         "zone a IN { };", "", "a a.conf:1;", RES_OK},
        {"an empty statement", ";;zone a { };;", "", "", "a named.conf:1;", RES_OK},
        {"carriage returns", "zone a {\r\n};\r\nzone b { };", "", "",
         "a named.conf:1;b named.conf:3;", RES_OK},
        {"no such file", "zone a { }; include \"%s/c.conf\"; zone b { };", "", "",
         "a named.conf:1;", RES_EFORMAT},
        {"round and round", "zone a { }; include \"%s/a.conf\";",
         "include \"%s/a.conf\";", "", "a named.conf:1;", RES_EFORMAT},
        {"half a statement", "include \"%s/a.conf\"; x; zone b { };", "zone", "",
         "b named.conf:1;", RES_OK},
        {"half a block", "include \"%s/a.conf\"; };", "zone a {", "", "a a.conf:1;",
         RES_OK},
        {"a comment without end", "zone a { }; /* x", "", "", "a named.conf:1;",
         RES_EFORMAT},
    };
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256], more[256];
        enum result result;
        /* Each has one %s or none. */
        (void)snprintf(text, sizeof(text), cases[i].text, folder);
        (void)snprintf(more, sizeof(more), cases[i].more, folder);
        const char *places = scan(text, more, cases[i].most, &result);
        assert_case(cases[i].name, strcmp(places, cases[i].places) == 0);
        assert_case(cases[i].name, result == cases[i].result);
    }
    remove_file("named.conf");
    remove_file("a.conf");
    remove_file("b.conf");
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_and_rules_are_read),
        cmocka_unit_test(other_text_is_an_error),
        cmocka_unit_test(a_long_statement_is_an_error),
        cmocka_unit_test(a_key_is_its_whole_statement),
        cmocka_unit_test(places_are_those_of_the_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

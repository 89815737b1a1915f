#include "conf/namedconf.h"

#include <stdlib.h>

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
        {"a key without ;", "key \"k\" { } ;", "1:11 namedconf-syntax\n"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_and_rules_are_read),
        cmocka_unit_test(other_text_is_an_error),
        cmocka_unit_test(a_long_statement_is_an_error),
        cmocka_unit_test(a_key_is_its_whole_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "policy/site.h"

#include <stdlib.h>

#include "policy/acl_index.h"

static void open_corp(struct site *site)
{
    site_open(site);
    site_add_zones(site, (const char *const[]){
                             "corp.example",       /* static */
                             "+acme.corp.example", /* its shadow */
                             "+dyn.corp.example",  /* native but for a part of it */
                             "bare.example",       /* static without a shadow */
                             NULL});
    site_add_shadows(site, (const char *const[]){"corp.example", "acme.corp.example",
                                                 "far.corp.example",
                                                 "far.dyn.corp.example", NULL});
}

struct compile_case {
    const char *name;
    const char *text;
    size_t rights;
    const char *ids[5]; /* of errors and warnings */
};

#define LABEL_50 "x1234567890123456789012345678901234567890123456789."
#define LONG     LABEL_50 LABEL_50 LABEL_50 LABEL_50

/* None of these is refused. */
static const struct compile_case good_cases[] = {
    {"empty", "", 0, {0}},
    {"one grant", "host h\n acme www.corp.example\n", 1, {0}},
    {"the flat form", "grant h acme www.corp.example\n", 1, {0}},
    {"names times ports",
     "host h\n tlsa a.corp.example b.corp.example 25/tcp 443/tcp 443/udp\n",
     6,
     {0}},
    {"every host, those declared later too",
     "every-host\n acme {host}\nhost a.corp.example\nhost b.corp.example\n",
     2,
     {0}},
    {"every host, one of them outside: silent",
     "every-host\n acme {host}\nhost a.corp.example\nhost b.example\n"
     " acme x.corp.example\n",
     2,
     {0}},
    {"every host, outside, nothing else",
     "every-host\n acme {host}\nhost b.example\n",
     0,
     {"host-without-grant"}},
    {"outside all zones",
     "host h\n acme www.example.net\n",
     0,
     {"dead-grant", "host-without-grant"}},
    {"a pattern outside all zones",
     "host h\n acme *.example.net broad\n",
     0,
     {"dead-grant", "host-without-grant"}},
    {"a pattern above a zone", "host h\n acme **.example broad\n", 1, {"broad-grant"}},
    {"a pattern above no zone",
     "host h\n acme **.example.net broad\n",
     0,
     {"dead-grant", "host-without-grant"}},
    {"a pattern of the root", "host h\n acme ** broad\n", 1, {"broad-grant"}},
    {"a pattern of the profile is not broad",
     "host h\n openpgpkey corp.example\n",
     1,
     {0}},
    {"a pattern that can match nothing",
     "host h\n acme \\042.*.corp.example broad\n acme a.corp.example\n",
     1,
     {"dead-grant"}},
    {"CAA by name",
     "profile c\n owner {name}\n type CAA\nhost h\n c a.dyn.corp.example\n",
     1,
     {0}},
    {"a host without a grant", "host h\n key k\n", 0, {"host-without-grant"}},
    {"a native name", "host h\n address n.dyn.corp.example\n", 1, {0}},
    {"a native apex", "host h\n multi-signer dyn.corp.example\n", 1, {0}},
    {"`at` itself is native", "host h\n address far.dyn.corp.example\n", 1, {0}},
    {"owner is name, in a static zone",
     "host h\n address n.corp.example\n",
     1,
     {"static-owner"}},
    {"the same for every host: told once",
     "every-host\n address {host}\nhost a.corp.example\nhost b.corp.example\n",
     2,
     {"static-owner"}},
    {"a static name without a shadow",
     "host h\n acme n.bare.example\n",
     1,
     {"static-without-shadow"}},
    {"the same with an alias",
     "host h\n acme n.bare.example\n"
     "alias _acme-challenge.n.bare.example n.dyn.corp.example\n",
     1,
     {0}},
    {"a name whose target an alias has taken",
     "host h\n acme n.corp.example\n"
     "alias a.corp.example _acme-challenge.n.acme.corp.example\n",
     1,
     {"dead-grant"}},
    {"one right twice",
     "host h\n acme a.corp.example\n acme a.corp.example\n",
     2,
     {"grant-twice"}},
    {"one right twice, by every-host",
     "every-host\n acme {host}\nhost a.corp.example\n acme a.corp.example\n",
     2,
     {"grant-twice"}},
    {"one name with other terms",
     "host h\n acme a.corp.example may=add\n acme a.corp.example may=delete\n",
     2,
     {0}},
    {"one name with the same terms, written out",
     "host h\n acme a.corp.example ttl=0..60\n acme a.corp.example ttl=0..60\n",
     2,
     {"grant-twice"}},
    {"one name with the same check, written out",
     "host h\n acme a.corp.example check=\"match x\"\n"
     " acme a.corp.example check=\"match x\"\n",
     2,
     {"grant-twice"}},
    {"one name with another check",
     "host h\n acme a.corp.example check=\"match x\"\n"
     " acme a.corp.example check=\"match y\"\n",
     2,
     {0}},
    {"one pattern twice",
     "host h\n openpgpkey corp.example\n openpgpkey corp.example\n",
     2,
     {"grant-twice"}},
    {"patterns with one end are not one",
     "host h\n openpgpkey corp.example\n acme *._openpgpkey.corp.example broad\n",
     2,
     {"broad-grant"}},
    {"two hosts may delete",
     "host h\n acme a.corp.example\nhost i\n acme a.corp.example\n",
     2,
     {"shared-delete", "shared-delete"}},
    {"two hosts, one may not delete the RRset",
     "host h\n acme a.corp.example\nhost i\n acme a.corp.example may=add,delete\n",
     2,
     {0}},
    {"two hosts, two types",
     "profile other\n owner _acme-challenge.{name}\n type SSHFP\n"
     "host h\n acme a.corp.example\nhost i\n other a.corp.example\n",
     2,
     {0}},
    {"two of three hosts share a type",
     "profile other\n owner _acme-challenge.{name}\n type SSHFP\n"
     "host h\n acme a.corp.example\nhost i\n other a.corp.example\n"
     "host j\n other a.corp.example\n",
     3,
     {"shared-delete", "shared-delete"}},
    {"a name and another host's pattern",
     "host h\n acme a.corp.example\nhost i\n acme *.corp.example broad\n",
     2,
     {"broad-grant", "shared-delete"}},
    {"the same, the pattern first",
     "host i\n acme *.corp.example broad\nhost h\n acme a.corp.example\n",
     2,
     {"broad-grant", "shared-delete"}},
    {"two hosts with patterns",
     "host h\n openpgpkey corp.example\nhost i\n openpgpkey corp.example\n",
     2,
     {"shared-delete", "shared-delete"}},
    {"all hosts at one name: told once",
     "every-host\n acme a.corp.example\nhost h\nhost i\nhost j\n",
     3,
     {"shared-delete"}},
    {"a key of another name",
     "host h\n key k\n acme a.corp.example\nhost i\n key h\n acme b.corp.example\n",
     2,
     {0}},
};

/* Each of these is an error, and what is beside it is told as well. */
static const struct compile_case bad_cases[] = {
    {"an owner in a shadow",
     "host h\n acme www.acme.corp.example\n",
     0,
     {"grant-in-shadow"}},
    {"an owner in a shadow that is a part of a zone",
     "host h\n acme far.dyn.corp.example\n",
     0,
     {"grant-in-shadow"}},
    {"a pattern in a shadow",
     "host h\n acme *.acme.corp.example broad\n",
     0,
     {"grant-in-shadow"}},
    {"a pattern right below `at`",
     "host h\n openpgpkey far.dyn.corp.example\n",
     0,
     {"grant-in-shadow"}},
    {"an alias's target",
     "host h\n address n.dyn.corp.example\n"
     "alias a.corp.example n.dyn.corp.example\n",
     0,
     {"grant-in-shadow"}},
    {"a static apex", "host h\n address corp.example\n", 0, {"grant-at-static-apex"}},
    {"a key of two hosts",
     "host h\n key k\n acme a.corp.example\nhost i\n key k\n acme b.corp.example\n",
     2,
     {"key-two-hosts"}},
    {"a key that is another host's own",
     "host h\n acme a.corp.example\nhost i\n key H\n acme b.corp.example\n",
     2,
     {"key-two-hosts"}},
    {"a host's own key that is another's already",
     "host h\n key I\n acme a.corp.example\nhost i\n acme b.corp.example\n",
     2,
     {"key-two-hosts"}},
    {"a key twice in a host",
     "host h\n key k\n key k\n acme a.corp.example\n",
     1,
     {"key-twice"}},
    {"an owner over 255 octets, for one of the hosts",
     "every-host\n acme {host}.x2345678901234567890.corp.example\n"
     "host " LONG "h\nhost h\n",
     1,
     {"owner-too-long"}},
    {"CAA by a pattern",
     "profile c\n owner {name}\n type TXT CAA\nhost h\n c *.dyn.corp.example broad\n",
     0,
     {"caa-by-pattern"}},
    {"CAA by the profile's own star",
     "profile c\n owner *.{name}\n type CAA\nhost h\n c dyn.corp.example\n",
     0,
     {"caa-by-pattern"}},
    {"a pattern of _validation-persist",
     "host h\n acme-persist *.corp.example broad\n acme a.corp.example\n",
     1,
     {"persist-by-pattern"}},
    {"a subtree below _validation-persist",
     "host h\n acme **._validation-persist.corp.example broad\n",
     0,
     {"persist-by-pattern"}},
    {"all of them",
     "host h\n key k\n key k\n acme www.acme.corp.example\n address corp.example\n",
     0,
     {"key-twice", "grant-in-shadow", "grant-at-static-apex"}},
};

static void run_case(const struct compile_case *c, enum result expected)
{
    struct site site;

    print_message("  %s\n", c->name);
    open_corp(&site);
    enum result res = site_compile(&site, c->text);
    if (res != expected)
        site_print_diags(&site);
    assert_int_equal(res, expected);
    site_assert_ids(&site, c->ids);
    assert_int_equal(site.acl.right_count, c->rights);
    site_close(&site);
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good_cases); i++)
        run_case(&good_cases[i], RES_OK);
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++)
        run_case(&bad_cases[i], RES_EFORMAT);
}

static void test_shadow_error_names_original(void **state)
{
    static const struct {
        const char *text;
        const char *original;
    } cases[] = {
        {"host h\n acme www.acme.corp.example\n", "_acme-challenge.www.corp.example"},
        {"host h\n openpgpkey acme.corp.example\n", "*._openpgpkey.corp.example"},
        {"host h\n address t.dyn.corp.example\nalias o.corp.example "
         "t.dyn.corp.example\n",
         "o.corp.example"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site site;
        open_corp(&site);
        assert_int_equal(site_compile(&site, cases[i].text), RES_EFORMAT);
        assert_non_null(strstr(site.diags.first->message, cases[i].original));
        assert_string_equal(site.diags.first->place.file, "acl");
        assert_int_equal(site.diags.first->place.line, 2);
        site_close(&site);
    }
}

static void test_file_order(void **state)
{
    struct site site;
    const struct acl_right *rights[ACL_RIGHTS_MAX];

    (void)state;
    open_corp(&site);
    assert_int_equal(site_compile(&site, "host h\n"
                                         " acme **.corp.example broad ttl=3..9\n"
                                         " acme a.corp.example ttl=4..9\n"
                                         "every-host\n"
                                         " acme *.corp.example broad ttl=5..9\n"
                                         "host h\n"
                                         " acme a.corp.example ttl=6..9\n"),
                     RES_OK);
    size_t count =
        acl_rights_of(&site.acl, acl_source_host(&site.source, 0),
                      name_in(&site.arena, "_acme-challenge.a.corp.example"), rights);
    const struct acl_right **listed = acl_list_rights(&site.acl, &site.arena);
    assert_int_equal(count, 4);
    assert_int_equal(site.acl.right_count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rights[i]->terms->ttl_min_s, 3 + i);
        assert_ptr_equal(listed[i], rights[i]);
        assert_int_equal(rights[i]->is_for_all, i == 2);
        assert_int_equal(acl_right_place(&site.acl, rights[i]).line,
                         2 + i + (i > 1) + (i > 2));
    }
    site_close(&site);
}

/* A host that may have many rights has them indexed, which makes no difference. */
static void test_few_and_many(void **state)
{
    static const struct {
        const char *owner;
        uint32_t min_ttls[3]; /* of the rights found; 0: none */
    } cases[] = {
        {"_acme-challenge.a.corp.example", {1, 2, 3}},
        {"_acme-challenge.b.corp.example", {3}},
        {"_acme-challenge.b.c.corp.example", {0}},
        {"_acme-challenge.x7.corp.example", {3, 4, 8}},
        {"_acme-challenge.x8.corp.example", {3}},
        {"a.corp.example", {0}},
    };

    (void)state;
    for (unsigned more = 0; more <= 2 * ACL_SCANNED_RIGHTS; more++) {
        const struct acl_right *rights[ACL_RIGHTS_MAX];
        struct site site;
        char text[2048];
        size_t len = (size_t)snprintf(text, sizeof(text),
                                      "host h\n acme a.corp.example ttl=1..60\n"
                                      " acme a.corp.example ttl=2..60\n"
                                      " acme *.corp.example ttl=3..60 broad\n");
        for (unsigned i = 0; i < more; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                                    " acme x%u.corp.example ttl=%u..60\n", 7 - i % 4,
                                    4 + i);
        open_corp(&site);
        assert_int_equal(site_compile(&site, text), RES_OK);
        const struct acl_host *host = acl_source_host(&site.source, 0);
        assert_int_equal(host->right_count, 3 + more);
        assert_int_equal(host->is_indexed, 3 + more > ACL_SCANNED_RIGHTS);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            size_t count = acl_rights_of(&site.acl, host,
                                         name_in(&site.arena, cases[i].owner), rights);
            size_t expected = 0;
            while (expected < 3 && cases[i].min_ttls[expected] > 0 &&
                   cases[i].min_ttls[expected] < 4 + more)
                expected++;
            assert_true(count == expected || (count > 3 && expected == 3));
            for (size_t k = 0; k < expected; k++)
                assert_int_equal(rights[k]->terms->ttl_min_s, cases[i].min_ttls[k]);
        }
        site_close(&site);
    }
}

/* Beyond ACL_RIGHTS_MAX the first in file order count, wherever they come from. */
static void test_more_rights_than_count(void **state)
{
    enum { PAIRS = ACL_RIGHTS_MAX };
    static char text[PAIRS * 80 + 16];
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    struct site site;
    size_t len = 0;

    (void)state;
    len += (size_t)snprintf(text, sizeof(text), "host h\n");
    for (unsigned i = 0; i < PAIRS; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                " acme a.corp.example ttl=%u..900\n"
                                " acme *.corp.example broad ttl=%u..900\n",
                                2 * i, 2 * i + 1);
    open_corp(&site);
    assert_int_equal(site_compile(&site, text), RES_OK);
    size_t count =
        acl_rights_of(&site.acl, acl_source_host(&site.source, 0),
                      name_in(&site.arena, "_acme-challenge.a.corp.example"), rights);
    assert_int_equal(count, ACL_RIGHTS_MAX);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rights[i]->terms->ttl_min_s, i);
    site_close(&site);
}

/* The work per right does not grow with the rights, however many name one thing. */
static void test_not_quadratic(void **state)
{
    enum { GRANTS = 10000 };
    static const char *const forms[] = {
        "grant h%u acme a.corp.example\n", /* every host deletes at one name */
        "grant h acme a.corp.example ttl=%u..900000\n", /* one host, one name */
        "grant h%u acme *.corp.example broad\n",
        "grant h acme a%u.*.corp.example broad\n",
        "grant h%u acme www.example.net\n", /* warnings alone */
    };
    char *text = malloc(GRANTS * 64);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct site site;
        size_t len = 0;
        for (unsigned n = 0; n < GRANTS; n++) {
            char line[64];
            /* The forms are constants of this table. */
            const char *hole = strstr(forms[i], "%u");
            len += (size_t)snprintf(line, sizeof(line), "%.*s%u%s",
                                    (int)(hole - forms[i]), forms[i], n, hole + 2);
            memcpy(text + len - strlen(line), line, strlen(line) + 1);
        }
        open_corp(&site);
        assert_int_equal(site_compile(&site, text), RES_OK);
        site_close(&site);
    }
    free(text);
}

/* whichever allocation fails, the compiler says so and leaves nothing behind. */
static void test_without_memory(void **state)
{
    enum result res = RES_EMEM;
    size_t limit = 0;

    (void)state;
    while (res != RES_OK) {
        struct site site;
        struct arena small;
        struct acl acl;
        open_corp(&site);
        assert_int_equal(site_compile(&site, "every-host\n acme {host}\n"
                                             "host a.corp.example\n key k\n"
                                             "host h\n openpgpkey corp.example\n"),
                         RES_OK);
        limit += 8;
        arena_init(&small, 256, limit);
        res = acl_compile(&site.source, &site.zones, &small, &site.diags, &acl);
        assert_true(res == RES_OK || res == RES_EMEM);
        acl_fini(&acl);
        site_close(&site);
        arena_fini(&small);
        assert_true(limit < 4096);
    }
    assert_true(limit > 64);
}

static void test_credentials(void **state)
{
    struct site site;

    (void)state;
    open_corp(&site);
    assert_int_equal(site_compile(&site, "host plain\n"
                                         " acme a.corp.example\n"
                                         "host Keyed\n"
                                         " key K1\n"
                                         " key k2 not-before 2027-01-01T00:00:00Z "
                                         "not-after 2028-01-01T00:00:00Z\n"
                                         " acme b.corp.example\n"),
                     RES_OK);
    const struct acl_host *plain =
        acl_host_named(&site.acl, name_in(&site.arena, "PLAIN"));
    const struct acl_host *keyed =
        acl_host_named(&site.acl, name_in(&site.arena, "keyed"));
    assert_non_null(plain);
    assert_non_null(keyed);
    assert_null(acl_host_named(&site.acl, name_in(&site.arena, "k1")));

    struct acl_credential own =
        acl_credential_of(&site.acl, name_in(&site.arena, "plain"));
    struct acl_credential k1 = acl_credential_of(&site.acl, name_in(&site.arena, "k1"));
    struct acl_credential k2 = acl_credential_of(&site.acl, name_in(&site.arena, "k2"));
    assert_null(acl_credential_of(&site.acl, name_in(&site.arena, "keyed")).host);
    assert_null(acl_credential_of(&site.acl, name_in(&site.arena, "k3")).host);
    assert_ptr_equal(own.host, plain);
    assert_ptr_equal(k1.host, keyed);
    assert_ptr_equal(k2.host, keyed);
    assert_true(acl_credential_is_valid(own, INT64_MIN));
    assert_true(acl_credential_is_valid(k1, 0));
    assert_false(acl_credential_is_valid(k2, 1798761599));
    assert_true(acl_credential_is_valid(k2, 1798761600));
    assert_true(acl_credential_is_valid(k2, 1830297599));
    assert_false(acl_credential_is_valid(k2, 1830297600));

    assert_name(acl_credential_name(own), "plain");
    assert_int_equal(acl_credential_place(&site.acl, own).line, 1);
    assert_false(acl_credential_next(&own));
    struct acl_credential key = acl_credential_first(keyed);
    assert_name(acl_credential_name(key), "k1");
    assert_true(acl_credential_next(&key));
    assert_name(acl_credential_name(key), "k2");
    assert_int_equal(acl_credential_place(&site.acl, key).line, 5);
    assert_false(acl_credential_next(&key));
    site_close(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_shadow_error_names_original),
        cmocka_unit_test(test_file_order),
        cmocka_unit_test(test_few_and_many),
        cmocka_unit_test(test_more_rights_than_count),
        cmocka_unit_test(test_not_quadratic),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_credentials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

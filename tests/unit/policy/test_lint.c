#include "policy/lint.h"

#include "base/timestamp.h"
#include "conf/keyfile.h"
#include "policy/site.h"

#define NOW "2026-11-25T00:00:00Z"

struct lint_case {
    const char *name;
    const char *text;
    const char *ids[4]; /* of lint_acl's own */
    unsigned line;      /* of the first */
};

#define MANY_16(line)                                                                  \
    line line line line line line line line line line line line line line line line

static const struct lint_case cases[] = {
    {"nothing", "", {0}, 0},
    {"two names", "host h\n acme a.corp b.corp\n", {0}, 0},

    /* shadowed */
    {"the same name, other TTLs",
     "host h\n acme a.corp\n acme a.corp ttl=0..60\n",
     {"grant-shadowed"},
     3},
    {"the narrower one first",
     "host h\n acme a.corp ttl=0..60\n acme a.corp\n",
     {"grant-shadowed"},
     3},
    {"the narrower refuses others",
     "host h\n acme a.corp ttl=0..60 ttl-mode=refuse\n acme a.corp\n",
     {0},
     0},
    {"both refuse, the first takes more",
     "host h\n acme a.corp ttl=0..60 ttl-mode=refuse\n"
     " acme a.corp ttl=9..60 ttl-mode=refuse\n",
     {"grant-shadowed"},
     3},
    {"an operation more",
     "host h\n acme a.corp\n acme a.corp may=add,prereq-any\n",
     {0},
     0},
    {"operations of two",
     "host h\n acme a.corp may=add\n acme a.corp may=delete\n"
     " acme a.corp may=add,delete\n",
     {"grant-shadowed"},
     4},
    {"another value",
     "host h\n tlsa a.corp 1/tcp check=\"tlsa 3-1-1\"\n"
     " tlsa a.corp 1/tcp\n",
     {0},
     0},
    {"one of the values",
     "host h\n tlsa a.corp 1/tcp\n"
     " tlsa a.corp 1/tcp check=\"tlsa 3-1-1\"\n",
     {"grant-shadowed"},
     3},
    {"a type more",
     "profile p\n owner {name}\n type TXT\nprofile q\n owner {name}\n type TXT SSHFP\n"
     "host h\n p a.dyn\n q a.dyn\n",
     {0},
     0},
    {"a type less",
     "profile p\n owner {name}\n type TXT\nprofile q\n owner {name}\n type TXT SSHFP\n"
     "host h\n q a.dyn\n p a.dyn\n",
     {"grant-shadowed"},
     9},
    {"a name below a pattern",
     "host h\n acme *.corp broad\n acme a.corp\n",
     {"grant-shadowed"},
     3},
    {"a name beside a pattern", "host h\n acme *.corp broad\n acme a.b.corp\n", {0}, 0},
    {"a name before a pattern", "host h\n acme a.corp\n acme *.corp broad\n", {0}, 0},
    {"a pattern below a subtree",
     "host h\n acme **.corp broad\n acme *.corp broad\n",
     {"grant-shadowed"},
     3},
    {"a subtree below a pattern",
     "host h\n acme *.corp broad\n acme **.corp broad\n",
     {0},
     0},
    {"two patterns that meet",
     "profile p\n owner p.{name}\n type TXT\nprofile q\n owner {name}\n type TXT\n"
     "host h\n p *.corp broad\n q *.q.corp broad\n",
     {0},
     0},
    {"below no pattern: a literal star",
     "host h\n acme **.corp broad\n acme \\042.corp\n",
     {0},
     0},
    {"another host's", "host h\n acme *.corp broad\nhost i\n acme a.corp\n", {0}, 0},
    {"twice is another warning", "host h\n acme a.corp\n acme a.corp\n", {0}, 0},
    {"for every host, by all their own",
     "host h.corp\n acme h.corp ttl=0..9\nhost i.corp\n acme i.corp ttl=0..9\n"
     "every-host\n acme {host}\n",
     {"grant-shadowed"},
     6},
    {"for every host, by one's own",
     "host h.corp\n acme h.corp ttl=0..9\nhost i.corp\nevery-host\n acme {host}\n",
     {0},
     0},

    /* aliases */
    {"an alias to where the shadow leads",
     "alias a.corp a.s.corp\n",
     {"alias-needless"},
     1},
    {"an alias to another place in the shadow", "alias a.corp b.s.corp\n", {0}, 0},
    {"an alias out of the shadow", "alias a.corp a.dyn\n", {0}, 0},

    {"the target of a name that a pattern grants",
     "host h\n acme *.b.corp broad\nalias a.corp _acme-challenge.x.b.s.corp\n",
     {"alias-takes-target"},
     3},
    {"the target of a name that every host's pattern grants",
     "every-host\n acme **.corp broad\nhost h\nhost i\n"
     "alias a.corp _acme-challenge.x.b.s.corp\n",
     {"alias-takes-target"},
     5},
    {"the target of a name beside the pattern",
     "host h\n acme *.b.corp broad\nalias a.corp _acme-challenge.x.c.s.corp\n",
     {0},
     0},
    {"the target of a name of its own: dead-grant",
     "host h\n acme x.b.corp\nalias a.corp _acme-challenge.x.b.s.corp\n",
     {0},
     0},
    {"the alias's own name in the pattern",
     "host h\n acme *.b.corp broad\n"
     "alias _acme-challenge.x.b.corp _acme-challenge.x.b.s.corp\n",
     {"alias-needless"},
     3},

    /* keys; the host's only one unless there are two */
    {"no end", "host h\n key k\n acme a.corp\n", {0}, 0},
    {"expired",
     "host h\n key k not-after 2026-11-25T00:00:00Z\n acme a.corp\n",
     {"key-expired", "host-without-key"},
     2},
    {"expired, and another one",
     "host h\n key k not-after 2026-01-01T00:00:00Z\n key l\n acme a.corp\n",
     {"key-expired"},
     2},
    {"expired, and another without a file",
     "host h\n key k not-after 2026-01-01T00:00:00Z\n key nofile\n acme a.corp\n",
     {"key-expired", "host-without-key"},
     2},
    {"expired, and has no file: told by that",
     "host h\n key nofile not-after 2026-01-01T00:00:00Z\n acme a.corp\n",
     {0},
     0},
    {"a second left",
     "host h\n key k not-after 2026-11-25T00:00:01Z\n acme a.corp\n",
     {"key-expires-soon"},
     2},
    {"30 days left",
     "host h\n key k not-after 2026-12-25T00:00:00Z\n acme a.corp\n",
     {"key-expires-soon"},
     2},
    {"more than 30 days left",
     "host h\n key k not-after 2026-12-25T00:00:01Z\n acme a.corp\n",
     {0},
     0},
    {"another takes over",
     "host h\n key k not-after 2026-12-01T00:00:00Z\n"
     " key l not-before 2026-12-01T00:00:00Z\n acme a.corp\n",
     {0},
     0},
    {"another takes over too late",
     "host h\n key k not-after 2026-12-01T00:00:00Z\n"
     " key l not-before 2026-12-01T00:00:01Z\n acme a.corp\n",
     {"key-expires-soon"},
     2},
    {"another ends as soon",
     "host h\n key k not-after 2026-12-01T00:00:00Z\n"
     " key l not-after 2026-12-02T00:00:00Z\n acme a.corp\n",
     {"key-expires-soon", "key-expires-soon"},
     2},

    /* a crowd */
    {"64 rights at one name",
     "host h\n" MANY_16(" acme a.corp\n acme a.corp\n acme a.corp\n acme a.corp\n"),
     {0},
     0},
    {"65 rights at one name: told once",
     "host h\n" MANY_16(
         " acme a.corp\n acme a.corp\n acme a.corp\n acme a.corp\n") " acme b.corp\n "
                                                                     "tlsa c.corp "
                                                                     "1/tcp\n acme "
                                                                     "a.corp\n acme "
                                                                     "a.corp\n",
     {"rights-too-many"},
     68},
};

static void build_ring(struct site *site, struct keyring *ring)
{
    static const char text[] = "key k { algorithm hmac-sha256; secret "
                               "\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\"; };\n"
                               "key l { algorithm hmac-sha256; secret "
                               "\"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\"; };\n";
    struct keyfile_key *keys = NULL;
    assert_int_equal(keyfile_parse("keys", text, strlen(text), false, &site->arena,
                                   &site->diags, &keys),
                     RES_OK);
    const struct keyring_parts parts = {.keys = keys};
    assert_int_equal(
        keyring_build(&parts, &site->acl, &site->arena, &site->diags, ring), RES_OK);
    keyfile_keys_free(&keys);
}

static void run_case(const struct lint_case *c)
{
    static const char *const zones[] = {"corp", "+s.corp", "+dyn", NULL};
    static const char *const shadows[] = {"corp", "s.corp", NULL};
    struct keyring ring;
    struct site site;
    int64_t now_s;

    print_message("  %s\n", c->name);
    site_open(&site);
    site_add_zones(&site, zones);
    site_add_shadows(&site, shadows);
    assert_int_equal(timestamp_parse(NOW, &now_s), RES_OK);
    if (site_compile(&site, c->text) != RES_OK) {
        site_print_diags(&site);
        fail_msg("does not compile");
    }
    build_ring(&site, &ring);
    diags_fini(&site.diags); /* what others had to say */
    diags_init(&site.diags);
    assert_int_equal(lint_acl(&site.acl, &ring, now_s, &site.diags), RES_OK);
    site_assert_ids(&site, c->ids);
    assert_int_equal(site.diags.errors, 0);
    if (c->line != 0)
        assert_int_equal(site.diags.first->place.line, c->line);
    keyring_fini(&ring);
    site_close(&site);
}

static void test_lint(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        run_case(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

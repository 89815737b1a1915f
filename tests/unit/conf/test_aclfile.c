#include "conf/aclfile.h"

#include "dns/type.h"

#include "acltest.h"

static const char stock[] = "profile acme\n"
                            " owner _acme-challenge.{name}\n"
                            " type TXT\n"
                            " check acme-token\n"
                            " ttl 0..600\n"
                            "profile tlsa\n"
                            " owner _{port}._{proto}.{name}\n"
                            " type TLSA\n"
                            " check tlsa 3-1-1 2-1-1\n"
                            "profile caa\n"
                            " owner {name}\n"
                            " type CAA\n"
                            " check caa-value\n"
                            "profile acme-persist\n"
                            " owner _validation-persist.{name}\n"
                            " type TXT\n"
                            " check acme-persist\n"
                            "profile address\n"
                            " owner {name}\n"
                            " type A AAAA\n"
                            " check source-address\n";

static void open_with_stock(struct acltest *test)
{
    acltest_open(test);
    acltest_add(test, stock, true);
    assert_string_equal(test->told, "");
    assert_int_equal(test->result, RES_OK);
}

/* ---- what is understood ---- */

/* Each grant in a line: host profile names ports ttl ops max check. */
static void dump_grants(const struct acl_source *source, char *out, size_t capacity)
{
    char text[NAME_TEXT_OCTETS];
    struct writer w = writer_of((uint8_t *)out, capacity - 1);

    for (const struct acl_grant *g = source->grants; g != NULL; g = g->next) {
        writer_printf(&w, "%s %s",
                      g->host != NULL ? name_to_text(g->host->name, text) : "{every}",
                      g->terms->profile->name);
        for (size_t i = 0; i < g->name_count; i++)
            writer_printf(&w, " %s", g->names[i].text);
        for (size_t i = 0; i < g->port_count; i++)
            writer_printf(&w, " %u/%s", g->ports[i].port, g->ports[i].proto);
        if (g->terms != &g->terms->profile->terms)
            writer_printf(&w, " ttl %u..%u%s ops %x max %u%s check %s",
                          g->terms->ttl_min_s, g->terms->ttl_max_s,
                          g->terms->ttl_refuses ? " refuse" : "", g->terms->ops,
                          g->terms->max_records, g->terms->is_broad ? " broad" : "",
                          g->terms->check.text);
        const struct place place = acl_grant_place(source, g);
        writer_printf(&w, " @%u:%u\n", place.line, place.column);
    }
    out[w.len] = '\0';
}

static void grants_are_understood(void **state)
{
    static const struct {
        const char *name, *text, *grants;
    } cases[] = {
        {"an empty file", "", ""},
        {"a block", "host mx1.example\n acme a.example B.example.\n",
         "mx1.example acme a.example B.example. @2:2\n"},
        {"the flat form", "grant h.example tlsa a 25/tcp 0/sctp\n",
         "h.example tlsa a 25/tcp 0/sctp @1:17\n"},
        {"ports before names", "host h\ntlsa 25/tcp a 65535/udp b\n",
         "h tlsa a b 25/tcp 65535/udp @2:1\n"},
        {"every host", "every-host\n acme {host} www.{host}\n",
         "{every} acme {host} www.{host} @2:2\n"},
        {"{host} in a host's block", "host h\n acme x.{host}\n",
         "h acme x.{host} @2:2\n"},
        {"all options",
         "host h\n tlsa *.a 25/tcp ttl=60..300 ttl-mode=refuse may=add,prereq-any "
         "max-records=3 check=\"tlsa 3-1-1 3-1-2\" broad\n",
         "h tlsa *.a 25/tcp ttl 60..300 refuse ops 42 max 3 broad check tlsa 3-1-1 "
         "3-1-2 "
         "@2:2\n"},
        {"one option", "host h\n acme a ttl-mode=clamp\n",
         "h acme a ttl 0..600 ops 2e max 100 check acme-token @2:2\n"},
        {"a check for caa",
         "host h\n caa a check=\"caa-value issue=ca.example iodef=mailto:a@b\"\n",
         "h caa a ttl 0..3600 ops 2e max 100 check caa-value issue=ca.example "
         "iodef=mailto:a@b @2:2\n"},
        {"a value with blanks, quoted twice",
         "host h\n caa a check=\"caa-value \\\"issue=ca.example; x=y\\\"\"\n",
         "h caa a ttl 0..3600 ops 2e max 100 check caa-value \"issue=ca.example; x=y\" "
         "@2:2\n"},
        {"a check for acme-persist",
         "host h\n acme-persist a check=\"acme-persist ca.example https://ca/1\"\n",
         "h acme-persist a ttl 0..3600 ops 2e max 100 check acme-persist ca.example "
         "https://ca/1 @2:2\n"},
        {"a regular expression is quoted once",
         "host h\n acme a check=\"match v=x [a-z]+\\\\.\"\n",
         "h acme a ttl 0..600 ops 2e max 100 check match \"v=x [a-z]+\\.\" @2:2\n"},
        {"the flat form ends a block, and a block goes on",
         "host h\n acme a\ngrant g acme b\nhost h\n acme c\n",
         "h acme a @2:2\ng acme b @3:9\nh acme c @5:2\n"},
        {"continued", "grant h \\\n  acme \\\n  a\n", "h acme a @2:3\n"},
        {"a profile without {name}",
         "profile p\n owner _x.{host}\n type TXT\nevery-host\n p\n",
         "{every} p - @5:2\n"},
        {"a profile of this file",
         "profile pgp\n owner *._openpgpkey.{name}\n type OPENPGPKEY\n ttl 300..86400\n"
         " may add delete\n max-records 7\nhost h\n pgp a may=add\n",
         "h pgp a ttl 300..86400 ops 2 max 7 check any @8:2\n"},
        {"a name that looks like an option", "host h\n acme broad. ttl\n",
         "h acme broad. ttl @2:2\n"},
    };
    char grants[2048];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct acltest test;
        open_with_stock(&test);
        acltest_add(&test, cases[i].text, false);
        dump_grants(&test.source, grants, sizeof(grants));
        if (test.result != RES_OK || strcmp(grants, cases[i].grants) != 0)
            fail_msg("case \"%s\": told %s, grants:\n%s", cases[i].name, test.told,
                     grants);
        acltest_close(&test);
    }
}

static void hosts_add_up(void **state)
{
    struct acltest test;

    (void)state;
    open_with_stock(&test);
    acltest_add(
        &test,
        "host A.example\n"
        " key k1 not-before 2027-01-01T00:00:00Z not-after 2028-01-01T00:00:00Z\n"
        " from 192.0.2.0/24 2001:db8::1\n"
        "host b.example\n key k2 not-after 2028-01-01T00:00:00Z\n",
        false);
    acltest_add(&test, "host a.example.\n key k3\n from 198.51.100.1\n", false);
    assert_string_equal(test.told, "");
    assert_int_equal(test.source.hosts.count, 2);

    const struct acl_host *host = acl_source_host(&test.source, 0);
    assert_ptr_equal(acl_source_host_named(&test.source, host->name), host);
    const struct place place = acl_source_place(&test.source, host->line, host->column);
    assert_int_equal(place.line, 1);
    assert_int_equal(place.column, 6);
    assert_true(acl_host_keys(host)->not_before_s == 1798761600);
    assert_true(acl_host_keys(host)->not_after_s == 1830297600);
    assert_int_equal(acl_host_keys(host)->place.column, 6);
    assert_memory_equal(acl_host_keys(host)->next->name.octets, "\2k3", 4);
    assert_true(acl_host_keys(host)->next->not_before_s == INT64_MIN);
    assert_true(acl_host_keys(host)->next->not_after_s == INT64_MAX);
    assert_null(acl_host_keys(host)->next->next);
    assert_int_equal(acl_host_from(host)->prefix.bits, 24);
    assert_int_equal(acl_host_from(host)->next->prefix.bits, 128);
    assert_int_equal(acl_host_from(host)->next->next->prefix.bits, 32);
    assert_null(acl_host_from(host)->next->next->next);
    acltest_close(&test);
}

static void aliases_are_kept_in_order(void **state)
{
    struct acltest test;

    (void)state;
    open_with_stock(&test);
    acltest_add(&test, "alias A.x  b.y\n\nalias c d.\n", false);
    assert_string_equal(test.told, "");
    const struct acl_alias *alias = test.source.aliases;
    assert_memory_equal(alias->original.octets, "\1a\1x", 5);
    assert_memory_equal(alias->target.octets, "\1b\1y", 5);
    assert_int_equal(alias->target_place.column, 12);
    assert_int_equal(alias->next->place.line, 3);
    assert_null(alias->next->next);
    acltest_close(&test);
}

static void profiles_are_kept(void **state)
{
    struct acltest test;

    (void)state;
    open_with_stock(&test);
    acltest_add(&test,
                "profile signer\n owner {name}\n type DS tlsa\n dangerous\n"
                "profile note\n owner x.{name}\n type TXT\n check match a|b\n",
                false);
    assert_string_equal(test.told, "");
    const struct acl_profile *signer =
        map_get(&test.source.profile_by_name, "signer", 6);
    assert_false(signer->is_stock);
    assert_true(signer->owner_is_name);
    assert_false(signer->wants_port);
    assert_true(signer->terms.is_dangerous);
    assert_int_equal(signer->terms.type_count, 2);
    assert_int_equal(signer->terms.types[1], TYPE_TLSA);
    assert_int_equal(signer->terms.check.kind, ACL_CHECK_ANY);
    assert_int_equal(signer->terms.ttl_max_s, 3600); /* */
    const struct acl_profile *note = map_get(&test.source.profile_by_name, "note", 4);
    assert_false(note->owner_is_name);
    assert_int_equal(regexec(note->terms.check.regex, "b", 0, NULL, 0), 0);
    assert_int_not_equal(regexec(note->terms.check.regex, "ab", 0, NULL, 0), 0);
    const struct acl_profile *tlsa = map_get(&test.source.profile_by_name, "tlsa", 4);
    assert_true(tlsa->is_stock);
    assert_true(tlsa->wants_port);
    assert_int_equal(tlsa->terms.check.count, 2);
    assert_int_equal(tlsa->terms.check.tlsa[1].usage, 2);
    const struct acl_profile *caa = map_get(&test.source.profile_by_name, "caa", 3);
    assert_int_equal(caa->terms.check.kind, ACL_CHECK_MISSING);
    acltest_close(&test);
}

/* ---- what is refused ---- */

struct refusal {
    const char *name, *text, *told;
};

static void run_refusals(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct acltest test;
        open_with_stock(&test);
        acltest_add(&test, cases[i].text, false);
        if (test.result != RES_EFORMAT || strcmp(test.told, cases[i].told) != 0)
            fail_msg("case \"%s\": result %d, told:\n%s%s", cases[i].name, test.result,
                     test.told,
                     test.diags.first != NULL ? test.diags.first->message : "");
        acltest_close(&test);
    }
}

static void statements_are_checked(void **state)
{
    static const struct refusal cases[] = {
        {"unknown", "host h\n quux a\n", "2:2 acl-unknown-statement\n"},
        {"a grant outside a block", " acme a\n", "1:2 acl-block\n"},
        {"a grant behind the flat form", "grant h acme a\nacme b\n", "2:1 acl-block\n"},
        {"a grant behind an alias", "host h\nalias a b\nacme b\n", "3:1 acl-block\n"},
        {"a key outside a block", "key k\n", "1:1 acl-block\n"},
        {"a key of every host", "every-host\nkey k\n", "2:1 acl-block\n"},
        {"an address of every host", "every-host\nfrom ::1\n", "2:1 acl-block\n"},
        {"a profile's statement in a host", "host h\n ttl 0..1\n", "2:2 acl-block\n"},
        {"a block ends with its file", "acme a\n", "1:1 acl-block\n"},
        {"host without a name", "host\n acme a\n", "1:1 acl-syntax\n"},
        {"host with two names", "host a b\n acme a\n", "1:1 acl-syntax\n"},
        {"a host that is no name", "host a..b\n acme a\n key k\n from ::1\n",
         "1:6 acl-name\n"},
        {"a pattern as a host", "host *.b\n", "1:6 acl-name\n"},
        {"every-host with a name", "every-host a\n acme a\n", "1:12 acl-syntax\n"},
        {"a flat grant without words", "grant h acme\n", "1:9 acl-grant\n"},
        {"a flat grant without a profile", "grant h\n", "1:1 acl-syntax\n"},
        {"a flat grant of no profile", "grant h amce a\n", "1:9 acl-profile\n"},
        {"both are told", "grant h..h amce a\n", "1:7 acl-name\n1:12 acl-profile\n"},
        {"an alias alone", "alias a\n", "1:1 acl-syntax\n"},
        {"an alias to itself", "alias a.b A.b.\n", "1:11 acl-alias\n"},
        {"an alias with a pattern", "alias *.b {host}\n",
         "1:7 acl-name\n1:11 acl-name\n"},
        {"a key without a name", "host h\n key\n", "2:2 acl-key\n"},
        {"a key with another word", "host h\n key k until x\n", "2:8 acl-key\n"},
        {"a time that is none", "host h\n key k not-after 2027-02-30T00:00:00Z\n",
         "2:18 acl-key\n"},
        {"a time that is missing", "host h\n key k not-after\n", "2:8 acl-key\n"},
        {"a time twice",
         "host h\n key k not-after 2027-01-01T00:00:00Z not-after "
         "2027-01-01T00:00:00Z\n",
         "2:39 acl-key\n"},
        {"a key that never is valid",
         "host h\n key k not-before 2027-01-01T00:00:00Z not-after "
         "2027-01-01T00:00:00Z\n",
         "2:6 acl-key\n"},
        {"from without an address", "host h\n from\n", "2:2 acl-from\n"},
        {"addresses, each its own",
         "host h\n from 192.0.2.1/24 ::ffff:192.0.2.1 x 192.0.2.1\n",
         "2:7 acl-from\n2:20 acl-from\n2:37 acl-from\n"},
    };
    (void)state;
    run_refusals(cases, COUNT_OF(cases));
}

static void grants_are_checked(void **state)
{
    static const struct refusal cases[] = {
        {"no name", "host h\n acme\n", "2:2 acl-grant\n"},
        {"no port", "host h\n tlsa a\n", "2:2 acl-grant\n"},
        {"a port and no name", "host h\n tlsa 25/tcp\n", "2:2 acl-grant\n"},
        {"ports for a profile without", "host h\n acme a 25/tcp 26/tcp\n",
         "2:9 acl-port\n2:16 acl-port\n"},
        {"ports that are none",
         "host h\n tlsa a 65536/tcp 025/tcp 25/TCP /tcp 25/x 1/tcp\n",
         "2:9 acl-port\n2:19 acl-port\n2:27 acl-port\n2:34 acl-port\n2:39 acl-port\n"},
        {"names that are none", "host h\n acme a..b c\\.d {name} \\300 e\n",
         "2:7 acl-name\n2:12 acl-name\n2:17 acl-name\n2:24 acl-name\n"},
        {"names that are not LDH", "host h\n acme a_b a@b a/b\n",
         "2:11 acl-name\n2:15 acl-port\n"},
        {"a pattern without broad", "host h\n acme *.a **.a a.*.b\n",
         "2:7 acl-broad\n2:11 acl-broad\n2:16 acl-broad\n"},
        {"a subtree that is not leftmost", "host h\n acme a.**.b broad\n",
         "2:7 acl-name\n"},
        {"an owner over 255 octets",
         "host h\n acme "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
         "2:7 acl-name\n"},
        {"caa without check=", "host h\n caa a\n", "2:2 acl-check\n"},
        {"caa with a bare check=", "host h\n caa a check=caa-value\n",
         "2:2 acl-check\n"},
        {"acme-persist without check=", "host h\n acme-persist a ttl=0..5\n",
         "2:2 acl-check\n"},
        {"names for a profile without {name}",
         "profile p\n owner _x.{host}\n type TXT\nhost h\n p a\n", "5:2 acl-grant\n"},
        {"no room for a subtree",
         "profile p\n owner {name}.*.z\n type TXT\nhost h\n p **.a broad\n",
         "5:4 acl-grant\n"},
    };
    (void)state;
    run_refusals(cases, COUNT_OF(cases));
}

static void options_are_checked(void **state)
{
    static const struct refusal cases[] = {
        {"unknown", "host h\n acme a tll=1..2\n", "2:9 acl-option\n"},
        {"twice", "host h\n acme a ttl=1..2 ttl=1..2\n", "2:18 acl-option\n"},
        {"broad twice", "host h\n acme *.a broad broad\n", "2:17 acl-option\n"},
        {"a name behind", "host h\n acme a broad b\n", "2:15 acl-option\n"},
        {"ttl without two bounds",
         "host h\nacme a ttl=300\nacme a ttl=\nacme a ttl=2..1\nacme a ttl=1..\n"
         "acme a ttl=-1..2\nacme a ttl=0..2147483648\nacme a ttl=1...2\n",
         "2:12 acl-ttl\n3:12 acl-ttl\n4:12 acl-ttl\n5:12 acl-ttl\n6:12 acl-ttl\n"
         "7:12 acl-ttl\n8:12 acl-ttl\n"},
        {"ttl-mode", "host h\n acme a ttl-mode=on\n", "2:18 acl-option\n"},
        {"may", "host h\n acme a may=add,frob,,add\n",
         "2:17 acl-may\n2:22 acl-may\n2:23 acl-may\n"},
        {"max-records", "host h\nacme a max-records=0\nacme a max-records=65536\n",
         "2:20 acl-max-records\n3:20 acl-max-records\n"},
        {"check unknown", "host h\n acme a check=tsla\n", "2:15 acl-check\n"},
        {"check empty", "host h\n acme a check=\n", "2:15 acl-check\n"},
        {"check of another type", "host h\n acme a check=\"tlsa 3-1-1\"\n",
         "2:16 acl-check\n"},
        {"check with arguments that it has not", "host h\n acme a check=\"any x\"\n",
         "2:16 acl-check\n"},
        {"tlsa arguments", "host h\n tlsa a 1/tcp check=\"tlsa 3-1-0 4-1-1 3-1-1\"\n",
         "2:27 acl-check\n2:33 acl-check\n"},
        {"tlsa without arguments", "host h\n tlsa a 1/tcp check=tlsa\n",
         "2:21 acl-check\n"},
        {"caa arguments", "host h\n caa a check=\"caa-value issue x=\"\n",
         "2:25 acl-check\n2:31 acl-check\n"},
        {"columns behind escapes",
         "host h\n caa a check=\"caa-value \\\"a=b c\\\" d\"\n", "2:35 acl-check\n"},
        {"acme-persist arguments",
         "host h\n acme-persist a check=\"acme-persist ca\"\n", "2:24 acl-check\n"},
        {"an account that is no URI",
         "host h\n acme-persist a check=\"acme-persist ca 42\"\n", "2:40 acl-check\n"},
        {"a regular expression", "host h\n acme a check=\"match (a\"\n",
         "2:22 acl-check\n"},
    };
    (void)state;
    run_refusals(cases, COUNT_OF(cases));
}

static void profiles_are_checked(void **state)
{
    static const struct refusal cases[] = {
        {"a stock profile",
         "profile acme\n owner x.{name}\n type TXT\nhost h\n acme a\n",
         "1:9 acl-profile\n"},
        {"twice",
         "profile p\n owner x.{name}\n type TXT\nprofile p\n owner y.{name}\n type A\n",
         "4:9 acl-profile\n"},
        {"a keyword", "profile ttl\n owner x.{name}\n type TXT\n", "1:9 acl-profile\n"},
        {"no name", "profile\n owner x.{name}\n type TXT\n", "1:1 acl-profile\n"},
        {"a name with other octets", "profile Acme2\n", "1:9 acl-profile\n"},
        {"before it is defined",
         "host h\n p a\nprofile p\n owner x.{name}\n type TXT\n",
         "2:2 acl-unknown-statement\n"},
        {"no owner", "profile p\n type TXT\nhost h\n p a\n", "1:9 acl-profile\n"},
        {"no type", "profile p\n owner x.{name}\n", "1:9 acl-profile\n"},
        {"neither", "profile p\n", "1:9 acl-profile\n1:9 acl-profile\n"},
        {"a statement twice", "profile p\n owner x.{name}\n type TXT\n type A\n",
         "4:2 acl-profile\n"},
        {"an owner that all grants share", "profile p\n owner a.b\n type TXT\n",
         "2:8 acl-profile\n"},
        {"a port without a proto", "profile p\n owner _{port}.{name}\n type TXT\n",
         "2:8 acl-profile\n"},
        {"a subtree in an owner", "profile p\n owner **.{name}\n type TXT\n",
         "2:8 acl-name\n"},
        {"types", "profile p\n owner x.{name}\n type TXT TXT FOO SOA CNAME ANY MX A\n",
         "3:11 acl-type\n3:15 acl-type\n3:19 acl-type\n3:23 acl-type\n3:29 acl-type\n"
         "3:33 acl-type\n"},
        {"dangerous types", "profile p\n owner x.{name}\n type NS TXT DNSKEY\n",
         "3:7 acl-type\n3:14 acl-type\n"},
        {"a check of another type",
         "profile p\n owner x.{name}\n check acme-token\n type A TXT\n",
         "3:8 acl-check\n"},
        {"operations", "profile p\n owner x.{name}\n type A\n may add remove\n",
         "4:10 acl-may\n"},
        {"a grant in a profile", "profile p\n owner x.{name}\n type A\n acme a\n",
         "4:2 acl-block\n"},
        {"dangerous with a word",
         "profile p\n owner x.{name}\n type A\n dangerous yes\n", "4:2 acl-profile\n"},
        {"a dangerous type and another error",
         "profile p\n owner x.{nam}\n type NS\n ttl 5\n",
         "2:8 acl-name\n4:6 acl-ttl\n3:7 acl-type\n"},
        {"`dangerous`, misspelt", "profile p\n owner x.{name}\n type NS\n dangerus\n",
         "4:2 acl-unknown-statement\n"},
        {"a check with an error", "profile p\n owner x.{name}\n type A\n check tlsa\n",
         "4:8 acl-check\n"},
        {"an unknown statement", "profile p\n ownr x.{name}\n type A\nhost h\n p a\n",
         "2:2 acl-unknown-statement\n"},
    };
    (void)state;
    run_refusals(cases, COUNT_OF(cases));
}

/* One mistake is one error, and all mistakes are told. */
static void errors_do_not_breed(void **state)
{
    static const struct refusal cases[] = {
        {"a misspelt host", "hots h\n acme a\n key k\n", "1:1 acl-unknown-statement\n"},
        {"a misspelt profile", "profil p\n owner x.{name}\n type A\nhost h\n p a\n",
         "1:1 acl-unknown-statement\n"},
        {"a misspelt every-host", "evry-host\n acme {host}\n",
         "1:1 acl-unknown-statement\n"},
        {"a broken line that opens a block", "host \"h\n acme a\n key k\n",
         "1:6 acl-syntax\n"},
        {"a byte order mark", "\xef\xbb\xbfhost h\n acme a\n", "1:1 acl-syntax\n"},
        {"a broken line in a block", "host h\n acme \"a\n acme a\n",
         "2:7 acl-syntax\n"},
        {"a broken owner", "profile p\n owner \"x\n type A\nhost h\n p a 25/tcp\n",
         "2:8 acl-syntax\n"},
        {"a bad profile and its grants",
         "profile p\n owner x.{nam}\n type A\nhost h\n p a\n p 25/tcp *.b\n",
         "2:8 acl-name\n"},
        {"all errors of a block",
         "host h\n acme *.a\n tlsa a\n key k..k\n acme a ttl=1\nhost i..i\n acme "
         "b..b\n",
         "2:7 acl-broad\n3:2 acl-grant\n4:6 acl-name\n5:13 acl-ttl\n6:6 acl-name\n"
         "7:7 acl-name\n"},
    };
    (void)state;
    run_refusals(cases, COUNT_OF(cases));
}

static void stock_files_have_profiles_only(void **state)
{
    struct acltest test;

    (void)state;
    acltest_open(&test);
    acltest_add(&test,
                "profile p\n owner x.{name}\n type A\nhost h\n p a\ngrant h p a\n"
                "every-host\n p a\nalias a b\n",
                true);
    assert_int_equal(test.result, RES_EFORMAT);
    assert_string_equal(test.told,
                        "4:1 acl-stock\n6:1 acl-stock\n7:1 acl-stock\n9:1 acl-stock\n");
    assert_int_equal(test.source.hosts.count, 0);
    assert_null(test.source.grants);
    acltest_close(&test);
}

static void messages_say_the_remedy(void **state)
{
    static const struct {
        const char *text, *has;
    } cases[] = {
        {"host h\n acme *.b.example\n", "needs `acme b.example`"},
        {"hots h\n", "did you mean host"},
        {"host h\n amce a\n", "did you mean acme"},
        {"host h\n acme a tll=1..2\n", "did you mean ttl="},
        {"host h\n acme a may=delete-rset\n", "did you mean delete-rrset"},
        {"host h\n acme a check=acme_token\n", "did you mean acme-token"},
        {"host h\n acme a check=\"acme-token x\"\n", "acme-token and no arguments"},
        {"host h\n caa a\n", "check=\"caa-value TAG=VALUE...\""},
        {"profile p\n owner x.{name}\n tpye A\n", "did you mean type"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct acltest test;
        open_with_stock(&test);
        acltest_add(&test, cases[i].text, false);
        if (strstr(test.diags.first->message, cases[i].has) == NULL)
            fail_msg("case \"%s\": %s", cases[i].has, test.diags.first->message);
        acltest_close(&test);
    }
}

/* wherever memory ends, that is what is said, and nothing leaks. */
static void memory_may_end_anywhere(void **state)
{
    static const char text[] =
        "profile p\n owner _x.{host}.{name}\n type TXT\n check match a+\n"
        "host A.b\n key k\n from ::1\n acme c.D \\042.e\n"
        " tlsa f 25/tcp ttl=1..2 may=add check=\"tlsa 3-1-1\"\n"
        " caa g check=\"caa-value issue=ca iodef=x\"\n"
        " acme-persist h check=\"acme-persist ca https://ca/1\"\n"
        "grant i p j\nalias k l\n";
    enum result result = RES_EMEM;
    size_t limits = 0;

    (void)state;
    for (; result == RES_EMEM; limits++) {
        struct acltest test;
        open_with_stock(&test);
        test.source.arena.limit = test.source.arena.used + 8 * limits;
        test.source.lines.limit = test.source.lines.used + 1 + limits;
        acltest_add(&test, text, false);
        result = test.result;
        assert_string_equal(test.told, "");
        acltest_close(&test);
    }
    assert_int_equal(result, RES_OK);
    assert_true(limits > 100);
}

/* The stock profiles and the samples are what people start from. */
static void shipped_files_are_good(void **state)
{
    static const char *const names[] = {"profiles", "corners", "duckcorp", "stock"};
    static char text[65536];
    const char *srcdir = getenv("srcdir");
    char path[512];
    struct acltest test;

    (void)state;
    acltest_open(&test);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/acl/%s.acl",
                       srcdir != NULL ? srcdir : ".", names[i]);
        FILE *file = fopen(path, "r");
        assert_case(path, file != NULL);
        size_t len = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        text[len] = '\0';
        acltest_add(&test, text, i == 0);
        if (test.result != RES_OK)
            fail_msg("%s: %s", path, test.told);
    }
    assert_string_equal(test.told, "");
    acltest_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grants_are_understood),
        cmocka_unit_test(hosts_add_up),
        cmocka_unit_test(aliases_are_kept_in_order),
        cmocka_unit_test(profiles_are_kept),
        cmocka_unit_test(statements_are_checked),
        cmocka_unit_test(grants_are_checked),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(profiles_are_checked),
        cmocka_unit_test(errors_do_not_breed),
        cmocka_unit_test(stock_files_have_profiles_only),
        cmocka_unit_test(messages_say_the_remedy),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(shipped_files_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

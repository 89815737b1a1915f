#include "policy/keyring.h"

#include "conf/keyfile.h"
#include "policy/site.h"

/* base64 of 32 octets each */
#define SECRET_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define SECRET_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
#define SECRET_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M="
#define SECRET_G "R0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0c="
/* SECRET_A and a zero octet: for HMAC the same (RFC 2104 2 pads with zeros) */
#define SECRET_A0 "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUEA"

#define KEY(name, secret)                                                              \
    "key \"" name "\" { algorithm hmac-sha256; secret \"" secret "\"; };\n"

struct ring_case {
    const char *name;
    const char *acl;
    const char *keys;
    const char *gateway; /* NULL: none configured */
    size_t count;        /* client keys that result */
    enum result result;
    const char *ids[4];
    bool has_lost_keys;
};

#define ONE_HOST "host h\n key k\n acme a.corp.example\n"
#define TWO_KEYS "host h\n key k\n key l\n acme a.corp.example\n"
#define TWO_HOSTS                                                                      \
    "host h\n key k\n acme a.corp.example\nhost i\n key l\n acme b.corp.example\n"
#define GATEWAY KEY("g", SECRET_G)

static const struct ring_case ring_cases[] = {
    {"a key and the gateway's",
     ONE_HOST,
     KEY("k", SECRET_A) GATEWAY,
     "g",
     1,
     RES_OK,
     {0}},
    {"case of names",
     ONE_HOST,
     KEY("K", SECRET_A) KEY("G", SECRET_G),
     "g",
     1,
     RES_OK,
     {0}},
    {"two hosts",
     TWO_HOSTS,
     KEY("k", SECRET_A) KEY("l", SECRET_B) GATEWAY,
     "g",
     2,
     RES_OK,
     {0}},
    {"a key twice",
     ONE_HOST,
     KEY("k", SECRET_A) KEY("k", SECRET_B) GATEWAY,
     "g",
     1,
     RES_EFORMAT,
     {"key-twice"}},
    {"the gateway's key twice",
     ONE_HOST,
     GATEWAY KEY("k", SECRET_A) GATEWAY,
     "g",
     1,
     RES_EFORMAT,
     {"key-twice"}},
    {"one secret, two hosts",
     TWO_HOSTS,
     KEY("k", SECRET_A) KEY("l", SECRET_A) GATEWAY,
     "g",
     2,
     RES_EFORMAT,
     {"secret-two-hosts"}},
    {"one secret, padded, two hosts",
     TWO_HOSTS,
     KEY("k", SECRET_A) KEY("l", SECRET_A0) GATEWAY,
     "g",
     2,
     RES_EFORMAT,
     {"secret-two-hosts"}},
    {"one secret, another algorithm, two hosts",
     TWO_HOSTS,
     KEY("k", SECRET_A) "key l { algorithm hmac-sha384; secret \"" SECRET_A
                        "\"; };\n" GATEWAY,
     "g",
     2,
     RES_EFORMAT,
     {"short-secret", "secret-two-hosts"}},
    {"one secret twice in a host",
     TWO_KEYS,
     KEY("k", SECRET_A) KEY("l", SECRET_A) GATEWAY,
     "g",
     2,
     RES_OK,
     {"secret-twice"}},
    {"two secrets in a host",
     TWO_KEYS,
     KEY("k", SECRET_A) KEY("l", SECRET_B) GATEWAY,
     "g",
     2,
     RES_OK,
     {0}},
    {"a host's secret is the gateway's",
     ONE_HOST,
     GATEWAY KEY("k", SECRET_G),
     "g",
     1,
     RES_EFORMAT,
     {"secret-two-hosts"}},
    {"a secret of no host's key",
     ONE_HOST,
     KEY("m", SECRET_A) KEY("k", SECRET_A) GATEWAY,
     "g",
     2,
     RES_OK,
     {"key-without-host"}},
    {"no gateway's key",
     ONE_HOST,
     KEY("k", SECRET_A),
     "g",
     1,
     RES_EFORMAT,
     {"gateway-key-missing"}},
    {"no gateway configured", ONE_HOST, KEY("k", SECRET_A), NULL, 1, RES_OK, {0}},
    {"a host claims the gateway's key",
     "host g\n acme a.corp.example\n",
     GATEWAY,
     "g",
     0,
     RES_EFORMAT,
     {"gateway-key-claimed"}},
    {"a key without a host",
     ONE_HOST,
     KEY("k", SECRET_A) KEY("m", SECRET_B) GATEWAY,
     "g",
     2,
     RES_OK,
     {"key-without-host"}},
    {"a key without a file",
     TWO_KEYS,
     KEY("k", SECRET_A) GATEWAY,
     "g",
     1,
     RES_OK,
     {"key-without-file"}},
    {"a host's own key without a file",
     "host h\n acme a.corp.example\n",
     GATEWAY,
     "g",
     0,
     RES_OK,
     {"key-without-file"}},
    {"nothing", "", "", "g", 0, RES_EFORMAT, {"gateway-key-missing"}},
    {"in files that could not be read",
     TWO_KEYS,
     KEY("k", SECRET_A),
     "g",
     1,
     RES_OK,
     {NULL},
     .has_lost_keys = true},
};

static void open_ring(struct site *site, const struct ring_case *c,
                      struct keyfile_key **keys)
{
    site_open(site);
    site_add_zones(site, (const char *const[]){"+corp.example", NULL});
    assert_int_equal(site_compile(site, c->acl), RES_OK);
    assert_int_equal(keyfile_parse("keys", c->keys, strlen(c->keys), false,
                                   &site->arena, &site->diags, keys),
                     RES_OK);
}

static void test_build(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ring_cases); i++) {
        const struct ring_case *c = &ring_cases[i];
        struct site site;
        struct keyfile_key *keys = NULL;
        struct keyring ring;
        print_message("  %s\n", c->name);
        open_ring(&site, c, &keys);
        struct keyring_parts parts = {.keys = keys,
                                      .has_lost_keys = c->has_lost_keys,
                                      .gateway_at = {"site.conf", 9, 1}};
        if (c->gateway != NULL)
            parts.gateway = name_in(&site.arena, c->gateway);
        enum result res =
            keyring_build(&parts, &site.acl, &site.arena, &site.diags, &ring);
        assert_int_equal(res, c->result);
        site_assert_ids(&site, c->ids);
        assert_int_equal(ring.keys.count, c->count);
        /* U-10: clients do not know it. */
        if (c->gateway != NULL)
            assert_null(keyring_find(&ring, parts.gateway));
        keyring_fini(&ring);
        keyfile_keys_free(&keys);
        site_close(&site);
    }
}

static void test_keys(void **state)
{
    static const struct ring_case c = {
        .acl = ONE_HOST,
        .keys = KEY("K", SECRET_A) KEY("m", SECRET_B) GATEWAY,
    };
    struct site site;
    struct keyfile_key *keys = NULL;
    struct keyring ring;

    (void)state;
    open_ring(&site, &c, &keys);
    const struct keyring_parts parts = {.keys = keys,
                                        .gateway = name_in(&site.arena, "g")};
    assert_int_equal(keyring_build(&parts, &site.acl, &site.arena, &site.diags, &ring),
                     RES_OK);
    const struct key *k = keyring_find(&ring, name_in(&site.arena, "k"));
    const struct key *m = keyring_find(&ring, name_in(&site.arena, "m"));
    assert_non_null(k);
    assert_non_null(m);
    assert_name(k->name, "k");
    assert_ptr_equal(k->credential.host, acl_source_host(&site.source, 0));
    assert_int_equal(hmac_algorithm_of(k->hmac), HMAC_SHA256);
    assert_null(m->credential.host);
    assert_non_null(ring.gateway.hmac);
    assert_name(ring.gateway.name, "g");
    /* O-4: what is in OpenSSL's contexts is nowhere else. */
    for (const struct keyfile_key *key = keys; key != NULL; key = key->next)
        assert_null(key->secret.octets);
    keyring_fini(&ring);
    keyfile_keys_free(&keys);
    site_close(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

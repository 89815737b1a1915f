/* Every format, read back by OpenSSL, and told from what is not the same. */
#include "tlsa/rendering.h"

#include <openssl/pkcs12.h>

#include "pki.h"

struct stand {
    struct pki pki;
    struct tool tool;
    struct material material;
};

/* with: how many issuers. */
static void open_stand(struct stand *stand, size_t with)
{
    char certificate[64];
    char key[64];
    *stand = (struct stand){.tool = {.usage = ""}};
    arena_init(&stand->tool.arena, 4096, 0);
    diags_init(&stand->tool.diags);
    pki_open(&stand->pki);
    pki_write_pair(&stand->pki, with, certificate, key);
    assert_int_equal(material_open(&stand->tool, certificate, key, &stand->material),
                     TOOL_DONE);
}

static void close_stand(struct stand *stand)
{
    material_close(&stand->material);
    diags_fini(&stand->tool.diags);
    arena_fini(&stand->tool.arena);
    pki_close(&stand->pki);
}

static BIO *render(const struct stand *stand, enum deployment_format format,
                   const char *password)
{
    BIO *made;
    const struct rendering_wish wish = {
        .format = format, .name = "mx1", .password = password};
    assert_int_equal(rendering_make(&stand->material, &wish, &made), RES_OK);
    return made;
}

/* Of the PEM and DER formats: what reads back, by the one reader of all. */
static const struct {
    enum deployment_format format;
    size_t certificates;
    bool has_leaf;
    bool has_key;
} readings[] = {
    {DEPLOYMENT_CERTIFICATE, 1, true, false},
    {DEPLOYMENT_CHAIN, 1, false, false},
    {DEPLOYMENT_FULLCHAIN, 2, true, false},
    {DEPLOYMENT_KEY, 0, false, true},
    {DEPLOYMENT_COMBINED, 2, true, true},
    {DEPLOYMENT_CERTIFICATE_DER, 1, true, false},
    {DEPLOYMENT_KEY_DER, 0, false, true},
};

static void test_read_back(void **state)
{
    (void)state;
    struct stand stand;
    open_stand(&stand, 1);
    for (size_t i = 0; i < COUNT_OF(readings); i++) {
        char *chars;
        struct certfile file;
        const char *name = deployment_format_name(readings[i].format);
        BIO *made = render(&stand, readings[i].format, NULL);
        long len = BIO_get_mem_data(made, &chars);
        assert_case(name, certfile_parse(&file, name, chars, (size_t)len,
                                         &stand.tool.diags) == RES_OK);
        assert_case(name, file.count == readings[i].certificates);
        assert_case(name, (file.key != NULL) == readings[i].has_key);
        const X509 *first =
            readings[i].has_leaf ? stand.pki.certificate : stand.pki.issuer;
        assert_case(name,
                    file.count == 0 || X509_cmp(file.certificates[0], first) == 0);
        assert_case(name,
                    file.key == NULL || EVP_PKEY_eq(file.key, stand.pki.key) == 1);
        certfile_close(&file);
        BIO_free(made);
    }
    close_stand(&stand);
}

static void test_pkcs12(void **state)
{
    (void)state;
    struct stand stand;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    STACK_OF(X509) *issuers = NULL;
    open_stand(&stand, 1);
    BIO *made = render(&stand, DEPLOYMENT_PKCS12, "secret");
    PKCS12 *found = d2i_PKCS12_bio(made, NULL);
    assert_non_null(found);
    assert_int_equal(PKCS12_verify_mac(found, "wrong", 5), 0);
    assert_int_equal(PKCS12_parse(found, "secret", &key, &certificate, &issuers), 1);
    assert_int_equal(EVP_PKEY_eq(key, stand.pki.key), 1);
    assert_int_equal(X509_cmp(certificate, stand.pki.certificate), 0);
    assert_int_equal(sk_X509_num(issuers), 1);
    assert_int_equal(X509_cmp(sk_X509_value(issuers, 0), stand.pki.issuer), 0);
    EVP_PKEY_free(key);
    X509_free(certificate);
    sk_X509_pop_free(issuers, X509_free);
    PKCS12_free(found);
    BIO_free(made);
    close_stand(&stand);
}

/* Salts differ from one PKCS#12 to the next, and are no change. */
static void test_equals(void **state)
{
    (void)state;
    struct stand with;
    struct stand without;
    open_stand(&with, 1);
    open_stand(&without, 0);
    for (int format = DEPLOYMENT_CERTIFICATE; format <= DEPLOYMENT_KEY_DER; format++) {
        char *chars;
        const char *name = deployment_format_name((enum deployment_format)format);
        const struct rendering_wish wish = {.format = (enum deployment_format)format,
                                            .name = "mx1",
                                            .password = "secret"};
        const struct rendering_wish other = {
            .format = wish.format, .name = "mx1", .password = "Secret"};
        BIO *made = render(&with, wish.format, wish.password);
        BIO *again = render(&with, wish.format, wish.password);
        long len = BIO_get_mem_data(again, &chars);
        assert_case(name,
                    rendering_equals(&with.material, &wish, made, chars, (size_t)len));
        assert_case(name, !rendering_equals(&with.material, &wish, made, chars,
                                            (size_t)len - 1));
        assert_case(name, !rendering_equals(&with.material, &wish, made, "", 0));
        if (wish.format == DEPLOYMENT_PKCS12)
            assert_case(name, !rendering_equals(&with.material, &other, made, chars,
                                                (size_t)len));
        BIO_free(again);
        if (wish.format != DEPLOYMENT_CHAIN) {
            again = render(&without, wish.format, wish.password); /* all is another's */
            len = BIO_get_mem_data(again, &chars);
            assert_case(name, !rendering_equals(&with.material, &wish, made, chars,
                                                (size_t)len));
            BIO_free(again);
        }
        BIO_free(made);
    }
    close_stand(&without);
    close_stand(&with);
}

static void test_no_chain(void **state)
{
    (void)state;
    struct stand stand;
    BIO *made;
    const struct rendering_wish wish = {.format = DEPLOYMENT_CHAIN, .name = "mx1"};
    open_stand(&stand, 0);
    assert_int_equal(rendering_make(&stand.material, &wish, &made), RES_ENOTFOUND);
    assert_null(made);
    close_stand(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_pkcs12),
        cmocka_unit_test(test_equals),
        cmocka_unit_test(test_no_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

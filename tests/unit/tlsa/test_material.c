/* Which pairs of files are a certificate and its key, and which are not. */
#include "tlsa/material.h"

#include "pki.h"

/* What a file has in it, one after the other. */
enum part {
    NOTHING = 0,
    LEAF,
    ISSUER,
    LEAF_DER,
    EXPIRED,
    NOT_YET,
    KEY,        /* PKCS#8 */
    KEY_OF_OLD, /* "EC PRIVATE KEY", as OpenSSL wrote it once */
    KEY_DER,
    KEY_OTHER,
    KEY_ENCRYPTED,
    KEY_PUBLIC,
    REQUEST,
    GARBAGE,
    HALF,
};

struct material_case {
    const char *name;
    enum part certificate[3];
    enum part key[3];
    bool is_good;
};

static const struct material_case cases[] = {
    {"a pair", {LEAF}, {KEY}, true},
    {"with its issuer", {LEAF, ISSUER}, {KEY}, true},
    {"DER", {LEAF_DER}, {KEY_DER}, true},
    {"a key of old", {LEAF}, {KEY_OF_OLD}, true},
    {"combined, twice", {KEY, LEAF, ISSUER}, {KEY, LEAF, ISSUER}, true},
    {"the certificate behind its key", {LEAF}, {KEY, LEAF}, true},
    {"another key", {LEAF}, {KEY_OTHER}, false},
    {"another key beside it", {LEAF, KEY_OTHER}, {KEY}, false},
    {"two keys", {LEAF}, {KEY, KEY_OTHER}, false},
    {"an encrypted key", {LEAF}, {KEY_ENCRYPTED}, false},
    {"a public key", {LEAF}, {KEY_PUBLIC}, false},
    {"no key", {LEAF}, {LEAF}, false},
    {"exchanged", {KEY}, {LEAF}, false},
    {"a request", {REQUEST}, {KEY}, false},
    {"the issuer first", {ISSUER, LEAF}, {KEY}, false},
    {"expired", {EXPIRED}, {KEY}, false},
    {"not valid yet", {NOT_YET}, {KEY}, false},
    {"an empty certificate", {NOTHING}, {KEY}, false},
    {"an empty key", {LEAF}, {NOTHING}, false},
    {"garbage", {GARBAGE}, {KEY}, false},
    {"garbage for a key", {LEAF}, {GARBAGE}, false},
    {"half a certificate", {HALF}, {KEY}, false},
    {"half an issuer", {LEAF, HALF}, {KEY}, false},
};

static void write_made(BIO *file, const struct pki *pki, long from_s, long for_s)
{
    X509 *made = pki_certificate("mx1.example.org", pki->key, pki->issuer,
                                 pki->issuer_key, from_s, for_s);
    PEM_write_bio_X509(file, made);
    X509_free(made);
}

static void write_request(BIO *file, const struct pki *pki)
{
    X509_REQ *request = X509_REQ_new();
    X509_REQ_set_pubkey(request, pki->key);
    assert_true(X509_REQ_sign(request, pki->key, EVP_sha256()) > 0);
    PEM_write_bio_X509_REQ(file, request);
    X509_REQ_free(request);
}

static void write_half(BIO *file, const struct pki *pki)
{
    char *chars;
    BIO *whole = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(whole, pki->issuer);
    long len = BIO_get_mem_data(whole, &chars);
    BIO_write(file, chars, (int)(len / 2));
    BIO_free(whole);
}

static void write_part(BIO *file, const struct pki *pki, enum part part)
{
    switch (part) {
    case NOTHING:
        break;
    case LEAF:
        PEM_write_bio_X509(file, pki->certificate);
        break;
    case ISSUER:
        PEM_write_bio_X509(file, pki->issuer);
        break;
    case LEAF_DER:
        i2d_X509_bio(file, pki->certificate);
        break;
    case EXPIRED:
        write_made(file, pki, -3600, 60);
        break;
    case NOT_YET:
        write_made(file, pki, 3600, 3600);
        break;
    case KEY:
        PEM_write_bio_PKCS8PrivateKey(file, pki->key, NULL, NULL, 0, NULL, NULL);
        break;
    case KEY_OF_OLD:
        PEM_write_bio_PrivateKey_traditional(file, pki->key, NULL, NULL, 0, NULL, NULL);
        break;
    case KEY_DER:
        i2d_PrivateKey_bio(file, pki->key);
        break;
    case KEY_OTHER:
        PEM_write_bio_PrivateKey(file, pki->other_key, NULL, NULL, 0, NULL, NULL);
        break;
    case KEY_ENCRYPTED:
        PEM_write_bio_PKCS8PrivateKey(file, pki->key, EVP_aes_128_cbc(), "pass", 4,
                                      NULL, NULL);
        break;
    case KEY_PUBLIC:
        PEM_write_bio_PUBKEY(file, pki->key);
        break;
    case REQUEST:
        write_request(file, pki);
        break;
    case GARBAGE:
        BIO_puts(file, "no certificate\n");
        break;
    case HALF:
        write_half(file, pki);
        break;
    }
}

static void write_file(const struct pki *pki, const char *name,
                       const enum part parts[3])
{
    BIO *file = pki_file(pki, name, "w");
    for (size_t i = 0; i < 3; i++)
        write_part(file, pki, parts[i]);
    BIO_free(file);
}

static void test_pairs(void **state)
{
    (void)state;
    struct pki pki;
    pki_open(&pki);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char certificate[64];
        char key[64];
        struct material material;
        struct tool tool = {.usage = ""};
        arena_init(&tool.arena, 4096, 0);
        diags_init(&tool.diags);
        write_file(&pki, "certificate", cases[i].certificate);
        write_file(&pki, "key", cases[i].key);
        int code = material_open(&tool, pki_path(&pki, "certificate", certificate),
                                 pki_path(&pki, "key", key), &material);
        assert_case(cases[i].name,
                    code == (cases[i].is_good ? TOOL_DONE : TOOL_CONFIG));
        material_close(&material);
        diags_fini(&tool.diags);
        arena_fini(&tool.arena);
    }
    pki_close(&pki);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Keys and certificates for tests, made by OpenSSL, and files of them. */
#ifndef TSIGATE_TESTS_PKI_H
#define TSIGATE_TESTS_PKI_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct pki {
    char folder[32];
    EVP_PKEY *key; /* the service's, and another one */
    EVP_PKEY *other_key;
    EVP_PKEY *issuer_key;
    X509 *certificate; /* issued by: */
    X509 *issuer;
};

/* From so many seconds from now on, for so many. */
static inline X509 *pki_certificate(const char *name, EVP_PKEY *key, X509 *issuer,
                                    EVP_PKEY *issuer_key, long from_s, long for_s)
{
    X509 *made = X509_new();
    assert_non_null(made);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), rand());
    X509_gmtime_adj(X509_getm_notBefore(made), from_s);
    X509_gmtime_adj(X509_getm_notAfter(made), from_s + for_s);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(issuer != NULL ? issuer : made));
    if (issuer == NULL) {
        X509_EXTENSION *ca =
            X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_non_null(ca);
        X509_add_ext(made, ca, -1);
        X509_EXTENSION_free(ca);
    }
    assert_true(X509_sign(made, issuer_key, EVP_sha256()) > 0);
    return made;
}

static inline void pki_open(struct pki *pki)
{
    memcpy(pki->folder, "/tmp/test_pki.XXXXXX", 21);
    assert_non_null(mkdtemp(pki->folder));
    pki->key = EVP_EC_gen("P-256");
    pki->other_key = EVP_EC_gen("P-256");
    pki->issuer_key = EVP_EC_gen("P-256");
    pki->issuer =
        pki_certificate("issuer", pki->issuer_key, NULL, pki->issuer_key, -60, 3600);
    pki->certificate = pki_certificate("mx1.example.org", pki->key, pki->issuer,
                                       pki->issuer_key, -60, 3600);
}

static inline void pki_close(struct pki *pki)
{
    char command[64];
    EVP_PKEY_free(pki->key);
    EVP_PKEY_free(pki->other_key);
    EVP_PKEY_free(pki->issuer_key);
    X509_free(pki->certificate);
    X509_free(pki->issuer);
    snprintf(command, sizeof command, "rm -r %s", pki->folder);
    assert_int_equal(system(command), 0);
}

static inline const char *pki_path(const struct pki *pki, const char *name,
                                   char path[static 64])
{
    snprintf(path, 64, "%s/%s", pki->folder, name);
    return path;
}

/* "a+" adds to what is there. */
static inline BIO *pki_file(const struct pki *pki, const char *name, const char *mode)
{
    char path[64];
    BIO *file = BIO_new_file(pki_path(pki, name, path), mode);
    assert_non_null(file);
    return file;
}

/* The service's certificate with that many issuers behind it, and its key, as PEM. */
static inline void pki_write_pair(const struct pki *pki, size_t issuers,
                                  char certificate[static 64], char key[static 64])
{
    pki_path(pki, "certificate", certificate);
    pki_path(pki, "key", key);
    BIO *file = pki_file(pki, "certificate", "w");
    PEM_write_bio_X509(file, pki->certificate);
    for (size_t i = 0; i < issuers; i++)
        PEM_write_bio_X509(file, pki->issuer);
    BIO_free(file);
    file = pki_file(pki, "key", "w");
    PEM_write_bio_PrivateKey(file, pki->key, NULL, NULL, 0, NULL, NULL);
    BIO_free(file);
}

#endif

#include "tlsa/certfile.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "conf/file.h"

#define EXPECTED "expected a certificate, a key or a request in PEM or DER"

enum result certfile_refuse(struct diags *diags, const char *path, const char *format,
                            ...)
{
    va_list args;
    va_start(args, format);
    diags_verror(diags, (struct place){.file = path}, "", format, args);
    va_end(args);
    return RES_EFORMAT;
}

/* ---- what a block holds ---- */

/* In each decoder below octets that are left over make it another format: a digest of
 * half a file is worse than none. */

static enum result take_certificate(struct certfile *file, const uint8_t *octets,
                                    long len, struct diags *diags)
{
    const uint8_t *at = octets;
    if (file->count == CERTFILE_CERTIFICATES)
        return certfile_refuse(diags, file->path, "more than %d certificates",
                               CERTFILE_CERTIFICATES);
    X509 *certificate = d2i_X509(NULL, &at, len);
    if (certificate == NULL || at != octets + len ||
        X509_get0_pubkey(certificate) == NULL) {
        X509_free(certificate);
        return certfile_refuse(diags, file->path, "certificate %zu is damaged",
                               file->count + 1);
    }
    file->certificates[file->count++] = certificate;
    return RES_OK;
}

static enum result take_request(struct certfile *file, const uint8_t *octets, long len,
                                struct diags *diags)
{
    const uint8_t *at = octets;
    if (file->request != NULL)
        return certfile_refuse(diags, file->path, "a second request: expected one");
    file->request = d2i_X509_REQ(NULL, &at, len);
    if (file->request == NULL || at != octets + len ||
        X509_REQ_get0_pubkey(file->request) == NULL)
        return certfile_refuse(diags, file->path, "the request is damaged");
    return RES_OK;
}

static enum result take_key(struct certfile *file, const uint8_t *octets, long len,
                            bool is_private, struct diags *diags)
{
    const uint8_t *at = octets;
    if (file->key != NULL)
        return certfile_refuse(diags, file->path, "a second key: expected one");
    file->key =
        is_private ? d2i_AutoPrivateKey(NULL, &at, len) : d2i_PUBKEY(NULL, &at, len);
    if (file->key == NULL || at != octets + len)
        return certfile_refuse(diags, file->path,
                               "the key is damaged, or of an unknown kind");
    return RES_OK;
}

static enum result refuse_encrypted(struct certfile *file, struct diags *diags)
{
    return certfile_refuse(
        diags, file->path,
        "the key is encrypted: expected one without a passphrase, or its "
        "certificate or public key");
}

/* ---- PEM ---- */

struct pem_block {
    char *name;
    char *header;
    uint8_t *octets;
    long len;
};

static bool ends_in(const char *text, const char *end)
{
    size_t text_len = strlen(text);
    size_t end_len = strlen(end);
    return text_len >= end_len && strcmp(text + text_len - end_len, end) == 0;
}

static enum result take_block(struct certfile *file, const struct pem_block *block,
                              struct diags *diags)
{
    if (strcmp(block->name, PEM_STRING_X509) == 0 ||
        strcmp(block->name, PEM_STRING_X509_OLD) == 0)
        return take_certificate(file, block->octets, block->len, diags);
    if (ends_in(block->name, "CERTIFICATE REQUEST"))
        return take_request(file, block->octets, block->len, diags);
    if (strcmp(block->name, PEM_STRING_PUBLIC) == 0)
        return take_key(file, block->octets, block->len, false, diags);
    if (strcmp(block->name, PEM_STRING_PKCS8) == 0 ||
        strstr(block->header, "ENCRYPTED") != NULL)
        return refuse_encrypted(file, diags);
    if (ends_in(block->name, "PRIVATE KEY"))
        return take_key(file, block->octets, block->len, true, diags);
    if (ends_in(block->name, " PARAMETERS"))
        return RES_OK; /* of a key or of TLS; says nothing about either */
    return certfile_refuse(diags, file->path, "it has a block \"%.64s\": " EXPECTED,
                           block->name);
}

static enum result take_blocks(struct certfile *file, BIO *bio, struct diags *diags)
{
    enum result result = RES_OK;
    size_t blocks = 0;
    while (result == RES_OK) {
        struct pem_block block = {0};
        ERR_clear_error();
        if (PEM_read_bio(bio, &block.name, &block.header, &block.octets, &block.len) !=
            1)
            break;
        blocks++;
        result = take_block(file, &block, diags);
        OPENSSL_free(block.name);
        OPENSSL_free(block.header);
        OPENSSL_clear_free(block.octets, (size_t)block.len);
    }
    if (result == RES_OK &&
        ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return certfile_refuse(diags, file->path, "PEM block %zu is damaged",
                               blocks + 1);
    return result;
}

static enum result parse_pem(struct certfile *file, const char *chars, size_t len,
                             struct diags *diags)
{
    BIO *bio = BIO_new_mem_buf(chars, (int)len);
    if (bio == NULL)
        return RES_EMEM;
    enum result result = take_blocks(file, bio, diags);
    BIO_free(bio);
    return result;
}

/* ---- DER ---- */

/* Of formats that we only name. */
static bool is_pkcs12(const uint8_t *octets, long len)
{
    PKCS12 *found = d2i_PKCS12(NULL, &octets, len);
    PKCS12_free(found);
    return found != NULL;
}

static bool is_encrypted_key(const uint8_t *octets, long len)
{
    X509_SIG *found = d2i_X509_SIG(NULL, &octets, len);
    X509_SIG_free(found);
    return found != NULL;
}

static enum result parse_der(struct certfile *file, const uint8_t *octets, long len,
                             struct diags *diags)
{
    const uint8_t *end = octets + len;
    const uint8_t *at = octets;
    X509 *certificate = d2i_X509(NULL, &at, len);
    if (certificate != NULL) {
        X509_free(certificate);
        return take_certificate(file, octets, len, diags);
    }
    at = octets;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, len);
    if (request != NULL) {
        X509_REQ_free(request);
        return take_request(file, octets, len, diags);
    }
    at = octets;
    file->key = d2i_PUBKEY(NULL, &at, len);
    if (file->key != NULL && at == end)
        return RES_OK;
    EVP_PKEY_free(file->key);
    file->key = NULL;
    if (is_pkcs12(octets, len))
        return certfile_refuse(diags, file->path, "it is PKCS#12: " EXPECTED);
    if (is_encrypted_key(octets, len))
        return refuse_encrypted(file, diags);
    at = octets;
    file->key = d2i_AutoPrivateKey(NULL, &at, len);
    if (file->key == NULL || at != end)
        return certfile_refuse(diags, file->path, "it is neither: " EXPECTED);
    return RES_OK;
}

/* ---- the whole ---- */

static bool is_issued_by(X509 *certificate, X509 *issuer)
{
    return X509_check_issued(issuer, certificate) == X509_V_OK &&
           X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
}

static enum result check_chain(struct certfile *file, struct diags *diags)
{
    for (size_t i = 1; i < file->count; i++) {
        if (!is_issued_by(file->certificates[i - 1], file->certificates[i]))
            return certfile_refuse(
                diags, file->path,
                "certificate %zu did not issue certificate %zu: expected "
                "the service's own first, then its issuers in order",
                i + 1, i);
    }
    return RES_OK;
}

static enum result check_whole(struct certfile *file, struct diags *diags)
{
    const EVP_PKEY *certified = NULL;
    if (file->count > 0 && file->request != NULL)
        return certfile_refuse(diags, file->path,
                               "a request beside a certificate: expected either");
    if (file->count > 0) {
        file->kind = CERTFILE_CERTIFICATE;
        certified = X509_get0_pubkey(file->certificates[0]);
    } else if (file->request != NULL) {
        file->kind = CERTFILE_REQUEST;
        certified = X509_REQ_get0_pubkey(file->request);
    } else if (file->key != NULL) {
        file->kind = CERTFILE_KEY;
    } else {
        return certfile_refuse(diags, file->path, "there is none in it: " EXPECTED);
    }
    if (certified != NULL && file->key != NULL &&
        EVP_PKEY_eq(certified, file->key) != 1)
        return certfile_refuse(diags, file->path, "its key is not that of its %s",
                               certfile_kind_name(file->kind));
    return check_chain(file, diags);
}

enum result certfile_parse(struct certfile *file, const char *path, const char *chars,
                           size_t len, struct diags *diags)
{
    *file = (struct certfile){.path = path};
    if (len == 0)
        return certfile_refuse(diags, file->path, "it is empty: " EXPECTED);
    enum result result = RES_OK;
    if (memmem(chars, len, "-----BEGIN ", 11) != NULL)
        result = parse_pem(file, chars, len, diags);
    else
        result = parse_der(file, (const uint8_t *)chars, (long)len, diags);
    if (result == RES_OK)
        result = check_whole(file, diags);
    ERR_clear_error();
    return result;
}

enum result certfile_open(struct certfile *file, const char *path, struct diags *diags)
{
    struct file_text text;
    const struct place place = {.file = NULL};
    *file = (struct certfile){.path = path};
    enum result result = file_read(path, CERTFILE_OCTETS, place, diags, &text);
    if (result == RES_OK)
        result = certfile_parse(file, path, text.chars, text.len, diags);
    file_text_free(&text);
    return result;
}

void certfile_close(struct certfile *file)
{
    for (size_t i = 0; i < file->count; i++)
        X509_free(file->certificates[i]);
    EVP_PKEY_free(file->key);
    X509_REQ_free(file->request);
    *file = (struct certfile){0};
}

const char *certfile_kind_name(enum certfile_kind kind)
{
    switch (kind) {
    case CERTFILE_CERTIFICATE:
        return "certificate";
    case CERTFILE_KEY:
        return "key";
    case CERTFILE_REQUEST:
        return "request";
    }
    return "?";
}

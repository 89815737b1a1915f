#include "tlsa/material.h"

#include <openssl/err.h>
#include <stdbool.h>
#include <time.h>

#include "base/timestamp.h"

static enum result read_both(struct material *material, const char *certificate,
                             const char *key, struct diags *diags)
{
    const struct place place = {.file = NULL};
    struct file_text *text = &material->certificate_text;
    enum result result = file_read(certificate, CERTFILE_OCTETS, place, diags, text);
    if (result == RES_OK)
        result = certfile_parse(&material->certificate, certificate, text->chars,
                                text->len, diags);
    text = &material->key_text;
    if (result == RES_OK)
        result = file_read(key, CERTFILE_OCTETS, place, diags, text);
    if (result == RES_OK)
        result = certfile_parse(&material->key, key, text->chars, text->len, diags);
    return result;
}

/* Both halves, and that they belong together. */
static bool is_private(EVP_PKEY *key)
{
    EVP_PKEY_CTX *checking = EVP_PKEY_CTX_new(key, NULL);
    bool is_whole = checking != NULL && EVP_PKEY_pairwise_check(checking) == 1;
    EVP_PKEY_CTX_free(checking);
    ERR_clear_error();
    return is_whole;
}

static const char *time_text(const ASN1_TIME *time, char text[TIMESTAMP_TEXT_OCTETS])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return "a time that cannot be read";
    return timestamp_format(timegm(&tm), text);
}

static enum result check_time(X509 *certificate, const char *path, struct diags *diags)
{
    const ASN1_TIME *begin = X509_get0_notBefore(certificate);
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    char text[TIMESTAMP_TEXT_OCTETS];
    if (X509_cmp_current_time(begin) > 0)
        return certfile_refuse(diags, path, "the certificate is not valid before %s",
                               time_text(begin, text));
    if (X509_cmp_current_time(end) < 0)
        return certfile_refuse(diags, path, "the certificate has expired, at %s",
                               time_text(end, text));
    return RES_OK;
}

static enum result check_both(const struct material *material, struct diags *diags)
{
    const struct certfile *certificate = &material->certificate;
    const struct certfile *key = &material->key;
    if (certificate->kind != CERTFILE_CERTIFICATE)
        return certfile_refuse(diags, certificate->path,
                               "it holds a %s: expected a certificate",
                               certfile_kind_name(certificate->kind));
    if (key->key == NULL || !is_private(key->key))
        return certfile_refuse(diags, key->path, "it holds no private key");
    if (EVP_PKEY_eq(X509_get0_pubkey(certificate->certificates[0]), key->key) != 1)
        return certfile_refuse(diags, key->path,
                               "it is not the key of the certificate in %s",
                               certificate->path);
    return check_time(certificate->certificates[0], certificate->path, diags);
}

int material_open(struct tool *tool, const char *certificate, const char *key,
                  struct material *out)
{
    *out = (struct material){.key = {.path = NULL}};
    enum result result = read_both(out, certificate, key, &tool->diags);
    if (result == RES_OK)
        result = check_both(out, &tool->diags);
    if (result == RES_EMEM)
        return tool_no_memory();
    if (result == RES_OK)
        return TOOL_DONE;
    (void)tool_fail_diags(tool, TOOL_CONFIG);
    diags_fini(&tool->diags); /* told; the next certificate's come alone */
    diags_init(&tool->diags);
    return TOOL_CONFIG;
}

void material_close(struct material *material)
{
    certfile_close(&material->certificate);
    certfile_close(&material->key);
    file_text_free(&material->certificate_text);
    file_text_free(&material->key_text);
}

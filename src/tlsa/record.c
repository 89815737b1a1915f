#include "tlsa/record.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

const struct tlsa_form tlsa_own_key = {3, 1, 1};
const struct tlsa_form tlsa_issuer_key = {2, 1, 1};

static const char *const protocols[] = {"tcp", "udp", "sctp"};

enum result service_parse(const char *text, char separator, struct service *out)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return RES_EFORMAT;
    unsigned long port = strtoul(text, &end, 10);
    if (port > UINT16_MAX || *end != separator)
        return RES_EFORMAT;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(end + 1, protocols[i]) == 0) {
            *out = (struct service){(uint16_t)port, protocols[i]};
            return RES_OK;
        }
    }
    return RES_EFORMAT;
}

enum result service_owner(const struct service *service, struct name name,
                          struct name_buf *out)
{
    char text[32];
    struct name_buf prefix;
    int len = snprintf(text, sizeof text, "_%u._%s", (unsigned)service->port,
                       service->protocol);
    enum result result = name_from_text(text, (size_t)len, &prefix);
    return result == RES_OK ? name_join(name_of(&prefix), name, out) : result;
}

enum result tlsa_form_parse(const char *text, struct tlsa_form *out)
{
    if (strlen(text) != 5)
        return RES_EFORMAT;
    if ((text[1] != '-' && text[1] != ' ') || text[3] != text[1])
        return RES_EFORMAT;
    if (text[0] < '0' || text[0] > '3' || text[2] < '0' || text[2] > '1' ||
        text[4] < '0' || text[4] > '2')
        return RES_EFORMAT;
    *out = (struct tlsa_form){
        .usage = (uint8_t)(text[0] - '0'),
        .selector = (uint8_t)(text[2] - '0'),
        .matching = (uint8_t)(text[4] - '0'),
    };
    return RES_OK;
}

/* What the selector picks, as DER for OPENSSL_free; under 0: there is none. For a
 * certificate its key as it stands there, not as OpenSSL would write it anew: the other
 * side digests what it is sent. */
static int select_der(const struct certfile *file, size_t index, uint8_t selector,
                      uint8_t **out)
{
    if (file->kind == CERTFILE_CERTIFICATE)
        return selector == 0
                   ? i2d_X509(file->certificates[index], out)
                   : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(file->certificates[index]),
                                     out);
    if (selector == 0)
        return -1;
    return file->kind == CERTFILE_REQUEST
               ? i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(file->request), out)
               : i2d_PUBKEY(file->key, out);
}

/* The matching type's octets behind the three of the form. */
static enum result match(uint8_t matching, const uint8_t *der, size_t len,
                         struct writer *w)
{
    uint8_t digest[SHA512_DIGEST_LENGTH];
    unsigned digest_len = 0;
    if (matching == 0) {
        writer_octets(w, der, len);
        return w->failed ? RES_ERANGE : RES_OK;
    }
    const EVP_MD *algorithm = matching == 1 ? EVP_sha256() : EVP_sha512();
    if (EVP_Digest(der, len, digest, &digest_len, algorithm, NULL) != 1)
        return RES_ECRYPTO;
    writer_octets(w, digest, digest_len);
    return w->failed ? RES_ERANGE : RES_OK;
}

enum result tlsa_rdata(const struct certfile *file, size_t index, struct tlsa_form form,
                       struct arena *arena, struct rdata *out)
{
    uint8_t *der = NULL;
    uint8_t octets[UINT16_MAX];
    struct writer w = writer_of(octets, sizeof octets);
    int len = select_der(file, index, form.selector, &der);
    if (len <= 0)
        return form.selector == 0 && file->kind != CERTFILE_CERTIFICATE ? RES_EMISMATCH
                                                                        : RES_ECRYPTO;
    writer_u8(&w, form.usage);
    writer_u8(&w, form.selector);
    writer_u8(&w, form.matching);
    enum result result = match(form.matching, der, (size_t)len, &w);
    OPENSSL_free(der);
    if (result != RES_OK)
        return result;
    out->octets = arena_copy(arena, octets, w.len);
    out->len = (uint16_t)w.len;
    return out->octets != NULL ? RES_OK : RES_EMEM;
}

void tlsa_certificates(const struct certfile *file, struct tlsa_form form,
                       size_t *first, size_t *end)
{
    bool is_issuer = form.usage == 0 || form.usage == 2;
    *first = is_issuer && file->count > 1 ? 1 : 0;
    *end = is_issuer && file->count > 1 ? file->count : 1;
}

enum result tlsa_records_make(const struct certfile *file, struct tlsa_form form,
                              struct arena *arena, struct tlsa_records *out)
{
    size_t first;
    size_t end;
    enum result result = RES_OK;
    tlsa_certificates(file, form, &first, &end);
    for (size_t i = first; result == RES_OK && i < end; i++) {
        struct rdata rdata;
        result = tlsa_rdata(file, i, form, arena, &rdata);
        if (result == RES_OK)
            result = tlsa_records_add(out, &rdata);
    }
    return result;
}

void tlsa_record_write(struct writer *w, const struct rdata *rdata, size_t most)
{
    const uint8_t *octets = rdata->octets;
    size_t len = rdata->len - 3U;
    writer_printf(w, "TLSA %u %u %u ", octets[0], octets[1], octets[2]);
    writer_hex(w, octets + 3, len < most ? len : most);
    writer_string(w, len > most ? "..." : "");
}

const char *tlsa_record_brief(const struct rdata *rdata,
                              char text[static TLSA_BRIEF_OCTETS])
{
    struct writer w = writer_of((uint8_t *)text, TLSA_BRIEF_OCTETS - 1);
    tlsa_record_write(&w, rdata, 8);
    text[w.len] = '\0';
    return text;
}

void tlsa_record_json(struct json *json, const struct rdata *rdata)
{
    json_number(json, "usage", rdata->octets[0]);
    json_number(json, "selector", rdata->octets[1]);
    json_number(json, "matching", rdata->octets[2]);
    json_hex(json, "data", rdata->octets + 3, rdata->len - 3U);
}

bool tlsa_record_equal(const struct rdata *a, const struct rdata *b)
{
    return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0;
}

bool tlsa_records_have(const struct tlsa_records *records, const struct rdata *rdata)
{
    for (size_t i = 0; i < records->count; i++) {
        if (tlsa_record_equal(&records->array[i], rdata))
            return true;
    }
    return false;
}

enum result tlsa_records_add(struct tlsa_records *records, const struct rdata *rdata)
{
    if (tlsa_records_have(records, rdata))
        return RES_OK;
    if (records->count == TLSA_RECORDS)
        return RES_EMEM;
    records->array[records->count++] = *rdata;
    return RES_OK;
}

bool tlsa_records_equal(const struct tlsa_records *a, const struct tlsa_records *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!tlsa_records_have(b, &a->array[i]))
            return false;
    }
    return true;
}

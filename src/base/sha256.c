#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD *algorithm;
    EVP_MD_CTX *running;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha256 = calloc(1, sizeof(*sha256));

    if (sha256 == NULL)
        return NULL;
    sha256->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha256->running = EVP_MD_CTX_new();
    if (sha256->algorithm == NULL || sha256->running == NULL)
        sha256_free(&sha256);
    return sha256;
}

void sha256_free(struct sha256 **sha256)
{
    if (*sha256 == NULL)
        return;
    EVP_MD_CTX_free((*sha256)->running);
    EVP_MD_free((*sha256)->algorithm);
    free(*sha256);
    *sha256 = NULL;
}

enum result sha256_hash(struct sha256 *sha256, const void *octets, size_t len,
                        uint8_t out[SHA256_OCTETS])
{
    if (sha256 == NULL)
        return EVP_Digest(octets, len, out, NULL, EVP_sha256(), NULL) == 1
                   ? RES_OK
                   : RES_ECRYPTO;
    /* The context keeps what it has, as long as the algorithm stays the same. */
    if (EVP_DigestInit_ex2(sha256->running, sha256->algorithm, NULL) != 1 ||
        EVP_DigestUpdate(sha256->running, octets, len) != 1 ||
        EVP_DigestFinal_ex(sha256->running, out, NULL) != 1)
        return RES_ECRYPTO;
    return RES_OK;
}

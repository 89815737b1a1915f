/* Messages for tests: small ones by hand, and a key that everybody knows. */
#ifndef TSIGATE_TESTS_MESSAGE_H
#define TSIGATE_TESTS_MESSAGE_H

#include "dns/hmac.h"
#include "dns/name.h"
#include "dns/wire.h"
#include "unit.h"

/* A view of buf, which receives the name. */
static inline struct name message_name(const char *text, struct name_buf *buf)
{
    if (name_from_text(text, strlen(text), buf) != RES_OK)
        fail_msg("bad name in a test: %s", text);
    return name_of(buf);
}

/* 32 octets: 0, 1, 2 ... */
static inline struct hmac *message_key(enum hmac_algorithm algorithm)
{
    uint8_t octets[32];
    struct secret secret = {0};
    struct hmac *hmac = NULL;

    for (unsigned i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)i;
    assert_int_equal(secret_from_octets(octets, sizeof(octets), &secret), RES_OK);
    assert_int_equal(hmac_new(algorithm, &secret, &hmac), RES_OK);
    secret_free(&secret);
    return hmac;
}

#endif

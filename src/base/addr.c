#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static uint8_t address_bits(const struct addr *addr)
{
    return addr->family == 4 ? 32 : 128;
}

enum result addr_parse(const char *text, struct addr *out)
{
    struct addr addr = {.family = 4};

    if (inet_pton(AF_INET, text, addr.octets) == 1) {
        *out = addr;
        return RES_OK;
    }
    addr = (struct addr){.family = 6};
    if (inet_pton(AF_INET6, text, addr.octets) != 1)
        return RES_EFORMAT;
    if (memcmp(addr.octets, mapped_prefix, sizeof(mapped_prefix)) == 0)
        return RES_ERANGE;
    *out = addr;
    return RES_OK;
}

static enum result parse_port(const char *text, uint16_t *out)
{
    size_t len = strspn(text, "0123456789");
    unsigned long port = strtoul(text, NULL, 10);

    if (len == 0 || text[len] != '\0' || port == 0 || port > UINT16_MAX)
        return RES_EFORMAT;
    *out = (uint16_t)port;
    return RES_OK;
}

/* One colon is a port's; more, without brackets, are an IPv6 address's. */
enum result addr_parse_port(const char *text, uint16_t port, struct addr *out)
{
    char address[ADDR_TEXT_OCTETS];
    bool has_bracket = text[0] == '[';
    const char *bracket = has_bracket ? strchr(text, ']') : NULL;
    const char *colon = strchr(bracket != NULL ? bracket : text, ':');
    bool has_port = colon != NULL && strchr(colon + 1, ':') == NULL;
    size_t len = has_port ? (size_t)(colon - text) : strlen(text);

    if (has_port && parse_port(colon + 1, &port) != RES_OK)
        return RES_EFORMAT;
    if (has_bracket && (len < 2 || text[len - 1] != ']'))
        return RES_EFORMAT;
    if (has_bracket) {
        text++;
        len -= 2;
    }
    if (len >= sizeof(address))
        return RES_EFORMAT;
    memcpy(address, text, len);
    address[len] = '\0';
    enum result res = addr_parse(address, out);
    if (res == RES_OK)
        out->port = port;
    return res;
}

const char *addr_format(const struct addr *addr, char *text)
{
    struct writer w = writer_of((uint8_t *)text, ADDR_TEXT_OCTETS - 1);

    if (addr->family == 6 &&
        inet_ntop(AF_INET6, addr->octets, text, ADDR_TEXT_OCTETS) != NULL)
        return text;
    for (size_t i = 0; i < 4 && addr->family == 4; i++) {
        if (i > 0)
            writer_u8(&w, '.');
        writer_decimal(&w, addr->octets[i]);
    }
    if (w.len == 0)
        writer_u8(&w, '-');
    text[w.len] = '\0';
    return text;
}

const char *addr_format_port(const struct addr *addr, char *text)
{
    char alone[INET6_ADDRSTRLEN];

    if (addr->family != 0 && inet_ntop(addr->family == 4 ? AF_INET : AF_INET6,
                                       addr->octets, alone, sizeof(alone)) != NULL)
        (void)snprintf(text, ADDR_TEXT_OCTETS, addr->family == 4 ? "%s:%u" : "[%s]:%u",
                       alone, (unsigned)addr->port);
    else
        (void)snprintf(text, ADDR_TEXT_OCTETS, "-");
    return text;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, 16) == 0;
}

struct addr addr_masked(const struct addr *addr, uint8_t bits)
{
    struct addr masked = *addr;

    masked.port = 0;
    for (unsigned i = 0; i < sizeof(masked.octets); i++) {
        unsigned kept = bits <= 8 * i ? 0 : bits - 8 * i;
        if (kept < 8)
            masked.octets[i] &= (uint8_t)(0xff00u >> kept);
    }
    return masked;
}

bool addr_is_loopback(const struct addr *addr)
{
    static const uint8_t loopback6[16] = {[15] = 1};

    if (addr->family == 4)
        return addr->octets[0] == 127;
    return addr->family == 6 && memcmp(addr->octets, loopback6, 16) == 0;
}

bool addr_is_unspecified(const struct addr *addr)
{
    static const uint8_t zeros[16];

    return addr->family != 0 && memcmp(addr->octets, zeros, 16) == 0;
}

/* Decimal without leading zeros, so that a prefix has one spelling. */
static enum result parse_bits(const char *text, uint8_t *out)
{
    unsigned bits = 0;
    size_t len = strlen(text);

    if (len == 0 || len > 3 || (len > 1 && text[0] == '0'))
        return RES_EFORMAT;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return RES_EFORMAT;
        bits = bits * 10 + (unsigned)(*text - '0');
    }
    if (bits > 128)
        return RES_ERANGE;
    *out = (uint8_t)bits;
    return RES_OK;
}

enum result prefix_parse(const char *text, struct prefix *out)
{
    struct prefix prefix;
    char address[ADDR_TEXT_OCTETS];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);

    if (len >= sizeof(address))
        return RES_EFORMAT;
    memcpy(address, text, len);
    address[len] = '\0';
    enum result res = addr_parse(address, &prefix.addr);
    if (res != RES_OK)
        return res;
    prefix.bits = address_bits(&prefix.addr);
    if (slash != NULL)
        res = parse_bits(slash + 1, &prefix.bits);
    if (res != RES_OK)
        return res;
    if (prefix.bits > address_bits(&prefix.addr))
        return RES_ERANGE;
    struct addr network = addr_masked(&prefix.addr, prefix.bits);
    if (!addr_equal(&network, &prefix.addr))
        return RES_ERANGE;
    *out = prefix;
    return RES_OK;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
    struct addr network = addr_masked(addr, prefix->bits);

    return addr->family != 0 && addr_equal(&network, &prefix->addr);
}

const char *prefix_format(const struct prefix *prefix, char *text)
{
    addr_format(&prefix->addr, text);
    size_t len = strlen(text);
    (void)snprintf(text + len, ADDR_TEXT_OCTETS - len, "/%u", (unsigned)prefix->bits);
    return text;
}

struct addr addr_from_sockaddr(const struct sockaddr *sockaddr)
{
    struct addr addr = {0};

    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sockaddr, sizeof(in));
        addr.family = 4;
        addr.port = ntohs(in.sin_port);
        memcpy(addr.octets, &in.sin_addr, 4);
    } else if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sockaddr, sizeof(in6));
        addr.port = ntohs(in6.sin6_port);
        bool is_mapped =
            memcmp(&in6.sin6_addr, mapped_prefix, sizeof(mapped_prefix)) == 0;
        addr.family = is_mapped ? 4 : 6;
        if (is_mapped)
            memcpy(addr.octets, in6.sin6_addr.s6_addr + 12, 4);
        else
            memcpy(addr.octets, &in6.sin6_addr, 16);
    }
    return addr;
}

socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};

    memset(out, 0, sizeof(*out));
    if (addr->family == 4) {
        memcpy(&in.sin_addr, addr->octets, 4);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    if (addr->family == 6) {
        memcpy(&in6.sin6_addr, addr->octets, 16);
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
    return 0;
}

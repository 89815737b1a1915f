#include "tsigate/sample.h"

#include "dns/type.h"

#define HEX_16 "00000000000000000000000000000000"
#define HEX_32 HEX_16 HEX_16

/* Well formed, and nothing else: 192.0.2.0/24, example names (RFC 5737, RFC 2606). */
static const struct {
    uint16_t type;
    const char *value;
} plain[] = {
    {TYPE_A, "192.0.2.1"},
    {TYPE_AAAA, "2001:db8::1"},
    {TYPE_CAA, "0 issue \"ca.example\""},
    {TYPE_CDNSKEY, "257 3 13 AAAA"},
    {TYPE_CDS, "1 13 2 " HEX_32},
    {TYPE_CSYNC, "1 0 NS"},
    {TYPE_DHCID, "AAAA"},
    {TYPE_DNSKEY, "257 3 13 AAAA"},
    {TYPE_DS, "1 13 2 " HEX_32},
    {TYPE_HTTPS, "1 ."},
    {TYPE_KEY, "257 3 13 AAAA"},
    {TYPE_NS, "ns.example."},
    {TYPE_OPENPGPKEY, "AAAA"},
    {TYPE_PTR, "host.example."},
    {TYPE_SMIMEA, "3 1 1 " HEX_32},
    {TYPE_SRV, "0 0 1 host.example."},
    {TYPE_SSHFP, "4 2 " HEX_32},
    {TYPE_SVCB, "1 ."},
    {TYPE_TLSA, "3 1 1 " HEX_32},
    /* 43 characters of base64url: a dns-01 token. */
    {TYPE_TXT, "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {TYPE_URI, "1 1 \"https://host.example/\""},
    {TYPE_ZONEMD, "1 1 1 " HEX_32 HEX_16},
};

static const char *plain_value(uint16_t type)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (plain[i].type == type)
            return plain[i].value;
    }
    return NULL;
}

static const char *tlsa_value(const struct acl_tlsa_params *params, struct arena *arena)
{
    return arena_printf(arena, "%u %u %u %s", params->usage, params->selector,
                        params->matching,
                        params->matching == 2 ? HEX_32 HEX_32 : HEX_32);
}

static const char *own_address(const struct addr *from, struct arena *arena)
{
    char text[ADDR_TEXT_OCTETS];
    return arena_string(arena, addr_format(from, text));
}

const char *sample_value(uint16_t type, const struct acl_check *check,
                         const struct addr *from, struct arena *arena)
{
    if (check == NULL)
        return plain_value(type);
    switch (check->kind) {
    case ACL_CHECK_TLSA:
        if (check->count > 0)
            return tlsa_value(&check->tlsa[0], arena);
        break;
    case ACL_CHECK_SOURCE_ADDRESS:
        if (from != NULL && from->family == (type == TYPE_A ? 4 : 6))
            return own_address(from, arena);
        break;
    case ACL_CHECK_CAA_VALUE:
        if (check->count > 0)
            return arena_printf(arena, "0 %s \"%s\"", check->caa[0].tag,
                                check->caa[0].value);
        break;
    case ACL_CHECK_ACME_PERSIST:
        return arena_printf(arena, "\"%s; accounturi=%s\"", check->issuer,
                            check->account_uri);
    case ACL_CHECK_MISSING:
    case ACL_CHECK_ANY:
    case ACL_CHECK_ACME_TOKEN:
    case ACL_CHECK_SVCB_SERVICE:
    case ACL_CHECK_MATCH:
        break;
    }
    return plain_value(type);
}

#include "dns/type.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct row {
    const char *name; /* NULL: not in the table */
    enum type_standing standing;
};

#define ROW(type, standing) [TYPE_##type] = {#type, TYPE_IS_##standing}

/* MX is read by the tools (the hosts that want TLSA records) and granted to nobody. */
static const struct row rows[] = {
    ROW(A, PLAIN),          ROW(AAAA, PLAIN),       ROW(ANY, META),
    ROW(AXFR, META),        ROW(CAA, PLAIN),        ROW(CDNSKEY, DANGEROUS),
    ROW(CDS, DANGEROUS),    ROW(CNAME, NEVER),      ROW(CSYNC, DANGEROUS),
    ROW(DHCID, PLAIN),      ROW(DNAME, NEVER),      ROW(DNSKEY, DANGEROUS),
    ROW(DS, DANGEROUS),     ROW(HTTPS, PLAIN),      ROW(IXFR, META),
    ROW(KEY, DANGEROUS),    ROW(MAILA, META),       ROW(MAILB, META),
    ROW(MX, NEVER),         ROW(NS, DANGEROUS),     ROW(NSEC, NEVER),
    ROW(NSEC3, NEVER),      ROW(NSEC3PARAM, NEVER), ROW(NXT, META),
    ROW(OPENPGPKEY, PLAIN), ROW(OPT, META),         ROW(PTR, PLAIN),
    ROW(RRSIG, NEVER),      ROW(SIG, META),         ROW(SMIMEA, PLAIN),
    ROW(SOA, NEVER),        ROW(SRV, PLAIN),        ROW(SSHFP, PLAIN),
    ROW(SVCB, PLAIN),       ROW(TKEY, META),        ROW(TLSA, PLAIN),
    ROW(TSIG, META),        ROW(TXT, PLAIN),        ROW(URI, PLAIN),
    ROW(ZONEMD, DANGEROUS),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum type_standing type_standing_of(uint16_t type)
{
    if (type == 0)
        return TYPE_IS_META;
    return type < ROWS ? rows[type].standing : TYPE_IS_UNKNOWN;
}

const char *type_name(uint16_t type)
{
    return type < ROWS ? rows[type].name : NULL;
}

const char *type_format(uint16_t type, char *text)
{
    const char *name = type_name(type);

    if (name != NULL)
        memcpy(text, name, strlen(name) + 1);
    else
        (void)snprintf(text, TYPE_TEXT_OCTETS, "TYPE%u", (unsigned)type);
    return text;
}

enum result type_from_name(const char *name, uint16_t *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].name != NULL && strcasecmp(rows[i].name, name) == 0) {
            *out = (uint16_t)i;
            return RES_OK;
        }
    }
    return RES_ENOTFOUND;
}

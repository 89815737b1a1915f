#include "dns/build.h"

#include <string.h>

#include "base/limits.h"
#include "dns/type.h"

#define COUNTS_AT        4
#define EDE_OPTION       15 /* RFC 8914 2 */
#define OPT_RDATA_OCTETS (4 + 2 + LIMIT_REASON_OCTETS)

void build_header(struct writer *w, uint16_t id, uint16_t flags)
{
    writer_u16(w, id);
    writer_u16(w, flags);
    for (int i = 0; i < 4; i++)
        writer_u16(w, 0);
}

/* Counts what was written since start; takes it back where something did not fit. */
static void end_entry(struct writer *w, enum wire_section section, size_t start)
{
    size_t at = COUNTS_AT + 2 * (size_t)section;

    if (!w->failed && w->len >= LIMIT_HEADER_OCTETS) {
        uint16_t count = (uint16_t)(w->octets[at] << 8 | w->octets[at + 1]);
        writer_u16_at(w, at, (uint16_t)(count + 1));
        if (count != UINT16_MAX)
            return;
    }
    writer_rewind(w, start);
    w->failed = true;
}

void build_question(struct writer *w, struct name name, uint16_t type, uint16_t class)
{
    size_t start = w->len;

    writer_octets(w, name.octets, name.len);
    writer_u16(w, type);
    writer_u16(w, class);
    end_entry(w, SECTION_ZONE, start);
}

void build_rr(struct writer *w, enum wire_section section, struct name owner,
              uint16_t type, uint16_t class, uint32_t ttl, const struct rdata *rdata)
{
    size_t start = w->len;
    uint16_t rdata_len = rdata == NULL ? 0 : rdata->len;

    writer_octets(w, owner.octets, owner.len);
    writer_u16(w, type);
    writer_u16(w, class);
    writer_u32(w, ttl);
    writer_u16(w, rdata_len);
    if (rdata_len > 0)
        writer_octets(w, rdata->octets, rdata_len);
    end_entry(w, section, start);
}

void build_opt(struct writer *w, uint16_t udp_len, enum rcode rcode, int ede,
               const char *text)
{
    uint8_t octets[OPT_RDATA_OCTETS];
    struct writer options = writer_of(octets, sizeof(octets));

    if (ede >= 0) {
        size_t text_len = text == NULL ? 0 : strnlen(text, LIMIT_REASON_OCTETS);
        writer_u16(&options, EDE_OPTION);
        writer_u16(&options, (uint16_t)(2 + text_len));
        writer_u16(&options, (uint16_t)ede);
        writer_octets(&options, text, text_len);
    }
    const struct rdata rdata = {.octets = octets, .len = (uint16_t)options.len};
    build_rr(w, SECTION_ADDITIONAL, name_root, TYPE_OPT, udp_len,
             (uint32_t)rcode >> 4 << 24, &rdata);
}

void build_set_rcode(struct writer *w, enum rcode rcode)
{
    if (w->len >= LIMIT_HEADER_OCTETS)
        w->octets[3] = (uint8_t)((w->octets[3] & 0xf0u) | ((unsigned)rcode & 0x0fu));
}

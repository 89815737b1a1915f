/* RDATA printed and read back is the same RDATA. The input is a type and its octets;
 * with the first bit of all set, the rest is text instead. */
#include <string.h>

#include "dns/text.h"
#include "dns/type.h"
#include "fuzz.h"

static void check_octets(uint16_t type, const struct rdata *sent, struct arena *arena)
{
    struct rdata rdata, back;

    if (rdata_check(type, sent->octets, sent->len) != RES_OK)
        return;
    const char *text = rdata_to_generic(sent, arena);
    FUZZ_CLAIM(text != NULL);
    FUZZ_CLAIM(rdata_from_text(type, text, arena, &rdata) == RES_OK); /* folds names */
    FUZZ_CLAIM(rdata.len == sent->len);
    text = rdata_to_text(type, &rdata, arena);
    if (text == NULL)
        return;
    for (size_t i = 0; text[i] != '\0'; i++)
        FUZZ_CLAIM(text[i] >= 0x20 && text[i] <= 0x7e);
    FUZZ_CLAIM(rdata_from_text(type, text, arena, &back) == RES_OK);
    FUZZ_CLAIM(back.len == rdata.len &&
               memcmp(back.octets, rdata.octets, rdata.len) == 0);
}

static void check_text(uint16_t type, const uint8_t *octets, size_t len,
                       struct arena *arena)
{
    char *text = arena_string_n(arena, (const char *)octets, len);
    struct rdata rdata;

    FUZZ_CLAIM(text != NULL);
    if (rdata_from_text(type, text, arena, &rdata) == RES_OK)
        FUZZ_CLAIM(rdata_check(type, rdata.octets, rdata.len) == RES_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct arena arena;

    if (len < 2 || len > UINT16_MAX)
        return 0;
    uint16_t type = (uint16_t)((octets[0] & 0x7f) << 8 | octets[1]);
    const struct rdata rdata = {octets + 2, (uint16_t)(len - 2)};
    /* Types that rdata_decode only copies never come to text.c: they are refused. Those
     * that it knows are never empty. */
    if (type_name(type) == NULL || rdata_check(type, octets, 0) == RES_OK)
        return 0;
    arena_init(&arena, 16384, 0);
    if (octets[0] & 0x80)
        check_text(type, octets + 2, len - 2, &arena);
    else
        check_octets(type, &rdata, &arena);
    arena_fini(&arena);
    return 0;
}

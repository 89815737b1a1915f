/* What named-checkconf -p prints: any octets. */
#include "conf/namedconf.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct arena arena;
    struct diags diags;
    struct namedconf conf;
    const char *text = (const char *)octets;

    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    enum result result =
        namedconf_parse("named.conf", text, len, &arena, &diags, &conf);
    FUZZ_CLAIM((result == RES_OK) == (diags.errors == 0));
    for (struct namedconf_key *key = conf.keys; result == RES_OK && key != NULL;
         key = key->next) {
        FUZZ_CLAIM(key->text >= text && key->len <= (size_t)(text + len - key->text));
        FUZZ_CLAIM(key->text[key->len - 1] == ';');
    }
    for (struct namedconf_zone *zone = conf.zones; zone != NULL; zone = zone->next) {
        FUZZ_CLAIM(zone->name != NULL && zone->type != NULL);
        FUZZ_CLAIM(zone->rules == NULL || zone->has_policy);
    }
    diags_fini(&diags);
    arena_fini(&arena);
    return 0;
}

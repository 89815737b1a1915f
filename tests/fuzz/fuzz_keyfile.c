/* Key files: any octets, with weak algorithms and without. */
#include "conf/keyfile.h"
#include "fuzz.h"

static void parse(const uint8_t *octets, size_t len, bool weak_algorithms)
{
    struct arena arena;
    struct diags diags;
    struct keyfile_key *keys = NULL;

    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    enum result result = keyfile_parse("fuzz.key", (const char *)octets, len,
                                       weak_algorithms, &arena, &diags, &keys);
    FUZZ_CLAIM((result == RES_OK) == (diags.errors == 0));
    for (struct keyfile_key *key = keys; key != NULL; key = key->next)
        FUZZ_CLAIM(key->name.octets != NULL &&
                   key->secret.len >= LIMIT_SECRET_MIN_OCTETS);
    keyfile_keys_free(&keys);
    diags_fini(&diags);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    parse(octets, len, false);
    parse(octets, len, true);
    return 0;
}

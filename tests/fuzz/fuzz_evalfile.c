/* Decision tables: any octets. */
#include "conf/evalfile.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct arena arena;
    struct diags diags;
    struct eval_row *rows = NULL;

    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    enum result result =
        evalfile_parse("fuzz.eval", (const char *)octets, len, &arena, &diags, &rows);
    FUZZ_CLAIM((result == RES_OK) == (diags.errors == 0));
    for (const struct eval_row *row = rows; row != NULL; row = row->next)
        FUZZ_CLAIM(row->op != UPDATE_UNDECIDED && row->owner.octets != NULL &&
                   row->who.octets != NULL);
    diags_fini(&diags);
    arena_fini(&arena);
    return 0;
}

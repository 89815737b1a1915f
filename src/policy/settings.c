#include "policy/settings.h"

void settings_init(struct settings *settings, const char *file, struct arena *arena)
{
    *settings = (struct settings){
        .file = file,
        .arena = arena,
        .require_cname = true,
        .cache_s = 10,
        .audit_sync = true,
        .explain_refusals = true,
        .max_fudge_s = 300,
        .limits =
            {
#define X(field, default_value, min, max) .field = default_value,
                SETTINGS_LIMITS(X)
#undef X
            },
    };
}

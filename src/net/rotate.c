#include "net/rotate.h"

#include "net/clock.h"
#include "net/logger.h"

static void write_failure(struct writer *w, const char *why)
{
    struct json json = json_of(w);

    json_object_open(&json, NULL);
    json_bool(&json, "ok", false);
    json_array_open(&json, "errors");
    json_string(&json, NULL, why);
    json_array_close(&json);
    json_object_close(&json);
    logger_printf(LEVEL_ERROR, "audit log: not rotated: %s", why);
}

void rotate_audit(struct audit *audit, struct txns *txns, struct writer *w)
{
    const char *why = audit_rotate(audit);
    struct json json = json_of(w);
    uint64_t carried = 0;

    if (why != NULL) {
        write_failure(w, why);
        return;
    }
    if (txns_rotated(txns, clock_now(), &carried) != RES_OK) {
        write_failure(w, "the new file is taken, but cannot be written to");
        return;
    }
    json_object_open(&json, NULL);
    json_bool(&json, "ok", true);
    json_number(&json, "carried", (int64_t)carried);
    json_object_close(&json);
    logger_printf(LEVEL_NOTICE, "audit log: goes on in a new file, carried=%llu",
                  (unsigned long long)carried);
}

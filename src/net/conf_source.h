/*
 * The files behind libconfig's tree: where a setting stands, to the column, and which
 * numbers libconfig would silently wrap. Floor 4, net/conf's own.
 */
#ifndef TSIGATE_NET_CONF_SOURCE_H
#define TSIGATE_NET_CONF_SOURCE_H

#include <libconfig.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/result.h"

struct conf_source;
struct conf_overflow;

struct conf_sources {
    const char *main;    /* tsigate.conf's path */
    struct arena *arena; /* of the places' file names */
    struct diags *diags;
    bool is_obeyed; /* it names what is run: nobody else may be able to write it */
    struct conf_source *first; /* tsigate.conf; then what it includes */
    struct conf_overflow *overflows;
};

/*
 * Reads main and what it includes into config. Overflowing integers are errors in diags
 * and no reason to stop: ask conf_sources_overflow_at. RES_EFORMAT (no tree), RES_EIO,
 * RES_EMISMATCH (is_obeyed, and others can write it), RES_EMEM.
 */
enum result conf_sources_parse(struct conf_sources *sources,
                               config_t *config) MUST_CHECK NONNULL;
void conf_sources_fini(struct conf_sources *sources) NONNULL;

struct place conf_sources_place(const struct conf_sources *sources,
                                const config_setting_t *setting) NONNULL;
/* Whether a number of that line overflowed: its value is not what was written. */
bool conf_sources_overflow_at(const struct conf_sources *sources,
                              struct place place) MUST_CHECK NONNULL;

#endif

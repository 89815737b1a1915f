/*
 * Decision tables, `*.eval`: what an ACL is meant to permit and to refuse, row by row.
 * Floor 1c: text to structs; `tsigate test` asks the gate and compares.
 *
 *     verdict who operation owner type value [options] -> target / reason
 *
 * Words, quotes and comments are described in tsigate-acl(5), DECISION TABLES.
 */
#ifndef TSIGATE_CONF_EVALFILE_H
#define TSIGATE_CONF_EVALFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/outcome.h"
#include "base/result.h"
#include "dns/name.h"
#include "dns/update.h"

enum eval_cname {
    EVAL_CNAME_BINDING = 0, /* no option: what the look-up should find */
    EVAL_CNAME_NAME,
    EVAL_CNAME_NONE,
    EVAL_CNAME_SERVFAIL,
};

struct eval_row {
    struct place place; /* of the verdict */
    bool is_permit;
    struct name who; /* a host, else a key */
    enum update_op op;
    struct name owner;
    const char *owner_text; /* as written */
    uint16_t type;
    const char *value; /* zone-file form; NULL: `-` */

    bool has_from;
    struct addr from;
    bool has_ttl;
    uint32_t ttl;
    struct name zone; /* octets NULL: the longest that contains the owner */
    bool has_at;
    int64_t at_s;
    enum eval_cname cname;
    struct name cname_target; /* of EVAL_CNAME_NAME */

    /* Behind `->`, where it stands; expected NULL: any will do. */
    const char *expected;
    struct name target; /* of a permit */
    enum reason reason; /* of a refusal */

    struct place who_place;
    struct place owner_place;
    struct place value_place;
    struct place expected_place;
    struct eval_row *next;
};

/*
 * Parses text; *rows gets the rows in file order, NULL where there are none. Names and
 * texts lie in the arena; file must live as long. Every error goes to diags
 * (`eval-syntax`, `eval-verdict`, `eval-name`, `eval-operation`, `eval-type`,
 * `eval-value`, `eval-option`, `eval-reason`); a row with an error is left out.
 * RES_EFORMAT when there was any, RES_EMEM.
 */
enum result evalfile_parse(const char *file, const char *text, size_t len,
                           struct arena *arena, struct diags *diags,
                           struct eval_row **out_rows) MUST_CHECK NONNULL;

#endif

/*
 * The services that `check` looks at, from words, MX, SRV and a table. Floor 5; the
 * words are pure, MX and SRV ask the resolver.
 */
#ifndef TSIGATE_TLSA_TARGET_H
#define TSIGATE_TLSA_TARGET_H

#include "tlsa/authority.h"
#include "tlsa/record.h"
#include "tlsa/starttls.h"

#define TARGETS_MAX 256

struct target {
    struct name name; /* the arena's */
    struct service service;
    const struct starttls *starttls; /* NULL: TLS at once */
    const char *pointer;             /* whose MX or SRV led here; NULL: a word did */
    const char *domain;              /* whose service an SRV says it is, or NULL */
    bool is_authenticated;           /* the pointer, by the resolver (AD) */
};

struct targets {
    struct tool *tool;
    const struct starttls *starttls; /* of words that have none of their own */
    struct target *array;
    size_t count;
};

/* TOOL_DONE, or as told. */
int targets_open(struct tool *tool, struct targets *out) MUST_CHECK NONNULL;

/*
 * HOST:PORT, HOST (the protocol's port; 443 where TLS comes at once), or a TLSA's own
 * name, _PORT._tcp.HOST. RES_EFORMAT.
 */
enum result target_split(const char *word, const struct starttls *starttls,
                         char host[static LIMIT_LINE_OCTETS],
                         uint16_t *out_port) MUST_CHECK NONNULL_AT(1, 3, 4);

/* All of these: TOOL_DONE, or as told. */
int targets_add_word(struct targets *targets, const char *word) MUST_CHECK NONNULL;
/* Lines "HOST:PORT [PROTOCOL]"; '#' begins a comment. */
int targets_add_file(struct targets *targets, const char *path) MUST_CHECK NONNULL;
int targets_add_mx(struct targets *targets, struct authority *authority,
                   const char *domain) MUST_CHECK NONNULL;
int targets_add_srv(struct targets *targets, struct authority *authority,
                    const char *owner) MUST_CHECK NONNULL;

#endif

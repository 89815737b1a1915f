/*
 * deploy.conf: which certificates this host has, who uses them, in which files, and how
 * those are told. Floor 5; reads and judges the file, touches nothing.
 *
 * It is obeyed as root and names commands: it has to belong to root or to who runs the
 * program, and nobody else may be able to write it.
 */
#ifndef TSIGATE_TLSA_DEPLOYMENT_H
#define TSIGATE_TLSA_DEPLOYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/result.h"
#include "dns/name.h"
#include "policy/settings.h"
#include "tlsa/record.h"
#include "tlsa/starttls.h"

#define DEPLOYMENT_FILE  SYSCONFDIR "/deploy.conf"
#define DEPLOYMENT_STATE "/var/lib/tsigate"

enum deployment_format {
    DEPLOYMENT_CERTIFICATE = 1, /* the service's own, PEM as all but the last three */
    DEPLOYMENT_CHAIN,           /* its issuers */
    DEPLOYMENT_FULLCHAIN,       /* both */
    DEPLOYMENT_KEY,
    DEPLOYMENT_COMBINED, /* key, then full chain */
    DEPLOYMENT_PKCS12,
    DEPLOYMENT_CERTIFICATE_DER,
    DEPLOYMENT_KEY_DER, /* PKCS#8 */
};

/* What is not said stays as it is: uid and gid (uid_t)-1, (gid_t)-1. */
struct deployment_file {
    const char *path;
    enum deployment_format format;
    uid_t uid;
    gid_t gid;
    bool has_mode;
    mode_t mode;
    const char *password_file; /* of PKCS#12 */
    const char *format_word;   /* as written, as all below; NULL: not said */
    const char *owner;
    const char *group;
    const char *mode_word;
    struct place place;
};

enum deployment_telling {
    DEPLOYMENT_TELL_NOBODY = 0,
    DEPLOYMENT_TELL_RELOAD,
    DEPLOYMENT_TELL_RESTART,
    DEPLOYMENT_TELL_SIGNAL,
    DEPLOYMENT_TELL_COMMAND,
};

struct deployment_tell {
    enum deployment_telling how;
    const char *reload;  /* a unit of systemd's */
    const char *restart; /* likewise */
    const char *signal_word;
    int signal;
    const char *pid_file;
    const char *command; /* for /bin/sh */
    uint32_t timeout_s;  /* a program that is not done by then has failed */
    struct place place;
};

/* A live service that has to present the certificate after it was told. */
struct deployment_probe {
    const char *text; /* HOST:PORT[/PROTOCOL], as written */
    const char *host; /* a name or an address, without brackets */
    uint16_t port;
    const struct starttls *starttls; /* NULL: TLS at once */
};

struct deployment_consumer {
    const char *name;
    struct deployment_file *files;
    size_t file_count;
    struct deployment_tell tell;
    struct deployment_probe *probes;
    size_t probe_count;
    struct settings_text *probe_words; /* as written */
    uint32_t probe_s; /* for so long they may present another one, or be away */
    struct place place;
};

/* Where TLSA records for a certificate are published: _PORT._PROTO.NAME. */
struct deployment_tlsa {
    struct name name;
    struct service *services;
    size_t service_count;
    struct settings_text *ports; /* as written */
    struct place place;
};

struct deployment_certificate {
    const char *name;        /* how people call it; for certbot the lineage's */
    const char *certificate; /* path: the service's own, then its issuers */
    const char *key;         /* path */
    struct deployment_tlsa *tlsa;
    size_t tlsa_count;     /* 0: nothing is published for it */
    struct tlsa_form form; /* 3 1 1 where not said */
    const char *form_word;
    struct deployment_consumer *consumers;
    size_t consumer_count;
    struct place place;
};

struct deployment {
    const char *file;
    const char *state; /* a folder: what is under way */
    struct deployment_certificate *certificates;
    size_t certificate_count;
};

/*
 * Reads the file; all that deployment points to lies in the arena. Unknown owners,
 * groups, formats and signals, a path that two files would have, a key that all could
 * read are errors, all of them in diags with file:line. RES_EFORMAT; RES_EIO (not
 * there), RES_EMISMATCH (others can write it), likewise in diags; RES_EMEM.
 */
enum result deployment_read(const char *path, struct arena *arena, struct diags *diags,
                            struct deployment *out) MUST_CHECK NONNULL;
/* NULL: there is none of that name. */
const struct deployment_certificate *
deployment_find(const struct deployment *deployment, const char *name) NONNULL;
/* "fullchain". */
const char *deployment_format_name(enum deployment_format format);
/* HOST:PORT or HOST:PORT/PROTOCOL; an IPv6 HOST stands in brackets, which host is
 * without. *out NULL: TLS at once. RES_EFORMAT. */
enum result deployment_probe_split(const char *word,
                                   char host[static LIMIT_LINE_OCTETS],
                                   uint16_t *out_port,
                                   const struct starttls **out) MUST_CHECK NONNULL;
/* Whether the private key is in it. */
bool deployment_format_has_key(enum deployment_format format);

#endif

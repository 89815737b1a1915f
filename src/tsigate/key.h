/*
 * What the verbs of `tsigate key` share. Floor 5.
 *
 * A secret is made, written and forgotten in key_make.c alone, and goes only into files
 * of mode 0600 and, where --show-secret asks for it, to stdout: never into a command,
 * a message or JSON.
 */
#ifndef TSIGATE_TSIGATE_KEY_H
#define TSIGATE_TSIGATE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/secret.h"
#include "dns/hmac.h"
#include "tsigate/install.h"
#include "tsigate/key_client.h"
#include "tsigate/tool.h"

/* The command line. */
struct key_request {
    const char *word;        /* HOST or KEY */
    const char *algorithm;   /* NULL: hmac-sha256 */
    const char *client;      /* --for */
    const char *name;        /* of the key; NULL: the verb's own choice */
    const char *file;        /* NULL: where `keys` looks */
    const char *client_file; /* NULL: none is written */
    const char *server;      /* NULL: the first of `listen` */
    bool shows_secret;
    bool is_forced;
    uint32_t days; /* a key was used within these: it is in use */
};

/* A key that can be made: everything that can be known to be wrong was looked at. */
struct key_plan {
    struct name host;
    struct name key;
    const char *host_text;
    const char *key_text;
    enum hmac_algorithm algorithm;
    const char *path;                /* of the key file */
    const struct key_client *client; /* NULL: none was named */
    const char *client_file;         /* NULL: none */
    bool shows_secret;
    struct addr server; /* with its port */
    struct secret text; /* the secret's characters once it is made */
};

/* tool->snapshot is loaded with keys. key_text: the key's name where the request has
 * none. Gives an exit code, as told. */
int key_plan_make(struct tool *tool, const struct key_request *request,
                  const char *key_text, struct key_plan *out) NONNULL;
/* Makes the secret and writes the key file and the client's. Gives an exit code, as
 * told; unless TOOL_DONE there are no such files. */
int key_make(struct tool *tool, struct key_plan *plan) NONNULL;
/* Says what to do: `here`, lines of a shell, and then on the host. */
int key_hand_over(struct tool *tool, const struct key_plan *plan,
                  const char *here) NONNULL;
/* Takes back what key_make wrote. */
void key_unmake(const struct key_plan *plan) NONNULL;
/* Forgets the secret. */
void key_plan_fini(struct key_plan *plan) NONNULL;

/* Whether tsigated would read a key file of that path. */
bool key_path_is_read(struct tool *tool, const char *path) NONNULL;
/* "tsigate VERB WORDS", with -c where the configuration is not the default one. */
const char *key_command(struct tool *tool, const char *verb, const char *words) NONNULL;

int key_new(struct tool *tool, const struct key_request *request) NONNULL;
int key_list(struct tool *tool) NONNULL;
int key_rotate(struct tool *tool, const struct key_request *request,
               struct install *install) NONNULL;
int key_retire(struct tool *tool, const struct key_request *request,
               struct install *install) NONNULL;

#endif

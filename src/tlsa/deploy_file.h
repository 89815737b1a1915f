/*
 * One file of a consumer: what it should be, and how it is exchanged without a moment
 * in which it is half there, or readable by more than who may read it. Floor 5.
 */
#ifndef TSIGATE_TLSA_DEPLOY_FILE_H
#define TSIGATE_TLSA_DEPLOY_FILE_H

#include <openssl/bio.h>

#include "tlsa/rendering.h"

struct deploy_file {
    const struct deployment_file *file;
    const char *path;  /* what links lead to; the arena's, as the next */
    const char *fresh; /* beside it: the new one until it is exchanged */
    const char *old;   /* beside it: the old one until the consumer was told */
    BIO *octets;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    bool is_there;
    bool is_changed; /* other octets, owner, group or mode */
};

/* All of these: TOOL_DONE, else as told. */

/* Renders and compares; touches nothing. TOOL_CONFIG, TOOL_OUTSIDE (we may not give a
 * file to that owner, among others). deploy_file_close after either. */
int deploy_file_open(struct tool *tool,
                     const struct deployment_certificate *certificate,
                     const struct material *material,
                     const struct deployment_file *file,
                     struct deploy_file *out) MUST_CHECK NONNULL;
void deploy_file_close(struct deploy_file *file) NONNULL;

/* Writes the new one beside it, on disk. */
int deploy_file_stage(const struct deploy_file *file) MUST_CHECK NONNULL;
/* Keeps what is there as the old one, on disk; an old one that is kept already stays.
 */
int deploy_file_keep(const struct deploy_file *file) MUST_CHECK NONNULL;
/* The new one in its place. */
int deploy_file_exchange(const struct deploy_file *file) MUST_CHECK NONNULL;
/* What is left of other runs, or of this one. */
void deploy_file_tidy(const struct deploy_file *file, bool has_old) NONNULL;

/* By path alone, for a file that the configuration may no longer name: the old one
 * back, on disk, where there is one; or, where none was, none. */
int deploy_file_restore(struct tool *tool, const char *path,
                        bool was_there) MUST_CHECK NONNULL;
/* The old one is not wanted any more. */
void deploy_file_forget(struct tool *tool, const char *path) NONNULL;

#endif

/*
 * Configuration, keys, zones and ACL as one immutable whole with a generation number
 * (O-5). Floor 2. A request holds one reference from key look-up to answer; a reload
 * builds a new one, beside the loop if it likes, and swaps a pointer (O-6).
 */
#ifndef TSIGATE_POLICY_SNAPSHOT_H
#define TSIGATE_POLICY_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/diag.h"
#include "conf/aclfile.h"
#include "policy/acl.h"
#include "policy/keyring.h"
#include "policy/settings.h"
#include "policy/zones.h"

struct snapshot {
    struct arena arena;
    struct settings settings;
    struct zones zones;
    struct acl_source source;
    struct acl acl;
    struct keyring keyring; /* empty when loaded without keys */
    uint64_t generation;
    int64_t loaded_s;
    unsigned references;
    /* Gets it when the last reference has gone, and calls snapshot_free when there is
     * time for it. NULL: snapshot_release frees it. */
    void (*on_released)(void *arg, struct snapshot *snapshot);
    void *on_released_arg;
};

/* An ACL that lies in no file. */
struct snapshot_text {
    const char *name; /* in messages and rules, in place of a file's */
    const char *chars;
    size_t len;
};

/* A text in the place of what one ACL file holds: what an edited file would do. */
struct snapshot_instead {
    dev_t device; /* of the file, by whatever path it is found */
    ino_t inode;
    const char *chars; /* NULL: its own text; only the path is asked for */
    size_t len;
    const char *path; /* set: as the load found it, the snapshot's; NULL: it did not */
};

struct snapshot_wanted {
    bool with_keys;      /* false: key files are not opened; the tool's questions */
    bool with_grants;    /* the words of the grants stay, for who would change them */
    uid_t key_owner;     /* beside root, who may own key files (O-3) */
    uint64_t generation; /* of the new snapshot */
    int64_t now_s;
    const struct snapshot_text *acl; /* instead of the settings' ACL files; NULL: those.
                                        Its name lives as long as the snapshot */
    struct snapshot_instead *instead; /* NULL: all files as they are */
};

/* An empty one with one reference, its arena and settings' defaults in place, for the
 * reader of tsigate.conf to fill. NULL: no memory. */
struct snapshot *snapshot_new(const char *file) MUST_CHECK NONNULL;
/*
 * From filled settings to a whole snapshot: zones, stock profiles, ACL files, key
 * files. All errors of all files go to diags. RES_EFORMAT: there were errors and the
 * snapshot is of no use but to be released; RES_EMEM, RES_ECRYPTO likewise.
 */
enum result snapshot_load(struct snapshot *snapshot,
                          const struct snapshot_wanted *wanted,
                          struct diags *diags) MUST_CHECK NONNULL;

struct snapshot *snapshot_hold(struct snapshot *snapshot) NONNULL;
/* Gives one reference back and nulls the pointer; the last one frees. */
void snapshot_release(struct snapshot **snapshot) NONNULL;
/* For on_released: one without references. In any thread, as nobody else has it. */
void snapshot_free(struct snapshot **snapshot) NONNULL;

#endif

#include "policy/snapshot.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "conf/file.h"
#include "conf/keyfile.h"

#define CHUNK_OCTETS 65536

struct snapshot *snapshot_new(const char *file)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

    if (snapshot == NULL)
        return NULL;
    snapshot->references = 1;
    arena_init(&snapshot->arena, CHUNK_OCTETS, 0);
    acl_source_init(&snapshot->source);
    const char *own = arena_string(&snapshot->arena, file);
    if (own == NULL) {
        snapshot_release(&snapshot);
        return NULL;
    }
    settings_init(&snapshot->settings, own, &snapshot->arena);
    return snapshot;
}

struct snapshot *snapshot_hold(struct snapshot *snapshot)
{
    snapshot->references++;
    return snapshot;
}

void snapshot_release(struct snapshot **snapshot)
{
    struct snapshot *old = *snapshot;

    *snapshot = NULL;
    if (old == NULL || --old->references > 0)
        return;
    if (old->on_released != NULL)
        old->on_released(old->on_released_arg, old);
    else
        snapshot_free(&old);
}

void snapshot_free(struct snapshot **snapshot)
{
    struct snapshot *old = *snapshot;

    *snapshot = NULL;
    keyring_fini(&old->keyring);
    acl_fini(&old->acl);
    zones_fini(&old->zones);
    acl_source_fini(&old->source);
    arena_fini(&old->arena);
    free(old);
}

/* ---- loading ---- */

/* A load goes on after an error of the operator's files, so that all of them are told;
 * what it cannot go on after is memory or OpenSSL. */
struct loading {
    struct snapshot *snapshot;
    const struct snapshot_wanted *wanted;
    struct diags *diags;
    struct keyfile_key *keys;
    bool has_stock; /* the stock profiles were read */
    bool has_lost_keys;
};

static bool is_fatal(enum result res)
{
    return res == RES_EMEM || res == RES_ECRYPTO || res == RES_EBUG;
}

/* U-10: an UPDATE that went round to ourselves would go round for ever. */
static void check_loops(const struct settings *settings, struct diags *diags)
{
    char text[ADDR_TEXT_OCTETS];

    for (size_t i = 0; i < settings->server_count; i++) {
        const struct settings_endpoint *server = &settings->servers[i];
        for (size_t j = 0; j < settings->listen_count; j++) {
            const struct settings_endpoint *listen = &settings->listen[j];
            if (addr_equal(&server->addr, &listen->addr) &&
                server->addr.port == listen->addr.port)
                diags_error(diags, server->place, "upstream-is-listener",
                            "%s is an address that the gateway itself listens on: "
                            "updates would come back to it",
                            addr_format_port(&server->addr, text));
        }
    }
}

/* Reads path and gives its text to the ACL. */
static enum result add_acl_file(struct loading *l, const char *path, struct place place,
                                bool is_stock)
{
    struct file_text text = {0};
    enum result res = file_read(path, LIMIT_ACL_FILE_OCTETS, place, l->diags, &text);

    if (res != RES_OK) {
        l->snapshot->source.has_lost_keys = true;
        return res;
    }
    res = aclfile_parse(&l->snapshot->source, path, text.chars, text.len, is_stock,
                        l->diags);
    file_text_free(&text);
    return res;
}

/* Whether path is the file that has another text for this load. */
static bool is_instead(struct loading *l, const char *path)
{
    struct snapshot_instead *instead = l->wanted->instead;
    struct stat file;

    if (instead == NULL || stat(path, &file) != 0 || file.st_dev != instead->device ||
        file.st_ino != instead->inode)
        return false;
    instead->path = path;
    return instead->chars != NULL;
}

static enum result add_site_file(struct loading *l, const char *path)
{
    const struct snapshot_instead *instead = l->wanted->instead;

    if (!is_instead(l, path))
        return add_acl_file(l, path, (struct place){0}, false);
    return aclfile_parse(&l->snapshot->source, path, instead->chars, instead->len,
                         false, l->diags);
}

static enum result add_stock(struct loading *l)
{
    const struct settings_text *profiles = &l->snapshot->settings.profiles;
    const char *path = PKGDATADIR "/profiles.acl";

    if (profiles->text != NULL)
        path = file_path_from(l->snapshot->settings.file, profiles->text,
                              &l->snapshot->arena);
    return path != NULL ? add_acl_file(l, path, profiles->place, true) : RES_EMEM;
}

/* What the patterns of `keys` or `acl` stand for. */
static enum result list_files(struct loading *l, const struct settings_text *patterns,
                              size_t count, struct file_list *out)
{
    struct snapshot *snapshot = l->snapshot;
    enum result all = RES_OK;

    for (size_t i = 0; i < count; i++) {
        const char *pattern =
            file_path_from(snapshot->settings.file, patterns[i].text, &snapshot->arena);
        if (pattern == NULL)
            return RES_EMEM;
        enum result res =
            file_list_add(out, pattern, patterns[i].place, &snapshot->arena, l->diags);
        if (is_fatal(res))
            return res;
        if (res != RES_OK)
            all = res;
    }
    return all;
}

static enum result add_acl(struct loading *l)
{
    const struct settings *settings = &l->snapshot->settings;
    const struct snapshot_text *text = l->wanted->acl;
    struct file_list files = {0};
    enum result res = add_stock(l);

    /* Without them every grant would be told to name no profile. */
    l->has_stock = res == RES_OK || res == RES_EFORMAT;
    if (!l->has_stock)
        return is_fatal(res) ? res : RES_OK;
    if (text != NULL && !is_fatal(res))
        res = aclfile_parse(&l->snapshot->source, text->name, text->chars, text->len,
                            false, l->diags);
    else if (!is_fatal(res)) {
        res = list_files(l, settings->acl, settings->acl_count, &files);
        if (res != RES_OK)
            l->snapshot->source.has_lost_keys = true;
    }
    for (size_t i = 0; i < files.count && !is_fatal(res); i++)
        res = add_site_file(l, files.paths[i]);
    return is_fatal(res) ? res : RES_OK;
}

static enum result add_key_file(struct loading *l, const char *path)
{
    struct snapshot *snapshot = l->snapshot;
    struct file_text text = {0};
    enum result res =
        file_read_secret(path, LIMIT_KEY_FILE_OCTETS, l->wanted->key_owner,
                         (struct place){0}, l->diags, &text);

    if (res != RES_OK)
        return res;
    res = keyfile_parse(path, text.chars, text.len, snapshot->settings.weak_algorithms,
                        &snapshot->arena, l->diags, &l->keys);
    file_text_free(&text);
    return res;
}

static enum result read_keys(struct loading *l)
{
    const struct settings *settings = &l->snapshot->settings;
    struct file_list files = {0};
    enum result res = list_files(l, settings->keys, settings->key_count, &files);

    l->has_lost_keys = res != RES_OK;
    for (size_t i = 0; i < files.count && !is_fatal(res); i++) {
        res = add_key_file(l, files.paths[i]);
        l->has_lost_keys = l->has_lost_keys || res != RES_OK;
    }
    return is_fatal(res) ? res : RES_OK;
}

/* Names, places and keys mean something only where their zones do: without zones every
 * grant would be told to be dead, and without grants every key to have no host. */
static enum result join_parts(struct loading *l, bool has_zones)
{
    struct snapshot *s = l->snapshot;

    if (!has_zones || !l->has_stock)
        return RES_EFORMAT;
    enum result aliases = zones_add_aliases(&s->zones, &s->source, l->diags);
    if (is_fatal(aliases))
        return aliases;
    enum result res = acl_compile(&s->source, &s->zones, &s->arena, l->diags, &s->acl);
    if (res == RES_OK && !l->wanted->with_grants)
        acl_source_drop_grants(&s->source);
    if (is_fatal(res) || !l->wanted->with_keys)
        return res;
    const struct keyring_parts parts = {
        .keys = l->keys,
        .has_lost_keys = l->has_lost_keys,
        .gateway = s->settings.upstream_key,
        .gateway_at = s->settings.upstream_key_place,
    };
    return keyring_build(&parts, &s->acl, &s->arena, l->diags, &s->keyring);
}

static enum result load(struct loading *l)
{
    struct snapshot *s = l->snapshot;
    enum result zones = zones_build(&s->settings, &s->arena, l->diags, &s->zones);

    if (is_fatal(zones))
        return zones;
    check_loops(&s->settings, l->diags);
    enum result res = add_acl(l);
    if (res == RES_OK && l->wanted->with_keys)
        res = read_keys(l);
    return res == RES_OK ? join_parts(l, zones == RES_OK) : res;
}

enum result snapshot_load(struct snapshot *snapshot,
                          const struct snapshot_wanted *wanted, struct diags *diags)
{
    struct loading l = {.snapshot = snapshot, .wanted = wanted, .diags = diags};
    size_t errors = diags->errors;

    snapshot->generation = wanted->generation;
    snapshot->loaded_s = wanted->now_s;
    enum result res = load(&l);
    keyfile_keys_free(&l.keys);
    if (is_fatal(res))
        return res;
    return diags->errors == errors ? RES_OK : RES_EFORMAT;
}

#include "site.h"

#include "../unit/unit.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char site_acl[] = "profile whole\n"
                        "    owner {name}\n"
                        "    type  A TXT\n"
                        "    ttl   0..3600\n"
                        "    may   add delete delete-rrset delete-name prereq\n"
                        "profile signer\n"
                        "    owner {name}\n"
                        "    type  DNSKEY\n"
                        "    dangerous\n"
                        "host mx1.duckcorp.org\n"
                        "    acme  mx1.duckcorp.org www.duckcorp.org\n"
                        "    acme  bare.duckcorp.org bent.duckcorp.org\n"
                        "    whole h1.dyn.duckcorp.org shared.dyn.duckcorp.org\n"
                        "    signer h1.dyn.duckcorp.org\n"
                        "host mx2.duckcorp.org\n"
                        "    acme  mx2.duckcorp.org\n"
                        "    whole h2.dyn.duckcorp.org shared.dyn.duckcorp.org\n"
                        "host far.duckcorp.org\n"
                        "    from  198.51.100.0/24\n"
                        "    acme  far.duckcorp.org\n";

static const char profiles[] = "profile acme\n"
                               "    owner _acme-challenge.{name}\n"
                               "    type  TXT\n"
                               "    check acme-token\n"
                               "    ttl   0..600\n";

#define ACME(host, name)                                                               \
    {                                                                                  \
        host, "_acme-challenge." name ".duckcorp.org",                                 \
            "_acme-challenge." name "._kage.duckcorp.org", "TXT", 600                  \
    }
#define NATIVE(host, name, type)                                                       \
    {                                                                                  \
        host, name ".dyn.duckcorp.org", name ".dyn.duckcorp.org", type, 3600           \
    }

/* Zones of their own where a scenario wants many. */
#define CROWD(n) NATIVE("mx1.duckcorp.org", "_acme-challenge.h1.z" #n, "TXT")

static const struct site_right rights[] = {
    ACME("mx1.duckcorp.org", "mx1"),
    ACME("mx1.duckcorp.org", "www"),
    ACME("mx1.duckcorp.org", "bare"),
    ACME("mx1.duckcorp.org", "bent"),
    NATIVE("mx1.duckcorp.org", "h1", "A"),
    NATIVE("mx1.duckcorp.org", "h1", "TXT"),
    NATIVE("mx1.duckcorp.org", "h1", "DNSKEY"),
    ACME("mx2.duckcorp.org", "mx2"),
    NATIVE("mx2.duckcorp.org", "h2", "A"),
    NATIVE("mx2.duckcorp.org", "h2", "TXT"),
    NATIVE("mx1.duckcorp.org", "shared", "A"),
    NATIVE("mx1.duckcorp.org", "shared", "TXT"),
    NATIVE("mx2.duckcorp.org", "shared", "A"),
    NATIVE("mx2.duckcorp.org", "shared", "TXT"),
    ACME("far.duckcorp.org", "far"),
    CROWD(1),
    CROWD(2),
    CROWD(3),
    CROWD(4),
    CROWD(5),
    CROWD(6),
    CROWD(7),
    CROWD(8),
    CROWD(9),
    CROWD(10),
    CROWD(11),
    CROWD(12),
    CROWD(13),
    CROWD(14),
    CROWD(15),
    CROWD(16),
    CROWD(17),
    CROWD(18),
    CROWD(19),
    CROWD(20),
};

const struct site_right *site_right_of(const char *key, const char *owner,
                                       const char *type)
{
    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        const struct site_right *right = &rights[i];
        if (strcmp(right->key, key) == 0 && strcmp(right->type, type) == 0 &&
            (strcasecmp(right->original, owner) == 0 ||
             strcasecmp(right->target, owner) == 0))
            return right;
    }
    return NULL;
}

static const char *const key_names[] = {"mx1.duckcorp.org", "mx2.duckcorp.org",
                                        "far.duckcorp.org", "orphan", "gateway"};

/* 32 octets in base64, another secret for each key. */
static void secret_text(const char *key_name, char text[45])
{
    unsigned sum = 0;

    for (const char *c = key_name; *c != '\0'; c++)
        sum = sum * 31 + (unsigned char)*c;
    snprintf(text, 45, "%042u", sum % 1000000000);
    memcpy(text + 42, "A=", 3);
}

struct hmac *site_hmac(const char *key_name)
{
    char text[45];
    struct secret secret;
    struct hmac *hmac;

    secret_text(key_name, text);
    assert_int_equal(secret_from_base64(text, 44, &secret), RES_OK);
    assert_int_equal(hmac_new(HMAC_SHA256, &secret, &hmac), RES_OK);
    secret_free(&secret);
    return hmac;
}

static void write_file(const struct site *site, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", site->folder, name);
    unit_write_file(path, text, 0600);
}

void site_write_acl(const struct site *site, const char *text)
{
    write_file(site, "site.acl", text);
}

static void write_keys(const struct site *site)
{
    char text[2048], secret[45];
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(key_names); i++) {
        secret_text(key_names[i], secret);
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "key \"%s\" { algorithm hmac-sha256; "
                                "secret \"%s\"; };\n",
                                key_names[i], secret);
    }
    assert_true(len < sizeof(text));
    write_file(site, "all.key", text);
}

void site_open(struct site *site)
{
    *site = (struct site){.folder = "/tmp/tsigate-scenario.XXXXXX"};
    assert_non_null(mkdtemp(site->folder));
    site_write_acl(site, site_acl);
    write_file(site, "profiles.acl", profiles);
    write_keys(site);
}

void site_close(struct site *site)
{
    static const char *const files[] = {"site.acl", "profiles.acl", "all.key"};
    char path[128];

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", site->folder, files[i]);
        unlink(path);
    }
    rmdir(site->folder);
}

static struct name name_in(struct arena *arena, const char *text)
{
    struct name_buf buf;

    assert_int_equal(name_from_text(text, strlen(text), &buf), RES_OK);
    return name_copy(arena, name_of(&buf));
}

static struct settings_text *text_in(struct arena *arena, const char *text)
{
    struct settings_text *out = arena_alloc(arena, sizeof(*out));

    assert_non_null(out);
    out->text = arena_string(arena, text);
    return out;
}

static void fill_zones(struct settings *settings, struct arena *arena)
{
    static const char *const zones[] = {"duckcorp.org", "_kage.duckcorp.org",
                                        "dyn.duckcorp.org"};

    settings->zone_count = COUNT_OF(zones);
    settings->zones = arena_array(arena, COUNT_OF(zones), sizeof(*settings->zones));
    assert_non_null(settings->zones);
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        settings->zones[i].name = name_in(arena, zones[i]);
        settings->zones[i].is_dynamic = i > 0;
    }
    settings->shadow_count = 1;
    settings->shadows = arena_alloc(arena, sizeof(*settings->shadows));
    assert_non_null(settings->shadows);
    settings->shadows->of = name_in(arena, "duckcorp.org");
    settings->shadows->at = name_in(arena, "_kage.duckcorp.org");
}

static void report(const struct diags *diags)
{
    char text[1024];

    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next) {
        if (diag->severity == SEVERITY_ERROR)
            print_error("%s\n", diag_format(diag, text, sizeof(text)));
    }
}

struct snapshot *site_load(struct site *site, void (*tune)(struct settings *settings))
{
    char file[128];
    struct diags diags;

    snprintf(file, sizeof(file), "%s/tsigate.conf", site->folder);
    struct snapshot *snapshot = snapshot_new(file);
    assert_non_null(snapshot);
    struct settings *settings = &snapshot->settings;
    settings->keys = text_in(&snapshot->arena, "all.key");
    settings->key_count = 1;
    settings->acl = text_in(&snapshot->arena, "site.acl");
    settings->acl_count = 1;
    settings->profiles = *text_in(&snapshot->arena, "profiles.acl");
    settings->upstream_key = name_in(&snapshot->arena, "gateway");
    fill_zones(settings, &snapshot->arena);
    if (tune != NULL)
        tune(settings);

    diags_init(&diags);
    const struct snapshot_wanted wanted = {.with_keys = true,
                                           .key_owner = geteuid(),
                                           .generation = ++site->generation,
                                           .now_s = SITE_START_S};
    enum result result = snapshot_load(snapshot, &wanted, &diags);
    report(&diags);
    assert_int_equal(result, RES_OK);
    diags_fini(&diags);
    return snapshot;
}

#include "policy/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/names.h"

#define SECRET_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define SECRET_G "R0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0c="
#define KEY(name, secret)                                                              \
    "key \"" name "\" { algorithm hmac-sha256; secret \"" secret "\"; };\n"
#define STOCK "profile acme\n owner _acme-challenge.{name}\n type TXT\n"

/* A folder of files, gone at the end. */
struct folder {
    char path[64];
    char conf[80]; /* where tsigate.conf would be; it is not read here */
};

static void folder_open(struct folder *folder)
{
    strcpy(folder->path, "/tmp/test_snapshot.XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->conf, sizeof(folder->conf), "%s/tsigate.conf", folder->path);
}

static void folder_write(const struct folder *folder, const char *name,
                         const char *text, mode_t mode)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    unit_write_file(path, text, mode);
}

static void folder_close(const struct folder *folder)
{
    DIR *dir = opendir(folder->path);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
    }
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(rmdir(folder->path), 0);
}

/* What net/conf would fill in: one static zone with its shadow. */
static void fill(struct settings *settings)
{
    static const struct place place = {"tsigate.conf", 1, 1};
    static struct settings_text patterns[] = {{"*.acl", {"tsigate.conf", 2, 1}},
                                              {"*.key", {"tsigate.conf", 3, 1}}};
    struct arena *arena = settings->arena;
    struct settings_zone *zones = arena_array(arena, 2, sizeof(*zones));
    struct settings_shadow *shadow = arena_alloc(arena, sizeof(*shadow));
    struct settings_endpoint *listen = arena_alloc(arena, sizeof(*listen));
    struct settings_endpoint *server = arena_alloc(arena, sizeof(*server));

    zones[0] = (struct settings_zone){name_in(arena, "corp.example"), false, place};
    zones[1] = (struct settings_zone){name_in(arena, "_s.corp.example"), true, place};
    *shadow = (struct settings_shadow){zones[0].name, zones[1].name, place};
    settings->zones = zones;
    settings->zone_count = 2;
    settings->shadows = shadow;
    settings->shadow_count = 1;
    settings->acl = &patterns[0];
    settings->acl_count = 1;
    settings->keys = &patterns[1];
    settings->key_count = 1;
    settings->profiles.text = "stock.profiles";
    settings->upstream_key = name_in(arena, "gateway");
    settings->upstream_key_place = place;

    listen->place = place;
    assert_int_equal(addr_parse("127.0.0.1", &listen->addr), RES_OK);
    *server = *listen;
    listen->addr.port = 5300;
    server->addr.port = 5353;
    settings->listen = listen;
    settings->listen_count = 1;
    settings->servers = server;
    settings->server_count = 1;
}

static bool has_diag(const struct diags *diags, const char *id)
{
    for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next) {
        if (strcmp(diag->id, id) == 0)
            return true;
    }
    return false;
}

static const struct snapshot_wanted *wanted(bool with_keys)
{
    static struct snapshot_wanted values;

    values = (struct snapshot_wanted){.with_keys = with_keys,
                                      .key_owner = getuid(),
                                      .generation = 7,
                                      .now_s = 1800000000};
    return &values;
}

static void test_load(void **state)
{
    struct folder folder;
    struct diags diags;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", STOCK, 0644);
    folder_write(&folder, "b.acl", "host h\n acme a.corp.example\n", 0644);
    folder_write(&folder, "a.acl", "host h\n acme b.corp.example\n", 0644);
    folder_write(&folder, "all.key", KEY("h", SECRET_A) KEY("gateway", SECRET_G), 0600);

    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    assert_non_null(snapshot);
    assert_true(snapshot->settings.require_cname);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, wanted(true), &diags), RES_OK);
    assert_int_equal(diags.errors + diags.warnings, 0);
    assert_int_equal(snapshot->generation, 7);
    assert_int_equal(snapshot->loaded_s, 1800000000);
    /* Files come in the order of their names. */
    assert_int_equal(snapshot->acl.right_count, 2);
    assert_name(acl_right_owner(&snapshot->acl.rights[0]),
                "_acme-challenge.b.corp.example");
    assert_null(snapshot->source.grants);
    assert_name(acl_source_host(&snapshot->source, 0)->name, "h");
    assert_non_null(snapshot->keyring.gateway.hmac);
    struct arena arena;
    arena_init(&arena, 1024, 0);
    assert_non_null(keyring_find(&snapshot->keyring, name_in(&arena, "h")));
    arena_fini(&arena);

    /* O-5: whoever holds it has it whole. */
    struct snapshot *held = snapshot_hold(snapshot);
    snapshot_release(&snapshot);
    assert_null(snapshot);
    assert_int_equal(held->acl.right_count, 2);
    snapshot_release(&held);
    snapshot_release(&held);
    diags_fini(&diags);
    folder_close(&folder);
}

/* The tool's questions do not need the keys, and often may not read them. */
static void test_load_without_keys(void **state)
{
    struct folder folder;
    struct diags diags;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", STOCK, 0644);
    folder_write(&folder, "a.acl", "host h\n acme b.corp.example\n", 0644);
    folder_write(&folder, "bad.key", "junk", 0666);
    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, wanted(false), &diags), RES_OK);
    assert_int_equal(diags.errors + diags.warnings, 0);
    assert_int_equal(snapshot->keyring.keys.count, 0);
    snapshot_release(&snapshot);
    diags_fini(&diags);
    folder_close(&folder);
}

/* An edited file is judged in its own place, by whatever path it is found. */
static void test_load_with_a_text_instead(void **state)
{
    static const char text[] = "host h\n acme x.corp.example\n nonsense\n";
    struct folder folder;
    struct diags diags;
    struct stat file;
    char path[128];

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", STOCK, 0644);
    folder_write(&folder, "a.acl", "host h\n acme a.corp.example\n", 0644);
    folder_write(&folder, "b.acl", "host h\n acme b.corp.example\n", 0644);
    (void)snprintf(path, sizeof(path), "%s/a.acl", folder.path);
    assert_int_equal(stat(path, &file), 0);
    struct snapshot_instead instead = {.device = file.st_dev, .inode = file.st_ino};
    struct snapshot_wanted with_text = *wanted(false);
    with_text.instead = &instead;

    /* No text: only whether and how it is found. */
    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, &with_text, &diags), RES_OK);
    assert_string_equal(instead.path, path);
    assert_name(acl_right_owner(&snapshot->acl.rights[0]),
                "_acme-challenge.a.corp.example");
    snapshot_release(&snapshot);

    instead = (struct snapshot_instead){file.st_dev, file.st_ino, text,
                                        strlen("host h\n acme x.corp.example\n"), NULL};
    snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    with_text.with_grants = true;
    assert_int_equal(snapshot_load(snapshot, &with_text, &diags), RES_OK);
    assert_int_equal(snapshot->acl.right_count, 2);
    assert_string_equal(snapshot->source.grants->names[0].text, "x.corp.example");
    assert_name(acl_right_owner(&snapshot->acl.rights[0]),
                "_acme-challenge.x.corp.example");
    assert_string_equal(acl_right_place(&snapshot->acl, &snapshot->acl.rights[0]).file,
                        path);
    snapshot_release(&snapshot);

    instead.len = strlen(text);
    snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, &with_text, &diags), RES_EFORMAT);
    assert_string_equal(diags.first->place.file, path);
    assert_int_equal(diags.first->place.line, 3);
    snapshot_release(&snapshot);

    instead.device++; /* another file, or none of the configuration's */
    instead.path = NULL;
    snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, &with_text, &diags), RES_OK);
    assert_null(instead.path);
    snapshot_release(&snapshot);
    diags_fini(&diags);
    folder_close(&folder);
}

/* One load tells the errors of zones, loops, profiles, ACL and keys. */
static void test_all_errors_at_once(void **state)
{
    struct folder folder;
    struct diags diags;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", "junk\n" STOCK, 0644);
    folder_write(&folder, "a.acl", "host h\n nonsense b.corp.example\n", 0644);
    folder_write(&folder, "b.acl",
                 "host h\n acme w._s.corp.example\n key k\nhost i\n key k\n", 0644);
    folder_write(&folder, "open.key", KEY("h", SECRET_A), 0644);
    folder_write(&folder, "bad.key", "key x {};\n", 0600);
    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    snapshot->settings.servers[0].addr = snapshot->settings.listen[0].addr;
    assert_int_equal(snapshot_load(snapshot, wanted(true), &diags), RES_EFORMAT);
    static const char *const ids[] = {"upstream-is-listener", "grant-in-shadow",
                                      "key-two-hosts"};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_case(ids[i], has_diag(&diags, ids[i]));
    /* It may be in one of the files below. */
    assert_false(has_diag(&diags, "gateway-key-missing"));
    assert_false(has_diag(&diags, "key-without-file"));
    /* and those of the parsers, whose identifiers are theirs */
    static const char *const files[] = {"stock.profiles", "a.acl", "open.key",
                                        "bad.key"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        bool is_told = false;
        for (const struct diag *diag = diags.first; diag != NULL; diag = diag->next)
            is_told |= diag->severity == SEVERITY_ERROR && diag->place.file != NULL &&
                       strstr(diag->place.file, files[i]) != NULL;
        assert_case(files[i], is_told);
    }
    snapshot_release(&snapshot);
    diags_fini(&diags);
    folder_close(&folder);
}

/* Bad zones: the files are still read, but nothing is told that follows from zones. */
static void test_bad_zones(void **state)
{
    struct folder folder;
    struct diags diags;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", STOCK, 0644);
    folder_write(&folder, "a.acl", "host h\n acme b.corp.example\n nonsense x\n", 0644);
    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    snapshot->settings.shadows[0].at = snapshot->settings.shadows[0].of;
    assert_int_equal(snapshot_load(snapshot, wanted(false), &diags), RES_EFORMAT);
    assert_true(has_diag(&diags, "shadow-at-not-dynamic"));
    assert_false(has_diag(&diags, "static-without-shadow"));
    assert_int_equal(diags.errors, 2);
    snapshot_release(&snapshot);
    diags_fini(&diags);
    folder_close(&folder);
}

/* No stock profiles: one error, and none that only follows from it. */
static void test_missing_profiles(void **state)
{
    struct folder folder;
    struct diags diags;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "a.acl", "host h\n acme b.corp.example\n", 0644);
    folder_write(&folder, "h.key", KEY("h", SECRET_A), 0600);
    diags_init(&diags);
    struct snapshot *snapshot = snapshot_new(folder.conf);
    fill(&snapshot->settings);
    assert_int_equal(snapshot_load(snapshot, wanted(true), &diags), RES_EFORMAT);
    assert_true(has_diag(&diags, "file-missing"));
    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.warnings, 0);
    snapshot_release(&snapshot);
    diags_fini(&diags);
    folder_close(&folder);
}

/* U-10 is about address and port together. */
static void test_loop(void **state)
{
    static const struct {
        const char *address;
        uint16_t port;
        bool is_loop;
    } cases[] = {
        {"127.0.0.1", 5300, true},
        {"127.0.0.1", 5301, false},
        {"127.0.0.2", 5300, false},
        {"::1", 5300, false},
    };
    struct folder folder;

    (void)state;
    folder_open(&folder);
    folder_write(&folder, "stock.profiles", STOCK, 0644);
    folder_write(&folder, "a.acl", "", 0644);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct diags diags;
        diags_init(&diags);
        struct snapshot *snapshot = snapshot_new(folder.conf);
        fill(&snapshot->settings);
        assert_int_equal(
            addr_parse(cases[i].address, &snapshot->settings.servers[0].addr), RES_OK);
        snapshot->settings.servers[0].addr.port = cases[i].port;
        assert_int_equal(snapshot_load(snapshot, wanted(false), &diags),
                         cases[i].is_loop ? RES_EFORMAT : RES_OK);
        assert_int_equal(has_diag(&diags, "upstream-is-listener"), cases[i].is_loop);
        snapshot_release(&snapshot);
        diags_fini(&diags);
    }
    folder_close(&folder);
}

static void take_released(void *arg, struct snapshot *snapshot)
{
    struct snapshot **taken = arg;

    assert_null(*taken); /* once */
    *taken = snapshot;
}

/* Not before the last reference has gone. */
static void test_released_to_somebody(void **state)
{
    struct snapshot *snapshot = snapshot_new("tsigate.conf");
    struct snapshot *taken = NULL;

    (void)state;
    assert_non_null(snapshot);
    struct snapshot *other = snapshot_hold(snapshot);
    snapshot->on_released = take_released;
    snapshot->on_released_arg = &taken;
    snapshot_release(&snapshot);
    assert_null(taken);
    struct snapshot *expected = other;
    snapshot_release(&other);
    assert_ptr_equal(taken, expected);
    snapshot_free(&taken);
    assert_null(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_without_keys),
        cmocka_unit_test(test_load_with_a_text_instead),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_bad_zones),
        cmocka_unit_test(test_missing_profiles),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_released_to_somebody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

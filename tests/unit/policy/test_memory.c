/*
 * each allocation of a load fails once. The linker puts the functions below in the
 * place of malloc and its kin, for our own objects (-Wl,--wrap).
 */
#include "policy/snapshot.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/names.h"

static size_t allocations;
static size_t fails_at; /* the count that fails; 0: none */

static bool is_failing(void)
{
    return ++allocations == fails_at;
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *old, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *old, size_t len);

void *__wrap_malloc(size_t len)
{
    return is_failing() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t each)
{
    return is_failing() ? NULL : __real_calloc(count, each);
}

void *__wrap_realloc(void *old, size_t len)
{
    return is_failing() ? NULL : __real_realloc(old, len);
}

#define KEY(name, secret)                                                              \
    "key \"" name "\" { algorithm hmac-sha256; secret \"" secret "\"; };\n"

static const struct {
    const char *name;
    const char *text;
} files[] = {
    {"profiles",
     "profile acme\n owner _acme-challenge.{name}\n type TXT\n check match \"x+\"\n"
     "profile pgp\n owner *._openpgpkey.{name}\n type OPENPGPKEY\n"},
    {"a.acl", "every-host\n acme {host}\n"
              "host a.corp.example\n key k\n from 192.0.2.1\n"
              "alias o.corp.example t._s.corp.example\n"},
    {"b.keys", KEY("k", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
                   KEY("gateway", "R0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0c=")},
};

static char folder[] = "/tmp/test_memory.XXXXXX";

static const char *path_of(const char *name, char *path, size_t capacity)
{
    (void)snprintf(path, capacity, "%s/%s", folder, name);
    return path;
}

static int open_folder(void **state)
{
    char path[128];

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        unit_write_file(path_of(files[i].name, path, sizeof(path)), files[i].text,
                        0600);
    return 0;
}

static int close_folder(void **state)
{
    char path[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        (void)unlink(path_of(files[i].name, path, sizeof(path)));
    return rmdir(folder);
}

static void fill(struct settings *settings, struct arena *arena)
{
    static struct settings_text patterns[] = {{"*.acl", {0}}, {"*.keys", {0}}};
    static struct settings_zone zones[2];
    static struct settings_shadow shadow;

    zones[0] = (struct settings_zone){.name = name_in(arena, "corp.example")};
    zones[1] = (struct settings_zone){.name = name_in(arena, "_s.corp.example"),
                                      .is_dynamic = true};
    shadow = (struct settings_shadow){.of = zones[0].name, .at = zones[1].name};
    settings->zones = zones;
    settings->zone_count = 2;
    settings->shadows = &shadow;
    settings->shadow_count = 1;
    settings->profiles.text = "profiles";
    settings->acl = &patterns[0];
    settings->acl_count = 1;
    settings->keys = &patterns[1];
    settings->key_count = 1;
    settings->upstream_key = name_in(arena, "gateway");
}

/* Loads, with no more memory than the site's limits; RES_OK, or what went wrong. */
static enum result load(struct arena *names, size_t arena_limit, size_t source_limit)
{
    const struct snapshot_wanted wanted = {.with_keys = true, .key_owner = getuid()};
    char path[128];
    struct diags diags;
    enum result res = RES_EMEM;

    diags_init(&diags);
    struct snapshot *snapshot =
        snapshot_new(path_of("tsigate.conf", path, sizeof(path)));
    if (snapshot != NULL) {
        fill(&snapshot->settings, names);
        snapshot->arena.limit = arena_limit;
        snapshot->source.arena.limit = source_limit;
        snapshot->source.lines.limit = source_limit;
        res = snapshot_load(snapshot, &wanted, &diags);
    }
    if (diags.first != NULL && fails_at == 0)
        print_message("  %s\n", diags.first->message);
    snapshot_release(&snapshot);
    diags_fini(&diags);
    return res;
}

static void test_each_allocation(void **state)
{
    struct arena names; /* of the settings, whose memory is there before */

    (void)state;
    arena_init(&names, 1 << 20, 0);
    assert_non_null(name_in(&names, "warm").octets);
    allocations = 0;
    assert_int_equal(load(&names, 0, 0), RES_OK);
    const size_t total = allocations;
    assert_in_range(total, 20, 10000);
    for (size_t n = 1; n <= total; n++) {
        allocations = 0;
        fails_at = n;
        enum result res = load(&names, 0, 0);
        fails_at = 0;
        if (allocations < n || res == RES_OK)
            fail_msg("allocation %zu of %zu: result %d", n, total, res);
    }
    arena_fini(&names);
}

/* Arenas take memory by the chunk; their limits make each piece of it fail. */
static void test_each_piece_of_an_arena(void **state)
{
    struct arena names;
    size_t limit;

    (void)state;
    arena_init(&names, 1 << 20, 0);
    for (limit = 128; load(&names, limit, 0) != RES_OK; limit += 16)
        assert_true(limit < 65536);
    assert_true(limit > 512);
    for (limit = 16; load(&names, 0, limit) != RES_OK; limit += 16)
        assert_true(limit < 65536);
    assert_true(limit > 512);
    arena_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
        cmocka_unit_test(test_each_piece_of_an_arena),
    };

    return cmocka_run_group_tests(tests, open_folder, close_folder);
}

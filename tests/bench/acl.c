/*
 * acl [GRANTS ...]: what an ACL of that many rights costs (1,000, 10,000, 100,000 and
 * 1,000,000 of them, one-line grants to a host each; and sites of other shapes with the
 * most): seconds of CPU to load it from text, octets for each right, nanoseconds for a
 * look-up that hits and for one that misses; and the octets of a key.
 */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "conf/aclfile.h"
#include "conf/keyfile.h"
#include "policy/acl.h"
#include "policy/keyring.h"
#include "policy/settings.h"
#include "policy/zones.h"
#include "site.h"

#define LOOKUPS     1000000
#define CHUNK       65536
#define LINE_OCTETS 160

struct text {
    char *chars;
    size_t len;
};

/* How rights are spread over hosts: right i is host i % hosts's. */
struct shape {
    const char *name;
    uint32_t hosts;  /* 0: one for each right */
    bool is_for_all; /* by every-host, a grant for each right of a host */
};

static const struct shape shapes[] = {
    {"a host each", 0, false},
    {"1,000 hosts", 1000, false},
    {"one host", 1, false},
    {"10,000 hosts, every-host", 10000, true},
};

struct site {
    const struct shape *shape;
    uint32_t rights;
    uint32_t hosts;
};

struct rules {
    struct arena arena;
    struct settings settings;
    struct settings_zone zone;
    struct zones zones;
    struct acl_source source;
    struct acl acl;
    struct keyring keyring;
    struct diags diags;
};

static double now_s(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* What has been taken of the heap, large pieces included, and is in use. */
static size_t heap_octets(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void check(const struct rules *rules, enum result res, const char *what)
{
    char text[1024];

    if (res != RES_OK)
        site_die("%s: %s", what,
                 rules->diags.first == NULL
                     ? "failed"
                     : diag_format(rules->diags.first, text, sizeof(text)));
}

static struct text text_new(size_t lines)
{
    struct text text = {.chars = malloc(lines * LINE_OCTETS + 1)};

    if (text.chars == NULL)
        site_die("no memory");
    return text;
}

static void text_add(struct text *text, const char *format, ...) PRINTF(2, 3);
static void text_add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->len += (size_t)vsnprintf(text->chars + text->len, LINE_OCTETS, format, args);
    va_end(args);
}

/* The name that right i is for. */
static void name_text(const struct site *site, uint32_t i, char text[LINE_OCTETS])
{
    if (site->shape->is_for_all)
        (void)snprintf(text, LINE_OCTETS, "w%u.h%07u.%s", i / site->hosts,
                       i % site->hosts, SITE_ZONE);
    else
        (void)snprintf(text, LINE_OCTETS, "h%07u.%s", i, SITE_ZONE);
}

static struct text grants_text(const struct site *site)
{
    struct text text = text_new((size_t)site->rights + site->hosts + 1);
    char name[LINE_OCTETS];

    for (uint32_t i = 0; i < site->hosts && site->shape->is_for_all; i++)
        text_add(&text, "host h%07u.%s\n", i, SITE_ZONE);
    if (site->shape->is_for_all)
        text_add(&text, "every-host\n");
    for (uint32_t i = 0; i < site->rights / site->hosts && site->shape->is_for_all; i++)
        text_add(&text, " acme w%u.{host}\n", i);
    for (uint32_t i = 0; i < site->rights && !site->shape->is_for_all; i++) {
        name_text(site, i, name);
        text_add(&text, "grant h%07u.%s acme %s\n", i % site->hosts, SITE_ZONE, name);
    }
    return text;
}

static struct text keys_text(uint32_t keys)
{
    struct text text = text_new(keys);
    char secret[SITE_SECRET_CHARS];

    for (uint32_t i = 0; i < keys; i++) {
        site_secret_text(i, secret);
        text_add(&text, "key \"h%07u.%s\" { algorithm hmac-sha256; secret \"%s\"; };\n",
                 i, SITE_ZONE, secret);
    }
    return text;
}

static void open_rules(struct rules *rules)
{
    static const char profiles[] = "profile acme\n owner _acme-challenge.{name}\n"
                                   " type TXT\n check acme-token\n ttl 0..600\n";
    struct name_buf zone;

    *rules = (struct rules){0};
    diags_init(&rules->diags);
    arena_init(&rules->arena, CHUNK, 0);
    settings_init(&rules->settings, "tsigate.conf", &rules->arena);
    check(rules, name_from_text(SITE_ZONE, strlen(SITE_ZONE), &zone), "zone");
    rules->zone = (struct settings_zone){
        .name = name_copy(&rules->arena, name_of(&zone)), .is_dynamic = true};
    rules->settings.zones = &rules->zone;
    rules->settings.zone_count = 1;
    check(rules,
          zones_build(&rules->settings, &rules->arena, &rules->diags, &rules->zones),
          "zones");
    acl_source_init(&rules->source);
    check(rules,
          aclfile_parse(&rules->source, "profiles.acl", profiles, strlen(profiles),
                        true, &rules->diags),
          "profiles");
}

static void close_rules(struct rules *rules)
{
    keyring_fini(&rules->keyring);
    acl_fini(&rules->acl);
    zones_fini(&rules->zones);
    acl_source_fini(&rules->source);
    arena_fini(&rules->arena);
    diags_fini(&rules->diags);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void challenge_of(const struct site *site, uint32_t right, struct name_buf *out)
{
    static const uint8_t prefix[] = "\017_acme-challenge";
    char text[LINE_OCTETS];
    struct name_buf name;

    name_text(site, right, text);
    if (name_from_text(text, strlen(text), &name) != RES_OK ||
        name_join((struct name){prefix, sizeof(prefix)}, name_of(&name), out) != RES_OK)
        site_die("no room for a name");
}

/* Names and hosts are made beforehand in blocks, so that only look-ups are timed. What
 * misses is a name of another host's, or of nobody. */
static double lookup_ns(const struct rules *rules, const struct site *site, bool is_hit)
{
    enum { BLOCK = 1000 };
    static struct name_buf owners[BLOCK];
    static const struct acl_host *hosts[BLOCK];
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    uint64_t state = 88172645463325252;
    double seconds = 0;
    size_t found = 0;

    for (size_t done = 0; done < LOOKUPS; done += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++) {
            uint32_t right = (uint32_t)(next_random(&state) % site->rights);
            uint32_t asked = right + (is_hit ? 0 : site->hosts > 1 ? 1 : site->rights);
            hosts[i] = acl_source_host(&rules->source, right % site->hosts);
            challenge_of(site, asked, &owners[i]);
        }
        double before = now_s(CLOCK_PROCESS_CPUTIME_ID);
        for (size_t i = 0; i < BLOCK; i++)
            found += acl_rights_of(&rules->acl, hosts[i], name_of(&owners[i]), rights);
        seconds += now_s(CLOCK_PROCESS_CPUTIME_ID) - before;
    }
    if (found != (is_hit ? LOOKUPS : 0))
        site_die("%zu look-ups found something", found);
    return seconds / LOOKUPS * 1e9;
}

static void measure_keys(struct rules *rules, uint32_t count)
{
    struct text text = keys_text(count);
    struct keyfile_key *keys = NULL;
    double before = now_s(CLOCK_PROCESS_CPUTIME_ID);
    size_t octets = heap_octets();

    check(rules,
          keyfile_parse("all.key", text.chars, text.len, false, &rules->arena,
                        &rules->diags, &keys),
          "keys");
    check(rules,
          keyring_build(&(struct keyring_parts){.keys = keys}, &rules->acl,
                        &rules->arena, &rules->diags, &rules->keyring),
          "keyring");
    (void)printf("  keys: %.3f s, %.0f octets each and 32 of secret\n",
                 now_s(CLOCK_PROCESS_CPUTIME_ID) - before,
                 (double)(heap_octets() - octets) / count);
    keyfile_keys_free(&keys);
    free(text.chars);
}

static void measure(const struct shape *shape, uint32_t count)
{
    struct rules rules;
    const struct site site = {shape, count, shape->hosts != 0 ? shape->hosts : count};
    struct text text = grants_text(&site);
    size_t before = heap_octets();

    open_rules(&rules);
    double start = now_s(CLOCK_PROCESS_CPUTIME_ID);
    check(&rules,
          aclfile_parse(&rules.source, "site.acl", text.chars, text.len, false,
                        &rules.diags),
          "grants");
    double parsed = now_s(CLOCK_PROCESS_CPUTIME_ID);
    check(&rules,
          acl_compile(&rules.source, &rules.zones, &rules.arena, &rules.diags,
                      &rules.acl),
          "compile");
    size_t most = heap_octets() - before;
    acl_source_drop_grants(&rules.source);
    double compiled = now_s(CLOCK_PROCESS_CPUTIME_ID);
    size_t octets = heap_octets() - before;
    if (rules.acl.right_count != count)
        site_die("%zu rights", rules.acl.right_count);
    (void)printf("%u rights, %s: %.3f s (parse %.3f, compile %.3f), %.0f octets each "
                 "(%.0f while it loads), look-up %.0f ns, miss %.0f ns\n",
                 count, shape->name, compiled - start, parsed - start,
                 compiled - parsed, (double)octets / count, (double)most / count,
                 lookup_ns(&rules, &site, true), lookup_ns(&rules, &site, false));
    free(text.chars);
    if (shape->hosts == 0)
        measure_keys(&rules, count);
    close_rules(&rules);
}

int main(int argc, char **argv)
{
    static const uint32_t usual[] = {1000, 10000, 100000, 1000000};
    uint32_t most = 1000000;

    for (int i = 1; i < argc; i++) {
        most = (uint32_t)strtoul(argv[i], NULL, 10);
        if (most < 2 || most > SITE_HOSTS_MAX)
            site_die("bad number of grants %s", argv[i]);
        measure(&shapes[0], most);
    }
    for (size_t i = 0; argc == 1 && i < sizeof(usual) / sizeof(*usual); i++)
        measure(&shapes[0], usual[i]);
    for (size_t i = 1; i < sizeof(shapes) / sizeof(*shapes); i++) {
        if (most % 10000 == 0)
            measure(&shapes[i], most);
    }
    return 0;
}

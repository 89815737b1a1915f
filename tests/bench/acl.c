/*
 * acl [GRANTS ...]: what an ACL of that many one-line grants costs (1,000, 10,000,
 * 100,000 and 1,000,000): seconds of CPU to load it from text, octets for each grant,
 * nanoseconds for a look-up that hits and for one that misses; and the octets of a key.
 */
#include <malloc.h>
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

static struct text grants_text(uint32_t grants)
{
    struct text text = {.chars = malloc((size_t)grants * LINE_OCTETS + 1)};

    if (text.chars == NULL)
        site_die("no memory");
    for (uint32_t i = 0; i < grants; i++)
        text.len += (size_t)snprintf(text.chars + text.len, LINE_OCTETS,
                                     "grant h%07u.%s acme h%07u.%s\n", i, SITE_ZONE, i,
                                     SITE_ZONE);
    return text;
}

static struct text keys_text(uint32_t keys)
{
    struct text text = {.chars = malloc((size_t)keys * LINE_OCTETS + 1)};
    char secret[SITE_SECRET_CHARS];

    if (text.chars == NULL)
        site_die("no memory");
    for (uint32_t i = 0; i < keys; i++) {
        site_secret_text(i, secret);
        text.len += (size_t)snprintf(
            text.chars + text.len, LINE_OCTETS,
            "key \"h%07u.%s\" { algorithm hmac-sha256; secret \"%s\"; };\n", i,
            SITE_ZONE, secret);
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

static void challenge_of(uint32_t host, struct name_buf *out)
{
    static const uint8_t prefix[] = "\017_acme-challenge";
    struct name_buf name;

    site_host_name(host, &name);
    if (name_join((struct name){prefix, sizeof(prefix)}, name_of(&name), out) != RES_OK)
        site_die("no room for a name");
}

/* Names and hosts are made beforehand in blocks, so that only look-ups are timed. */
static double lookup_ns(const struct rules *rules, uint32_t grants, bool is_hit)
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
            uint32_t host = (uint32_t)(next_random(&state) % grants);
            hosts[i] = acl_source_host(&rules->source, host);
            challenge_of(is_hit ? host : (host + 1) % grants, &owners[i]);
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

static void measure(uint32_t grants)
{
    struct rules rules;
    struct text text = grants_text(grants);

    open_rules(&rules);
    size_t octets = heap_octets();
    double start = now_s(CLOCK_PROCESS_CPUTIME_ID);
    check(&rules,
          aclfile_parse(&rules.source, "site.acl", text.chars, text.len, false,
                        &rules.diags),
          "grants");
    double parsed = now_s(CLOCK_PROCESS_CPUTIME_ID);
    size_t source_octets = heap_octets() - octets;
    check(&rules,
          acl_compile(&rules.source, &rules.zones, &rules.arena, &rules.diags,
                      &rules.acl),
          "compile");
    double compiled = now_s(CLOCK_PROCESS_CPUTIME_ID);
    octets = heap_octets() - octets;
    (void)printf("%u grants: %.3f s (parse %.3f, compile %.3f), %.0f octets each "
                 "(statements %.0f, rights %.0f), look-up %.0f ns, miss %.0f ns\n",
                 grants, compiled - start, parsed - start, compiled - parsed,
                 (double)octets / grants, (double)source_octets / grants,
                 (double)(octets - source_octets) / grants,
                 lookup_ns(&rules, grants, true), lookup_ns(&rules, grants, false));
    free(text.chars);
    measure_keys(&rules, grants);
    close_rules(&rules);
}

int main(int argc, char **argv)
{
    static const uint32_t usual[] = {1000, 10000, 100000, 1000000};

    for (int i = 1; i < argc; i++) {
        unsigned long grants = strtoul(argv[i], NULL, 10);
        if (grants < 2 || grants > SITE_HOSTS_MAX)
            site_die("bad number of grants %s", argv[i]);
        measure((uint32_t)grants);
    }
    for (size_t i = 0; argc == 1 && i < sizeof(usual) / sizeof(usual[0]); i++)
        measure(usual[i]);
    return 0;
}

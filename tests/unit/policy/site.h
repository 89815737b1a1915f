/* A site of zones, shadows and an ACL, compiled from texts, for the tests of policy. */
#ifndef TSIGATE_TESTS_POLICY_SITE_H
#define TSIGATE_TESTS_POLICY_SITE_H

#include "policy/acl.h"
#include "policy/names.h"

struct site {
    struct arena arena;
    struct diags diags;
    struct settings settings;
    struct zones zones;
    struct acl_source source;
    struct acl acl;
};

/* The stock profiles that tests use; the real ones have tables of their own. */
static const char site_stock[] = "profile acme\n"
                                 "    owner _acme-challenge.{name}\n"
                                 "    type TXT\n"
                                 "    check acme-token\n"
                                 "    ttl 0..600\n"
                                 "profile tlsa\n"
                                 "    owner _{port}._{proto}.{name}\n"
                                 "    type TLSA\n"
                                 "    check tlsa 3-1-1 2-1-1\n"
                                 "    ttl 0..3600\n"
                                 "profile address\n"
                                 "    owner {name}\n"
                                 "    type A AAAA\n"
                                 "    check source-address\n"
                                 "    ttl 0..3600\n"
                                 "profile openpgpkey\n"
                                 "    owner *._openpgpkey.{name}\n"
                                 "    type OPENPGPKEY\n"
                                 "    ttl 0..86400\n"
                                 "profile acme-persist\n"
                                 "    owner _validation-persist.{name}\n"
                                 "    type TXT\n"
                                 "    check any\n"
                                 "    ttl 0..86400\n"
                                 "profile acme-account\n"
                                 "    owner *._acme-challenge.{name}\n"
                                 "    type TXT\n"
                                 "    check acme-token\n"
                                 "    ttl 0..600\n"
                                 "profile multi-signer\n"
                                 "    owner {name}\n"
                                 "    type DNSKEY NS\n"
                                 "    ttl 0..86400\n"
                                 "    dangerous\n";

static inline void site_open(struct site *site)
{
    *site = (struct site){0};
    arena_init(&site->arena, 4096, 0);
    diags_init(&site->diags);
    settings_init(&site->settings, "site.conf", &site->arena);
    acl_source_init(&site->source);
}

static inline void site_close(struct site *site)
{
    acl_fini(&site->acl);
    acl_source_fini(&site->source);
    zones_fini(&site->zones);
    diags_fini(&site->diags);
    arena_fini(&site->arena);
}

#define SITE_MAX 16

/* "name" is a static zone, "+name" a dynamic one; NULL ends. */
static inline void site_add_zones(struct site *site, const char *const *texts)
{
    struct settings_zone *zones = arena_array(&site->arena, SITE_MAX, sizeof(*zones));

    for (; *texts != NULL; texts++) {
        bool is_dynamic = **texts == '+';
        zones[site->settings.zone_count++] =
            (struct settings_zone){.name = name_in(&site->arena, *texts + is_dynamic),
                                   .is_dynamic = is_dynamic,
                                   .place = {"site.conf", 1, 1}};
    }
    site->settings.zones = zones;
}

/* of, at, of, at, ..., NULL */
static inline void site_add_shadows(struct site *site, const char *const *texts)
{
    struct settings_shadow *shadows =
        arena_array(&site->arena, SITE_MAX, sizeof(*shadows));

    for (; *texts != NULL; texts += 2)
        shadows[site->settings.shadow_count++] =
            (struct settings_shadow){.of = name_in(&site->arena, texts[0]),
                                     .at = name_in(&site->arena, texts[1]),
                                     .place = {"site.conf", 2, 1}};
    site->settings.shadows = shadows;
}

/* Zones, then the stock profiles and text compiled with them. The result is that of
 * the first step that is not RES_OK. */
static inline enum result site_compile(struct site *site, const char *text)
{
    enum result res =
        zones_build(&site->settings, &site->arena, &site->diags, &site->zones);

    assert_int_equal(res, RES_OK);
    assert_int_equal(aclfile_parse(&site->source, "stock", site_stock,
                                   strlen(site_stock), true, &site->diags),
                     RES_OK);
    res = aclfile_parse(&site->source, "acl", text, strlen(text), false, &site->diags);
    if (res == RES_OK)
        res = zones_add_aliases(&site->zones, &site->source, &site->diags);
    if (res == RES_OK)
        res = acl_compile(&site->source, &site->zones, &site->arena, &site->diags,
                          &site->acl);
    return res;
}

static inline void site_print_diags(const struct site *site)
{
    char text[2048];

    for (const struct diag *diag = site->diags.first; diag != NULL; diag = diag->next)
        print_message("    %s\n", diag_format(diag, text, sizeof(text)));
}

/* The site's diagnostics, in order of discovery, are these; NULL ends. */
static inline void site_assert_ids(const struct site *site, const char *const *ids)
{
    const struct diag *diag = site->diags.first;

    for (; *ids != NULL; ids++, diag = diag->next) {
        if (diag == NULL || strcmp(diag->id, *ids) != 0) {
            site_print_diags(site);
            fail_msg("expected %s, got %s", *ids, diag != NULL ? diag->id : "no more");
        }
    }
    if (diag != NULL) {
        site_print_diags(site);
        fail_msg("got %s, expected no more", diag->id);
    }
}

#endif

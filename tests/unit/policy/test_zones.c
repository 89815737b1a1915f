#include "policy/zones.h"

#include "policy/site.h"

static void add_aliases(struct site *site, const char *const *texts)
{
    for (; *texts != NULL; texts += 2) {
        struct acl_alias *alias = arena_alloc(&site->arena, sizeof(*alias));
        *alias = (struct acl_alias){.original = name_in(&site->arena, texts[0]),
                                    .target = name_in(&site->arena, texts[1])};
        if (site->source.last_alias == NULL)
            site->source.aliases = alias;
        else
            site->source.last_alias->next = alias;
        site->source.last_alias = alias;
    }
}

/* ---- building ---- */

struct build_case {
    const char *name;
    const char *zones[SITE_MAX];
    const char *shadows[SITE_MAX];
    const char *aliases[SITE_MAX];
    const char *ids[4]; /* of the errors; none: it builds */
};

static const struct build_case build_cases[] = {
    {"static and dynamic", {"a.org", "+s.a.org"}, {"a.org", "s.a.org"}, {0}, {0}},
    {"nothing at all", {0}, {0}, {0}, {0}},
    {"a zone twice", {"a.org", "+A.org"}, {0}, {0}, {"zone-twice"}},
    {"of a name in a static zone", {"a.org", "+d"}, {"b.a.org", "d"}, {0}, {0}},
    {"of outside all zones",
     {"a.org", "+d"},
     {"b.org", "d"},
     {0},
     {"shadow-of-not-static"}},
    {"of a dynamic zone", {"a.org", "+d"}, {"x.d", "d"}, {0}, {"shadow-of-not-static"}},
    {"of a name in a dynamic zone below a static one",
     {"a.org", "+b.a.org", "+d"},
     {"x.b.a.org", "d"},
     {0},
     {"shadow-of-not-static"}},
    {"of twice",
     {"a.org", "+d"},
     {"a.org", "x.d", "a.org", "y.d"},
     {0},
     {"shadow-of-twice"}},
    {"of inside of", {"a.org", "+d"}, {"a.org", "x.d", "b.a.org", "y.d"}, {0}, {0}},
    {"at in a part of a zone", {"a.org", "+d"}, {"a.org", "x.y.d"}, {0}, {0}},
    {"at in a static zone",
     {"a.org"},
     {"a.org", "s.a.org"},
     {0},
     {"shadow-at-not-dynamic"}},
    {"at outside all zones",
     {"a.org"},
     {"a.org", "s.b.org"},
     {0},
     {"shadow-at-not-dynamic"}},
    {"at twice",
     {"a.org", "b.org", "+d"},
     {"a.org", "x.d", "b.org", "x.d"},
     {0},
     {"shadow-at-nested"}},
    {"at inside at",
     {"a.org", "b.org", "+d"},
     {"a.org", "x.d", "b.org", "y.x.d"},
     {0},
     {"shadow-at-nested"}},
    {"at inside at, the outer one later",
     {"a.org", "b.org", "+d"},
     {"a.org", "y.x.d", "b.org", "x.d"},
     {0},
     {"shadow-at-nested"}},
    {"at beside at",
     {"a.org", "b.org", "+d"},
     {"a.org", "x.d", "b.org", "xx.d"},
     {0},
     {0}},
    {"all errors, not the first",
     {"a.org", "a.org", "+d"},
     {"d", "a.org"},
     {0},
     {"zone-twice", "shadow-of-not-static", "shadow-at-not-dynamic"}},
    {"an alias",
     {"a.org", "+d"},
     {"a.org", "x.d"},
     {"n.a.org", "legacy.d", "m.a.org", "m.x.d"},
     {0}},
    {"an alias twice",
     {"a.org", "+d"},
     {0},
     {"n.a.org", "x.d", "n.a.org", "y.d"},
     {"alias-twice"}},
    {"an alias's target twice",
     {"a.org", "+d"},
     {0},
     {"n.a.org", "x.d", "m.a.org", "x.d"},
     {"alias-target-twice"}},
    {"an alias's original in a dynamic zone",
     {"a.org", "+d"},
     {0},
     {"n.d", "x.d"},
     {"alias-original-not-static"}},
    {"an alias's target in a static zone",
     {"a.org", "+d"},
     {0},
     {"n.a.org", "m.a.org"},
     {"alias-target-not-dynamic"}},
    {"an alias between unknown zones",
     {"a.org", "+d"},
     {0},
     {"n.b.org", "x.c"},
     {"alias-original-not-static", "alias-target-not-dynamic"}},
};

static void test_build(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(build_cases); i++) {
        const struct build_case *c = &build_cases[i];
        struct site site;
        print_message("  %s\n", c->name);
        site_open(&site);
        site_add_zones(&site, c->zones);
        site_add_shadows(&site, c->shadows);
        add_aliases(&site, c->aliases);
        enum result res =
            zones_build(&site.settings, &site.arena, &site.diags, &site.zones);
        if (res == RES_OK)
            res = zones_add_aliases(&site.zones, &site.source, &site.diags);
        assert_int_equal(res, c->ids[0] == NULL ? RES_OK : RES_EFORMAT);
        site_assert_ids(&site, c->ids);
        site_close(&site);
    }
}

/* ---- one site, many names ---- */

#define LABEL_50 "x1234567890123456789012345678901234567890123456789."
/* 204 octets: with corp.example 217, and with the longer `at` over 255 */
#define LONG LABEL_50 LABEL_50 LABEL_50 LABEL_50

static const char *const site_zones[] = {
    "corp.example",           /* static */
    "+acme.corp.example",     /* its shadow */
    "+dyn.corp.example",      /* native, with a shadow in a part of it */
    "lab.corp.example",       /* static, below a static one */
    "+sub.acme.corp.example", /* dynamic, below a shadow */
    "st.acme.corp.example",   /* static, below a shadow */
    "bare.example",           /* static without any shadow */
    "far.example",            /* with a long `at` */
    NULL,
};

static const char *const site_shadows[] = {
    "corp.example",
    "acme.corp.example",
    "lab.corp.example",
    "lab.dyn.corp.example",
    "far.example",
    "fa123456789012345678901234567890123456789.dyn.corp.example",
    NULL,
};

static const char *const site_aliases[] = {
    "old.corp.example",   "legacy.acme.corp.example", /* takes legacy.corp.example's */
    "pin.corp.example",   "native.dyn.corp.example",  /* in a part without a shadow */
    "bare1.bare.example", "bare1.dyn.corp.example",   NULL,
};

static void open_corp(struct site *site)
{
    site_open(site);
    site_add_zones(site, site_zones);
    site_add_shadows(site, site_shadows);
    add_aliases(site, site_aliases);
    assert_int_equal(
        zones_build(&site->settings, &site->arena, &site->diags, &site->zones), RES_OK);
    assert_int_equal(zones_add_aliases(&site->zones, &site->source, &site->diags),
                     RES_OK);
}

struct rewrite_case {
    const char *name;
    const char *asked;
    const char *original;
    const char *target; /* NULL: no binding */
    const char *zone;   /* the target's */
    bool is_native;
};

static const struct rewrite_case rewrite_cases[] = {
    {"template", "w.corp.example", "w.corp.example", "w.acme.corp.example",
     "acme.corp.example", false},
    {"template, several labels", "a.w.corp.example", "a.w.corp.example",
     "a.w.acme.corp.example", "acme.corp.example", false},
    {"X empty", "corp.example", "corp.example", NULL, NULL, false},
    {"longest of", "w.lab.corp.example", "w.lab.corp.example", "w.lab.dyn.corp.example",
     "dyn.corp.example", false},
    {"X empty of the longest of", "lab.corp.example", "lab.corp.example", NULL, NULL,
     false},
    {"beside the longest of", "wlab.corp.example", "wlab.corp.example",
     "wlab.acme.corp.example", "acme.corp.example", false},
    {"static, no shadow", "w.bare.example", "w.bare.example", NULL, NULL, false},
    {"static, no shadow, alias", "bare1.bare.example", "bare1.bare.example",
     "bare1.dyn.corp.example", "dyn.corp.example", false},
    {"target over 255 octets", LONG "far.example", LONG "far.example", NULL, NULL,
     false},
    {"target in a dynamic zone below at", "w.sub.corp.example", "w.sub.corp.example",
     "w.sub.acme.corp.example", "sub.acme.corp.example", false},
    {"target in a static zone below at", "w.st.corp.example", "w.st.corp.example", NULL,
     NULL, false},
    {"static below at is an original", "w.st.acme.corp.example",
     "w.st.acme.corp.example", "w.st.acme.acme.corp.example", "acme.corp.example",
     false},
    {"alias", "old.corp.example", "old.corp.example", "legacy.acme.corp.example",
     "acme.corp.example", false},
    {"below an alias is the template's", "a.old.corp.example", "a.old.corp.example",
     "a.old.acme.corp.example", "acme.corp.example", false},
    {"target taken by an alias", "legacy.corp.example", "legacy.corp.example", NULL,
     NULL, false},
    {"direct", "w.acme.corp.example", "w.corp.example", "w.acme.corp.example",
     "acme.corp.example", false},
    {"direct, longest of", "w.lab.dyn.corp.example", "w.lab.corp.example",
     "w.lab.dyn.corp.example", "dyn.corp.example", false},
    {"direct, not where the longest of leads", "w.lab.acme.corp.example",
     "w.lab.corp.example", NULL, NULL, false},
    {"direct, an alias's target", "legacy.acme.corp.example", "old.corp.example",
     "legacy.acme.corp.example", "acme.corp.example", false},
    {"direct, an alias's target outside all shadows", "native.dyn.corp.example",
     "pin.corp.example", "native.dyn.corp.example", "dyn.corp.example", false},
    {"direct, whose original has an alias elsewhere", "old.acme.corp.example",
     "old.corp.example", NULL, NULL, false},
    {"direct, whose inverse is of's own", "lab.acme.corp.example", "lab.corp.example",
     NULL, NULL, false},
    {"direct, whose inverse lies in a shadow", "w.acme.acme.corp.example",
     "w.acme.corp.example", NULL, NULL, false},
    {"direct, whose inverse is native", "w.dyn.acme.corp.example", "w.dyn.corp.example",
     NULL, NULL, false},
    {"native", "w.dyn.corp.example", "w.dyn.corp.example", "w.dyn.corp.example",
     "dyn.corp.example", true},
    {"native apex", "dyn.corp.example", "dyn.corp.example", "dyn.corp.example",
     "dyn.corp.example", true},
    {"native: at itself", "acme.corp.example", "acme.corp.example", "acme.corp.example",
     "acme.corp.example", true},
    {"native: at itself, in a part", "lab.dyn.corp.example", "lab.dyn.corp.example",
     "lab.dyn.corp.example", "dyn.corp.example", true},
    {"native: beside at", "xlab.dyn.corp.example", "xlab.dyn.corp.example",
     "xlab.dyn.corp.example", "dyn.corp.example", true},
    {"in no zone", "w.example", "w.example", NULL, NULL, false},
};

static void test_rewrite(void **state)
{
    struct site site;

    (void)state;
    open_corp(&site);
    for (size_t i = 0; i < COUNT_OF(rewrite_cases); i++) {
        const struct rewrite_case *c = &rewrite_cases[i];
        struct rewrite got;
        print_message("  %s\n", c->name);
        assert_int_equal(zones_rewrite(&site.zones, name_in(&site.arena, c->asked),
                                       &site.arena, &got),
                         RES_OK);
        assert_name(got.original, c->original);
        assert_name(got.target, c->target);
        assert_name(got.zone != NULL ? got.zone->name : (struct name){0}, c->zone);
        assert_int_equal(got.is_native, c->is_native);
    }
    site_close(&site);
}

/* C-2, C-3: what a target is asked under is what leads to it, and nothing else does. */
static void test_binding_is_injective(void **state)
{
    struct site site;

    (void)state;
    open_corp(&site);
    for (size_t i = 0; i < COUNT_OF(rewrite_cases); i++) {
        const struct rewrite_case *c = &rewrite_cases[i];
        struct rewrite back;
        if (c->target == NULL)
            continue;
        assert_int_equal(zones_rewrite(&site.zones, name_in(&site.arena, c->target),
                                       &site.arena, &back),
                         RES_OK);
        assert_name(back.original, c->original);
        assert_name(back.target, c->target);
    }
    site_close(&site);
}

static void test_find(void **state)
{
    static const struct {
        const char *name;
        const char *zone;
        bool is_exact;
    } cases[] = {
        {"corp.example", "corp.example", true},
        {"a.b.c.d.e.f.g.corp.example", "corp.example", false},
        {"xcorp.example", NULL, false},
        {"example", NULL, false},
        {"w.acme.corp.example", "acme.corp.example", false},
        {"sub.acme.corp.example", "sub.acme.corp.example", true},
        {"corp.example.net", NULL, false},
        {".", NULL, false},
    };
    struct site site;

    (void)state;
    open_corp(&site);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct name name = name_in(&site.arena, cases[i].name);
        const struct zone *zone = zones_find(&site.zones, name);
        assert_name(zone != NULL ? zone->name : (struct name){0}, cases[i].zone);
        assert_int_equal(zones_exact(&site.zones, name) != NULL, cases[i].is_exact);
    }
    site_close(&site);
}

/* `of` and `at` may each have more labels than any zone. */
static void test_deep_shadows(void **state)
{
    static const char *const shadows[][2] = {{"a.b.c.org", "d"}, {"org", "a.b.c.d"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(shadows); i++) {
        struct site site;
        struct rewrite got;
        char asked[64], target[64];
        site_open(&site);
        site_add_zones(&site, (const char *const[]){"org", "+d", NULL});
        site_add_shadows(&site,
                         (const char *const[]){shadows[i][0], shadows[i][1], NULL});
        assert_int_equal(
            zones_build(&site.settings, &site.arena, &site.diags, &site.zones), RES_OK);
        snprintf(asked, sizeof(asked), "w.%s", shadows[i][0]);
        snprintf(target, sizeof(target), "w.%s", shadows[i][1]);
        assert_int_equal(
            zones_rewrite(&site.zones, name_in(&site.arena, asked), &site.arena, &got),
            RES_OK);
        assert_name(got.target, target);
        assert_int_equal(
            zones_rewrite(&site.zones, name_in(&site.arena, target), &site.arena, &got),
            RES_OK);
        assert_name(got.original, asked);
        site_close(&site);
    }
}

static void test_root_zone(void **state)
{
    struct site site;
    struct rewrite got;

    (void)state;
    site_open(&site);
    site_add_zones(&site, (const char *const[]){".", "+d", NULL});
    site_add_shadows(&site, (const char *const[]){".", "d", NULL});
    assert_int_equal(zones_build(&site.settings, &site.arena, &site.diags, &site.zones),
                     RES_OK);
    assert_int_equal(
        zones_rewrite(&site.zones, name_in(&site.arena, "w.org"), &site.arena, &got),
        RES_OK);
    assert_name(got.target, "w.org.d");
    assert_int_equal(
        zones_rewrite(&site.zones, name_in(&site.arena, "w.org.d"), &site.arena, &got),
        RES_OK);
    assert_name(got.original, "w.org");
    assert_name(got.target, "w.org.d");
    assert_int_equal(zones_rewrite(&site.zones, name_root, &site.arena, &got), RES_OK);
    assert_name(got.target, NULL);
    site_close(&site);
}

static void test_rewrite_without_memory(void **state)
{
    struct site site;
    struct arena small;
    struct rewrite got;

    (void)state;
    open_corp(&site);
    /* Not even the original fits, then the original alone. */
    arena_init(&small, 64, 8);
    assert_int_equal(zones_rewrite(&site.zones, name_in(&site.arena, "w.corp.example"),
                                   &small, &got),
                     RES_EMEM);
    arena_fini(&small);
    arena_init(&small, 64, 16);
    assert_int_equal(zones_rewrite(&site.zones, name_in(&site.arena, "w.corp.example"),
                                   &small, &got),
                     RES_EMEM);
    arena_fini(&small);
    site_close(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_binding_is_injective),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_deep_shadows),
        cmocka_unit_test(test_root_zone),
        cmocka_unit_test(test_rewrite_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

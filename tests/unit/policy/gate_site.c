#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns/build.h"
#include "dns/text.h"
#include "dns/type.h"
#include "gate_site.h"
#include "unit.h"

static const char acl_text[] =
    "host mx1.duckcorp.org\n"
    "    key  mx1.duckcorp.org\n"
    "    key  mx1-old  not-after 2026-01-01T00:00:00Z\n"
    "    acme mx1.duckcorp.org a.lab.duckcorp.org duckcorp.org\n"
    "    tlsa mx1.duckcorp.org 25/tcp\n"
    "    acme few.duckcorp.org max-records=2\n"
    "    acme range.duckcorp.org ttl=60..300\n"
    "    acme **.many.duckcorp.org broad\n"
    "    acme ask.duckcorp.org may=prereq\n"
    "host mx2.duckcorp.org\n"
    "    from 192.0.2.26 2001:db8:26::/48\n"
    "    acme mx2.duckcorp.org\n"
    "profile whole\n"
    "    owner {name}\n"
    "    type  A AAAA TXT\n"
    "    may   add delete delete-rrset delete-name prereq prereq-any\n"
    "profile signer\n"
    "    owner {name}\n"
    "    type  NS DNSKEY\n"
    "    may   add delete delete-rrset delete-name\n"
    "    dangerous\n"
    "host kea.duckcorp.org\n"
    "    whole  h.dyn.duckcorp.org w.duckcorp.org\n"
    "    acme   h.dyn.duckcorp.org\n"
    "    signer dyn.duckcorp.org\n"
    "alias _acme-challenge.old.duckcorp.org _acme-challenge.pin._kage.duckcorp.org\n"
    "grant kea.duckcorp.org acme old.duckcorp.org pin.duckcorp.org\n"
    "grant mx1.duckcorp.org acme add.duckcorp.org may=add\n"
    "grant mx1.duckcorp.org acme rr.duckcorp.org may=delete\n"
    "grant mx1.duckcorp.org acme rrset.duckcorp.org may=delete-rrset\n"
    "grant mx1.duckcorp.org acme all.duckcorp.org may=delete-name\n"
    "profile own\n"
    "    owner {name}\n"
    "    type  A\n"
    "    check source-address\n"
    "grant mx1.duckcorp.org own own.dyn.duckcorp.org\n"
    "profile persist\n"
    "    owner {name}\n"
    "    type  TXT\n"
    "    check acme-persist ca.example https://ca.example/acct/42\n"
    "grant mx1.duckcorp.org persist _validation-persist.own.dyn.duckcorp.org\n";

static const char profiles_text[] = "profile acme\n"
                                    "    owner _acme-challenge.{name}\n"
                                    "    type  TXT\n"
                                    "    check acme-token\n"
                                    "    ttl   0..600\n"
                                    "profile tlsa\n"
                                    "    owner _{port}._{proto}.{name}\n"
                                    "    type  TLSA\n"
                                    "    check tlsa 3-1-1 2-1-1\n"
                                    "    ttl   0..3600\n";

static const char *const key_names[] = {"mx1.duckcorp.org", "mx1-old",
                                        "mx2.duckcorp.org", "kea.duckcorp.org",
                                        "orphan",           "gateway"};

#define KEY_COUNT (sizeof key_names / sizeof key_names[0])

/* One secret a key: two hosts may not share one. */
static void secret_text(const char *key_name, char text[45])
{
    unsigned sum = 0;
    for (const char *c = key_name; *c != '\0'; c++)
        sum = sum * 31 + (unsigned char)*c;
    snprintf(text, 45, "%042u", sum % 1000000000);
    text[42] = 'A'; /* the last character of 32 octets has two bits to spare */
    text[43] = '=';
    text[44] = '\0';
}

static void write_file(const struct site *site, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", site->folder, name);
    unit_write_file(path, text, 0600);
}

static void remove_file(const struct site *site, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", site->folder, name);
    unlink(path);
}

static void write_keys(const struct site *site)
{
    char text[2048];
    size_t len = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char secret[45];
        secret_text(key_names[i], secret);
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "key \"%s\" { algorithm hmac-sha256; "
                                "secret \"%s\"; };\n",
                                key_names[i], secret);
    }
    assert_true(len < sizeof text);
    write_file(site, "all.key", text);
}

static struct name snapshot_name(struct snapshot *snapshot, const char *text)
{
    struct name_buf buf;
    assert_int_equal(name_from_text(text, strlen(text), &buf), RES_OK);
    return name_copy(&snapshot->arena, name_of(&buf));
}

static void fill_zones(struct snapshot *snapshot)
{
    struct settings *settings = &snapshot->settings;
    static const struct {
        const char *name;
        bool is_dynamic;
    } zones[] = {{"duckcorp.org", false},
                 {"_kage.duckcorp.org", true},
                 {"dyn.duckcorp.org", true}};
    static const struct {
        const char *of, *at;
    } shadows[] = {{"duckcorp.org", "_kage.duckcorp.org"},
                   {"lab.duckcorp.org", "lab.dyn.duckcorp.org"}};

    settings->zone_count = 3;
    settings->zones = arena_array(&snapshot->arena, 3, sizeof *settings->zones);
    for (size_t i = 0; i < 3; i++) {
        settings->zones[i].name = snapshot_name(snapshot, zones[i].name);
        settings->zones[i].is_dynamic = zones[i].is_dynamic;
    }
    settings->shadow_count = 2;
    settings->shadows = arena_array(&snapshot->arena, 2, sizeof *settings->shadows);
    for (size_t i = 0; i < 2; i++) {
        settings->shadows[i].of = snapshot_name(snapshot, shadows[i].of);
        settings->shadows[i].at = snapshot_name(snapshot, shadows[i].at);
    }
}

static struct settings_text *one_text(struct snapshot *snapshot, const char *text)
{
    struct settings_text *out = arena_array(&snapshot->arena, 1, sizeof *out);
    assert_non_null(out);
    out->text = arena_string(&snapshot->arena, text);
    return out;
}

static void load(struct site *site)
{
    char conf[128];
    snprintf(conf, sizeof conf, "%s/tsigate.conf", site->folder);
    struct snapshot *snapshot = snapshot_new(conf);
    assert_non_null(snapshot);
    struct settings *settings = &snapshot->settings;
    settings->keys = one_text(snapshot, "all.key");
    settings->key_count = 1;
    settings->acl = one_text(snapshot, "site.acl");
    settings->acl_count = 1;
    settings->profiles = *one_text(snapshot, "profiles.acl");
    settings->upstream_key = snapshot_name(snapshot, "gateway");
    fill_zones(snapshot);

    struct diags diags;
    diags_init(&diags);
    const struct snapshot_wanted wanted = {.with_keys = true,
                                           .key_owner = geteuid(),
                                           .generation = 1,
                                           .now_s = SITE_NOW_S};
    enum result result = snapshot_load(snapshot, &wanted, &diags);
    for (const struct diag *diag = diags.first; diag != NULL; diag = diag->next) {
        char text[1024];
        if (diag->severity == SEVERITY_ERROR)
            print_error("%s\n", diag_format(diag, text, sizeof text));
    }
    assert_int_equal(result, RES_OK);
    diags_fini(&diags);
    site->snapshot = snapshot;
}

void site_open(struct site *site)
{
    snprintf(site->folder, sizeof site->folder, "/tmp/tsigate-gate.XXXXXX");
    assert_non_null(mkdtemp(site->folder));
    write_file(site, "site.acl", acl_text);
    write_file(site, "profiles.acl", profiles_text);
    write_keys(site);
    load(site);
    arena_init(&site->arena, 4096, 0);
}

void site_close(struct site *site)
{
    snapshot_release(&site->snapshot);
    arena_fini(&site->arena);
    remove_file(site, "site.acl");
    remove_file(site, "profiles.acl");
    remove_file(site, "all.key");
    rmdir(site->folder);
}

struct name site_name(struct site *site, const char *text)
{
    struct name_buf buf;
    if (text == NULL)
        return (struct name){NULL, 0};
    assert_int_equal(name_from_text(text, strlen(text), &buf), RES_OK);
    return name_copy(&site->arena, name_of(&buf));
}

const struct acl_host *site_host(struct site *site, const char *name)
{
    if (name == NULL)
        return NULL;
    const struct acl_host *host =
        acl_host_named(&site->snapshot->acl, site_name(site, name));
    assert_non_null(host);
    return host;
}

struct hmac *site_hmac(const char *key_name)
{
    char text[45];
    struct secret secret;
    struct hmac *hmac = NULL;
    secret_text(key_name, text);
    assert_int_equal(secret_from_base64(text, strlen(text), &secret), RES_OK);
    assert_int_equal(hmac_new(HMAC_SHA256, &secret, &hmac), RES_OK);
    secret_free(&secret);
    return hmac;
}

static uint16_t class_of(const struct site_item *item)
{
    if (item->class != 0)
        return item->class;
    if (item->op == UPDATE_ADD)
        return CLASS_IN;
    if (item->op == UPDATE_PREREQ && item->value != NULL)
        return CLASS_IN;
    return item->op == UPDATE_DELETE ? CLASS_NONE : CLASS_ANY;
}

void site_write_update(struct site *site, const char *zone,
                       const struct site_item *items, size_t count, struct writer *w)
{
    build_header(w, 0x1234, OPCODE_UPDATE << 11);
    build_question(w, site_name(site, zone), TYPE_SOA, CLASS_IN);
    for (size_t i = 0; i < count; i++) {
        const struct site_item *item = &items[i];
        uint16_t type = TYPE_ANY;
        struct rdata rdata = {NULL, 0};
        if (strcmp(item->type, "ANY") != 0)
            assert_int_equal(type_from_name(item->type, &type), RES_OK);
        if (item->value != NULL)
            assert_int_equal(rdata_from_text(type, item->value, &site->arena, &rdata),
                             RES_OK);
        build_rr(w,
                 update_op_is_prereq(item->op) ? SECTION_PREREQUISITE : SECTION_UPDATE,
                 site_name(site, item->owner), type, class_of(item), item->ttl, &rdata);
    }
    assert_false(w->failed);
}

struct wire_msg site_walk(const struct writer *w)
{
    struct wire_msg msg;
    assert_int_equal(wire_walk(w->octets, w->len, true, &msg), RES_OK);
    return msg;
}

void site_judge(struct site *site, const struct gate_subject *subject,
                const struct writer *w, struct plan *out)
{
    struct wire_msg msg = site_walk(w);
    gate_judge(site->snapshot, subject, &msg, &site->arena, out);
}

struct gate_subject site_subject(struct site *site, const char *host)
{
    return (struct gate_subject){
        .key_name = site_name(site, host != NULL ? host : "orphan"),
        .host = site_host(site, host),
        .transport = TRANSPORT_TCP,
        .now_s = SITE_NOW_S,
    };
}

void site_judge_items(struct site *site, const char *host, const char *zone,
                      const struct site_item *items, size_t count, struct plan *out)
{
    static uint8_t octets[65535];
    struct writer w = writer_of(octets, sizeof octets);
    site_write_update(site, zone, items, count, &w);
    struct gate_subject subject = site_subject(site, host);
    site_judge(site, &subject, &w, out);
    memset(octets, 0xff, sizeof octets); /* W-10: the plan refers to none of it */
}

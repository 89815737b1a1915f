/* The door: nothing unsigned gets in, and whatever is let through was granted, name by
 * name, to the host that asks (I1, I2, C-1). */
#include <string.h>

#include "dns/type.h"
#include "fuzz.h"
#include "policy/gate.h"

const char fuzz_corpus[] = "message";

static const char acl_text[] =
    "profile acme\n"
    " owner _acme-challenge.{name}\n"
    " type TXT\n"
    " check acme-token\n"
    "profile all\n"
    " owner {name}\n"
    " type A AAAA HTTPS SRV TLSA TXT DNSKEY NS\n"
    " may add delete delete-rrset delete-name prereq prereq-any\n"
    " dangerous\n"
    "profile caa\n"
    " owner {name}\n"
    " type CAA\n"
    "host h.example\n"
    " all a.example example\n"
    " caa a.example\n"
    " all **.example broad ttl=60..600 max-records=2\n"
    " acme **.duckcorp.org broad\n"
    "host other.example\n"
    " all b.example\n"
    "alias _acme-challenge.old.duckcorp.org _acme-challenge.pin._kage.duckcorp.org\n";

static struct name text_name(struct snapshot *snapshot, const char *text)
{
    struct name_buf buf;
    FUZZ_CLAIM(name_from_text(text, strlen(text), &buf) == RES_OK);
    return name_copy(&snapshot->arena, name_of(&buf));
}

static void fill_zones(struct snapshot *snapshot)
{
    static const char *const zones[] = {"example", "duckcorp.org",
                                        "_kage.duckcorp.org"};
    struct settings *settings = &snapshot->settings;
    settings->zone_count = 3;
    settings->zones = arena_array(&snapshot->arena, 3, sizeof *settings->zones);
    for (size_t i = 0; i < 3; i++) {
        settings->zones[i].name = text_name(snapshot, zones[i]);
        settings->zones[i].is_dynamic = i != 1;
    }
    settings->shadow_count = 1;
    settings->shadows = arena_array(&snapshot->arena, 1, sizeof *settings->shadows);
    settings->shadows[0].of = text_name(snapshot, "duckcorp.org");
    settings->shadows[0].at = text_name(snapshot, "_kage.duckcorp.org");
}

/* As snapshot_load does, but from the text above; without keys, so nobody can sign. */
static struct snapshot *build_site(void)
{
    struct snapshot *snapshot = snapshot_new("fuzz.conf");
    struct diags diags;
    FUZZ_CLAIM(snapshot != NULL);
    diags_init(&diags);
    fill_zones(snapshot);
    FUZZ_CLAIM(zones_build(&snapshot->settings, &snapshot->arena, &diags,
                           &snapshot->zones) == RES_OK);
    FUZZ_CLAIM(aclfile_parse(&snapshot->source, "fuzz.acl", acl_text,
                             sizeof acl_text - 1, false, &diags) == RES_OK);
    FUZZ_CLAIM(zones_add_aliases(&snapshot->zones, &snapshot->source, &diags) ==
               RES_OK);
    FUZZ_CLAIM(acl_compile(&snapshot->source, &snapshot->zones, &snapshot->arena,
                           &diags, &snapshot->acl) == RES_OK);
    diags_fini(&diags);
    return snapshot;
}

static void check_change(const struct snapshot *snapshot, const struct plan *plan,
                         const struct change *change)
{
    const struct rewrite *rewrite = &change->rewrite;
    FUZZ_CLAIM(change->reason == REASON_PERMITTED);
    FUZZ_CLAIM(change->right != NULL && change->right->host == plan->host);
    FUZZ_CLAIM(acl_right_matches(&snapshot->acl, change->right, rewrite->original));
    FUZZ_CLAIM(zones_find(&snapshot->zones, change->item.owner) == plan->zone);
    FUZZ_CLAIM(rewrite->zone == plan->target_zone && rewrite->zone->is_dynamic);
    FUZZ_CLAIM(zones_find(&snapshot->zones, rewrite->target) == rewrite->zone);
    if (rewrite->is_native) {
        FUZZ_CLAIM(name_equal(rewrite->original, rewrite->target));
        return;
    }
    struct name_buf target;
    FUZZ_CLAIM(zones_bind(&snapshot->zones, rewrite->original, &target) == RES_OK);
    FUZZ_CLAIM(name_equal(name_of(&target), rewrite->target));
}

static bool has_type(const struct acl_terms *terms, uint16_t type)
{
    for (size_t i = 0; i < terms->type_count; i++) {
        if (terms->types[i] == type)
            return true;
    }
    return false;
}

static void check_terms(const struct change *change)
{
    const struct acl_terms *terms = change->right->terms;
    FUZZ_CLAIM((terms->ops & 1U << change->item.op) != 0);
    FUZZ_CLAIM(change->item.type == TYPE_ANY || has_type(terms, change->item.type));
    FUZZ_CLAIM(change->item.type != TYPE_ANY || change->item.op == UPDATE_DELETE_NAME ||
               change->item.op == UPDATE_PREREQ_ANY);
    FUZZ_CLAIM((change->item.op == UPDATE_DELETE_NAME) == (change->type_count > 0));
    FUZZ_CLAIM(change->item.op != UPDATE_ADD || change->ttl <= terms->ttl_max_s);
}

static void check_plan(const struct snapshot *snapshot, struct plan *plan)
{
    if (plan->reason != REASON_PERMITTED)
        FUZZ_CLAIM(plan->action == PLAN_REPLY);
    FUZZ_CLAIM(plan->decisive <= plan->change_count);
    if (plan->action == PLAN_READ)
        FUZZ_CLAIM(plan->host != NULL && plan->read.target.octets != NULL);
    if (plan->action != PLAN_FORWARD && plan->action != PLAN_LOOKUP)
        return;
    FUZZ_CLAIM(plan->host != NULL && plan->change_count > 0);
    for (size_t i = 0; i < plan->change_count; i++) {
        check_change(snapshot, plan, &plan->changes[i]);
        check_terms(&plan->changes[i]);
    }
    if (plan->action != PLAN_LOOKUP)
        return;
    plan_settle(plan); /* nothing was answered: I10 */
    FUZZ_CLAIM(plan->action == PLAN_REPLY && plan->reason == REASON_LOOKUP_FAILED);
}

static void judge_as(const struct snapshot *snapshot, const char *host,
                     const struct wire_msg *msg, enum transport transport)
{
    struct arena arena;
    struct name_buf buf = {0};
    struct plan plan;
    arena_init(&arena, 16384, 0);
    struct gate_subject subject = {.transport = transport, .now_s = 1800000000};
    if (host != NULL) {
        FUZZ_CLAIM(name_from_text(host, strlen(host), &buf) == RES_OK);
        subject.key_name = name_of(&buf);
        subject.host = acl_host_named(&snapshot->acl, subject.key_name);
    }
    gate_judge(snapshot, &subject, msg, &arena, &plan);
    check_plan(snapshot, &plan);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    static struct snapshot *snapshot;
    struct gate_inquiry inquiry;
    if (snapshot == NULL)
        snapshot = build_site();
    gate_verify(snapshot, octets, len, 1800000000, &inquiry);
    FUZZ_CLAIM(inquiry.standing != GATE_VERIFIED && !inquiry.verified.is_verified);
    FUZZ_CLAIM(inquiry.standing != GATE_ANONYMOUS ||
               inquiry.header.opcode == OPCODE_QUERY);
    if (!inquiry.is_walked)
        return 0;
    judge_as(snapshot, "h.example", &inquiry.msg, TRANSPORT_TCP);
    judge_as(snapshot, "other.example", &inquiry.msg, TRANSPORT_UDP);
    judge_as(snapshot, "nobody.example", &inquiry.msg, TRANSPORT_UDP);
    judge_as(snapshot, NULL, &inquiry.msg, TRANSPORT_UDP);
    return 0;
}

#include "tsigate/ask.h"

#include "base/limits.h"
#include "policy/explain.h"

struct ask_who ask_who_is(const struct acl *acl, struct name who)
{
    struct ask_who out = {.host = acl_host_named(acl, who)};
    if (out.host != NULL)
        return out;
    out.credential = acl_credential_of(acl, who);
    out.host = out.credential.host;
    return out;
}

/* A name in no zone is asked about in a zone of its own, which is then the one that is
 * not known. */
static struct name zone_of_ask(const struct snapshot *snapshot, const struct ask *ask)
{
    if (ask->zone.octets != NULL)
        return ask->zone;
    const struct zone *zone = zones_find(&snapshot->zones, ask->item.owner);
    return zone != NULL ? zone->name : ask->item.owner;
}

enum result ask_judge(const struct snapshot *snapshot, const struct ask *ask,
                      struct arena *arena, struct plan *out)
{
    struct ask_who who = ask_who_is(&snapshot->acl, ask->who);
    *out = (struct plan){.host = who.host};

    uint8_t *octets = arena_alloc(arena, LIMIT_MESSAGE_OCTETS);
    if (octets == NULL)
        return RES_EMEM;
    struct writer w = writer_of(octets, LIMIT_MESSAGE_OCTETS);
    enum result result =
        explain_build_update(zone_of_ask(snapshot, ask), &ask->item, &w);
    if (result != RES_OK)
        return result;
    struct wire_msg msg;
    if (wire_walk(octets, w.len, true, &msg) != RES_OK)
        return RES_EBUG;

    if (who.credential.host != NULL &&
        !acl_credential_is_valid(who.credential, ask->now_s)) {
        out->reason = REASON_KEY_EXPIRED; /* P4 comes before all that follows */
        return RES_OK;
    }
    const struct name gateway = snapshot->settings.upstream_key;
    if (who.host == NULL && gateway.octets != NULL && name_equal(ask->who, gateway)) {
        out->reason = REASON_KEY_UNKNOWN; /* it is no client key */
        return RES_OK;
    }
    const struct gate_subject subject = {
        .key_name = ask->who,
        .host = who.host,
        .from = ask->from,
        .transport = TRANSPORT_TCP,
        .now_s = ask->now_s,
    };
    gate_judge(snapshot, &subject, &msg, arena, out);
    return RES_OK;
}

void ask_settle(const struct ask *ask, struct plan *plan)
{
    for (size_t i = 0; i < plan->lookup_count; i++) {
        struct lookup *lookup = &plan->lookups[i];
        lookup->answer = ask->cname;
        if (ask->cname != LOOKUP_OTHER)
            continue;
        lookup->found = ask->found;
        if (name_equal(lookup->found, lookup->target))
            lookup->answer = LOOKUP_IS_TARGET;
    }
    plan_settle(plan);
}

/*
 * What `tsigate status` shows of the core. Every outcome counts in exactly one counter.
 */
#include "txn/txns.h"

#include "base/timestamp.h"

static void show_links(const struct txns *txns, struct json *json)
{
    json_object_open(json, "primary");
    for (unsigned i = 0; i < LINKS; i++)
        json_string(json, txn_link_name((enum txn_link)i),
                    txn_link_state_name(txns->links[i].state));
    json_number(json, "bad_replies", (int64_t)txns->bad_replies);
    json_object_close(json);
}

static void show_queue(const struct txns *txns, struct name zone, struct json *json)
{
    const struct zone_queue *queue =
        map_get(&txns->queue_by_zone, zone.octets, zone.len);
    json_number(json, "waiting", queue != NULL ? (int64_t)queue->waiting_count : 0);
    json_bool(json, "in_flight", queue != NULL && queue->in_flight != NULL);
}

static void show_zones(const struct txns *txns, struct json *json)
{
    const struct zones *zones = &txns->snapshot->zones;
    json_array_open(json, "zones");
    for (size_t i = 0; i < zones->count; i++) {
        char name[NAME_TEXT_OCTETS];
        struct reply_rr soa;
        json_object_open(json, NULL);
        json_string(json, "name", name_to_text(zones->all[i].name, name));
        json_bool(json, "dynamic", zones->all[i].is_dynamic);
        json_bool(json, "served",
                  soa_record(txns, zones->all[i].name, SECTION_PREREQUISITE, &soa));
        show_queue(txns, zones->all[i].name, json);
        json_object_close(json);
    }
    json_array_close(json);
}

/* NULL: the key has none any more. */
static const char *host_of(const struct txns *txns, struct name key, char *text)
{
    const struct acl_credential *credential =
        acl_credential_of(&txns->snapshot->acl, key);
    return credential != NULL ? name_to_text(credential->host->name, text) : NULL;
}

/* What an auditor notes down, to tell later that nothing was cut off or rewritten. */
static void show_chain(const struct txns *txns, struct json *json)
{
    json_object_open(json, "audit_chain");
    json_number(json, "last_seq", (int64_t)txns->chain.next_seq - 1);
    json_hex(json, "last_sha256", txns->chain.prev, sizeof txns->chain.prev);
    json_object_close(json);
}

static void show_keys(const struct txns *txns, struct json *json)
{
    size_t cursor = 0;
    const struct key_use *use;
    json_array_open(json, "keys");
    while ((use = map_next(&txns->keys, &cursor)) != NULL) {
        char name[NAME_TEXT_OCTETS], host[NAME_TEXT_OCTETS];
        char time[TIMESTAMP_TEXT_OCTETS];
        json_object_open(json, NULL);
        json_string(json, "name", name_to_text(name_of(&use->name), name));
        json_string(json, "host", host_of(txns, name_of(&use->name), host));
        json_string(json, "last_use",
                    timestamp_format(use->last_us / TXN_SECOND_US, time));
        json_number(json, "requests", (int64_t)use->count);
        json_object_close(json);
    }
    json_array_close(json);
}

static void show_outcomes(const struct txns *txns, struct json *json)
{
    json_object_open(json, "outcomes");
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (txns->by_reason[i] > 0)
            json_number(json, outcome_of((enum reason)i)->name,
                        (int64_t)txns->by_reason[i]);
    }
    json_object_close(json);
}

void txns_status(const struct txns *txns, struct json *json, struct txn_now now)
{
    json_number(json, "uptime_s", (now.real_us - txns->start_real_us) / TXN_SECOND_US);
    json_number(json, "received", (int64_t)txns->received);
    json_number(json, "dropped", (int64_t)txns->dropped);
    json_number(json, "late_answers", (int64_t)txns->late);
    json_number(json, "under_way", (int64_t)txns->open_count);
    json_number(json, "transactions", (int64_t)txn_table_count(txns->table));
    json_number(json, "hosts", (int64_t)txns->snapshot->source.host_count);
    json_number(json, "rights", (int64_t)txns->snapshot->acl.right_count);
    show_chain(txns, json);
    show_links(txns, json);
    show_zones(txns, json);
    show_keys(txns, json);
    show_outcomes(txns, json);
}

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
    const char *wrong = txns->links[LINK_UPDATE].wrong;
    json_string(json, "distrusted",
                wrong != NULL ? wrong : txns->links[LINK_QUERY].wrong);
    json_number(json, "bad_replies", (int64_t)txns->bad_replies);
    json_object_close(json);
}

static void show_queue(const struct txns *txns, struct name zone, struct json *json)
{
    const struct zone_queue *queue =
        map_get(&txns->queue_by_zone, zone.octets, zone.len);
    json_number(json, "waiting", queue != NULL ? (int64_t)queue->waiting_count : 0);
    json_bool(json, "in_flight", queue != NULL && queue->in_flight != NULL);
    json_string(json, "refused_with",
                queue != NULL && queue->is_refused ? rcode_name(queue->refused_with)
                                                   : NULL);
}

static void show_zones(const struct txns *txns, struct json *json)
{
    const struct zones *zones = &txns->snapshot->zones;
    json_array_open(json, "zones");
    for (size_t i = 0; i < zones->count; i++) {
        char name[NAME_TEXT_OCTETS];
        json_object_open(json, NULL);
        json_string(json, "name", name_to_text(zones->all[i].name, name));
        json_bool(json, "dynamic", zones->all[i].is_dynamic);
        json_bool(json, "served", soa_is_served(txns, zones->all[i].name));
        show_queue(txns, zones->all[i].name, json);
        json_object_close(json);
    }
    json_array_close(json);
}

/* Its size, and what it was read from: patterns, as the configuration has them. */
static void show_policy(const struct snapshot *snapshot, struct json *json)
{
    const struct settings *settings = &snapshot->settings;
    json_number(json, "hosts", (int64_t)snapshot->source.hosts.count);
    json_number(json, "rights", (int64_t)snapshot->acl.right_count);
    json_array_open(json, "acl");
    for (size_t i = 0; i < settings->acl_count; i++)
        json_string(json, NULL, settings->acl[i].text);
    json_array_close(json);
}

/* What an auditor notes down, to tell later that nothing was cut off or rewritten. */
static void show_chain(const struct txns *txns, struct json *json)
{
    json_object_open(json, "audit_chain");
    json_number(json, "last_seq", (int64_t)txns->chain.next_seq - 1);
    json_hex(json, "last_sha256", txns->chain.prev, sizeof txns->chain.prev);
    json_object_close(json);
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
    show_policy(txns->snapshot, json);
    show_chain(txns, json);
    show_links(txns, json);
    show_zones(txns, json);
    show_outcomes(txns, json);
}

/* ---- the keys ---- */

/* Keys looked at in one go: a millisecond or two. */
#define KEYS_STEP 2048

/* host empty: the key has none. */
static void show_key(const struct txns *txns, struct name key, struct name host,
                     struct json *json)
{
    char text[NAME_TEXT_OCTETS], time[TIMESTAMP_TEXT_OCTETS];
    const struct key_use *use = map_get(&txns->keys, key.octets, key.len);
    json_object_open(json, NULL);
    json_string(json, "name", name_to_text(key, text));
    json_string(json, "host", host.octets != NULL ? name_to_text(host, text) : NULL);
    json_string(json, "last_use",
                use != NULL ? timestamp_format(use->last_us / TXN_SECOND_US, time)
                            : NULL);
    json_number(json, "requests", use != NULL ? (int64_t)use->count : 0);
    json_object_close(json);
}

static void show_key_of_host(const struct txns *txns, struct key_walk *walk,
                             struct json *json)
{
    const struct acl_host *host = acl_source_host(&walk->snapshot->source, walk->host);
    const struct acl_key_line *line =
        walk->line != NULL ? walk->line : acl_host_keys(host);
    show_key(txns, line != NULL ? line->name : host->name, host->name, json);
    walk->line = line != NULL ? line->next : NULL;
    if (walk->line == NULL)
        walk->host++;
}

/* First those of the hosts, in file order, then those without a host. False: there was
 * none left. */
static bool show_next_key(const struct txns *txns, struct key_walk *walk,
                          struct json *json)
{
    if (walk->host < walk->snapshot->source.hosts.count) {
        show_key_of_host(txns, walk, json);
        return true;
    }
    const struct keyring *ring = &walk->snapshot->keyring;
    if (walk->hostless == ring->keys.count)
        return false;
    const struct key *key = keyring_key(ring, walk->hostless++);
    if (key->credential.host == NULL)
        show_key(txns, key->name, (struct name){NULL, 0}, json);
    return true;
}

bool txns_status_keys(const struct txns *txns, struct key_walk *walk, struct json *json)
{
    if (walk->snapshot == NULL)
        walk->snapshot = snapshot_hold(txns->snapshot);
    for (unsigned i = 0; i < KEYS_STEP; i++) {
        if (!show_next_key(txns, walk, json)) {
            key_walk_end(walk);
            return false;
        }
        if (json->writer->len > json->writer->capacity / 2)
            break;
    }
    return true;
}

void key_walk_end(struct key_walk *walk)
{
    if (walk->snapshot != NULL)
        snapshot_release(&walk->snapshot);
}

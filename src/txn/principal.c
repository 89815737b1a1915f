/*
 * What is remembered of hosts and keys across requests and reloads: rates, numbers,
 * last use. Only who has verified gets in, so memory is bounded by the configuration
 * (I9).
 */
#include "txn/txns.h"

#include <stdlib.h>
#include <string.h>

/* A copy of the name, at room. */
static struct name name_behind(struct name name, void *room)
{
    memcpy(room, name.octets, name.len);
    return (struct name){.octets = room, .len = name.len};
}

struct principal *principal_named(struct txns *txns, struct name name)
{
    struct principal *principal = map_get(&txns->principals, name.octets, name.len);
    if (principal != NULL)
        return principal;
    principal = calloc(1, sizeof *principal + name.len);
    if (principal == NULL)
        return NULL;
    TAILQ_INIT(&principal->open);
    principal->name = name_behind(name, principal + 1);
    if (map_put(&txns->principals, principal->name.octets, name.len, principal) !=
        RES_OK) {
        free(principal);
        return NULL;
    }
    return principal;
}

struct principal *principal_of(struct txns *txns, const struct acl_host *host)
{
    return host != NULL ? principal_named(txns, host->name) : &txns->hostless;
}

void principal_suppress(struct txns *txns, struct principal *principal, uint64_t *count)
{
    if (principal->duplicates + principal->rate_limited == 0)
        TAILQ_INSERT_TAIL(&txns->untold, principal, untold);
    ++*count;
}

/* Without memory the use is not noted: nothing depends on it. */
void principal_note_key(struct txns *txns, struct name key_name, struct txn_now now)
{
    struct key_use *use = map_get(&txns->keys, key_name.octets, key_name.len);
    if (use == NULL) {
        use = calloc(1, sizeof *use + key_name.len);
        if (use == NULL)
            return;
        use->name = name_behind(key_name, use + 1);
        if (map_put(&txns->keys, use->name.octets, key_name.len, use) != RES_OK) {
            free(use);
            return;
        }
    }
    use->last_us = now.real_us;
    use->count++;
}

/* Hosts, and keys, looked at in one go: a tenth of a millisecond. */
#define PURGE_STEP 256

static bool is_forgotten(const struct txns *txns, const struct principal *principal)
{
    struct name name = principal->name;
    return principal->waiting == 0 && principal->transactions == 0 &&
           principal->duplicates == 0 && principal->rate_limited == 0 &&
           acl_host_named(&txns->snapshot->acl, name) == NULL;
}

static void drop_principal(struct txns *txns, struct principal *principal)
{
    map_remove(&txns->principals, principal->name.octets, principal->name.len);
    free(principal);
}

static void drop_use(struct txns *txns, struct key_use *use)
{
    map_remove(&txns->keys, use->name.octets, use->name.len);
    free(use);
}

/* Looks at some more; false: that was all. What followed a removed value may stand in
 * its slot now: look there again. */
static bool purge_some(struct txns *txns, struct purge *purge)
{
    for (unsigned i = 0; i < PURGE_STEP; i++) {
        struct principal *principal = map_next(&txns->principals, &purge->at_principal);
        struct key_use *use = map_next(&txns->keys, &purge->at_key);
        if (principal == NULL && use == NULL)
            return false;
        if (principal != NULL && is_forgotten(txns, principal)) {
            drop_principal(txns, principal);
            purge->at_principal--;
        }
        if (use != NULL && keyring_find(&txns->snapshot->keyring, use->name) == NULL) {
            drop_use(txns, use);
            purge->at_key--;
        }
    }
    return true;
}

void principals_purge(struct txns *txns)
{
    txns->purge = (struct purge){.is_under_way = true};
}

void principals_on_time(struct txns *txns)
{
    if (txns->purge.is_under_way)
        txns->purge.is_under_way = purge_some(txns, &txns->purge);
}

void principals_fini(struct txns *txns)
{
    size_t cursor = 0;
    void *value;
    while ((value = map_next(&txns->principals, &cursor)) != NULL)
        free(value);
    cursor = 0;
    while ((value = map_next(&txns->keys, &cursor)) != NULL)
        free(value);
    map_fini(&txns->principals);
    map_fini(&txns->keys);
}

#include "policy/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* Joins keys and hosts: the state of one keyring_build. */
struct joining {
    struct keyring *ring;
    const struct acl *acl;
    const struct keyring_parts *parts;
    struct diags *diags;
    struct hmac *printer; /* for prints; NULL: none was made yet */
    struct print *prints;
    size_t print_count;
    struct row_index by_print;
};

#define PRINT_OCTETS 16

/*
 * What tells equal secrets without holding any: a MAC under the secret over a constant,
 * with one algorithm for all. Secrets that are equal for HMAC (RFC 2104 pads with
 * zeros) have one print. So much of the MAC that no two secrets share it by chance.
 */
struct print {
    uint8_t octets[PRINT_OCTETS];
    const struct key *key; /* the first that has it */
};

static enum result make_print(struct joining *j, const struct secret *secret,
                              struct print *out)
{
    static const uint8_t constant[] = "tsigate: which secret is this?";
    uint8_t mac[LIMIT_MAC_OCTETS];
    enum result res = j->printer == NULL ? hmac_new(HMAC_SHA256, secret, &j->printer)
                                         : hmac_set_secret(j->printer, secret);

    if (res == RES_OK)
        res = hmac_start(j->printer);
    if (res == RES_OK)
        res = hmac_add(j->printer, constant, sizeof(constant));
    if (res == RES_OK)
        res = hmac_finish(j->printer, mac);
    if (res == RES_OK)
        memcpy(out->octets, mac, sizeof(out->octets));
    explicit_bzero(mac, sizeof(mac));
    return res;
}

static bool is_gateway(const struct joining *j, struct name name)
{
    return j->parts->gateway.octets != NULL && name_equal(name, j->parts->gateway);
}

static void tell_same_secret(struct joining *j, const struct key *key,
                             const struct key *other)
{
    char text[NAME_TEXT_OCTETS];
    char other_text[NAME_TEXT_OCTETS];

    name_to_text(key->name, text);
    name_to_text(other->name, other_text);
    if (key->credential.host != other->credential.host)
        diags_error(j->diags, key->place, "secret-two-hosts",
                    "key %s has the secret of key %s (%s:%u), which is another's: "
                    "who knows one can sign as both",
                    text, other_text, other->place.file, other->place.line);
    else
        diags_warn(j->diags, key->place, "secret-twice",
                   "key %s has the secret of key %s (%s:%u): a rotation that changes "
                   "nothing",
                   text, other_text, other->place.file, other->place.line);
}

/* NULL: no key so far has that secret. */
static const struct print *find_print(const struct joining *j,
                                      const struct print *print, uint32_t hash)
{
    struct row_probe probe = row_probe_of(hash);

    for (uint32_t row; (row = row_index_next(&j->by_print, &probe)) != ROW_NONE;) {
        if (memcmp(j->prints[row].octets, print->octets, sizeof(print->octets)) == 0)
            return &j->prints[row];
    }
    return NULL;
}

/* One secret stands for one host. Keys of no host cannot do anything, and do not
 * count. */
static enum result check_secret(struct joining *j, const struct key *key,
                                const struct secret *secret)
{
    struct print *print = &j->prints[j->print_count];

    if (key->credential.host == NULL && !is_gateway(j, key->name))
        return RES_OK;
    enum result res = make_print(j, secret, print);
    if (res != RES_OK)
        return res;
    print->key = key;
    uint32_t hash = hash_octets(print->octets, sizeof(print->octets));
    const struct print *first = find_print(j, print, hash);
    if (first != NULL)
        tell_same_secret(j, key, first->key);
    else
        row_index_add(&j->by_print, hash, (uint32_t)j->print_count++);
    return RES_OK;
}

static enum result tell_twice(struct joining *j, const struct keyfile_key *from,
                              const struct key *other)
{
    char text[NAME_TEXT_OCTETS];

    diags_error(j->diags, from->place, "key-twice", "key %s is in %s:%u already",
                name_to_text(from->name, text), other->place.file, other->place.line);
    return RES_OK;
}

static void warn_if_hostless(struct joining *j, const struct key *key)
{
    char text[NAME_TEXT_OCTETS];

    if (key->credential.host == NULL && !j->acl->source->has_lost_keys)
        diags_warn(
            j->diags, key->place, "key-without-host",
            "no host of the ACL has key %s: whoever signs with it may do nothing",
            name_to_text(key->name, text));
}

static enum result add_client_key(struct joining *j, struct keyfile_key *from,
                                  const struct key *key)
{
    struct keyring *ring = j->ring;
    struct key *own = rows_add(&ring->keys);

    if (own == NULL)
        return RES_EMEM;
    *own = *key;
    row_index_add(&ring->by_name, hash_octets(own->name.octets, own->name.len),
                  (uint32_t)ring->keys.count - 1);
    warn_if_hostless(j, own);
    return check_secret(j, own, &from->secret);
}

/* In use for each message: with a context of its own. */
static enum result add_gateway_key(struct joining *j, const struct keyfile_key *from,
                                   struct key *key)
{
    enum result res = hmac_new(from->algorithm, &from->secret, &key->hmac);

    if (res != RES_OK)
        return res;
    j->ring->gateway = *key;
    return check_secret(j, &j->ring->gateway, &from->secret);
}

static enum result add_key(struct joining *j, struct keyfile_key *from)
{
    struct key key = {.name = from->name, .place = from->place};
    const struct key *other = keyring_find(j->ring, key.name);

    if (is_gateway(j, key.name) && j->ring->gateway.hmac != NULL)
        other = &j->ring->gateway;
    if (other != NULL)
        return tell_twice(j, from, other);

    if (is_gateway(j, key.name))
        return add_gateway_key(j, from, &key);
    enum result res =
        hmac_new_sharing(j->ring->contexts, from->algorithm, &from->secret, &key.hmac);
    if (res != RES_OK)
        return res;
    key.credential = acl_credential_of(j->acl, key.name);
    return add_client_key(j, from, &key);
}

/* U-10: the gateway's own key is for the primary alone. */
static void check_gateway(struct joining *j)
{
    char text[NAME_TEXT_OCTETS];

    if (j->parts->gateway.octets == NULL)
        return;
    name_to_text(j->parts->gateway, text);
    struct acl_credential claim = acl_credential_of(j->acl, j->parts->gateway);
    if (claim.host != NULL)
        diags_error(j->diags, acl_credential_place(j->acl, claim),
                    "gateway-key-claimed", "%s is the gateway's own key and no host's",
                    text);
    if (j->ring->gateway.hmac == NULL && !j->parts->has_lost_keys)
        diags_error(j->diags, j->parts->gateway_at, "gateway-key-missing",
                    "no key file holds the gateway's key %s", text);
}

static void warn_if_fileless(struct joining *j, struct acl_credential credential)
{
    char text[NAME_TEXT_OCTETS];
    struct name name = acl_credential_name(credential);

    if (!is_gateway(j, name) && keyring_find(j->ring, name) == NULL)
        diags_warn(j->diags, acl_credential_place(j->acl, credential),
                   "key-without-file", "no key file holds %s: nobody can sign with it",
                   name_to_text(name, text));
}

/* In the ACL's order, so that the list reads like the file. */
static void check_files(struct joining *j)
{
    const struct acl_source *source = j->acl->source;

    for (size_t i = 0; i < source->hosts.count; i++) {
        struct acl_credential credential =
            acl_credential_first(acl_source_host(source, i));
        do
            warn_if_fileless(j, credential);
        while (acl_credential_next(&credential));
    }
}

static enum result join(struct joining *j)
{
    for (struct keyfile_key *key = j->parts->keys; key != NULL; key = key->next) {
        enum result res = add_key(j, key);
        secret_free(&key->secret);
        if (res != RES_OK)
            return res;
    }
    check_gateway(j);
    if (!j->parts->has_lost_keys)
        check_files(j);
    return RES_OK;
}

enum result keyring_build(const struct keyring_parts *parts, const struct acl *acl,
                          struct arena *arena, struct diags *diags, struct keyring *out)
{
    struct joining j = {.ring = out, .acl = acl, .parts = parts, .diags = diags};
    size_t errors = diags->errors;
    size_t count = 1; /* the last print made may turn out to be none of its own */

    *out = (struct keyring){.arena = arena};
    rows_init(&out->keys, sizeof(struct key), arena);
    for (const struct keyfile_key *key = parts->keys; key != NULL; key = key->next)
        count++;
    j.prints = calloc(count, sizeof(*j.prints));
    out->contexts = hmac_contexts_new();
    enum result res = RES_EMEM;
    if (j.prints != NULL && out->contexts != NULL)
        res = row_index_open(&out->by_name, count, count);
    if (res == RES_OK)
        res = row_index_open(&j.by_print, count, count);
    if (res == RES_OK)
        res = join(&j);
    row_index_close(&j.by_print);
    hmac_free(&j.printer);
    if (j.prints != NULL) /* O-4: one could guess at it */
        explicit_bzero(j.prints, count * sizeof(*j.prints));
    free(j.prints);
    if (res != RES_OK)
        return res;
    return diags->errors == errors ? RES_OK : RES_EFORMAT;
}

void keyring_fini(struct keyring *keyring)
{
    hmac_free(&keyring->gateway.hmac);
    row_index_close(&keyring->by_name);
    hmac_contexts_free(&keyring->contexts);
}

const struct key *keyring_find(const struct keyring *keyring, struct name name)
{
    struct row_probe probe = row_probe_of(hash_octets(name.octets, name.len));

    for (uint32_t row; (row = row_index_next(&keyring->by_name, &probe)) != ROW_NONE;) {
        const struct key *key = keyring_key(keyring, row);
        if (name_equal(key->name, name))
            return key;
    }
    return NULL;
}

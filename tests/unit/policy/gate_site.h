/*
 * A small site for the tests of the gate: zones, an ACL, keys, read by snapshot_load as
 * the daemon would; and a way to write messages to it.
 */
#ifndef TESTS_UNIT_POLICY_GATE_SITE_H
#define TESTS_UNIT_POLICY_GATE_SITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "dns/hmac.h"
#include "dns/update.h"
#include "policy/gate.h"
#include "policy/snapshot.h"

/* All keys of the site share their secret but for the name: what differs is what the
 * ACL says of them. */
#define SITE_NOW_S INT64_C(1795564800) /* 2026-11-25 */
#define SITE_TOKEN "\"rDL2UP41KBQ-HUXX9YTMuS-hROOYPGkfC1WlGW-gu1I\""

struct site {
    char folder[64];
    struct snapshot *snapshot;
    struct arena arena; /* of one case */
};

/* One record of a message; value NULL: none. */
struct site_item {
    enum update_op op;
    const char *owner;
    const char *type;
    const char *value;
    uint32_t ttl;
    uint16_t class; /* 0: what the operation has */
};

void site_open(struct site *site);
void site_close(struct site *site);

/* The name, in the arena of the case. */
struct name site_name(struct site *site, const char *text);
const struct acl_host *site_host(struct site *site, const char *name);
/* A context of the key's own, as its host has it. */
struct hmac *site_hmac(const char *key_name);

/* An UPDATE, unsigned: items in order, prerequisites first. */
void site_write_update(struct site *site, const char *zone,
                       const struct site_item *items, size_t count, struct writer *w);
/* Walks it, which has to work. */
struct wire_msg site_walk(const struct writer *w);

/* The words of the tables. */
#define MX1      "_acme-challenge.mx1.duckcorp.org"
#define MX1_AT   "_acme-challenge.mx1._kage.duckcorp.org"
#define MX2      "_acme-challenge.mx2.duckcorp.org"
#define FEW      "_acme-challenge.few.duckcorp.org"
#define LAB      "_acme-challenge.a.lab.duckcorp.org"
#define NATIVE   "h.dyn.duckcorp.org"
#define TLSA_MX1 "_25._tcp.mx1.duckcorp.org"
#define TLSA_OK  "3 1 1 227ba5f2c6c9109fe5c44a0696f393379607493a377f522ee27d9a7ae3227d89"
#define TOKEN_2  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""
#define TOKEN_3  "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\""

#define ADD(owner, type, value)                                                        \
    {                                                                                  \
        UPDATE_ADD, owner, type, value, 120, 0                                         \
    }
#define DELETE(owner, type, value)                                                     \
    {                                                                                  \
        UPDATE_DELETE, owner, type, value, 0, 0                                        \
    }
#define DELETE_RRSET(owner, type)                                                      \
    {                                                                                  \
        UPDATE_DELETE_RRSET, owner, type, NULL, 0, 0                                   \
    }
#define DELETE_NAME(owner)                                                             \
    {                                                                                  \
        UPDATE_DELETE_NAME, owner, "ANY", NULL, 0, 0                                   \
    }
#define PREREQ(owner, type)                                                            \
    {                                                                                  \
        UPDATE_PREREQ, owner, type, NULL, 0, 0                                         \
    }
#define PREREQ_ANY(owner)                                                              \
    {                                                                                  \
        UPDATE_PREREQ_ANY, owner, "ANY", NULL, 0, 0                                    \
    }

/* Judged over TCP, from nowhere in particular. host NULL: a key without one. */
struct gate_subject site_subject(struct site *site, const char *host);
void site_judge(struct site *site, const struct gate_subject *subject,
                const struct writer *w, struct plan *out);
void site_judge_items(struct site *site, const char *host, const char *zone,
                      const struct site_item *items, size_t count, struct plan *out);

#endif

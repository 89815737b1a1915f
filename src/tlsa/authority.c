#include "tlsa/authority.h"

#include <stdio.h>
#include <string.h>

#include "dns/type.h"
#include "tlsa/answer.h"
#include "tlsa/route.h"

/* More CNAMEs in a row are a loop. */
#define CHAIN_LINKS 16

/* ---- the resolver ---- */

size_t authority_read_resolvers(FILE *file, struct addr out[static AUTHORITY_RESOLVERS])
{
    char line[256];
    char word[128];
    size_t count = 0;
    while (count < AUTHORITY_RESOLVERS && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "nameserver %127s", word) == 1)
            count += addr_parse_port(word, HOST_DNS_PORT, &out[count]) == RES_OK;
    }
    return count;
}

static size_t read_resolv_conf(struct addr out[static AUTHORITY_RESOLVERS])
{
    FILE *file = fopen("/etc/resolv.conf", "re");
    size_t count = file != NULL ? authority_read_resolvers(file, out) : 0;
    if (file != NULL)
        fclose(file);
    return count;
}

int authority_open(struct tool *tool, const char *resolver, uint16_t port,
                   struct authority *out)
{
    *out = (struct authority){.tool = tool, .port = port};
    out->client = arena_alloc(&tool->arena, sizeof *out->client);
    out->servers = arena_array(&tool->arena, AUTHORITY_SERVERS, sizeof *out->servers);
    if (out->client == NULL || out->servers == NULL)
        return tool_no_memory();
    if (resolver == NULL)
        out->resolver_count = read_resolv_conf(out->resolvers);
    else if (addr_parse_port(resolver, HOST_DNS_PORT, &out->resolvers[0]) == RES_OK)
        out->resolver_count = 1;
    else
        return tool_usage(tool, "--resolver \"%s\": expected ADDR[:PORT]", resolver);
    if (out->resolver_count == 0)
        return tool_fail(TOOL_OUTSIDE,
                         "no name server in /etc/resolv.conf: --resolver names one");
    return TOOL_DONE;
}

/* One question on a connection of its own, unsigned: every resolver allows that. */
static const char *ask(struct authority *authority, const struct addr *server,
                       struct name name, uint16_t type, uint16_t flags,
                       struct wire_msg *out)
{
    const struct dns_client_key none = {.hmac = NULL};
    const char *wrong = dns_client_open(authority->client, server, none);
    if (wrong == NULL)
        wrong = dns_client_ask(authority->client, name, type, flags, out);
    dns_client_close(authority->client);
    return wrong;
}

/* NULL: it says what there is, or that there is nothing. */
static const char *judge_rcode(const struct wire_msg *msg)
{
    bool is_answer =
        msg->header.rcode == RCODE_NOERROR || msg->header.rcode == RCODE_NXDOMAIN;
    return is_answer ? NULL : rcode_name(msg->header.rcode);
}

const char *authority_resolve(struct authority *authority, struct name name,
                              uint16_t type, uint16_t flags, struct wire_msg *out)
{
    const char *first = NULL;
    size_t at = authority->resolver_at;
    for (size_t i = 0; i < authority->resolver_count; i++) {
        size_t next = (at + i) % authority->resolver_count;
        const char *wrong =
            ask(authority, &authority->resolvers[next], name, type, flags, out);
        if (wrong == NULL)
            wrong = judge_rcode(out);
        if (wrong == NULL) {
            authority->resolver_at = next;
            return NULL;
        }
        first = first != NULL ? first : wrong;
    }
    return first;
}

static int resolve(struct authority *authority, struct name name, uint16_t type,
                   struct wire_msg *out)
{
    char server[ADDR_TEXT_OCTETS];
    const struct addr *resolver = &authority->resolvers[authority->resolver_at];
    const char *wrong = authority_resolve(authority, name, type, FLAG_RD, out);
    if (wrong == NULL)
        return TOOL_DONE;
    return tool_fail(TOOL_OUTSIDE, "resolver %s, asked for %s: %s%s",
                     addr_format_port(resolver, server),
                     tool_name_text(authority->tool, name), wrong,
                     authority->resolver_count > 1 ? ", and no other knows it" : "");
}

/* ---- where a name leads ---- */

/* Follows the CNAMEs of an answer; whether there was one. RES_ERANGE: a loop. */
static enum result follow(struct authority *authority, const struct wire_msg *msg,
                          bool *out_moved)
{
    struct wire_rr rr;
    unsigned links = 0;
    *out_moved = false;
    while (answer_find(msg, SECTION_PREREQUISITE, authority->target, TYPE_CNAME, &rr)) {
        struct name_buf next;
        if (links++ == CHAIN_LINKS)
            return RES_ERANGE;
        if (answer_name(msg, &rr, &next) != RES_OK)
            return RES_EFORMAT;
        authority->target = name_copy(&authority->tool->arena, name_of(&next));
        if (authority->target.octets == NULL)
            return RES_EMEM;
        *out_moved = true;
    }
    return RES_OK;
}

static int find_target(struct authority *authority, struct name owner)
{
    bool has_moved = true;
    authority->target = owner;
    for (unsigned i = 0; has_moved; i++) {
        struct wire_msg msg;
        int code = resolve(authority, authority->target, TYPE_TLSA, &msg);
        if (code != TOOL_DONE)
            return code;
        if (i == CHAIN_LINKS || follow(authority, &msg, &has_moved) != RES_OK)
            return tool_fail(TOOL_OUTSIDE, "%s: its CNAMEs lead nowhere",
                             tool_name_text(authority->tool, owner));
    }
    return TOOL_DONE;
}

static int find_zone(struct authority *authority)
{
    struct wire_msg msg;
    struct name_buf zone;
    int code = resolve(authority, authority->target, TYPE_SOA, &msg);
    if (code != TOOL_DONE)
        return code;
    if (answer_zone(&msg, authority->target, &zone) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "the resolver knows no zone of %s",
                         tool_name_text(authority->tool, authority->target));
    authority->zone = name_copy(&authority->tool->arena, name_of(&zone));
    return authority->zone.octets != NULL ? TOOL_DONE : tool_no_memory();
}

/* ---- its servers ---- */

static int find_names(struct authority *authority)
{
    struct wire_msg msg;
    int code = resolve(authority, authority->zone, TYPE_NS, &msg);
    if (code != TOOL_DONE)
        return code;
    size_t at = msg.section_at[SECTION_PREREQUISITE];
    authority->count = 0;
    for (size_t i = 0; i < msg.header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        struct name_buf name;
        wire_next(&msg, SECTION_PREREQUISITE, &at, &rr);
        if (rr.type != TYPE_NS || answer_name(&msg, &rr, &name) != RES_OK)
            continue;
        if (authority->count == AUTHORITY_SERVERS)
            return tool_fail(TOOL_OUTSIDE, "more than %d name servers",
                             AUTHORITY_SERVERS);
        struct authority_server *server = &authority->servers[authority->count++];
        *server = (struct authority_server){0};
        server->name = name_copy(&authority->tool->arena, name_of(&name));
        if (server->name.octets == NULL)
            return tool_no_memory();
    }
    if (authority->count == 0)
        return tool_fail(TOOL_OUTSIDE, "%s has no name servers",
                         tool_name_text(authority->tool, authority->zone));
    return TOOL_DONE;
}

static void take_addresses(struct authority *authority, struct authority_server *server,
                           const struct wire_msg *msg, uint16_t type)
{
    size_t octets = type == TYPE_A ? 4 : 16;
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    for (size_t i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        if (rr.type != type || rr.rdata_len != octets ||
            server->count == AUTHORITY_ADDRESSES)
            continue;
        struct addr *addr = &server->addresses[server->count++];
        *addr =
            (struct addr){.family = type == TYPE_A ? 4 : 6, .port = authority->port};
        memcpy(addr->octets, msg->octets + rr.rdata_at, octets);
    }
}

static int find_addresses(struct authority *authority, struct authority_server *server)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    for (size_t i = 0; i < 2; i++) {
        struct wire_msg msg;
        int code = resolve(authority, server->name, types[i], &msg);
        if (code != TOOL_DONE)
            return code;
        take_addresses(authority, server, &msg, types[i]);
    }
    if (server->count == 0)
        return tool_fail(TOOL_OUTSIDE, "name server %s has no address",
                         tool_name_text(authority->tool, server->name));
    server->count = route_sort(server->addresses, server->count);
    return TOOL_DONE;
}

int authority_find(struct authority *authority, struct name owner)
{
    authority->has_ttl = false;
    authority->lacking_ttl_s = authority->serving_ttl_s = 0;
    int code = find_target(authority, owner);
    if (code == TOOL_DONE)
        code = find_zone(authority);
    if (code == TOOL_DONE)
        code = find_names(authority);
    for (size_t i = 0; code == TOOL_DONE && i < authority->count; i++)
        code = find_addresses(authority, &authority->servers[i]);
    return code;
}

/* ---- what they serve ---- */

/* An answer that there is nothing is kept by nobody where it has no SOA (RFC 2308 5).
 */
static void note_ttl(struct authority *authority, const struct wire_msg *msg,
                     uint32_t *greatest_s)
{
    struct wire_rr rr;
    uint32_t ttl_s = 0;
    if (answer_find(msg, SECTION_PREREQUISITE, authority->target, TYPE_TLSA, &rr))
        ttl_s = rr.ttl;
    else if (!answer_negative_ttl(msg, &ttl_s))
        ttl_s = 0;
    if (ttl_s > AUTHORITY_TTL_MAX_S)
        ttl_s = AUTHORITY_TTL_MAX_S;
    authority->has_ttl = true;
    if (ttl_s > *greatest_s)
        *greatest_s = ttl_s;
}

static bool has_all(const struct authority *authority, const struct wire_msg *msg,
                    const struct tlsa_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        uint32_t ttl_s;
        if (!answer_has(msg, authority->target, TYPE_TLSA, &records->array[i], &ttl_s))
            return false;
    }
    return true;
}

/* NULL: an answer of the zone's; else why not. */
static const char *ask_itself(struct authority *authority, const struct addr *address,
                              struct name name, uint16_t type, struct wire_msg *out)
{
    const char *wrong = ask(authority, address, name, type, 0, out);
    if (wrong == NULL)
        wrong = judge_rcode(out);
    if (wrong == NULL && (out->header.flags & FLAG_AA) == 0)
        wrong = "it is not authoritative";
    return wrong;
}

static enum authority_view view_from(struct authority *authority,
                                     struct authority_server *server,
                                     const struct addr *address,
                                     const struct tlsa_records *records)
{
    struct wire_msg msg;
    server->why = ask_itself(authority, address, authority->target, TYPE_TLSA, &msg);
    if (server->why != NULL)
        return AUTHORITY_AWAY;
    bool serves = has_all(authority, &msg, records);
    note_ttl(authority, &msg,
             serves ? &authority->serving_ttl_s : &authority->lacking_ttl_s);
    return serves ? AUTHORITY_SERVES : AUTHORITY_LACKS;
}

/* An address that cannot be reached from here (IPv6, perhaps) does not matter while
 * another one of the same server answers. */
static void ask_server(struct authority *authority, struct authority_server *server,
                       const struct tlsa_records *records)
{
    server->view = AUTHORITY_AWAY;
    for (size_t i = 0; i < server->count && server->view != AUTHORITY_LACKS; i++) {
        enum authority_view view =
            view_from(authority, server, &server->addresses[i], records);
        if (view != AUTHORITY_AWAY)
            server->view = view;
    }
}

bool authority_ask(struct authority *authority, const struct tlsa_records *records)
{
    bool all_serve = true;
    for (size_t i = 0; i < authority->count; i++) {
        struct authority_server *server = &authority->servers[i];
        if (server->view != AUTHORITY_SERVES)
            ask_server(authority, server, records);
        all_serve = all_serve && server->view == AUTHORITY_SERVES;
    }
    return all_serve;
}

bool authority_is_signed(struct authority *authority)
{
    for (size_t i = 0; i < authority->count; i++) {
        const struct authority_server *server = &authority->servers[i];
        for (size_t k = 0; k < server->count; k++) {
            struct wire_msg msg;
            struct wire_rr rr;
            if (ask_itself(authority, &server->addresses[k], authority->zone,
                           TYPE_DNSKEY, &msg) == NULL)
                return answer_find(&msg, SECTION_PREREQUISITE, authority->zone,
                                   TYPE_DNSKEY, &rr);
        }
    }
    return true; /* who cannot tell does not warn */
}

#include "tlsa/publisher.h"

#include <string.h>

#include "base/outcome.h"
#include "dns/build.h"
#include "dns/type.h"
#include "tlsa/answer.h"

#define EDE_OPTION  15 /* RFC 8914 2 */
#define EDNS_OCTETS 1232

/* One name while it is worked on. */
struct rrset {
    const struct publisher_change *change;
    struct name_buf zone;
    bool has_wanted[TLSA_RECORDS];
    bool has_unwanted[TLSA_RECORDS];
    size_t wrong; /* wanted and not there, or unwanted and there */
    uint32_t ttl_s;
};

static int complain(struct publisher *publisher, int code, struct name name,
                    const char *wrong)
{
    char server[ADDR_TEXT_OCTETS];
    return tool_fail(code, "server %s: %s: %s",
                     addr_format_port(&publisher->host.server, server),
                     tool_name_text(publisher->tool, name), wrong);
}

/* The server's own words (RFC 8914), printable ASCII alone; "" without. */
static void read_extra(const struct wire_msg *msg, char *text, size_t capacity)
{
    size_t len = 0;
    text[0] = '\0';
    if (!msg->has_opt)
        return;
    struct reader r = reader_of(msg->octets + msg->opt.rdata_at, msg->opt.rdata_len);
    while (reader_left(&r) > 0 && !r.failed) {
        uint16_t option = reader_u16(&r);
        struct reader value = reader_sub(&r, reader_u16(&r));
        if (option != EDE_OPTION || r.failed)
            continue;
        reader_skip(&value, 2);
        while (reader_left(&value) > 0 && len + 4 < capacity) {
            uint8_t octet = reader_u8(&value);
            text[len++] = octet >= ' ' && octet <= '~' ? (char)octet : '?';
        }
    }
    text[len] = '\0';
}

/* A refusal is an answer (1); a server that cannot do it is a failure outside (4). */
static int complain_rcode(struct publisher *publisher, struct name name,
                          const struct wire_msg *msg)
{
    char extra[LIMIT_REASON_OCTETS + 4];
    int code = msg->header.rcode == RCODE_SERVFAIL ? TOOL_OUTSIDE : TOOL_NO;
    read_extra(msg, extra, sizeof extra);
    const char *said = arena_printf(
        &publisher->tool->arena, "%s%s%s%s", rcode_name(msg->header.rcode),
        extra[0] != '\0' ? ": " : "", extra,
        publisher->client->key.hmac == NULL ? " (without a key: see -k)" : "");
    return complain(publisher, code, name, said != NULL ? said : "?");
}

static bool is_answer(const struct wire_msg *msg)
{
    return msg->header.rcode == RCODE_NOERROR || msg->header.rcode == RCODE_NXDOMAIN;
}

/* As nsupdate does: the name's SOA, then its parent's. A CNAME speaks of another name,
 * and so does the SOA that comes with it. */
static int find_zone(struct publisher *publisher, struct rrset *rrset)
{
    struct wire_msg msg;
    struct name owner = rrset->change->owner;
    for (struct name name = owner;; name = name_parent(name)) {
        struct wire_rr rr;
        const char *wrong = dns_client_ask(publisher->client, name, TYPE_SOA, 0, &msg);
        if (wrong != NULL)
            return complain(publisher, TOOL_OUTSIDE, name, wrong);
        bool is_alias = answer_find(&msg, SECTION_PREREQUISITE, name, TYPE_CNAME, &rr);
        if (is_answer(&msg) && !is_alias && (msg.header.flags & FLAG_AA) != 0 &&
            answer_zone(&msg, name, &rrset->zone) == RES_OK)
            return TOOL_DONE;
        if (name_is_root(name))
            break;
    }
    if (!is_answer(&msg))
        return complain_rcode(publisher, owner, &msg);
    return complain(publisher, TOOL_NO, owner, "it has no zone for that name");
}

/* How many of records the answer has, and which. */
static size_t look_for(const struct wire_msg *msg, struct name owner,
                       const struct tlsa_records *records, bool *out_has)
{
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++) {
        uint32_t ttl_s;
        out_has[i] = answer_has(msg, owner, TYPE_TLSA, &records->array[i], &ttl_s);
        count += out_has[i];
    }
    return count;
}

static int read_rrset(struct publisher *publisher, struct rrset *rrset)
{
    struct wire_msg msg;
    struct wire_rr rr;
    const struct publisher_change *change = rrset->change;
    struct name owner = change->owner;
    const char *wrong = dns_client_ask(publisher->client, owner, TYPE_TLSA, 0, &msg);
    if (wrong != NULL)
        return complain(publisher, TOOL_OUTSIDE, owner, wrong);
    if (!is_answer(&msg))
        return complain_rcode(publisher, owner, &msg);
    if (answer_find(&msg, SECTION_PREREQUISITE, owner, TYPE_CNAME, &rr))
        return complain(publisher, TOOL_NO, owner,
                        "a CNAME stands there, and this server would ignore what is "
                        "added (is it the gateway?)");
    rrset->ttl_s = change->ttl_s;
    if (answer_find(&msg, SECTION_PREREQUISITE, owner, TYPE_TLSA, &rr) &&
        !change->has_ttl)
        rrset->ttl_s = rr.ttl;
    size_t wanted = look_for(&msg, owner, change->wanted, rrset->has_wanted);
    size_t unwanted = look_for(&msg, owner, change->unwanted, rrset->has_unwanted);
    rrset->wrong = change->wanted->count - wanted + unwanted;
    return TOOL_DONE;
}

/* All in one message: nobody sees the name with neither what was nor what is to be. */
static int update_rrset(struct publisher *publisher, const struct rrset *rrset)
{
    struct wire_msg msg;
    const struct publisher_change *change = rrset->change;
    struct writer *w =
        dns_client_begin(publisher->client, OPCODE_UPDATE << WIRE_OPCODE_SHIFT);
    build_question(w, name_of(&rrset->zone), TYPE_SOA, CLASS_IN);
    for (size_t i = 0; i < change->wanted->count; i++) {
        if (!rrset->has_wanted[i])
            build_rr(w, SECTION_UPDATE, change->owner, TYPE_TLSA, CLASS_IN,
                     rrset->ttl_s, &change->wanted->array[i]);
    }
    for (size_t i = 0; i < change->unwanted->count; i++) {
        if (rrset->has_unwanted[i]) /* RFC 2136 2.5.4: by value */
            build_rr(w, SECTION_UPDATE, change->owner, TYPE_TLSA, CLASS_NONE, 0,
                     &change->unwanted->array[i]);
    }
    build_opt(w, EDNS_OCTETS, RCODE_NOERROR, -1, NULL);
    const char *wrong = dns_client_exchange(publisher->client, &msg);
    if (wrong != NULL)
        return complain(publisher, TOOL_OUTSIDE, change->owner, wrong);
    if (msg.header.rcode != RCODE_NOERROR)
        return complain_rcode(publisher, change->owner, &msg);
    return TOOL_DONE;
}

/* NOERROR alone is no proof: BIND answers it to additions that it ignores, such as
 * those beside a CNAME. */
static int correct_rrset(struct publisher *publisher, struct rrset *rrset)
{
    int code = update_rrset(publisher, rrset);
    if (code == TOOL_DONE)
        code = read_rrset(publisher, rrset);
    if (code == TOOL_DONE && rrset->wrong > 0)
        return complain(publisher, TOOL_NO, rrset->change->owner,
                        "it said that all is done, and the records are not as asked");
    return code;
}

int publisher_open(struct tool *tool, struct publisher *out)
{
    *out = (struct publisher){.tool = tool};
    out->client = arena_alloc(&tool->arena, sizeof *out->client);
    if (out->client == NULL)
        return tool_no_memory();
    return host_open(tool, &out->host);
}

int publisher_apply(struct publisher *publisher, const struct publisher_change *change,
                    struct publisher_found *out_found)
{
    struct rrset rrset = {.change = change};
    const char *wrong = dns_client_open(publisher->client, &publisher->host.server,
                                        publisher->host.key);
    if (wrong != NULL)
        return complain(publisher, TOOL_OUTSIDE, change->owner, wrong);
    int code = find_zone(publisher, &rrset);
    if (code == TOOL_DONE)
        code = read_rrset(publisher, &rrset);
    out_found->zone = rrset.zone;
    memcpy(out_found->has_wanted, rrset.has_wanted, sizeof rrset.has_wanted);
    memcpy(out_found->has_unwanted, rrset.has_unwanted, sizeof rrset.has_unwanted);
    out_found->is_changed = rrset.wrong > 0;
    if (code == TOOL_DONE && rrset.wrong > 0)
        code = correct_rrset(publisher, &rrset);
    dns_client_close(publisher->client);
    return code;
}

void publisher_close(struct publisher *publisher)
{
    host_close(&publisher->host);
}

/*
 * tsigate-tlsa publish: adds what is missing of a certificate's TLSA records, as a
 * plain RFC 2136 UPDATE in the zone that the server claims for the name. Never deletes.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/outcome.h"
#include "dns/build.h"
#include "dns/type.h"
#include "tlsa/answer.h"
#include "tlsa/authority.h"
#include "tlsa/certfile.h"
#include "tlsa/host.h"
#include "tlsa/record.h"

#define PUBLISH_SERVICES 32
/* A short TTL keeps a roll-over short: the new record has to outlive the old ones in
 * caches. */
#define DEFAULT_TTL_S    300
#define DEFAULT_WAIT_S   300
#define WAIT_MAX_S       86400
#define WAIT_INTERVAL_MS 2000
#define EDE_OPTION       15 /* RFC 8914 2 */
#define EDNS_OCTETS      1232

struct publish {
    struct tool *tool;
    struct host host;
    struct dns_client *client;
    struct name name;
    struct service services[PUBLISH_SERVICES];
    size_t service_count;
    const char *cert;
    struct tlsa_form form;
    uint32_t ttl_s;
    bool has_ttl;
    struct rdata records[CERTFILE_CERTIFICATES];
    size_t record_count;
    uint32_t wait_s; /* 0: not */
    const char *resolver;
    uint16_t authority_port;
};

/* One service's name while it is worked on. */
struct rrset {
    struct name owner;
    struct name_buf zone;
    bool is_there[CERTFILE_CERTIFICATES]; /* of publish's records */
    size_t missing;
    uint32_t ttl_s; /* of what is there, or of what is to be */
};

/* ---- questions to the server ---- */

static int complain(struct publish *publish, int code, struct name name,
                    const char *wrong)
{
    char server[ADDR_TEXT_OCTETS];
    return tool_fail(code, "server %s: %s: %s",
                     addr_format_port(&publish->host.server, server),
                     tool_name_text(publish->tool, name), wrong);
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
static int complain_rcode(struct publish *publish, struct name name,
                          const struct wire_msg *msg)
{
    char extra[LIMIT_REASON_OCTETS + 4];
    int code = msg->header.rcode == RCODE_SERVFAIL ? TOOL_OUTSIDE : TOOL_NO;
    read_extra(msg, extra, sizeof extra);
    const char *said =
        arena_printf(&publish->tool->arena, "%s%s%s", rcode_name(msg->header.rcode),
                     extra[0] != '\0' ? ": " : "", extra);
    return complain(publish, code, name, said != NULL ? said : "?");
}

static bool is_answer(const struct wire_msg *msg)
{
    return msg->header.rcode == RCODE_NOERROR || msg->header.rcode == RCODE_NXDOMAIN;
}

/* As nsupdate does: the name's SOA, then its parent's. A CNAME speaks of another name,
 * and so does the SOA that comes with it. */
static int find_zone(struct publish *publish, struct rrset *rrset)
{
    struct wire_msg msg;
    for (struct name name = rrset->owner;; name = name_parent(name)) {
        struct wire_rr rr;
        const char *wrong = dns_client_ask(publish->client, name, TYPE_SOA, 0, &msg);
        if (wrong != NULL)
            return complain(publish, TOOL_OUTSIDE, name, wrong);
        bool is_alias = answer_find(&msg, SECTION_PREREQUISITE, name, TYPE_CNAME, &rr);
        if (is_answer(&msg) && !is_alias && (msg.header.flags & FLAG_AA) != 0 &&
            answer_zone(&msg, name, &rrset->zone) == RES_OK)
            return TOOL_DONE;
        if (name_is_root(name))
            break;
    }
    if (!is_answer(&msg))
        return complain_rcode(publish, rrset->owner, &msg);
    return complain(publish, TOOL_NO, rrset->owner, "it has no zone for that name");
}

static int read_rrset(struct publish *publish, struct rrset *rrset)
{
    struct wire_msg msg;
    struct wire_rr rr;
    const char *wrong =
        dns_client_ask(publish->client, rrset->owner, TYPE_TLSA, 0, &msg);
    if (wrong != NULL)
        return complain(publish, TOOL_OUTSIDE, rrset->owner, wrong);
    if (!is_answer(&msg))
        return complain_rcode(publish, rrset->owner, &msg);
    if (answer_find(&msg, SECTION_PREREQUISITE, rrset->owner, TYPE_CNAME, &rr))
        return complain(publish, TOOL_NO, rrset->owner,
                        "a CNAME stands there, and this server would ignore what is "
                        "added (is it the gateway?)");
    rrset->missing = 0;
    rrset->ttl_s = publish->ttl_s;
    if (answer_find(&msg, SECTION_PREREQUISITE, rrset->owner, TYPE_TLSA, &rr) &&
        !publish->has_ttl)
        rrset->ttl_s = rr.ttl;
    for (size_t i = 0; i < publish->record_count; i++) {
        uint32_t ttl_s;
        rrset->is_there[i] =
            answer_has(&msg, rrset->owner, TYPE_TLSA, &publish->records[i], &ttl_s);
        rrset->missing += !rrset->is_there[i];
    }
    return TOOL_DONE;
}

static int add_missing(struct publish *publish, struct rrset *rrset)
{
    struct wire_msg msg;
    struct writer *w =
        dns_client_begin(publish->client, OPCODE_UPDATE << WIRE_OPCODE_SHIFT);
    build_question(w, name_of(&rrset->zone), TYPE_SOA, CLASS_IN);
    for (size_t i = 0; i < publish->record_count; i++) {
        if (!rrset->is_there[i])
            build_rr(w, SECTION_UPDATE, rrset->owner, TYPE_TLSA, CLASS_IN, rrset->ttl_s,
                     &publish->records[i]);
    }
    build_opt(w, EDNS_OCTETS, RCODE_NOERROR, -1, NULL);
    const char *wrong = dns_client_exchange(publish->client, &msg);
    if (wrong != NULL)
        return complain(publish, TOOL_OUTSIDE, rrset->owner, wrong);
    if (msg.header.rcode != RCODE_NOERROR)
        return complain_rcode(publish, rrset->owner, &msg);
    return TOOL_DONE;
}

/* ---- output ---- */

static void print_record(struct publish *publish, const struct rrset *rrset, size_t i,
                         bool is_added)
{
    struct tool *tool = publish->tool;
    const uint8_t *octets = publish->records[i].octets;
    size_t data_len = publish->records[i].len - 3U;
    const char *owner = tool_name_text(tool, rrset->owner);
    if (tool->is_json) {
        json_object_open(&tool->json, NULL);
        json_string(&tool->json, "owner", owner);
        json_string(&tool->json, "zone", tool_name_text(tool, name_of(&rrset->zone)));
        json_number(&tool->json, "usage", octets[0]);
        json_number(&tool->json, "selector", octets[1]);
        json_number(&tool->json, "matching", octets[2]);
        json_hex(&tool->json, "data", octets + 3, data_len);
        json_bool(&tool->json, "added", is_added);
        json_object_close(&tool->json);
        return;
    }
    writer_printf(&tool->out, "%-8s %s IN TLSA %u %u %u ", is_added ? "added" : "there",
                  owner, octets[0], octets[1], octets[2]);
    writer_hex(&tool->out, octets + 3, data_len);
    writer_string(&tool->out, "\n");
}

/* ---- one service ---- */

/* NOERROR alone is no proof: BIND answers it to additions that it ignores, such as
 * those beside a CNAME. */
static int publish_rrset(struct publish *publish, struct rrset *rrset)
{
    bool was_there[CERTFILE_CERTIFICATES];
    int code = find_zone(publish, rrset);
    if (code == TOOL_DONE)
        code = read_rrset(publish, rrset);
    if (code != TOOL_DONE)
        return code;
    memcpy(was_there, rrset->is_there, sizeof was_there);
    if (rrset->missing > 0) {
        code = add_missing(publish, rrset);
        if (code == TOOL_DONE)
            code = read_rrset(publish, rrset);
        if (code != TOOL_DONE)
            return code;
        if (rrset->missing > 0)
            return complain(publish, TOOL_NO, rrset->owner,
                            "it said that all is done, and does not have the record");
    }
    for (size_t i = 0; i < publish->record_count; i++)
        print_record(publish, rrset, i, !was_there[i]);
    return TOOL_DONE;
}

static void tell_views(const struct authority *authority)
{
    for (size_t i = 0; i < authority->count; i++) {
        const struct authority_server *server = &authority->servers[i];
        if (server->view != AUTHORITY_SERVES)
            tool_fail(TOOL_OUTSIDE, "name server %s %s %s",
                      tool_name_text(authority->tool, server->name),
                      server->view == AUTHORITY_LACKS ? "does not serve"
                                                      : "cannot be asked for",
                      tool_name_text(authority->tool, authority->target));
    }
}

static int wait_for(struct publish *publish, struct name owner, time_t deadline)
{
    struct authority authority;
    struct tool *tool = publish->tool;
    int code =
        authority_open(tool, publish->resolver, publish->authority_port, &authority);
    if (code == TOOL_DONE)
        code = authority_find(&authority, owner);
    if (code != TOOL_DONE)
        return code;
    while (!authority_ask(&authority, publish->records, publish->record_count)) {
        if (time(NULL) >= deadline) {
            tell_views(&authority);
            return TOOL_OUTSIDE;
        }
        (void)poll(NULL, 0, WAIT_INTERVAL_MS);
    }
    if (!tool->is_json)
        writer_printf(&tool->out, "served   by all %zu name servers of %s\n",
                      authority.count, tool_name_text(tool, authority.zone));
    return TOOL_DONE;
}

/* ---- the whole ---- */

static int publish_service(struct publish *publish, const struct service *service,
                           struct name *out_owner)
{
    struct name_buf owner;
    if (service_owner(service, publish->name, &owner) != RES_OK)
        return tool_fail(TOOL_USAGE, "%s is too long for a service below it",
                         tool_name_text(publish->tool, publish->name));
    *out_owner = name_copy(&publish->tool->arena, name_of(&owner));
    if (out_owner->octets == NULL)
        return tool_fail(TOOL_OUTSIDE, "out of memory");
    const char *wrong =
        dns_client_open(publish->client, &publish->host.server, publish->host.key);
    if (wrong != NULL)
        return complain(publish, TOOL_OUTSIDE, *out_owner, wrong);
    struct rrset rrset = {.owner = *out_owner};
    int code = publish_rrset(publish, &rrset);
    dns_client_close(publish->client);
    return code;
}

static int publish_services(struct publish *publish)
{
    struct name owners[PUBLISH_SERVICES];
    int code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < publish->service_count; i++)
        code = publish_service(publish, &publish->services[i], &owners[i]);
    time_t deadline = time(NULL) + (time_t)publish->wait_s;
    for (size_t i = 0;
         code == TOOL_DONE && publish->wait_s > 0 && i < publish->service_count; i++)
        code = wait_for(publish, owners[i], deadline);
    return code;
}

static int make_records(struct publish *publish)
{
    struct certfile file;
    struct tool *tool = publish->tool;
    size_t first = 0;
    size_t end = 0;
    enum result result = certfile_open(&file, publish->cert, &tool->diags);
    if (result == RES_OK)
        tlsa_certificates(&file, publish->form, &first, &end);
    for (size_t i = first; result == RES_OK && i < end; i++)
        result = tlsa_rdata(&file, i, publish->form, &tool->arena,
                            &publish->records[publish->record_count++]);
    if (result == RES_EMISMATCH)
        diags_error(&tool->diags, (struct place){.file = publish->cert}, "",
                    "selector 0 is about a whole certificate: expected one");
    certfile_close(&file);
    if (result == RES_OK)
        return TOOL_DONE;
    return tool_fail_diags(tool, result == RES_EIO ? TOOL_OUTSIDE : TOOL_CONFIG);
}

static int publish_all(struct publish *publish)
{
    struct tool *tool = publish->tool;
    publish->client = arena_alloc(&tool->arena, sizeof *publish->client);
    if (publish->client == NULL)
        return tool_fail(TOOL_OUTSIDE, "out of memory");
    int code = make_records(publish);
    if (code == TOOL_DONE)
        code = host_open(tool, &publish->host);
    if (code == TOOL_DONE)
        code = tool_output_open(tool);
    if (code == TOOL_DONE) {
        if (tool->is_json) {
            json_object_open(&tool->json, NULL);
            json_array_open(&tool->json, "records");
        }
        code = publish_services(publish);
        if (tool->is_json) {
            json_array_close(&tool->json);
            if (publish->wait_s > 0)
                json_bool(&tool->json, "served_by_all", code == TOOL_DONE);
            else
                json_null(&tool->json, "served_by_all");
            json_object_close(&tool->json);
            writer_string(&tool->out, "\n");
        }
        int printed =
            tool_output_print(tool); /* what was done, also before a failure */
        code = code != TOOL_DONE ? code : printed;
    }
    host_close(&publish->host);
    return code;
}

/* ---- options ---- */

static bool take_number(const char *text, unsigned long most, unsigned long *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 10 || text[digits] != '\0')
        return false;
    *out = strtoul(text, NULL, 10);
    return *out <= most;
}

static int take_option(struct publish *publish, int option)
{
    unsigned long number = DEFAULT_WAIT_S;
    switch (option) {
    case 'C':
        publish->cert = optarg;
        return TOOL_DONE;
    case 'r':
        publish->resolver = optarg;
        return TOOL_DONE;
    case 't':
        if (!take_number(optarg, LIMIT_TTL_S, &number))
            return tool_usage(publish->tool, "--ttl \"%s\": expected seconds", optarg);
        publish->ttl_s = (uint32_t)number;
        publish->has_ttl = true;
        return TOOL_DONE;
    case 'w':
        if (optarg != NULL &&
            (!take_number(optarg, WAIT_MAX_S, &number) || number == 0))
            return tool_usage(publish->tool, "--wait \"%s\": expected 1 to %d seconds",
                              optarg, WAIT_MAX_S);
        publish->wait_s = (uint32_t)number;
        return TOOL_DONE;
    case 'P':
        if (!take_number(optarg, UINT16_MAX, &number) || number == 0)
            return tool_usage(publish->tool, "--authority-port \"%s\": no port",
                              optarg);
        publish->authority_port = (uint16_t)number;
        return TOOL_DONE;
    default:
        if (tlsa_form_parse(optarg, &publish->form) != RES_OK)
            return tool_usage(
                publish->tool,
                "--usage-selector-matching \"%s\": expected three numbers "
                "as in 3-1-1",
                optarg);
        return TOOL_DONE;
    }
}

static int take_words(struct publish *publish, int count, char **words)
{
    if (count < 2 || publish->cert == NULL)
        return tool_usage(publish->tool, "publish wants NAME, PORT/PROTO and --cert");
    if (count - 1 > PUBLISH_SERVICES)
        return tool_usage(publish->tool, "more than %d services", PUBLISH_SERVICES);
    publish->name = tool_name(publish->tool, words[0]);
    if (publish->name.octets == NULL)
        return TOOL_USAGE;
    for (int i = 1; i < count; i++) {
        struct service *service = &publish->services[publish->service_count++];
        if (service_parse(words[i], '/', service) != RES_OK)
            return tool_usage(publish->tool, "\"%s\": expected PORT/tcp, udp or sctp",
                              words[i]);
    }
    return TOOL_DONE;
}

int publish_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"cert", required_argument, NULL, 'C'},
        {"wait", optional_argument, NULL, 'w'},
        {"ttl", required_argument, NULL, 't'},
        {"resolver", required_argument, NULL, 'r'},
        {"authority-port", required_argument, NULL, 'P'},
        {"usage-selector-matching", required_argument, NULL, 'u'},
        TOOL_COMMON_OPTIONS,
    };
    struct publish publish = {
        .tool = tool,
        .form = tlsa_own_key,
        .ttl_s = DEFAULT_TTL_S,
        .authority_port = HOST_DNS_PORT,
    };
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        int code = take_option(&publish, option);
        if (code != TOOL_DONE)
            return code;
    }
    if (option != TOOL_OPTION_END)
        return option == TOOL_OPTION_HELP ? TOOL_DONE : TOOL_USAGE;
    int code = take_words(&publish, argc - optind, argv + optind);
    return code == TOOL_DONE ? publish_all(&publish) : code;
}

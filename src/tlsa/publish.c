/*
 * tsigate-tlsa publish: adds what is missing of a certificate's TLSA records, as a
 * plain RFC 2136 UPDATE in the zone that the server claims for the name. Never deletes.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/deadline.h"
#include "tlsa/authority.h"
#include "tlsa/certfile.h"
#include "tlsa/publisher.h"

#define PUBLISH_SERVICES 32
#define DEFAULT_WAIT_S   300
#define WAIT_MAX_S       86400
#define WAIT_INTERVAL_MS 2000

struct publish {
    struct tool *tool;
    struct publisher publisher;
    struct name name;
    struct service services[PUBLISH_SERVICES];
    size_t service_count;
    const char *cert;
    struct tlsa_form form;
    uint32_t ttl_s;
    bool has_ttl;
    struct tlsa_records records;
    uint32_t wait_s; /* 0: not */
    const char *resolver;
    uint16_t ns_port;
};

/* ---- output ---- */

static void print_record(struct publish *publish, struct name name, struct name zone,
                         const struct rdata *rdata, bool is_added)
{
    struct tool *tool = publish->tool;
    const char *owner = tool_name_text(tool, name);
    if (tool->is_json) {
        json_object_open(&tool->json, NULL);
        json_string(&tool->json, "owner", owner);
        json_string(&tool->json, "zone", tool_name_text(tool, zone));
        tlsa_record_json(&tool->json, rdata);
        json_bool(&tool->json, "added", is_added);
        json_object_close(&tool->json);
        return;
    }
    writer_printf(&tool->out, "%-8s %s IN ", is_added ? "added" : "there", owner);
    tlsa_record_write(&tool->out, rdata, SIZE_MAX);
    writer_string(&tool->out, "\n");
}

/* ---- until everybody serves it ---- */

static void tell_views(const struct authority *authority)
{
    for (size_t i = 0; i < authority->count; i++) {
        const struct authority_server *server = &authority->servers[i];
        bool is_away = server->view == AUTHORITY_AWAY;
        if (server->view != AUTHORITY_SERVES)
            tool_fail(TOOL_OUTSIDE, "name server %s %s %s%s%s",
                      tool_name_text(authority->tool, server->name),
                      is_away ? "cannot be asked for" : "does not serve",
                      tool_name_text(authority->tool, authority->target),
                      is_away ? ": " : "", is_away ? server->why : "");
    }
}

static int wait_for(struct publish *publish, struct name owner,
                    struct deadline deadline)
{
    struct authority authority;
    struct tool *tool = publish->tool;
    int code = authority_open(tool, publish->resolver, publish->ns_port, &authority);
    if (code == TOOL_DONE)
        code = authority_find(&authority, owner);
    if (code != TOOL_DONE)
        return code;
    while (!authority_ask(&authority, &publish->records)) {
        if (deadline_left_ms(deadline) == 0) {
            tell_views(&authority);
            return TOOL_OUTSIDE;
        }
        (void)poll(NULL, 0, WAIT_INTERVAL_MS);
    }
    if (!tool->is_json)
        writer_printf(&tool->out, "served   by every name server of %s (%zu)\n",
                      tool_name_text(tool, authority.zone), authority.count);
    return TOOL_DONE;
}

/* ---- the whole ---- */

static int publish_service(struct publish *publish, const struct service *service,
                           struct name *out_owner)
{
    static const struct tlsa_records none = {.count = 0};
    struct publisher_found found;
    struct name_buf owner;
    if (service_owner(service, publish->name, &owner) != RES_OK)
        return tool_fail(TOOL_USAGE, "%s is too long for a service below it",
                         tool_name_text(publish->tool, publish->name));
    *out_owner = name_copy(&publish->tool->arena, name_of(&owner));
    if (out_owner->octets == NULL)
        return tool_no_memory();
    const struct publisher_change change = {
        .owner = *out_owner,
        .wanted = &publish->records,
        .unwanted = &none,
        .ttl_s = publish->ttl_s,
        .has_ttl = publish->has_ttl,
    };
    int code = publisher_apply(&publish->publisher, &change, &found);
    for (size_t i = 0; code == TOOL_DONE && i < publish->records.count; i++)
        print_record(publish, *out_owner, name_of(&found.zone),
                     &publish->records.array[i], !found.has_wanted[i]);
    return code;
}

static int publish_services(struct publish *publish)
{
    struct name owners[PUBLISH_SERVICES];
    int code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < publish->service_count; i++)
        code = publish_service(publish, &publish->services[i], &owners[i]);
    const struct deadline deadline = deadline_in((int64_t)publish->wait_s * 1000);
    for (size_t i = 0;
         code == TOOL_DONE && publish->wait_s > 0 && i < publish->service_count; i++)
        code = wait_for(publish, owners[i], deadline);
    return code;
}

static int make_records(struct publish *publish)
{
    struct certfile file;
    struct tool *tool = publish->tool;
    enum result result = certfile_open(&file, publish->cert, &tool->diags);
    if (result == RES_OK)
        result =
            tlsa_records_make(&file, publish->form, &tool->arena, &publish->records);
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
    int code = make_records(publish);
    if (code == TOOL_DONE)
        code = publisher_open(tool, &publish->publisher);
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
    publisher_close(&publish->publisher);
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
    case 'N':
        return tool_ns_port(publish->tool, optarg, &publish->ns_port);
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
        {"ns-port", required_argument, NULL, 'N'},
        {"usage-selector-matching", required_argument, NULL, 'u'},
        TOOL_COMMON_OPTIONS,
    };
    struct publish publish = {
        .tool = tool,
        .form = tlsa_own_key,
        .ttl_s = PUBLISHER_TTL_S,
        .ns_port = HOST_DNS_PORT,
    };
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        int code = take_option(&publish, option);
        if (code != TOOL_DONE)
            return code;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    int code = take_words(&publish, argc - optind, argv + optind);
    return code == TOOL_DONE ? publish_all(&publish) : code;
}

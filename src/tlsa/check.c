/* tsigate-tlsa check: whether DANE holds for live services, and for how long. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/type.h"
#include "tlsa/probe.h"
#include "tlsa/route.h"
#include "tlsa/target.h"
#include "tlsa/tool.h"

#define FINDINGS_MAX  64
#define ADDRESSES_MAX 16
/* certbot renews 30 days before the end: with a week left nobody does. */
#define WARN_HOURS 168

enum found { FOUND_GOOD = 0, FOUND_WARNING, FOUND_FAILURE, FOUND_UNKNOWN };

struct finding {
    enum found severity;
    const char *text; /* the arena's */
};

struct rrset {
    struct rdata records[PROBE_RECORDS];
    size_t count;
};

struct check {
    struct tool *tool;
    struct authority authority;
    struct targets targets;
    const char *resolver;
    const char *ca_file;
    uint16_t ns_port;
    bool is_monitor;
    size_t totals[4]; /* services, by enum found */
    int64_t hours_left;
    const struct target *target; /* in hand, and what is found: */
    struct finding findings[FINDINGS_MAX];
    size_t finding_count;
    struct rrset rrset;
    bool matches[PROBE_RECORDS];
    bool has_hours;
    int64_t target_hours;
};

PRINTF(3, 4)
static void find(struct check *check, enum found severity, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (check->finding_count == FINDINGS_MAX)
        check->finding_count--; /* the last says enough */
    const char *copy = arena_string(&check->tool->arena, text);
    check->findings[check->finding_count++] =
        (struct finding){severity, copy != NULL ? copy : "out of memory"};
}

/* Failure is worse than not knowing: what fails, fails. */
static enum found verdict(const struct check *check)
{
    static const int weight[] = {0, 1, 3, 2};
    enum found worst = FOUND_GOOD;
    for (size_t i = 0; i < check->finding_count; i++) {
        if (weight[check->findings[i].severity] > weight[worst])
            worst = check->findings[i].severity;
    }
    return worst;
}

static const char *ask(struct check *check, const struct addr *server, struct name name,
                       uint16_t type, uint16_t flags, struct wire_msg *out)
{
    const struct dns_client_key none = {.hmac = NULL};
    struct dns_client *client = check->authority.client;
    const char *wrong = dns_client_open(client, server, none);
    if (wrong == NULL)
        wrong = dns_client_ask(client, name, type, flags, out);
    dns_client_close(client);
    if (wrong == NULL && out->header.rcode != RCODE_NOERROR &&
        out->header.rcode != RCODE_NXDOMAIN)
        wrong = rcode_name(out->header.rcode);
    return wrong;
}

/* ---- what the name servers serve ---- */

static int compare_records(const void *a, const void *b)
{
    const struct rdata *left = a;
    const struct rdata *right = b;
    if (left->len != right->len)
        return left->len < right->len ? -1 : 1;
    return memcmp(left->octets, right->octets, left->len);
}

static bool read_rrset(struct check *check, const struct wire_msg *msg,
                       struct rrset *out)
{
    size_t at = msg->section_at[SECTION_PREREQUISITE];
    out->count = 0;
    for (size_t i = 0; i < msg->header.counts[SECTION_PREREQUISITE]; i++) {
        struct wire_rr rr;
        struct name_buf owner;
        wire_next(msg, SECTION_PREREQUISITE, &at, &rr);
        wire_owner(msg, &rr, &owner);
        if (rr.type != TYPE_TLSA || rr.class != CLASS_IN ||
            !name_equal(name_of(&owner), check->authority.target))
            continue;
        if (out->count == PROBE_RECORDS ||
            rdata_decode(msg, &rr, &check->tool->arena, &out->records[out->count]) !=
                RES_OK)
            return false;
        out->count++;
    }
    qsort(out->records, out->count, sizeof out->records[0], compare_records);
    return true;
}

static bool is_same(const struct rrset *a, const struct rrset *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (compare_records(&a->records[i], &b->records[i]) != 0)
            return false;
    }
    return true;
}

/* What one address serves. The first answer is what the others are held against. */
static void ask_address(struct check *check, const char *server,
                        const struct addr *address, size_t *answers)
{
    struct rrset rrset;
    struct wire_msg msg;
    char text[ADDR_TEXT_OCTETS];
    addr_format(address, text);
    const char *wrong =
        ask(check, address, check->authority.target, TYPE_TLSA, 0, &msg);
    if (wrong != NULL)
        find(check, FOUND_UNKNOWN, "name server %s (%s): %s", server, text, wrong);
    else if ((msg.header.flags & FLAG_AA) == 0)
        find(check, FOUND_FAILURE, "name server %s (%s) is not authoritative", server,
             text);
    else if (!read_rrset(check, &msg, &rrset))
        find(check, FOUND_FAILURE, "name server %s (%s): TLSA that cannot be read",
             server, text);
    else if ((*answers)++ == 0)
        check->rrset = rrset;
    else if (!is_same(&rrset, &check->rrset))
        find(check, FOUND_FAILURE,
             "name servers disagree: %s (%s) has %zu TLSA, not the same %zu as the "
             "first",
             server, text, rrset.count, check->rrset.count);
}

static bool ask_authorities(struct check *check, struct name owner)
{
    const struct authority *authority = &check->authority;
    size_t answers = 0;
    size_t before = check->finding_count;
    for (size_t i = 0; i < authority->count; i++) {
        const struct authority_server *server = &authority->servers[i];
        const char *name = tool_name_text(check->tool, server->name);
        for (size_t k = 0; k < server->count; k++)
            ask_address(check, name, &server->addresses[k], &answers);
    }
    if (answers == 0)
        return false;
    if (check->rrset.count == 0)
        find(check, FOUND_FAILURE, "no TLSA at %s",
             tool_name_text(check->tool, authority->target));
    else if (check->finding_count == before)
        find(check, FOUND_GOOD, "%zu TLSA at %s%s, the same at every name server (%zu)",
             check->rrset.count, tool_name_text(check->tool, authority->target),
             name_equal(owner, authority->target) ? "" : " (by CNAME)",
             authority->count);
    return check->rrset.count > 0;
}

/* Where a resolver was named it is held to validate: an answer without AD then means a
 * zone that is not signed, whose TLSA nobody believes (RFC 7671 9). Nor does anybody
 * look for TLSA at a host that an MX or SRV like that names (RFC 7672 2.2.1, RFC 7673
 * 3.1). */
static void judge_pointer(struct check *check)
{
    const struct target *target = check->target;
    if (check->resolver != NULL && target->pointer != NULL && !target->is_authenticated)
        find(check, FOUND_FAILURE,
             "not authenticated: that %s leads to this host (the resolver gives no AD)",
             target->pointer);
}

static void ask_validator(struct check *check, struct name owner)
{
    struct wire_msg msg;
    if (check->resolver == NULL)
        return;
    const char *wrong =
        authority_resolve(&check->authority, owner, TYPE_TLSA, FLAG_RD | FLAG_AD, &msg);
    if (wrong != NULL)
        find(check, FOUND_UNKNOWN, "resolver: %s", wrong);
    else if ((msg.header.flags & FLAG_AD) == 0)
        find(check, FOUND_FAILURE,
             "not authenticated: the resolver gives no AD (the zone is not signed, or "
             "the resolver does not validate)");
    else
        find(check, FOUND_GOOD, "authenticated by the resolver (AD)");
}

/* ---- the live service ---- */

static size_t find_addresses(struct check *check, struct addr *out)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    size_t count = 0;
    for (size_t t = 0; t < 2; t++) {
        struct wire_msg msg;
        size_t len = types[t] == TYPE_A ? 4 : 16;
        const char *wrong = authority_resolve(&check->authority, check->target->name,
                                              types[t], FLAG_RD, &msg);
        if (wrong != NULL) {
            find(check, FOUND_UNKNOWN, "resolver, asked for addresses: %s", wrong);
            continue;
        }
        size_t at = msg.section_at[SECTION_PREREQUISITE];
        for (size_t i = 0; i < msg.header.counts[SECTION_PREREQUISITE]; i++) {
            struct wire_rr rr;
            wire_next(&msg, SECTION_PREREQUISITE, &at, &rr);
            if (rr.type != types[t] || rr.rdata_len != len || count == ADDRESSES_MAX)
                continue;
            out[count] = (struct addr){.family = len == 4 ? 4 : 6,
                                       .port = check->target->service.port};
            memcpy(out[count++].octets, msg.octets + rr.rdata_at, len);
        }
    }
    return route_sort(out, count);
}

static void judge_expiry(struct check *check, const char *address, int64_t seconds_left)
{
    int64_t hours = seconds_left / 3600;
    if (!check->has_hours || hours < check->target_hours)
        check->target_hours = hours;
    check->has_hours = true;
    if (seconds_left <= 0)
        find(check, FOUND_FAILURE, "%s: the certificate expired %" PRId64 " hours ago",
             address, -hours);
    else if (hours < WARN_HOURS)
        find(check, FOUND_WARNING, "%s: the certificate expires in %" PRId64 " hours",
             address, hours);
}

static void probe_address(struct check *check, const char *host,
                          const struct addr *address)
{
    struct probe_outcome outcome;
    char text[ADDR_TEXT_OCTETS];
    const struct probe probe = {
        .address = *address,
        .host = host,
        .domain = check->target->domain,
        .starttls = check->target->starttls,
        .ca_file = check->ca_file,
        .records = check->rrset.records,
        .count = check->rrset.count,
    };
    probe_run(&probe, &check->tool->arena, &outcome);
    addr_format_port(address, text);
    if (outcome.view == PROBE_AWAY)
        find(check, FOUND_UNKNOWN, "%s: %s", text, outcome.why);
    else if (outcome.view == PROBE_FAILS)
        find(check, FOUND_FAILURE, "%s: DANE fails: %s", text, outcome.why);
    else
        find(check, FOUND_GOOD, "%s: DANE holds", text);
    if (outcome.has_certificate)
        judge_expiry(check, text, outcome.seconds_left);
    for (size_t i = 0; i < check->rrset.count; i++)
        check->matches[i] = check->matches[i] || outcome.matches[i];
}

/* A TLSA that fits nothing is right during a roll-over and forgotten at other times. */
static void judge_unmatched(struct check *check)
{
    for (size_t i = 0; i < check->rrset.count; i++) {
        const uint8_t *octets = check->rrset.records[i].octets;
        if (!check->matches[i])
            find(check, FOUND_WARNING,
                 "TLSA %u %u %u %02x%02x... matches no certificate of the service",
                 octets[0], octets[1], octets[2], octets[3],
                 check->rrset.records[i].len > 4 ? octets[4] : 0);
    }
}

static void probe_service(struct check *check)
{
    struct addr addresses[ADDRESSES_MAX];
    size_t count = find_addresses(check, addresses);
    char *host = arena_string(&check->tool->arena,
                              tool_name_text(check->tool, check->target->name));
    if (count == 0 || host == NULL) {
        find(check, FOUND_UNKNOWN, "the host has no address");
        return;
    }
    host[strlen(host) - 1] = '\0'; /* the final dot */
    for (size_t i = 0; i < count; i++)
        probe_address(check, host, &addresses[i]);
    if (check->has_hours)
        judge_unmatched(check);
}

static void check_target(struct check *check, const struct target *target)
{
    struct name_buf owner;
    check->target = target;
    check->finding_count = 0;
    check->has_hours = false;
    check->rrset.count = 0;
    memset(check->matches, 0, sizeof check->matches);
    judge_pointer(check);
    if (service_owner(&target->service, target->name, &owner) != RES_OK)
        find(check, FOUND_FAILURE, "the name is too long for a TLSA below it");
    else if (authority_find(&check->authority, name_of(&owner)) != TOOL_DONE)
        find(check, FOUND_UNKNOWN, "its name servers cannot be found");
    else {
        bool has_records = ask_authorities(check, name_of(&owner));
        ask_validator(check, name_of(&owner));
        if (has_records)
            probe_service(check);
    }
}

/* ---- output ---- */

static const char *severity_name(enum found severity)
{
    switch (severity) {
    case FOUND_GOOD:
        return "good";
    case FOUND_WARNING:
        return "warning";
    case FOUND_FAILURE:
        return "fails";
    case FOUND_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}

static void print_json(struct check *check, const char *host)
{
    struct json *json = &check->tool->json;
    const struct target *target = check->target;
    json_object_open(json, NULL);
    json_string(json, "host", host);
    json_number(json, "port", target->service.port);
    json_string(json, "starttls",
                target->starttls != NULL ? target->starttls->name : NULL);
    json_string(json, "verdict", severity_name(verdict(check)));
    if (check->has_hours)
        json_number(json, "hours_left", check->target_hours);
    else
        json_null(json, "hours_left");
    json_array_open(json, "findings");
    for (size_t i = 0; i < check->finding_count; i++) {
        json_object_open(json, NULL);
        json_string(json, "severity", severity_name(check->findings[i].severity));
        json_string(json, "text", check->findings[i].text);
        json_object_close(json);
    }
    json_array_close(json);
    json_object_close(json);
}

static void print_text(struct check *check, const char *host)
{
    struct writer *out = &check->tool->out;
    const struct target *target = check->target;
    writer_printf(out, "%s:%u%s%s: %s\n", host, target->service.port,
                  target->starttls != NULL ? " " : "",
                  target->starttls != NULL ? target->starttls->name : "",
                  severity_name(verdict(check)));
    for (size_t i = 0; i < check->finding_count; i++)
        writer_printf(out, "  %-8s %s\n", severity_name(check->findings[i].severity),
                      check->findings[i].text);
}

static void conclude_target(struct check *check)
{
    const char *host = tool_name_text(check->tool, check->target->name);
    bool is_first = check->hours_left == INT64_MAX;
    check->totals[verdict(check)]++;
    if (check->has_hours && (is_first || check->target_hours < check->hours_left))
        check->hours_left = check->target_hours;
    if (check->is_monitor)
        return;
    if (check->tool->is_json)
        print_json(check, host);
    else
        print_text(check, host);
}

/* The first bad thing of the worst service goes into the monitor's line. */
static const char *worst_text(const struct check *check, enum found worst)
{
    for (size_t i = 0; i < check->finding_count; i++) {
        if (check->findings[i].severity == worst)
            return check->findings[i].text;
    }
    return "";
}

static enum found overall(const struct check *check)
{
    if (check->totals[FOUND_FAILURE] > 0)
        return FOUND_FAILURE;
    if (check->totals[FOUND_UNKNOWN] > 0)
        return FOUND_UNKNOWN;
    return check->totals[FOUND_WARNING] > 0 ? FOUND_WARNING : FOUND_GOOD;
}

static int conclude_monitor(struct check *check, const char *what)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    enum found worst = overall(check); /* in the order of Nagios' exit codes */
    const size_t *totals = check->totals;
    writer_printf(&check->tool->out,
                  "DANE %s: %s%s%zu good, %zu warnings, %zu fail, "
                  "%zu unknown | good=%zu warning=%zu fails=%zu "
                  "unknown=%zu",
                  words[worst], what, what[0] != '\0' ? "; " : "", totals[0], totals[1],
                  totals[2], totals[3], totals[0], totals[1], totals[2], totals[3]);
    if (check->hours_left != INT64_MAX)
        writer_printf(&check->tool->out, " hours_left=%" PRId64, check->hours_left);
    writer_string(&check->tool->out, "\n");
    return tool_output_print(check->tool) == TOOL_DONE ? (int)worst : 3;
}

static int conclude(struct check *check)
{
    static const int codes[] = {TOOL_DONE, TOOL_DONE, TOOL_NO, TOOL_OUTSIDE};
    struct tool *tool = check->tool;
    if (tool->is_json) {
        json_array_close(&tool->json);
        json_object_close(&tool->json);
        writer_string(&tool->out, "\n");
    }
    int code = tool_output_print(tool);
    return code == TOOL_DONE ? codes[overall(check)] : code;
}

static int check_all(struct check *check)
{
    struct tool *tool = check->tool;
    const char *what = "";
    enum found worst = FOUND_GOOD;
    int code = tool_output_open(tool);
    if (code != TOOL_DONE)
        return code;
    if (tool->is_json && !check->is_monitor) {
        json_object_open(&tool->json, NULL);
        json_array_open(&tool->json, "services");
    }
    for (size_t i = 0; i < check->targets.count; i++) {
        check_target(check, &check->targets.array[i]);
        conclude_target(check);
        if (overall(check) != worst) {
            worst = overall(check);
            const char *copy = arena_printf(
                &tool->arena, "%s:%u: %s", tool_name_text(tool, check->target->name),
                check->target->service.port, worst_text(check, worst));
            what = copy != NULL ? copy : "";
        }
    }
    return check->is_monitor ? conclude_monitor(check, what) : conclude(check);
}

/* ---- options ---- */

struct wish {
    int option;
    const char *value;
};

static int set_option(struct check *check, int option)
{
    switch (option) {
    case 't':
        check->targets.starttls = starttls_find(optarg);
        if (check->targets.starttls == NULL)
            return tool_usage(check->tool, "--starttls \"%s\": expected one of %s",
                              optarg, starttls_names);
        return TOOL_DONE;
    case 'R':
        check->resolver = optarg;
        return TOOL_DONE;
    case 'A':
        check->ca_file = optarg;
        return TOOL_DONE;
    case 'M':
        check->is_monitor = true;
        return TOOL_DONE;
    default:
        return tool_ns_port(check->tool, optarg, &check->ns_port);
    }
}

static int add_wish(struct check *check, const struct wish *wish)
{
    switch (wish->option) {
    case 'm':
        return targets_add_mx(&check->targets, &check->authority, wish->value);
    case 'v':
        return targets_add_srv(&check->targets, &check->authority, wish->value);
    case 'f':
        return targets_add_file(&check->targets, wish->value);
    default:
        return targets_add_word(&check->targets, wish->value);
    }
}

/* Options first, in any order, then what they have a say in. */
static int prepare(struct check *check, const struct wish *wishes, size_t count,
                   char **words)
{
    struct tool *tool = check->tool;
    int code = authority_open(tool, check->resolver, check->ns_port, &check->authority);
    for (size_t i = 0; code == TOOL_DONE && i < count; i++)
        code = add_wish(check, &wishes[i]);
    for (; code == TOOL_DONE && *words != NULL; words++)
        code = targets_add_word(&check->targets, *words);
    if (code == TOOL_DONE && check->targets.count == 0)
        return tool_usage(tool, "check wants a service");
    return code;
}

int check_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"starttls", required_argument, NULL, 't'},
        {"mx", required_argument, NULL, 'm'},
        {"srv", required_argument, NULL, 'v'},
        {"file", required_argument, NULL, 'f'},
        {"resolver", required_argument, NULL, 'R'},
        {"ns-port", required_argument, NULL, 'N'},
        {"ca-file", required_argument, NULL, 'A'},
        {"monitor", no_argument, NULL, 'M'},
        TOOL_COMMON_OPTIONS,
    };
    struct wish wishes[32];
    size_t wish_count = 0;
    struct check *check = arena_alloc(&tool->arena, sizeof *check);
    if (check == NULL)
        return tool_no_memory();
    *check =
        (struct check){.tool = tool, .ns_port = HOST_DNS_PORT, .hours_left = INT64_MAX};
    int code = targets_open(tool, &check->targets);
    int option = TOOL_OPTION_END;
    while (code == TOOL_DONE &&
           (option = tool_option(tool, argc, argv, options)) >= 0) {
        bool is_wish = option == 'm' || option == 'v' || option == 'f';
        if (is_wish && wish_count == sizeof wishes / sizeof wishes[0])
            return tool_usage(tool, "too many --mx, --srv and --file");
        if (is_wish)
            wishes[wish_count++] = (struct wish){option, optarg};
        else
            code = set_option(check, option);
    }
    if (option == TOOL_OPTION_HELP)
        return TOOL_DONE;
    if (option == TOOL_OPTION_WRONG)
        return check->is_monitor ? 3 : TOOL_USAGE;
    if (code == TOOL_DONE)
        code = prepare(check, wishes, wish_count, argv + optind);
    if (code != TOOL_DONE)
        return check->is_monitor ? 3 : code; /* to Nagios, 1 and 2 are findings */
    return check_all(check);
}

#include "net/conf_check.h"

#include <ifaddrs.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/buf.h"
#include "net/conf.h"

static void write_machine_addresses(struct writer *w)
{
    struct ifaddrs *all = NULL;
    char text[ADDR_TEXT_OCTETS];

    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        struct addr addr = {0};
        if (i->ifa_addr != NULL)
            addr = addr_from_sockaddr(i->ifa_addr);
        bool is_link_local = addr.family == 6 && addr.octets[0] == 0xfe &&
                             (addr.octets[1] & 0xc0) == 0x80;
        if (addr.family != 0 && !is_link_local)
            writer_printf(w, "%s%s", w->len == 0 ? "" : ", ", addr_format(&addr, text));
    }
    freeifaddrs(all);
}

static void refuse_wildcard(const struct settings_endpoint *endpoint,
                            struct diags *diags)
{
    char addresses[1024];
    struct writer w = writer_of((uint8_t *)addresses, sizeof(addresses) - 1);
    char text[ADDR_TEXT_OCTETS];

    write_machine_addresses(&w);
    addresses[w.len] = '\0';
    diags_error(
        diags, endpoint->place, "wildcard-listen",
        "cannot listen on '%s': an answer has to leave from the address that was "
        "asked, so list the addresses; this machine has: %s",
        addr_format(&endpoint->addr, text), addresses);
}

static bool is_same_endpoint(const struct settings_endpoint *a,
                             const struct settings_endpoint *b)
{
    return a->addr.family != 0 && addr_equal(&a->addr, &b->addr) &&
           a->addr.port == b->addr.port;
}

static void check_listeners(const struct settings *settings, struct diags *diags)
{
    char text[ADDR_TEXT_OCTETS];

    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct settings_endpoint *endpoint = &settings->listen[i];
        if (addr_is_unspecified(&endpoint->addr))
            refuse_wildcard(endpoint, diags);
        for (size_t j = 0; j < i; j++)
            if (is_same_endpoint(endpoint, &settings->listen[j]))
                diags_error(diags, endpoint->place, "listen-twice",
                            "%s is listed twice",
                            addr_format_port(&endpoint->addr, text));
    }
}

/* U-10: an UPDATE that comes back to us would go round for ever. */
static void check_servers(const struct settings *settings, struct diags *diags)
{
    char text[ADDR_TEXT_OCTETS];

    for (size_t i = 0; i < settings->server_count; i++) {
        const struct settings_endpoint *server = &settings->servers[i];
        if (addr_is_unspecified(&server->addr))
            diags_error(diags, server->place, "bad-address", "'%s' is nobody's address",
                        addr_format(&server->addr, text));
        for (size_t j = 0; j < settings->listen_count; j++)
            if (is_same_endpoint(server, &settings->listen[j]))
                diags_error(diags, server->place, "upstream-is-listener",
                            "%s is a listener of this gateway itself",
                            addr_format_port(&server->addr, text));
    }
}

static void check_control(const struct settings *settings, struct diags *diags)
{
    size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

    if (settings->control != NULL && strlen(settings->control) > longest)
        diags_error(diags, settings->control_place, "out-of-range",
                    "'%s' is longer than the %zu octets of a socket's path",
                    settings->control, longest);
}

void conf_check(const struct settings *settings, struct diags *diags)
{
    check_control(settings, diags);
    check_listeners(settings, diags);
    check_servers(settings, diags);
}

enum result conf_want_daemon(const struct settings *settings, struct diags *diags)
{
    struct place place = {.file = settings->file};
    const struct {
        const char *name;
        bool is_there;
    } wanted[] = {
        {"listen", settings->listen_count > 0},
        {"upstream.servers", settings->server_count > 0},
        {"upstream.key", settings->upstream_key.octets != NULL},
        {"keys", settings->key_count > 0},
        {"acl", settings->acl_count > 0},
        {"zones", settings->zone_count > 0},
        {"audit.file", settings->audit_file != NULL},
    };
    enum result res = RES_OK;

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (wanted[i].is_there)
            continue;
        diags_error(diags, place, "setting-missing", "the daemon needs '%s'",
                    wanted[i].name);
        res = RES_EFORMAT;
    }
    return res;
}

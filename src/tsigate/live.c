#include "tsigate/live.h"

#include "dns/type.h"
#include "policy/lookup.h"

/* The first server of `upstream` that takes the connection. */
static int connect_any(struct live *live)
{
    const struct settings *settings = &live->tool->snapshot->settings;
    const struct dns_client_key key = {live->key->name, live->key->hmac};
    for (size_t i = 0; i < settings->server_count; i++) {
        char text[ADDR_TEXT_OCTETS];
        const struct addr *server = &settings->servers[i].addr;
        const char *wrong = dns_client_open(&live->client, server, key);
        if (wrong == NULL)
            return TOOL_DONE;
        tool_fail(TOOL_OUTSIDE, "primary %s: %s", addr_format_port(server, text),
                  wrong);
    }
    return TOOL_OUTSIDE;
}

int live_open(struct tool *tool, struct live **out)
{
    struct live *live = arena_alloc(&tool->arena, sizeof *live);
    *out = live;
    if (live == NULL)
        return tool_no_memory();
    live->tool = tool;
    live->key = &tool->snapshot->keyring.gateway;
    live->client.fd = -1;
    if (live->key->hmac == NULL)
        return tool_fail(TOOL_CONFIG, "the gateway's own key is in no key file");
    return connect_any(live);
}

void live_close(struct live *live)
{
    dns_client_close(&live->client);
}

const char *live_ask(struct live *live, struct name name, uint16_t type,
                     struct wire_msg *out)
{
    return dns_client_ask(&live->client, name, type, 0, out);
}

const char *live_more(struct live *live, struct wire_msg *out)
{
    return dns_client_more(&live->client, out);
}

int live_lookup(struct tool *tool, struct lookup *lookups, size_t count)
{
    struct live *live = NULL;
    int code = live_open(tool, &live);
    if (code != TOOL_DONE)
        return code;
    const char *wrong = NULL;
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        struct wire_msg msg;
        wrong = live_ask(live, lookups[i].original, TYPE_CNAME, &msg);
        if (wrong == NULL)
            lookups[i].answer = lookup_read(&msg, &lookups[i], &tool->arena);
    }
    live_close(live);
    if (wrong != NULL)
        return tool_fail(TOOL_OUTSIDE, "the primary: %s", wrong);
    return TOOL_DONE;
}

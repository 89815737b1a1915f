#include "tlsa/host.h"

#include <unistd.h>

#include "conf/file.h"
#include "conf/keyfile.h"
#include "net/conf_rules.h"

#define DEFAULT_CONF SYSCONFDIR "/host.conf"

/* ---- host.conf ---- */

struct said {
    const char *server;
    const char *key;
    struct place server_place;
};

static const struct conf_rule rules[] = {
    {"server", CONF_TEXT, .offset = offsetof(struct said, server),
     .place_offset = offsetof(struct said, server_place)},
    {"key", CONF_PATH, .offset = offsetof(struct said, key)},
    {0},
};

/* What the command line has said goes before it, and is all that is judged. */
static enum result take_settings(struct tool *tool)
{
    struct said said = {.server = NULL};
    struct addr server;
    struct conf_sources sources = {
        .main = tool->conf_file, .arena = &tool->arena, .diags = &tool->diags};
    enum result result = conf_rules_read(&sources, rules, &said);
    conf_sources_fini(&sources);
    if (result == RES_OK && tool->server == NULL && said.server != NULL &&
        addr_parse_port(said.server, HOST_DNS_PORT, &server) != RES_OK) {
        diags_error(&tool->diags, said.server_place, "",
                    "server \"%s\": expected ADDR[:PORT]", said.server);
        result = RES_EFORMAT;
    }
    tool->server = tool->server != NULL ? tool->server : said.server;
    tool->key_file = tool->key_file != NULL ? tool->key_file : said.key;
    return result;
}

static int read_conf(struct tool *tool)
{
    bool is_default = tool->conf_file == NULL;
    if (is_default && access(DEFAULT_CONF, F_OK) != 0)
        return TOOL_DONE;
    if (is_default)
        tool->conf_file = DEFAULT_CONF;
    enum result result = take_settings(tool);
    if (result == RES_EMEM)
        return tool_no_memory();
    return result == RES_OK ? TOOL_DONE : tool_fail_diags(tool, TOOL_CONFIG);
}

/* ---- the key ---- */

static int take_key(struct tool *tool, const struct keyfile_key *key, struct host *out)
{
    if (key == NULL || key->next != NULL)
        return tool_fail(TOOL_CONFIG, "%s: expected one key", tool->key_file);
    out->key.name = key->name;
    if (hmac_new(key->algorithm, &key->secret, &out->key.hmac) != RES_OK)
        return tool_fail(TOOL_CONFIG, "%s: the key cannot be used", tool->key_file);
    return TOOL_DONE;
}

/* Weak algorithms are the server's to refuse. */
static int read_key(struct tool *tool, struct host *out)
{
    struct file_text text;
    struct keyfile_key *keys = NULL;
    const struct place place = {.file = NULL};
    enum result result = file_read_secret(tool->key_file, LIMIT_KEY_FILE_OCTETS,
                                          geteuid(), place, &tool->diags, &text);
    if (result == RES_OK)
        result = keyfile_parse(tool->key_file, text.chars, text.len, true, &tool->arena,
                               &tool->diags, &keys);
    file_text_free(&text);
    int code = result == RES_OK ? take_key(tool, keys, out)
                                : tool_fail_diags(tool, TOOL_CONFIG);
    keyfile_keys_free(&keys);
    return code;
}

/* ---- public ---- */

int host_open(struct tool *tool, struct host *out)
{
    *out = (struct host){0};
    int code = read_conf(tool);
    if (code != TOOL_DONE)
        return code;
    if (tool->server == NULL)
        return tool_usage(tool, "no server: --server ADDR[:PORT], or `server` in %s",
                          tool->conf_file != NULL ? tool->conf_file : DEFAULT_CONF);
    if (addr_parse_port(tool->server, HOST_DNS_PORT, &out->server) != RES_OK)
        return tool_usage(tool, "server \"%s\": expected ADDR[:PORT]", tool->server);
    return tool->key_file != NULL ? read_key(tool, out) : TOOL_DONE;
}

void host_close(struct host *host)
{
    if (host->key.hmac != NULL)
        hmac_free(&host->key.hmac);
}

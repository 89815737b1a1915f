#include "tlsa/host.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/file.h"
#include "conf/keyfile.h"

#define DEFAULT_CONF SYSCONFDIR "/host.conf"

/* ---- host.conf ---- */

/* A setting that the command line has not said already; a key's path starts at the
 * file's folder. */
static bool take_setting(struct tool *tool, const config_setting_t *setting)
{
    const char *name = config_setting_name(setting);
    const char *value = config_setting_get_string(setting);
    bool is_server = strcmp(name, "server") == 0;
    struct place place = {.file = tool->conf_file,
                          .line = config_setting_source_line(setting)};
    if (!is_server && strcmp(name, "key") != 0) {
        diags_error(&tool->diags, place, "",
                    "unknown setting \"%s\": expected server, key", name);
        return false;
    }
    if (value == NULL) {
        diags_error(&tool->diags, place, "", "%s wants a text in quotes", name);
        return false;
    }
    struct addr server;
    if (is_server && tool->server == NULL) {
        if (addr_parse_port(value, HOST_DNS_PORT, &server) != RES_OK) {
            diags_error(&tool->diags, place, "", "server \"%s\": expected ADDR[:PORT]",
                        value);
            return false;
        }
        tool->server = arena_string(&tool->arena, value);
    }
    if (!is_server && tool->key_file == NULL)
        tool->key_file = file_path_from(tool->conf_file, value, &tool->arena);
    return true;
}

static bool take_settings(struct tool *tool, const char *text)
{
    config_t config;
    config_init(&config);
    bool is_right = config_read_string(&config, text) == CONFIG_TRUE;
    if (!is_right) {
        struct place place = {.file = tool->conf_file,
                              .line = (unsigned)config_error_line(&config)};
        diags_error(&tool->diags, place, "", "%s", config_error_text(&config));
    }
    const config_setting_t *root = config_root_setting(&config);
    for (int i = 0; is_right && i < config_setting_length(root); i++)
        is_right = take_setting(tool, config_setting_get_elem(root, (unsigned)i));
    config_destroy(&config);
    return is_right;
}

static int read_conf(struct tool *tool)
{
    struct file_text text;
    const struct place place = {.file = NULL};
    bool is_default = tool->conf_file == NULL;
    if (is_default && access(DEFAULT_CONF, F_OK) != 0)
        return TOOL_DONE;
    if (is_default)
        tool->conf_file = DEFAULT_CONF;
    bool is_right = file_read(tool->conf_file, LIMIT_CONF_FILE_OCTETS, place,
                              &tool->diags, &text) == RES_OK &&
                    take_settings(tool, text.chars);
    file_text_free(&text);
    return is_right ? TOOL_DONE : tool_fail_diags(tool, TOOL_CONFIG);
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

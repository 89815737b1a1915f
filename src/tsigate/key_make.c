#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "conf/file.h"
#include "tsigate/key.h"
#include "tsigate/private_file.h"

/* A value like that of a challenge (A-17). */
#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

#define DNS_PORT 53

/* ---- what it will be ---- */

#define PLAIN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

/* Such a name stands in files, paths and commands as it is. */
static bool is_plain(const char *text)
{
    return text[0] != '\0' && strspn(text, PLAIN_CHARS) == strlen(text);
}

static bool is_plain_path(const char *text)
{
    return text[0] != '\0' && strspn(text, PLAIN_CHARS "/") == strlen(text);
}

static int plan_names(struct tool *tool, const char *host, const char *key,
                      struct key_plan *plan)
{
    plan->host = tool_name(tool, host);
    if (plan->host.octets == NULL)
        return TOOL_USAGE;
    plan->key = tool_name(tool, key);
    if (plan->key.octets == NULL)
        return TOOL_USAGE;
    plan->host_text = tool_name_text(tool, plan->host);
    plan->key_text = tool_name_text(tool, plan->key);
    const char *odd = !is_plain(plan->host_text)  ? plan->host_text
                      : !is_plain(plan->key_text) ? plan->key_text
                                                  : NULL;
    if (odd != NULL || name_is_root(plan->host) || name_is_root(plan->key))
        return tool_usage(tool, "\"%s\": only letters, digits, hyphens and underscores",
                          odd != NULL ? odd : ".");
    return TOOL_DONE;
}

static int plan_algorithm(struct tool *tool, const struct key_request *request,
                          struct key_plan *plan)
{
    const char *text = request->algorithm != NULL ? request->algorithm : "hmac-sha256";
    if (hmac_algorithm_from_text(text, &plan->algorithm) != RES_OK)
        return tool_usage(tool, "\"%s\": hmac-sha256, hmac-sha384 or hmac-sha512",
                          text);
    if (hmac_algorithm_is_weak(plan->algorithm) &&
        !tool->snapshot->settings.weak_algorithms)
        return tool_usage(tool, "\"%s\": only with weak_algorithms = true", text);
    return TOOL_DONE;
}

static int plan_client(struct tool *tool, const struct key_request *request,
                       struct key_plan *plan)
{
    plan->client_file = request->client_file;
    plan->shows_secret = request->shows_secret;
    if (plan->shows_secret && tool->is_json)
        return tool_usage(tool, "--show-secret and --json: JSON never holds a secret");
    if (request->client == NULL)
        return TOOL_DONE;
    plan->client = key_client_find(request->client);
    if (plan->client == NULL)
        return tool_usage(tool, "--for \"%s\": expected one of %s", request->client,
                          key_client_names());
    if (!key_client_takes(plan->client, plan->algorithm))
        return tool_usage(tool, "%s does not know %s", plan->client->name,
                          hmac_algorithm_text(plan->algorithm));
    if (plan->client->file != NULL && plan->client_file == NULL && !plan->shows_secret)
        return tool_usage(tool,
                          "%s has the secret in a file of its own: --client-file FILE "
                          "writes it, --show-secret prints it",
                          plan->client->name);
    return TOOL_DONE;
}

static int plan_server(struct tool *tool, const struct key_request *request,
                       struct key_plan *plan)
{
    const struct settings *settings = &tool->snapshot->settings;
    if (request->server != NULL) {
        if (addr_parse_port(request->server, DNS_PORT, &plan->server) != RES_OK)
            return tool_usage(tool, "--server \"%s\": no ADDR[:PORT]", request->server);
        return TOOL_DONE;
    }
    if (settings->listen_count == 0)
        return tool_usage(tool,
                          "%s has no `listen`: --server ADDR[:PORT] says where "
                          "the clients find the gateway",
                          tool->conf_file);
    plan->server = settings->listen[0].addr;
    return TOOL_DONE;
}

/* From the root on, so that one file has one spelling; links stay links. */
static const char *absolute(struct tool *tool, const char *path)
{
    char *here = get_current_dir_name();
    const char *base = here != NULL ? arena_printf(&tool->arena, "%s/", here) : NULL;
    free(here);
    return base != NULL ? file_path_from(base, path, &tool->arena) : NULL;
}

bool key_path_is_read(struct tool *tool, const char *path)
{
    const struct settings *settings = &tool->snapshot->settings;
    const char *whole = absolute(tool, path);
    for (size_t i = 0; whole != NULL && i < settings->key_count; i++) {
        const char *pattern =
            file_path_from(settings->file, settings->keys[i].text, &tool->arena);
        pattern = pattern != NULL ? absolute(tool, pattern) : NULL;
        if (pattern != NULL && fnmatch(pattern, whole, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    }
    return false;
}

/* The first pattern whose one star stands in the last part of the path takes the key's
 * name there: keys/NAME.key for keys/(star).key. */
static const char *default_path(struct tool *tool, const char *key)
{
    const struct settings *settings = &tool->snapshot->settings;
    for (size_t i = 0; i < settings->key_count; i++) {
        const char *pattern =
            file_path_from(settings->file, settings->keys[i].text, &tool->arena);
        const char *star = pattern != NULL ? strpbrk(pattern, "*?[") : NULL;
        if (star != NULL && *star == '*' && strpbrk(star + 1, "*?[/") == NULL)
            return arena_printf(&tool->arena, "%.*s%s%s", (int)(star - pattern),
                                pattern, key, star + 1);
    }
    return NULL;
}

static int plan_file(struct tool *tool, const struct key_request *request,
                     struct key_plan *plan)
{
    plan->path =
        request->file != NULL ? request->file : default_path(tool, plan->key_text);
    if (plan->path == NULL)
        return tool_usage(tool, "no pattern of `keys` says how key files are named: "
                                "--file FILE");
    if (!key_path_is_read(tool, plan->path))
        fprintf(stderr,
                "tsigate: %s: no pattern of `keys` in %s matches it: tsigated will not "
                "read it\n",
                plan->path, tool->conf_file);
    return TOOL_DONE;
}

static int refuse_known(struct tool *tool, const struct key_plan *plan)
{
    const struct keyring *ring = &tool->snapshot->keyring;
    const struct key *known = keyring_find(ring, plan->key);
    if (known == NULL && ring->gateway.hmac != NULL &&
        name_equal(ring->gateway.name, plan->key))
        known = &ring->gateway;
    /* Of the host's own name: somebody wants a new one. Else it is only the name. */
    const char *remedy =
        name_equal(plan->key, plan->host)
            ? arena_printf(&tool->arena,
                           "tsigate key rotate %s gives the host a second one",
                           plan->host_text)
            : "--name KEY calls the new one otherwise";
    if (known != NULL)
        return tool_fail(TOOL_NO, "key %s is there already (%s:%u): %s", plan->key_text,
                         known->place.file, known->place.line,
                         remedy != NULL ? remedy : "");
    struct acl_credential claim = acl_credential_of(&tool->snapshot->acl, plan->key);
    if (claim.host == NULL || name_equal(claim.host->name, plan->host))
        return TOOL_DONE;
    struct place place = acl_credential_place(&tool->snapshot->acl, claim);
    return tool_fail(TOOL_NO, "key %s is host %s's (%s:%u)", plan->key_text,
                     tool_name_text(tool, claim.host->name), place.file, place.line);
}

int key_plan_make(struct tool *tool, const struct key_request *request,
                  const char *key_text, struct key_plan *out)
{
    *out = (struct key_plan){.server = {.port = DNS_PORT}};
    const char *key = request->name != NULL ? request->name : key_text;
    int code = plan_names(tool, request->word, key, out);
    if (code == TOOL_DONE)
        code = plan_algorithm(tool, request, out);
    if (code == TOOL_DONE)
        code = plan_client(tool, request, out);
    if (code == TOOL_DONE)
        code = plan_server(tool, request, out);
    if (code == TOOL_DONE)
        code = refuse_known(tool, out);
    return code == TOOL_DONE ? plan_file(tool, request, out) : code;
}

/* ---- secret and files ---- */

/* As many octets as the digest has: RFC 2104 3 finds more of little use. */
static enum result make_secret(struct key_plan *plan)
{
    static const uint8_t nothing[LIMIT_MAC_OCTETS];
    size_t len = hmac_algorithm_len(plan->algorithm);
    struct secret secret = {0};
    enum result result = secret_from_octets(nothing, len, &secret);
    if (result != RES_OK)
        return result;
    ssize_t got;
    do
        got = getrandom(secret.octets, len, 0);
    while (got < 0 && errno == EINTR);
    result = got == (ssize_t)len ? secret_to_base64(&secret, &plan->text) : RES_EIO;
    secret_free(&secret);
    return result;
}

/* tsigated reads key files as `user`, who has to own what nobody else may read. */
static int give_to_daemon(struct tool *tool, const struct private_file *file)
{
    const char *user = tool->snapshot->settings.user;
    const struct passwd *entry = user != NULL ? getpwnam(user) : NULL;
    if (user == NULL || (entry != NULL && entry->pw_uid == geteuid()))
        return TOOL_DONE;
    if (entry == NULL)
        return tool_fail(TOOL_CONFIG, "there is no user %s (`user` of %s)", user,
                         tool->conf_file);
    if (geteuid() != 0) {
        fprintf(stderr, "tsigate: chown %s %s, or tsigated cannot read it\n", user,
                file->path);
        return TOOL_DONE;
    }
    if (fchown(file->fd, entry->pw_uid, entry->pw_gid) != 0)
        return tool_fail_errno(file->path);
    return TOOL_DONE;
}

static int tell_file(const char *path, enum result result)
{
    switch (result) {
    case RES_EEXISTS:
        return tool_fail(TOOL_NO, "%s: it is there already, and nothing is overwritten",
                         path);
    case RES_EMEM:
        return tool_no_memory();
    default:
        return tool_fail_errno(path);
    }
}

static const char *spell(struct tool *tool, enum hmac_algorithm algorithm,
                         enum key_spelling spelling)
{
    char *text = arena_string(&tool->arena, hmac_algorithm_text(algorithm));
    if (text == NULL || spelling == KEY_SPELLING_LOWER)
        return text;
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '-' && spelling == KEY_SPELLING_COMPACT)
            continue;
        *to++ = *from >= 'a' && *from <= 'z' ? (char)(*from - 'a' + 'A') : *from;
    }
    *to = '\0';
    return text;
}

/* As a shell takes it for one word. */
static const char *shell_word(struct tool *tool, const char *text)
{
    if (is_plain_path(text))
        return text;
    size_t len = 0;
    char *quoted = arena_alloc(&tool->arena, 4 * strlen(text) + sizeof "''");
    if (quoted == NULL)
        return "?";
    quoted[len++] = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            memcpy(quoted + len, "'\\'", 3); /* out of the quotes and in again */
            len += 3;
        }
        quoted[len++] = *text;
    }
    quoted[len++] = '\'';
    quoted[len] = '\0';
    return quoted;
}

#define WORDS 12

/* A word without text has not been filled in: NULL stands for the secret. */
struct words {
    struct private_word all[WORDS + 1];
    size_t count;
};

static void add_word(struct words *words, const char *word, const char *text)
{
    words->all[words->count++] =
        (struct private_word){.word = word, .text = text != NULL ? text : "?"};
}

/* How the host calls the file with the secret. */
static const char *place_of(struct tool *tool, const struct key_plan *plan)
{
    const struct key_client *client = plan->client;
    if (client == NULL)
        return arena_printf(&tool->arena, "/etc/tsigate/%s.key", plan->key_text);
    if (client->is_local && plan->client_file != NULL)
        return plan->client_file;
    if (strstr(client->place, "@key@") == NULL)
        return client->place;
    size_t before = (size_t)(strstr(client->place, "@key@") - client->place);
    return arena_printf(&tool->arena, "%.*s%s%s", (int)before, client->place,
                        plan->key_text, client->place + before + strlen("@key@"));
}

static struct words words_of(struct tool *tool, const struct key_plan *plan,
                             enum key_spelling spelling)
{
    struct words words = {.count = 0};
    struct arena *arena = &tool->arena;
    char text[ADDR_TEXT_OCTETS];
    const struct zone *zone = zones_find(&tool->snapshot->zones, plan->host);
    add_word(&words, "host", plan->host_text);
    add_word(&words, "key", plan->key_text);
    add_word(&words, "zone", zone != NULL ? tool_name_text(tool, zone->name) : "ZONE");
    add_word(&words, "challenge",
             arena_printf(arena, "_acme-challenge.%s", plan->host_text));
    add_word(&words, "token", TOKEN);
    add_word(&words, "algorithm", spell(tool, plan->algorithm, spelling));
    add_word(&words, "address", arena_string(arena, addr_format(&plan->server, text)));
    add_word(&words, "port", arena_printf(arena, "%u", plan->server.port));
    add_word(&words, "endpoint",
             arena_string(arena, addr_format_port(&plan->server, text)));
    add_word(&words, "place", shell_word(tool, place_of(tool, plan)));
    return words;
}

/* The same, and the secret. */
static struct words secret_words(struct tool *tool, const struct key_plan *plan,
                                 enum key_spelling spelling)
{
    struct words words = words_of(tool, plan, spelling);
    words.all[words.count++] =
        (struct private_word){.word = "secret", .secret = &plan->text};
    return words;
}

static const char *client_template(const struct key_plan *plan)
{
    return plan->client != NULL && plan->client->file != NULL ? plan->client->file
                                                              : key_file_template;
}

static enum key_spelling client_spelling(const struct key_plan *plan)
{
    return plan->client != NULL ? plan->client->spelling : KEY_SPELLING_LOWER;
}

static int write_file(struct tool *tool, const char *path, const char *template,
                      const struct words *words, bool is_daemons)
{
    struct private_file file;
    enum result result = private_file_open(&file, path, &tool->arena);
    if (result != RES_OK)
        return tell_file(path, result);
    int code = is_daemons ? give_to_daemon(tool, &file) : TOOL_DONE;
    if (code == TOOL_DONE) {
        result = private_write(file.fd, template, words->all);
        if (result == RES_OK)
            result = private_file_commit(&file);
        code = result == RES_OK ? TOOL_DONE : tell_file(path, result);
    }
    private_file_abort(&file);
    return code;
}

int key_make(struct tool *tool, struct key_plan *plan)
{
    if (make_secret(plan) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "no random secret to be had: %s",
                         strerror(errno));
    struct words words = secret_words(tool, plan, KEY_SPELLING_LOWER);
    int code = write_file(tool, plan->path, key_file_template, &words, true);
    if (code != TOOL_DONE || plan->client_file == NULL)
        return code;
    words = secret_words(tool, plan, client_spelling(plan));
    code = write_file(tool, plan->client_file, client_template(plan), &words, false);
    if (code != TOOL_DONE)
        (void)unlink(plan->path);
    return code;
}

void key_unmake(const struct key_plan *plan)
{
    (void)unlink(plan->path);
    if (plan->client_file != NULL)
        (void)unlink(plan->client_file);
}

void key_plan_fini(struct key_plan *plan)
{
    if (plan->text.octets != NULL)
        secret_free(&plan->text);
}

/* ---- what to do next ---- */

const char *key_command(struct tool *tool, const char *verb, const char *words)
{
    bool is_default = strcmp(tool->conf_file, SYSCONFDIR "/tsigate.conf") == 0;
    const char *text =
        arena_printf(&tool->arena, "tsigate %s%s%s%s%s", verb, is_default ? "" : " -c ",
                     is_default ? "" : shell_word(tool, tool->conf_file),
                     words[0] != '\0' ? " " : "", words);
    return text != NULL ? text : "tsigate";
}

/* To stdout, past stdio: in order with what went through it. */
static int print_template(const char *template, const struct words *words)
{
    if (fflush(stdout) != 0 ||
        private_write(STDOUT_FILENO, template, words->all) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "stdout: %s", strerror(errno));
    return TOOL_DONE;
}

static int print_secret(struct tool *tool, const struct key_plan *plan)
{
    struct words words = secret_words(tool, plan, client_spelling(plan));
    printf("install -m 0600 /dev/stdin %s <<'END'\n", place_of(tool, plan));
    int code = print_template(client_template(plan), &words);
    puts("END");
    return code;
}

static void print_copy(const char *host, const char *from, const char *place)
{
    const char *slash = strrchr(place, '/');
    int folder = slash != NULL ? (int)(slash - place) : 0;
    printf("ssh root@%s mkdir -p %.*s\n", host, folder, place);
    printf("scp -p %s root@%s:%s\n", from, host, place);
}

static int print_host_steps(struct tool *tool, const struct key_plan *plan)
{
    const struct key_client *client = plan->client;
    const char *from = plan->client_file != NULL ? plan->client_file : plan->path;
    bool is_local = client != NULL && client->is_local;
    if (!is_local && !plan->shows_secret) {
        puts("\n# To the host, by a way on which nobody reads along:");
        print_copy(plan->host_text, shell_word(tool, from), place_of(tool, plan));
        if (plan->client_file != NULL)
            printf("rm %s\n", shell_word(tool, plan->client_file));
    }
    if (client == NULL && !plan->shows_secret)
        return TOOL_DONE;
    if (is_local)
        puts("\n# Where kubectl is:");
    else
        printf("\n# On %s:\n", plan->host_text);
    int code = plan->shows_secret ? print_secret(tool, plan) : TOOL_DONE;
    if (client == NULL || code != TOOL_DONE)
        return code;
    struct words words = words_of(tool, plan, client->spelling);
    return print_template(client->script, &words);
}

static int print_json(struct tool *tool, const struct key_plan *plan)
{
    char text[ADDR_TEXT_OCTETS];
    struct tool_page *page = tool_page_new(tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct json *json = &page->json;
    json_object_open(json, NULL);
    json_string(json, "key", plan->key_text);
    json_string(json, "host", plan->host_text);
    json_string(json, "algorithm", hmac_algorithm_text(plan->algorithm));
    json_string(json, "file", plan->path);
    json_string(json, "server", addr_format_port(&plan->server, text));
    json_string(json, "client", plan->client != NULL ? plan->client->name : NULL);
    json_string(json, "client_file", plan->client_file);
    json_string(json, "place", place_of(tool, plan));
    json_object_close(json);
    return tool_page_print(page);
}

int key_hand_over(struct tool *tool, const struct key_plan *plan, const char *here)
{
    if (tool->is_json)
        return print_json(tool, plan);
    printf("# Key %s (%s) is in %s.\n", plan->key_text,
           hmac_algorithm_text(plan->algorithm), plan->path);
    if (addr_is_loopback(&plan->server))
        puts("# The gateway's address is one that only this machine reaches: "
             "--server says another.");
    fputs(here, stdout);
    return print_host_steps(tool, plan);
}

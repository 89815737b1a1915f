/* tsigate key retire: a key goes from the ACL, and its file out of the way. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "conf/file.h"
#include "tsigate/daemon.h"
#include "tsigate/key.h"
#include "tsigate/key_use.h"

#define DAY_S 86400

struct retiring {
    struct tool *tool;
    const struct key_request *request;
    struct name name;
    const char *text;
    const struct key *key;            /* NULL: no file holds it */
    struct acl_credential credential; /* a `key` line names it, or its host's name does;
                                         without a host: no host has it */
    const char *retired;              /* where the file goes; NULL: there is none */
};

/* ---- which key ---- */

static int find_key(struct retiring *r)
{
    const struct snapshot *snapshot = r->tool->snapshot;
    const struct key *gateway = &snapshot->keyring.gateway;
    r->name = tool_name(r->tool, r->request->word);
    if (r->name.octets == NULL)
        return TOOL_USAGE;
    r->text = tool_name_text(r->tool, r->name);
    if (gateway->hmac != NULL && name_equal(gateway->name, r->name))
        return tool_fail(TOOL_NO, "%s is the gateway's own key", r->text);
    r->key = keyring_find(&snapshot->keyring, r->name);
    r->credential = acl_credential_of(&snapshot->acl, r->name);
    if (r->key == NULL && r->credential.host == NULL)
        return tool_fail(TOOL_NO, "there is no key %s (see tsigate key list)", r->text);
    if (r->key == NULL && r->credential.line == NULL)
        return tool_fail(TOOL_NO, "key %s has neither a file nor a line in the ACL",
                         r->text);
    return TOOL_DONE;
}

/* ---- whether it may go ---- */

/* Whether the host has another key that it can sign with now. */
static bool has_another(const struct retiring *r)
{
    struct acl_credential other = acl_credential_first(r->credential.host);
    do {
        if (other.line != r->credential.line &&
            acl_credential_is_valid(other, r->tool->now_s) &&
            keyring_find(&r->tool->snapshot->keyring, acl_credential_name(other)) !=
                NULL)
            return true;
    } while (acl_credential_next(&other));
    return false;
}

static int refuse_last(const struct retiring *r)
{
    if (r->credential.host == NULL || has_another(r))
        return TOOL_DONE;
    return tool_fail(TOOL_NO,
                     "host %s has no other key to sign with now: tsigate key rotate "
                     "gives it one, --force leaves it without",
                     tool_name_text(r->tool, r->credential.host->name));
}

/* Not to know is no reason to believe that nobody uses it. */
static int refuse_used(const struct retiring *r)
{
    char time[TIMESTAMP_TEXT_OCTETS];
    struct key_uses uses;
    int64_t since_s = r->tool->now_s - (int64_t)r->request->days * DAY_S;
    int code = TOOL_DONE;
    if (r->credential.host != NULL &&
        !acl_credential_is_valid(r->credential, r->tool->now_s))
        return TOOL_DONE; /* nobody can use it */
    if (key_uses_ask(r->tool, &uses) != RES_OK)
        code = tool_no_memory();
    const int64_t *last = code == TOOL_DONE ? key_uses_last(&uses, r->text) : NULL;
    if (code == TOOL_DONE && !uses.is_known)
        code = tool_fail(TOOL_NO, "key %s may be in use: --force retires it anyway",
                         r->text);
    else if (last != NULL && *last >= since_s)
        code = tool_fail(TOOL_NO,
                         "key %s was last used at %s, within %u days: --force retires "
                         "it anyway",
                         r->text, timestamp_format(*last, time), r->request->days);
    else if (code == TOOL_DONE && last == NULL && uses.since_s > since_s)
        code =
            tool_fail(TOOL_NO,
                      "key %s may have been used within %u days: the gateway "
                      "remembers only what was since %s; --days N asks for less, "
                      "--force retires it anyway",
                      r->text, r->request->days, timestamp_format(uses.since_s, time));
    key_uses_fini(&uses);
    return code;
}

/* ---- the key file ---- */

static size_t keys_in(const struct snapshot *snapshot, const char *file)
{
    const struct keyring *ring = &snapshot->keyring;
    size_t count = 0;
    for (size_t i = 0; i < ring->keys.count; i++)
        count += strcmp(keyring_key(ring, i)->place.file, file) == 0;
    return count +
           (ring->gateway.hmac != NULL && strcmp(ring->gateway.place.file, file) == 0);
}

/* Without it the configuration has an error. */
static bool is_named(const struct retiring *r, const char *file)
{
    const struct settings *settings = &r->tool->snapshot->settings;
    for (size_t i = 0; i < settings->key_count; i++) {
        const char *text = settings->keys[i].text;
        const char *path = file_path_from(settings->file, text, &r->tool->arena);
        if (strpbrk(text, "*?[") == NULL && path != NULL && strcmp(path, file) == 0)
            return true;
    }
    return false;
}

static int plan_file(struct retiring *r)
{
    if (r->key == NULL)
        return TOOL_DONE;
    const char *file = r->key->place.file;
    if (keys_in(r->tool->snapshot, file) > 1)
        return tool_fail(TOOL_NO,
                         "%s:%u: the file has other keys as well: take this "
                         "one out of it first",
                         file, r->key->place.line);
    if (is_named(r, file))
        return tool_fail(TOOL_NO,
                         "%s: `keys` of %s names the file: take it out there "
                         "first",
                         file, r->tool->conf_file);
    r->retired = arena_printf(&r->tool->arena, "%s.retired", file);
    if (r->retired == NULL)
        return tool_no_memory();
    if (key_path_is_read(r->tool, r->retired))
        return tool_fail(TOOL_NO,
                         "%s would still be read: a pattern of `keys` "
                         "matches it; move %s away first",
                         r->retired, file);
    if (access(r->retired, F_OK) == 0)
        return tool_fail(TOOL_NO, "%s: it is there already", r->retired);
    return TOOL_DONE;
}

/* link and not rename: it never replaces anything. */
static int move(const char *from, const char *to)
{
    if (link(from, to) != 0)
        return tool_fail_errno(to);
    if (unlink(from) != 0)
        return tool_fail_errno(from);
    return TOOL_DONE;
}

static int ask(const struct retiring *r, const struct install *install)
{
    if (r->retired != NULL)
        printf("%s becomes %s\n", r->key->place.file, r->retired);
    if (install->says_yes || install_ask("Retire it? (y)es or (n)o: ", "yn") == 'y')
        return TOOL_DONE;
    return tool_fail(TOOL_NO, "key %s stays", r->text);
}

/* The file goes before the reload, so that one reload takes both; and it comes back if
 * the ACL did not change after all. */
static int retire_with_line(const struct retiring *r, struct install *install)
{
    const struct acledit_text before = {install->before.chars, install->before.len};
    struct acledit_text after;
    size_t count = 0;
    if (acledit_remove_statement(before, r->credential.line->place, &r->tool->arena,
                                 &after) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "%s: the key's line is not there any more",
                         install->file);
    int code = install_check(install, after);
    if (code != TOOL_DONE)
        return tool_fail(code, "%s stays as it was", install->file);
    code = install_show(install, &count);
    if (code == TOOL_DONE)
        code = ask(r, install);
    if (code == TOOL_DONE && r->retired != NULL)
        code = move(r->key->place.file, r->retired);
    if (code != TOOL_DONE)
        return code;
    code = install_commit(install, after);
    if (!install->is_installed && r->retired != NULL)
        (void)move(r->retired, r->key->place.file);
    return code;
}

/* The key of a host's own name, or of no host at all: there is only the file. */
static int retire_file(const struct retiring *r, const struct install *install)
{
    int code = ask(r, install);
    if (code == TOOL_DONE)
        code = move(r->key->place.file, r->retired);
    if (code != TOOL_DONE || !install->reloads)
        return code;
    return daemon_reload(r->tool);
}

static int retire(const struct retiring *r, struct install *install)
{
    int code;
    if (r->credential.line == NULL) {
        code = retire_file(r, install);
    } else {
        install->expected = "key-without-host"; /* until its file is moved */
        code = install_open_sound(install, r->credential.line->place.file, false);
        if (code == TOOL_DONE)
            code = retire_with_line(r, install);
        install_close(install);
    }
    if (r->retired != NULL && access(r->retired, F_OK) == 0)
        printf("# Key %s is in %s, which nothing reads. When nobody wants it back:\n"
               "shred -u %s\n",
               r->text, r->retired, r->retired);
    return code;
}

int key_retire(struct tool *tool, const struct key_request *request,
               struct install *install)
{
    static const struct tool_wanted wanted = {.with_keys = true};
    struct retiring r = {.tool = tool, .request = request};
    int code = tool_load(tool, &wanted);
    if (code == TOOL_DONE)
        code = find_key(&r);
    if (code == TOOL_DONE && !request->is_forced)
        code = refuse_last(&r);
    if (code == TOOL_DONE && !request->is_forced && r.key != NULL)
        code = refuse_used(&r);
    if (code == TOOL_DONE)
        code = plan_file(&r);
    return code == TOOL_DONE ? retire(&r, install) : code;
}

/* tsigate revoke: one right less, taken from the words that give it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tsigate/change.h"
#include "tsigate/install.h"

/* What is to go: each name with each port; no ports: whatever the ports. */
struct revoke {
    struct install install;
    struct change change;
    const char **names; /* as key_of spells them */
    bool *is_met;       /* by name: some line gives it */
    size_t name_count;
    const char **ports;
    bool *is_port_met;
    size_t port_count;
    struct acledit_text text; /* on its way to the new one */
    size_t refused;           /* lines that give it and cannot be changed here */
};

/* ---- words ---- */

static bool is_port_word(const char *word)
{
    return strchr(word, '/') != NULL;
}

/* The word with the host's name for {host}, in lower case, without the final dot. */
static char *fill_host(struct tool *tool, const char *word, const char *host)
{
    const char *hole = strstr(word, "{host}");
    char *text = hole == NULL
                     ? arena_string(&tool->arena, word)
                     : arena_printf(&tool->arena, "%.*s%s%s", (int)(hole - word), word,
                                    host, hole + strlen("{host}"));
    size_t len = text != NULL ? strlen(text) : 0;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)tolower((unsigned char)text[i]);
    if (len > 1 && text[len - 1] == '.')
        text[len - 1] = '\0';
    return text;
}

/* Equal for two words exactly if they mean the same name or pattern. NULL: no memory,
 * or no name. */
static const char *key_of(struct revoke *r, const char *word)
{
    struct tool *tool = r->install.tool;
    struct name_buf name;
    char *text = fill_host(tool, word, tool_name_text(tool, r->change.host));
    if (text == NULL || strchr(text, '*') != NULL)
        return text;
    if (name_from_text(text, strlen(text), &name) != RES_OK)
        return NULL;
    /* A label '*' that was written \042 is no pattern. */
    return arena_printf(&tool->arena, "=%s", tool_name_text(tool, name_of(&name)));
}

static int sort_words(struct revoke *r)
{
    const struct change *change = &r->change;
    struct tool *tool = r->install.tool;
    r->names = arena_array(&tool->arena, change->word_count, sizeof *r->names);
    r->ports = arena_array(&tool->arena, change->word_count, sizeof *r->ports);
    r->is_met = arena_array(&tool->arena, change->word_count, sizeof *r->is_met);
    r->is_port_met =
        arena_array(&tool->arena, change->word_count, sizeof *r->is_port_met);
    if (r->names == NULL || r->ports == NULL || r->is_met == NULL ||
        r->is_port_met == NULL)
        return tool_no_memory();
    for (size_t i = 0; i < change->word_count; i++) {
        const char *word = change->words[i];
        if (strchr(word, '=') != NULL || strcmp(word, "broad") == 0)
            return tool_usage(tool, "\"%s\": a right goes with whatever options it has",
                              word);
        if (is_port_word(word)) {
            r->ports[r->port_count++] = word;
            continue;
        }
        const char *key = key_of(r, word);
        if (key == NULL)
            return tool_usage(tool, "\"%s\" is no name", word);
        r->names[r->name_count++] = key;
    }
    if (r->name_count == 0)
        return tool_usage(tool, "whose right? A name is wanted");
    return TOOL_DONE;
}

/* Index of the word in the list; count: it is not there. */
static size_t find_word(const char *const *list, size_t count, const char *word)
{
    size_t i = 0;
    while (i < count && (word == NULL || strcmp(list[i], word) != 0))
        i++;
    return i;
}

/* ---- grants that name it ---- */

/* What of one grant goes. */
struct hit {
    bool *names;
    bool *ports;
    bool is_any;
};

static bool mark(struct revoke *r, const struct acl_grant *grant, struct hit *hit)
{
    bool has_name = false, has_port = grant->port_count == 0;
    for (size_t i = 0; i < grant->name_count; i++) {
        size_t at = find_word(r->names, r->name_count, key_of(r, grant->names[i].text));
        hit->names[i] = at < r->name_count;
        has_name = has_name || hit->names[i];
    }
    for (size_t i = 0; i < grant->port_count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u/%s", grant->ports[i].port,
                 grant->ports[i].proto);
        hit->ports[i] = r->port_count == 0 ||
                        find_word(r->ports, r->port_count, text) < r->port_count;
        has_port = has_port || hit->ports[i];
    }
    return has_name && has_port;
}

/* The names and ports of a grant that is hit are met. */
static void note_met(struct revoke *r, const struct acl_grant *grant,
                     const struct hit *hit)
{
    for (size_t i = 0; i < grant->name_count; i++) {
        if (hit->names[i])
            r->is_met[find_word(r->names, r->name_count,
                                key_of(r, grant->names[i].text))] = true;
    }
    for (size_t i = 0; i < grant->port_count && r->port_count > 0; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u/%s", grant->ports[i].port,
                 grant->ports[i].proto);
        if (hit->ports[i])
            r->is_port_met[find_word(r->ports, r->port_count, text)] = true;
    }
}

/* The grant's part in what is asked for; is_any false: none, or no memory. */
static struct hit look_at(struct revoke *r, const struct acl_grant *grant)
{
    struct arena *arena = &r->install.tool->arena;
    struct hit hit = {0};
    if (strcmp(grant->terms->profile->name, r->change.profile) != 0 ||
        (grant->host != NULL && !name_equal(grant->host->name, r->change.host)))
        return hit;
    hit.names = arena_array(arena, grant->name_count + 1, sizeof *hit.names);
    hit.ports = arena_array(arena, grant->port_count + 1, sizeof *hit.ports);
    hit.is_any = hit.names != NULL && hit.ports != NULL && mark(r, grant, &hit);
    if (hit.is_any)
        note_met(r, grant, &hit);
    return hit;
}

static void refuse(struct revoke *r, const struct acl_grant *grant, const char *why)
{
    struct place place = acl_grant_place(&r->install.old.snapshot->source, grant);
    tool_fail(TOOL_NO, "%s:%u: %s", place.file, place.line, why);
    r->refused++;
}

/* The file of the first grant that gives any of it, else where the host is declared.
 * NULL: there is no such host. */
static const char *choose_file(struct revoke *r)
{
    const struct snapshot *snapshot = r->install.tool->snapshot;
    const struct acl_source *source = &snapshot->source;
    const struct acl_host *host = acl_host_named(&snapshot->acl, r->change.host);
    if (host == NULL)
        return NULL;
    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next) {
        if (look_at(r, grant).is_any)
            return acl_grant_place(source, grant).file;
    }
    return acl_host_place(&snapshot->acl, host).file;
}

/* ---- patterns that reach it ---- */

/* Whether the pattern reaches the owner that the profile makes of name. */
static bool reaches(struct revoke *r, const struct acl_right *right, struct name name,
                    const struct acl_port_word *port)
{
    char text[16] = "";
    struct acl_owner owner;
    const struct acl_piece plain = {
        .kind = ACL_PIECE_LABELS, .len = name.len - 1, .octets = name.octets};
    const struct acl_template word = {&plain, 1};
    struct acl_fill fill = {.word = &word, .host = right->host->name};
    if (port != NULL) {
        snprintf(text, sizeof text, "%u/%s", port->port, port->proto);
        if (r->port_count > 0 &&
            find_word(r->ports, r->port_count, text) == r->port_count)
            return false;
        fill.port = port->port;
        fill.proto = port->proto;
    }
    return acl_template_fill(&right->terms->profile->owner, &fill, &owner) == RES_OK &&
           owner.stars == 0 &&
           acl_right_matches(&r->install.old.snapshot->acl, right,
                             name_of(&owner.name));
}

static bool reaches_any(struct revoke *r, const struct acl_grant *grant,
                        const struct acl_right *right)
{
    for (size_t i = 0; i < r->name_count; i++) {
        struct name_buf name;
        if (r->names[i][0] != '=' ||
            name_from_text(r->names[i] + 1, strlen(r->names[i] + 1), &name) != RES_OK)
            continue;
        bool is_reached =
            grant->port_count == 0 && reaches(r, right, name_of(&name), NULL);
        for (size_t k = 0; k < grant->port_count && !is_reached; k++)
            is_reached = reaches(r, right, name_of(&name), &grant->ports[k]);
        if (is_reached)
            return true;
    }
    return false;
}

/* Whether a pattern that the grant gives the host reaches any of it. */
static bool has_pattern(struct revoke *r, const struct acl_grant *grant,
                        const struct acl_host *host)
{
    const struct acl_right *rights =
        acl_host_rights(&r->install.old.snapshot->acl, host);
    for (size_t i = 0; i < host->right_count; i++) {
        if (rights[i].line == grant->line && rights[i].is_pattern &&
            reaches_any(r, grant, &rights[i]))
            return true;
    }
    return false;
}

static void refuse_patterns(struct revoke *r)
{
    const struct snapshot *snapshot = r->install.old.snapshot;
    const struct acl_host *host = acl_host_named(&snapshot->acl, r->change.host);
    for (const struct acl_grant *grant = snapshot->source.grants;
         host != NULL && grant != NULL; grant = grant->next) {
        if ((grant->host == NULL || grant->host == host) &&
            strcmp(grant->terms->profile->name, r->change.profile) == 0 &&
            has_pattern(r, grant, host))
            refuse(r, grant, "a pattern gives this right");
    }
}

/* ---- the new text ---- */

/* From the last line to the first, so that places stay what they are. */
static enum result remove_hits(struct revoke *r)
{
    const struct acl_source *source = &r->install.old.snapshot->source;
    struct arena *arena = &r->install.tool->arena;
    const struct acl_grant **hit_grants =
        arena_array(arena, source->grant_count + 1, sizeof *hit_grants);
    size_t count = 0;
    if (hit_grants == NULL)
        return RES_EMEM;
    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next) {
        if (look_at(r, grant).is_any)
            hit_grants[count++] = grant;
    }
    enum result result = RES_OK;
    while (count > 0 && result == RES_OK) {
        const struct acl_grant *grant = hit_grants[--count];
        const struct hit hit = look_at(r, grant);
        const struct acledit_removal removal = {
            .place = acl_grant_place(source, grant),
            .drops_name = hit.names,
            .drops_port = hit.ports,
        };
        result =
            hit.is_any ? acledit_remove(r->text, &removal, arena, &r->text) : RES_EMEM;
    }
    return result;
}

static void refuse_what_stands_elsewhere(struct revoke *r)
{
    const struct acl_source *source = &r->install.old.snapshot->source;
    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next) {
        if (!look_at(r, grant).is_any)
            continue;
        if (grant->host == NULL)
            refuse(r, grant, "every host has this right");
        else if (strcmp(acl_grant_place(source, grant).file, r->install.listed) != 0)
            refuse(r, grant, "this right is given in another file");
    }
}

/* What was asked for and no line names. */
static size_t tell_missing(struct revoke *r)
{
    size_t missing = 0;
    for (size_t i = 0; i < r->name_count; i++) {
        if (r->is_met[i])
            continue;
        missing++;
        tool_fail(TOOL_NO, "host %s has no %s %s", r->change.host_text,
                  r->change.profile, r->names[i] + (r->names[i][0] == '='));
    }
    for (size_t i = 0; i < r->port_count && missing == 0; i++) {
        if (r->is_port_met[i])
            continue;
        missing++;
        tool_fail(TOOL_NO, "host %s has no %s at %s", r->change.host_text,
                  r->change.profile, r->ports[i]);
    }
    return missing;
}

static int change_text(struct revoke *r)
{
    const struct install *install = &r->install;
    refuse_what_stands_elsewhere(r);
    refuse_patterns(r);
    if (r->refused > 0 || tell_missing(r) > 0)
        return tool_fail(TOOL_NO, "%s stays as it was", install->file);
    r->text = (struct acledit_text){install->before.chars, install->before.len};
    if (remove_hits(r) != RES_OK)
        return tool_no_memory();
    return TOOL_DONE;
}

static int revoke_in(struct revoke *r, const char *file)
{
    struct install *install = &r->install;
    size_t count = 0;
    int code = install_open_sound(install, file, false);
    if (code == TOOL_DONE)
        code = change_text(r);
    if (code != TOOL_DONE)
        return code;
    code = install_check(install, r->text);
    if (code == TOOL_DONE)
        code = install_show(install, &count);
    if (code != TOOL_DONE)
        return tool_fail(code, "%s stays as it was", install->file);
    if (count == 0)
        puts("no right changes: others give the same");
    return install_confirm(install, r->text);
}

int revoke_main(struct tool *tool, int argc, char **argv)
{
    struct revoke r = {.install = {.tool = tool, .reloads = true}};
    int code = change_read(&r.install, &r.change, argc, argv);
    if (code != TOOL_DONE || r.change.host_text == NULL)
        return code;
    code = sort_words(&r);
    if (code != TOOL_DONE)
        return code;
    const char *file = r.change.file != NULL ? r.change.file : choose_file(&r);
    if (file == NULL)
        return tool_fail(TOOL_NO, "there is no host %s%s", r.change.host_text,
                         tool_guess_host(r.install.tool, r.change.host_text));
    code = revoke_in(&r, file);
    install_close(&r.install);
    return code;
}

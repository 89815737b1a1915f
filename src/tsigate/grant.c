/* tsigate grant: one right more, in the file where the host's others are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsigate/change.h"
#include "tsigate/install.h"

/* ---- which file ---- */

/* The one file that the patterns of `acl` find; NULL: none, or several. */
static const char *only_file(struct tool *tool)
{
    struct file_list files = {0};
    install_list_files(tool, &files);
    return files.count == 1 ? files.paths[0] : NULL;
}

/* Where the host is declared first, else the only ACL file. */
static const char *choose_file(struct tool *tool, struct name host)
{
    const struct acl_host *known = acl_host_named(&tool->snapshot->acl, host);
    return known != NULL ? known->place.file : only_file(tool);
}

/* ---- what is there already ---- */

static bool are_same_terms(const struct acl_terms *a, const struct acl_terms *b)
{
    return a == b ||
           (a->type_count == b->type_count &&
            memcmp(a->types, b->types, a->type_count * sizeof a->types[0]) == 0 &&
            a->ops == b->ops && a->ttl_refuses == b->ttl_refuses &&
            a->max_records == b->max_records && a->ttl_min_s == b->ttl_min_s &&
            a->ttl_max_s == b->ttl_max_s && a->check.kind == b->check.kind &&
            strcmp(a->check.text != NULL ? a->check.text : "",
                   b->check.text != NULL ? b->check.text : "") == 0);
}

/* Whether other gives all that right does. */
static bool covers(const struct acl *acl, const struct acl_right *other,
                   const struct acl_right *right)
{
    if (other->host != right->host || other->grant == right->grant ||
        other->grant->profile != right->grant->profile ||
        !are_same_terms(other->grant->terms, right->grant->terms))
        return false;
    if (right->stars == 0)
        return acl_right_matches(acl, other, right->owner);
    return other->stars == right->stars && other->is_subtree == right->is_subtree &&
           name_equal(other->owner, right->owner);
}

/* The line in the file as it is: ours is not in it. */
static unsigned line_before(const struct place *place, const struct place *added)
{
    bool is_behind = strcmp(place->file, added->file) == 0 && place->line > added->line;
    return place->line - is_behind;
}

/* Tells each owner of the new line that somebody else's line gives already. */
static size_t tell_present(struct install *install, unsigned line)
{
    const struct acl *acl = &install->new.snapshot->acl;
    size_t told = 0;
    for (size_t i = 0; i < acl->right_count; i++) {
        const struct acl_right *right = acl->rights[i];
        const struct place *added = &right->grant->place;
        if (added->line != line || strcmp(added->file, install->listed) != 0)
            continue;
        for (size_t k = 0; k < acl->right_count; k++) {
            const struct acl_right *other = acl->rights[k];
            if (!covers(acl, other, right))
                continue;
            tool_fail(
                TOOL_NO, "%s:%u: this gives host %s %s already (%s)",
                other->grant->place.file, line_before(&other->grant->place, added),
                tool_name_text(install->tool, right->host->name),
                tool_owner_text(install->tool, right), right->grant->profile->name);
            told++;
            break;
        }
    }
    return told;
}

/* ---- the subcommand ---- */

static int add_words(struct install *install, const struct change *change,
                     struct acledit_text *out, unsigned *out_line)
{
    const struct acledit_addition addition = {
        .host = change->host,
        .host_text = change->host_text,
        .profile = change->profile,
        .words = change->words,
        .word_count = change->word_count,
    };
    const struct acledit_text before = {install->before.chars, install->before.len};
    switch (acledit_add(before, &addition, &install->tool->arena, out, out_line)) {
    case RES_OK:
        return TOOL_DONE;
    case RES_EFORMAT:
        return tool_usage(install->tool, "a word has an octet outside printable ASCII");
    default:
        return tool_fail(TOOL_OUTSIDE, "out of memory");
    }
}

static int grant_in(struct install *install, const struct change *change)
{
    struct acledit_text after;
    unsigned line = 0;
    size_t count = 0;
    int code = install_open_sound(install, change->file);
    if (code == TOOL_DONE)
        code = add_words(install, change, &after, &line);
    if (code != TOOL_DONE)
        return code;
    code = install_check(install, after);
    if (code != TOOL_DONE)
        return tool_fail(code, "that would be line %u; %s stays as it was", line,
                         install->file);
    if (tell_present(install, line) > 0)
        return tool_fail(TOOL_NO, "%s stays as it was", install->file);
    code = install_show(install, &count);
    if (code != TOOL_DONE)
        return code;
    if (count == 0)
        return tool_fail(TOOL_NO, "no right would change; %s stays as it was",
                         install->file);
    return install_confirm(install, after);
}

int grant_main(struct tool *tool, int argc, char **argv)
{
    struct install install = {.tool = tool, .reloads = true};
    struct change change = {0};
    int code = change_read(&install, &change, argc, argv);
    if (code != TOOL_DONE || change.host_text == NULL)
        return code;
    if (change.file == NULL)
        change.file = choose_file(tool, change.host);
    if (change.file == NULL)
        return tool_usage(tool,
                          "host %s is new and there is not one ACL file: which --file?",
                          change.host_text);
    code = grant_in(&install, &change);
    install_close(&install);
    return code;
}

/* tsigate grant: one right more, in the file where the host's others are. */
#include <stdio.h>
#include <string.h>

#include "policy/acl_index.h"
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
    return known != NULL ? acl_host_place(&tool->snapshot->acl, known).file
                         : only_file(tool);
}

/* ---- what is there already ---- */

/* Whether other gives all that right does. */
static bool covers(const struct acl *acl, const struct acl_right *other,
                   const struct acl_right *right)
{
    if (other->line == right->line || other->terms->profile != right->terms->profile)
        return false;
    if (right->is_pattern)
        return acl_is_same_right(other, right);
    return acl_is_same_terms(other->terms, right->terms) &&
           acl_right_matches(acl, other, acl_right_owner(right));
}

/* The line in the file as it is: ours is not in it. */
static unsigned line_before(const struct place *place, const struct place *added)
{
    bool is_behind = strcmp(place->file, added->file) == 0 && place->line > added->line;
    return place->line - is_behind;
}

/* Somebody else's right that gives all that this one does. NULL: there is none. */
static const struct acl_right *find_cover(const struct acl *acl,
                                          const struct acl_right *right)
{
    const struct acl_right *rights = acl_host_rights(acl, right->host);
    for (size_t i = 0; i < right->host->right_count; i++) {
        if (covers(acl, &rights[i], right))
            return &rights[i];
    }
    return NULL;
}

static void tell_present(const struct install *install, const struct acl_right *right,
                         const struct acl_right *other)
{
    const struct acl *acl = &install->new.snapshot->acl;
    const struct place place = acl_right_place(acl, other);
    const struct place added = acl_right_place(acl, right);
    tool_fail(TOOL_NO, "%s:%u: this gives host %s %s already (%s)", place.file,
              line_before(&place, &added),
              tool_name_text(install->tool, right->host->name),
              tool_owner_text(install->tool, right), right->terms->profile->name);
}

/* The rights of the new line, and how many of them somebody else's lines give. */
struct present {
    size_t rights;
    size_t covered;
};

static struct present find_present(const struct install *install, unsigned line,
                                   bool tells)
{
    const struct acl *acl = &install->new.snapshot->acl;
    struct present present = {0};
    struct acl_walk walk = {0};
    for (const struct acl_right *right; (right = acl_walk_next(acl, &walk)) != NULL;) {
        const struct place added = acl_right_place(acl, right);
        if (added.line != line || strcmp(added.file, install->listed) != 0)
            continue;
        const struct acl_right *other = find_cover(acl, right);
        present.rights++;
        present.covered += other != NULL;
        if (other != NULL && tells)
            tell_present(install, right, other);
    }
    return present;
}

/* What every-host gives it a host has as soon as it is declared, which the grant would
 * do as well: then the declaration is all that is missing. */
static bool is_declaration_enough(const struct install *install,
                                  const struct change *change, unsigned line)
{
    if (acl_host_named(&install->old.snapshot->acl, change->host) != NULL)
        return false;
    const struct present present = find_present(install, line, false);
    return present.rights > 0 && present.covered == present.rights;
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
        return tool_no_memory();
    }
}

/* The text with the host's declaration at its end. */
static int declare(struct install *install, const struct change *change,
                   struct acledit_text *out)
{
    const struct file_text *before = &install->before;
    bool wants_newline = before->len > 0 && before->chars[before->len - 1] != '\n';
    const char *text =
        arena_printf(&install->tool->arena, "%.*s%shost %s\n", (int)before->len,
                     before->chars, wants_newline ? "\n" : "", change->host_text);
    if (text == NULL)
        return tool_no_memory();
    *out = (struct acledit_text){text, strlen(text)};
    return install_check(install, *out);
}

static int grant_in(struct install *install, const struct change *change)
{
    struct acledit_text after;
    unsigned line = 0;
    size_t count = 0;
    int code = install_open_sound(install, change->file, true);
    if (code == TOOL_DONE)
        code = add_words(install, change, &after, &line);
    if (code != TOOL_DONE)
        return code;
    code = install_check(install, after);
    if (code != TOOL_DONE)
        return tool_fail(code, "that would be line %u; %s stays as it was", line,
                         install->file);
    if (is_declaration_enough(install, change, line))
        code = declare(install, change, &after);
    else if (find_present(install, line, true).covered > 0)
        code = tool_fail(TOOL_NO, "%s stays as it was", install->file);
    if (code != TOOL_DONE)
        return code;
    code = install_show(install, &count);
    if (code != TOOL_DONE)
        return code;
    if (count == 0)
        return tool_fail(TOOL_NO, "no right would change; %s stays as it was",
                         install->file);
    return install_confirm(install, after);
}

/* Before the question: a grant to a host that nobody has meant looks like any other. */
static void tell_new_host(const struct install *install, const struct change *change)
{
    struct tool *tool = install->tool;
    const char *meant = tool_guess_host(tool, change->host_text);
    if (!install->says_yes && meant[0] != '\0' &&
        acl_host_named(&tool->snapshot->acl, change->host) == NULL)
        fprintf(stderr, "tsigate: host %s is new%s\n", change->host_text, meant);
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
    tell_new_host(&install, &change);
    code = grant_in(&install, &change);
    install_close(&install);
    return code;
}

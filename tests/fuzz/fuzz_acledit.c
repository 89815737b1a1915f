/*
 * Changes of an ACL's text: whatever is in order stays so, gains and loses exactly what
 * was meant, and a grant that was added is taken away without a trace.
 */
#include <string.h>

#include "base/limits.h"
#include "conf/acledit.h"
#include "conf/aclfile.h"
#include "fuzz.h"

const char fuzz_corpus[] = "aclfile";

static const char stock[] = "profile acme\n owner _acme-challenge.{name}\n type TXT\n"
                            " check acme-token\n"
                            "profile tlsa\n owner _{port}._{proto}.{name}\n type TLSA\n"
                            " check tlsa 3-1-1\n";

struct parsed {
    struct acl_source source;
    struct diags diags;
    bool is_good;
};

static void parsed_open(struct parsed *p, struct acledit_text text)
{
    acl_source_init(&p->source);
    diags_init(&p->diags);
    enum result result =
        aclfile_parse(&p->source, "stock.acl", stock, strlen(stock), true, &p->diags);
    FUZZ_CLAIM(result == RES_OK);
    result =
        aclfile_parse(&p->source, "fuzz.acl", text.chars, text.len, false, &p->diags);
    p->is_good = result == RES_OK;
}

static void parsed_close(struct parsed *p)
{
    diags_fini(&p->diags);
    acl_source_fini(&p->source);
}

static size_t count_combinations(const struct acl_source *source)
{
    size_t count = 0;
    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next)
        count += grant->name_count * (grant->port_count > 0 ? grant->port_count : 1);
    return count;
}

/* A line that was joined from several, or indented beyond measure, may be too long. */
static bool has_long_line(struct acledit_text text)
{
    const char *end = text.chars + text.len;
    for (const char *at = text.chars; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        newline = newline != NULL ? newline : end;
        if (newline - at > LIMIT_LINE_OCTETS)
            return true;
        at = newline + 1;
    }
    return false;
}

static void claim_combinations(struct acledit_text text, size_t count)
{
    struct parsed after;
    if (has_long_line(text))
        return;
    parsed_open(&after, text);
    FUZZ_CLAIM(after.is_good);
    FUZZ_CLAIM(count_combinations(&after.source) == count);
    parsed_close(&after);
}

/* One name with all ports, and one name with one port. */
static void take(const struct acl_source *source, const struct acl_grant *grant,
                 struct acledit_text text, struct arena *arena)
{
    size_t count = count_combinations(source);
    size_t ports = grant->port_count > 0 ? grant->port_count : 1;
    bool *names = arena_array(arena, grant->name_count + 1, sizeof(*names));
    bool *marks = arena_array(arena, ports, sizeof(*marks));
    struct acledit_removal removal = {acl_grant_place(source, grant), names, marks};
    struct acledit_text after;

    if (names == NULL || marks == NULL)
        return;
    names[grant->name_count - 1] = true;
    marks[0] = true;
    enum result result = acledit_remove(text, &removal, arena, &after);
    FUZZ_CLAIM(result == RES_OK);
    claim_combinations(after, count - 1);
    memset(marks, true, ports);
    result = acledit_remove(text, &removal, arena, &after);
    FUZZ_CLAIM(result == RES_OK);
    claim_combinations(after, count - ports);
}

static void there_and_back(const struct acl_source *source, struct name host,
                           const char *host_text, struct acledit_text text,
                           struct arena *arena)
{
    static const char *const words[] = {"new.example", "1/tcp"};
    static const bool dropped[] = {true};
    struct acledit_text between, after;
    unsigned line = 0;
    const struct acledit_addition addition = {host, host_text, "tlsa", words, 2};
    enum result result = acledit_add(text, &addition, arena, &between, &line);
    struct parsed added;

    FUZZ_CLAIM(result == RES_OK);
    if (has_long_line(between))
        return;
    claim_combinations(between, count_combinations(source) + 1);
    parsed_open(&added, between);
    const struct acl_grant *grant = added.source.grants;
    while (grant != NULL && acl_grant_place(&added.source, grant).line != line)
        grant = grant->next;
    FUZZ_CLAIM(grant != NULL && grant->host != NULL);
    FUZZ_CLAIM(name_equal(grant->host->name, host));
    const struct acledit_removal removal = {acl_grant_place(&added.source, grant),
                                            dropped, dropped};
    result = acledit_remove(between, &removal, arena, &after);
    FUZZ_CLAIM(result == RES_OK);
    /* A last line without its newline has one from then on. */
    bool is_ended = after.len > text.len && text.chars[text.len - 1] != '\n';
    FUZZ_CLAIM(after.len == text.len + is_ended);
    FUZZ_CLAIM(memcmp(after.chars, text.chars, text.len) == 0);
    parsed_close(&added);
}

static void change(const struct acl_source *source, struct acledit_text text)
{
    struct arena arena;
    struct name_buf stranger;
    char host_text[NAME_TEXT_OCTETS];
    enum { MOST = 4 };
    size_t count = 0;

    arena_init(&arena, 65536, 0);
    enum result result = name_from_text("zz.example", 10, &stranger);
    FUZZ_CLAIM(result == RES_OK);
    there_and_back(source, name_of(&stranger), "zz.example", text, &arena);
    for (size_t i = 0; i < source->hosts.count && i < MOST; i++)
        there_and_back(source, acl_source_host(source, i)->name,
                       name_to_text(acl_source_host(source, i)->name, host_text), text,
                       &arena);
    for (const struct acl_grant *grant = source->grants; grant != NULL && count < MOST;
         grant = grant->next, count++)
        take(source, grant, text, &arena);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct parsed parsed;
    const struct acledit_text text = {(const char *)octets, len};

    parsed_open(&parsed, text);
    if (parsed.is_good)
        change(&parsed.source, text);
    parsed_close(&parsed);
    return 0;
}

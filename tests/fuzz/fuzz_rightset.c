/*
 * Two ACLs in one input, a line of four hyphens between them: compared with itself each
 * is itself, the comparison is the same both ways round, and a right that one has and
 * the other has not is judged so. The second look at them (policy/lint) has no errors.
 */
#include <string.h>

#include "fuzz.h"
#include "policy/lint.h"
#include "policy/rightset.h"

static const char stock[] =
    "profile acme\n owner _acme-challenge.{name}\n type TXT\n check acme-token\n"
    "profile tlsa\n owner _{port}._{proto}.{name}\n type TLSA\n check tlsa 3-1-1\n"
    "profile any\n owner {name}\n type TXT SSHFP NS\n dangerous\n"
    " may add delete delete-rrset delete-name prereq prereq-any\n"
    "profile star\n owner *.s.{name}\n type TXT\n check match \"x\"\n";

struct side {
    struct arena arena;
    struct settings settings;
    struct zones zones;
    struct acl_source source;
    struct acl acl;
};

static struct name name_in(struct arena *arena, const char *text)
{
    struct name_buf buf;
    FUZZ_CLAIM(name_from_text(text, strlen(text), &buf) == RES_OK);
    return name_copy(arena, name_of(&buf));
}

static void fill_zones(struct side *side)
{
    static const char *const names[] = {"a", "s", "d"};
    struct settings *settings = &side->settings;
    settings->zone_count = 3;
    settings->zones = arena_array(&side->arena, 3, sizeof *settings->zones);
    for (size_t i = 0; i < 3; i++) {
        settings->zones[i].name = name_in(&side->arena, names[i]);
        settings->zones[i].is_dynamic = i > 0;
    }
    settings->shadow_count = 1;
    settings->shadows = arena_array(&side->arena, 1, sizeof *settings->shadows);
    settings->shadows[0].of = name_in(&side->arena, "a");
    settings->shadows[0].at = name_in(&side->arena, "s");
}

static enum result side_open(struct side *side, const char *text, size_t len)
{
    struct diags diags;
    memset(side, 0, sizeof *side);
    diags_init(&diags);
    arena_init(&side->arena, 4096, 0);
    settings_init(&side->settings, "fuzz.conf", &side->arena);
    acl_source_init(&side->source);
    fill_zones(side);
    FUZZ_CLAIM(zones_build(&side->settings, &side->arena, &diags, &side->zones) ==
               RES_OK);
    FUZZ_CLAIM(aclfile_parse(&side->source, "stock", stock, strlen(stock), true,
                             &diags) == RES_OK);
    enum result res = aclfile_parse(&side->source, "fuzz", text, len, false, &diags);
    if (res == RES_OK)
        res = zones_add_aliases(&side->zones, &side->source, &diags);
    if (res == RES_OK)
        res =
            acl_compile(&side->source, &side->zones, &side->arena, &diags, &side->acl);
    diags_fini(&diags);
    return res;
}

static void side_close(struct side *side)
{
    acl_fini(&side->acl);
    acl_source_fini(&side->source);
    zones_fini(&side->zones);
    arena_fini(&side->arena);
}

static void look_again(const struct side *side)
{
    const struct keyring ring = {0};
    struct diags diags;
    diags_init(&diags);
    FUZZ_CLAIM(lint_acl(&side->acl, &ring, 0, &diags) == RES_OK);
    FUZZ_CLAIM(diags.errors == 0);
    diags_fini(&diags);
}

/* Of the operations that have no value and no TTL. */
static bool is_permitted(const struct side *side, const struct rightset_change *change,
                         enum update_op op)
{
    struct acl_question question = {
        .host = acl_host_named(&side->acl, change->host),
        .op = op,
        .type = change->type,
        .original = change->owner,
    };
    struct acl_answer answer;
    if (question.host == NULL)
        return false;
    acl_judge(&side->acl, &question, &answer);
    return answer.reason == REASON_PERMITTED;
}

static void check_change(const struct side *old, const struct side *new,
                         const struct rightset_change *change)
{
    static const enum update_op ops[] = {UPDATE_DELETE, UPDATE_DELETE_RRSET,
                                         UPDATE_PREREQ, UPDATE_PREREQ_ANY};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (change->subject != RIGHTSET_RIGHT || change->stars != 0 ||
            (change->ops & 1U << ops[i]) == 0)
            continue;
        FUZZ_CLAIM(is_permitted(old, change, ops[i]) ==
                   (change->sign != RIGHTSET_GAINED));
        FUZZ_CLAIM(is_permitted(new, change, ops[i]) ==
                   (change->sign != RIGHTSET_LOST));
    }
}

static size_t compare(const struct side *old, const struct side *new)
{
    struct rightset_changes changes;
    struct arena arena;
    arena_init(&arena, 4096, 0);
    FUZZ_CLAIM(rightset_compare(&old->acl, &new->acl, &arena, &changes) == RES_OK);
    for (size_t i = 0; i < changes.count; i++)
        check_change(old, new, &changes.all[i]);
    arena_fini(&arena);
    return changes.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    const char *text = (const char *)octets;
    const char *line = len > 0 ? memmem(text, len, "----\n", 5) : NULL;
    size_t old_len = line != NULL ? (size_t)(line - text) : len;
    size_t new_at = line != NULL ? old_len + 5 : len;
    struct side old, new;
    enum result old_result = side_open(&old, text, old_len);
    enum result new_result = side_open(&new, text + new_at, len - new_at);
    if (old_result == RES_OK) {
        FUZZ_CLAIM(compare(&old, &old) == 0);
        look_again(&old);
    }
    if (old_result == RES_OK && new_result == RES_OK)
        FUZZ_CLAIM((compare(&old, &new) == 0) == (compare(&new, &old) == 0));
    side_close(&old);
    side_close(&new);
    return 0;
}

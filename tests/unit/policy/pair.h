/* Two ACLs that are compared, and what the comparison tells, as text. */
#ifndef TESTS_UNIT_POLICY_PAIR_H
#define TESTS_UNIT_POLICY_PAIR_H

#include "policy/rightset.h"

#include "policy/made_acl.h"

#define LINE_OCTETS  2048
#define LINES_OCTETS 8192

struct pair {
    struct site old;
    struct site new;
    struct arena arena;
    struct rightset_changes changes;
};

/* site_zones and site_shadows: NULL for those of made_acl.h. */
static inline void pair_open(struct pair *pair, const char *old, const char *new)
{
    struct site *sites[] = {&pair->old, &pair->new};
    const char *texts[] = {old, new};

    for (size_t i = 0; i < COUNT_OF(sites); i++) {
        site_open(sites[i]);
        site_add_zones(sites[i], zones);
        site_add_shadows(sites[i], shadows);
        if (site_compile(sites[i], texts[i]) != RES_OK) {
            site_print_diags(sites[i]);
            fail_msg("does not compile:\n%s", texts[i]);
        }
    }
    arena_init(&pair->arena, 4096, 0);
    assert_int_equal(
        rightset_compare(&pair->old.acl, &pair->new.acl, &pair->arena, &pair->changes),
        RES_OK);
}

static inline void pair_close(struct pair *pair)
{
    arena_fini(&pair->arena);
    site_close(&pair->old);
    site_close(&pair->new);
}

/* ---- changes as text ---- */

static inline void write_side(struct writer *w, const struct rightset_side *side)
{
    char text[NAME_TEXT_OCTETS];

    for (size_t i = 0; i < side->adds.count; i++) {
        const struct rightset_add *add = &side->adds.all[i];
        writer_printf(w, " %u%s%u", add->ttl_min_s, add->ttl_refuses ? "!" : "..",
                      add->ttl_max_s);
        if (add->check->kind == ACL_CHECK_TLSA)
            writer_printf(w, "=%u", add->check->tlsa[add->part].matching);
    }
    if (side->key.host != NULL && acl_credential_not_after_s(side->key) != INT64_MAX)
        writer_printf(w, " until %d", (int)acl_credential_not_after_s(side->key));
    if (side->alias != NULL)
        writer_printf(w, " %s", name_to_text(side->alias->target, text));
}

/* "~h a.corp TXT add: 0..600 > 0..60"; a `**` is followed by all that it stands for. */
static inline void write_change(struct writer *w, const struct rightset_change *change)
{
    static const char signs[] = {'-', '+', '~'};
    char text[NAME_TEXT_OCTETS];

    writer_printf(w, "%c", signs[change->sign]);
    if (change->host.octets != NULL)
        writer_printf(w, "%s ", name_to_text(change->host, text));
    writer_printf(w, "%s%s ", change->is_subtree ? "**" : "",
                  name_to_text(change->owner, text));
    if (change->subject == RIGHTSET_RIGHT)
        writer_printf(w, "%s ", type_format(change->type, text));
    else
        writer_string(w, change->subject == RIGHTSET_KEY ? "key" : "alias");
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((change->ops & 1u << op) != 0)
            writer_printf(w, "%.*s%s", op == UPDATE_ADD ? 3 : 20, update_op_name(op),
                          change->ops >> (op + 1) != 0 ? "," : "");
    }
    writer_u8(w, ':');
    write_side(w, &change->old);
    if (change->sign == RIGHTSET_CHANGED)
        writer_string(w, " >");
    write_side(w, &change->new);
    writer_string(w, "\n");
}

static inline const char *changes_text(const struct rightset_changes *changes,
                                       char *text)
{
    struct writer w = writer_of((uint8_t *)text, LINES_OCTETS - 1);

    for (size_t i = 0; i < changes->count; i++)
        write_change(&w, &changes->all[i]);
    assert_false(w.failed);
    text[w.len] = '\0';
    return text;
}

#endif

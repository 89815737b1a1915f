#include "tsigate/right_text.h"

#include <string.h>

#include "base/addr.h"
#include "dns/update.h"

static bool is_star(const struct region *owner, unsigned label)
{
    return label < 64 && (owner->stars >> label & 1) != 0;
}

/* The label that is written `**`: the first of the run of stars that ends with the
 * rightmost, since in the ACL `**` stands leftmost. */
static unsigned subtree_label(const struct region *owner)
{
    unsigned label = region_prefix(owner);
    while (label > 0 && is_star(owner, label - 1))
        label--;
    return label;
}

static const char *label_text(struct name name, char *text)
{
    uint8_t label[LIMIT_LABEL_OCTETS + 2] = {0};
    memcpy(label, name.octets, name.octets[0] + 1U);
    name_to_text((struct name){label, (uint8_t)(label[0] + 2)}, text);
    return strcmp(text, "*") == 0 ? "\\042" : text;
}

void right_text_owner(struct writer *w, const struct region *owner)
{
    unsigned subtree = owner->is_subtree ? subtree_label(owner) : UINT32_MAX;
    struct name rest = owner->name;
    for (unsigned i = 0; !name_is_root(rest); i++, rest = name_parent(rest)) {
        char text[NAME_TEXT_OCTETS];
        if (i > 0)
            writer_u8(w, '.');
        if (is_star(owner, i))
            writer_string(w, i == subtree ? "**" : "*");
        else
            writer_string(w, label_text(rest, text));
    }
    if (name_is_root(owner->name))
        writer_u8(w, '.');
}

void right_text_ops(struct writer *w, uint8_t ops)
{
    const char *separator = "";
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((ops & 1U << op) == 0)
            continue;
        writer_printf(w, "%s%s", separator, update_op_name(op));
        separator = ",";
    }
    if (*separator == '\0')
        writer_u8(w, '-');
}

/* An address alone without its length, as the ACL has it. */
static const char *prefix_text(const struct prefix *prefix, char *text)
{
    if (prefix->bits == (prefix->addr.family == 4 ? 32 : 128))
        return addr_format(&prefix->addr, text);
    return prefix_format(prefix, text);
}

void right_text_from(struct writer *w, const struct acl_host *host)
{
    if (acl_host_from(host) == NULL)
        writer_u8(w, '-');
    for (const struct acl_from_line *line = acl_host_from(host); line != NULL;
         line = line->next) {
        char text[ADDR_TEXT_OCTETS];
        writer_printf(w, "%s%s", line == acl_host_from(host) ? "" : ",",
                      prefix_text(&line->prefix, text));
    }
}

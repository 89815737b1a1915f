#include "policy/region.h"

#include <string.h>

#include "base/buf.h"
#include "policy/acl_index.h"

#define STARS_MAX 64

unsigned region_prefix(const struct region *region)
{
    return STARS_MAX - 1 - (unsigned)__builtin_clzll(region->stars);
}

unsigned region_suffix(const struct region *region)
{
    return name_labels(region->name) - region_prefix(region) - 1;
}

static bool has_star(const struct region *region, unsigned label)
{
    return label < STARS_MAX && (region->stars >> label & 1) != 0;
}

static struct name behind(struct name name, unsigned labels)
{
    for (; labels > 0; labels--)
        name = name_parent(name);
    return name;
}

static bool is_label_equal(struct name a, struct name b)
{
    return a.octets[0] == b.octets[0] &&
           memcmp(a.octets + 1, b.octets + 1, a.octets[0]) == 0;
}

/* What writer holds is a name of region's. */
static enum result finish(const struct writer *writer, struct arena *arena,
                          struct region *region)
{
    if (writer->failed)
        return RES_ERANGE;
    region->name = name_copy(
        arena, (struct name){.octets = writer->octets, .len = (uint8_t)writer->len});
    return region->name.octets != NULL ? RES_OK : RES_EMEM;
}

enum result region_stretch(const struct region *region, unsigned labels,
                           struct arena *arena, struct region *out)
{
    uint8_t octets[LIMIT_NAME_OCTETS];
    struct writer writer = writer_of(octets, sizeof(octets));
    unsigned prefix = region_prefix(region);
    unsigned more = labels - name_labels(region->name);
    struct name tail = behind(region->name, prefix);

    if (prefix + more >= STARS_MAX)
        return RES_ERANGE;
    writer_octets(&writer, region->name.octets,
                  (size_t)(tail.octets - region->name.octets));
    for (unsigned i = 0; i < more; i++)
        writer_octets(&writer, "\x01*", 2);
    writer_octets(&writer, tail.octets, tail.len);
    out->is_subtree = false;
    out->stars = region->stars;
    for (unsigned i = 0; i < more; i++)
        out->stars |= UINT64_C(1) << (prefix + 1 + i);
    return finish(&writer, arena, out);
}

enum result region_meet(const struct region *a, const struct region *b,
                        struct arena *arena, struct region *out)
{
    uint8_t octets[LIMIT_NAME_OCTETS];
    struct writer writer = writer_of(octets, sizeof(octets));
    struct name left = a->name, right = b->name;

    for (unsigned i = 0; !name_is_root(left); i++) {
        bool is_free = has_star(a, i);
        if (!is_free && !has_star(b, i) && !is_label_equal(left, right))
            return RES_ENOTFOUND;
        struct name label = is_free ? right : left;
        writer_octets(&writer, label.octets, 1u + label.octets[0]);
        left = name_parent(left);
        right = name_parent(right);
    }
    writer_u8(&writer, 0);
    out->stars = a->stars & b->stars;
    out->is_subtree = a->is_subtree;
    return finish(&writer, arena, out);
}

/* Whether `count` labels of inner from `at` on lie within those of outer from `from`
 * on. */
static bool are_labels_within(const struct region *inner, unsigned at,
                              const struct region *outer, unsigned from, unsigned count)
{
    struct name in = behind(inner->name, at);
    struct name out = behind(outer->name, from);

    for (unsigned i = 0; i < count; i++) {
        bool is_free = has_star(inner, at + i);
        if (has_star(outer, from + i) ? !is_free && !acl_is_label_plain(in)
                                      : is_free || !is_label_equal(in, out))
            return false;
        in = name_parent(in);
        out = name_parent(out);
    }
    return true;
}

bool region_is_within(const struct region *inner, const struct region *outer)
{
    unsigned labels = name_labels(inner->name);
    unsigned outer_labels = name_labels(outer->name);

    if (!outer->is_subtree)
        return !inner->is_subtree && labels == outer_labels &&
               are_labels_within(inner, 0, outer, 0, labels);
    unsigned prefix = region_prefix(outer);
    unsigned suffix = region_suffix(outer);
    if (labels < outer_labels || (inner->is_subtree && (region_prefix(inner) < prefix ||
                                                        region_suffix(inner) < suffix)))
        return false;
    /* The stretched one stands for all that inner has between the two ends. */
    for (unsigned i = prefix; i < labels - suffix; i++) {
        if (!has_star(inner, i) && !acl_is_label_plain(behind(inner->name, i)))
            return false;
    }
    return are_labels_within(inner, 0, outer, 0, prefix) &&
           are_labels_within(inner, labels - suffix, outer, prefix + 1, suffix);
}

struct name region_tail(const struct region *region)
{
    return region->stars == 0 ? region->name
                              : behind(region->name, region_prefix(region) + 1);
}

int region_compare(const struct region *a, const struct region *b)
{
    if (a->is_subtree != b->is_subtree)
        return a->is_subtree ? -1 : 1;
    unsigned a_labels = name_labels(a->name), b_labels = name_labels(b->name);
    if (a_labels != b_labels)
        return a_labels < b_labels ? -1 : 1;
    if (a->stars != b->stars)
        return a->stars < b->stars ? -1 : 1;
    return name_compare(a->name, b->name);
}

void region_index_init(struct region_index *index, struct arena *arena)
{
    index->arena = arena;
    map_init(&index->by_tail);
}

void region_index_fini(struct region_index *index)
{
    map_fini(&index->by_tail);
}

enum result region_index_add(struct region_index *index, const struct region *region,
                             size_t tag)
{
    struct region_entry *entry = arena_alloc(index->arena, sizeof(*entry));
    struct name tail = region_tail(region);

    if (entry == NULL)
        return RES_EMEM;
    *entry = (struct region_entry){.region = *region, .tag = tag};
    enum result res = map_put(&index->by_tail, tail.octets, tail.len, entry);
    if (res != RES_EEXISTS)
        return res;
    struct region_entry *first = map_get(&index->by_tail, tail.octets, tail.len);
    entry->next = first->next;
    first->next = entry;
    return RES_OK;
}

const struct region_entry *region_index_at(const struct region_index *index,
                                           struct name tail)
{
    return map_get(&index->by_tail, tail.octets, tail.len);
}

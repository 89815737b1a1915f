/* What the files come to: statements, hosts by name, places by line. */
#include "conf/aclparse.h"

#include "base/hash.h"

#define CHUNK_OCTETS (256 * 1024)

void acl_source_init(struct acl_source *source)
{
    *source = (struct acl_source){0};
    arena_init(&source->arena, CHUNK_OCTETS, 0);
    arena_init(&source->lines, CHUNK_OCTETS, 0);
    rows_init(&source->hosts, sizeof(struct acl_host), &source->arena);
    rows_init(&source->files, sizeof(struct acl_file), &source->arena);
    map_init(&source->profile_by_name);
}

void acl_source_fini(struct acl_source *source)
{
    acl_regexes_free(source->regexes);
    row_index_close(&source->host_by_name);
    map_fini(&source->profile_by_name);
    arena_fini(&source->lines);
    arena_fini(&source->arena);
    *source = (struct acl_source){0};
}

void acl_source_drop_grants(struct acl_source *source)
{
    arena_fini(&source->lines);
    source->grants = source->last_grant = NULL;
    source->grant_count = 0;
}

/* ---- places ---- */

static const struct acl_file *file_at(const struct acl_source *source, size_t index)
{
    return rows_at(&source->files, index);
}

/* The lines of the file in hand are not counted yet. */
uint32_t acl_source_line(const struct acl_source *source, struct place place)
{
    return source->line_count + place.line;
}

struct place acl_source_place(const struct acl_source *source, uint32_t line,
                              uint16_t column)
{
    size_t low = 0;
    /* The last file that begins before the line. */
    for (size_t high = source->files.count; high - low > 1;) {
        size_t middle = low + (high - low) / 2;
        if (file_at(source, middle)->first_line < line)
            low = middle;
        else
            high = middle;
    }
    const struct acl_file *file = file_at(source, low);
    return (struct place){file->name, line - file->first_line, column};
}

enum result acl_source_add_file(struct acl_source *source, const char *name, size_t len)
{
    struct acl_file *file = rows_add(&source->files);
    if (file == NULL || len >= UINT32_MAX - source->line_count)
        return RES_EMEM; /* lines are counted by 32 bits */
    file->name = name;
    file->first_line = source->line_count;
    return RES_OK;
}

/* ---- hosts ---- */

static uint32_t hash_name(struct name name)
{
    return hash_octets(name.octets, name.len);
}

/* Room for one host more; twice as much as there was, if there is none. */
static enum result make_room(struct acl_source *source)
{
    struct row_index larger;
    size_t count = source->hosts.count;

    if (!row_index_is_full(&source->host_by_name))
        return RES_OK;
    enum result result = row_index_open(&larger, 2 * count, 0);
    if (result != RES_OK)
        return result;
    for (size_t i = 0; i < count; i++)
        row_index_add(&larger, hash_name(acl_source_host(source, i)->name),
                      (uint32_t)i);
    row_index_close(&source->host_by_name);
    source->host_by_name = larger;
    return RES_OK;
}

enum result acl_source_add_host(struct acl_source *source, struct name name,
                                struct place place, struct acl_host **out)
{
    const uint8_t *octets = arena_pack(&source->lines, name.octets, name.len);
    if (octets == NULL || make_room(source) != RES_OK)
        return RES_EMEM;
    struct acl_host *host = rows_add(&source->hosts);
    if (host == NULL)
        return RES_EMEM;
    host->name = (struct name){octets, name.len};
    host->line = acl_source_line(source, place);
    host->column = (uint16_t)place.column;
    row_index_add(&source->host_by_name, hash_name(name),
                  (uint32_t)source->hosts.count - 1);
    *out = host;
    return RES_OK;
}

struct acl_host *acl_source_host_named(const struct acl_source *source,
                                       struct name name)
{
    struct row_probe probe = row_probe_of(hash_name(name));
    for (uint32_t row;
         (row = row_index_next(&source->host_by_name, &probe)) != ROW_NONE;) {
        struct acl_host *host = acl_source_host(source, row);
        if (name_equal(host->name, name))
            return host;
    }
    return NULL;
}

void acl_source_prefetch_host(const struct acl_source *source, struct name name)
{
    row_index_prefetch(&source->host_by_name, hash_name(name));
}

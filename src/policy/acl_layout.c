/*
 * Where the compiled ACL lies: the rights of a host side by side, and host names within
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "policy/acl.h"
#include "policy/acl_index.h"

/* How many rights of each of its hosts a grant can come to; 0: more than can be
 * counted. */
static uint32_t count_expansions(const struct acl_grant *grant)
{
    size_t ports = grant->port_count > 0 ? grant->port_count : 1;
    size_t count;

    if (__builtin_mul_overflow(grant->name_count, ports, &count) || count >= UINT32_MAX)
        return 0;
    return (uint32_t)count;
}

/* What each host's own grants can come to, in right_count, and those of every-host. */
static enum result count_rooms(const struct acl_source *source, uint32_t *out_for_all)
{
    *out_for_all = 0;
    for (size_t i = 0; i < source->hosts.count; i++)
        acl_source_host(source, i)->right_count = 0;
    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next) {
        uint32_t *sum = grant->host != NULL ? &grant->host->right_count : out_for_all;
        uint32_t count = count_expansions(grant);
        if (count == 0 || __builtin_add_overflow(*sum, count, sum))
            return RES_EMEM;
    }
    return RES_OK;
}

/* Gives each host its place among the rights. */
static enum result lay_out(const struct acl_source *source, size_t *out_rows,
                           size_t *out_indexed)
{
    uint32_t for_all;
    enum result res = count_rooms(source, &for_all);

    *out_rows = *out_indexed = 0;
    for (size_t i = 0; i < source->hosts.count && res == RES_OK; i++) {
        struct acl_host *host = acl_source_host(source, i);
        size_t room = (size_t)host->right_count + for_all;
        host->first_right = (uint32_t)*out_rows;
        host->right_count = 0;
        host->is_indexed = room > ACL_SCANNED_RIGHTS;
        *out_indexed += host->is_indexed ? room : 0;
        *out_rows += room;
        if (*out_rows >= UINT32_MAX)
            res = RES_EMEM; /* rows are counted by 32 bits */
    }
    return res;
}

enum result acl_make_room(struct acl *acl, uint32_t **out_tails)
{
    size_t rows, indexed;
    enum result res = lay_out(acl->source, &rows, &indexed);

    if (res != RES_OK)
        return res;
    acl->rights = calloc(rows + 1, sizeof(*acl->rights));
    if (acl->rights == NULL)
        return RES_EMEM;
    pages_want_large(acl->rights, rows * sizeof(*acl->rights));
    if (indexed == 0)
        return RES_OK;
    acl->next = calloc(rows, sizeof(*acl->next));
    *out_tails = calloc(rows, sizeof(**out_tails));
    if (acl->next == NULL || *out_tails == NULL)
        return RES_EMEM;
    return row_index_open(&acl->index, indexed, rows);
}

/* Most hosts are granted something below their own name: then it stands there already.
 */
static enum result keep_name(const struct acl *acl, struct acl_host *host)
{
    const struct acl_right *right = acl_host_rights(acl, host);
    size_t len = host->name.len;

    if (host->right_count > 0 && right->owner_len >= len &&
        memcmp(right->octets + right->owner_len - len, host->name.octets, len) == 0)
        host->name.octets = right->octets + right->owner_len - len;
    else
        host->name.octets = arena_pack(acl->arena, host->name.octets, len);
    return host->name.octets != NULL ? RES_OK : RES_EMEM;
}

enum result acl_keep_names(const struct acl *acl)
{
    enum result res = RES_OK;

    for (size_t i = 0; i < acl->source->hosts.count && res == RES_OK; i++)
        res = keep_name(acl, acl_source_host(acl->source, i));
    return res;
}

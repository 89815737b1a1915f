#include "base/rows.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_PAGES 16

void rows_init(struct rows *rows, size_t row_len, struct arena *arena)
{
    *rows = (struct rows){.row_len = row_len, .arena = arena};
}

/* The list of pages has room for a power of two of them. */
static bool is_list_full(size_t pages)
{
    return pages == 0 || (pages >= FIRST_PAGES && (pages & (pages - 1)) == 0);
}

static enum result grow_list(struct rows *rows, size_t pages)
{
    size_t capacity = pages == 0 ? FIRST_PAGES : pages * 2;
    uint8_t **list = arena_array(rows->arena, capacity, sizeof(*list));

    if (list == NULL)
        return RES_EMEM;
    if (pages > 0)
        memcpy(list, rows->pages, pages * sizeof(*list));
    rows->pages = list;
    return RES_OK;
}

static enum result add_page(struct rows *rows)
{
    size_t pages = rows->count / ROWS_PER_PAGE;

    if (is_list_full(pages) && grow_list(rows, pages) != RES_OK)
        return RES_EMEM;
    rows->pages[pages] = arena_array(rows->arena, ROWS_PER_PAGE, rows->row_len);
    return rows->pages[pages] != NULL ? RES_OK : RES_EMEM;
}

void *rows_add(struct rows *rows)
{
    if (rows->count % ROWS_PER_PAGE == 0 && add_page(rows) != RES_OK)
        return NULL;
    return rows_at(rows, rows->count++);
}

/* tsigate key list: every key of the key files and of the ACL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "tsigate/key.h"
#include "tsigate/key_use.h"

enum column {
    COLUMN_KEY,
    COLUMN_ALGORITHM,
    COLUMN_HOST,
    COLUMN_NOT_BEFORE,
    COLUMN_NOT_AFTER,
    COLUMN_LAST_USE,
    COLUMN_FILE,
    COLUMNS,
};

static const char *const headings[COLUMNS] = {
    "KEY", "ALGORITHM", "HOST", "NOT-BEFORE", "NOT-AFTER", "LAST-USE", "FILE",
};
static const char *const members[COLUMNS] = {
    "key", "algorithm", "host", "not_before", "not_after", "last_use", "file",
};

struct row {
    const char *text[COLUMNS]; /* the arena's; NULL: none, or not known */
};

struct table {
    struct tool *tool;
    const struct key_uses *uses;
    struct row *rows;
    size_t count;
};

static const char *time_text(struct tool *tool, int64_t time_s)
{
    char text[TIMESTAMP_TEXT_OCTETS];
    if (time_s == INT64_MIN || time_s == INT64_MAX)
        return NULL;
    return arena_string(&tool->arena, timestamp_format(time_s, text));
}

static struct row *add_row(struct table *table, struct name key)
{
    struct row *row = &table->rows[table->count++];
    row->text[COLUMN_KEY] = tool_name_text(table->tool, key);
    const int64_t *last = key_uses_last(table->uses, row->text[COLUMN_KEY]);
    row->text[COLUMN_LAST_USE] = last != NULL ? time_text(table->tool, *last) : NULL;
    return row;
}

static void fill_file(struct table *table, struct row *row, const struct key *key)
{
    row->text[COLUMN_ALGORITHM] = hmac_algorithm_text(hmac_algorithm_of(key->hmac));
    row->text[COLUMN_FILE] =
        arena_printf(&table->tool->arena, "%s:%u", key->place.file, key->place.line);
}

static void fill_credential(struct table *table, struct row *row,
                            struct acl_credential credential)
{
    row->text[COLUMN_HOST] = tool_name_text(table->tool, credential.host->name);
    row->text[COLUMN_NOT_BEFORE] =
        time_text(table->tool, acl_credential_not_before_s(credential));
    row->text[COLUMN_NOT_AFTER] =
        time_text(table->tool, acl_credential_not_after_s(credential));
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    return strcmp(left->text[COLUMN_KEY], right->text[COLUMN_KEY]);
}

static size_t count_credentials(const struct acl_source *source)
{
    size_t count = 0;
    for (size_t i = 0; i < source->hosts.count; i++) {
        struct acl_credential credential =
            acl_credential_first(acl_source_host(source, i));
        do
            count++;
        while (acl_credential_next(&credential));
    }
    return count;
}

static void add_if_fileless(struct table *table, struct acl_credential credential)
{
    struct name key = acl_credential_name(credential);
    if (keyring_find(&table->tool->snapshot->keyring, key) == NULL)
        fill_credential(table, add_row(table, key), credential);
}

/* Keys of the files with the host that has them, then those that have no file. */
static enum result fill(struct table *table)
{
    const struct snapshot *snapshot = table->tool->snapshot;
    const struct keyring *ring = &snapshot->keyring;
    const struct acl_source *source = &snapshot->source;
    table->rows = arena_array(&table->tool->arena,
                              ring->keys.count + count_credentials(source) + 1,
                              sizeof *table->rows);
    if (table->rows == NULL)
        return RES_EMEM;
    for (size_t i = 0; i < ring->keys.count; i++) {
        const struct key *key = keyring_key(ring, i);
        struct row *row = add_row(table, key->name);
        fill_file(table, row, key);
        if (key->credential.host != NULL)
            fill_credential(table, row, key->credential);
    }
    if (ring->gateway.hmac != NULL) {
        struct row *row = add_row(table, ring->gateway.name);
        fill_file(table, row, &ring->gateway);
        row->text[COLUMN_HOST] = "(gateway)";
    }
    for (size_t i = 0; i < source->hosts.count; i++) {
        struct acl_credential credential =
            acl_credential_first(acl_source_host(source, i));
        do
            add_if_fileless(table, credential);
        while (acl_credential_next(&credential));
    }
    qsort(table->rows, table->count, sizeof *table->rows, compare_rows);
    return RES_OK;
}

static const char *cell(const struct row *row, enum column column)
{
    return row->text[column] != NULL ? row->text[column] : "-";
}

static void print_row(const char *const *cells, const int *widths)
{
    for (size_t i = 0; i + 1 < COLUMNS; i++)
        printf("%-*s  ", widths[i], cells[i]);
    puts(cells[COLUMNS - 1]);
}

static int print_table(const struct table *table)
{
    int widths[COLUMNS];
    const char *cells[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        widths[i] = (int)strlen(headings[i]);
        for (size_t j = 0; j < table->count; j++) {
            int width = (int)strlen(cell(&table->rows[j], (enum column)i));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    print_row(headings, widths);
    for (size_t j = 0; j < table->count; j++) {
        for (size_t i = 0; i < COLUMNS; i++)
            cells[i] = cell(&table->rows[j], (enum column)i);
        print_row(cells, widths);
    }
    return TOOL_DONE;
}

static int print_json(const struct table *table)
{
    struct tool_page *page = tool_page_new(table->tool);
    if (page == NULL)
        return TOOL_OUTSIDE;
    struct json *json = &page->json;
    json_object_open(json, NULL);
    json_bool(json, "last_use_known", table->uses->is_known);
    json_string(json, "last_use_since",
                table->uses->is_known ? time_text(table->tool, table->uses->since_s)
                                      : NULL);
    json_array_open(json, "keys");
    for (size_t j = 0; j < table->count; j++) {
        json_object_open(json, NULL);
        for (size_t i = 0; i < COLUMNS; i++)
            json_string(json, members[i], table->rows[j].text[i]);
        json_object_close(json);
        tool_page_flush(page);
    }
    json_array_close(json);
    json_object_close(json);
    return tool_page_print(page);
}

int key_list(struct tool *tool)
{
    static const struct tool_wanted wanted = {.with_keys = true};
    struct key_uses uses;
    int code = tool_load(tool, &wanted);
    if (code != TOOL_DONE)
        return code;
    struct table table = {.tool = tool, .uses = &uses};
    enum result result = key_uses_ask(tool, &uses);
    if (result == RES_OK)
        result = fill(&table);
    if (result != RES_OK)
        code = tool_no_memory();
    else
        code = tool->is_json ? print_json(&table) : print_table(&table);
    key_uses_fini(&uses);
    return code;
}

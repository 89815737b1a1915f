/* An ACL text, parsed, and what came of it as text: so a case is two strings. */
#ifndef TSIGATE_TESTS_ACLTEST_H
#define TSIGATE_TESTS_ACLTEST_H

#include "base/buf.h"
#include "conf/aclfile.h"

#include <stdlib.h>

#include "unit.h"

struct acltest {
    struct acl_source source;
    struct diags diags;
    enum result result;
    char told[8192]; /* "line:column id\n" of each diagnostic */
};

static inline void acltest_told(struct acltest *test)
{
    struct writer writer = writer_of((uint8_t *)test->told, sizeof(test->told) - 1);
    for (struct diag *diag = test->diags.first; diag != NULL; diag = diag->next)
        writer_printf(&writer, "%u:%u %s\n", diag->place.line, diag->place.column,
                      diag->id);
    test->told[writer.len] = '\0';
}

static inline void acltest_add(struct acltest *test, const char *text, bool is_stock)
{
    /* A copy of exactly its length: the sanitizer sees a step too far. */
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    test->result = aclfile_parse(&test->source, is_stock ? "stock.acl" : "site.acl",
                                 copy, len, is_stock, &test->diags);
    free(copy);
    acltest_told(test);
}

static inline void acltest_open(struct acltest *test)
{
    acl_source_init(&test->source);
    diags_init(&test->diags);
}

static inline void acltest_close(struct acltest *test)
{
    acl_source_fini(&test->source);
    diags_fini(&test->diags);
}

#endif

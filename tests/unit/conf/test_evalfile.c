#include "conf/evalfile.h"

#include <stdlib.h>

#include "dns/type.h"

#include "unit.h"

struct fixture {
    struct arena arena;
    struct diags diags;
    struct eval_row *rows;
    enum result result;
    char told[512];
};

static void parse(struct fixture *f, const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 4096, 0);
    diags_init(&f->diags);
    f->result = evalfile_parse("f", copy, len, &f->arena, &f->diags, &f->rows);
    free(copy);
    for (struct diag *diag = f->diags.first; diag != NULL; diag = diag->next)
        (void)snprintf(f->told + strlen(f->told), sizeof(f->told) - strlen(f->told),
                       "%u:%u %s\n", diag->place.line, diag->place.column, diag->id);
}

static void done(struct fixture *f)
{
    diags_fini(&f->diags);
    arena_fini(&f->arena);
}

static void rows_are_read(void **state)
{
    struct fixture f;
    char text[NAME_TEXT_OCTETS];

    (void)state;
    parse(&f, "# verdict who\n\n"
              "permit Mx1.example add _a.mx1.example TXT \"a -> b\" \"c\" ttl=5 "
              "from=192.0.2.1 -> _a.mx1.s.example # why\n"
              "refuse k delete-rrset \\042.example A -\n"
              "permit k prereq-any a.b ANY - cname=none at=2027-01-01T00:00:00Z\n"
              "refuse k add a TYPE65280 \\# 0 zone=z. cname=t.z -> type-not-granted\n"
              "refuse k add a CAA 0 issue \"x from=y\" cname=servfail\n");
    assert_string_equal(f.told, "");
    const struct eval_row *row = f.rows;
    assert_true(row->is_permit);
    assert_int_equal(row->place.line, 3);
    assert_string_equal(name_to_text(row->who, text), "mx1.example");
    assert_int_equal(row->op, UPDATE_ADD);
    assert_string_equal(row->owner_text, "_a.mx1.example");
    assert_int_equal(row->type, TYPE_TXT);
    assert_string_equal(row->value, "\"a -> b\" \"c\"");
    assert_int_equal(row->value_place.column, 43);
    assert_true(row->has_ttl && row->ttl == 5);
    assert_true(row->has_from && row->from.family == 4);
    assert_false(row->has_at);
    assert_null(row->zone.octets);
    assert_int_equal(row->cname, EVAL_CNAME_BINDING);
    assert_string_equal(row->expected, "_a.mx1.s.example");
    assert_string_equal(name_to_text(row->target, text), "_a.mx1.s.example");
    row = row->next;
    assert_false(row->is_permit);
    assert_int_equal(row->op, UPDATE_DELETE_RRSET);
    assert_string_equal(name_to_text(row->owner, text), "*.example");
    assert_null(row->value);
    assert_null(row->expected);
    row = row->next;
    assert_int_equal(row->type, TYPE_ANY);
    assert_int_equal(row->cname, EVAL_CNAME_NONE);
    assert_true(row->has_at && row->at_s == 1798761600);
    row = row->next;
    assert_int_equal(row->type, 65280);
    assert_string_equal(row->value, "\\# 0");
    assert_string_equal(name_to_text(row->zone, text), "z");
    assert_int_equal(row->cname, EVAL_CNAME_NAME);
    assert_string_equal(name_to_text(row->cname_target, text), "t.z");
    assert_int_equal(row->reason, REASON_TYPE_NOT_GRANTED);
    row = row->next;
    assert_string_equal(row->value, "0 issue \"x from=y\"");
    assert_int_equal(row->cname, EVAL_CNAME_SERVFAIL);
    assert_null(row->next);
    done(&f);
}

static void errors_have_places(void **state)
{
    static const struct {
        const char *name, *text, *told;
    } cases[] = {
        {"a verdict that is none", "deny k add a A 1 -> x y..z\n",
         "1:1 eval-verdict\n1:23 eval-syntax\n"},
        {"columns that are missing", "permit k add\n", "1:13 eval-syntax\n"},
        {"a value that is missing", "permit k add a A -> a\n", "1:18 eval-value\n"},
        {"a value that an option stands for", "permit k add a A ttl=1 -> a\n",
         "1:18 eval-value\n"},
        {"names", "permit a..b add c..d A 1 zone=e..f -> g..h\n",
         "1:8 eval-name\n1:17 eval-name\n1:26 eval-name\n1:39 eval-name\n"},
        {"an operation", "permit k frob a A 1\n", "1:10 eval-operation\n"},
        {"a type", "permit k add a AA 1\npermit k add a TYPE65536 1\n",
         "1:16 eval-type\n2:16 eval-type\n"},
        {"ANY where it is none", "permit k add a ANY -\npermit k delete-name a TXT -\n",
         "1:16 eval-type\n2:24 eval-type\n"},
        {"options", "permit k add a A 1 from=x ttl=4294967296 at=now ttl=1 tll=1\n",
         "1:20 eval-option\n1:27 eval-option\n1:42 eval-option\n1:49 eval-option\n"
         "1:55 eval-option\n"},
        {"a reason", "refuse k add a A 1 -> no\nrefuse k add a A 1 -> permitted\n",
         "1:23 eval-reason\n2:23 eval-reason\n"},
        {"an arrow to nothing", "refuse k add a A 1 ->\n", "1:22 eval-syntax\n"},
        {"two words behind the arrow", "permit k add a A 1 -> b c\n",
         "1:25 eval-syntax\n"},
        {"octets", "permit k add a A \x01\n", "1:18 eval-syntax\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        parse(&f, cases[i].text);
        if (f.result != RES_EFORMAT || strcmp(f.told, cases[i].told) != 0)
            fail_msg("case \"%s\": told %s", cases[i].name, f.told);
        assert_null(f.rows);
        done(&f);
    }
}

/* */
static void memory_may_end_anywhere(void **state)
{
    static const char text[] = "permit a add b TXT \"c\" zone=d cname=e -> f\n";
    enum result result = RES_EMEM;

    (void)state;
    for (size_t limit = 8; result == RES_EMEM; limit += 8) {
        struct arena arena;
        struct diags diags;
        struct eval_row *rows = NULL;
        arena_init(&arena, 4096, limit);
        diags_init(&diags);
        result = evalfile_parse("f", text, strlen(text), &arena, &diags, &rows);
        assert_int_equal(diags.errors, 0);
        diags_fini(&diags);
        arena_fini(&arena);
    }
    assert_int_equal(result, RES_OK);
}

static void shipped_tables_are_good(void **state)
{
    static const char *const names[] = {"corners", "duckcorp", "stock"};
    static char text[262144];
    const char *srcdir = getenv("srcdir");
    char path[512];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/acl/%s.eval",
                       srcdir != NULL ? srcdir : ".", names[i]);
        FILE *file = fopen(path, "r");
        assert_case(path, file != NULL);
        size_t len = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        text[len] = '\0';
        struct fixture f;
        parse(&f, text);
        if (f.result != RES_OK)
            fail_msg("%s: %s%s", path, f.told, f.diags.first->message);
        done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(errors_have_places),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(shipped_tables_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

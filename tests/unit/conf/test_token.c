#include "conf/token.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "unit.h"

/* Each token as KIND LINE:COLUMN WORD. */
static void describe(const char *text, size_t len, bool takes_comments,
                     struct writer *w)
{
    static const char kinds[] = "$w{};!";
    /* Behind the last octet stands nothing that one could read. */
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct token_reader reader = token_reader_of("f", copy, len, takes_comments);
    struct token token;
    do {
        token_next(&reader, &token);
        assert_string_equal(token.place.file, "f");
        writer_printf(w, "%c%u:%u", kinds[token.kind], token.place.line,
                      token.place.column);
        if (token.kind == TOKEN_WORD)
            writer_printf(w, "<%.*s>", (int)token.len, token.chars);
        if (token.kind == TOKEN_BAD)
            writer_printf(w, "(%s)", token.wrong);
        writer_string(w, " ");
    } while (token.kind != TOKEN_END);
    free(copy);
}

static void tokens_and_their_places(void **state)
{
    static const struct {
        const char *name, *text, *with, *without; /* without NULL: the same */
    } cases[] = {
        {"nothing", "", "$1:1 ", NULL},
        {"signs", "a{b;}\n c;", "w1:1<a> {1:2 w1:3<b> ;1:4 }1:5 w2:2<c> ;2:3 $2:4 ",
         NULL},
        {"quotes", "\"a b\" \"\" \"c\"d", "w1:1<a b> w1:7<> w1:10<c> w1:13<d> $1:14 ",
         NULL},
        {"an escape", "\"a\\\"b\" c", "w1:1<a\\\"b> w1:8<c> $1:9 ", NULL},
        {"a quote over lines", "\"a\nb\" c", "w1:1<a\nb> w2:4<c> $2:5 ", NULL},
        {"carriage returns", "a\r\nb\r\n", "w1:1<a> w2:1<b> $3:1 ", NULL},
        {"an open quote", "a \"b", "w1:1<a> !1:3(a quote that is not closed) $1:5 ",
         NULL},
        {"a backslash at the end", "\"a\\", "!1:1(a quote that is not closed) $1:4 ",
         NULL},
        {"an odd octet", "\x80 a",
         "!1:1(an octet that is not printable ASCII) w1:3<a> $1:4 ", NULL},
        {"a line comment", "# {\na // \"\n;", "w2:1<a> ;3:1 $3:2 ",
         "!1:1(a comment) {1:3 w2:1<a> !2:3(a comment) !2:6(a quote that is not "
         "closed) $3:2 "},
        {"a long comment", "a/**/ /* {\n*/b", "w1:1<a/**/> w2:3<b> $2:4 ",
         "w1:1<a/**/> !1:7(a comment) {1:10 w2:1<*/b> $2:4 "},
        {"an open comment", "a /*/", "w1:1<a> !1:3(a comment that is not closed) $1:6 ",
         "w1:1<a> !1:3(a comment) $1:6 "},
        {"a slash alone", "/ a/b", "w1:1</> w1:3<a/b> $1:6 ", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (unsigned takes_comments = 0; takes_comments < 2; takes_comments++) {
            uint8_t octets[512];
            struct writer w = writer_of(octets, sizeof(octets) - 1);
            bool differs = takes_comments == 0 && cases[i].without != NULL;
            describe(cases[i].text, strlen(cases[i].text), takes_comments != 0, &w);
            octets[w.len] = '\0';
            if (strcmp((char *)octets, differs ? cases[i].without : cases[i].with) != 0)
                fail_msg("case \"%s\": %s", cases[i].name, (char *)octets);
        }
    }
}

static void a_nul_is_no_end(void **state)
{
    uint8_t octets[256];
    struct writer w = writer_of(octets, sizeof(octets) - 1);

    (void)state;
    describe("a\0b \"\0\";", 8, true, &w);
    octets[w.len] = '\0';
    assert_string_equal(octets, "w1:1<a> !1:2(an octet that is not printable ASCII) "
                                "w1:3<b> !1:5(a NUL) ;1:8 $1:9 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_and_their_places),
        cmocka_unit_test(a_nul_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

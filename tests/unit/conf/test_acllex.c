#include "conf/aclparse.h"

#include "base/buf.h"
#include "base/limits.h"

#include "unit.h"

/* Every word of a text as "line:column=word|", lines that end a statement as "/". */
static void split(const char *text, size_t len, char *out, size_t capacity, char *told,
                  size_t told_capacity)
{
    struct arena arena;
    struct diags diags;
    struct acl_line line;
    struct writer writer = writer_of((uint8_t *)out, capacity - 1);

    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    struct acl_lexer lexer = {
        .file = "f", .text = text, .len = len, .arena = &arena, .diags = &diags};
    while (acllex_next(&lexer, &line) == RES_OK) {
        for (size_t i = 0; i < line.count; i++)
            writer_printf(&writer, "%u:%u=%s|", line.words[i].place.line,
                          line.words[i].place.column, line.words[i].text);
        writer_string(&writer, line.is_broken ? "!" : "/");
    }
    out[writer.len] = '\0';
    writer = writer_of((uint8_t *)told, told_capacity - 1);
    for (struct diag *diag = diags.first; diag != NULL; diag = diag->next)
        writer_printf(&writer, "%u:%u ", diag->place.line, diag->place.column);
    told[writer.len] = '\0';
    diags_fini(&diags);
    arena_fini(&arena);
}

static void lines_become_words(void **state)
{
    static const struct {
        const char *name, *text, *words, *told;
    } cases[] = {
        {"nothing", "", "", ""},
        {"blank lines and comments", "\n  \n# a\n\t# b", "", ""},
        {"words and tabs", " a\tbb  c \n", "1:2=a|1:4=bb|1:8=c|/", ""},
        {"no newline at the end", "a", "1:1=a|/", ""},
        {"a comment starts at a word's start", "a#b #c\n", "1:1=a#b|/", ""},
        {"octets over 0x7e in a comment", "a # \xc3\xa4\n", "1:1=a|/", ""},
        {"octets over 0x7e elsewhere", "a b\xc3\xa4 c\nd\n", "1:1=a|!2:1=d|/", "1:4 "},
        {"DOS line ends", "a\r\n", "!", "1:2 "},
        {"a carriage return in a comment", "a # b\rc\n", "1:1=a|!", "1:6 "},
        {"an escape sequence", "a \033[31m\n", "1:1=a|!", "1:3 "},
        {"DEL", "a\177\n", "!", "1:2 "},
        {"quotes", "a \"b c\" d\n", "1:1=a|1:3=b c|1:9=d|/", ""},
        {"an empty word", "\"\"\n", "1:1=|/", ""},
        {"escapes in quotes", "\"a\\\"b\\\\c\"\n", "1:1=a\"b\\c|/", ""},
        {"another escape in quotes", "\"a\\.b\"\n", "!", "1:3 "},
        {"quotes behind =", "x=\"a b\" c\n", "1:1=x=a b|1:9=c|/", ""},
        {"quotes in a word", "a\"b\"\n", "!", "1:2 "},
        {"a word behind quotes", "\"a\"b\n", "!", "1:4 "},
        {"an open quote", "a \"b c\nd\n", "1:1=a|!2:1=d|/", "1:3 "},
        {"a tab in quotes", "\"a\tb\"\n", "!", "1:3 "},
        {"# in quotes", "\"# a\" b\n", "1:1=# a|1:7=b|/", ""},
        {"backslashes of names stay", "\\042.a\n", "1:1=\\042.a|/", ""},
        {"continued", "a \\\n  b \\\nc\nd\n", "1:1=a|2:3=b|3:1=c|/4:1=d|/", ""},
        {"continued, abutting, indented", "a\\\n  b\n", "1:1=a|2:3=b|/", ""},
        {"continued within a word", "a\\\nb\nc\n", "1:1=a|!3:1=c|/", "1:2 "},
        {"continued by a comment: not", "a # b \\\nc\n", "1:1=a|/2:1=c|/", ""},
        {"continued by a comment line", "a \\\n  # b\nc\n", "1:1=a|/3:1=c|/", ""},
        {"continued by an empty line", "a \\\n\nb\n", "1:1=a|/3:1=b|/", ""},
        {"continued at the end", "a \\\n", "1:1=a|!", "1:3 "},
        {"continued at the very end", "a \\", "1:1=a|!", "1:3 "},
        {"a blank behind the backslash", "a \\ \nb\n", "1:1=a|!2:1=b|/", "1:3 "},
        {"the rest of a broken line", "a \"b \\\n c\nd\n", "1:1=a|!3:1=d|/", "1:6 "},
    };
    char words[512], told[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        split(cases[i].text, strlen(cases[i].text), words, sizeof(words), told,
              sizeof(told));
        if (strcmp(words, cases[i].words) != 0 || strcmp(told, cases[i].told) != 0)
            fail_msg("case \"%s\": words %s told %s", cases[i].name, words, told);
    }
}

static void nul_is_an_error_everywhere(void **state)
{
    char words[64], told[64];

    (void)state;
    split("a b\0c\n", 6, words, sizeof(words), told, sizeof(told));
    assert_string_equal(words, "1:1=a|!");
    assert_string_equal(told, "1:4 ");
    split("a # b\0c\n", 8, words, sizeof(words), told, sizeof(told));
    assert_string_equal(told, "1:6 ");
}

static void lines_have_4096_octets(void **state)
{
    static char text[LIMIT_LINE_OCTETS + 2], words[2 * LIMIT_LINE_OCTETS];
    char told[64];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[LIMIT_LINE_OCTETS] = '\n';
    split(text, LIMIT_LINE_OCTETS + 1, words, sizeof(words), told, sizeof(told));
    assert_string_equal(told, "");
    text[LIMIT_LINE_OCTETS] = 'a';
    text[LIMIT_LINE_OCTETS + 1] = '\n';
    split(text, LIMIT_LINE_OCTETS + 2, words, sizeof(words), told, sizeof(told));
    assert_string_equal(told, "1:4097 ");
}

static void many_words_fit(void **state)
{
    struct arena arena;
    struct diags diags;
    struct acl_word *words = NULL;
    char text[2000];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? (char)('a' + i / 2 % 26) : ' ';
    arena_init(&arena, 4096, 0);
    diags_init(&diags);
    assert_int_equal(acl_split_line(text, sizeof(text), (struct place){"f", 7, 11},
                                    &arena, &diags, &words, &count),
                     RES_OK);
    assert_int_equal(count, 1000);
    assert_string_equal(words[999].text, "l");
    assert_int_equal(words[999].place.line, 7);
    assert_int_equal(words[999].place.column, 11 + 1998);
    assert_int_equal(acl_split_line("a \\", 3, (struct place){"f", 7, 1}, &arena,
                                    &diags, &words, &count),
                     RES_EFORMAT);
    diags_fini(&diags);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_words),
        cmocka_unit_test(nul_is_an_error_everywhere),
        cmocka_unit_test(lines_have_4096_octets),
        cmocka_unit_test(many_words_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

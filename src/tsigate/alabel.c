#include "tsigate/alabel.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_ascii(const char *chars, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)chars[i] > 0x7f)
            return false;
    }
    return true;
}

static size_t ascii_len(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0' && (unsigned char)text[len] <= 0x7f)
        len++;
    return len;
}

/* text with the label behind it. Stars, placeholders and the like are left alone. */
static const char *add_label(const char *text, const char *chars, size_t len,
                             struct arena *arena)
{
    const char *dot = text[0] != '\0' ? "." : "";
    if (is_ascii(chars, len))
        return arena_printf(arena, "%s%s%.*s", text, dot, (int)len, chars);
    const char *label = arena_string_n(arena, chars, len);
    char *ascii = NULL;
    if (label == NULL ||
        idn2_to_ascii_8z(label, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
            IDN2_OK)
        return NULL;
    const char *longer = arena_printf(arena, "%s%s%s", text, dot, ascii);
    idn2_free(ascii);
    return longer;
}

const char *alabel_of_text(const char *text, size_t len, struct arena *arena)
{
    const char *name = "";
    for (size_t at = 0; at <= len && name != NULL;) {
        const char *dot = memchr(text + at, '.', len - at);
        size_t end = dot != NULL ? (size_t)(dot - text) : len;
        name = add_label(name, text + at, end - at, arena);
        at = end + 1;
    }
    return name;
}

/* The line of that number without its newline. NULL: it is not there. */
static char *read_line(const struct place *place, struct arena *arena)
{
    FILE *stream = fopen(place->file, "re");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len = -1;
    for (unsigned i = 0; stream != NULL && i < place->line; i++) {
        len = getline(&line, &capacity, stream);
        if (len < 0)
            break;
    }
    char *copy = len >= 0 ? arena_string_n(arena, line, (size_t)len) : NULL;
    free(line);
    if (stream != NULL)
        fclose(stream);
    if (copy != NULL)
        copy[strcspn(copy, "\n")] = '\0';
    return copy;
}

const char *alabel_of_word(const struct place *place, struct arena *arena)
{
    static const char blanks[] = " \t\"=";
    char *line = place->file != NULL ? read_line(place, arena) : NULL;
    size_t start = place->column > 0 ? place->column - 1 : 0;
    if (line == NULL || start >= strlen(line))
        return NULL;
    start += ascii_len(line + start); /* not all know where the word itself stands */
    if (line[start] == '\0')
        return NULL;
    while (start > 0 && strchr(blanks, line[start - 1]) == NULL)
        start--;
    return alabel_of_text(line + start, strcspn(line + start, blanks), arena);
}

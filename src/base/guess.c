#include "base/guess.h"

#include <stdbool.h>
#include <string.h>

/* Of what two words have between what both begin and end with. */
#define WORD_OCTETS 24

/* One edit more than is forgiven. */
#define TOO_FAR 3

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits between two short words, neighbours that changed places counting as one. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[3][WORD_OCTETS + 1];
    if (a_len > WORD_OCTETS || b_len > WORD_OCTETS)
        return TOO_FAR;
    for (size_t i = 0; i <= a_len; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *older = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            if (i == 0) {
                now[j] = (unsigned)j;
                continue;
            }
            unsigned differs = a[i - 1] != b[j - 1];
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differs);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min3(now[j], older[j - 2] + 1, WORD_OCTETS);
        }
    }
    return row[a_len % 3][b_len];
}

struct guess guess_of(const char *word)
{
    return (struct guess){word, NULL, TOO_FAR};
}

void guess_add(struct guess *guess, const char *candidate)
{
    const char *word = guess->word;
    size_t len = strlen(candidate), word_len = strlen(word);
    size_t same = 0; /* what both begin with costs nothing */
    while (word[same] != '\0' && word[same] == candidate[same])
        same++;
    same -= same > 0; /* a swap may begin there */
    size_t tail = 0;
    while (tail < len - same && tail < word_len - same &&
           word[word_len - tail - 1] == candidate[len - tail - 1])
        tail++;
    tail -= tail > 0;
    unsigned distance = edit_distance(word + same, word_len - same - tail,
                                      candidate + same, len - same - tail);
    if (distance >= len || distance >= word_len)
        return; /* nothing would be left of it */
    bool is_tie = guess->text != NULL && distance == guess->distance;
    if (distance < guess->distance || (is_tie && strcmp(candidate, guess->text) < 0)) {
        guess->text = candidate;
        guess->distance = distance;
    }
}

const char *guess_lead(const struct guess *guess)
{
    return guess->text != NULL ? "; did you mean " : "";
}

const char *guess_text(const struct guess *guess)
{
    return guess->text != NULL ? guess->text : "";
}

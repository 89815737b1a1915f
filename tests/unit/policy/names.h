/* Names in presentation form, for the tests of policy. */
#ifndef TSIGATE_TESTS_POLICY_NAMES_H
#define TSIGATE_TESTS_POLICY_NAMES_H

#include "base/arena.h"
#include "dns/name.h"
#include "unit.h"

static inline struct name name_in(struct arena *arena, const char *text)
{
    struct name_buf room;

    assert_int_equal(name_from_text(text, strlen(text), &room), RES_OK);
    struct name name = name_copy(arena, name_of(&room));
    assert_non_null(name.octets);
    return name;
}

/* expected NULL: there is to be no name. */
static inline void assert_name(struct name name, const char *expected)
{
    char text[NAME_TEXT_OCTETS];

    if (expected == NULL) {
        if (name.octets != NULL)
            fail_msg("got %s, expected no name", name_to_text(name, text));
        return;
    }
    if (name.octets == NULL)
        fail_msg("no name, expected %s", expected);
    assert_string_equal(name_to_text(name, text), expected);
}

#endif

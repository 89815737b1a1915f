#include "base/buf.h"

#include "unit.h"

static const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

static void numbers_are_big_endian(void **state)
{
    struct reader r = reader_of(octets, sizeof(octets));

    (void)state;
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_true(reader_u48(&r) == UINT64_C(0x08090a0b0c0d));
    assert_int_equal(reader_left(&r), 0);
    assert_false(r.failed);
}

static void the_first_failure_sticks(void **state)
{
    struct reader r = reader_of(octets, 3);

    (void)state;
    assert_int_equal(reader_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0); /* though three octets are there */
    assert_int_equal(reader_left(&r), 0);
    assert_null(reader_octets(&r, 0));
}

static void lengths_cannot_wrap(void **state)
{
    struct reader r = reader_of(octets, 3);
    struct writer w;
    uint8_t room[4];

    (void)state;
    reader_skip(&r, 1);
    assert_null(reader_octets(&r, SIZE_MAX));
    assert_true(r.failed);
    w = writer_of(room, sizeof(room));
    writer_hex(&w, octets, SIZE_MAX);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

static void a_part_is_read_alone(void **state)
{
    struct reader r = reader_of(octets, 5);
    struct reader part = reader_sub(&r, 2);

    (void)state;
    assert_int_equal(reader_u16(&part), 0x0102);
    assert_int_equal(reader_u8(&part), 0);
    assert_true(part.failed);
    assert_int_equal(reader_u8(&r), 3);
    part = reader_sub(&r, 3);
    assert_true(part.failed && r.failed);
}

static void writing_is_all_or_nothing(void **state)
{
    uint8_t room[8];
    struct writer w = writer_of(room, 7);

    (void)state;
    writer_u8(&w, 1);
    writer_u48(&w, UINT64_C(0x020304050607));
    assert_memory_equal(room, octets, 7);
    writer_u8(&w, 8);
    assert_true(w.failed);
    writer_rewind(&w, 3);
    assert_false(w.failed);
    writer_u32(&w, 0x04050607);
    assert_int_equal(w.len, 7);
    writer_rewind(&w, 6);
    writer_u16(&w, 1); /* one too many: nothing of it is written */
    assert_int_equal(w.len, 6);
    writer_rewind(&w, 99);
    assert_int_equal(w.len, 6);
    writer_octets(&w, NULL, 0);
    assert_false(w.failed);
}

static void counts_are_overwritten_in_place(void **state)
{
    uint8_t room[4];
    struct writer w = writer_of(room, sizeof(room));

    (void)state;
    writer_u16_at(&w, 0, 1);
    assert_true(w.failed);
    writer_rewind(&w, 0);
    writer_u32(&w, 0);
    writer_u16_at(&w, 2, 0x0102);
    assert_false(w.failed);
    assert_memory_equal(room, "\0\0\1\2", 4);
    writer_u16_at(&w, 3, 1);
    assert_true(w.failed);
}

static void text_is_cut_at_whole_calls(void **state)
{
    uint8_t room[8];
    struct writer w = writer_of(room, sizeof(room));

    (void)state;
    writer_string(&w, "ab");
    writer_printf(&w, "%u", 123u);
    writer_hex(&w, octets, 1);
    assert_int_equal(w.len, 7);
    assert_memory_equal(room, "ab12301", 7);
    writer_printf(&w, "%s", "xy");
    assert_true(w.failed);
    assert_int_equal(w.len, 7);
    writer_printf(&w, "z");
    assert_int_equal(w.len, 7);
}

static void numbers_as_text(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1900000000, "1900000000"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t room[20];
        size_t len = strlen(cases[i].text);
        struct writer w = writer_of(room, len);
        struct writer narrow = writer_of(room, len - 1);
        writer_decimal(&w, cases[i].number);
        assert_int_equal(w.len, len);
        assert_memory_equal(room, cases[i].text, len);
        writer_decimal(&narrow, cases[i].number);
        assert_true(narrow.failed);
        assert_int_equal(narrow.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(lengths_cannot_wrap),
        cmocka_unit_test(a_part_is_read_alone),
        cmocka_unit_test(writing_is_all_or_nothing),
        cmocka_unit_test(counts_are_overwritten_in_place),
        cmocka_unit_test(text_is_cut_at_whole_calls),
        cmocka_unit_test(numbers_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

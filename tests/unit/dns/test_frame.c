#include "dns/frame.h"

#include "unit.h"

/* Three messages of 12, 13 and 300 octets, one behind the other. */
static size_t make_stream(uint8_t *stream)
{
    static const uint16_t lens[] = {12, 13, 300};
    size_t at = 0;

    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        stream[at++] = (uint8_t)(lens[i] >> 8);
        stream[at++] = (uint8_t)lens[i];
        for (unsigned k = 0; k < lens[i]; k++)
            stream[at++] = (uint8_t)(k + i);
    }
    return at;
}

/* N-2: whatever the pieces. */
static void pieces_do_not_matter(void **state)
{
    uint8_t stream[512];
    size_t whole = make_stream(stream);

    (void)state;
    for (size_t piece = 1; piece <= whole; piece++) {
        struct frame frame;
        size_t messages = 0, total = 0;
        frame_init(&frame, 1000);
        for (size_t at = 0; at < whole; at += piece) {
            const uint8_t *octets = stream + at;
            size_t len = whole - at < piece ? whole - at : piece;
            const uint8_t *message;
            size_t message_len;
            do {
                assert_int_equal(
                    frame_push(&frame, &octets, &len, &message, &message_len), RES_OK);
                if (message != NULL) {
                    assert_false(frame_is_partial(&frame));
                    assert_memory_equal(message, stream + total + 2, message_len);
                    total += 2 + message_len;
                    messages++;
                }
            } while (message != NULL);
            assert_int_equal(len, 0);
            size_t next = at + piece < whole ? at + piece : whole;
            assert_int_equal(frame_is_partial(&frame), next != total);
        }
        assert_int_equal(messages, 3);
        assert_int_equal(total, whole);
        assert_null(frame.octets); /* idle: no memory is held */
        frame_fini(&frame);
    }
}

static void lengths_out_of_bounds_close(void **state)
{
    static const struct {
        const char *name;
        uint8_t prefix[2];
        enum result result;
    } cases[] = {
        {"zero", {0, 0}, RES_ERANGE},           {"under a header", {0, 11}, RES_ERANGE},
        {"a header", {0, 12}, RES_OK},          {"the limit", {1, 0}, RES_OK},
        {"over the limit", {1, 1}, RES_ERANGE}, {"the most", {255, 255}, RES_ERANGE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame frame;
        const uint8_t *octets = cases[i].prefix;
        const uint8_t *message;
        size_t len = 2, message_len;
        frame_init(&frame, 256);
        assert_case(cases[i].name, frame_push(&frame, &octets, &len, &message,
                                              &message_len) == cases[i].result);
        assert_null(message);
        /* It does not recover. */
        assert_case(cases[i].name, frame_push(&frame, &octets, &len, &message,
                                              &message_len) == cases[i].result);
        frame_fini(&frame);
    }
}

static void nothing_is_taken_before_the_length_is_known(void **state)
{
    struct frame frame;
    const uint8_t octet = 1;
    const uint8_t *octets = &octet;
    const uint8_t *message;
    size_t len = 1, message_len;

    (void)state;
    frame_init(&frame, 65535);
    assert_false(frame_is_partial(&frame));
    assert_int_equal(frame_push(&frame, &octets, &len, &message, &message_len), RES_OK);
    assert_null(frame.octets);
    assert_true(frame_is_partial(&frame));
    frame_fini(&frame);
    frame_fini(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(lengths_out_of_bounds_close),
        cmocka_unit_test(nothing_is_taken_before_the_length_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

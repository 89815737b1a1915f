#include "net/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may wait for a reader, and be on its way to it. */
#define TAIL_OCTETS   (256 * 1024)
#define NOTICE_OCTETS 64

struct pile {
    size_t len;
    char octets[TAIL_OCTETS];
};

struct tail {
    uv_stream_t *stream;
    void (*on_failed)(void *arg);
    void *arg;
    uv_write_t write;
    bool is_writing;
    uint64_t left_out; /* lines, not yet told */
    struct pile *gathering;
    struct pile *sending;
};

struct tail *tail_new(uv_stream_t *stream, void (*on_failed)(void *arg), void *arg)
{
    struct tail *tail = calloc(1, sizeof(*tail));

    if (tail == NULL)
        return NULL;
    tail->stream = stream;
    tail->on_failed = on_failed;
    tail->arg = arg;
    tail->gathering = malloc(sizeof(*tail->gathering));
    tail->sending = malloc(sizeof(*tail->sending));
    if (tail->gathering == NULL || tail->sending == NULL) {
        tail_free(&tail);
        return NULL;
    }
    tail->gathering->len = tail->sending->len = 0;
    return tail;
}

void tail_free(struct tail **tail)
{
    if (*tail == NULL)
        return;
    free((*tail)->gathering);
    free((*tail)->sending);
    free(*tail);
    *tail = NULL;
}

static bool put(struct pile *pile, const void *octets, size_t len)
{
    if (len > sizeof(pile->octets) - pile->len)
        return false;
    memcpy(pile->octets + pile->len, octets, len);
    pile->len += len;
    return true;
}

/* Where lines are missing, in their place. */
static bool put_notice(struct tail *tail)
{
    char notice[NOTICE_OCTETS];

    if (tail->left_out == 0)
        return true;
    int len =
        snprintf(notice, sizeof(notice),
                 "{\"event\":\"left-out\",\"lines\":%" PRIu64 "}\n", tail->left_out);
    if (!put(tail->gathering, notice, (size_t)len))
        return false;
    tail->left_out = 0;
    return true;
}

void tail_line(struct tail *tail, const void *line, size_t len)
{
    if (!put_notice(tail) || !put(tail->gathering, line, len))
        tail->left_out++;
}

static void on_written(uv_write_t *write, int status)
{
    struct tail *tail = write->data;

    tail->is_writing = false;
    if (status == UV_ECANCELED)
        return; /* closed meanwhile */
    if (status != 0) {
        tail->on_failed(tail->arg);
        return;
    }
    (void)put_notice(tail);
    tail_flush(tail);
}

void tail_flush(struct tail *tail)
{
    struct pile *pile = tail->gathering;

    if (tail->is_writing || pile->len == 0)
        return;
    tail->gathering = tail->sending;
    tail->gathering->len = 0;
    tail->sending = pile;
    tail->write.data = tail;
    tail->is_writing = true;
    uv_buf_t buf = uv_buf_init(pile->octets, (unsigned)pile->len);
    if (uv_write(&tail->write, tail->stream, &buf, 1, on_written) != 0) {
        tail->is_writing = false;
        tail->on_failed(tail->arg);
    }
}

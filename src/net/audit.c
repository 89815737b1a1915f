#include "net/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/aside.h"
#include "net/audit_back.h"
#include "net/clock.h"
#include "net/logger.h"
#include "txn/log.h"

/* Room taken at once, ahead of what is written. */
#define RESERVE_OCTETS (256 * 1024)
/* Entries of the transaction table outlive their window by less than this. */
#define AUDIT_SLACK_S 60

struct audit {
    char *path;
    int fd;
    int retired_fd; /* of the file before, while its last sync is under way; -1: none */
    off_t size;     /* where the last lines end that were written whole */
    off_t reserved; /* up to here the disk has room for us */
    int error;      /* of the last write, said once; 0: it worked */
    struct txns *txns; /* from audit_start to audit_stop */
    struct aside *syncer;
    struct errand sync;
    int sync_fd, sync_error; /* the thread's while is_syncing */
    bool is_syncing;
    uint64_t syncing;      /* the token of the sync under way */
    uint64_t wanted;       /* the newest token asked for */
    struct log_scan *past; /* until audit_start */
};

/* ---- writing ---- */

/* write(2) until all is out; what a failure leaves behind is cut off again by who
 * calls. */
static enum result write_all(int fd, const uint8_t *octets, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, octets, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return RES_EIO;
        }
        octets += n;
        len -= (size_t)n;
    }
    return RES_OK;
}

static bool reserve_octets(const struct audit *audit, size_t len)
{
    return fallocate(audit->fd, FALLOC_FL_KEEP_SIZE, audit->size, (off_t)len) == 0;
}

/* A full disk shall tell before half a line is written: where the file is append-only,
 * as L-4 advises, nobody could cut that off again before the next start. A file system
 * that cannot reserve is taken at write(2)'s word. */
static enum result reserve(struct audit *audit, size_t len)
{
    if (audit->size + (off_t)len <= audit->reserved)
        return RES_OK;
    if (reserve_octets(audit, len + RESERVE_OCTETS))
        len += RESERVE_OCTETS;
    else if (!reserve_octets(audit, len))
        return errno == ENOSPC || errno == EDQUOT ? RES_EIO : RES_OK;
    audit->reserved = audit->size + (off_t)len;
    return RES_OK;
}

/* Back to the last lines that were written whole, where there is something behind
 * them. */
static enum result cut_back(const struct audit *audit)
{
    struct stat status;

    if (fstat(audit->fd, &status) == 0 && status.st_size == audit->size)
        return RES_OK;
    return ftruncate(audit->fd, audit->size) == 0 ? RES_OK : RES_EIO;
}

/* While the file cannot be cut back to where it was nothing is appended: half a line
 * and a whole one would make one that nobody can read. */
static enum result fail_write(struct audit *audit)
{
    int error = errno;

    if (audit->error == 0)
        logger_printf(LEVEL_ERROR, "audit log: cannot write: %s", strerror(error));
    audit->error = error != 0 ? error : EIO;
    if (cut_back(audit) != RES_OK)
        logger_printf(LEVEL_ERROR, "audit log: cannot cut off half a line: %s",
                      strerror(errno));
    return RES_EIO;
}

enum result audit_write(struct audit *audit, const uint8_t *lines, size_t len)
{
    if (audit->error != 0 && cut_back(audit) != RES_OK)
        return RES_EIO;
    if (reserve(audit, len) != RES_OK || write_all(audit->fd, lines, len) != RES_OK)
        return fail_write(audit);
    audit->size += (off_t)len;
    if (audit->error != 0)
        logger_write(LEVEL_NOTICE, "audit log: can be written again");
    audit->error = 0;
    return RES_OK;
}

/* ---- syncing ---- */

static void start_sync(struct audit *audit);

static void sync_file(void *arg)
{
    struct audit *audit = arg;

    audit->sync_error = fdatasync(audit->sync_fd) != 0 ? errno : 0;
}

static void on_synced(void *arg)
{
    struct audit *audit = arg;
    int error = audit->sync_error;

    audit->is_syncing = false;
    if (audit->retired_fd >= 0)
        (void)close(audit->retired_fd);
    audit->retired_fd = -1;
    if (audit->txns == NULL)
        return;
    if (error != 0)
        logger_printf(LEVEL_ERROR, "audit log: cannot sync: %s", strerror(error));
    txn_on_synced(audit->txns, audit->syncing, error == 0 ? RES_OK : RES_EIO,
                  clock_now());
    if (audit->wanted > audit->syncing && !audit->is_syncing)
        start_sync(audit);
}

static void start_sync(struct audit *audit)
{
    audit->syncing = audit->wanted;
    audit->sync_fd = audit->fd;
    audit->is_syncing = true;
    aside_run(audit->syncer, &audit->sync);
}

/* One at a time: what is asked for meanwhile shares the next one. */
void audit_sync(struct audit *audit, uint64_t token)
{
    audit->wanted = token;
    if (!audit->is_syncing)
        start_sync(audit);
}

/* ---- reading back ---- */

/* L-2: what a crash left open ends as unknown. */
static enum result end_intents(struct audit *audit, const struct log_scan *scan,
                               struct log_chain *chain, size_t unresolved,
                               struct txn_now now)
{
    size_t capacity = log_scan_result_octets(scan);
    uint8_t *line = unresolved > 0 ? malloc(capacity) : NULL;
    enum result res = unresolved > 0 && line == NULL ? RES_EMEM : RES_OK;

    for (size_t i = 0; i < unresolved && res == RES_OK; i++) {
        struct writer w = writer_of(line, capacity);
        res = log_scan_write_result(scan, i, chain, now.real_us, &w);
        if (res == RES_OK)
            res = audit_write(audit, w.octets, w.len);
    }
    free(line);
    if (unresolved > 0 && res == RES_OK)
        logger_printf(LEVEL_WARNING,
                      "audit log: %zu requests had no result when the last run ended: "
                      "their outcome is unknown",
                      unresolved);
    return res;
}

/* T-20: whether the lines tell of every request that could come again. */
static bool is_past_whole(const struct audit_back *back, const struct log_found *found)
{
    return found->torn == 0 && !found->is_strange &&
           (back->is_tail || found->has_beginning);
}

static enum result recover(struct audit *audit, const char *path,
                           struct audit_back *back, struct txn_now now,
                           struct txn_journal *journal)
{
    struct log_found found;
    enum result res = audit_back_read(back, path);

    if (res == RES_OK && back->is_cut)
        res = audit_write(audit, (const uint8_t *)"\n", 1);
    if (res != RES_OK)
        return res;
    log_scan_end(back->scan, &found);
    if (found.torn > 0)
        logger_printf(LEVEL_WARNING, "audit log: torn lines: %zu", found.torn);
    if (is_past_whole(back, &found))
        journal->past = back->scan;
    res = end_intents(audit, back->scan, &found.chain, found.unresolved, now);
    journal->next_seq = found.chain.next_seq;
    memcpy(journal->prev, found.chain.prev, sizeof(journal->prev));
    return res;
}

static enum result read_back(struct audit *audit, const char *path,
                             uint32_t max_fudge_s, struct txn_now now,
                             struct txn_journal *journal)
{
    int64_t from_s = now.real_us / 1000000 - max_fudge_s - AUDIT_SLACK_S;

    audit->past = log_scan_new(from_s > 0 ? (uint64_t)from_s : 0);
    if (audit->past == NULL)
        return RES_EMEM;
    struct audit_back back = {
        .max_fudge_s = max_fudge_s, .now_us = now.real_us, .scan = audit->past};
    return recover(audit, path, &back, now, journal);
}

/* ---- opening ---- */

/* is_first_start: nobody has ever written there (T-20). */
static enum result open_file(const char *path, int *out_fd, bool *out_is_first_start)
{
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK;

    *out_is_first_start = false;
    int fd = open(path, flags);
    if (fd < 0 && errno == ENOENT) {
        *out_is_first_start = true;
        fd = open(path, flags | O_CREAT | O_EXCL, 0640);
    }
    *out_fd = fd;
    return fd < 0 ? RES_EIO : RES_OK;
}

/* One writer, or the chain of lines would fork. */
static enum result take_file(int fd, off_t *out_size)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return RES_EIO;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return RES_EIO;
    }
    *out_size = status.st_size;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return RES_OK;
    return errno == EWOULDBLOCK ? RES_EEXISTS : RES_EIO;
}

static const char *what_failed(enum result res)
{
    if (res == RES_EEXISTS)
        return "another process writes to it";
    if (res == RES_ERANGE)
        return "a line is longer than any that we write: is it an audit log?";
    return res == RES_EMEM ? "no memory" : strerror(errno);
}

enum result audit_open(const char *path, uint32_t max_fudge_s, struct txn_now now,
                       struct audit **out, struct txn_journal *out_journal)
{
    struct audit *audit = calloc(1, sizeof(*audit));

    *out_journal = (struct txn_journal){.next_seq = 1, .booted_us = clock_booted_us()};
    if (audit == NULL)
        return RES_EMEM;
    audit->fd = audit->retired_fd = -1;
    audit->path = strdup(path);
    if (audit->path == NULL) {
        audit_close(&audit);
        return RES_EMEM;
    }
    enum result res = open_file(path, &audit->fd, &out_journal->is_first_start);
    if (res == RES_OK)
        res = take_file(audit->fd, &audit->size);
    if (res == RES_OK)
        res = read_back(audit, path, max_fudge_s, now, out_journal);
    if (res == RES_OK && fdatasync(audit->fd) != 0)
        res = RES_EIO;
    if (res != RES_OK) {
        logger_printf(LEVEL_ERROR, "audit log %s: %s", path, what_failed(res));
        audit_close(&audit);
        return res;
    }
    *out = audit;
    return RES_OK;
}

/* ---- rotation ---- */

/* The name of a file that has just been made has to outlive a power failure as well. */
static enum result sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    int fd = folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum result res = fd >= 0 && fsync(fd) == 0 ? RES_OK : RES_EIO;

    if (fd >= 0)
        (void)close(fd);
    free(folder);
    return res;
}

static bool is_same_file(int a, int b)
{
    struct stat of_a, of_b;

    return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

/* Whether fd may take the old file's place; NULL: it may. */
static const char *why_not(const struct audit *audit, int fd)
{
    off_t size = 0;

    if (fd < 0)
        return strerror(errno);
    if (is_same_file(fd, audit->fd))
        return "it is the file that is written to: move it away first";
    if (audit->retired_fd >= 0)
        return "the last rotation is not over: try again";
    enum result res = take_file(fd, &size);
    if (res != RES_OK)
        return what_failed(res);
    if (size > 0)
        return "the file in its place is not empty";
    if (sync_folder(audit->path) != RES_OK || fdatasync(audit->fd) != 0)
        return strerror(errno);
    return NULL;
}

/* What was written is on disk, and what is still to be synced with it. The thread may
 * be at it: then the descriptor stays until it is done. */
static void retire_file(struct audit *audit)
{
    if (audit->is_syncing)
        audit->retired_fd = audit->fd;
    else
        (void)close(audit->fd);
}

const char *audit_rotate(struct audit *audit)
{
    bool is_new;
    int fd = -1;

    (void)open_file(audit->path, &fd, &is_new);
    const char *why = why_not(audit, fd);
    if (why != NULL) {
        if (fd >= 0)
            (void)close(fd);
        return why;
    }
    retire_file(audit);
    audit->fd = fd;
    audit->size = audit->reserved = 0;
    audit->error = 0;
    return NULL;
}

enum result audit_start(struct audit *audit, uv_loop_t *loop, struct txns *txns)
{
    audit->txns = txns;
    audit->sync = (struct errand){sync_file, on_synced, audit};
    log_scan_free(&audit->past);
    return aside_new(loop, ASIDE_PROMPT, &audit->syncer);
}

void audit_stop(struct audit *audit)
{
    audit->txns = NULL;
    if (audit->syncer != NULL)
        aside_close(audit->syncer);
}

void audit_status(const struct audit *audit, struct json *json)
{
    json_object_open(json, "audit");
    json_string(json, "file", audit->path);
    json_bool(json, "writable", audit->error == 0);
    json_string(json, "error", audit->error != 0 ? strerror(audit->error) : NULL);
    json_number(json, "octets", audit->size);
    json_object_close(json);
}

void audit_close(struct audit **audit)
{
    if (*audit == NULL)
        return;
    aside_free(&(*audit)->syncer);
    if ((*audit)->fd >= 0)
        (void)close((*audit)->fd);
    if ((*audit)->retired_fd >= 0)
        (void)close((*audit)->retired_fd);
    log_scan_free(&(*audit)->past);
    free((*audit)->path);
    free(*audit);
    *audit = NULL;
}

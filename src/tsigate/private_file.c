#include "tsigate/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"

/* ---- text ---- */

/* The word that at, an '@', begins; NULL: none. */
static const struct private_word *word_at(const char *at,
                                          const struct private_word *words)
{
    for (; words->word != NULL; words++) {
        size_t len = strlen(words->word);
        if (strncmp(at + 1, words->word, len) == 0 && at[1 + len] == '@')
            return words;
    }
    return NULL;
}

enum result private_write(int fd, const char *template,
                          const struct private_word *words)
{
    enum result result = RES_OK;
    while (result == RES_OK && *template != '\0') {
        const struct private_word *word =
            *template == '@' ? word_at(template, words) : NULL;
        if (word == NULL) {
            size_t len = 1 + strcspn(template + 1, "@");
            result = disk_write(fd, template, len);
            template += len;
            continue;
        }
        result = word->text != NULL
                     ? disk_write(fd, word->text, strlen(word->text))
                     : disk_write(fd, word->secret->octets, word->secret->len);
        template += strlen(word->word) + 2;
    }
    return result;
}

/* ---- files ---- */

/* The folder with its slash; "" for the one where we are. */
static int folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (int)(slash + 1 - path) : 0;
}

enum result private_file_open(struct private_file *file, const char *path,
                              struct arena *arena)
{
    struct stat stat;
    int folder = folder_len(path);
    *file = (struct private_file){.path = path, .fd = -1};
    if (lstat(path, &stat) == 0)
        return RES_EEXISTS;
    /* Hidden, so that no pattern of `keys` takes it for a key file meanwhile. */
    file->temporary =
        arena_printf(arena, "%.*s.%s.XXXXXX", folder, path, path + folder);
    if (file->temporary == NULL)
        return RES_EMEM;
    file->fd = mkostemp(file->temporary, O_CLOEXEC); /* 0600 whatever the umask */
    return file->fd >= 0 ? RES_OK : RES_EIO;
}

enum result private_file_commit(struct private_file *file)
{
    enum result result = fsync(file->fd) == 0 ? RES_OK : RES_EIO;
    /* link and not rename: it never replaces anything. */
    if (result == RES_OK && link(file->temporary, file->path) != 0)
        result = errno == EEXIST ? RES_EEXISTS : RES_EIO;
    int error = errno;
    private_file_abort(file);
    if (result == RES_OK)
        return disk_sync_folder_of(file->path);
    errno = error;
    return result;
}

void private_file_abort(struct private_file *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    (void)unlink(file->temporary);
    file->fd = -1;
}

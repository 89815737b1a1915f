#include "tlsa/scan_map.h"

#include <string.h>

static const char *const extensions[] = {".pem", ".crt", ".cer", ".der"};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- the map file ---- */

#define BLANKS " \t\r"

/* The next word, ended where it stands; NULL: none. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, BLANKS);
    char *end = word + strcspn(word, BLANKS);
    *at = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return *word != '\0' ? word : NULL;
}

static enum result take_name(const char *word, struct arena *arena,
                             struct scan_host *host)
{
    struct name_buf buf;
    if (name_from_text(word, strlen(word), &buf) != RES_OK)
        return RES_EFORMAT;
    host->name = name_copy(arena, name_of(&buf));
    return host->name.octets != NULL ? RES_OK : RES_EMEM;
}

static enum result take_line(struct place place, char *line, struct arena *arena,
                             struct diags *diags, struct scan_host *host)
{
    line[strcspn(line, "#")] = '\0';
    char *word = next_word(&line);
    if (word == NULL)
        return RES_ENOTFOUND;
    if (take_name(word, arena, host) != RES_OK) {
        diags_error(diags, place, "", "\"%s\" is no name", word);
        return RES_EFORMAT;
    }
    while ((word = next_word(&line)) != NULL) {
        if (host->count == SCAN_SERVICES ||
            service_parse(word, '/', &host->services[host->count++]) != RES_OK) {
            diags_error(diags, place, "",
                        "\"%s\": expected PORT/tcp, udp or sctp, up to %d of them",
                        word, SCAN_SERVICES);
            return RES_EFORMAT;
        }
    }
    if (host->count > 0)
        return RES_OK;
    diags_error(diags, place, "", "expected a name and its services, as in 25/tcp");
    return RES_EFORMAT;
}

enum result scan_map_parse(const char *file, const char *text, size_t len,
                           struct arena *arena, struct diags *diags,
                           struct scan_host **hosts)
{
    struct scan_host **end = hosts;
    enum result result = RES_OK;
    struct place place = {.file = file};
    for (const char *at = text; at < text + len;) {
        const char *newline = memchr(at, '\n', (size_t)(text + len - at));
        size_t line_len = (size_t)((newline != NULL ? newline : text + len) - at);
        char *line = arena_string_n(arena, at, line_len);
        struct scan_host *host = arena_alloc(arena, sizeof *host);
        if (line == NULL || host == NULL)
            return RES_EMEM;
        place.line++;
        enum result one = take_line(place, line, arena, diags, host);
        if (one == RES_OK) {
            *end = host;
            end = &host->next;
        } else if (one != RES_ENOTFOUND) {
            result = one;
        }
        at += line_len + 1;
    }
    return result;
}

/* ---- file names ---- */

static const char *extension_of(const char *base)
{
    const char *dot = strrchr(base, '.');
    for (size_t i = 0; dot != NULL && i < sizeof extensions / sizeof extensions[0];
         i++) {
        if (strcmp(dot, extensions[i]) == 0)
            return dot;
    }
    return NULL;
}

bool scan_is_certificate(const char *path)
{
    const char *base = base_of(path);
    return base[0] != '.' && extension_of(base) != NULL;
}

enum result scan_map_of_file(const char *path, struct arena *arena,
                             struct scan_host *out)
{
    const char *base = base_of(path);
    const char *extension = extension_of(base);
    *out = (struct scan_host){.count = 0};
    if (extension == NULL)
        return RES_ENOTFOUND;
    char *stem = arena_string_n(arena, base, (size_t)(extension - base));
    if (stem == NULL)
        return RES_EMEM;
    char *mark = strrchr(stem, '_');
    while (mark != NULL && out->count < SCAN_SERVICES &&
           service_parse(mark + 1, '-', &out->services[out->count]) == RES_OK) {
        out->count++;
        *mark = '\0';
        mark = strrchr(stem, '_');
    }
    if (out->count == 0 || take_name(stem, arena, out) != RES_OK)
        return RES_ENOTFOUND;
    return RES_OK;
}

/* Runs every seed of a fuzz target's corpus once, or the files named as arguments. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *octets = malloc(1 << 20);

    if (file == NULL || octets == NULL) {
        perror(path);
        exit(1);
    }
    size_t len = fread(octets, 1, 1 << 20, file);
    (void)fclose(file);
    /* Memory of just the right length, so that a sanitizer sees a read behind it. */
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    if (exact == NULL)
        exit(1);
    memcpy(exact, octets, len);
    free(octets);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static unsigned run_folder(const char *folder)
{
    char path[2048];
    unsigned count = 0;
    DIR *dir = opendir(folder);

    if (dir == NULL) {
        perror(folder);
        exit(1);
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        run_file(path);
        count++;
    }
    (void)closedir(dir);
    return count;
}

/* "tests/fuzz/fuzz_text" has its seeds in "text". */
static const char *corpus_of(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;

    if (fuzz_corpus != NULL)
        return fuzz_corpus;
    return strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
}

int main(int argc, char **argv)
{
    char folder[1024];
    const char *srcdir = getenv("srcdir");

    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    if (argc > 1)
        return 0;
    (void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
                   srcdir == NULL ? "." : srcdir, corpus_of(argv[0]));
    unsigned count = run_folder(folder);
    printf("%s: %u seeds\n", folder, count);
    return count > 0 ? 0 : 1;
}

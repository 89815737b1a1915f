/*
 * tsigate-tlsa scan: a private CA's folder of certificates becomes a zone's include.
 * All or nothing: a file that cannot be read leaves the include as it is.
 */
#include <fts.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/file.h"
#include "tlsa/certfile.h"
#include "tlsa/generated_file.h"
#include "tlsa/scan_map.h"

#define SCAN_LINES      100000
#define SCAN_DEPTH      16
#define SCAN_MAP_OCTETS (1024 * 1024)

struct scan {
    struct tool *tool;
    char *folder;
    const char *out;
    const char *map;  /* NULL: file names tell */
    const char *then; /* NULL: nothing */
    bool has_form;
    struct tlsa_form form;
    struct scan_host *hosts; /* of the map */
    const char **lines;      /* the arena's */
    size_t line_count;
    int code; /* the worst so far; the scan goes on, so that all is told at once */
};

static void note(struct scan *scan, int code)
{
    scan->code = code > scan->code ? code : scan->code;
}

/* ---- records ---- */

static void add_line(struct scan *scan, const struct service *service, struct name name,
                     const struct rdata *rdata)
{
    struct name_buf owner;
    struct tool *tool = scan->tool;
    if (service_owner(service, name, &owner) != RES_OK) {
        note(scan, tool_fail(TOOL_CONFIG, "%s is too long for a service below it",
                             tool_name_text(tool, name)));
        return;
    }
    const char *text = tool_name_text(tool, name_of(&owner));
    size_t capacity = strlen(text) + 2U * rdata->len + 32;
    char *line = arena_alloc(&tool->arena, capacity);
    if (line == NULL || scan->line_count == SCAN_LINES) {
        note(scan, tool_fail(TOOL_OUTSIDE, "too many records"));
        return;
    }
    struct writer w = writer_of((uint8_t *)line, capacity);
    writer_printf(&w, "%s IN ", text);
    tlsa_record_write(&w, rdata, SIZE_MAX);
    writer_octets(&w, "\n", 2);
    scan->lines[scan->line_count++] = line;
}

static bool is_expired(const struct certfile *file, size_t index)
{
    const ASN1_TIME *end = X509_get0_notAfter(file->certificates[index]);
    if (X509_cmp_current_time(end) > 0)
        return false;
    tool_warn("%s: certificate %zu has expired: left out", file->path, index + 1);
    return true;
}

static void add_form(struct scan *scan, const struct certfile *file,
                     const struct scan_host *host, size_t first, size_t end,
                     struct tlsa_form form)
{
    for (size_t i = first; i < end; i++) {
        struct rdata rdata;
        if (is_expired(file, i))
            continue;
        if (tlsa_rdata(file, i, form, &scan->tool->arena, &rdata) != RES_OK) {
            note(scan, tool_fail(TOOL_OUTSIDE, "%s: no record can be made of it",
                                 file->path));
            return;
        }
        for (size_t s = 0; s < host->count; s++)
            add_line(scan, &host->services[s], host->name, &rdata);
    }
}

/* As show does it. */
static void add_host(struct scan *scan, const struct certfile *file,
                     const struct scan_host *host)
{
    size_t first = 0;
    size_t end = 0;
    if (scan->has_form) {
        tlsa_certificates(file, scan->form, &first, &end);
        add_form(scan, file, host, first, end, scan->form);
        return;
    }
    add_form(scan, file, host, 0, 1, tlsa_own_key);
    add_form(scan, file, host, 1, file->count, tlsa_issuer_key);
}

/* ---- certificates ---- */

static void match_hosts(struct scan *scan, const struct certfile *file)
{
    for (struct scan_host *host = scan->hosts; host != NULL; host = host->next) {
        char text[NAME_TEXT_OCTETS];
        const char *name = name_to_text(host->name, text);
        if (X509_check_host(file->certificates[0], name, 0,
                            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
            continue;
        host->is_served = true;
        add_host(scan, file, host);
    }
}

/* A CA's folder has keys, requests, revocation lists and parameters under the same
 * extensions: they are no mistake, and often encrypted. */
static bool has_no_certificate(const struct file_text *text)
{
    static const char block[] = "-----BEGIN ";
    static const char certificate[] = "-----BEGIN CERTIFICATE-----";
    return memmem(text->chars, text->len, block, sizeof block - 1) != NULL &&
           memmem(text->chars, text->len, certificate, sizeof certificate - 1) == NULL;
}

static enum result scan_text(struct scan *scan, const struct file_text *text)
{
    struct certfile file;
    struct scan_host host;
    struct tool *tool = scan->tool;
    enum result result =
        certfile_parse(&file, text->path, text->chars, text->len, &tool->diags);
    bool is_certificate = result == RES_OK && file.kind == CERTFILE_CERTIFICATE;
    if (is_certificate && scan->map != NULL)
        match_hosts(scan, &file);
    else if (is_certificate &&
             scan_map_of_file(text->path, &tool->arena, &host) == RES_OK)
        add_host(scan, &file, &host);
    certfile_close(&file);
    return result;
}

static void scan_file(struct scan *scan, const char *path)
{
    struct file_text text;
    struct tool *tool = scan->tool;
    const struct place place = {.file = NULL};
    const char *copy = arena_string(&tool->arena, path); /* diagnostics point at it */
    if (copy == NULL) {
        note(scan, tool_no_memory());
        return;
    }
    enum result result = file_read(copy, CERTFILE_OCTETS, place, &tool->diags, &text);
    if (result == RES_OK && !has_no_certificate(&text))
        result = scan_text(scan, &text);
    if (result != RES_OK)
        note(scan, result == RES_EFORMAT ? TOOL_CONFIG : TOOL_OUTSIDE);
    file_text_free(&text);
}

static void scan_entry(struct scan *scan, FTS *fts, FTSENT *entry)
{
    struct stat stat_buf;
    switch (entry->fts_info) {
    case FTS_D:
        if (entry->fts_level > 0 &&
            (entry->fts_name[0] == '.' || entry->fts_level > SCAN_DEPTH))
            (void)fts_set(fts, entry, FTS_SKIP);
        break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        note(scan, tool_fail(TOOL_OUTSIDE, "%s: %s", entry->fts_path,
                             strerror(entry->fts_errno)));
        break;
    case FTS_F:
    case FTS_SL:
        if (scan_is_certificate(entry->fts_path) &&
            (stat(entry->fts_path, &stat_buf) != 0 || !S_ISDIR(stat_buf.st_mode)))
            scan_file(scan, entry->fts_path);
        break;
    default:
        break;
    }
}

static void scan_folder(struct scan *scan)
{
    char *const folders[] = {scan->folder, NULL};
    FTS *fts = fts_open(folders, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    if (fts == NULL) {
        note(scan, tool_fail(TOOL_OUTSIDE, "%s cannot be read", scan->folder));
        return;
    }
    while ((entry = fts_read(fts)) != NULL)
        scan_entry(scan, fts, entry);
    (void)fts_close(fts);
}

static void read_map(struct scan *scan)
{
    struct file_text text;
    struct tool *tool = scan->tool;
    const struct place place = {.file = NULL};
    if (file_read(scan->map, SCAN_MAP_OCTETS, place, &tool->diags, &text) != RES_OK ||
        scan_map_parse(scan->map, text.chars, text.len, &tool->arena, &tool->diags,
                       &scan->hosts) != RES_OK)
        note(scan, TOOL_CONFIG);
    file_text_free(&text);
}

/* ---- the include ---- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_lines(struct scan *scan, struct writer *w, size_t *out_count)
{
    *out_count = 0;
    qsort(scan->lines, scan->line_count, sizeof *scan->lines, compare_lines);
    writer_printf(w, "; Written by tsigate-tlsa scan: changes are lost.\n");
    for (size_t i = 0; i < scan->line_count; i++) {
        if (i > 0 && strcmp(scan->lines[i - 1], scan->lines[i]) == 0)
            continue;
        writer_string(w, scan->lines[i]);
        ++*out_count;
    }
}

static int print_outcome(struct scan *scan, const struct generated_file *file,
                         size_t count)
{
    struct tool *tool = scan->tool;
    writer_rewind(&tool->out, 0);
    if (tool->is_json) {
        tool->json = json_of(&tool->out);
        json_object_open(&tool->json, NULL);
        json_string(&tool->json, "file", scan->out);
        json_bool(&tool->json, "changed", file->is_changed);
        json_number(&tool->json, "records", (int64_t)count);
        json_object_close(&tool->json);
        writer_string(&tool->out, "\n");
    } else if (file->is_changed) {
        writer_printf(&tool->out, "%s: %zu records\n", scan->out, count);
    }
    return tool_output_print(tool);
}

/* An include without any record would take all of DANE away: no scan is meant to. */
static int write_include(struct scan *scan)
{
    struct generated_file file;
    struct tool *tool = scan->tool;
    size_t count = 0;
    int code = tool_output_open(tool);
    if (code != TOOL_DONE)
        return code;
    write_lines(scan, &tool->out, &count);
    if (count == 0)
        return tool_fail(TOOL_NO,
                         "%s has no certificate of a service: nothing is written",
                         scan->folder);
    if (tool->out.failed)
        return tool_fail(TOOL_OUTSIDE, "too many records");
    code = generated_file_write(tool, scan->out, (const char *)tool->out.octets,
                                tool->out.len, scan->then != NULL, &file);
    if (code == TOOL_DONE)
        code = print_outcome(scan, &file, count);
    if (code == TOOL_DONE && scan->then != NULL)
        code = generated_file_then(&file, scan->then);
    return code;
}

static int scan_all(struct scan *scan)
{
    struct tool *tool = scan->tool;
    scan->lines = arena_array(&tool->arena, SCAN_LINES, sizeof *scan->lines);
    if (scan->lines == NULL)
        return tool_no_memory();
    if (scan->map != NULL)
        read_map(scan);
    scan_folder(scan);
    if (scan->code != TOOL_DONE) {
        tool_fail_diags(tool, scan->code);
        return tool_fail(scan->code, "%s stays as it is", scan->out);
    }
    for (const struct scan_host *host = scan->hosts; host != NULL; host = host->next) {
        if (!host->is_served)
            tool_warn("%s: no certificate is for %s", scan->map,
                      tool_name_text(tool, host->name));
    }
    return write_include(scan);
}

int scan_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'},
        {"map", required_argument, NULL, 'm'},
        {"then", required_argument, NULL, 't'},
        {"usage-selector-matching", required_argument, NULL, 'u'},
        TOOL_COMMON_OPTIONS,
    };
    struct scan scan = {.tool = tool};
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        if (option == 'o')
            scan.out = optarg;
        else if (option == 'm')
            scan.map = optarg;
        else if (option == 't')
            scan.then = optarg;
        else if (tlsa_form_parse(optarg, &scan.form) == RES_OK)
            scan.has_form = true;
        else
            return tool_usage(
                tool,
                "--usage-selector-matching \"%s\": expected three numbers "
                "as in 3-1-1",
                optarg);
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if (argc - optind != 1 || scan.out == NULL)
        return tool_usage(tool, "scan wants a folder and --out");
    scan.folder = argv[optind];
    return scan_all(&scan);
}

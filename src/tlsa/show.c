/* tsigate-tlsa show: the TLSA records of files, for a zone file or for scripts. */

#include "tlsa/certfile.h"
#include "tlsa/record.h"
#include "tlsa/tool.h"

#define SHOW_SERVICES 32

struct show {
    struct tool *tool;
    struct name name; /* octets NULL: lines without an owner */
    struct service services[SHOW_SERVICES];
    size_t service_count;
    bool has_form; /* --usage-selector-matching; else what goes with each certificate */
    struct tlsa_form form;
    const char *path; /* of the file in hand */
    const char *kind;
};

/* ---- output ---- */

static void print_record(struct show *show, const char *owner,
                         const struct rdata *rdata)
{
    struct tool *tool = show->tool;
    if (tool->is_json) {
        json_object_open(&tool->json, NULL);
        json_string(&tool->json, "file", show->path);
        json_string(&tool->json, "kind", show->kind);
        json_string(&tool->json, "owner", owner);
        tlsa_record_json(&tool->json, rdata);
        json_object_close(&tool->json);
        return;
    }
    writer_printf(&tool->out, "%s%sIN ", owner != NULL ? owner : "",
                  owner != NULL ? " " : "");
    tlsa_record_write(&tool->out, rdata, SIZE_MAX);
    writer_string(&tool->out, "\n");
}

/* The record at each service's name, or once without one. */
static int show_record(struct show *show, const struct rdata *rdata)
{
    if (show->name.octets == NULL)
        print_record(show, NULL, rdata);
    for (size_t i = 0; show->name.octets != NULL && i < show->service_count; i++) {
        struct name_buf owner;
        if (service_owner(&show->services[i], show->name, &owner) != RES_OK)
            return tool_fail(TOOL_USAGE, "%s is too long for a service below it",
                             tool_name_text(show->tool, show->name));
        print_record(show, tool_name_text(show->tool, name_of(&owner)), rdata);
    }
    return TOOL_DONE;
}

/* ---- files ---- */

static int show_form(struct show *show, const struct certfile *file, size_t first,
                     size_t end, struct tlsa_form form)
{
    for (size_t i = first; i < end; i++) {
        struct rdata rdata;
        enum result result = tlsa_rdata(file, i, form, &show->tool->arena, &rdata);
        if (result == RES_EMISMATCH)
            return tool_fail(TOOL_CONFIG,
                             "%s: a %s, and selector 0 is about a whole certificate: "
                             "expected a certificate, or selector 1",
                             file->path, certfile_kind_name(file->kind));
        if (result != RES_OK)
            return tool_fail(TOOL_OUTSIDE, "%s: no record can be made of it",
                             file->path);
        int code = show_record(show, &rdata);
        if (code != TOOL_DONE)
            return code;
    }
    return TOOL_DONE;
}

/* Without a form: 3 1 1 for the service's own key, 2 1 1 for each issuer's. */
static int show_certfile(struct show *show, const struct certfile *file)
{
    show->path = file->path;
    show->kind = certfile_kind_name(file->kind);
    if (show->has_form) {
        size_t first = 0;
        size_t end = 0;
        tlsa_certificates(file, show->form, &first, &end);
        return show_form(show, file, first, end, show->form);
    }
    int code = show_form(show, file, 0, 1, tlsa_own_key);
    if (code == TOOL_DONE)
        code = show_form(show, file, 1, file->count, tlsa_issuer_key);
    return code;
}

static int show_path(struct show *show, const char *path)
{
    struct certfile file;
    enum result result = certfile_open(&file, path, &show->tool->diags);
    int code = TOOL_DONE;
    if (result == RES_OK)
        code = show_certfile(show, &file);
    else
        code = result == RES_EFORMAT ? TOOL_CONFIG : TOOL_OUTSIDE;
    certfile_close(&file);
    return code;
}

/* All files are read and complained of; a bad one leaves no output at all. */
static int show_paths(struct show *show, char **paths)
{
    struct tool *tool = show->tool;
    int code = tool_output_open(tool);
    if (code != TOOL_DONE)
        return code;
    if (tool->is_json) {
        json_object_open(&tool->json, NULL);
        json_array_open(&tool->json, "records");
    }
    for (; *paths != NULL; paths++) {
        int one = show_path(show, *paths);
        code = one > code ? one : code;
    }
    if (code != TOOL_DONE)
        return tool_fail_diags(tool, code);
    if (tool->is_json) {
        json_array_close(&tool->json);
        json_object_close(&tool->json);
        writer_string(&tool->out, "\n");
    }
    return tool_output_print(tool);
}

/* ---- options ---- */

static int take_option(struct show *show, int option)
{
    switch (option) {
    case 'n':
        show->name = tool_name(show->tool, optarg);
        return show->name.octets != NULL ? TOOL_DONE : TOOL_USAGE;
    case 'p':
        if (show->service_count == SHOW_SERVICES)
            return tool_usage(show->tool, "more than %d --port", SHOW_SERVICES);
        if (service_parse(optarg, '/', &show->services[show->service_count]) != RES_OK)
            return tool_usage(show->tool,
                              "--port \"%s\": expected PORT/tcp, udp or sctp", optarg);
        show->service_count++;
        return TOOL_DONE;
    default:
        show->has_form = true;
        if (tlsa_form_parse(optarg, &show->form) != RES_OK)
            return tool_usage(
                show->tool,
                "--usage-selector-matching \"%s\": expected three numbers "
                "as in 3-1-1 (usage 0-3, selector 0-1, matching 0-2)",
                optarg);
        return TOOL_DONE;
    }
}

int show_main(struct tool *tool, int argc, char **argv)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},
        {"port", required_argument, NULL, 'p'},
        {"usage-selector-matching", required_argument, NULL, 'u'},
        TOOL_COMMON_OPTIONS,
    };
    struct show show = {.tool = tool};
    int option;
    while ((option = tool_option(tool, argc, argv, options)) >= 0) {
        int code = take_option(&show, option);
        if (code != TOOL_DONE)
            return code;
    }
    if (option != TOOL_OPTION_END)
        return tool_option_exit(option);
    if ((show.name.octets != NULL) != (show.service_count > 0))
        return tool_usage(tool, "--name and --port go together");
    if (optind == argc)
        return tool_usage(tool, "show wants a file");
    return show_paths(&show, argv + optind);
}

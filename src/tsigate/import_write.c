/* tsigate import: the folder that it makes. Nothing that is there is written over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/keyfile.h"
#include "dns/type.h"
#include "tsigate/import.h"
#include "tsigate/private_file.h"

#define PLACE_OCTETS 256 /* of a comment */

/* ---- keys ---- */

static const char key_template[] =
    "key \"@name@\" {\n\talgorithm @algorithm@;\n\tsecret \"@secret@\";\n};\n";

static int write_key(struct import *import, struct import_host *host,
                     const struct keyfile_key *key)
{
    const char *path =
        arena_printf(import->arena, "%s/keys/%s.key", import->out, host->text);
    char name[NAME_TEXT_OCTETS];
    struct secret text = {0};
    struct private_file file;
    if (path == NULL || secret_to_base64(&key->secret, &text) != RES_OK)
        return tool_no_memory();
    const struct private_word words[] = {
        {"name", name_to_text(key->name, name), NULL},
        {"algorithm", hmac_algorithm_text(key->algorithm), NULL},
        {"secret", NULL, &text},
        {NULL, NULL, NULL},
    };
    enum result result = private_file_open(&file, path, import->arena);
    if (result == RES_OK) {
        result = private_write(file.fd, key_template, words);
        if (result == RES_OK)
            result = private_file_commit(&file);
        else
            private_file_abort(&file);
    }
    secret_free(&text);
    if (result != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "%s: %s", path,
                         result == RES_EEXISTS ? "is there already" : strerror(errno));
    host->file = path;
    return TOOL_DONE;
}

/* The key statement goes through the reader of key files, which knows what tsigated
 * takes. */
static int carry_key(struct import *import, struct import_host *host)
{
    const struct namedconf_key *written = host->key;
    struct keyfile_key *keys = NULL;
    struct diags diags;
    int code = TOOL_DONE;
    diags_init(&diags);
    enum result result = keyfile_parse(import->source, written->text, written->len,
                                       false, import->arena, &diags, &keys);
    if (result == RES_OK && keys != NULL)
        code = write_key(import, host, keys);
    else
        import_tell(import, written->place,
                    arena_printf(import->arena, "key %s", host->text), IMPORT_LEFT_OUT,
                    "%s; then tsigate key list tells what is missing",
                    diags.first != NULL ? diags.first->message : "out of memory");
    keyfile_keys_free(&keys);
    diags_fini(&diags);
    return code;
}

static int write_keys(struct import *import)
{
    int code = TOOL_DONE;
    for (struct import_host *host = import->hosts; code == TOOL_DONE && host != NULL;
         host = host->next) {
        if (host->key == NULL)
            continue;
        if (host->grants != NULL)
            code = carry_key(import, host);
        else
            import_tell(import, host->key->place,
                        arena_printf(import->arena, "key %s", host->text), IMPORT_NOTE,
                        "no rule gives it anything: its file was not written");
    }
    return code;
}

/* ---- acl/imported.acl ---- */

/* What a comment of an ACL may hold. */
static const char *plain_place(const struct place *place, char *text)
{
    (void)snprintf(text, PLACE_OCTETS, "%.200s:%u", place->file, place->line);
    for (char *c = text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    }
    return text;
}

static void write_profiles(const struct import *import, FILE *file)
{
    for (const struct import_profile *p = import->site_profiles; p != NULL;
         p = p->next) {
        bool is_dangerous = false;
        fprintf(file, "\nprofile %s\n    owner  {name}\n    type  ", p->name);
        for (size_t i = 0; i < p->types.count; i++) {
            fprintf(file, " %s", type_name(p->types.all[i]));
            is_dangerous =
                is_dangerous || type_standing_of(p->types.all[i]) == TYPE_IS_DANGEROUS;
        }
        fprintf(file,
                "\n    ttl    0..%u\n"
                "    may    add delete delete-rrset delete-name prereq prereq-any\n%s",
                (unsigned)LIMIT_TTL_S, is_dangerous ? "    dangerous\n" : "");
    }
}

static void write_acl(struct import *import, FILE *file)
{
    char place[PLACE_OCTETS];
    fputs("# What the update-policies of a named.conf allowed, by tsigate import; "
          "behind\n"
          "# each grant stands the rule that it comes from. BIND checks no values and "
          "no\n"
          "# TTLs: narrow the profiles down, or use the stock ones, where you can.\n",
          file);
    write_profiles(import, file);
    for (const struct import_host *host = import->hosts; host != NULL;
         host = host->next) {
        if (host->grants == NULL)
            continue;
        fprintf(file, "\nhost %s\n", host->text);
        for (const struct import_grant *grant = host->grants; grant != NULL;
             grant = grant->next)
            fprintf(file, "    %s %s   # %s\n", grant->profile, grant->words,
                    plain_place(&grant->place, place));
    }
}

/* ---- tsigate.conf ---- */

/* In libconfig's quotes. */
static void write_quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void write_name(struct import *import, FILE *file, struct name name)
{
    const char *text = import_name_text(import, name);
    write_quoted(file, text != NULL ? text : "");
}

static void write_zones(struct import *import, FILE *file)
{
    const char *before = "";
    fputs("\nzones = (", file);
    for (const struct import_shadow *s = import->shadows; s != NULL; s = s->next) {
        fprintf(file, "%s\n    { name = ", before);
        write_name(import, file, s->of);
        fputs("; }", file);
        before = ",";
    }
    for (const struct import_zone *z = import->zones; z != NULL; z = z->next) {
        fprintf(file, "%s\n    { name = ", before);
        write_name(import, file, z->name);
        fputs("; dynamic = true; }", file);
        before = ",";
    }
    fputs("\n);\n", file);
}

/* Without --shadow: zones of the same file that look as if one stood in for another. */
static void write_shadow_example(struct import *import, FILE *file)
{
    fputs("// A zone that stands in for another is a shadow: give --shadow OF=AT to\n"
          "// tsigate import, and the ACL speaks of the names that people know.\n"
          "// shadows = ( { of = \"example.org\"; at = \"_kage.example.org\"; } );\n",
          file);
    for (const struct import_zone *z = import->zones; z != NULL; z = z->next) {
        for (const struct namedconf_zone *of = import->conf.zones; of != NULL;
             of = of->next) {
            struct name_buf buf;
            if (of->has_policy || z->name.octets[1] != '_' ||
                name_from_text(of->name, strlen(of->name), &buf) != RES_OK ||
                !name_equal(name_parent(z->name), name_of(&buf)))
                continue;
            fputs("// This may be one: --shadow ", file);
            fprintf(file, "%s=%s\n", import_name_text(import, name_of(&buf)),
                    import_name_text(import, z->name));
        }
    }
}

static void write_shadows(struct import *import, FILE *file)
{
    if (import->shadows == NULL) {
        write_shadow_example(import, file);
        return;
    }
    fputs("shadows = (", file);
    for (const struct import_shadow *s = import->shadows; s != NULL; s = s->next) {
        fputs("\n    { of = ", file);
        write_name(import, file, s->of);
        fputs("; at = ", file);
        write_name(import, file, s->at);
        fputs(s->next != NULL ? "; }," : "; }", file);
    }
    fputs("\n);\n", file);
}

static void write_conf(struct import *import, FILE *file)
{
    fputs(
        "// A start, by tsigate import: tsigate.conf(5) has the rest.\n"
        "// The gateway takes named's place for requestors, and named gets a key that\n"
        "// is the gateway's alone (tsig-keygen tsigate >keys/tsigate.key).\n\n"
        "listen = ( { address = \"127.0.0.1\"; port = 5300; } );   // the public ones\n"
        "upstream = {\n"
        "    servers = ( { address = \"127.0.0.1\"; port = 53; } );   // named\n"
        "    key = \"tsigate\";\n"
        "};\n\n"
        "keys = [ \"keys/*.key\" ];\n"
        "acl  = [ \"acl/*.acl\" ];\n",
        file);
    if (import->profiles != NULL) {
        fputs("profiles = ", file);
        write_quoted(file, import->profiles);
        fputs(";\n", file);
    }
    write_zones(import, file);
    write_shadows(import, file);
    fputs("\naudit = { file = \"/var/log/tsigate/audit.jsonl\"; };\n"
          "control = \"/run/tsigate/control.sock\";\n"
          "// user = \"tsigate\";   // who then has to be able to read keys/\n",
          file);
}

/* ---- the folder ---- */

static int make_folder(const char *path, bool may_exist, mode_t mode)
{
    if (path == NULL)
        return tool_no_memory();
    if (mkdir(path, mode) == 0 || (may_exist && errno == EEXIST))
        return TOOL_DONE;
    return tool_fail(TOOL_OUTSIDE, "%s: %s", path,
                     errno == EEXIST ? "is there already: --out wants a new folder"
                                     : strerror(errno));
}

static int write_file(struct import *import, const char *name,
                      void (*write)(struct import *, FILE *))
{
    const char *path = arena_printf(import->arena, "%s/%s", import->out, name);
    FILE *file = path != NULL ? fopen(path, "wxe") : NULL;
    if (file == NULL)
        return tool_fail(TOOL_OUTSIDE, "%s: %s", path != NULL ? path : name,
                         strerror(errno));
    write(import, file);
    bool is_written = ferror(file) == 0;
    if (fclose(file) != 0 || !is_written)
        return tool_fail_errno(path);
    return TOOL_DONE;
}

int import_write(struct import *import)
{
    struct arena *arena = import->arena;
    int code = make_folder(import->out, true, 0755);
    if (code == TOOL_DONE)
        code = make_folder(arena_printf(arena, "%s/acl", import->out), false, 0755);
    if (code != TOOL_DONE)
        return code; /* nothing of ours is there */
    if (code == TOOL_DONE)
        code = make_folder(arena_printf(arena, "%s/keys", import->out), false, 0700);
    if (code == TOOL_DONE)
        code = write_file(import, "tsigate.conf", write_conf);
    if (code == TOOL_DONE)
        code = write_file(import, "acl/imported.acl", write_acl);
    if (code == TOOL_DONE)
        code = write_keys(import);
    if (code != TOOL_DONE)
        tool_fail(code, "%s is not whole: remove it before the next try", import->out);
    return code;
}

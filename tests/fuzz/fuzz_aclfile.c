/*
 * ACL files: any octets behind a few profiles. What is understood is filled, and what
 * is not has been told.
 */
#include <string.h>

#include "conf/aclfile.h"
#include "fuzz.h"

static const char stock[] =
    "profile acme\n owner _acme-challenge.{name}\n type TXT\n"
    " check acme-token\n"
    "profile tlsa\n owner _{port}._{proto}.{name}\n type TLSA\n"
    " check tlsa 3-1-1\n"
    "profile caa\n owner {name}\n type CAA\n check caa-value\n"
    "profile smimea\n owner *._smimecert.{name}\n type SMIMEA\n";

static void fill_name(const struct acl_grant *grant, const struct acl_name_word *word)
{
    struct acl_owner owner;
    struct acl_fill fill = {
        .word = &word->template,
        .host = grant->host != NULL ? grant->host->name : name_root,
        .port = grant->port_count > 0 ? grant->ports[0].port : 0,
        .proto = grant->port_count > 0 ? grant->ports[0].proto : NULL,
    };
    enum result result =
        acl_template_fill(&grant->terms->profile->owner, &fill, &owner);

    FUZZ_CLAIM(result == RES_OK);
    FUZZ_CLAIM(owner.name.octets[owner.name.len - 1] == 0);
    /* A pattern is never there unasked. */
    FUZZ_CLAIM(grant->terms->is_broad || !owner.is_subtree);
}

static void walk(const struct acl_source *source)
{
    size_t count = 0;

    for (const struct acl_grant *grant = source->grants; grant != NULL;
         grant = grant->next, count++) {
        FUZZ_CLAIM(grant->name_count > 0);
        FUZZ_CLAIM(grant->terms->profile->wants_port == (grant->port_count > 0));
        FUZZ_CLAIM(grant->terms->check.kind != ACL_CHECK_MISSING);
        FUZZ_CLAIM(grant->terms->type_count > 0);
        for (size_t i = 0; i < grant->name_count; i++)
            fill_name(grant, &grant->names[i]);
    }
    FUZZ_CLAIM(count == source->grant_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t len)
{
    struct acl_source source;
    struct diags diags;

    acl_source_init(&source);
    diags_init(&diags);
    enum result result =
        aclfile_parse(&source, "stock.acl", stock, strlen(stock), true, &diags);
    FUZZ_CLAIM(result == RES_OK);
    result =
        aclfile_parse(&source, "fuzz.acl", (const char *)octets, len, false, &diags);
    FUZZ_CLAIM((result == RES_OK) == (diags.errors == 0));
    walk(&source);
    diags_fini(&diags);
    acl_source_fini(&source);
    return 0;
}

/*
 * One file of a consumer: what is a change, and the steps of its exchange, each undone.
 */
#include "tlsa/deploy_file.h"

#include "pki.h"

struct stand {
    struct pki pki;
    struct tool tool;
    struct material material;
    struct deployment_certificate certificate;
    char path[64];
};

static void open_stand(struct stand *stand)
{
    char certificate[64];
    char key[64];
    *stand = (struct stand){.tool = {.usage = ""}, .certificate = {.name = "mx1"}};
    arena_init(&stand->tool.arena, 4096, 0);
    diags_init(&stand->tool.diags);
    pki_open(&stand->pki);
    pki_write_pair(&stand->pki, 0, certificate, key);
    assert_int_equal(material_open(&stand->tool, certificate, key, &stand->material),
                     TOOL_DONE);
    pki_path(&stand->pki, "deployed.pem", stand->path);
}

static void close_stand(struct stand *stand)
{
    material_close(&stand->material);
    diags_fini(&stand->tool.diags);
    arena_fini(&stand->tool.arena);
    pki_close(&stand->pki);
}

static struct deployment_file said(const struct stand *stand,
                                   enum deployment_format format, mode_t mode)
{
    return (struct deployment_file){.path = stand->path,
                                    .format = format,
                                    .uid = (uid_t)-1,
                                    .gid = (gid_t)-1,
                                    .has_mode = mode != 0,
                                    .mode = mode};
}

static int open_file(struct stand *stand, const struct deployment_file *file,
                     struct deploy_file *out)
{
    return deploy_file_open(&stand->tool, &stand->certificate, &stand->material, file,
                            out);
}

static bool has(const char *path, const char *text)
{
    char found[64] = "";
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    size_t len = fread(found, 1, sizeof found - 1, stream);
    fclose(stream);
    return len >= strlen(text) && memcmp(found, text, strlen(text)) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

/* The mode: as said, else as it is, and a key is nobody else's to read. */
static void test_modes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum deployment_format format;
        mode_t is; /* 0: not there */
        mode_t says;
        mode_t becomes;
    } cases[] = {
        {"a new certificate", DEPLOYMENT_FULLCHAIN, 0, 0, 0644},
        {"a new key", DEPLOYMENT_KEY, 0, 0, 0600},
        {"a certificate stays", DEPLOYMENT_FULLCHAIN, 0640, 0, 0640},
        {"a key stays", DEPLOYMENT_KEY, 0640, 0, 0640},
        {"a key that all read", DEPLOYMENT_COMBINED, 0644, 0, 0640},
        {"a word counts", DEPLOYMENT_KEY, 0600, 0440, 0440},
        {"a certificate's word", DEPLOYMENT_CERTIFICATE_DER, 0600, 0644, 0644},
        {"a setuid bit goes", DEPLOYMENT_CERTIFICATE, 04755, 0, 0755},
    };
    struct stand stand;
    open_stand(&stand);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct deploy_file file;
        const struct deployment_file wish =
            said(&stand, cases[i].format, cases[i].says);
        (void)unlink(stand.path);
        if (cases[i].is != 0)
            unit_write_file(stand.path, "old", cases[i].is);
        assert_case(cases[i].name, open_file(&stand, &wish, &file) == TOOL_DONE);
        assert_case(cases[i].name, file.is_changed && file.mode == cases[i].becomes);
        assert_case(cases[i].name, file.is_there == (cases[i].is != 0));
        assert_int_equal(deploy_file_stage(&file), TOOL_DONE);
        assert_case(cases[i].name, mode_of(file.fresh) == cases[i].becomes);
        deploy_file_tidy(&file, false);
        assert_int_not_equal(access(file.fresh, F_OK), 0);
        deploy_file_close(&file);
    }
    close_stand(&stand);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct stand stand;
    struct deploy_file file;
    open_stand(&stand);
    const struct deployment_file wish = said(&stand, DEPLOYMENT_KEY, 0600);
    unit_write_file(stand.path, "old", 0640);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_DONE);
    assert_int_equal(deploy_file_stage(&file), TOOL_DONE);
    assert_true(has(stand.path, "old"));
    assert_int_equal(deploy_file_keep(&file), TOOL_DONE);
    assert_int_equal(deploy_file_keep(&file), TOOL_DONE); /* cut off and run again */
    assert_int_equal(deploy_file_exchange(&file), TOOL_DONE);
    assert_true(has(stand.path, "-----BEGIN PRIVATE KEY") && has(file.old, "old"));
    deploy_file_close(&file);
    /* It is as asked now. */
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_DONE);
    assert_false(file.is_changed);
    deploy_file_close(&file);
    assert_int_equal(deploy_file_restore(&stand.tool, stand.path, true), TOOL_DONE);
    assert_true(has(stand.path, "old") && mode_of(stand.path) == 0640);
    assert_int_equal(deploy_file_restore(&stand.tool, stand.path, true), TOOL_DONE);
    assert_true(has(stand.path, "old"));
    close_stand(&stand);
}

static void test_none_there_and_back(void **state)
{
    (void)state;
    struct stand stand;
    struct deploy_file file;
    open_stand(&stand);
    const struct deployment_file wish = said(&stand, DEPLOYMENT_FULLCHAIN, 0);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_DONE);
    assert_int_equal(deploy_file_stage(&file), TOOL_DONE);
    assert_int_equal(deploy_file_keep(&file), TOOL_DONE);
    assert_int_equal(deploy_file_exchange(&file), TOOL_DONE);
    assert_int_equal(access(stand.path, F_OK), 0);
    assert_int_not_equal(access(file.old, F_OK), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(deploy_file_restore(&stand.tool, stand.path, false),
                         TOOL_DONE);
        assert_int_not_equal(access(stand.path, F_OK), 0);
    }
    deploy_file_close(&file);
    close_stand(&stand);
}

/* What is no file is not exchanged, and not gone back to. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    struct stand stand;
    struct deploy_file file;
    char link[64];
    open_stand(&stand);
    struct deployment_file wish = said(&stand, DEPLOYMENT_FULLCHAIN, 0);
    assert_int_equal(mkfifo(stand.path, 0600), 0);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_OUTSIDE);
    deploy_file_close(&file);
    wish.path = pki_path(&stand.pki, "link", link);
    assert_int_equal(symlink(stand.path, link), 0);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_OUTSIDE);
    deploy_file_close(&file);
    assert_int_equal(unlink(stand.path), 0);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_OUTSIDE);
    deploy_file_close(&file);
    /* A link to a file: that is exchanged. */
    unit_write_file(stand.path, "old", 0644);
    assert_int_equal(open_file(&stand, &wish, &file), TOOL_DONE);
    assert_string_equal(file.path, stand.path);
    assert_int_equal(mkdir(file.old, 0700), 0);
    assert_int_equal(deploy_file_keep(&file), TOOL_OUTSIDE);
    assert_int_equal(rmdir(file.old), 0);
    assert_int_equal(mkdir(file.fresh, 0700), 0);
    assert_int_equal(deploy_file_stage(&file), TOOL_OUTSIDE);
    assert_true(has(stand.path, "old"));
    deploy_file_close(&file);
    close_stand(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_none_there_and_back),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

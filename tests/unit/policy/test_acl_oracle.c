/*
 * Random ACLs and questions, judged twice: by the compiled ACL, and by a loop over all
 * grants (made_acl.h).
 */
#include "policy/made_acl.h"

#define ROUNDS    250
#define QUESTIONS 160
#define GRANTS    14

/* Grants stand two lines apart: line 2 for the first. */
static void ask(struct site *site, const struct made_grant *grants,
                const struct question *q, unsigned first_line, const char *text)
{
    struct name_buf room;
    const struct rdata rdata = {(const uint8_t[]){1, 'x'}, 2};
    struct acl_answer answer;
    char name[NAME_TEXT_OCTETS];
    struct acl_question question = {.host = acl_source_host(&site->source, q->host),
                                    .op = q->op,
                                    .type = q->type,
                                    .ttl = q->ttl,
                                    .original = wire_name_of(&q->name, &room),
                                    .rdata = &rdata,
                                    .arena = &site->arena};

    acl_judge(&site->acl, &question, &answer);
    struct verdict verdict = judge(grants, GRANTS, q);
    int grant =
        answer.right != NULL
            ? (int)(acl_right_place(&site->acl, answer.right).line - first_line) / 2
            : -1;
    if (answer.reason == verdict.reason && grant == verdict.grant &&
        answer.ttl == verdict.ttl)
        return;
    print_message("%s\n", text);
    fail_msg("%s %s %s type %u ttl %u: got %s by grant %d ttl %u, expected %s by grant "
             "%d ttl %u",
             hosts[q->host], update_op_name(q->op),
             name_to_text(question.original, name), q->type, q->ttl,
             outcome_of(answer.reason)->name, grant, answer.ttl,
             outcome_of(verdict.reason)->name, verdict.grant, verdict.ttl);
}

static void test_agreement(void **state)
{
    static char text[16384];
    unsigned lines;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct made_grant grants[GRANTS];
        struct site site;
        seed = round + 1;
        size_t len = write_head(text, sizeof(text), &lines);
        for (size_t i = 0; i < GRANTS; i++) {
            do
                grants[i] = make_grant();
            while (is_refused_at_load(&grants[i]));
            len += write_grant(&grants[i], text + len, sizeof(text) - len);
        }
        text[len] = '\0';
        site_open(&site);
        site_add_zones(&site, zones);
        site_add_shadows(&site, shadows);
        if (site_compile(&site, text) != RES_OK) {
            site_print_diags(&site);
            fail_msg("round %u does not compile:\n%s", round, text);
        }
        for (unsigned i = 0; i < QUESTIONS; i++) {
            struct question q = make_question(grants, GRANTS);
            ask(&site, grants, &q, lines + 2, text);
        }
        site_close(&site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* C-6 to C-8: what counts as the CNAME, and what does not. */
#include "unit.h"

#include <string.h>

#include "dns/build.h"
#include "dns/type.h"
#include "policy/lookup.h"

#define ORIGINAL "_acme-challenge.mx1.duckcorp.org"
#define TARGET   "_acme-challenge.mx1._kage.duckcorp.org"
#define OTHER    "_acme-challenge.mx2._kage.duckcorp.org"

static struct name_buf original_buf, target_buf;

static struct name name_in(struct name_buf *buf, const char *text)
{
    assert_int_equal(name_from_text(text, strlen(text), buf), RES_OK);
    return name_of(buf);
}

struct answer_rr {
    const char *owner;
    uint16_t type;
    uint16_t class;
    const char *value; /* a name */
    uint8_t more;      /* octets behind it */
};

struct answer_case {
    const char *name;
    uint16_t flags;
    enum rcode rcode;
    struct answer_rr rrs[3];
    enum lookup_answer answer;
    const char *found;
};

#define AUTHORITATIVE (FLAG_QR | FLAG_AA)

static const struct answer_case cases[] = {
    {"the binding",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_IS_TARGET,
     NULL},
    {"and what hangs on it is ignored",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}, {TARGET, TYPE_CNAME, CLASS_IN, OTHER}},
     LOOKUP_IS_TARGET,
     NULL},
    {"case does not matter",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{"_ACME-challenge.mx1.duckcorp.org", TYPE_CNAME, CLASS_IN,
       "_acme-challenge.MX1._kage.duckcorp.org"}},
     LOOKUP_IS_TARGET,
     NULL},
    {"elsewhere",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, OTHER}},
     LOOKUP_OTHER,
     OTHER},
    {"two of them",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET},
      {ORIGINAL, TYPE_CNAME, CLASS_IN, OTHER}},
     LOOKUP_OTHER,
     OTHER},
    {"two of them, the last the binding",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, OTHER},
      {ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_OTHER,
     TARGET},
    {"C-8: by a DNAME",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{"mx1.duckcorp.org", TYPE_DNAME, CLASS_IN, "mx1._kage.duckcorp.org"},
      {ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_OTHER,
     NULL},
    {"NODATA", AUTHORITATIVE, RCODE_NOERROR, {{NULL}}, LOOKUP_NONE, NULL},
    {"NXDOMAIN", AUTHORITATIVE, RCODE_NXDOMAIN, {{NULL}}, LOOKUP_NONE, NULL},
    {"no AA: a referral", FLAG_QR, RCODE_NOERROR, {{NULL}}, LOOKUP_FAILED, NULL},
    {"no AA, though it says so",
     FLAG_QR,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_FAILED,
     NULL},
    {"SERVFAIL", AUTHORITATIVE, RCODE_SERVFAIL, {{NULL}}, LOOKUP_FAILED, NULL},
    {"REFUSED", AUTHORITATIVE, RCODE_REFUSED, {{NULL}}, LOOKUP_FAILED, NULL},
    {"NXDOMAIN with an answer",
     AUTHORITATIVE,
     RCODE_NXDOMAIN,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_FAILED,
     NULL},
    {"another name's CNAME",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{OTHER, TYPE_CNAME, CLASS_IN, TARGET}},
     LOOKUP_FAILED,
     NULL},
    {"another class",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, 3, TARGET}},
     LOOKUP_FAILED,
     NULL},
    {"octets behind its target",
     AUTHORITATIVE,
     RCODE_NOERROR,
     {{ORIGINAL, TYPE_CNAME, CLASS_IN, TARGET, 1}},
     LOOKUP_FAILED,
     NULL},
};

static void write_answer(const struct answer_case *c, struct writer *w)
{
    build_header(w, 1, c->flags);
    build_question(w, name_of(&original_buf), TYPE_CNAME, CLASS_IN);
    for (size_t i = 0; i < 3 && c->rrs[i].owner != NULL; i++) {
        struct name_buf owner, value;
        struct name target = name_in(&value, c->rrs[i].value);
        value.octets[target.len] = 0;
        const struct rdata rdata = {target.octets, target.len + c->rrs[i].more};
        build_rr(w, SECTION_PREREQUISITE, name_in(&owner, c->rrs[i].owner),
                 c->rrs[i].type, c->rrs[i].class, 60, &rdata);
    }
    build_set_rcode(w, c->rcode);
    assert_false(w->failed);
}

static void test_answers(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct answer_case *c = &cases[i];
        struct lookup lookup = {
            .original = name_in(&original_buf, ORIGINAL),
            .target = name_in(&target_buf, TARGET),
        };
        uint8_t octets[1024];
        struct writer w = writer_of(octets, sizeof octets);
        struct wire_msg msg;
        struct name_buf found;
        write_answer(c, &w);
        assert_int_equal(wire_walk(octets, w.len, false, &msg), RES_OK);
        print_message("%s\n", c->name);
        assert_int_equal(lookup_read(&msg, &lookup, &arena), c->answer);
        if (c->found != NULL)
            assert_true(name_equal(lookup.found, name_in(&found, c->found)));
    }
    arena_fini(&arena);
}

static void test_no_answer(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024, 0);
    struct lookup lookup = {.original = name_in(&original_buf, ORIGINAL)};
    assert_int_equal(lookup_read(NULL, &lookup, &arena), LOOKUP_FAILED);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

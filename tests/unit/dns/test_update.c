#include "dns/update.h"

#include "base/buf.h"
#include "dns/build.h"
#include "dns/type.h"
#include "message.h"
#include "unit.h"

#define TTL_OVER UINT32_C(0x80000000)

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 65536, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool is_outside_zone(struct name owner, const void *arg)
{
    const struct name_buf *zone = arg;

    return !name_is_within(owner, name_of(zone));
}

/* A message of zone "example", and the records that a case adds. */
struct message {
    uint8_t octets[4096];
    struct writer w;
    struct wire_msg msg;
    struct update update;
    size_t index;
    struct name_buf zone;
};

static void begin(struct message *m)
{
    m->w = writer_of(m->octets, sizeof(m->octets));
    m->update = (struct update){0};
    build_header(&m->w, 1, OPCODE_UPDATE << 11);
    build_question(&m->w, message_name("example", &m->zone), TYPE_SOA, CLASS_IN);
}

struct record {
    const char *owner; /* NULL: none */
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    const char *hex; /* RDATA */
};

static void add(struct message *m, enum wire_section section, const struct record *r)
{
    uint8_t octets[64];
    struct name_buf owner;
    const struct rdata rdata = {
        octets, (uint16_t)unit_from_hex(r->hex, octets, sizeof(octets))};

    build_rr(&m->w, section, message_name(r->owner, &owner), r->type, r->class, r->ttl,
             &rdata);
}

static enum reason read_items(struct message *m)
{
    assert_false(m->w.failed);
    assert_int_equal(wire_walk(m->octets, m->w.len, true, &m->msg), RES_OK);
    assert_int_equal(update_read_zone(&m->msg, &arena, &m->update), RES_OK);
    return update_read_items(&m->msg, &arena, is_outside_zone, &m->zone, &m->update,
                             &m->index);
}

/* U-2, U-3, W-6, W-7: one record, in one of the two sections. */
static const struct {
    const char *name;
    enum wire_section section;
    struct record record;
    enum reason reason;
    enum update_op op;
} cases[] = {
#define PREREQ SECTION_PREREQUISITE
#define UPDATE SECTION_UPDATE
#define OK     REASON_PERMITTED
#define FORM   REASON_MESSAGE_MALFORMED
#define ZONE   REASON_NAME_OUTSIDE_ZONE
    {"RRset exists",
     PREREQ,
     {"a.example", TYPE_TXT, CLASS_ANY, 0, ""},
     OK,
     UPDATE_PREREQ},
    {"value exists",
     PREREQ,
     {"a.example", TYPE_TXT, CLASS_IN, 0, "0161"},
     OK,
     UPDATE_PREREQ},
    {"no RRset",
     PREREQ,
     {"a.example", TYPE_CNAME, CLASS_NONE, 0, ""},
     OK,
     UPDATE_PREREQ},
    {"name in use",
     PREREQ,
     {"a.example", TYPE_ANY, CLASS_ANY, 0, ""},
     OK,
     UPDATE_PREREQ_ANY},
    {"name not in use",
     PREREQ,
     {"a.example", TYPE_ANY, CLASS_NONE, 0, ""},
     OK,
     UPDATE_PREREQ_ANY},
    {"prereq at the apex",
     PREREQ,
     {"example", TYPE_SOA, CLASS_ANY, 0, ""},
     OK,
     UPDATE_PREREQ},
    {"prereq of unknown type",
     PREREQ,
     {"a.example", 65280, CLASS_IN, 0, "ff"},
     OK,
     UPDATE_PREREQ},

    {"value of type ANY", PREREQ, {"a.example", TYPE_ANY, CLASS_IN, 0, ""}, FORM, 0},
    {"prereq with a TTL", PREREQ, {"a.example", TYPE_TXT, CLASS_ANY, 1, ""}, FORM, 0},
    {"value with a TTL", PREREQ, {"a.example", TYPE_TXT, CLASS_IN, 1, "0161"}, FORM, 0},
    {"no RRset, with a TTL",
     PREREQ,
     {"a.example", TYPE_TXT, CLASS_NONE, 1, ""},
     FORM,
     0},
    {"RRset exists, with RDATA",
     PREREQ,
     {"a.example", TYPE_TXT, CLASS_ANY, 0, "0161"},
     FORM,
     0},
    {"no RRset, with RDATA",
     PREREQ,
     {"a.example", TYPE_TXT, CLASS_NONE, 0, "0161"},
     FORM,
     0},
    {"value malformed", PREREQ, {"a.example", TYPE_TXT, CLASS_IN, 0, "0261"}, FORM, 0},
    {"value empty", PREREQ, {"a.example", TYPE_A, CLASS_IN, 0, ""}, FORM, 0},
    {"prereq of class CH", PREREQ, {"a.example", TYPE_TXT, 3, 0, ""}, FORM, 0},
    {"prereq of class 0", PREREQ, {"a.example", TYPE_TXT, 0, 0, ""}, FORM, 0},
    {"prereq of type 0", PREREQ, {"a.example", 0, CLASS_ANY, 0, ""}, FORM, 0},
    {"prereq of type AXFR",
     PREREQ,
     {"a.example", TYPE_AXFR, CLASS_ANY, 0, ""},
     FORM,
     0},
    {"prereq of type SIG", PREREQ, {"a.example", TYPE_SIG, CLASS_NONE, 0, ""}, FORM, 0},
    {"prereq outside", PREREQ, {"a.other", TYPE_TXT, CLASS_ANY, 0, ""}, ZONE, 0},
    {"prereq at a near-miss",
     PREREQ,
     {"aexample", TYPE_TXT, CLASS_ANY, 0, ""},
     ZONE,
     0},
    {"prereq outside, with a TTL",
     PREREQ,
     {"a.other", TYPE_TXT, CLASS_ANY, 1, ""},
     FORM,
     0},
    {"prereq outside, of class CH", PREREQ, {"a.other", TYPE_TXT, 3, 0, ""}, ZONE, 0},

    {"add", UPDATE, {"a.example", TYPE_TXT, CLASS_IN, 60, "0161"}, OK, UPDATE_ADD},
    {"add, TTL 0",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_IN, 0, "0161"},
     OK,
     UPDATE_ADD},
    {"add, TTL 2^31-1",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_IN, TTL_OVER - 1, "0161"},
     OK,
     UPDATE_ADD},
    {"add, TTL 2^31",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_IN, TTL_OVER, "0161"},
     FORM,
     0},
    {"add, TTL 2^32-1",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_IN, UINT32_MAX, "0161"},
     FORM,
     0},
    {"add of unknown type",
     UPDATE,
     {"a.example", 65280, CLASS_IN, 0, "ff"},
     OK,
     UPDATE_ADD},
    {"add of CNAME is the policy's",
     UPDATE,
     {"a.example", TYPE_CNAME, CLASS_IN, 0, "016100"},
     OK,
     UPDATE_ADD},
    {"delete",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_NONE, 0, "0161"},
     OK,
     UPDATE_DELETE},
    {"delete-rrset",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_ANY, 0, ""},
     OK,
     UPDATE_DELETE_RRSET},
    {"delete-name",
     UPDATE,
     {"a.example", TYPE_ANY, CLASS_ANY, 0, ""},
     OK,
     UPDATE_DELETE_NAME},

    {"add of ANY", UPDATE, {"a.example", TYPE_ANY, CLASS_IN, 0, ""}, FORM, 0},
    {"add, malformed", UPDATE, {"a.example", TYPE_TXT, CLASS_IN, 60, "0261"}, FORM, 0},
    {"add, empty TXT", UPDATE, {"a.example", TYPE_TXT, CLASS_IN, 60, ""}, FORM, 0},
    {"add, TLSA without data",
     UPDATE,
     {"a.example", TYPE_TLSA, CLASS_IN, 60, "030101"},
     FORM,
     0},
    {"delete, malformed",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_NONE, 0, "0261"},
     FORM,
     0},
    {"delete, empty", UPDATE, {"a.example", TYPE_TXT, CLASS_NONE, 0, ""}, FORM, 0},
    {"delete with a TTL",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_NONE, 1, "0161"},
     FORM,
     0},
    {"delete of ANY", UPDATE, {"a.example", TYPE_ANY, CLASS_NONE, 0, ""}, FORM, 0},
    {"delete-rrset with a TTL",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_ANY, 1, ""},
     FORM,
     0},
    {"delete-rrset with RDATA",
     UPDATE,
     {"a.example", TYPE_TXT, CLASS_ANY, 0, "0161"},
     FORM,
     0},
    {"delete-name with a TTL",
     UPDATE,
     {"a.example", TYPE_ANY, CLASS_ANY, 1, ""},
     FORM,
     0},
    {"update of class CH", UPDATE, {"a.example", TYPE_TXT, 3, 0, "0161"}, FORM, 0},
    {"update of type 0", UPDATE, {"a.example", 0, CLASS_IN, 0, ""}, FORM, 0},
    {"add of TKEY", UPDATE, {"a.example", TYPE_TKEY, CLASS_IN, 0, ""}, FORM, 0},
    {"add of SIG", UPDATE, {"a.example", TYPE_SIG, CLASS_IN, 0, ""}, FORM, 0},
    {"add of NXT", UPDATE, {"a.example", TYPE_NXT, CLASS_IN, 0, ""}, FORM, 0},
    {"delete-rrset of SIG", UPDATE, {"a.example", TYPE_SIG, CLASS_ANY, 0, ""}, FORM, 0},
    {"delete of MAILA", UPDATE, {"a.example", TYPE_MAILA, CLASS_NONE, 0, ""}, FORM, 0},
    {"delete-rrset of IXFR",
     UPDATE,
     {"a.example", TYPE_IXFR, CLASS_ANY, 0, ""},
     FORM,
     0},
    {"add outside", UPDATE, {"a.other", TYPE_TXT, CLASS_IN, 60, "0161"}, ZONE, 0},
    {"add outside, malformed",
     UPDATE,
     {"a.other", TYPE_TXT, CLASS_IN, 60, "0261"},
     ZONE,
     0},
    {"delete-name outside, with a TTL",
     UPDATE,
     {"a.other", TYPE_ANY, CLASS_ANY, 1, ""},
     ZONE,
     0},
};

static void each_record_has_its_verdict(void **state)
{
    static struct message m;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin(&m);
        add(&m, cases[i].section, &cases[i].record);
        assert_case(cases[i].name, read_items(&m) == cases[i].reason);
        assert_int_equal(m.index, 0);
        if (cases[i].reason != OK)
            continue;
        const struct update_item *item = &m.update.items[0];
        assert_case(cases[i].name, item->op == cases[i].op);
        assert_case(cases[i].name, item->type == cases[i].record.type);
        assert_case(cases[i].name, item->class == cases[i].record.class);
        assert_case(cases[i].name, item->ttl == cases[i].record.ttl);
        assert_case(cases[i].name, item->rdata.len == strlen(cases[i].record.hex) / 2);
        assert_int_equal(m.update.count, 1);
        assert_int_equal(m.update.prereqs, cases[i].section == PREREQ);
    }
}

/* U-4, U-6: the order is the message's, and its first fault decides. */
static void the_first_fault_decides(void **state)
{
    static const struct record good = {"B.Example", TYPE_TXT, CLASS_ANY, 0, ""};
    static const struct record outside = {"b.other", TYPE_TXT, CLASS_ANY, 0, ""};
    static const struct record malformed = {"b.example", TYPE_TXT, CLASS_ANY, 1, ""};
    static struct message m;

    (void)state;
    begin(&m);
    add(&m, PREREQ, &good);
    add(&m, UPDATE, &good);
    add(&m, UPDATE, &outside);
    add(&m, UPDATE, &malformed);
    assert_int_equal(read_items(&m), ZONE);
    assert_int_equal(m.index, 2);
    begin(&m);
    add(&m, PREREQ, &malformed);
    add(&m, UPDATE, &outside);
    assert_int_equal(read_items(&m), FORM);
    assert_int_equal(m.index, 0);
    begin(&m);
    add(&m, PREREQ, &good);
    add(&m, UPDATE, &good);
    assert_int_equal(read_items(&m), OK);
    assert_int_equal(m.update.count, 2);
    assert_int_equal(m.update.prereqs, 1);
    assert_int_equal(m.update.items[0].op, UPDATE_PREREQ);
    assert_int_equal(m.update.items[1].op, UPDATE_DELETE_RRSET);
    struct name_buf expected;
    assert_true(
        name_equal(m.update.items[1].owner, message_name("b.example", &expected)));
    begin(&m); /* nothing asked for */
    assert_int_equal(read_items(&m), OK);
    assert_int_equal(m.update.count, 0);
}

/* W-5. */
static void the_caps(void **state)
{
    static const struct record prereq = {".", TYPE_TXT, CLASS_ANY, 0, ""};
    static struct message m;

    (void)state;
    begin(&m);
    message_name(".", &m.zone);
    for (unsigned i = 0; i < LIMIT_PREREQUISITES; i++)
        add(&m, PREREQ, &prereq);
    assert_int_equal(read_items(&m), OK);
    add(&m, PREREQ, &prereq);
    assert_int_equal(read_items(&m), REASON_TOO_MANY_RECORDS);
    begin(&m);
    message_name(".", &m.zone);
    for (unsigned i = 0; i < LIMIT_UPDATES; i++)
        add(&m, UPDATE, &prereq);
    assert_int_equal(read_items(&m), OK);
    assert_int_equal(m.update.count, LIMIT_UPDATES);
    add(&m, UPDATE, &prereq);
    assert_int_equal(read_items(&m), REASON_TOO_MANY_RECORDS);
}

/* U-1. */
static void the_zone_section(void **state)
{
    static const struct {
        const char *name;
        const char *hex;
        enum result result;
    } zones[] = {
        {"one SOA", "0001 2800 0001 0000 0000 0000 0141 00 0006 0001", RES_OK},
        {"of class CH", "0001 2800 0001 0000 0000 0000 0141 00 0006 0003", RES_OK},
        {"none", "0001 2800 0000 0000 0000 0000", RES_EFORMAT},
        {"two", "0001 2800 0002 0000 0000 0000 00 0006 0001 00 0006 0001", RES_EFORMAT},
        {"of type A", "0001 2800 0001 0000 0000 0000 00 0001 0001", RES_EFORMAT},
        {"of type ANY", "0001 2800 0001 0000 0000 0000 00 00ff 0001", RES_EFORMAT},
    };
    uint8_t octets[64];
    struct wire_msg msg;
    struct update update;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        size_t len = unit_from_hex(zones[i].hex, octets, sizeof(octets));
        assert_int_equal(wire_walk(octets, len, true, &msg), RES_OK);
        assert_case(zones[i].name,
                    update_read_zone(&msg, &arena, &update) == zones[i].result);
        if (zones[i].result == RES_OK)
            assert_memory_equal(update.zone.octets, "\001a", 3);
    }
}

/* no memory is no permission. */
static void without_memory(void **state)
{
    static const struct record good = {"b.example", TYPE_TXT, CLASS_IN, 0, "0161"};
    static struct message m;
    struct arena small;

    (void)state;
    begin(&m);
    add(&m, UPDATE, &good);
    assert_int_equal(read_items(&m), OK);
    for (size_t limit = 1; limit < 2 * sizeof(struct update_item); limit++) {
        arena_init(&small, 64, limit);
        enum reason reason = update_read_items(&m.msg, &small, is_outside_zone, &m.zone,
                                               &m.update, &m.index);
        assert_true(reason == REASON_UNDECIDED || reason == REASON_PERMITTED);
        assert_true(limit > sizeof(struct update_item) || reason == REASON_UNDECIDED);
        arena_fini(&small);
    }
}

static void operations_have_names(void **state)
{
    enum update_op op;

    (void)state;
    for (unsigned i = UPDATE_ADD; i < UPDATE_OPS; i++) {
        assert_int_equal(update_op_named(update_op_name((enum update_op)i), &op),
                         RES_OK);
        assert_int_equal(op, i);
        assert_int_equal(update_op_is_prereq(op),
                         i == UPDATE_PREREQ || i == UPDATE_PREREQ_ANY);
    }
    assert_int_equal(update_op_named("undecided", &op), RES_ENOTFOUND);
    assert_int_equal(update_op_named("Add", &op), RES_ENOTFOUND);
    assert_string_equal(update_op_name(UPDATE_OPS), "undecided");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_has_its_verdict),
        cmocka_unit_test(the_first_fault_decides),
        cmocka_unit_test(the_caps),
        cmocka_unit_test(the_zone_section),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(operations_have_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

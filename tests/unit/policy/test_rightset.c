/*
 * Two ACLs compared by effect: tables of what makes a difference and what makes none,
 * and random pairs in which every line told has its witness, and silence none.
 */
#include "policy/pair.h"

/* ---- tables ---- */

#define ALL "add,delete,delete-rrset,prereq"

struct pair_case {
    const char *name;
    const char *old;
    const char *new;
    const char *expected; /* what is told, in order */
};

static const struct pair_case no_changes[] = {
    {"nothing at all", "", "", ""},
    {"order of lines", "host h\n acme a.corp\n tlsa b.corp 25/tcp\n",
     "host h\n tlsa b.corp 25/tcp\n acme a.corp\n", ""},
    {"order of hosts", "host h\n acme a.corp\nhost i\n acme b.corp\n",
     "host i\n acme b.corp\nhost h\n acme a.corp\n", ""},
    {"comments and continuation", "host h\n acme a.corp b.corp\n",
     "# x\nhost h # y\n acme a.corp \\\n b.corp # z\n", ""},
    {"one line or two", "host h\n acme a.corp b.corp\n",
     "host h\n acme b.corp\n acme a.corp\n", ""},
    {"flat or block", "host h\n acme a.corp\n", "grant h acme a.corp\n", ""},
    {"names for every-host", "host h.corp\n acme h.corp\n",
     "host h.corp\nevery-host\n acme {host}\n", ""},
    {"a profile of another name", "host h\n acme a.corp\n",
     "profile x\n owner _acme-challenge.{name}\n type TXT\n check acme-token\n"
     " ttl 0..600\nhost h\n x a.corp\n",
     ""},
    {"an option that says what holds anyhow", "host h\n acme a.corp\n",
     "host h\n acme a.corp ttl=0..600 may=prereq,delete,add,delete-rrset\n", ""},
    {"a right twice", "host h\n acme a.corp\n", "host h\n acme a.corp\n acme a.corp\n",
     ""},
    {"operations in two grants", "host h\n acme a.corp may=add,delete\n",
     "host h\n acme a.corp may=delete\n acme a.corp may=add\n", ""},
    {"a name that a pattern covers", "host h\n acme *.b.corp broad\n",
     "host h\n acme *.b.corp broad\n acme x.b.corp\n", ""},
    {"a pattern that one covers", "host h\n acme **.b.corp broad\n",
     "host h\n acme *.b.corp **.b.corp broad\n", ""},
    {"one pattern or two that come to it", "host h\n acme **.b.corp broad\n",
     "host h\n acme *.b.corp **.*.b.corp broad\n", ""},
    {"a list of values or several grants", "host h\n tlsa a.corp 25/tcp\n",
     "host h\n tlsa a.corp 25/tcp check=\"tlsa 2-1-1\"\n"
     " tlsa a.corp 25/tcp check=\"tlsa 3-1-1\"\n",
     ""},
    {"a host that may do nothing, and its key", "", "host h\n key k\n", ""},
    {"the key of its own name", "host h\n acme a.corp\n",
     "host h\n key h\n acme a.corp\n", ""},
    {"from in another order", "host h\n from 192.0.2.1 192.0.2.2\n acme a.corp\n",
     "host h\n from 192.0.2.2\n from 192.0.2.1 192.0.2.1\n acme a.corp\n", ""},
    {"from within a prefix", "host h\n from 192.0.2.0/24\n acme a.corp\n",
     "host h\n from 192.0.2.0/24 192.0.2.9\n acme a.corp\n", ""},
};

static const struct pair_case changes[] = {
    {"a name", "host h\n acme a.corp b.corp\n", "host h\n acme b.corp c.corp\n",
     "-h _acme-challenge.a.corp TXT " ALL ": 0..600\n"
     "+h _acme-challenge.c.corp TXT " ALL ": 0..600\n"},
    {"a host", "host h\n acme b.corp\n", "host i\n acme b.corp\n",
     "-h _acme-challenge.b.corp TXT " ALL ": 0..600\n"
     "+i _acme-challenge.b.corp TXT " ALL ": 0..600\n"
     "-h h key:\n+i i key:\n"},
    {"a type", "host h\n address a.dyn\n", "host h\n address a.dyn\n tlsa dyn 1/udp\n",
     "+h _1._udp.dyn TLSA " ALL ": 0..3600=1 0..3600=1\n"},
    {"an operation", "host h\n acme b.corp\n",
     "host h\n acme b.corp may=add,delete,prereq-any\n",
     "+h _acme-challenge.b.corp ANY prereq-any:\n"
     "-h _acme-challenge.b.corp TXT delete-rrset,prereq:\n"},
    {"a TTL", "host h\n acme b.corp\n", "host h\n acme b.corp ttl=0..60\n",
     "~h _acme-challenge.b.corp TXT add: 0..600 > 0..60\n"},
    {"the order, where it decides", "host h\n acme b.corp\n acme b.corp ttl=0..60\n",
     "host h\n acme b.corp ttl=0..60\n acme b.corp\n",
     "~h _acme-challenge.b.corp TXT add: 0..600 > 0..60\n"},
    {"clamped or refused", "host h\n acme b.corp\n",
     "host h\n acme b.corp ttl-mode=refuse\n",
     "~h _acme-challenge.b.corp TXT add: 0..600 > 0!600\n"},
    {"a value less", "host h\n tlsa b.corp 1/tcp check=\"tlsa 3-1-1 3-1-2\"\n",
     "host h\n tlsa b.corp 1/tcp check=\"tlsa 3-1-2\"\n",
     "~h _1._tcp.b.corp TLSA add: 0..3600=1 0..3600=2 > 0..3600=2\n"},
    {"how many", "host h\n acme b.corp\n", "host h\n acme b.corp max-records=1\n",
     "~h _acme-challenge.b.corp TXT add: 0..600 > 0..600\n"},
    {"from", "host h\n acme b.corp\n", "host h\n from 192.0.2.1\n acme b.corp\n",
     "~h _acme-challenge.b.corp TXT " ALL ": 0..600 > 0..600\n"},
    {"a wider prefix", "host h\n from 192.0.2.128/25\n acme b.corp\n",
     "host h\n from 192.0.2.0/24\n acme b.corp\n",
     "~h _acme-challenge.b.corp TXT " ALL ": 0..600 > 0..600\n"},
    {"a key", "host h\n acme b.corp\n", "host h\n key h\n key k\n acme b.corp\n",
     "+h k key:\n"},
    {"a key's end", "host h\n key k\n acme b.corp\n",
     "host h\n key k not-after 1970-01-01T00:01:00Z\n acme b.corp\n",
     "~h k key: > until 60\n"},
    {"a key's host", "host h\n key k\n key l\n acme b.corp\nhost i\n acme c.corp\n",
     "host h\n key l\n acme b.corp\nhost i\n key i\n key k\n acme c.corp\n",
     "-h k key:\n+i k key:\n"},
    {"an alias", "", "alias a.corp x.dyn\n", "+a.corp alias: x.dyn\n"},
    {"its target", "alias a.corp x.dyn\n", "alias a.corp y.dyn\n",
     "~a.corp alias: x.dyn > y.dyn\n"},
    {"a name that a pattern covers no more", "host h\n acme *.b.corp x.b.corp broad\n",
     "host h\n acme x.b.corp\n", "-h _acme-challenge.*.b.corp TXT " ALL ": 0..600\n"},
    {"a deeper pattern is told without what was there",
     "host h\n acme *.b.corp broad\n", "host h\n acme **.b.corp broad\n",
     "+h **_acme-challenge.*.*.b.corp TXT " ALL ": 0..600\n"},
    {"names below a new pattern are not told again",
     "host h\n acme *.b.corp **.c.corp broad\n acme x.c.corp\n",
     "host h\n acme *.b.corp broad\n",
     "-h **_acme-challenge.*.c.corp TXT " ALL ": 0..600\n"},
    {"_validation-persist is below no pattern",
     "profile p\n owner {name}\n type TXT\n ttl 0..86400\n"
     "host h\n p **.corp broad\n acme-persist b.corp\n p x.b.corp\n acme b.dyn\n",
     "host h\n acme b.dyn\n",
     "-h ***.corp TXT " ALL ": 0..86400\n"
     "-h _validation-persist.b.corp TXT " ALL ": 0..86400\n"},
    {"patterns that meet, in another order",
     "profile p\n owner p.{name}\n type TXT\n ttl 0..1\n"
     "profile q\n owner {name}\n type TXT\n ttl 0..2\n"
     "host h\n p *.corp broad\n q *.q.corp broad\n",
     "profile p\n owner p.{name}\n type TXT\n ttl 0..1\n"
     "profile q\n owner {name}\n type TXT\n ttl 0..2\n"
     "host h\n q *.q.corp broad\n p *.corp broad\n",
     "~h p.q.corp TXT add: 0..1 > 0..2\n"},
    {"an NS that nobody could delete at an apex", "host h\n multi-signer dyn\n",
     "host h\n multi-signer dyn may=add,delete,prereq\n",
     "-h dyn DNSKEY delete-rrset:\n"},
};

static void test_table(const struct pair_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[LINES_OCTETS];
        struct pair pair;
        pair_open(&pair, cases[i].old, cases[i].new);
        changes_text(&pair.changes, text);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("case \"%s\": got\n%sexpected\n%s", cases[i].name, text,
                     cases[i].expected);
        pair_close(&pair);
    }
}

static void test_no_changes(void **state)
{
    (void)state;
    test_table(no_changes, COUNT_OF(no_changes));
}

static void test_changes(void **state)
{
    (void)state;
    test_table(changes, COUNT_OF(changes));
}

/* ---- random pairs: names, patterns, operations, TTLs ---- */

#define PAIRS      1500
#define QUESTIONS  400
#define GRANTS_MAX 8

struct made {
    struct made_grant grants[GRANTS_MAX];
    int count;
};

static struct made_grant make_good_grant(void)
{
    struct made_grant grant;

    do
        grant = make_grant();
    while (is_refused_at_load(&grant));
    return grant;
}

static void edit(struct made *made)
{
    int at = made->count > 0 ? (int)roll((unsigned)made->count) : -1;
    int other = made->count > 0 ? (int)roll((unsigned)made->count) : -1;

    if (at < 0 || (roll(4) == 0 && made->count < GRANTS_MAX)) {
        made->grants[made->count++] = make_good_grant();
        return;
    }
    struct made_grant kept = made->grants[at];
    switch (roll(4)) {
    case 0:
        made->grants[at] = made->grants[other];
        made->grants[other] = kept;
        break;
    case 1:
        made->grants[at] = made->grants[--made->count];
        break;
    case 2:
        made->grants[at].ops = (1 + roll(63)) << UPDATE_ADD;
        break;
    default:
        made->grants[at].ttl_max += 10;
        break;
    }
}

static void write_made(const struct made *made, char *text, size_t capacity)
{
    unsigned lines;
    size_t len = write_head(text, capacity, &lines);

    for (int i = 0; i < made->count; i++)
        len += write_grant(&made->grants[i], text + len, capacity - len);
    text[len] = '\0';
}

static bool is_alike(const struct made *old, const struct made *new,
                     const struct question *q)
{
    struct verdict a = judge(old->grants, old->count, q);
    struct verdict b = judge(new->grants, new->count, q);

    return a.reason == b.reason && (a.reason != REASON_PERMITTED || a.ttl == b.ttl);
}

static bool is_permitted(const struct made *made, const struct question *q)
{
    return judge(made->grants, made->count, q).reason == REASON_PERMITTED;
}

/* Labels as text, those of stars as one that nobody has. */
static struct words words_of(const struct rightset_change *change,
                             char room[][LIMIT_LABEL_OCTETS + 1])
{
    struct words words = {.count = 0};
    struct name rest = change->owner;

    for (unsigned i = 0; !name_is_root(rest); i++, rest = name_parent(rest)) {
        memcpy(room[i], rest.octets + 1, rest.octets[0]);
        room[i][rest.octets[0]] = '\0';
        append(&words, (change->stars >> i & 1) != 0 ? "fresh" : room[i]);
    }
    return words;
}

/* Whether some question of that operation tells the two apart as the change says. */
static bool has_witness(const struct made *old, const struct made *new,
                        const struct rightset_change *change, enum update_op op)
{
    char room[LABELS][LIMIT_LABEL_OCTETS + 1];
    struct question q = {.op = op, .type = change->type};
    char host[NAME_TEXT_OCTETS];

    q.name = words_of(change, room);
    name_to_text(change->host, host);
    while (strcmp(hosts[q.host], host) != 0)
        q.host++;
    if (op == UPDATE_DELETE_NAME)
        q.type = TYPE_ANY;
    for (q.ttl = 0; q.ttl <= 100; q.ttl += 5) {
        if (change->sign == RIGHTSET_CHANGED
                ? !is_alike(old, new, &q)
                : is_permitted(change->sign == RIGHTSET_LOST ? old : new, &q) &&
                      (op == UPDATE_DELETE_NAME ||
                       !is_permitted(change->sign == RIGHTSET_LOST ? new : old, &q)))
            return true;
    }
    return false;
}

static void check_witnesses(const struct pair *pair, const struct made *old,
                            const struct made *new, const char *texts)
{
    char text[LINES_OCTETS];

    for (size_t i = 0; i < pair->changes.count; i++) {
        const struct rightset_change *change = &pair->changes.all[i];
        for (enum update_op op = UPDATE_ADD;
             change->subject == RIGHTSET_RIGHT && op < UPDATE_OPS; op++) {
            if ((change->ops & 1u << op) == 0 || has_witness(old, new, change, op))
                continue;
            struct rightset_changes one = {&pair->changes.all[i], 1};
            fail_msg("%s\nno question shows this:\n%s", texts,
                     changes_text(&one, text));
        }
    }
}

static void check_silence(const struct made *old, const struct made *new,
                          const char *texts)
{
    for (int i = 0; i < QUESTIONS; i++) {
        const struct made *from = roll(2) == 0 ? old : new;
        if (from->count == 0)
            continue;
        struct question q = make_question(from->grants, from->count);
        if (!is_alike(old, new, &q)) {
            struct name_buf room;
            char name[NAME_TEXT_OCTETS];
            fail_msg("%s\nnothing was told, but %s %s %s type %u ttl %u differs", texts,
                     hosts[q.host], update_op_name(q.op),
                     name_to_text(wire_name_of(&q.name, &room), name), q.type, q.ttl);
        }
    }
}

static void test_pair(const struct made *old, const struct made *new, unsigned round,
                      unsigned *silent)
{
    static char old_text[8192], new_text[8192], texts[20000];
    struct pair pair;

    write_made(old, old_text, sizeof(old_text));
    write_made(new, new_text, sizeof(new_text));
    (void)snprintf(texts, sizeof(texts), "round %u\n%s\n----\n%s", round, old_text,
                   new_text);
    pair_open(&pair, old_text, new_text);
    check_witnesses(&pair, old, new, texts);
    *silent += pair.changes.count == 0;
    if (pair.changes.count == 0)
        check_silence(old, new, texts);
    pair_close(&pair);
}

static void test_random_pairs(void **state)
{
    unsigned silent = 0;

    (void)state;
    for (unsigned round = 0; round < PAIRS; round++) {
        struct made old = {.count = 0}, new;
        seed = round + 1;
        for (unsigned left = 1 + roll(GRANTS_MAX - 1); left > 0; left--)
            old.grants[old.count++] = make_good_grant();
        new = old;
        for (unsigned left = 1 + roll(3); left > 0; left--)
            edit(&new);
        test_pair(&old, &new, round, &silent);
    }
    assert_in_range(silent, PAIRS / 20, PAIRS / 2); /* or this tests one half only */
}

/* ---- random pairs: patterns that meet, in another order ---- */

static struct made_grant make_crossing_grant(void)
{
    static const char *const labels[] = {"*", "*", "p", "q"};
    struct made_grant grant = {
        .host = 1,
        .profile = roll(2), /* {name} and p.{name} */
        .ttl_min = roll(4) * 10,
    };
    bool is_subtree = roll(4) == 0;

    if (is_subtree)
        append(&grant.name, "**");
    for (unsigned left = 1 + roll(2); left > 0; left--) {
        const char *label = labels[roll(COUNT_OF(labels))];
        bool is_late_star = is_subtree && label[0] == '*' && has_plain(&grant.name);
        append(&grant.name, is_late_star ? "q" : label);
    }
    append(&grant.name, "dyn");
    grant.ttl_max = grant.ttl_min;
    return grant;
}

static void test_random_orders(void **state)
{
    unsigned silent = 0;

    (void)state;
    for (unsigned round = 0; round < PAIRS; round++) {
        struct made old = {.count = 2 + (int)(round % 4)}, new;
        seed = round + 1;
        for (int i = 0; i < old.count; i++)
            old.grants[i] = make_crossing_grant();
        new = old;
        for (int i = old.count - 1; i > 0; i--) {
            int other = (int)roll((unsigned)i + 1);
            struct made_grant kept = new.grants[i];
            new.grants[i] = new.grants[other];
            new.grants[other] = kept;
        }
        test_pair(&old, &new, round, &silent);
    }
    assert_in_range(silent, PAIRS / 4, PAIRS * 3 / 4);
}

/* ---- without memory ---- */

/* with too little of it the comparison fails; it never tells less. */
static void test_memory(void **state)
{
    struct rightset_changes some;
    struct arena arena;
    struct pair pair;
    enum result res = RES_EMEM;
    size_t limit;

    (void)state;
    pair_open(&pair, "host h\n acme a.corp **.b.corp broad\nalias a.corp x.dyn\n",
              "host h\n key k\n acme b.corp *.b.corp broad\n tlsa a.corp 1/tcp\n");
    for (limit = 64; res != RES_OK; limit += 64) {
        assert_true(limit < 1 << 20);
        arena_init(&arena, 256, limit);
        res = rightset_compare(&pair.old.acl, &pair.new.acl, &arena, &some);
        if (res == RES_OK)
            assert_int_equal(some.count, pair.changes.count);
        else
            assert_int_equal(res, RES_EMEM);
        arena_fini(&arena);
    }
    assert_true(limit > 512);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_changes),   cmocka_unit_test(test_changes),
        cmocka_unit_test(test_random_pairs), cmocka_unit_test(test_random_orders),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

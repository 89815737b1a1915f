/*
 * Two ACLs compared by effect: tables of what makes a difference and what makes none,
 * and random pairs in which every line told has its witness, and silence none.
 */
#include "policy/rightset.h"

#include "policy/made_acl.h"

#define LINE_OCTETS  2048
#define LINES_OCTETS 8192

struct pair {
    struct site old;
    struct site new;
    struct arena arena;
    struct rightset_changes changes;
};

/* site_zones and site_shadows: NULL for those of made_acl.h. */
static void pair_open(struct pair *pair, const char *old, const char *new)
{
    struct site *sites[] = {&pair->old, &pair->new};
    const char *texts[] = {old, new};

    for (size_t i = 0; i < COUNT_OF(sites); i++) {
        site_open(sites[i]);
        site_add_zones(sites[i], zones);
        site_add_shadows(sites[i], shadows);
        if (site_compile(sites[i], texts[i]) != RES_OK) {
            site_print_diags(sites[i]);
            fail_msg("does not compile:\n%s", texts[i]);
        }
    }
    arena_init(&pair->arena, 4096, 0);
    assert_int_equal(
        rightset_compare(&pair->old.acl, &pair->new.acl, &pair->arena, &pair->changes),
        RES_OK);
}

static void pair_close(struct pair *pair)
{
    arena_fini(&pair->arena);
    site_close(&pair->old);
    site_close(&pair->new);
}

/* ---- changes as text ---- */

static void write_side(struct writer *w, const struct rightset_side *side)
{
    char text[NAME_TEXT_OCTETS];

    for (size_t i = 0; i < side->adds.count; i++) {
        const struct rightset_add *add = &side->adds.all[i];
        writer_printf(w, " %u%s%u", add->ttl_min_s, add->ttl_refuses ? "!" : "..",
                      add->ttl_max_s);
        if (add->check->kind == ACL_CHECK_TLSA)
            writer_printf(w, "=%u", add->check->tlsa[add->part].matching);
    }
    if (side->key != NULL && side->key->not_after_s != INT64_MAX)
        writer_printf(w, " until %d", (int)side->key->not_after_s);
    if (side->alias != NULL)
        writer_printf(w, " %s", name_to_text(side->alias->target, text));
}

/* "~h a.corp TXT add: 0..600 > 0..60"; a `**` is followed by all that it stands for. */
static void write_change(struct writer *w, const struct rightset_change *change)
{
    static const char signs[] = {'-', '+', '~'};
    char text[NAME_TEXT_OCTETS];

    writer_printf(w, "%c", signs[change->sign]);
    if (change->host.octets != NULL)
        writer_printf(w, "%s ", name_to_text(change->host, text));
    writer_printf(w, "%s%s ", change->is_subtree ? "**" : "",
                  name_to_text(change->owner, text));
    if (change->subject == RIGHTSET_RIGHT)
        writer_printf(w, "%s ", type_format(change->type, text));
    else
        writer_string(w, change->subject == RIGHTSET_KEY ? "key" : "alias");
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((change->ops & 1u << op) != 0)
            writer_printf(w, "%.*s%s", op == UPDATE_ADD ? 3 : 20, update_op_name(op),
                          change->ops >> (op + 1) != 0 ? "," : "");
    }
    writer_u8(w, ':');
    write_side(w, &change->old);
    if (change->sign == RIGHTSET_CHANGED)
        writer_string(w, " >");
    write_side(w, &change->new);
    writer_string(w, "\n");
}

static const char *changes_text(const struct rightset_changes *changes, char *text)
{
    struct writer w = writer_of((uint8_t *)text, LINES_OCTETS - 1);

    for (size_t i = 0; i < changes->count; i++)
        write_change(&w, &changes->all[i]);
    assert_false(w.failed);
    text[w.len] = '\0';
    return text;
}

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

/* ---- random lists of adds: every question there is ---- */

#define LISTS  3000
#define TTLS   8
#define VALUES 4
#define ROWS   4

struct row {
    unsigned min, max, check, records;
    bool refuses;
};

static struct row make_row(void)
{
    struct row row = {.min = roll(TTLS), .check = roll(5), .records = 1 + roll(8) / 7};

    row.max = row.min + roll(TTLS - row.min);
    row.refuses = roll(2) == 0;
    return row;
}

static void write_rows(const struct row *rows, unsigned count, char *text,
                       size_t capacity)
{
    static const char *const checks[] = {"any", "tlsa 3-1-1", "tlsa 3-1-2",
                                         "tlsa 3-1-1 3-1-2 2-1-1", "tlsa 2-1-1 3-1-2"};
    struct writer w = writer_of((uint8_t *)text, capacity - 1);

    writer_string(&w, "host h\n");
    for (unsigned i = 0; i < count; i++)
        writer_printf(
            &w, " tlsa b.dyn 1/tcp ttl=%u..%u%s check=\"%s\" max-records=%u\n",
            rows[i].min, rows[i].max, rows[i].refuses ? " ttl-mode=refuse" : "",
            checks[rows[i].check], rows[i].records);
    assert_false(w.failed);
    text[w.len] = '\0';
}

/* The rows in another order, some of them moved, changed or left out. */
static unsigned vary_rows(struct row *rows, unsigned count)
{
    for (unsigned left = 1 + roll(3); left > 0; left--) {
        unsigned at = roll(count), other = roll(count);
        struct row kept = rows[at];
        rows[at] = rows[other];
        rows[other] = kept;
        if (roll(3) == 0)
            rows[at] = make_row();
    }
    return count > 1 && roll(3) == 0 ? count - 1 : count;
}

/* -1: refused; else TTL and max-records. */
static int answer_to(struct site *site, unsigned value, uint32_t ttl)
{
    static const uint8_t params[VALUES][3] = {
        {3, 1, 1}, {3, 1, 2}, {2, 1, 1}, {1, 0, 1}};
    uint8_t octets[3 + 64] = {0};
    struct rdata rdata = {octets, params[value][2] == 1 ? 35 : 67};
    struct acl_answer answer;
    struct acl_question question = {
        .host = site->source.hosts[0],
        .op = UPDATE_ADD,
        .type = TYPE_TLSA,
        .ttl = ttl,
        .original = name_in(&site->arena, "_1._tcp.b.dyn"),
        .rdata = &rdata,
        .arena = &site->arena,
    };

    memcpy(octets, params[value], 3);
    acl_judge(&site->acl, &question, &answer);
    if (answer.reason != REASON_PERMITTED)
        return -1;
    return (int)(answer.ttl * 1000 + answer.right->grant->terms->max_records);
}

static bool is_alike_in_all(struct pair *pair)
{
    for (unsigned value = 0; value < VALUES; value++) {
        for (uint32_t ttl = 0; ttl < TTLS + 2; ttl++) {
            if (answer_to(&pair->old, value, ttl) != answer_to(&pair->new, value, ttl))
                return false;
        }
    }
    return true;
}

static void test_random_lists(void **state)
{
    static char old[4096], new[4096];
    char text[LINES_OCTETS];
    unsigned silent = 0;

    (void)state;
    for (unsigned round = 0; round < LISTS; round++) {
        struct pair pair;
        struct row rows[ROWS];
        unsigned count;
        seed = round + 1;
        count = 1 + roll(ROWS);
        for (unsigned i = 0; i < count; i++)
            rows[i] = make_row();
        write_rows(rows, count, old, sizeof(old));
        count = vary_rows(rows, count);
        write_rows(rows, count, new, sizeof(new));
        pair_open(&pair, old, new);
        bool is_alike = is_alike_in_all(&pair);
        silent += is_alike;
        if (is_alike != (pair.changes.count == 0))
            fail_msg("round %u\n%s----\n%s%s, but this was told:\n%s", round, old, new,
                     is_alike ? "they are alike" : "they differ",
                     changes_text(&pair.changes, text));
        pair_close(&pair);
    }
    assert_in_range(silent, LISTS / 10, LISTS / 2);
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
        cmocka_unit_test(test_random_lists), cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

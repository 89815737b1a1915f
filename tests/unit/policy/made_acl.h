/*
 * Random ACLs and questions, and a loop over all grants that judges them and knows
 * nothing of maps, chains, bits or wire form. The loop reads the grants as they were
 * made up, never what the parser made of their text.
 */
#ifndef TSIGATE_TESTS_POLICY_MADE_ACL_H
#define TSIGATE_TESTS_POLICY_MADE_ACL_H

#include "base/buf.h"
#include "dns/type.h"
#include "policy/site.h"

#define HOSTS  3
#define LABELS 12

struct words {
    const char *labels[LABELS];
    size_t count;
};

struct made_grant {
    int host; /* -1: every host */
    size_t profile;
    struct words name; /* "*", "**" and "\\042" as in the file, "{host}" too */
    unsigned ops;      /* bit 1 << op; 0: the default */
    uint32_t ttl_min, ttl_max;
    bool refuses;
};

/* ---- the site ---- */

/* "corp" and "a.corp" are static, written at "s.corp", but for "b.s.corp", a zone of
 * its own; "dyn" and "c.dyn" are native. */
static const char *const zones[] = {"corp", "a.corp", "+s.corp", "+b.s.corp",
                                    "+dyn", "+c.dyn", NULL};
static const char *const shadows[] = {"corp", "s.corp", NULL};

static const struct {
    const char *text;
    const char *owner[4]; /* labels before the name's */
    uint16_t types[2];
} profiles[] = {
    {"owner {name}\n type TXT\n", {NULL}, {TYPE_TXT, 0}},
    {"owner p.{name}\n type TXT\n", {"p", NULL}, {TYPE_TXT, 0}},
    {"owner *.q.{name}\n type SSHFP\n", {"*", "q", NULL}, {TYPE_SSHFP, 0}},
    {"owner p.{host}.{name}\n type TXT SSHFP\n",
     {"p", "{host}", NULL},
     {TYPE_TXT, TYPE_SSHFP}},
    {"owner _validation-persist.{name}\n type TXT\n",
     {"_validation-persist", NULL},
     {TYPE_TXT, 0}},
};

static const char *const hosts[HOSTS] = {"a", "h1", "h2"};

#define OPS_DEFAULT                                                                    \
    (1u << UPDATE_ADD | 1u << UPDATE_DELETE | 1u << UPDATE_DELETE_RRSET |              \
     1u << UPDATE_PREREQ)

/* ---- making things up ---- */

static uint64_t seed;

static inline unsigned roll(unsigned sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % sides;
}

static inline void append(struct words *words, const char *label)
{
    assert_true(words->count < LABELS);
    words->labels[words->count++] = label;
}

static const char *any_label(void)
{
    static const char *const labels[] = {"a", "a", "b", "c", "p", "q", "h1"};

    return labels[roll(COUNT_OF(labels))];
}

static inline void append_zone(struct words *words)
{
    switch (roll(4)) {
    case 0:
        append(words, "dyn");
        break;
    case 1:
        append(words, "c");
        append(words, "dyn");
        break;
    case 2:
        append(words, "a");
        append(words, "corp");
        break;
    default:
        append(words, "corp");
        break;
    }
}

static inline bool has_star(const struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (words->labels[i][0] == '*')
            return true;
    }
    return false;
}

static inline bool has_plain(const struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (words->labels[i][0] != '*')
            return true;
    }
    return false;
}

static inline struct words make_word(void)
{
    struct words words = {.count = 0};
    bool is_subtree = roll(6) == 0;

    if (is_subtree)
        append(&words, "**");
    for (unsigned left = 1 + roll(2); left > 0; left--) {
        switch (roll(9)) {
        case 0:
        case 1: /* the language has no `*` behind `**` and plain labels */
            append(&words, is_subtree && has_plain(&words) ? any_label() : "*");
            break;
        case 2:
            append(&words, "\\042");
            break;
        case 3:
            append(&words, words.count == 0 ? "{host}" : any_label());
            break;
        case 4:
            append(&words, "_validation-persist");
            break;
        default:
            append(&words, any_label());
            break;
        }
    }
    append_zone(&words);
    return words;
}

static inline struct made_grant make_grant(void)
{
    struct made_grant grant = {.host = (int)roll(HOSTS + 1) - 1,
                               .profile = roll(COUNT_OF(profiles)),
                               .name = make_word(),
                               .ttl_min = roll(5) * 10};

    grant.ttl_max = grant.ttl_min + roll(4) * 10;
    grant.refuses = roll(2) == 0;
    if (roll(2) == 0)
        grant.ops = (1 + roll(63)) << UPDATE_ADD;
    return grant;
}

static inline size_t write_grant(const struct made_grant *grant, char *text,
                                 size_t capacity)
{
    struct writer w = writer_of((uint8_t *)text, capacity);

    if (grant->host < 0)
        writer_string(&w, "every-host\n ");
    else
        writer_printf(&w, "host %s\n ", hosts[grant->host]);
    writer_printf(&w, "p%zu ", grant->profile);
    for (size_t i = 0; i < grant->name.count; i++)
        writer_printf(&w, "%s%s", i > 0 ? "." : "", grant->name.labels[i]);
    writer_printf(&w, " ttl=%u..%u%s%s", grant->ttl_min, grant->ttl_max,
                  grant->refuses ? " ttl-mode=refuse" : "",
                  has_star(&grant->name) ? " broad" : "");
    const char *separator = " may=";
    for (enum update_op op = UPDATE_ADD; op < UPDATE_OPS; op++) {
        if ((grant->ops & 1u << op) == 0)
            continue;
        writer_printf(&w, "%s%s", separator, update_op_name(op));
        separator = ",";
    }
    writer_string(&w, "\n");
    assert_false(w.failed);
    return w.len;
}

/* ---- the other judge ---- */

static inline struct words owner_of(const struct made_grant *grant, int host)
{
    struct words owner = {.count = 0};
    struct words parts = {.count = 0};

    for (size_t i = 0; profiles[grant->profile].owner[i] != NULL; i++)
        append(&parts, profiles[grant->profile].owner[i]);
    for (size_t i = 0; i < grant->name.count; i++)
        append(&parts, grant->name.labels[i]);
    for (size_t i = 0; i < parts.count; i++)
        append(&owner,
               strcmp(parts.labels[i], "{host}") == 0 ? hosts[host] : parts.labels[i]);
    return owner;
}

static inline bool is_zone(const struct words *name, size_t from,
                           const char *const *inserted)
{
    char text[256] = "";

    for (size_t i = from; i < name->count; i++) {
        if (i > from)
            strcat(text, ".");
        /* The last label is "corp", before which a target has "s". */
        if (inserted != NULL && i + 1 == name->count)
            strcat(text, *inserted);
        strcat(text, name->labels[i]);
    }
    for (const char *const *zone = zones; *zone != NULL; zone++) {
        if (strcmp(**zone == '+' ? *zone + 1 : *zone, text) == 0)
            return true;
    }
    return false;
}

/* What no pattern matches. */
static inline bool is_closed(const struct words *name)
{
    static const char *const shadow = "s.";

    for (size_t i = 0; i < name->count; i++) {
        if (strcmp(name->labels[i], "*") == 0 ||
            strcmp(name->labels[i], "_validation-persist") == 0)
            return true;
    }
    if (is_zone(name, 0, NULL))
        return true;
    return strcmp(name->labels[name->count - 1], "corp") == 0 && name->count > 1 &&
           is_zone(name, 0, &shadow);
}

static inline bool is_match(const struct words *pattern, size_t p,
                            const struct words *name, size_t n)
{
    if (p == pattern->count || n == name->count)
        return p == pattern->count && n == name->count;
    const char *label = pattern->labels[p];
    if (strcmp(label, "**") == 0)
        return is_match(pattern, p + 1, name, n + 1) ||
               is_match(pattern, p, name, n + 1);
    if (strcmp(label, "*") == 0)
        return is_match(pattern, p + 1, name, n + 1);
    if (strcmp(label, "\\042") == 0)
        label = "*";
    return strcmp(label, name->labels[n]) == 0 && is_match(pattern, p + 1, name, n + 1);
}

struct question {
    int host;
    enum update_op op;
    uint16_t type;
    uint32_t ttl;
    struct words name;
};

/* 0: the name is not granted, 1: the type, 2: the operation, 3: the TTL, 4: all is. */
static inline int stage(const struct made_grant *grant, const struct question *q,
                        uint32_t *out_ttl)
{
    const struct words owner = owner_of(grant, q->host);
    const uint16_t *types = profiles[grant->profile].types;
    unsigned ops = grant->ops != 0 ? grant->ops : OPS_DEFAULT;

    if (grant->host >= 0 && grant->host != q->host)
        return 0;
    if (!is_match(&owner, 0, &q->name, 0) || (has_star(&owner) && is_closed(&q->name)))
        return 0;
    if (q->type != TYPE_ANY && q->type != types[0] && q->type != types[1])
        return 1;
    if ((ops & 1u << q->op) == 0)
        return 2;
    if (q->op != UPDATE_ADD)
        return 4;
    *out_ttl = q->ttl < grant->ttl_min   ? grant->ttl_min
               : q->ttl > grant->ttl_max ? grant->ttl_max
                                         : q->ttl;
    return *out_ttl != q->ttl && grant->refuses ? 3 : 4;
}

struct verdict {
    enum reason reason;
    int grant; /* that decided; -1: none */
    uint32_t ttl;
};

static inline struct verdict judge(const struct made_grant *grants, int count,
                                   const struct question *q)
{
    static const enum reason reasons[] = {
        REASON_NAME_NOT_GRANTED, REASON_TYPE_NOT_GRANTED, REASON_OPERATION_NOT_GRANTED,
        REASON_TTL_NOT_ALLOWED, REASON_PERMITTED};
    struct verdict verdict = {.grant = -1, .ttl = q->ttl};
    int furthest = 0;

    for (int i = 0; i < count && furthest < 4; i++) {
        uint32_t ttl = q->ttl;
        int reached = stage(&grants[i], q, &ttl);
        if (reached <= furthest)
            continue;
        furthest = reached;
        verdict.grant = i;
        verdict.ttl = reached == 4 ? ttl : q->ttl;
    }
    verdict.reason = reasons[furthest];
    if (furthest == 0 && (q->op == UPDATE_PREREQ || q->op == UPDATE_PREREQ_ANY))
        verdict.reason = REASON_PREREQUISITE_NOT_GRANTED;
    return verdict;
}

/* ---- questions ---- */

/* An owner of a grant with labels for its stars, now and then with one changed; or a
 * name out of nowhere. */
static inline struct words make_name(const struct made_grant *grants, int count,
                                     int host)
{
    struct words name = {.count = 0};
    const struct words owner = owner_of(&grants[roll((unsigned)count)], host);

    if (roll(8) == 0) {
        for (unsigned left = roll(4); left > 0; left--)
            append(&name, any_label());
        append_zone(&name);
        return name;
    }
    for (size_t i = 0; i < owner.count; i++) {
        const char *label = owner.labels[i];
        unsigned more = strcmp(label, "**") == 0 ? roll(3) : 0;
        if (label[0] == '*')
            label = roll(12) == 0 ? "*" : any_label();
        if (strcmp(label, "\\042") == 0)
            label = "*";
        if (i + 1 < owner.count && roll(12) == 0)
            label = roll(2) == 0 ? "_validation-persist" : any_label();
        if (i + 2 >= owner.count || roll(16) != 0)
            append(&name, label);
        for (; more > 0; more--)
            append(&name, any_label());
    }
    return name;
}

static inline struct question make_question(const struct made_grant *grants, int count)
{
    struct question q = {.host = (int)roll(HOSTS),
                         .op = (enum update_op)(UPDATE_ADD + roll(6)),
                         .type = roll(3) == 0 ? TYPE_SSHFP : TYPE_TXT,
                         .ttl = roll(8) * 10};

    if (q.op == UPDATE_DELETE_NAME || q.op == UPDATE_PREREQ_ANY)
        q.type = TYPE_ANY;
    q.name = make_name(grants, count, q.host);
    return q;
}

static inline struct name wire_name_of(const struct words *words, struct name_buf *room)
{
    char text[256] = "";

    for (size_t i = 0; i < words->count; i++) {
        if (i > 0)
            strcat(text, ".");
        strcat(text, words->labels[i]);
    }
    assert_int_equal(name_from_text(text, strlen(text), room), RES_OK);
    return name_of(room);
}

/* An exact owner at a static apex and a pattern of _validation-persist are errors of
 * their own; not what is tested here. */
static inline bool is_refused_at_load(const struct made_grant *grant)
{
    const struct words any_owner = owner_of(grant, 0);

    for (size_t i = 0; i < any_owner.count && has_star(&grant->name); i++) {
        if (strcmp(any_owner.labels[i], "_validation-persist") == 0)
            return true;
    }
    for (int host = 0; host < HOSTS; host++) {
        const struct words owner = owner_of(grant, host);
        if (!has_star(&owner) && is_zone(&owner, 0, NULL) &&
            strcmp(owner.labels[owner.count - 1], "corp") == 0)
            return true;
    }
    return false;
}

static inline size_t write_head(char *text, size_t capacity, unsigned *out_lines)
{
    struct writer w = writer_of((uint8_t *)text, capacity);

    for (size_t i = 0; i < COUNT_OF(profiles); i++)
        writer_printf(&w, "profile p%zu\n %s", i, profiles[i].text);
    for (size_t i = 0; i < HOSTS; i++)
        writer_printf(&w, "host %s\n", hosts[i]);
    assert_false(w.failed);
    *out_lines = (unsigned)(3 * COUNT_OF(profiles) + HOSTS);
    return w.len;
}

#endif

#include "policy/acl.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dns/type.h"
#include "policy/acl_index.h"
#include "policy/check.h"

/* ---- hosts and keys ---- */

const struct acl_host *acl_host_named(const struct acl *acl, struct name name)
{
    return acl_source_host_named(acl->source, name);
}

struct acl_credential acl_credential_of(const struct acl *acl, struct name key_name)
{
    const struct acl_key_line *line =
        map_get(&acl->key_lines, key_name.octets, key_name.len);
    const struct acl_host *own = acl_host_named(acl, key_name);

    if (line != NULL)
        return (struct acl_credential){line->host, line};
    return (struct acl_credential){
        own != NULL && acl_host_keys(own) == NULL ? own : NULL, NULL};
}

struct acl_credential acl_credential_first(const struct acl_host *host)
{
    return (struct acl_credential){host, acl_host_keys(host)};
}

bool acl_credential_next(struct acl_credential *credential)
{
    if (credential->line != NULL)
        credential->line = credential->line->next;
    return credential->line != NULL;
}

struct name acl_credential_name(struct acl_credential credential)
{
    return credential.line != NULL ? credential.line->name : credential.host->name;
}

int64_t acl_credential_not_before_s(struct acl_credential credential)
{
    return credential.line != NULL ? credential.line->not_before_s : INT64_MIN;
}

int64_t acl_credential_not_after_s(struct acl_credential credential)
{
    return credential.line != NULL ? credential.line->not_after_s : INT64_MAX;
}

bool acl_credential_is_valid(struct acl_credential credential, int64_t now_s)
{
    return acl_credential_not_before_s(credential) <= now_s &&
           now_s < acl_credential_not_after_s(credential);
}

struct place acl_host_place(const struct acl *acl, const struct acl_host *host)
{
    return acl_source_place(acl->source, host->line, host->column);
}

struct place acl_credential_place(const struct acl *acl,
                                  struct acl_credential credential)
{
    return credential.line != NULL ? credential.line->place
                                   : acl_host_place(acl, credential.host);
}

bool acl_source_is_allowed(const struct acl_host *host, const struct addr *from)
{
    if (acl_host_from(host) == NULL)
        return true;
    for (const struct acl_from_line *line = acl_host_from(host); line != NULL;
         line = line->next) {
        if (prefix_contains(&line->prefix, from))
            return true;
    }
    return false;
}

void acl_fini(struct acl *acl)
{
    map_fini(&acl->key_lines);
    row_index_close(&acl->index);
    free(acl->next);
    free(acl->rights);
    acl->next = NULL;
    acl->rights = NULL;
}

/* ---- rights ---- */

uint64_t acl_right_stars(const struct acl_right *right)
{
    uint64_t stars = 0;

    if (right->is_pattern)
        memcpy(&stars, right->octets + right->owner_len, sizeof(stars));
    return stars;
}

bool acl_is_same_right(const struct acl_right *a, const struct acl_right *b)
{
    return a->is_pattern == b->is_pattern && a->is_subtree == b->is_subtree &&
           name_equal(acl_right_owner(a), acl_right_owner(b)) &&
           acl_right_stars(a) == acl_right_stars(b) &&
           acl_is_same_terms(a->terms, b->terms);
}

struct place acl_right_place(const struct acl *acl, const struct acl_right *right)
{
    return acl_source_place(acl->source, right->line, right->column);
}

const struct acl_right *acl_walk_next(const struct acl *acl, struct acl_walk *walk)
{
    for (; walk->host < acl->source->hosts.count; walk->host++, walk->right = 0) {
        const struct acl_host *host = acl_source_host(acl->source, walk->host);
        if (walk->right < host->right_count)
            return acl_host_rights(acl, host) + walk->right++;
    }
    return NULL;
}

/* Rights of one host stand in file order, and hosts in that of their declarations. */
int acl_right_compare(const struct acl_right *a, const struct acl_right *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a > b) - (a < b);
}

static int compare_listed(const void *a, const void *b)
{
    return acl_right_compare(*(const struct acl_right *const *)a,
                             *(const struct acl_right *const *)b);
}

const struct acl_right **acl_list_rights(const struct acl *acl, struct arena *arena)
{
    const struct acl_right **list =
        arena_array(arena, acl->right_count, sizeof(struct acl_right *));
    struct acl_walk walk = {0};

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < acl->right_count; i++)
        list[i] = acl_walk_next(acl, &walk);
    qsort(list, acl->right_count, sizeof(*list), compare_listed);
    return list;
}

/* ---- names and patterns ---- */

static bool is_first_label_equal(struct name a, struct name b)
{
    return a.octets[0] == b.octets[0] &&
           memcmp(a.octets, b.octets, 1u + a.octets[0]) == 0;
}

/* W-8: a dot, a blank, a control octet or one over 0x7e is written by nobody who means
 * a host; what has one is reached by the rule that spells it, never by a star. */
bool acl_is_label_plain(struct name name)
{
    for (size_t i = 1; i <= name.octets[0]; i++) {
        if (name.octets[i] <= 0x20 || name.octets[i] > 0x7e || name.octets[i] == '.')
            return false;
    }
    return true;
}

/* Whether name is one plain label or, with is_subtree, several of them, and suffix. */
static bool is_under(struct name name, struct name suffix, bool is_subtree)
{
    do {
        if (name_is_root(name) || !acl_is_label_plain(name))
            return false;
        name = name_parent(name);
    } while (is_subtree && name.len > suffix.len);
    return name_equal(name, suffix);
}

/* Label by label from the left up to the rightmost star; that one takes one label, or
 * with is_subtree one or more, and what stands behind it is plain. A name that has
 * ended before is the root from there on. */
static bool is_pattern_match(const struct acl_right *right, struct name name)
{
    struct name pattern = acl_right_owner(right);

    for (uint64_t stars = acl_right_stars(right); stars > 1; stars >>= 1) {
        bool is_star = (stars & 1) != 0;
        if (is_star ? !acl_is_label_plain(name) : !is_first_label_equal(pattern, name))
            return false;
        pattern = name_parent(pattern);
        name = name_parent(name);
    }
    return is_under(name, name_parent(pattern), right->is_subtree);
}

bool acl_is_closed_to_patterns(struct name name)
{
    static const uint8_t persist[] = "\x13_validation-persist";

    for (; !name_is_root(name); name = name_parent(name)) {
        if (memcmp(name.octets, "\x01*", 2) == 0)
            return true;
        if (name.octets[0] == persist[0] &&
            memcmp(name.octets, persist, sizeof(persist) - 1) == 0)
            return true;
    }
    return false;
}

struct name acl_pattern_sample(struct name owner, uint64_t stars, struct name_buf *room)
{
    room->len = owner.len;
    memcpy(room->octets, owner.octets, owner.len);
    for (size_t at = 0; stars != 0; stars >>= 1, at += 1u + room->octets[at]) {
        if ((stars & 1) != 0)
            room->octets[at + 1] = ACL_FRESH_LABEL;
    }
    return name_of(room);
}

bool acl_is_apex(const struct acl *acl, struct name original)
{
    struct name_buf target;

    if (zones_exact(acl->zones, original) != NULL)
        return true;
    return zones_bind(acl->zones, original, &target) == RES_OK &&
           zones_exact(acl->zones, name_of(&target)) != NULL;
}

bool acl_is_beyond_patterns(const struct acl *acl, struct name original)
{
    return acl_is_closed_to_patterns(original) || acl_is_apex(acl, original);
}

bool acl_right_matches(const struct acl *acl, const struct acl_right *right,
                       struct name original)
{
    if (!right->is_pattern)
        return name_equal(acl_right_owner(right), original);
    return is_pattern_match(right, original) && !acl_is_beyond_patterns(acl, original);
}

/* The first ACL_RIGHTS_MAX rights found, by file order. */
struct found {
    const struct acl_right **rights;
    size_t count;
};

static void add_found(struct found *found, const struct acl_right *right)
{
    size_t i = found->count;

    if (i == ACL_RIGHTS_MAX) {
        if (right > found->rights[i - 1])
            return;
        i--;
    } else {
        found->count++;
    }
    for (; i > 0 && found->rights[i - 1] > right; i--)
        found->rights[i] = found->rights[i - 1];
    found->rights[i] = right;
}

uint32_t acl_key_hash(const struct acl_host *host, struct name name, bool is_pattern)
{
    return hash_octets(name.octets, name.len) + (2 * host->first_right + is_pattern);
}

struct name acl_right_key(const struct acl_right *right)
{
    struct name owner = acl_right_owner(right);

    return right->is_pattern
               ? name_parent(acl_pattern_tail(owner, acl_right_stars(right)))
               : owner;
}

const struct acl_right *acl_first_of_key(const struct acl *acl,
                                         const struct acl_host *host, struct name name,
                                         bool is_pattern)
{
    struct row_probe probe = row_probe_of(acl_key_hash(host, name, is_pattern));

    for (uint32_t row; (row = row_index_next(&acl->index, &probe)) != ROW_NONE;) {
        const struct acl_right *right = &acl->rights[row];
        if (right->host == host && right->is_pattern == is_pattern &&
            name_equal(acl_right_key(right), name))
            return right;
    }
    return NULL;
}

static void find_scanned(const struct acl *acl, const struct acl_host *host,
                         struct name original, struct found *found)
{
    const struct acl_right *rights = acl_host_rights(acl, host);

    for (size_t i = 0; i < host->right_count; i++) {
        if (acl_right_matches(acl, &rights[i], original))
            add_found(found, &rights[i]);
    }
}

static void find_indexed(const struct acl *acl, const struct acl_host *host,
                         struct name original, struct found *found)
{
    const struct acl_right *right = acl_first_of_key(acl, host, original, false);

    for (; right != NULL && found->count < ACL_RIGHTS_MAX;
         right = acl_next_of_key(acl, right))
        add_found(found, right);
    if (!acl->has_indexed_patterns || acl_is_beyond_patterns(acl, original))
        return;
    for (struct name suffix = original; !name_is_root(suffix);) {
        suffix = name_parent(suffix);
        right = acl_first_of_key(acl, host, suffix, true);
        for (; right != NULL; right = acl_next_of_key(acl, right)) {
            if (is_pattern_match(right, original))
                add_found(found, right);
        }
    }
}

size_t acl_rights_of(const struct acl *acl, const struct acl_host *host,
                     struct name original, const struct acl_right **out)
{
    struct found found = {.rights = out};

    if (host->is_indexed)
        find_indexed(acl, host, original, &found);
    else
        find_scanned(acl, host, original, &found);
    return found.count;
}

/* ---- judgement ---- */

/* Type ANY, where the operation has it, is no type but all of them. */
static bool is_type_granted(const struct acl_terms *terms,
                            const struct acl_question *question)
{
    if (question->op == UPDATE_DELETE_NAME || question->op == UPDATE_PREREQ_ANY)
        return true;
    return acl_terms_have_type(terms, question->type);
}

/* A primary ignores the deletion of an apex's NS and says NOERROR all the same,
 * which would break I3. */
static bool is_ignored_by_primaries(const struct acl *acl,
                                    const struct acl_question *question)
{
    return question->op == UPDATE_DELETE_RRSET && question->type == TYPE_NS &&
           acl_is_apex(acl, question->original);
}

/* values and TTLs of adds only, so that whoever may add may also clean up. */
static enum reason judge_add(const struct acl_terms *terms,
                             const struct acl_question *question,
                             struct acl_answer *answer)
{
    uint32_t ttl = question->ttl;

    answer->expected =
        check_value(&terms->check, question->type, question->rdata, question->from,
                    question->is_udp, question->now_s, question->arena);
    if (answer->expected != NULL)
        return REASON_VALUE_NOT_ALLOWED;
    if (ttl < terms->ttl_min_s)
        ttl = terms->ttl_min_s;
    if (ttl > terms->ttl_max_s)
        ttl = terms->ttl_max_s;
    if (ttl != question->ttl && terms->ttl_refuses)
        return REASON_TTL_NOT_ALLOWED;
    answer->ttl = ttl;
    return REASON_PERMITTED;
}

static struct acl_answer judge_right(const struct acl *acl,
                                     const struct acl_question *question,
                                     const struct acl_right *right)
{
    const struct acl_terms *terms = right->terms;
    struct acl_answer answer = {.right = right, .ttl = question->ttl};

    if (!is_type_granted(terms, question))
        answer.reason = REASON_TYPE_NOT_GRANTED;
    else if ((terms->ops & (1u << question->op)) == 0 ||
             is_ignored_by_primaries(acl, question))
        answer.reason = REASON_OPERATION_NOT_GRANTED;
    else if (question->op == UPDATE_ADD)
        answer.reason = judge_add(terms, question, &answer);
    else
        answer.reason = REASON_PERMITTED;
    return answer;
}

/* How far a right came: name, type, operation, value, TTL. */
static int stage_of(enum reason reason)
{
    static const enum reason stages[] = {
        REASON_NAME_NOT_GRANTED,  REASON_TYPE_NOT_GRANTED, REASON_OPERATION_NOT_GRANTED,
        REASON_VALUE_NOT_ALLOWED, REASON_TTL_NOT_ALLOWED,  REASON_PERMITTED,
    };

    for (size_t i = 0; i < sizeof(stages) / sizeof(*stages); i++) {
        if (stages[i] == reason)
            return (int)i;
    }
    return -1;
}

void acl_judge(const struct acl *acl, const struct acl_question *question,
               struct acl_answer *out)
{
    const struct acl_right *rights[ACL_RIGHTS_MAX];
    size_t count = acl_rights_of(acl, question->host, question->original, rights);

    *out = (struct acl_answer){.reason = REASON_NAME_NOT_GRANTED, .ttl = question->ttl};
    for (size_t i = 0; i < count && out->reason != REASON_PERMITTED; i++) {
        struct acl_answer answer = judge_right(acl, question, rights[i]);
        if (stage_of(answer.reason) > stage_of(out->reason))
            *out = answer;
    }
    if (out->right == NULL && update_op_is_prereq(question->op))
        out->reason = REASON_PREREQUISITE_NOT_GRANTED; /* */
}

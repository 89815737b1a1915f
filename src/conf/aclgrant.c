/* A grant: `PROFILE WORDS... OPTIONS...`, in a block or behind `grant HOST`. */
#include "conf/aclparse.h"

#include <string.h>

#include "base/limits.h"

#define ARENA_OF(parser) (&(parser)->source->lines)

/* The words of a grant, sorted out. */
struct grant_words {
    const struct acl_word *profile;
    const struct acl_word *first; /* behind the profile */
    size_t count;                 /* names and ports */
    size_t ports;
    size_t options; /* behind them */
};

static struct grant_words sort_words(const struct acl_word *words, size_t count)
{
    struct grant_words sorted = {.profile = words, .first = words + 1};
    size_t i = 1;
    for (; i < count && !acl_word_is_option(&words[i]); i++)
        sorted.ports += memchr(words[i].text, '/', words[i].len) != NULL;
    sorted.count = i - 1;
    sorted.options = count - i;
    return sorted;
}

/* ---- ports ---- */

static enum result parse_port_word(struct acl_parser *parser,
                                   const struct acl_word *word,
                                   struct acl_port_word *out)
{
    static const char *const protos[] = {"tcp", "udp", "sctp"};
    const char *slash = memchr(word->text, '/', word->len);
    uint32_t port = 0;
    if (acl_number_parse(word->text, (size_t)(slash - word->text), UINT16_MAX, &port)) {
        out->port = (uint16_t)port;
        for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
            if (strcmp(slash + 1, protos[i]) == 0) {
                out->proto = protos[i];
                return RES_OK;
            }
        }
    }
    diags_error(parser->diags, word->place, "acl-port",
                "`%s`: write PORT/PROTO: 0 to 65535, then tcp, udp or sctp",
                word->text);
    return RES_EFORMAT;
}

static enum result parse_ports(struct acl_parser *parser,
                               const struct grant_words *words, struct acl_grant *grant)
{
    /* Of a profile without {port} check_counts says what is wrong. */
    if (words->ports == 0 || !(grant->terms->profile->wants_port ||
                               acl_profile_is_broken(grant->terms->profile)))
        return RES_OK;
    grant->ports = arena_array(ARENA_OF(parser), words->ports, sizeof(*grant->ports));
    if (grant->ports == NULL)
        return RES_EMEM;
    enum result result = RES_OK;
    for (size_t i = 0; i < words->count; i++) {
        const struct acl_word *word = &words->first[i];
        if (memchr(word->text, '/', word->len) != NULL &&
            parse_port_word(parser, word, &grant->ports[grant->port_count++]) != RES_OK)
            result = RES_EFORMAT;
    }
    return result;
}

/* ---- names ---- */

static enum result parse_names(struct acl_parser *parser,
                               const struct grant_words *words, struct acl_grant *grant)
{
    size_t count = words->count - words->ports;
    grant->names =
        arena_array(ARENA_OF(parser), count > 0 ? count : 1, sizeof(*grant->names));
    if (grant->names == NULL)
        return RES_EMEM;
    enum result all = RES_OK;
    for (size_t i = 0; i < words->count; i++) {
        const struct acl_word *word = &words->first[i];
        if (memchr(word->text, '/', word->len) != NULL)
            continue;
        enum result result = acl_name_word_parse(
            parser, word, ACL_HAS_HOST | ACL_HAS_STAR | ACL_HAS_SUBTREE,
            ARENA_OF(parser), &grant->names[grant->name_count]);
        if (result == RES_EMEM)
            return result;
        if (result == RES_OK)
            grant->name_count++;
        else
            all = result;
    }
    return all;
}

/* ---- what profile, names and options have to do with each other ---- */

static enum result grant_error(struct acl_parser *parser, struct place place,
                               const char *profile, const char *message)
{
    diags_error(parser->diags, place, "acl-grant", "`%s`: %s", profile, message);
    return RES_EFORMAT;
}

/* The number of names and of ports fits the profile's owner. */
static enum result check_counts(struct acl_parser *parser,
                                const struct grant_words *words,
                                const struct acl_profile *profile)
{
    bool wants_name = (acl_template_kinds(&profile->owner) & ACL_HAS_NAME) != 0;
    size_t names = words->count - words->ports;
    struct place place = words->profile->place;
    if (wants_name && names == 0)
        return grant_error(parser, place, profile->name, "it needs a name");
    if (!wants_name && names > 0) {
        return grant_error(parser, place, profile->name,
                           "its owner has no {name}, so it takes no names");
    }
    if (profile->wants_port && words->ports == 0) {
        return grant_error(parser, place, profile->name,
                           "it needs a PORT/PROTO, as 25/tcp");
    }
    if (profile->wants_port || words->ports == 0)
        return RES_OK;
    for (size_t i = 0; i < words->count; i++) {
        if (memchr(words->first[i].text, '/', words->first[i].len) != NULL) {
            diags_error(parser->diags, words->first[i].place, "acl-port",
                        "`%s`: the owner of profile `%s` has no {port}",
                        words->first[i].text, profile->name);
        }
    }
    return RES_EFORMAT;
}

/* a pattern is meant only where the grant says so. */
static enum result check_broad(struct acl_parser *parser,
                               const struct acl_name_word *name,
                               const struct acl_profile *profile)
{
    const char *base = name->text;
    while (strncmp(base, "*.", 2) == 0 || strncmp(base, "**.", 3) == 0)
        base += strspn(base, "*") + 1;
    if (strchr(base, '*') != NULL)
        base = "X"; /* stars elsewhere: no wildcard certificate can be meant */
    diags_error(parser->diags, acl_word_place(parser->source, name), "acl-broad",
                "`%s`: a pattern reaches many names and needs the option `broad`; a "
                "wildcard certificate of %s needs `acme %s` and no pattern "
                "(profile `%s`)",
                name->text, base, base, profile->name);
    return RES_EFORMAT;
}

/* No less than it takes in an owner, but for {name} and {host}. */
static size_t octets_of(const struct acl_template *template)
{
    size_t octets = 0;
    for (size_t i = 0; i < template->count; i++)
        octets += sizeof("65535") + template->pieces[i].len;
    return octets;
}

/* Whether the owner with this name in it is none. Hosts of every-host differ, so theirs
 * is looked at when it is known. */
static enum result check_owner(struct acl_parser *parser, const struct acl_grant *grant,
                               const struct acl_name_word *name)
{
    struct acl_owner owner;
    struct acl_fill fill = {
        .word = &name->template,
        .host = grant->host != NULL ? grant->host->name : name_root,
        .port = UINT16_MAX,
        .proto = "sctp",
    };
    size_t most = octets_of(&grant->terms->profile->owner) +
                  octets_of(&name->template) + fill.host.len;
    if (most < LIMIT_NAME_OCTETS / 2 ||
        acl_template_fill(&grant->terms->profile->owner, &fill, &owner) == RES_OK)
        return RES_OK;
    diags_error(parser->diags, acl_word_place(parser->source, name), "acl-name",
                "`%s`: the owner that profile `%s` makes of it has over 255 octets",
                name->text, grant->terms->profile->name);
    return RES_EFORMAT;
}

/* One bit says that the rightmost star is `**`: no star may stand behind. */
static bool has_star_behind_name(const struct acl_template *owner)
{
    bool is_behind = false;
    for (size_t i = 0; i < owner->count; i++) {
        if (is_behind && owner->pieces[i].kind == ACL_PIECE_STAR)
            return true;
        is_behind = is_behind || owner->pieces[i].kind == ACL_PIECE_NAME;
    }
    return false;
}

static enum result check_name(struct acl_parser *parser, const struct acl_grant *grant,
                              const struct acl_name_word *name)
{
    unsigned kinds = acl_template_kinds(&name->template);
    if ((kinds & (ACL_HAS_STAR | ACL_HAS_SUBTREE)) != 0 && !grant->terms->is_broad)
        return check_broad(parser, name, grant->terms->profile);
    if ((kinds & ACL_HAS_SUBTREE) != 0 &&
        has_star_behind_name(&grant->terms->profile->owner)) {
        return grant_error(parser, acl_word_place(parser->source, name), name->text,
                           "the profile has a `*` behind {name}, which leaves no room "
                           "for `**`");
    }
    return check_owner(parser, grant, name);
}

static enum result check_grant(struct acl_parser *parser,
                               const struct grant_words *words,
                               const struct acl_grant *grant, bool has_good_options)
{
    enum result result = check_counts(parser, words, grant->terms->profile);
    for (size_t i = 0; has_good_options && i < grant->name_count; i++)
        if (check_name(parser, grant, &grant->names[i]) != RES_OK)
            result = RES_EFORMAT;
    /* one such write outlives the key. */
    if (has_good_options && grant->terms->check.kind == ACL_CHECK_MISSING) {
        const char *check = grant->terms->check.text;
        diags_error(parser->diags, words->profile->place, "acl-check",
                    "`%s`: each grant of it has to say what may be written: "
                    "check=\"%s %s\"",
                    grant->terms->profile->name, check,
                    strcmp(check, "caa-value") == 0 ? "TAG=VALUE..."
                                                    : "ISSUER ACCOUNTURI");
        result = RES_EFORMAT;
    }
    return result;
}

static void append_grant(struct acl_source *source, struct acl_grant *grant)
{
    if (source->last_grant == NULL)
        source->grants = grant;
    else
        source->last_grant->next = grant;
    source->last_grant = grant;
    source->grant_count++;
}

static enum result worse(enum result a, enum result b)
{
    return a == RES_EMEM || b == RES_OK ? a : b;
}

enum result acl_grant_parse(struct acl_parser *parser, struct acl_host *host,
                            const struct acl_profile *profile,
                            const struct acl_word *words, size_t count)
{
    struct grant_words sorted = sort_words(words, count);
    struct acl_grant *grant = arena_alloc(ARENA_OF(parser), sizeof(*grant));
    if (grant == NULL)
        return RES_EMEM;
    grant->host = host;
    grant->terms = &profile->terms;
    grant->line = acl_source_line(parser->source, words[0].place);
    grant->column = (uint16_t)words[0].place.column;
    enum result result =
        worse(parse_names(parser, &sorted, grant), parse_ports(parser, &sorted, grant));
    enum result options = acl_options_parse(parser, sorted.first + sorted.count,
                                            sorted.options, profile, &grant->terms);
    result = worse(result, options);
    if (result == RES_EMEM)
        return result;
    if (!acl_profile_is_broken(profile))
        result = worse(result, check_grant(parser, &sorted, grant, options == RES_OK));
    if (result != RES_OK || acl_profile_is_broken(profile) ||
        parser->block == ACL_BLOCK_LOST)
        return result;
    if (grant->name_count == 0) {
        grant->names[grant->name_count++] = (struct acl_name_word){
            .text = "-", .line = grant->line, .column = grant->column};
    }
    append_grant(parser->source, grant);
    return RES_OK;
}

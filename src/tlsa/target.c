#include "tlsa/target.h"

#include <stdio.h>
#include <string.h>

#include "dns/type.h"

#define HTTPS_PORT 443

int targets_open(struct tool *tool, struct targets *out)
{
    *out = (struct targets){.tool = tool};
    out->array = arena_array(&tool->arena, TARGETS_MAX, sizeof *out->array);
    return out->array != NULL ? TOOL_DONE : tool_no_memory();
}

static int add(struct targets *targets, const struct target *target)
{
    if (targets->count == TARGETS_MAX)
        return tool_fail(TOOL_USAGE, "more than %d services", TARGETS_MAX);
    targets->array[targets->count++] = *target;
    return TOOL_DONE;
}

/* ---- words ---- */

static bool read_port(const char *text, size_t len, uint16_t *out)
{
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || len > 5)
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

enum result target_split(const char *word, const struct starttls *starttls,
                         char host[static LIMIT_LINE_OCTETS], uint16_t *out_port)
{
    static const char protocol[] = "._tcp.";
    const char *colon = strrchr(word, ':');
    const char *mark = strstr(word, protocol);
    size_t len = colon != NULL ? (size_t)(colon - word) : strlen(word);
    *out_port = starttls != NULL ? starttls->port : HTTPS_PORT;
    if (word[0] == '_') {
        if (mark == NULL || colon != NULL ||
            !read_port(word + 1, (size_t)(mark - word) - 1, out_port))
            return RES_EFORMAT;
        word = mark + sizeof protocol - 1;
        len = strlen(word);
    } else if (colon != NULL && !read_port(colon + 1, strlen(colon + 1), out_port)) {
        return RES_EFORMAT;
    }
    if (len == 0 || len >= LIMIT_LINE_OCTETS || memchr(word, ':', len) != NULL)
        return RES_EFORMAT;
    memcpy(host, word, len);
    host[len] = '\0';
    return RES_OK;
}

static int add_word(struct targets *targets, const char *word,
                    const struct starttls *starttls)
{
    char host[LIMIT_LINE_OCTETS];
    uint16_t port;
    if (target_split(word, starttls, host, &port) != RES_OK)
        return tool_usage(targets->tool,
                          "\"%s\": expected HOST:PORT, HOST or _PORT._tcp.HOST", word);
    const struct target target = {
        .name = tool_name(targets->tool, host),
        .service = {.port = port, .protocol = "tcp"},
        .starttls = starttls,
    };
    return target.name.octets != NULL ? add(targets, &target) : TOOL_USAGE;
}

int targets_add_word(struct targets *targets, const char *word)
{
    return add_word(targets, word, targets->starttls);
}

/* ---- a table ---- */

/* NULL: no more. */
static char *next_word(char **at)
{
    static const char blanks[] = " \t\r\n";
    char *word = *at + strspn(*at, blanks);
    *at = word + strcspn(word, blanks);
    if (**at != '\0')
        *(*at)++ = '\0';
    return *word != '\0' ? word : NULL;
}

static int add_line(struct targets *targets, const char *path, unsigned number,
                    char *line)
{
    line[strcspn(line, "#")] = '\0';
    char *word = next_word(&line);
    const char *protocol = word != NULL ? next_word(&line) : NULL;
    const struct starttls *starttls = targets->starttls;
    if (word == NULL)
        return TOOL_DONE;
    if (protocol != NULL && (starttls = starttls_find(protocol)) == NULL)
        return tool_fail(TOOL_CONFIG, "%s:%u: no protocol \"%s\": there are %s", path,
                         number, protocol, starttls_names);
    if (protocol != NULL && next_word(&line) != NULL)
        return tool_fail(TOOL_CONFIG, "%s:%u: expected HOST:PORT [PROTOCOL]", path,
                         number);
    int code = add_word(targets, word, starttls);
    return code == TOOL_DONE
               ? code
               : tool_fail(TOOL_CONFIG, "%s:%u: not a service", path, number);
}

int targets_add_file(struct targets *targets, const char *path)
{
    char line[LIMIT_LINE_OCTETS];
    unsigned number = 0;
    int code = TOOL_DONE;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return tool_fail_errno(path);
    while (code == TOOL_DONE && fgets(line, sizeof line, file) != NULL) {
        number++;
        if (strchr(line, '\n') == NULL && !feof(file))
            code = tool_fail(TOOL_CONFIG, "%s:%u: too long a line", path, number);
        else
            code = add_line(targets, path, number, line);
    }
    if (code == TOOL_DONE && ferror(file) != 0)
        code = tool_fail(TOOL_OUTSIDE, "%s: cannot be read", path);
    fclose(file);
    return code;
}

/* ---- MX and SRV ---- */

struct pointing {
    uint16_t type;
    size_t name_at; /* of the host in the RDATA */
    const struct starttls *starttls;
    const char *owner;  /* the arena's text */
    const char *domain; /* the arena's, or NULL */
};

static int add_record(struct targets *targets, const struct wire_msg *msg,
                      const struct wire_rr *rr, const struct pointing *pointing)
{
    struct name_buf host;
    size_t at = rr->rdata_at + pointing->name_at;
    size_t end = rr->rdata_at + rr->rdata_len;
    if (rr->rdata_len <= pointing->name_at ||
        wire_name(msg, &at, end, true, &host) != RES_OK)
        return tool_fail(TOOL_OUTSIDE, "the resolver gives a damaged record");
    const uint8_t *octets = msg->octets + rr->rdata_at;
    struct target target = {
        .name = name_copy(&targets->tool->arena, name_of(&host)),
        .service = {.port = 25, .protocol = "tcp"},
        .starttls = pointing->starttls,
        .pointer = pointing->owner,
        .domain = pointing->domain,
        .is_authenticated = (msg->header.flags & FLAG_AD) != 0,
    };
    if (pointing->type == TYPE_SRV)
        target.service.port = (uint16_t)(octets[4] << 8 | octets[5]);
    if (target.name.octets == NULL)
        return tool_no_memory();
    if (name_is_root(target.name)) /* RFC 7505, RFC 2782: there is no such service */
        return TOOL_DONE;
    return add(targets, &target);
}

static int add_pointed(struct targets *targets, struct authority *authority,
                       struct name owner, struct pointing *pointing)
{
    const char *text =
        arena_string(&targets->tool->arena, tool_name_text(targets->tool, owner));
    struct wire_msg msg;
    size_t count = targets->count;
    if (text == NULL)
        return tool_no_memory();
    pointing->owner = text;
    const char *wrong =
        authority_resolve(authority, owner, pointing->type, FLAG_RD | FLAG_AD, &msg);
    if (wrong != NULL)
        return tool_fail(TOOL_OUTSIDE, "the resolver, asked for %s: %s", text, wrong);
    size_t at = msg.section_at[SECTION_PREREQUISITE];
    int code = TOOL_DONE;
    for (size_t i = 0; code == TOOL_DONE && i < msg.header.counts[SECTION_PREREQUISITE];
         i++) {
        struct wire_rr rr;
        wire_next(&msg, SECTION_PREREQUISITE, &at, &rr);
        if (rr.type == pointing->type)
            code = add_record(targets, &msg, &rr, pointing);
    }
    if (code == TOOL_DONE && targets->count == count)
        return tool_fail(TOOL_OUTSIDE, "%s leads to no host", text);
    return code;
}

int targets_add_mx(struct targets *targets, struct authority *authority,
                   const char *domain)
{
    struct pointing mx = {
        .type = TYPE_MX, .name_at = 2, .starttls = starttls_find("smtp")};
    struct name name = tool_name(targets->tool, domain);
    return name.octets != NULL ? add_pointed(targets, authority, name, &mx)
                               : TOOL_USAGE;
}

/* DOMAIN of _SERVICE._PROTOCOL.DOMAIN, without a final dot; NULL: not of that form. */
static const char *srv_domain(struct targets *targets, const char *owner)
{
    const char *protocol = owner[0] == '_' ? strstr(owner, "._") : NULL;
    const char *dot = protocol != NULL ? strchr(protocol + 1, '.') : NULL;
    size_t len = dot != NULL ? strlen(dot + 1) : 0;
    if (len == 0)
        return NULL;
    if (dot[len] == '.')
        len--;
    return arena_printf(&targets->tool->arena, "%.*s", (int)len, dot + 1);
}

int targets_add_srv(struct targets *targets, struct authority *authority,
                    const char *owner)
{
    char word[32];
    struct pointing srv = {.type = TYPE_SRV,
                           .name_at = 6,
                           .starttls = targets->starttls,
                           .domain = srv_domain(targets, owner)};
    struct name name = tool_name(targets->tool, owner);
    size_t len = strcspn(owner, ".");
    if (name.octets == NULL)
        return TOOL_USAGE;
    if (srv.starttls == NULL && owner[0] == '_' && len < sizeof word) {
        snprintf(word, sizeof word, "%.*s", (int)len - 1, owner + 1);
        srv.starttls = starttls_find(strcmp(word, "submission") == 0 ? "smtp" : word);
    }
    return add_pointed(targets, authority, name, &srv);
}

#include "tlsa/deployment.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/guess.h"
#include "base/map.h"
#include "net/conf_rules.h"

/* clang-format off */
#define IN(type, field)    .offset = offsetof(struct deployment_##type, field)
#define COUNT(type, field) .count_offset = offsetof(struct deployment_##type, field)
#define PLACE(type, field) .place_offset = offsetof(struct deployment_##type, field)
#define EACH(type, rules)  PLACE(type, place), .members = rules, \
                           .element_octets = sizeof(struct deployment_##type)
#define IN_ALL(field)      .offset = offsetof(struct deployment, field)
#define COUNT_ALL(field)   .count_offset = offsetof(struct deployment, field)

static const struct conf_rule file_rules[] = {
    {"format", CONF_TEXT, true, IN(file, format_word)},
    {"path", CONF_PATH, true, IN(file, path)},
    {"owner", CONF_TEXT, IN(file, owner)},
    {"group", CONF_TEXT, IN(file, group)},
    {"mode", CONF_TEXT, IN(file, mode_word)},
    {"password_file", CONF_PATH, IN(file, password_file)},
    {0},
};
static const struct conf_rule tell_rules[] = {
    {"reload", CONF_TEXT, IN(consumer, tell.reload)},
    {"restart", CONF_TEXT, IN(consumer, tell.restart)},
    {"signal", CONF_TEXT, IN(consumer, tell.signal_word)},
    {"pid_file", CONF_PATH, IN(consumer, tell.pid_file)},
    {"command", CONF_TEXT, IN(consumer, tell.command)},
    {"timeout_s", CONF_NUMBER, false, 1, 3600, IN(consumer, tell.timeout_s)},
    {0},
};
static const struct conf_rule consumer_rules[] = {
    {"name", CONF_TEXT, true, IN(consumer, name)},
    {"files", CONF_GROUPS, true, IN(consumer, files), COUNT(consumer, file_count),
     EACH(file, file_rules)},
    {"tell", CONF_GROUP, PLACE(consumer, tell.place), .members = tell_rules},
    {"probe", CONF_TEXTS, IN(consumer, probe_words), COUNT(consumer, probe_count)},
    {"probe_s", CONF_NUMBER, false, 1, 3600, IN(consumer, probe_s)},
    {0},
};
/* A service that restarts needs a moment. systemd gives a unit 90 s, and says better what
 * it is that takes them. */
static const struct deployment_consumer consumer_default = {
    .probe_s = 30,
    .tell.timeout_s = 120,
};

static const struct conf_rule tlsa_rules[] = {
    {"name", CONF_NAME, true, IN(tlsa, name)},
    {"ports", CONF_TEXTS, true, IN(tlsa, ports), COUNT(tlsa, service_count)},
    {0},
};
static const struct conf_rule certificate_rules[] = {
    {"name", CONF_TEXT, true, IN(certificate, name)},
    {"certificate", CONF_PATH, true, IN(certificate, certificate)},
    {"key", CONF_PATH, true, IN(certificate, key)},
    {"tlsa", CONF_GROUPS, IN(certificate, tlsa), COUNT(certificate, tlsa_count),
     EACH(tlsa, tlsa_rules)},
    {"form", CONF_TEXT, IN(certificate, form_word)},
    {"consumers", CONF_GROUPS, true, IN(certificate, consumers),
     COUNT(certificate, consumer_count), EACH(consumer, consumer_rules),
     .element = &consumer_default},
    {0},
};
static const struct conf_rule top_rules[] = {
    {"state", CONF_PATH, IN_ALL(state)},
    {"certificates", CONF_GROUPS, true, IN_ALL(certificates),
     COUNT_ALL(certificate_count), EACH(certificate, certificate_rules)},
    {0},
};
/* clang-format on */

static const struct {
    const char *name;
    bool has_key;
} formats[] = {
    [DEPLOYMENT_CERTIFICATE] = {"certificate", false},
    [DEPLOYMENT_CHAIN] = {"chain", false},
    [DEPLOYMENT_FULLCHAIN] = {"fullchain", false},
    [DEPLOYMENT_KEY] = {"key", true},
    [DEPLOYMENT_COMBINED] = {"combined", true},
    [DEPLOYMENT_PKCS12] = {"pkcs12", true},
    [DEPLOYMENT_CERTIFICATE_DER] = {"certificate-der", false},
    [DEPLOYMENT_KEY_DER] = {"key-der", true},
};

#define FORMATS (sizeof formats / sizeof formats[0])

/* What services take as a word to look at their files again. */
static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP}, {"USR1", SIGUSR1},   {"USR2", SIGUSR2},
    {"INT", SIGINT}, {"WINCH", SIGWINCH}, {"ALRM", SIGALRM},
};

#define SIGNALS (sizeof signals / sizeof signals[0])

struct judging {
    struct deployment *deployment;
    struct arena *arena;
    struct diags *diags;
    struct map paths; /* what is written: each path once */
    bool out_of_memory;
};

/* ---- files ---- */

static void judge_format(struct judging *judging, struct deployment_file *file)
{
    struct guess guess = guess_of(file->format_word);
    for (size_t i = 1; i < FORMATS; i++) {
        if (strcmp(file->format_word, formats[i].name) == 0)
            file->format = (enum deployment_format)i;
        guess_add(&guess, formats[i].name);
    }
    if (file->format == 0)
        diags_error(judging->diags, file->place, "", "there is no format '%s'%s%s",
                    file->format_word, guess_lead(&guess), guess_text(&guess));
}

/* Decimal, as chown(1) takes it; -1 is "leave it". */
static bool read_id(const char *word, unsigned long *out)
{
    char *end;
    if (word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    *out = strtoul(word, &end, 10);
    return errno == 0 && *end == '\0' && *out < UINT32_MAX;
}

static void judge_owner(struct judging *judging, struct deployment_file *file)
{
    unsigned long id;
    const struct passwd *user = file->owner != NULL ? getpwnam(file->owner) : NULL;
    const struct group *group = file->group != NULL ? getgrnam(file->group) : NULL;
    if (user != NULL)
        file->uid = user->pw_uid;
    else if (file->owner != NULL && read_id(file->owner, &id))
        file->uid = (uid_t)id;
    else if (file->owner != NULL)
        diags_error(judging->diags, file->place, "", "this machine has no user '%s'",
                    file->owner);
    if (group != NULL)
        file->gid = group->gr_gid;
    else if (file->group != NULL && read_id(file->group, &id))
        file->gid = (gid_t)id;
    else if (file->group != NULL)
        diags_error(judging->diags, file->place, "", "this machine has no group '%s'",
                    file->group);
}

static void judge_mode(struct judging *judging, struct deployment_file *file)
{
    const char *word = file->mode_word;
    size_t len = strlen(word);
    unsigned mode = 0;
    bool is_octal =
        (len == 3 || (len == 4 && word[0] == '0')) && strspn(word, "01234567") == len;
    for (size_t i = 0; is_octal && i < len; i++)
        mode = mode * 8 + (unsigned)(word[i] - '0');
    if (!is_octal || (mode & 0113) != 0 || (mode & 0400) == 0) {
        diags_error(
            judging->diags, file->place, "",
            "mode '%s': expected an octal one as \"0640\", which lets the owner "
            "read, others not write, and nobody execute",
            word);
        return;
    }
    if (deployment_format_has_key(file->format) && (mode & 0004) != 0)
        diags_error(judging->diags, file->place, "",
                    "mode '%s' lets everybody read the private key in %s", word,
                    file->path != NULL ? file->path : "it");
    file->has_mode = true;
    file->mode = (mode_t)mode;
}

static void judge_path(struct judging *judging, struct deployment_file *file)
{
    const char *path = file->path;
    size_t len = strlen(path);
    const char *last = strrchr(path, '/');
    last = last != NULL ? last + 1 : path;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)path[i] >= ' ' && path[i] != 0x7f)
            continue;
        diags_error(judging->diags, file->place, "",
                    "a path has no control characters");
        return;
    }
    if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        diags_error(judging->diags, file->place, "", "%s is no file's path", path);
        return;
    }
    enum result result = map_put(&judging->paths, path, len, file);
    if (result == RES_EEXISTS) {
        const struct deployment_file *other = map_get(&judging->paths, path, len);
        diags_error(judging->diags, file->place, "",
                    "%s is written already, by line %u", path, other->place.line);
    }
    judging->out_of_memory |= result == RES_EMEM;
}

static void judge_file(struct judging *judging, struct deployment_file *file)
{
    file->uid = (uid_t)-1;
    file->gid = (gid_t)-1;
    if (file->format_word != NULL)
        judge_format(judging, file);
    if (file->path != NULL)
        judge_path(judging, file);
    if (file->mode_word != NULL)
        judge_mode(judging, file);
    judge_owner(judging, file);
    if (file->format != 0 &&
        (file->format == DEPLOYMENT_PKCS12) != (file->password_file != NULL))
        diags_error(judging->diags, file->place, "",
                    "password_file goes with the format pkcs12: both or neither");
}

/* ---- how it is told ---- */

static void judge_signal(struct judging *judging, struct deployment_tell *tell)
{
    const char *word = tell->signal_word;
    struct guess guess = guess_of(word);
    for (size_t i = 0; i < SIGNALS; i++) {
        if (strcmp(word, signals[i].name) == 0)
            tell->signal = signals[i].number;
        guess_add(&guess, signals[i].name);
    }
    if (tell->signal == 0)
        diags_error(judging->diags, tell->place, "",
                    "no signal '%s': there are HUP, USR1, USR2, INT, WINCH, ALRM%s%s",
                    word, guess_lead(&guess), guess_text(&guess));
    if (tell->pid_file == NULL)
        diags_error(judging->diags, tell->place, "",
                    "'signal' wants a 'pid_file' beside it");
}

static void judge_unit(struct judging *judging, const struct deployment_tell *tell,
                       const char *unit)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789:_.\\@-";
    if (unit[0] == '-' || strspn(unit, good) != strlen(unit))
        diags_error(judging->diags, tell->place, "", "'%s' is no unit of systemd's",
                    unit);
}

static void judge_tell(struct judging *judging, struct deployment_tell *tell)
{
    const struct {
        const char *word;
        enum deployment_telling how;
    } ways[] = {
        {tell->reload, DEPLOYMENT_TELL_RELOAD},
        {tell->restart, DEPLOYMENT_TELL_RESTART},
        {tell->signal_word, DEPLOYMENT_TELL_SIGNAL},
        {tell->command, DEPLOYMENT_TELL_COMMAND},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].word == NULL)
            continue;
        tell->how = ways[i].how;
        count++;
    }
    if (tell->place.line != 0 && count != 1)
        diags_error(judging->diags, tell->place, "",
                    "'tell' wants one of reload, restart, signal and command");
    if (tell->reload != NULL)
        judge_unit(judging, tell, tell->reload);
    if (tell->restart != NULL)
        judge_unit(judging, tell, tell->restart);
    if (tell->signal_word != NULL)
        judge_signal(judging, tell);
    else if (tell->pid_file != NULL)
        diags_error(judging->diags, tell->place, "", "'pid_file' goes with 'signal'");
}

static void judge_probe(struct judging *judging, const struct settings_text *word,
                        struct deployment_probe *probe)
{
    char host[LIMIT_LINE_OCTETS];
    probe->text = word->text;
    if (deployment_probe_split(word->text, host, &probe->port, &probe->starttls) !=
        RES_OK) {
        diags_error(judging->diags, word->place, "",
                    "'%s': expected HOST:PORT, or HOST:PORT/PROTOCOL, where PROTOCOL "
                    "is one of %s",
                    word->text, starttls_names);
        return;
    }
    probe->host = arena_string(judging->arena, host);
    judging->out_of_memory |= probe->host == NULL;
}

static void judge_probes(struct judging *judging, struct deployment_consumer *consumer)
{
    consumer->probes =
        arena_array(judging->arena, consumer->probe_count, sizeof *consumer->probes);
    judging->out_of_memory |= consumer->probes == NULL;
    for (size_t i = 0; consumer->probes != NULL && i < consumer->probe_count; i++) {
        if (consumer->probe_words[i].text != NULL)
            judge_probe(judging, &consumer->probe_words[i], &consumer->probes[i]);
    }
}

/* ---- certificates ---- */

/* Names become those of files in the state's folder. */
static void judge_name(struct judging *judging, const char *name, struct place place)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_.*@-";
    size_t len = strlen(name);
    if (name[0] == '.' || name[0] == '-' || strspn(name, good) != len || len > 120)
        diags_error(judging->diags, place, "",
                    "'%s': a name has up to 120 letters, digits and characters of "
                    "\"_.*@-\", and neither '.' nor '-' first",
                    name);
}

static void judge_consumer(struct judging *judging,
                           struct deployment_certificate *certificate, size_t index)
{
    struct deployment_consumer *consumer = &certificate->consumers[index];
    if (consumer->name != NULL)
        judge_name(judging, consumer->name, consumer->place);
    for (size_t i = 0; consumer->name != NULL && i < index; i++) {
        const char *other = certificate->consumers[i].name;
        if (other != NULL && strcmp(consumer->name, other) == 0)
            diags_error(judging->diags, consumer->place, "",
                        "there is a consumer '%s' of this certificate already", other);
    }
    for (size_t i = 0; i < consumer->file_count; i++)
        judge_file(judging, &consumer->files[i]);
    judge_tell(judging, &consumer->tell);
    judge_probes(judging, consumer);
}

static void judge_tlsa(struct judging *judging, struct deployment_tlsa *tlsa)
{
    tlsa->services =
        arena_array(judging->arena, tlsa->service_count, sizeof *tlsa->services);
    judging->out_of_memory |= tlsa->services == NULL;
    if (tlsa->ports != NULL && tlsa->service_count == 0)
        diags_error(judging->diags, tlsa->place, "",
                    "'ports' is empty: expected [ \"25/tcp\" ]");
    for (size_t i = 0; tlsa->services != NULL && i < tlsa->service_count; i++) {
        const char *text = tlsa->ports[i].text;
        if (text != NULL && service_parse(text, '/', &tlsa->services[i]) != RES_OK)
            diags_error(judging->diags, tlsa->ports[i].place, "",
                        "'%s': expected PORT/PROTO as in 25/tcp", text);
    }
}

static void judge_certificate(struct judging *judging, size_t index)
{
    struct deployment_certificate *certificate =
        &judging->deployment->certificates[index];
    if (certificate->name != NULL)
        judge_name(judging, certificate->name, certificate->place);
    for (size_t i = 0; certificate->name != NULL && i < index; i++) {
        const char *other = judging->deployment->certificates[i].name;
        if (other != NULL && strcmp(certificate->name, other) == 0)
            diags_error(judging->diags, certificate->place, "",
                        "there is a certificate '%s' already", other);
    }
    certificate->form = tlsa_own_key;
    if (certificate->form_word != NULL &&
        tlsa_form_parse(certificate->form_word, &certificate->form) != RES_OK)
        diags_error(judging->diags, certificate->place, "",
                    "form '%s': expected three numbers as in 3-1-1",
                    certificate->form_word);
    for (size_t i = 0; i < certificate->tlsa_count; i++)
        judge_tlsa(judging, &certificate->tlsa[i]);
    for (size_t i = 0; i < certificate->consumer_count; i++)
        judge_consumer(judging, certificate, i);
}

/* It would exchange what the ACME client keeps, and be new to itself for ever. */
static void judge_source(struct judging *judging, const char *path)
{
    struct deployment_file *file =
        path != NULL ? map_get(&judging->paths, path, strlen(path)) : NULL;
    if (file != NULL)
        diags_error(judging->diags, file->place, "",
                    "%s is where a certificate comes from: the services read copies",
                    path);
}

/* ---- public ---- */

enum result deployment_read(const char *path, struct arena *arena, struct diags *diags,
                            struct deployment *out)
{
    struct judging judging = {.deployment = out, .arena = arena, .diags = diags};
    struct conf_sources sources = {
        .main = arena_string(arena, path),
        .arena = arena,
        .diags = diags,
        .is_obeyed = true,
    };
    *out = (struct deployment){.file = sources.main, .state = DEPLOYMENT_STATE};
    if (sources.main == NULL)
        return RES_EMEM;
    enum result result = conf_rules_read(&sources, top_rules, out);
    conf_sources_fini(&sources);
    if (result != RES_OK && result != RES_EFORMAT)
        return result;
    map_init(&judging.paths);
    for (size_t i = 0; i < out->certificate_count; i++)
        judge_certificate(&judging, i);
    for (size_t i = 0; i < out->certificate_count; i++) {
        judge_source(&judging, out->certificates[i].certificate);
        judge_source(&judging, out->certificates[i].key);
    }
    map_fini(&judging.paths);
    if (judging.out_of_memory)
        return RES_EMEM;
    return diags->errors > 0 ? RES_EFORMAT : RES_OK;
}

const struct deployment_certificate *
deployment_find(const struct deployment *deployment, const char *name)
{
    for (size_t i = 0; i < deployment->certificate_count; i++) {
        if (strcmp(deployment->certificates[i].name, name) == 0)
            return &deployment->certificates[i];
    }
    return NULL;
}

const char *deployment_format_name(enum deployment_format format)
{
    return format > 0 && (size_t)format < FORMATS ? formats[format].name : "?";
}

bool deployment_format_has_key(enum deployment_format format)
{
    return (size_t)format < FORMATS && formats[format].has_key;
}

enum result deployment_probe_split(const char *word,
                                   char host[static LIMIT_LINE_OCTETS],
                                   uint16_t *out_port, const struct starttls **out)
{
    char port[8];
    struct service service;
    const char *slash = strchr(word, '/');
    const char *colon = strrchr(word, ':');
    size_t host_len = colon != NULL ? (size_t)(colon - word) : 0;
    size_t end = slash != NULL ? (size_t)(slash - word) : strlen(word);
    *out = slash != NULL ? starttls_find(slash + 1) : NULL;
    if ((slash != NULL && *out == NULL) || host_len == 0 || end < host_len ||
        end - host_len > 6 || host_len >= LIMIT_LINE_OCTETS)
        return RES_EFORMAT;
    /* The same reader of ports as everywhere: "25" is "25/tcp" here. */
    char text[16];
    snprintf(port, sizeof port, "%.*s", (int)(end - host_len - 1), colon + 1);
    snprintf(text, sizeof text, "%s/tcp", port);
    if (service_parse(text, '/', &service) != RES_OK || service.port == 0)
        return RES_EFORMAT;
    *out_port = service.port;
    bool is_bracketed = word[0] == '[' && host_len > 2 && word[host_len - 1] == ']';
    if (is_bracketed) {
        word++;
        host_len -= 2;
    }
    memcpy(host, word, host_len);
    host[host_len] = '\0';
    return is_bracketed == (strchr(host, ':') != NULL) ? RES_OK : RES_EFORMAT;
}

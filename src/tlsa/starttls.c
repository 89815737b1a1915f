#include "tlsa/starttls.h"

#include <stdio.h>
#include <string.h>

#define EHLO_NAME "tsigate-tlsa.invalid"

#define XMPP(SPACE)                                                                    \
    "<?xml version='1.0'?><stream:stream xmlns='" SPACE                                \
    "' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>"
#define XMPP_STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_STEPS(SPACE)                                                              \
    {                                                                                  \
        {.send = XMPP(SPACE),                                                          \
         .good = "</stream:features>",                                                 \
         .bad = {"<stream:error", "<stream:features/>"},                               \
         .offer = "<starttls"},                                                        \
            {.send = XMPP_STARTTLS, .good = "<proceed", .bad = {"<failure"}},          \
    }

/* clang-format off */
static const struct starttls protocols[] = {
    {"smtp", 25, STARTTLS_LINES,
     {{.good = "220 ", .goes_on = "220-"},
      {.send = "EHLO " EHLO_NAME "\r\n", .good = "250 ", .goes_on = "250-",
       .offer = "STARTTLS"},
      {.send = "STARTTLS\r\n", .good = "220"}}},
    {"lmtp", 24, STARTTLS_LINES,
     {{.good = "220 ", .goes_on = "220-"},
      {.send = "LHLO " EHLO_NAME "\r\n", .good = "250 ", .goes_on = "250-",
       .offer = "STARTTLS"},
      {.send = "STARTTLS\r\n", .good = "220"}}},
    {"imap", 143, STARTTLS_LINES,
     {{.good = "* OK"}, {.send = "a1 STARTTLS\r\n", .good = "a1 OK", .goes_on = "* "}}},
    {"pop3", 110, STARTTLS_LINES,
     {{.good = "+OK"}, {.send = "STLS\r\n", .good = "+OK"}}},
    {"sieve", 4190, STARTTLS_LINES,
     {{.good = "OK", .goes_on = "\"", .offer = "\"STARTTLS\""},
      {.send = "STARTTLS\r\n", .good = "OK"}}},
    {"ftp", 21, STARTTLS_LINES,
     {{.good = "220 ", .goes_on = "220-", .is_loose = true},
      {.send = "AUTH TLS\r\n", .good = "234"}}},
    {"nntp", 119, STARTTLS_LINES,
     {{.good = "20"}, {.send = "STARTTLS\r\n", .good = "382"}}},
    /* Servers leave what they do not know without an answer: what they can is asked
     * first. */
    {"irc", 6667, STARTTLS_WORDS,
     {{.send = "CAP LS\r\n", .good = " LS :", .bad = {" 421 ", " 451 "},
       .offer = "tls"},
      {.send = "STARTTLS\r\n", .good = " 670 ", .bad = {" 691 "}}}},
    {"xmpp-client", 5222, STARTTLS_WORDS, XMPP_STEPS("jabber:client")},
    {"xmpp-server", 5269, STARTTLS_WORDS, XMPP_STEPS("jabber:server")},
    {"ldap", 389, STARTTLS_LDAP, {{.good = ""}}},
    {"postgres", 5432, STARTTLS_POSTGRES, {{.good = ""}}},
};
/* clang-format on */

const char starttls_names[] = "smtp, lmtp, imap, pop3, sieve, ftp, nntp, irc, "
                              "xmpp-client, xmpp-server, ldap, postgres";

/* RFC 4511 4.14.1: an ExtendedRequest, message 1, with the OID of StartTLS. */
static const uint8_t ldap_request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                      "1.3.6.1.4.1.1466.20037";
/* An SSLRequest of PostgreSQL's protocol. */
static const uint8_t postgres_request[] = {0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f};

const struct starttls *starttls_find(const char *name)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    }
    return NULL;
}

void starttls_begin(struct starttls_talk *talk, const struct starttls *protocol,
                    const char *host)
{
    *talk = (struct starttls_talk){.protocol = protocol, .host = host};
}

/* The peer's octets as text for a message: one line, printable (L-3). */
static enum starttls_verdict refuse(struct starttls_talk *talk, const char *said,
                                    const uint8_t *octets, size_t len)
{
    int at = snprintf(talk->why, sizeof talk->why, "%s", said);
    size_t used = at > 0 ? (size_t)at : 0;
    for (size_t i = 0; i < len && used + 1 < sizeof talk->why; i++) {
        if (octets[i] == '\r' || octets[i] == '\n')
            break;
        talk->why[used++] =
            octets[i] >= ' ' && octets[i] <= '~' ? (char)octets[i] : '?';
    }
    talk->why[used] = '\0';
    return STARTTLS_REFUSED;
}

enum starttls_verdict starttls_feed(struct starttls_talk *talk, const uint8_t *octets,
                                    size_t len)
{
    if (len > sizeof talk->got - talk->got_len)
        return refuse(talk, "it talks without an end before TLS", octets, 0);
    memcpy(talk->got + talk->got_len, octets, len);
    talk->got_len += len;
    return STARTTLS_MORE;
}

static bool begins(const uint8_t *octets, size_t len, const char *word)
{
    size_t word_len = strlen(word);
    return len >= word_len && memcmp(octets, word, word_len) == 0;
}

/* Where an answer ends that is `len` octets long: the rest is for the next step. After
 * the last step nothing may follow: what came in the clear would be taken for TLS's. */
static enum starttls_verdict end_step(struct starttls_talk *talk, size_t len)
{
    const struct starttls_step *step = &talk->protocol->steps[talk->step];
    if (step->offer != NULL &&
        memmem(talk->got, len, step->offer, strlen(step->offer)) == NULL)
        return refuse(talk, "it does not offer STARTTLS", talk->got, 0);
    talk->got_len -= len;
    memmove(talk->got, talk->got + len, talk->got_len);
    talk->is_asked = false;
    talk->step++;
    if (talk->step < STARTTLS_STEPS && talk->protocol->steps[talk->step].good != NULL)
        return starttls_step(talk);
    if (talk->got_len > 0)
        return refuse(talk, "octets in the clear after its consent to TLS", talk->got,
                      0);
    return STARTTLS_READY;
}

static enum starttls_verdict judge_lines(struct starttls_talk *talk)
{
    const struct starttls_step *step = &talk->protocol->steps[talk->step];
    size_t at = 0;
    for (;;) {
        const uint8_t *line = talk->got + at;
        const uint8_t *end = memchr(line, '\n', talk->got_len - at);
        if (end == NULL)
            return STARTTLS_MORE;
        size_t len = (size_t)(end - line) + 1;
        if (begins(line, len, step->good))
            return end_step(talk, at + len);
        bool goes_on = (step->goes_on != NULL && begins(line, len, step->goes_on)) ||
                       (step->is_loose && at > 0);
        if (!goes_on)
            return refuse(talk, "it answers ", line, len);
        at += len;
    }
}

/* A word in a tag or a line that has ended; *out_end: the octets up to that end. */
static const uint8_t *find_word(const struct starttls_talk *talk, const char *word,
                                size_t *out_end)
{
    char last = talk->protocol->steps[0].good[0] == ' ' ? '\n' : '>';
    const uint8_t *begin = memmem(talk->got, talk->got_len, word, strlen(word));
    if (begin == NULL)
        return NULL;
    size_t at = (size_t)(begin - talk->got) + strlen(word) - 1;
    const uint8_t *end = memchr(talk->got + at, last, talk->got_len - at);
    *out_end = end != NULL ? (size_t)(end - talk->got) + 1 : 0;
    return end != NULL ? begin : NULL;
}

static enum starttls_verdict judge_words(struct starttls_talk *talk)
{
    const struct starttls_step *step = &talk->protocol->steps[talk->step];
    size_t end;
    for (size_t i = 0; i < STARTTLS_BAD && step->bad[i] != NULL; i++) {
        const uint8_t *bad = find_word(talk, step->bad[i], &end);
        if (bad != NULL)
            return refuse(talk, "it answers ", bad,
                          (size_t)(talk->got + talk->got_len - bad));
    }
    if (find_word(talk, step->good, &end) == NULL)
        return STARTTLS_MORE;
    return end_step(talk, end);
}

/* A length in BER's short form or in one or two octets; false: more is needed. */
static bool ber_length(const uint8_t *octets, size_t len, size_t *at, size_t *out)
{
    if (*at >= len)
        return false;
    size_t first = octets[(*at)++];
    if (first < 0x80) {
        *out = first;
        return true;
    }
    *out = 0;
    for (size_t i = 0; i < (first & 0x7f); i++) {
        if (*at >= len || i >= 4)
            return false;
        *out = *out << 8 | octets[(*at)++];
    }
    return true;
}

/* SEQUENCE { messageID 1, [APPLICATION 24] { resultCode ENUMERATED success } } */
static enum starttls_verdict judge_ldap(struct starttls_talk *talk)
{
    const uint8_t *got = talk->got;
    size_t at = 1;
    size_t whole = 0;
    size_t inner = 0;
    if (talk->got_len > 0 && got[0] != 0x30)
        return refuse(talk, "it does not speak LDAP", got, 0);
    if (!ber_length(got, talk->got_len, &at, &whole) || whole > talk->got_len - at)
        return STARTTLS_MORE;
    size_t end = at + whole;
    static const uint8_t head[] = {0x02, 0x01, 0x01, 0x78};
    bool is_ours = whole > sizeof head && memcmp(got + at, head, sizeof head) == 0;
    at += sizeof head;
    if (!is_ours || !ber_length(got, end, &at, &inner) || end - at < 3 ||
        got[at] != 0x0a || got[at + 1] != 1)
        return refuse(talk, "an answer that is not LDAP's to StartTLS", got, 0);
    if (got[at + 2] != 0)
        return refuse(talk, "it refuses StartTLS", got, 0);
    return end_step(talk, end);
}

static enum starttls_verdict judge_postgres(struct starttls_talk *talk)
{
    if (talk->got_len == 0)
        return STARTTLS_MORE;
    if (talk->got[0] != 'S')
        return refuse(talk, "it has no TLS: it answers ", talk->got, 1);
    return end_step(talk, 1);
}

static void keep(struct starttls_talk *talk, const uint8_t *octets, size_t len)
{
    memcpy(talk->send, octets, len);
    talk->send_len = len;
}

/* Replaces %s, the only thing that a dialogue's text may hold beside letters. */
static bool write_text(struct starttls_talk *talk, const char *text)
{
    const char *mark = strstr(text, "%s");
    size_t before = mark != NULL ? (size_t)(mark - text) : strlen(text);
    int len =
        snprintf((char *)talk->send, sizeof talk->send, "%.*s%s%s", (int)before, text,
                 mark != NULL ? talk->host : "", mark != NULL ? mark + 2 : "");
    talk->send_len = len > 0 ? (size_t)len : 0;
    return len > 0 && talk->send_len < sizeof talk->send;
}

static enum starttls_verdict ask(struct starttls_talk *talk)
{
    const struct starttls_step *step = &talk->protocol->steps[talk->step];
    talk->is_asked = true;
    if (talk->protocol->form == STARTTLS_LDAP)
        keep(talk, ldap_request, sizeof ldap_request - 1);
    else if (talk->protocol->form == STARTTLS_POSTGRES)
        keep(talk, postgres_request, sizeof postgres_request);
    else if (step->send == NULL)
        return starttls_step(talk);
    else if (!write_text(talk, step->send))
        return refuse(talk, "a host name too long to be asked for", talk->got, 0);
    return STARTTLS_SEND;
}

enum starttls_verdict starttls_step(struct starttls_talk *talk)
{
    if (!talk->is_asked)
        return ask(talk);
    switch (talk->protocol->form) {
    case STARTTLS_LINES:
        return judge_lines(talk);
    case STARTTLS_WORDS:
        return judge_words(talk);
    case STARTTLS_LDAP:
        return judge_ldap(talk);
    case STARTTLS_POSTGRES:
        return judge_postgres(talk);
    }
    return STARTTLS_REFUSED;
}

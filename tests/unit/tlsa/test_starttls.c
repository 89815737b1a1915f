#include "tlsa/starttls.h"

#include "unit.h"

#define FEATURES                                                                       \
    "<?xml version='1.0'?><stream:stream id='1'><stream:features><starttls "           \
    "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"

struct scene {
    const char *name;
    const char *protocol;
    const char *said[4]; /* by the service, one for each wait for it */
    enum starttls_verdict end;
    const char *why; /* in what is told; NULL: nothing */
};

static const struct scene scenes[] = {
    {"smtp",
     "smtp",
     {"220-a\r\n220 b\r\n", "250-a\r\n250 STARTTLS\r\n", "220 go\r\n"},
     STARTTLS_READY,
     NULL},
    {"smtp without it",
     "smtp",
     {"220 b\r\n", "250-a\r\n250 SIZE\r\n"},
     STARTTLS_REFUSED,
     "does not offer"},
    {"smtp is full", "smtp", {"421 busy\r\n"}, STARTTLS_REFUSED, "421 busy"},
    {"smtp for the moment",
     "smtp",
     {"220 b\r\n", "250 STARTTLS\r\n", "454 no\r\n"},
     STARTTLS_REFUSED,
     "454 no"},
    {"lmtp",
     "lmtp",
     {"220 b\r\n", "250-a\r\n250-STARTTLS\r\n250 X\r\n", "220 go\r\n"},
     STARTTLS_READY,
     NULL},
    {"imap",
     "imap",
     {"* OK hello\r\n", "* CAPABILITY X\r\na1 OK go\r\n"},
     STARTTLS_READY,
     NULL},
    {"imap refuses",
     "imap",
     {"* OK hello\r\n", "a1 BAD what\r\n"},
     STARTTLS_REFUSED,
     "a1 BAD"},
    {"imap says good-bye", "imap", {"* BYE full\r\n"}, STARTTLS_REFUSED, "* BYE"},
    {"pop3", "pop3", {"+OK\r\n", "+OK go\r\n"}, STARTTLS_READY, NULL},
    {"pop3 refuses", "pop3", {"+OK\r\n", "-ERR\r\n"}, STARTTLS_REFUSED, "-ERR"},
    {"sieve",
     "sieve",
     {"\"SIEVE\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n", "OK \"go\"\r\n"},
     STARTTLS_READY,
     NULL},
    {"sieve without it",
     "sieve",
     {"\"SIEVE\" \"x\"\r\nOK\r\n"},
     STARTTLS_REFUSED,
     "does not offer"},
    {"ftp",
     "ftp",
     {"220-a\r\nwelcome\r\n220 b\r\n", "234 go\r\n"},
     STARTTLS_READY,
     NULL},
    {"ftp refuses", "ftp", {"220 b\r\n", "502 no\r\n"}, STARTTLS_REFUSED, "502"},
    {"ftp is full", "ftp", {"421 too many\r\n"}, STARTTLS_REFUSED, "421 too many"},
    {"ftp's greeting holds what looks like a refusal",
     "ftp",
     {"220-a\r\n421 files\r\n220 b\r\n", "234 go\r\n"},
     STARTTLS_READY,
     NULL},
    {"nntp", "nntp", {"201 no posting\r\n", "382 go\r\n"}, STARTTLS_READY, NULL},
    {"nntp refuses", "nntp", {"200 hi\r\n", "580 no\r\n"}, STARTTLS_REFUSED, "580"},
    {"irc",
     "irc",
     {":a NOTICE * :hi\r\n:a CAP * LS :sasl tls\r\n", ":a 670 * :go\r\n"},
     STARTTLS_READY,
     NULL},
    {"irc without it",
     "irc",
     {":a CAP * LS :sasl\r\n"},
     STARTTLS_REFUSED,
     "does not offer"},
    {"irc refuses",
     "irc",
     {":a CAP * LS :tls\r\n", ":a 691 * :no\r\n"},
     STARTTLS_REFUSED,
     "691"},
    {"irc of old", "irc", {":a 421 * CAP :what\r\n"}, STARTTLS_REFUSED, "421"},
    {"irc of old, registered users first",
     "irc",
     {":a 451 * :no\r\n"},
     STARTTLS_REFUSED,
     "451"},
    {"xmpp", "xmpp-client", {FEATURES, "<proceed xmlns='x'/>"}, STARTTLS_READY, NULL},
    {"xmpp servers",
     "xmpp-server",
     {FEATURES, "<proceed xmlns='x'/>"},
     STARTTLS_READY,
     NULL},
    {"xmpp without it",
     "xmpp-client",
     {"<stream:features></stream:features>"},
     STARTTLS_REFUSED,
     "does not offer"},
    {"xmpp without any feature",
     "xmpp-server",
     {"<stream:stream><stream:features/>"},
     STARTTLS_REFUSED,
     "<stream:features/>"},
    {"xmpp of another domain",
     "xmpp-client",
     {"<stream:stream><stream:error><host-unknown/>"},
     STARTTLS_REFUSED,
     "<stream:error>"},
    {"xmpp refuses",
     "xmpp-client",
     {FEATURES, "<failure/>"},
     STARTTLS_REFUSED,
     "<failure"},
    {"ldap refuses",
     "ldap",
     {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04"},
     STARTTLS_MORE,
     NULL},
    {"not ldap", "ldap", {"HTTP"}, STARTTLS_REFUSED, "does not speak LDAP"},
    {"postgres", "postgres", {"S"}, STARTTLS_READY, NULL},
    {"postgres refuses", "postgres", {"N"}, STARTTLS_REFUSED, "no TLS"},
    {"silence", "smtp", {NULL}, STARTTLS_MORE, NULL},
    {"half a line", "smtp", {"220 b"}, STARTTLS_MORE, NULL},
    {"control octets are not shown",
     "smtp",
     {"500 \033[2J\r\n"},
     STARTTLS_REFUSED,
     "500 ?[2J"},
};

/* Plays a scene octet by octet: where an answer is cut must not matter. */
static enum starttls_verdict play(const struct scene *scene, struct starttls_talk *talk)
{
    size_t act = 0;
    const char *left = "";
    starttls_begin(talk, starttls_find(scene->protocol), "mx.example");
    for (;;) {
        enum starttls_verdict verdict = starttls_step(talk);
        if (verdict == STARTTLS_READY && *left != '\0')
            fail_msg("%s: TLS begins before all was said", scene->name);
        if (verdict == STARTTLS_READY || verdict == STARTTLS_REFUSED)
            return verdict;
        if (verdict == STARTTLS_SEND)
            continue;
        if (*left == '\0')
            left = act < COUNT_OF(scene->said) ? scene->said[act++] : NULL;
        if (left == NULL)
            return STARTTLS_MORE;
        if (starttls_feed(talk, (const uint8_t *)left, 1) == STARTTLS_REFUSED)
            return STARTTLS_REFUSED;
        left++;
    }
}

static void test_dialogues(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scenes); i++) {
        struct starttls_talk talk;
        assert_case(scenes[i].name, play(&scenes[i], &talk) == scenes[i].end);
        assert_case(scenes[i].name,
                    scenes[i].why == NULL || strstr(talk.why, scenes[i].why) != NULL);
    }
}

static enum starttls_verdict answer_ldap(const char *octets, size_t len)
{
    struct starttls_talk talk;
    starttls_begin(&talk, starttls_find("ldap"), "mx.example");
    assert_int_equal(starttls_step(&talk), STARTTLS_SEND);
    assert_int_equal(talk.send_len, 31);
    assert_int_equal(starttls_feed(&talk, (const uint8_t *)octets, len), STARTTLS_MORE);
    return starttls_step(&talk);
}

#define LDAP(OCTETS) answer_ldap(OCTETS, sizeof(OCTETS) - 1)

static void test_ldap(void **state)
{
    (void)state;
    assert_int_equal(LDAP("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
                     STARTTLS_READY);
    /* Lengths in the long form, as some servers write them. */
    assert_int_equal(LDAP("\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07"
                          "\x0a\x01\x00\x04\x00\x04\x00"),
                     STARTTLS_READY);
    assert_int_equal(LDAP("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"),
                     STARTTLS_REFUSED);
    assert_int_equal(LDAP("\x30\x03\x02\x01\x01"), STARTTLS_REFUSED);
    assert_int_equal(LDAP("\x30\x05\x02\x01\x01\x78\x7f"), STARTTLS_REFUSED);
    assert_int_equal(LDAP("\x30"), STARTTLS_MORE);
}

/* CVE-2011-0411 and its like, from the other side. */
static void test_octets_in_the_clear(void **state)
{
    (void)state;
    static const char said[] = "+OK\r\n";
    static const char more[] = "+OK go\r\n+OK you are in\r\n";
    struct starttls_talk talk;
    starttls_begin(&talk, starttls_find("pop3"), "mx.example");
    assert_int_equal(starttls_step(&talk), STARTTLS_MORE);
    (void)!starttls_feed(&talk, (const uint8_t *)said, sizeof said - 1);
    assert_int_equal(starttls_step(&talk), STARTTLS_SEND);
    (void)!starttls_feed(&talk, (const uint8_t *)more, sizeof more - 1);
    assert_int_equal(starttls_step(&talk), STARTTLS_REFUSED);
    assert_non_null(strstr(talk.why, "in the clear"));
}

static void test_bounds(void **state)
{
    (void)state;
    static const uint8_t octets[STARTTLS_OCTETS];
    struct starttls_talk talk;
    starttls_begin(&talk, starttls_find("smtp"), "mx.example");
    assert_int_equal(starttls_feed(&talk, octets, sizeof octets), STARTTLS_MORE);
    assert_int_equal(starttls_feed(&talk, octets, 1), STARTTLS_REFUSED);
}

static void test_names(void **state)
{
    (void)state;
    assert_null(starttls_find("smtps"));
    assert_null(starttls_find(""));
    assert_int_equal(starttls_find("sieve")->port, 4190);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues),
        cmocka_unit_test(test_ldap),
        cmocka_unit_test(test_octets_in_the_clear),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

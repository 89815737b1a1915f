#include "tlsa/record.h"

#include "unit.h"

/* ---- words ---- */

static void test_services(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        char separator;
        enum result result;
        uint16_t port;
    } cases[] = {
        {"smtp", "25/tcp", '/', RES_OK, 25},
        {"highest port", "65535/udp", '/', RES_OK, 65535},
        {"sctp", "443/sctp", '/', RES_OK, 443},
        {"of a file's name", "25-tcp", '-', RES_OK, 25},
        {"one too high", "65536/tcp", '/', RES_EFORMAT, 0},
        {"no protocol", "25", '/', RES_EFORMAT, 0},
        {"unknown protocol", "25/smtp", '/', RES_EFORMAT, 0},
        {"more behind", "25/tcpx", '/', RES_EFORMAT, 0},
        {"sign", "+25/tcp", '/', RES_EFORMAT, 0},
        {"blank", " 25/tcp", '/', RES_EFORMAT, 0},
        {"no port", "/tcp", '/', RES_EFORMAT, 0},
        {"nothing", "", '/', RES_EFORMAT, 0},
        {"the other separator", "25/tcp", '-', RES_EFORMAT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct service service = {0};
        enum result result = service_parse(cases[i].text, cases[i].separator, &service);
        assert_case(cases[i].name, result == cases[i].result);
        assert_case(cases[i].name, service.port == cases[i].port);
    }
}

static void test_owner(void **state)
{
    (void)state;
    char text[NAME_TEXT_OCTETS];
    struct name_buf name;
    struct name_buf owner;
    struct service service = {25, "tcp"};
    assert_int_equal(name_from_text("mx1.example.org", 15, &name), RES_OK);
    assert_int_equal(service_owner(&service, name_of(&name), &owner), RES_OK);
    assert_string_equal(name_to_text(name_of(&owner), text),
                        "_25._tcp.mx1.example.org");
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        enum result result;
    } cases[] = {
        {"own key", "3-1-1", RES_OK},       {"blanks", "2 1 1", RES_OK},
        {"lowest", "0-0-0", RES_OK},        {"highest", "3-1-2", RES_OK},
        {"usage", "4-1-1", RES_EFORMAT},    {"selector", "3-2-1", RES_EFORMAT},
        {"matching", "3-1-3", RES_EFORMAT}, {"short", "3-1", RES_EFORMAT},
        {"long", "3-1-1-", RES_EFORMAT},    {"nothing", "", RES_EFORMAT},
        {"mixed", "3-1 1", RES_EFORMAT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tlsa_form form;
        assert_case(cases[i].name,
                    tlsa_form_parse(cases[i].text, &form) == cases[i].result);
    }
}

static void test_which_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t usage;
        size_t count, first, end;
    } cases[] = {
        {"own, of a chain", 3, 3, 0, 1},     {"own, PKIX", 1, 2, 0, 1},
        {"issuers, of a chain", 2, 3, 1, 3}, {"issuers, PKIX", 0, 2, 1, 2},
        {"an authority alone", 2, 1, 0, 1},  {"a key's own", 3, 0, 0, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct certfile file = {.count = cases[i].count};
        size_t first = 99;
        size_t end = 99;
        tlsa_certificates(&file, (struct tlsa_form){cases[i].usage, 1, 1}, &first,
                          &end);
        assert_case(cases[i].name, first == cases[i].first && end == cases[i].end);
    }
}

/* ---- files ---- */

/* RFC 8410 10.1 and 10.3: an Ed25519 public key and its private one. */
static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";
static const char private_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n";
/* The DER of the public one, by base64 -d. */
static const char public_der[] =
    "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad"
    "703166e1";

static void test_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *pem;
    } cases[] = {{"public", public_key}, {"private", private_key}};
    uint8_t der[64];
    size_t der_len = unit_from_hex(public_der, der, sizeof der);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct certfile file;
        struct diags diags;
        struct arena arena;
        struct rdata rdata;
        diags_init(&diags);
        arena_init(&arena, 4096, 0);
        assert_int_equal(certfile_parse(&file, "key.pem", cases[i].pem,
                                        strlen(cases[i].pem), &diags),
                         RES_OK);
        assert_int_equal(file.kind, CERTFILE_KEY);
        assert_int_equal(
            tlsa_rdata(&file, 0, (struct tlsa_form){3, 1, 0}, &arena, &rdata), RES_OK);
        assert_case(cases[i].name, rdata.len == 3 + der_len);
        assert_memory_equal(rdata.octets, "\3\1\0", 3);
        assert_memory_equal(rdata.octets + 3, der, der_len);
        assert_int_equal(
            tlsa_rdata(&file, 0, (struct tlsa_form){3, 0, 1}, &arena, &rdata),
            RES_EMISMATCH);
        certfile_close(&file);
        arena_fini(&arena);
        diags_fini(&diags);
    }
}

static void test_what_is_no_file_of_ours(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *chars;
        const char *said;
    } cases[] = {
        {"empty", "", "it is empty"},
        {"text", "hello\n", "expected a certificate"},
        {"two keys",
         "-----BEGIN PUBLIC KEY-----\n"
         "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
         "-----END PUBLIC KEY-----\n"
         "-----BEGIN PUBLIC KEY-----\n"
         "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
         "-----END PUBLIC KEY-----\n",
         "a second key"},
        {"cut", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6F\n",
         "is damaged"},
        {"not base64", "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
         "is damaged"},
        {"no key inside",
         "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "is damaged"},
        {"a block without a meaning",
         "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
         "a block \"X509 CRL\""},
        {"encrypted",
         "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
         "-----END ENCRYPTED PRIVATE KEY-----\n",
         "is encrypted"},
        {"encrypted, the old way",
         "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
         "DEK-Info: AES-256-CBC,0123456789ABCDEF0123456789ABCDEF\n\nMAA=\n"
         "-----END RSA PRIVATE KEY-----\n",
         "is encrypted"},
        {"parameters alone",
         "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
         "-----END EC PARAMETERS-----\n",
         "there is none in it"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct certfile file;
        struct diags diags;
        diags_init(&diags);
        assert_case(cases[i].name,
                    certfile_parse(&file, "x.pem", cases[i].chars,
                                   strlen(cases[i].chars), &diags) == RES_EFORMAT);
        assert_case(cases[i].name, diags.errors == 1);
        assert_case(cases[i].name, strstr(diags.first->message, cases[i].said) != NULL);
        assert_string_equal(diags.first->place.file, "x.pem");
        certfile_close(&file);
        diags_fini(&diags);
    }
}

static void test_sets_of_records(void **state)
{
    (void)state;
    static const uint8_t octets[TLSA_RECORDS + 1][4] = {{3, 1, 1, 1}, {3, 1, 1, 2}};
    struct tlsa_records a = {.count = 0};
    struct tlsa_records b = {.count = 0};
    const struct rdata one = {octets[0], 4};
    const struct rdata prefix = {octets[0], 3};
    const struct rdata two = {octets[1], 4};
    assert_true(tlsa_records_equal(&a, &b));
    assert_int_equal(tlsa_records_add(&a, &one), RES_OK);
    assert_int_equal(tlsa_records_add(&a, &two), RES_OK);
    assert_int_equal(tlsa_records_add(&a, &one), RES_OK);
    assert_int_equal(a.count, 2);
    assert_true(tlsa_records_have(&a, &two));
    assert_false(tlsa_records_have(&a, &prefix));
    assert_int_equal(tlsa_records_add(&b, &two), RES_OK);
    assert_false(tlsa_records_equal(&a, &b));
    assert_int_equal(tlsa_records_add(&b, &one), RES_OK);
    assert_true(tlsa_records_equal(&a, &b)); /* in any order */
    b.count = 0;
    for (size_t i = 0; i < TLSA_RECORDS; i++) {
        const struct rdata other = {octets[0], (uint16_t)i};
        b.array[b.count++] = other;
    }
    assert_int_equal(tlsa_records_add(&b, &two), RES_EMEM);
    assert_int_equal(tlsa_records_add(&b, &one), RES_OK); /* is in it */
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *brief;
        uint16_t len;
    } cases[] = {
        {"one octet", "TLSA 3 1 1 00", "TLSA 3 1 1 00", 4},
        {"as many as a brief text has", "TLSA 3 1 1 0001020304050607",
         "TLSA 3 1 1 0001020304050607", 11},
        {"one more", "TLSA 3 1 1 000102030405060708", "TLSA 3 1 1 0001020304050607...",
         12},
    };
    static const uint8_t octets[] = {3, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t widest[12] = {255, 255, 255};
    char brief[TLSA_BRIEF_OCTETS];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[64] = "";
        struct writer w = writer_of((uint8_t *)text, sizeof text - 1);
        const struct rdata rdata = {octets, cases[i].len};
        tlsa_record_write(&w, &rdata, SIZE_MAX);
        assert_case(cases[i].name, strcmp(text, cases[i].text) == 0);
        assert_case(cases[i].name,
                    strcmp(tlsa_record_brief(&rdata, brief), cases[i].brief) == 0);
    }
    const struct rdata rdata = {widest, sizeof widest};
    assert_string_equal(tlsa_record_brief(&rdata, brief),
                        "TLSA 255 255 255 0000000000000000...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_which_certificates),
        cmocka_unit_test(test_a_key),
        cmocka_unit_test(test_what_is_no_file_of_ours),
        cmocka_unit_test(test_sets_of_records),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

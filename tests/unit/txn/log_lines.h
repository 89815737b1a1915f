/* Lines of the audit log, for those who write them and those who read them back. */
#ifndef TESTS_UNIT_TXN_LOG_LINES_H
#define TESTS_UNIT_TXN_LOG_LINES_H

#include "../unit.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "dns/type.h"
#include "txn/log.h"

#define TIME_US INT64_C(1795564800000001)

struct text {
    size_t len;
    char chars[512 * 1024];
};

static struct text text;
static struct name_buf names[8];

static struct name named(int slot, const char *chars)
{
    assert_int_equal(name_from_text(chars, strlen(chars), &names[slot]), RES_OK);
    return name_of(&names[slot]);
}

static const struct tsig_mac mac = {.len = 32, .octets = {1, 2, 3}};

/* A request of one change, as it would be forwarded. */
struct request {
    struct zone zone;
    struct change change;
    struct plan plan;
    struct addr from;
    struct log_line line;
};

static void make_request(struct request *request, enum log_event event)
{
    static const uint8_t rdata[] = {2, 'h', 'i'};

    *request = (struct request){
        .zone = {.name = named(0, "duckcorp.org")},
        .change = {.item = {.op = UPDATE_ADD,
                            .type = TYPE_TXT,
                            .class = CLASS_IN,
                            .ttl = 3600,
                            .rdata = {rdata, sizeof(rdata)}},
                   .rewrite = {.original = named(1, "a.duckcorp.org"),
                               .target = named(2, "a._kage.duckcorp.org")},
                   .ttl = 600},
    };
    request->plan = (struct plan){.zone = &request->zone,
                                  .changes = &request->change,
                                  .change_count = 1,
                                  .decisive = 1};
    assert_int_equal(addr_parse("192.0.2.25", &request->from), RES_OK);
    request->line = (struct log_line){.event = event,
                                      .time_us = TIME_US,
                                      .generation = 7,
                                      .host = "mx1.duckcorp.org",
                                      .key_name = named(3, "mx1-2027"),
                                      .full_mac = &mac,
                                      .time_signed_s = 1795564799,
                                      .from = &request->from,
                                      .transport = TRANSPORT_UDP,
                                      .plan = &request->plan,
                                      .reason = REASON_PERMITTED,
                                      .rcode = RCODE_NOERROR,
                                      .has_primary_rcode = true,
                                      .primary_rcode = RCODE_NOERROR,
                                      .latency_us = 1234,
                                      .batch = 2};
}

/* Writes the line into text, replacing what was there. */
static void write_line(struct log_chain *chain, const struct log_line *line)
{
    struct writer w = writer_of((uint8_t *)text.chars, log_line_octets(line->plan));

    assert_true(w.capacity < sizeof(text.chars));
    assert_int_equal(log_write_line(chain, line, &w), RES_OK);
    text.len = w.len;
    text.chars[text.len] = '\0';
    assert_int_equal(text.chars[text.len - 1], '\n');
}
static void hash_hex(const char *chars, size_t len, char hex[65])
{
    uint8_t hash[32];

    assert_int_equal(EVP_Digest(chars, len, hash, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

#endif

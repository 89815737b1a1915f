/*
 * drive [-k HOSTS] [-n REQUESTS] [CASE ...]: what one request costs the core, without
 * sockets and files. Prepared messages go through txn_open to stub ports; the primary
 * behind them says NOERROR. Prints nanoseconds per request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "dns/build.h"
#include "dns/type.h"
#include "policy/snapshot.h"
#include "site.h"
#include "txn/txn.h"

#define START_S        INT64_C(1900000000)
#define MESSAGE_OCTETS 512
#define PENDING_MAX    64
#define FLUSH_AFTER    32 /* messages that come together, as in net/listen_udp */
#define ROUNDS         5
#define KEYS_PER_FILE  100000

struct message {
    uint16_t len;
    uint8_t octets[MESSAGE_OCTETS];
};

struct pending {
    enum txn_link link;
    size_t len;
    uint8_t octets[LIMIT_MESSAGE_OCTETS];
};

struct driver {
    struct snapshot *snapshot;
    struct txns *txns;
    struct txn_now now;
    struct hmac *gateway;
    uint16_t next_id;
    uint64_t answers, answer_octets, audit_lines, audit_octets;
    unsigned rcodes[16];
    size_t pending_count;
    struct pending pending[PENDING_MAX];
};

struct plan_of_case {
    const char *name;
    enum site_kind kind;
    unsigned rcode;
};

static const struct plan_of_case cases[] = {
    {"permitted", SITE_ADD, RCODE_NOERROR},
    {"refused", SITE_REFUSED, RCODE_REFUSED},
    {"badsig", SITE_BADSIG, RCODE_NOTAUTH},
    {"badkey", SITE_BADKEY, RCODE_NOTAUTH},
    {"soa", SITE_SOA, RCODE_NOERROR},
    {"soa-signed", SITE_SOA_SIGNED, RCODE_NOERROR},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* ---- ports ---- */

static void send_client(void *arg, const struct txn_client *client,
                        const uint8_t *octets, size_t len)
{
    struct driver *d = arg;

    (void)client;
    d->answers++;
    d->answer_octets += len;
    if (len > 3)
        d->rcodes[octets[3] & 15]++;
}

static enum result send_primary(void *arg, enum txn_link link, const uint8_t *octets,
                                size_t len)
{
    struct driver *d = arg;

    if (d->pending_count == PENDING_MAX)
        return RES_EIO;
    struct pending *pending = &d->pending[d->pending_count++];
    pending->link = link;
    pending->len = len;
    memcpy(pending->octets, octets, len);
    return RES_OK;
}

static void close_primary(void *arg, enum txn_link link, const char *why)
{
    (void)arg;
    site_die("link %d closed: %s", (int)link, why);
}

static enum result audit_write(void *arg, const uint8_t *lines, size_t len)
{
    struct driver *d = arg;

    for (const uint8_t *at = lines; at < lines + len; d->audit_lines++)
        at = (const uint8_t *)memchr(at, '\n', (size_t)(lines + len - at)) + 1;
    d->audit_octets += len;
    return RES_OK;
}

static void audit_sync(void *arg, uint64_t token)
{
    (void)arg;
    (void)token;
}

static uint16_t random_id(void *arg)
{
    struct driver *d = arg;

    return d->next_id++;
}

static void take_log(void *arg, enum txn_level level, const char *line)
{
    (void)arg;
    if (level <= LEVEL_ERROR)
        site_die("%s", line);
}

/* ---- the primary ---- */

static void write_soa(struct writer *w, struct name zone)
{
    uint8_t octets[22] = {0, 0,  0,  0, 0, 1,  0,  0, 14, 16, 0,
                          0, 14, 16, 0, 0, 14, 16, 0, 0,  0,  60};
    const struct rdata rdata = {.octets = octets, .len = sizeof(octets)};

    build_rr(w, SECTION_PREREQUISITE, zone, TYPE_SOA, CLASS_IN, 60, &rdata);
}

static void answer_pending(struct driver *d, const struct pending *pending)
{
    static uint8_t octets[LIMIT_MESSAGE_OCTETS];
    struct writer w = writer_of(octets, sizeof(octets));
    struct wire_msg msg;
    struct tsig tsig;
    struct wire_rr question;
    struct name_buf zone;
    struct tsig_mac prior;

    if (wire_walk(pending->octets, pending->len, false, &msg) != RES_OK ||
        tsig_read(&msg, true, &tsig) != RES_OK)
        site_die("the gateway's message is bad");
    size_t at = msg.section_at[SECTION_ZONE];
    wire_next(&msg, SECTION_ZONE, &at, &question);
    wire_owner(&msg, &question, &zone);
    build_header(&w, msg.header.id,
                 (uint16_t)(FLAG_QR | FLAG_AA | (unsigned)msg.header.opcode << 11));
    build_question(&w, name_of(&zone), question.type, CLASS_IN);
    if (msg.header.opcode == OPCODE_QUERY)
        write_soa(&w, name_of(&zone));
    prior.len = (uint8_t)tsig.mac_len;
    memcpy(prior.octets, tsig.mac, tsig.mac_len);
    const struct tsig_params params = {.key_name = name_of(&tsig.key_name),
                                       .time_signed_s = tsig.time_signed_s,
                                       .fudge_s = 300,
                                       .original_id = msg.header.id};
    if (tsig_sign(&w, d->gateway, &params, &prior, NULL) != RES_OK)
        site_die("cannot sign");
    txn_on_primary(d->txns, pending->link, w.octets, w.len, d->now);
}

static void answer_all(struct driver *d)
{
    for (size_t i = 0; i < d->pending_count; i++)
        answer_pending(d, &d->pending[i]);
    d->pending_count = 0;
}

/* ---- the site ---- */

static FILE *create(const char *folder, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || chmod(path, 0600) != 0)
        site_die("cannot write %s", path);
    return file;
}

static void write_key(FILE *file, const char *name, uint32_t host)
{
    char secret[SITE_SECRET_CHARS];

    site_secret_text(host, secret);
    (void)fprintf(file, "key \"%s\" { algorithm hmac-sha256; secret \"%s\"; };\n", name,
                  secret);
}

static FILE *next_file(FILE *file, const char *folder, uint32_t number)
{
    char name[16];

    if (fclose(file) != 0)
        site_die("cannot write the site's files");
    (void)snprintf(name, sizeof(name), "%u.key", number);
    return create(folder, name);
}

static void write_files(const char *folder, uint32_t hosts)
{
    static const char profile[] = "profile acme\n owner _acme-challenge.{name}\n"
                                  " type TXT\n check acme-token\n ttl 0..600\n";
    FILE *keys = create(folder, "0.key");
    FILE *acl = create(folder, "site.acl");
    FILE *stock = create(folder, "profiles.acl");
    char name[32];

    (void)fputs(profile, stock);
    write_key(keys, SITE_GATEWAY_KEY, SITE_HOSTS_MAX);
    for (uint32_t i = 0; i < hosts; i++) {
        if (i > 0 && i % KEYS_PER_FILE == 0)
            keys = next_file(keys, folder, i / KEYS_PER_FILE);
        (void)snprintf(name, sizeof(name), "h%07u.%s", i, SITE_ZONE);
        write_key(keys, name, i);
        (void)fprintf(acl, "grant %s acme %s\n", name, name);
    }
    if (fclose(keys) != 0 || fclose(acl) != 0 || fclose(stock) != 0)
        site_die("cannot write the site's files");
}

static struct name name_in(struct arena *arena, const char *text)
{
    struct name_buf buf;

    if (name_from_text(text, strlen(text), &buf) != RES_OK)
        site_die("bad name %s", text);
    return name_copy(arena, name_of(&buf));
}

static void fill_settings(struct settings *settings, struct arena *arena)
{
    static struct settings_text keys = {.text = "*.key"}, acl = {.text = "site.acl"};
    static struct settings_zone zone = {.is_dynamic = true};

    zone.name = name_in(arena, SITE_ZONE);
    settings->keys = &keys;
    settings->key_count = 1;
    settings->acl = &acl;
    settings->acl_count = 1;
    settings->profiles.text = "profiles.acl";
    settings->zones = &zone;
    settings->zone_count = 1;
    settings->upstream_key = name_in(arena, SITE_GATEWAY_KEY);
    settings->audit_sync = false;
    settings->limits.host_rate = 0;
    settings->limits.error_rate = 0;
    settings->limits.transactions = 4000000;
}

static void load(struct driver *d, const char *folder)
{
    char file[256], text[1024];
    struct diags diags;
    const struct snapshot_wanted wanted = {
        .with_keys = true, .key_owner = geteuid(), .generation = 1, .now_s = START_S};

    (void)snprintf(file, sizeof(file), "%s/tsigate.conf", folder);
    d->snapshot = snapshot_new(file);
    if (d->snapshot == NULL)
        site_die("no memory");
    fill_settings(&d->snapshot->settings, &d->snapshot->arena);
    diags_init(&diags);
    if (snapshot_load(d->snapshot, &wanted, &diags) != RES_OK)
        site_die("%s", diags.first == NULL
                           ? "cannot load"
                           : diag_format(diags.first, text, sizeof(text)));
    diags_fini(&diags);
}

static void start(struct driver *d)
{
    const struct txn_ports ports = {
        d,           send_client, send_primary, close_primary,
        audit_write, audit_sync,  random_id,    take_log};
    const struct txn_journal journal = {.next_seq = 1, .is_first_start = true};

    d->gateway = site_gateway_hmac();
    d->now = (struct txn_now){.mono_us = 1000000, .real_us = START_S * 1000000};
    d->txns = txns_new(&ports, d->snapshot, &journal, d->now);
    if (d->txns == NULL)
        site_die("no memory");
    for (int link = 0; link < LINKS; link++)
        txn_on_link(d->txns, (enum txn_link)link, LINK_UP, "", d->now);
    answer_all(d);
}

/* ---- the cases ---- */

static void prepare(const struct plan_of_case *plan, uint32_t hosts, uint64_t first,
                    struct message *messages, size_t count)
{
    struct hmac **hmacs = calloc(hosts, sizeof(struct hmac *));
    struct tsig_mac mac;

    if (hmacs == NULL)
        site_die("no memory");
    for (size_t i = 0; i < count; i++) {
        /* Hosts in no order that a cache could like. */
        uint32_t host = (uint32_t)((first + i) * UINT64_C(2654435761) % hosts);
        if (plan->kind == SITE_REFUSED && host == hosts - 1)
            host = 0;
        const struct site_request request = {.kind = plan->kind,
                                             .host = host,
                                             .serial = first + i,
                                             .id = (uint16_t)i,
                                             .now_s = START_S};
        struct writer w = writer_of(messages[i].octets, MESSAGE_OCTETS);
        if (hmacs[host] == NULL)
            hmacs[host] = site_hmac(host);
        site_write(&request, hmacs[host], &w, &mac);
        messages[i].len = (uint16_t)w.len;
    }
    for (uint32_t i = 0; i < hosts; i++)
        hmac_free(&hmacs[i]);
    free(hmacs);
}

static int64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t run(struct driver *d, const struct message *messages, size_t count)
{
    struct txn_client client = {.transport = TRANSPORT_UDP};
    int64_t before = cpu_ns();

    if (addr_parse("127.0.0.1", &client.peer) != RES_OK)
        site_die("no address");
    client.peer.port = 5300;
    for (size_t i = 0; i < count; i++) {
        d->now.mono_us += 10;
        (void)txn_open(d->txns, messages[i].octets, messages[i].len, &client, d->now);
        if (d->pending_count > 0)
            answer_all(d);
        if (i % FLUSH_AFTER == FLUSH_AFTER - 1 || i + 1 == count)
            txns_flush(d->txns, d->now);
    }
    return cpu_ns() - before;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void drive(struct driver *d, const struct plan_of_case *plan, uint32_t hosts,
                  struct message *messages, size_t count)
{
    double ns[ROUNDS];
    uint64_t answers = d->answers, octets = d->answer_octets;
    uint64_t lines = d->audit_lines, line_octets = d->audit_octets;
    unsigned good = d->rcodes[plan->rcode];
    static uint64_t first = 1;

    for (int i = 0; i < ROUNDS; i++) {
        prepare(plan, hosts, first, messages, count);
        ns[i] = (double)run(d, messages, count) / (double)count;
        first += count;
    }
    if (d->answers - answers != ROUNDS * count ||
        d->rcodes[plan->rcode] - good != ROUNDS * count)
        site_die("%s: %llu answers to %zu requests, %u of them as expected", plan->name,
                 (unsigned long long)(d->answers - answers), ROUNDS * count,
                 d->rcodes[plan->rcode] - good);
    qsort(ns, ROUNDS, sizeof(ns[0]), compare);
    (void)printf("%-12s %6.0f ns (%.0f to %.0f)  answer %.0f octets  audit %.1f lines, "
                 "%.0f octets\n",
                 plan->name, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1],
                 (double)(d->answer_octets - octets) / (double)(ROUNDS * count),
                 (double)(d->audit_lines - lines) / (double)(ROUNDS * count),
                 (double)(d->audit_octets - line_octets) / (double)(ROUNDS * count));
}

static bool is_wanted(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return count == 0;
}

static void remove_files(const char *folder)
{
    static const char *const names[] = {"site.acl", "profiles.acl"};
    char path[256];

    for (unsigned i = 0; i <= SITE_HOSTS_MAX / KEYS_PER_FILE; i++) {
        (void)snprintf(path, sizeof(path), "%s/%u.key", folder, i);
        (void)unlink(path);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

int main(int argc, char **argv)
{
    static struct driver driver;
    char folder[] = "/tmp/tsigate-drive.XXXXXX";
    unsigned long hosts = 1000, count = 20000;

    for (int option; (option = getopt(argc, argv, "k:n:")) != -1;) {
        if (option == 'k')
            hosts = strtoul(optarg, NULL, 10);
        else if (option == 'n')
            count = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    struct message *messages = calloc(count, sizeof(*messages));
    if (hosts < 2 || hosts > SITE_HOSTS_MAX || messages == NULL ||
        mkdtemp(folder) == NULL)
        site_die("cannot start");
    write_files(folder, (uint32_t)hosts);
    load(&driver, folder);
    start(&driver);
    for (size_t i = 0; i < CASES; i++) {
        if (is_wanted(cases[i].name, argv + optind, argc - optind))
            drive(&driver, &cases[i], (uint32_t)hosts, messages, count);
    }
    txns_free(&driver.txns);
    snapshot_release(&driver.snapshot);
    hmac_free(&driver.gateway);
    free(messages);
    remove_files(folder);
    return 0;
}

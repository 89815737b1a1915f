#include "tlsa/probe.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/deadline.h"
#include "tlsa/record.h"

/* Mail servers may keep strangers waiting before they greet. */
#define CONNECT_WAIT_MS 5000
#define TALK_WAIT_MS    20000

struct look {
    const struct probe *probe;
    struct probe_outcome *out;
    struct arena *arena;
    int fd;
    struct deadline deadline;
    SSL_CTX *context;
    SSL *ssl;
};

static bool fail(struct look *look, enum probe_view view, const char *what)
{
    look->out->view = view;
    snprintf(look->out->why, sizeof look->out->why, "%s", what);
    return false;
}

/* ---- in the clear ---- */

static bool wait_for(const struct look *look, short events)
{
    return deadline_poll(look->fd, events, look->deadline);
}

static bool connect_to(struct look *look)
{
    struct sockaddr_storage address;
    socklen_t len = addr_to_sockaddr(&look->probe->address, &address);
    look->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (look->fd < 0)
        return fail(look, PROBE_AWAY, strerror(errno));
    if (connect(look->fd, (const struct sockaddr *)&address, len) == 0)
        return true;
    int error = errno;
    socklen_t error_len = sizeof error;
    look->deadline = deadline_in(CONNECT_WAIT_MS);
    if (error == EINPROGRESS && !wait_for(look, POLLOUT))
        error = ETIMEDOUT;
    else if (error == EINPROGRESS)
        (void)getsockopt(look->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
    return error == 0 || fail(look, PROBE_AWAY, strerror(error));
}

static bool read_more(struct look *look, struct starttls_talk *talk)
{
    uint8_t octets[1024];
    if (!wait_for(look, POLLIN))
        return fail(look, PROBE_AWAY, "it says nothing before TLS");
    ssize_t got = recv(look->fd, octets, sizeof octets, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return fail(look, PROBE_AWAY, "it hangs up before TLS");
    return starttls_feed(talk, octets, (size_t)got) != STARTTLS_REFUSED ||
           fail(look, PROBE_FAILS, talk->why);
}

static bool talk_starttls(struct look *look)
{
    struct starttls_talk *talk = arena_alloc(look->arena, sizeof *talk);
    if (talk == NULL)
        return fail(look, PROBE_AWAY, "out of memory");
    const struct probe *probe = look->probe;
    starttls_begin(talk, probe->starttls,
                   probe->domain != NULL ? probe->domain
                   : probe->host != NULL ? probe->host
                                         : "localhost");
    for (;;) {
        switch (starttls_step(talk)) {
        case STARTTLS_REFUSED:
            return fail(look, PROBE_FAILS, talk->why);
        case STARTTLS_READY:
            return true;
        case STARTTLS_SEND:
            if (!deadline_send(look->fd, talk->send, talk->send_len, look->deadline))
                return fail(look, PROBE_AWAY, "it hangs up before TLS");
            break;
        case STARTTLS_MORE:
            if (!read_more(look, talk))
                return false;
            break;
        }
    }
}

/* ---- TLS ---- */

static bool add_records(struct look *look)
{
    bool has_usable = false;
    for (size_t i = 0; i < look->probe->count; i++) {
        const struct rdata *rdata = &look->probe->records[i];
        const uint8_t *octets = rdata->octets;
        if (rdata->len > 3 &&
            SSL_dane_tlsa_add(look->ssl, octets[0], octets[1], octets[2], octets + 3,
                              rdata->len - 3U) > 0)
            has_usable = true;
    }
    ERR_clear_error();
    return has_usable || fail(look, PROBE_FAILS, "no TLSA record that can be used");
}

static bool no_tls(struct look *look)
{
    return fail(look, PROBE_AWAY, "OpenSSL gives no TLS");
}

static bool prepare_dane(struct look *look)
{
    const struct probe *probe = look->probe;
    if (probe->ca_file == NULL)
        (void)SSL_CTX_set_default_verify_paths(look->context);
    else if (SSL_CTX_load_verify_locations(look->context, probe->ca_file, NULL) != 1)
        return fail(look, PROBE_AWAY, "--ca-file cannot be read");
    if (SSL_CTX_dane_enable(look->context) <= 0 ||
        SSL_dane_enable(look->ssl, probe->host) <= 0)
        return no_tls(look);
    /* RFC 7671 5.1: with DANE-EE the TLSA's place is the name. */
    (void)SSL_dane_set_flags(look->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    return add_records(look);
}

static bool prepare(struct look *look)
{
    const struct probe *probe = look->probe;
    look->context = SSL_CTX_new(TLS_client_method());
    look->ssl = look->context != NULL ? SSL_new(look->context) : NULL;
    if (look->ssl == NULL || SSL_set_fd(look->ssl, look->fd) != 1)
        return no_tls(look);
    /* SSL_VERIFY_NONE: the verdict is asked for afterwards, and a service that fails is
     * still looked at. */
    SSL_set_verify(look->ssl, SSL_VERIFY_NONE, NULL);
    if (probe->expected == NULL)
        return prepare_dane(look);
    return probe->host == NULL ||
           SSL_set_tlsext_host_name(look->ssl, probe->host) == 1 || no_tls(look);
}

static bool shake_hands(struct look *look)
{
    for (;;) {
        int done = SSL_connect(look->ssl);
        if (done == 1)
            return true;
        int error = SSL_get_error(look->ssl, done);
        short events = error == SSL_ERROR_WANT_READ    ? POLLIN
                       : error == SSL_ERROR_WANT_WRITE ? POLLOUT
                                                       : 0;
        if (events == 0)
            return fail(look, PROBE_AWAY, "the TLS handshake fails");
        if (!wait_for(look, events))
            return fail(look, PROBE_AWAY, "the TLS handshake does not end");
    }
}

/* ---- what it presents ---- */

static bool matches(struct look *look, const struct certfile *presented,
                    const struct rdata *rdata)
{
    const uint8_t *octets = rdata->octets;
    bool is_own = rdata->len > 3 && (octets[0] == 1 || octets[0] == 3);
    if (rdata->len <= 3)
        return false;
    const struct tlsa_form form = {octets[0], octets[1], octets[2]};
    for (size_t i = 0; i < (is_own ? 1 : presented->count); i++) {
        struct rdata made;
        if (tlsa_rdata(presented, i, form, look->arena, &made) == RES_OK &&
            made.len == rdata->len && memcmp(made.octets, octets, made.len) == 0)
            return true;
    }
    return false;
}

static void look_at_chain(struct look *look)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(look->ssl);
    struct certfile presented = {.kind = CERTFILE_CERTIFICATE};
    int days = 0;
    int seconds = 0;
    for (int i = 0; i < sk_X509_num(chain) && i < CERTFILE_CERTIFICATES; i++)
        presented.certificates[presented.count++] = sk_X509_value(chain, i);
    if (presented.count == 0)
        return;
    const ASN1_TIME *end = X509_get0_notAfter(presented.certificates[0]);
    if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1)
        return;
    look->out->has_certificate = true;
    look->out->seconds_left = (int64_t)days * 86400 + seconds;
    for (size_t i = 0; i < look->probe->count && i < PROBE_RECORDS; i++)
        look->out->matches[i] = matches(look, &presented, &look->probe->records[i]);
}

static bool matches_any(const struct look *look)
{
    for (size_t i = 0; i < look->probe->count && i < PROBE_RECORDS; i++) {
        if (look->out->matches[i])
            return true;
    }
    return false;
}

static void judge_presented(struct look *look)
{
    X509 *presented = SSL_get0_peer_certificate(look->ssl);
    look_at_chain(look);
    if (presented == NULL)
        fail(look, PROBE_FAILS, "it presents no certificate");
    else if (X509_cmp(presented, look->probe->expected) != 0)
        fail(look, PROBE_FAILS, "it presents another certificate");
    else if (look->probe->count > 0 && !matches_any(look))
        fail(look, PROBE_FAILS, "no TLSA record matches the chain that it presents");
    else
        look->out->view = PROBE_HOLDS;
}

static void judge(struct look *look)
{
    long verdict = SSL_get_verify_result(look->ssl);
    look_at_chain(look);
    if (!look->out->has_certificate)
        fail(look, PROBE_FAILS, "it presents no certificate");
    else if (verdict != X509_V_OK)
        fail(look, PROBE_FAILS, X509_verify_cert_error_string(verdict));
    else if (SSL_get0_dane_authority(look->ssl, NULL, NULL) < 0)
        fail(look, PROBE_FAILS, "no TLSA record matches");
    else
        look->out->view = PROBE_HOLDS;
}

void probe_run(const struct probe *probe, struct arena *arena,
               struct probe_outcome *out)
{
    struct look look = {.probe = probe, .out = out, .arena = arena, .fd = -1};
    *out = (struct probe_outcome){.view = PROBE_AWAY};
    bool goes_on = connect_to(&look);
    look.deadline = deadline_in(TALK_WAIT_MS);
    if (goes_on && probe->starttls != NULL)
        goes_on = talk_starttls(&look);
    if (goes_on && prepare(&look) && shake_hands(&look)) {
        if (probe->expected != NULL)
            judge_presented(&look);
        else
            judge(&look);
    }
    SSL_free(look.ssl);
    SSL_CTX_free(look.context);
    if (look.fd >= 0)
        close(look.fd);
}
